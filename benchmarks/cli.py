"""``sorter-bench``: size and latency versus accuracy, in one table."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sorter.cli import SorterCommand, json_option, print_json, track, warn

if TYPE_CHECKING:
    from sorter.benchmarks.report import Row
    from sorter.classifier import TFLiteClassifier
    from sorter.dataset import Dataset
    from sorter.image import Pixels


@click.command(cls=SorterCommand)
@click.argument("models", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Photos, one folder a class.")
@click.option("--split-csv", type=click.Path(path_type=Path), help="A run's split.csv: use its test part only.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for the report.")
@click.option("--threads", type=click.IntRange(1, 64), default=1, help="CPU threads of one classification.")
@click.option("--rounds", type=click.IntRange(20), default=300, help="Timed classifications of each model.")
@click.option("--labels", type=click.Path(path_type=Path), help="labels.txt, for models without labels inside.")
@click.option("--input-range", type=click.Choice(["bytes", "0..1", "-1..1"]), help="For foreign float models.")
@json_option
def bench(
    models: tuple[Path, ...],
    data: Path,
    split_csv: Path | None,
    out: Path,
    threads: int,
    rounds: int,
    labels: Path | None,
    input_range: Any,
    as_json: bool,
) -> None:
    """Compares .tflite MODELS: file size, accuracy, and time of a classification with its preprocessing.

    A folder stands for the .tflite files in it. A model that cannot run here gets a row that says why.
    """
    from sorter.benchmarks.machine import describe_machine
    from sorter.benchmarks.report import write_report
    from sorter.errors import BundleError

    dataset = _open_photos(data, split_csv)
    machine = describe_machine()
    rows: dict[str, Row] = {}
    classifiers: dict[str, TFLiteClassifier] = {}
    for path in _find_files(models):
        rows[str(path)] = _describe(path, labels, threads, input_range, dataset, classifiers)
    _measure_accuracy(rows, classifiers, dataset)
    _measure_latency(rows, classifiers, dataset, rounds)
    if machine["load"] > machine["cores"] / 2:
        warn(f"The machine was busy (load {machine['load']:.1f}); latencies may be too long.")
    write_report(out, list(rows.values()), machine)
    if as_json:
        print_json({"machine": machine, "models": [asdict(row) for row in rows.values()]})
    else:
        _print_table(list(rows.values()), machine, out)
    if not classifiers:
        raise BundleError("None of the models could be measured.", "The reasons stand in the report.")


def _open_photos(data: Path, split_csv: Path | None) -> "Dataset":
    from sorter.dataset import apply_split, open_dataset

    dataset = open_dataset(data)
    if split_csv is not None:
        return apply_split(dataset, split_csv).select("test")
    if any(photo.subset == "test" for photo in dataset.photos):
        return dataset.select("test")
    return dataset


def _find_files(models: tuple[Path, ...]) -> list[Path]:
    from sorter.errors import BundleError

    found: list[Path] = []
    for path in models:
        inside = sorted(path.glob("*.tflite")) if path.is_dir() else [path]
        if not inside:
            raise BundleError(f"Folder {path} has no .tflite files.", "Make some with sorter-convert.")
        found += inside
    return list(dict.fromkeys(found))


def _describe(
    path: Path,
    labels: Path | None,
    threads: int,
    input_range: Any,
    dataset: "Dataset",
    classifiers: dict[str, "TFLiteClassifier"],
) -> "Row":
    """The row of a model as far as its file tells; loads its classifier where that is possible."""
    from sorter.benchmarks.report import Row
    from sorter.bundle import Bundle
    from sorter.classifier import classifier_from_bundle
    from sorter.dataset import require_labels
    from sorter.errors import SorterError

    size = path.stat().st_size if path.is_file() else None
    try:
        bundle = Bundle.load(path, labels)
        classifier = classifier_from_bundle(bundle, threads, input_range)
        require_labels(dataset, classifier.labels)
    except SorterError as error:
        warn(error.message)
        return Row(path.name, bytes=size, problem=error.message)
    classifiers[str(path)] = classifier
    quantization = bundle.manifest.quantization if bundle.manifest else "foreign"
    return Row(path.name, quantization, size, f"{classifier.spec.width}x{classifier.spec.height}")


def _measure_accuracy(rows: dict[str, "Row"], classifiers: dict[str, "TFLiteClassifier"], dataset: "Dataset") -> None:
    """Fills in accuracy; each photo is read once for all models."""
    import numpy as np

    from sorter.dataset import read_photos
    from sorter.errors import DatasetError
    from sorter.metrics import evaluate

    if not classifiers:
        return
    scores: dict[str, list[Any]] = {name: [] for name in classifiers}
    truth: list[str] = []
    for photo, picture in track(read_photos(dataset.photos), "Measuring accuracy", len(dataset.photos)):
        if isinstance(picture, DatasetError):
            warn(f"{picture.message} Left out.")
            continue
        truth.append(photo.label)
        for name, classifier in classifiers.items():
            scores[name].append(classifier.probabilities(picture))
    if not truth:
        raise DatasetError(
            f"None of the photos in {dataset.root} could be used.", "Give a folder with readable photos."
        )
    for name, classifier in classifiers.items():
        actual = np.array([classifier.labels.index(label) for label in truth])
        result = evaluate(np.stack(scores[name]), actual, classifier.labels)
        keys = ("accuracy", "accuracy_95", "worst_class", "worst_class_recall")
        rows[name] = replace(rows[name], photos=result["n"], **{key: result[key] for key in keys})


def _measure_latency(
    rows: dict[str, "Row"], classifiers: dict[str, "TFLiteClassifier"], dataset: "Dataset", rounds: int
) -> None:
    from sorter.benchmarks.latency import measure

    if not classifiers:
        return
    timed = measure({name: c.classify for name, c in classifiers.items()}, camera_frames(dataset), rounds)
    for name, latency in timed.items():
        rows[name] = replace(rows[name], p50_ms=latency.p50_ms, p99_ms=latency.p99_ms)


def camera_frames(dataset: "Dataset", count: int = 16) -> "list[Pixels]":
    """Photos of a data set as a camera would show them: uint8 BGR, 640x480."""
    import cv2

    from sorter.dataset import read_photos
    from sorter.errors import DatasetError

    step = max(1, len(dataset.photos) // count)
    pictures = [p for _, p in read_photos(dataset.photos[::step][:count]) if not isinstance(p, DatasetError)]
    return [cv2.resize(p, (640, 480), interpolation=cv2.INTER_LINEAR) for p in pictures]  # type: ignore[misc]


def _print_table(rows: "list[Row]", machine: dict[str, Any], out: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    from sorter.benchmarks.report import HEADER, cells

    table = Table(*HEADER[:-1], title=f"{machine['processor']}, {machine['interpreter']}")
    for row in rows:
        table.add_row(*cells(row)[:-1])
    # Narrower than this, the columns would be cut to uselessness.
    Console(width=max(120, Console().width)).print(table)
    for row in rows:
        if row.problem:
            click.echo(f"{row.model}: {row.problem}")
    click.echo(f"Report: {out}/report.md, report.csv, report.json")
