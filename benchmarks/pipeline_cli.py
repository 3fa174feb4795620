"""``sorter-bench pipeline``: the whole way, from photos on a belt to the arm, at ever higher speeds."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sorter.benchmarks.report_cli import share_option_value
from sorter.cli import SorterCommand, json_option, print_json, warn

if TYPE_CHECKING:
    from sorter.benchmarks.conveyor import Photos, PipelineOptions
    from sorter.benchmarks.sweep import Limits, Pipeline
    from sorter.bundle import Bundle


@click.command(cls=SorterCommand)
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Photos, one folder a class.")
@click.option("--split-csv", type=click.Path(path_type=Path), help="A run's split.csv: use its test part only.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for the report.")
@click.option(
    "--belt", type=click.Choice(["steps", "moving"]), default="steps", help="Stops for each object, or never."
)
@click.option("--objects", type=click.IntRange(2), default=40, help="Objects at each speed.")
@click.option("--slowest", type=click.FloatRange(0.1, 1200), default=30.0, help="Objects a minute to begin with.")
@click.option("--fastest", type=click.FloatRange(0.1, 1200), default=300.0, help="Objects a minute to end with.")
@click.option("--factor", type=click.FloatRange(1.01, 10), default=1.25, help="Each speed by the one before.")
@click.option(
    "--most-lost", callback=share_option_value, metavar="SHARE", default="5%", help="Missed or doubled objects allowed."
)
@click.option(
    "--most-drop", callback=share_option_value, metavar="SHARE", default="10%", help="Fewer right than when slowest."
)
@click.option("--move-s", type=click.FloatRange(0.01, 60), default=0.5, help="Seconds that the arm's motion takes.")
@click.option("--fps", type=click.FloatRange(1, 1000), default=30.0, help="Frames a second of the camera.")
@click.option("--votes", type=click.IntRange(1, 50), default=3, help="Frames averaged for an object.")
@click.option("--threads", type=click.IntRange(1, 64), default=1, help="CPU threads of one classification.")
@click.option("--seed", type=click.IntRange(0), default=1, help="Equal seeds lay the same photos down.")
@click.option("--labels", type=click.Path(path_type=Path), help="labels.txt, for a model without labels inside.")
@click.option("--input-range", type=click.Choice(["bytes", "0..1", "-1..1"]), help="For foreign float models.")
@json_option
def pipeline(as_json: bool, out: Path, data: Path, split_csv: Path | None, **asked: Any) -> None:
    """Sorts photos with MODEL from a simulated belt, faster and faster, until it breaks.

    MODEL is a .tflite or the name of a shipped one. Camera, sorter-run and arm run as programs of their own; what the
    arm really moved is counted by the simulator.
    """
    from sorter.benchmarks.machine import describe_machine
    from sorter.benchmarks.pipeline_report import write_pipeline
    from sorter.benchmarks.sweep import sweep
    from sorter.files import make_folder

    limits, options = _limits(asked), _options(asked)
    bundle = _try_model(options)
    photos = _open_photos(data, split_csv, bundle, options.objects)
    make_folder(out)
    found = sweep(options, limits, photos, bundle, describe_machine(), lambda part: write_pipeline(out, part))
    if as_json:
        print_json(found.to_dict())
    else:
        _print(found, out)


def _limits(asked: dict[str, Any]) -> "Limits":
    from sorter.benchmarks.sweep import Limits

    names = ("most_lost", "most_drop", "slowest", "factor", "fastest")
    limits = Limits(**{name: asked.pop(name) for name in names})
    if limits.fastest < limits.slowest:
        raise click.UsageError("--fastest is below --slowest.")
    return limits


def _options(asked: dict[str, Any]) -> "PipelineOptions":
    from sorter.benchmarks.conveyor import PipelineOptions
    from sorter.models import find_model

    return PipelineOptions(**{**asked, "model": find_model(str(asked["model"]))})


def _try_model(options: "PipelineOptions") -> "Bundle":
    """Reads the model and lets it classify a picture, so that what is wrong with it is said at once."""
    from sorter.bundle import Bundle
    from sorter.edge.decision import make_bin_map
    from sorter.edge.model import ModelOptions, load_model

    model = ModelOptions(options.model, options.labels, options.threads, options.input_range)
    load_model(model, lambda labels: make_bin_map(labels, {}, 0))
    return Bundle.load(options.model, options.labels)


def _open_photos(data: Path, split_csv: Path | None, bundle: "Bundle", objects: int) -> "Photos":
    from sorter.benchmarks.conveyor import Photos
    from sorter.benchmarks.pictures import open_photos
    from sorter.benchmarks.seen import was_trained_on

    source = open_photos(data, split_csv, None, with_labels=True)
    source.require_labels(bundle.labels, needed=True)
    if source.count < objects:
        warn(f"{source.name} has {source.count} photos: no more objects can come.", "Each photo is one object.")
    labels = tuple(sorted({photo.label for photo in source.dataset.photos}))
    subset = "test" if source.is_test_part else ""
    seen = was_trained_on(bundle.path, bundle.manifest.data_fingerprint if bundle.manifest else "", source)
    return Photos(data, labels, source.count, source.fingerprint, split_csv, subset, seen)


def _print(found: "Pipeline", out: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    from sorter.benchmarks.pipeline_report import HEADER, STAGE_HEADER, criterion, rows, shown_steps, stage_rows
    from sorter.benchmarks.sweep import verdict

    console = Console(width=max(140, Console().width))
    table = Table(*HEADER, title=f"{found.machine['processor']}, {found.machine['interpreter']}")
    for row in rows(found):
        table.add_row(*row)
    console.print(table)
    for title, step in shown_steps(found)[:1]:
        stages = Table(*STAGE_HEADER, title=f"{step.pace.per_minute:g} objects a minute, {title}")
        for row in stage_rows(step.pace):
            stages.add_row(*row)
        console.print(stages)
    for sentence in (*verdict(found), criterion(found), *found.conditions["warnings"]):
        click.echo(sentence)
    click.echo(f"Report: {out}/pipeline.html, pipeline.md, pipeline.csv, pipeline.json")
