"""Judges a finished network on photos: the work of ``sorter-evaluate``. A ``.tflite`` needs no TensorFlow."""

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np

from sorter.classifier import InputRange
from sorter.cli import inform, progress, warn
from sorter.dataset import Dataset, Photo, apply_split, open_dataset, read_photos, require_labels
from sorter.errors import DatasetError, StorageError
from sorter.files import make_folder, write_json
from sorter.manifest import MANIFEST_NAME
from sorter.metrics import Probabilities
from sorter.trainer.evaluation import (
    METRICS_NAME,
    PREDICTIONS_NAME,
    Evaluation,
    class_indices,
    write_evaluation,
)
from sorter.trainer.judge import Judge, KerasJudge, load_run, load_tflite
from sorter.trainer.report import REPORT_NAME, write_evaluation_report
from sorter.trainer.runs import Run, open_run
from sorter.trainer.skipping import Skipped, report_skipped, write_skipped

Choice = Literal["test", "all"]

_PHOTOS_AT_ONCE = 64
"""Photos judged in one batch."""


@dataclass(frozen=True)
class Request:
    """One evaluation, as asked for.

    Attributes:
        model: A run folder, the ``.keras`` in it, or a ``.tflite``.
        data: Folder of photos.
        out: Where the results go.
        choice: The test part or all photos; None for what suits the model.
        split_csv: Which names the test part; None for the one of the run.
        labels: ``labels.txt`` for a ``.tflite`` without labels.
        input_range: For a foreign ``.tflite`` with float input.
        overwrite: Whether earlier results in ``out`` may be replaced.
    """

    model: Path
    data: Path
    out: Path
    choice: Choice | None = None
    split_csv: Path | None = None
    labels: Path | None = None
    input_range: InputRange | None = None
    overwrite: bool = False


def assess(request: Request) -> dict[str, Any]:
    """Evaluates a network, writes the results and gives the metrics.

    Raises:
        BundleError: The model is damaged or no finished run.
        ConfigError: No interpreter is installed, or options are missing for a foreign model.
        DatasetError: The photos do not suit the model, or none can be used.
        StorageError: The results cannot be written.
    """
    _check_output(request)
    dataset = open_dataset(request.data)
    run = None if request.model.suffix == ".tflite" else open_run(request.model)
    judge: Judge = load_run(run) if run else load_tflite(request.model, request.labels, request.input_range)
    require_labels(dataset, judge.labels)
    chosen, used = _choose_photos(request, dataset, run)
    inform(f"Using {used}.")
    evaluation, skipped = _judge_photos(judge, chosen)
    make_folder(request.out)
    report_skipped(skipped, chosen)
    write_skipped(request.out, skipped)
    metrics = write_evaluation(evaluation, request.out)
    metrics.update(model=str(request.model), photos_used=used, skipped=len(skipped))
    write_json(request.out / METRICS_NAME, metrics)
    facts = (("model", str(request.model)), ("photos", used), ("skipped", str(len(skipped))))
    keras_judge = judge if isinstance(judge, KerasJudge) else None
    write_evaluation_report(request.out, request.model.name, evaluation, keras_judge, judge.manifest, facts)
    return metrics


def _check_output(request: Request) -> None:
    if (request.out / MANIFEST_NAME).exists():
        raise StorageError(f"{request.out} is a training run.", "Choose another folder for --out.")
    present = [n for n in (METRICS_NAME, PREDICTIONS_NAME, REPORT_NAME) if (request.out / n).exists()]
    if present and not request.overwrite:
        raise StorageError(
            f"{request.out} already has a {present[0]}.", "Choose another folder for --out, or give --overwrite."
        )


def _choose_photos(request: Request, dataset: Dataset, run: Run | None) -> tuple[Dataset, str]:
    """The photos to judge, and a description of them."""
    split_csv = request.split_csv or (run.split_csv if run else None)
    everything = f"all {len(dataset.photos)} photos of {dataset.root}"
    if request.choice == "all":
        return dataset, everything
    if split_csv is None:
        if request.choice == "test" or dataset.select("test").photos:
            return _test_photos(dataset, "the test folder of")
        return dataset, f"{everything}; give --split-csv RUN/split.csv to leave out those that training saw"
    if request.choice == "test" or request.split_csv:
        return _test_photos(apply_split(dataset, split_csv), f"the test part of {split_csv} in")
    if run and _holds_training_data(dataset, run):
        return _test_photos(apply_split(dataset, split_csv), "the run's own test part of")
    return dataset, f"{everything}, which is not the data set of the run"


def _test_photos(dataset: Dataset, description: str) -> tuple[Dataset, str]:
    chosen = dataset.select("test")
    if not chosen.photos:
        raise DatasetError(f"{dataset.root} has no photos of a test part.", "Give --subset all to use all photos.")
    return chosen, f"{len(chosen.photos)} photos: {description} {dataset.root}"


def _holds_training_data(dataset: Dataset, run: Run) -> bool:
    """Whether the photos that the run names are there, with the contents they had."""
    try:
        known = apply_split(dataset, run.split_csv)
    except DatasetError:
        return False
    try:
        if known.fingerprint() == run.manifest.data_fingerprint:
            return True
    except OSError:
        # A photo that could be read when the run was trained no longer can; it will be reported as skipped.
        pass
    warn(
        f"{len(known.photos)} photos have names that the run knows, but their contents differ: if training saw some of "
        "them, the accuracy flatters (--subset test uses only the run's test part)."
    )
    return False


def _judge_photos(judge: Judge, dataset: Dataset) -> tuple[Evaluation, tuple[Skipped, ...]]:
    used: list[Photo] = []
    answers: list[Probabilities] = []
    skipped: list[Skipped] = []
    with progress("Evaluating", len(dataset.photos)) as advance:
        reading = read_photos(dataset.photos)
        while some := list(islice(reading, _PHOTOS_AT_ONCE)):
            readable = [(photo, read) for photo, read in some if not isinstance(read, DatasetError)]
            skipped += [Skipped(photo, read.message) for photo, read in some if isinstance(read, DatasetError)]
            if readable:
                answers.append(judge.judge([picture for _, picture in readable]))
                used += [photo for photo, _ in readable]
            advance(len(some))
    if not used:
        raise DatasetError(f"None of the photos in {dataset.root} can be read.", "Check the files.")
    labels = judge.labels
    threshold = judge.manifest.threshold if judge.manifest else None
    actual = class_indices(used, labels)
    return Evaluation(tuple(used), labels, actual, np.concatenate(answers), threshold), tuple(skipped)
