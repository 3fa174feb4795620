"""``sorter-convert``: a training run becomes one self-describing ``.tflite``."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sorter.cli import SorterCommand, inform, json_option, print_json, warn
from sorter.converters.formats import CALIBRATED, FORMATS, Format

if TYPE_CHECKING:
    from collections.abc import Callable

    from sorter.converters.gate import Cost
    from sorter.converters.representative import Parts
    from sorter.converters.run_folder import RunFolder
    from sorter.image import Pixels


def format_options(command: "Callable[..., Any]") -> "Callable[..., Any]":
    """Adds a flag for each format; those given are collected in ``formats``."""
    for name, description in reversed(FORMATS.items()):
        command = click.option(f"--{name}", "formats", flag_value=name, multiple=True, help=description)(command)
    return command


@click.command(cls=SorterCommand)
@click.argument("run", type=click.Path(path_type=Path))
@format_options
@click.option("--all", "every_format", is_flag=True, help="All formats side by side.")
@click.option("--representative", type=click.Path(path_type=Path), help="Photos to calibrate on, one folder a class.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The .tflite to write.")
@click.option("--samples", type=click.IntRange(10, 5000), default=200, help="Photos to calibrate on.")
@click.option("--seed", type=int, default=1, help="Which photos are drawn.")
@click.option("--check", type=click.Path(path_type=Path), help="Photos to test on [the run's test part].")
@click.option("--max-drop", type=click.FloatRange(0, 1), default=0.01, help="Accuracy that may be lost.")
@json_option
def convert(
    run: Path,
    formats: tuple[str, ...],
    every_format: bool,
    representative: Path | None,
    out: Path,
    samples: int,
    seed: int,
    check: Path | None,
    max_drop: float,
    as_json: bool,
) -> None:
    """Converts the training run RUN to a .tflite that carries its labels and its description.

    Calibration uses the training part of the photos only. The converted network is measured against the original on
    the test part, and gets its final name only if it loses no more than --max-drop.
    """
    from sorter.converters.run_folder import RunFolder

    targets: list[Any] = list(FORMATS) if every_format else list(dict.fromkeys(formats)) or ["int8"]
    source = RunFolder.load(run)
    parts, tested = _find_photos(source, representative, check)
    calibration = _load_calibration(source, parts, samples, seed) if not CALIBRATED.isdisjoint(targets) else None
    test = _load_test(source, tested, check)
    results = []
    before = None
    for target in targets:
        path = out if len(targets) == 1 else out.with_name(f"{out.stem}-{target}{out.suffix or '.tflite'}")
        if test and before is None:
            before = _predict_before(source, test[0])
        results.append(_convert_one(source, target, path, calibration, test, before, max_drop))
    if as_json:
        print_json(results)
    else:
        _print_table(results)


def _find_photos(
    run: "RunFolder", representative: Path | None, check: Path | None
) -> tuple["Parts | None", "Parts | None"]:
    from sorter.converters.representative import divide

    def open_parts(data: Path | None) -> "Parts | None":
        return divide(data, run.manifest.labels, run.split_csv) if data else None

    parts = open_parts(representative)
    return parts, parts if check in (None, representative) else open_parts(check)


def _load_calibration(run: "RunFolder", parts: "Parts | None", samples: int, seed: int) -> "Pixels":
    from sorter.converters.representative import choose, load_pictures
    from sorter.errors import ConfigError

    if parts is None:
        raise ConfigError(
            "Integer formats need photos to calibrate on.",
            "Give the folder that the network was trained on with --representative.",
        )
    chosen = choose(parts.calibration, samples, seed)
    if len(chosen) < 50:
        warn(f"Only {len(chosen)} photos to calibrate on; 100 or more give better ranges.")
    return load_pictures(chosen, run.manifest.input, "Reading photos to calibrate on")[1]


def _load_test(run: "RunFolder", parts: "Parts | None", check: Path | None) -> tuple["Pixels", Any] | None:
    import numpy as np

    from sorter.converters.representative import load_pictures

    photos = () if parts is None else parts.test.photos
    if not photos and parts is not None and check is not None:
        # The run never saw this folder, so all of it is a fair test.
        photos = parts.calibration.photos
    if not photos:
        warn("No test photos: what the conversion costs is not measured. Give some with --check.")
        return None
    kept, pictures = load_pictures(photos, run.manifest.input, "Reading photos to test on")
    return pictures, np.array([run.manifest.labels.index(photo.label) for photo in kept])


def _predict_before(run: "RunFolder", pictures: "Pixels") -> Any:
    from sorter.converters.conversion import predict

    inform("Running the original network on the test photos ...")
    return predict(run, pictures)


def _convert_one(
    run: "RunFolder",
    target: Format,
    path: Path,
    calibration: "Pixels | None",
    test: tuple["Pixels", Any] | None,
    before: Any,
    max_drop: float,
) -> dict[str, Any]:
    from sorter.converters import conversion, gate
    from sorter.files import write_bytes

    inform(f"Converting to {target} ...")
    flatbuffer = conversion.convert(run, target, calibration if target in CALIBRATED else None)
    cost: Cost | None = None
    accuracy: dict[str, Any] = {}
    if test:
        candidate = conversion.pack(flatbuffer, run.manifest, target, {})
        cost = gate.measure(before, gate.run_converted(candidate, test[0]), test[1], run.manifest.labels)
        gate.require(cost, max_drop)
        accuracy = {target: gate.accuracy_entry(cost)}
    content = conversion.pack(flatbuffer, run.manifest, target, accuracy)
    write_bytes(path, content)
    measured = asdict(cost) | {"drop": cost.drop} if cost else {}
    return {"file": str(path), "format": target, "bytes": len(content), **measured}


def _print_table(results: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("file", "format", "size", "accuracy", "float", "agreement", "worst class")
    for row in results:
        measured = ["-"] * 4
        if "n" in row:
            lost = (
                f"{row['worst_class']} {-row['worst_class_drop']:+.1%}" if row["worst_class_drop"] > 0 else "none loses"
            )
            measured = [f"{row['accuracy']:.1%}", f"{row['float_accuracy']:.1%}", f"{row['agreement']:.1%}", lost]
        table.add_row(row["file"], row["format"], f"{row['bytes'] / 1e6:.2f} MB", *measured)
    # Narrower than this, the columns would be cut to uselessness.
    Console(width=max(120, Console().width)).print(table)
