"""``sorter-convert``: a trained network becomes one self-describing ``.tflite``."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from sorter.cli import SorterCommand, json_option, print_json, warn
from sorter.converters.formats import FORMATS, TARGETS, Format, InputOutput, Target

if TYPE_CHECKING:
    from collections.abc import Callable

    from sorter.converters.judgement import Rules
    from sorter.converters.pipeline import Job, Outcome
    from sorter.converters.preparation import Wishes


def format_options(command: "Callable[..., Any]") -> "Callable[..., Any]":
    """Adds a flag for each format; those given are collected in ``formats``."""
    for name, description in reversed(FORMATS.items()):
        command = click.option(f"--{name}", "formats", flag_value=name, multiple=True, help=description)(command)
    return command


def foreign_options(command: "Callable[..., Any]") -> "Callable[..., Any]":
    """Adds what a network from elsewhere does not say of itself."""
    options = (
        click.option("--labels", type=click.Path(path_type=Path), help="labels.txt of a network from elsewhere."),
        click.option(
            "--input-range",
            type=click.Choice(["bytes", "0..1", "-1..1"]),
            help="Pixels that a network from elsewhere was trained on.",
        ),
        click.option(
            "--fit",
            type=click.Choice(["stretch", "crop", "pad"]),
            default="stretch",
            help="How pictures of another shape become the input of a network from elsewhere.",
        ),
        click.option("--image-size", type=click.IntRange(8, 4096), help="Side in pixels for a network of any size."),
        click.option("--trust", is_flag=True, help="Run Python code inside the network's file (Lambda layers)."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command(cls=SorterCommand)
@click.argument("run", type=click.Path(path_type=Path))
@format_options
@click.option("--all", "every_format", is_flag=True, help="All formats side by side.")
@click.option("--representative", type=click.Path(path_type=Path), help="Photos to calibrate on, one folder a class.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The .tflite to write.")
@click.option("--io", type=click.Choice(get_args(InputOutput)), help="What int8 takes and gives [uint8].")
@click.option(
    "--target",
    type=click.Choice(list(TARGETS)),
    default="litert",
    help="Runtime of the device: " + "; ".join(f"{name}: {text}" for name, text in TARGETS.items()) + ".",
)
@click.option("--samples", type=click.IntRange(10, 5000), help="Photos to calibrate on [until ranges settle].")
@click.option("--seed", type=int, default=1, help="Which photos are drawn.")
@click.option("--check", type=click.Path(path_type=Path), help="Photos to test on [the run's test part].")
@click.option("--max-drop", type=click.FloatRange(0, 1), default=0.01, help="Accuracy that may be lost.")
@click.option("--diagnose", is_flag=True, help="Show which layers lose most.")
@click.option("--repair", is_flag=True, help="If too much is lost, try remedies, keep the smallest that passes.")
@foreign_options
@json_option
def convert(
    run: Path,
    formats: tuple[Format, ...],
    every_format: bool,
    out: Path,
    io: InputOutput | None,
    target: Target,
    as_json: bool,
    **options: Any,
) -> None:
    """Converts a trained network to a .tflite that carries its labels and its description.

    RUN is the folder of a training run, or a network from elsewhere: a .keras or .h5 file, or a SavedModel's folder.
    Calibration uses the training part of the photos only. The converted network is measured against the original on
    the test part, and gets its final name only if it loses no more than --max-drop.
    """
    jobs = plan_jobs(formats, every_format, out, io, target)
    outcomes = _convert_all(jobs, *_read_options(run, **options))
    print_json([outcome.to_row() for outcome in outcomes]) if as_json else _print_table(outcomes)
    _fail_if_any(outcomes)


def _read_options(
    run: Path,
    representative: Path | None,
    samples: int | None,
    seed: int,
    check: Path | None,
    max_drop: float,
    diagnose: bool,
    repair: bool,
    image_size: int | None,
    **foreign: Any,
) -> "tuple[Wishes, Rules]":
    """What the user named, and what is asked of the files."""
    from sorter.converters.judgement import Rules
    from sorter.converters.options import CalibrationOptions
    from sorter.converters.preparation import Wishes
    from sorter.converters.sources import ForeignOptions

    size = (image_size, image_size) if image_size else None
    calibration, known = CalibrationOptions(samples, seed), ForeignOptions(image_size=size, **foreign)
    diagnose = diagnose or "--debug" in sys.argv
    rules = Rules(max_drop, diagnose, repair, representative, seed, compare_float=check is not None)
    return Wishes(run, representative, check, calibration, known), rules


def _convert_all(jobs: "list[Job]", wishes: "Wishes", rules: "Rules") -> "list[Outcome]":
    from sorter.cli import progress
    from sorter.converters import judgement, pipeline, preparation
    from sorter.converters.worker_process import WorkerProcess

    for job in jobs:
        preparation.require_writable(job.path)
    with WorkerProcess() as worker:
        materials = preparation.gather(worker, wishes, [job.options for job in jobs])
        steps = len(jobs) * (pipeline.CONVERSION_STEPS + (len(materials.test.actual) if materials.test else 0))
        with progress("Converting", steps) as advance:
            return pipeline.run_jobs(worker, materials, jobs, judgement.Judge(worker, materials, rules), advance)


def plan_jobs(
    formats: tuple[Format, ...], every_format: bool, out: Path, io: InputOutput | None, target: Target
) -> "list[Job]":
    """The files to be made; several get their format into their names.

    Raises:
        ConfigError: Format, input and target do not go together.
    """
    from sorter.converters.options import ConversionOptions
    from sorter.converters.pipeline import Job

    default: Format = "float32" if target == "onnx" else "int8"
    chosen: list[Format] = list(FORMATS) if every_format else list(dict.fromkeys(formats)) or [default]
    if io is None:
        # Kernels for microcontrollers take signed bytes; a uint8 input would cost them a conversion.
        io = "int8" if target == "microcontroller" else "uint8"
    suffix = out.suffix or ".tflite"
    paths = [out] if len(chosen) == 1 else [out.with_name(f"{out.stem}-{name}{suffix}") for name in chosen]
    return [Job(ConversionOptions(name, io, target), path) for name, path in zip(chosen, paths, strict=True)]


def _fail_if_any(outcomes: "list[Outcome]") -> None:
    failed = [outcome.error for outcome in outcomes if outcome.error is not None]
    for error in failed[1:]:
        warn(error.message, error.hint)
    if failed:
        raise failed[0]


def _print_table(outcomes: "list[Outcome]") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("file", "format", "size", "zipped", "accuracy", "float", "agreement", "worst class")
    for outcome in outcomes:
        row = outcome.to_row()
        measured = ["-"] * 4
        if "error" in row:
            table.add_row(row["file"], row["format"], "failed", "-", *measured)
            continue
        if "n" in row:
            lost = (
                f"{row['worst_class']} {-row['worst_class_drop']:+.1%}" if row["worst_class_drop"] > 0 else "none loses"
            )
            measured = [f"{row['accuracy']:.1%}", f"{row['float_accuracy']:.1%}", f"{row['agreement']:.1%}", lost]
        sizes = (f"{row[name] / 1e6:.3g} MB" for name in ("bytes", "zipped_bytes"))
        table.add_row(row["file"], row["format"], *sizes, *measured)
    # Narrower than this, the columns would be cut to uselessness.
    Console(width=max(120, Console().width)).print(table)
