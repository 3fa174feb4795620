"""Judges a finished network on photos: the work of ``sorter-evaluate``. A ``.tflite`` needs no TensorFlow."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from sorter.classifier import InputRange, TFLiteClassifier, load_classifier
from sorter.cli import inform, progress, warn
from sorter.dataset import Dataset, Photo, apply_split, open_dataset, read_photos, require_labels
from sorter.errors import BundleError, DatasetError, StorageError
from sorter.files import make_folder, write_json
from sorter.image import InputSpec, Pixels, prepare
from sorter.manifest import MANIFEST_NAME
from sorter.metrics import Probabilities
from sorter.trainer.evaluation import (
    METRICS_NAME,
    PREDICTIONS_NAME,
    Evaluation,
    class_indices,
    predict_rows,
    write_evaluation,
)
from sorter.trainer.report import REPORT_NAME, Page, draw_pictures, write_report
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


class Network(Protocol):
    """A finished network of any kind."""

    labels: tuple[str, ...]

    def judge(self, pictures_bgr: Sequence[Pixels]) -> Probabilities:
        """Probabilities float32 (n, classes) of uint8 BGR pictures of any size."""


class KerasNetwork:
    """The network of a training run."""

    def __init__(self, network: Any, labels: tuple[str, ...], spec: InputSpec) -> None:
        self._network = network
        self.labels = labels
        self._spec = spec

    def judge(self, pictures_bgr: Sequence[Pixels]) -> Probabilities:
        """Probabilities float32 (n, classes) of uint8 BGR pictures of any size."""
        pixels = np.stack([prepare(picture, self._spec) for picture in pictures_bgr])
        return predict_rows(self._network, pixels, np.arange(len(pixels)))


class TFLiteNetwork:
    """The network of a ``.tflite`` file."""

    def __init__(self, classifier: TFLiteClassifier) -> None:
        self._classifier = classifier
        self.labels = classifier.labels

    def judge(self, pictures_bgr: Sequence[Pixels]) -> Probabilities:
        """Probabilities float32 (n, classes) of uint8 BGR pictures of any size."""
        return np.stack([self._classifier.probabilities(picture) for picture in pictures_bgr])


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
    network = _load_keras(run) if run else _load_tflite(request)
    require_labels(dataset, network.labels)
    chosen, used = _choose_photos(request, dataset, run)
    inform(f"Using {used}.")
    evaluation, skipped = _judge_photos(network, chosen)
    make_folder(request.out)
    report_skipped(skipped, chosen)
    write_skipped(request.out, skipped)
    metrics = write_evaluation(evaluation, request.out)
    metrics.update(model=str(request.model), photos_used=used, skipped=len(skipped))
    write_json(request.out / METRICS_NAME, metrics)
    pictures = draw_pictures(evaluation, request.out)
    write_report(_page(request, metrics, pictures), request.out / REPORT_NAME)
    return metrics


def _check_output(request: Request) -> None:
    if (request.out / MANIFEST_NAME).exists():
        raise StorageError(f"{request.out} is a training run.", "Choose another folder for --out.")
    present = [n for n in (METRICS_NAME, PREDICTIONS_NAME, REPORT_NAME) if (request.out / n).exists()]
    if present and not request.overwrite:
        raise StorageError(
            f"{request.out} already has a {present[0]}.", "Choose another folder for --out, or give --overwrite."
        )


def _load_keras(run: Run) -> KerasNetwork:
    from sorter.trainer.backend import load_tensorflow

    load_tensorflow()
    from sorter.trainer.networks import load_network

    network = load_network(run.model)
    if tuple(network.input_shape[1:]) != run.manifest.input.shape:
        raise BundleError(f"{run.model} and its {MANIFEST_NAME} speak of different input sizes.", "Train again.")
    if network.output_shape[-1] != len(run.manifest.labels):
        raise BundleError(f"{run.model} and its {MANIFEST_NAME} speak of different classes.", "Train again.")
    return KerasNetwork(network, run.manifest.labels, run.manifest.input)


def _load_tflite(request: Request) -> TFLiteNetwork:
    threads = os.cpu_count() or 1
    return TFLiteNetwork(load_classifier(request.model, request.labels, threads, request.input_range))


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
        if known.fingerprint() == run.manifest.dataset.get("fingerprint"):
            return True
    except OSError:
        # A photo that could be read when the run was trained no longer can; it will be reported as skipped.
        pass
    warn(
        f"{len(known.photos)} photos have names that the run knows, but their contents differ: if training saw some of "
        "them, the accuracy flatters (--subset test uses only the run's test part)."
    )
    return False


def _judge_photos(network: Network, dataset: Dataset) -> tuple[Evaluation, tuple[Skipped, ...]]:
    used: list[Photo] = []
    answers: list[Probabilities] = []
    skipped: list[Skipped] = []
    with progress("Evaluating", len(dataset.photos)) as advance:
        reading = read_photos(dataset.photos)
        while some := list(islice(reading, _PHOTOS_AT_ONCE)):
            readable = [(photo, read) for photo, read in some if not isinstance(read, DatasetError)]
            skipped += [Skipped(photo, read.message) for photo, read in some if isinstance(read, DatasetError)]
            if readable:
                answers.append(network.judge([picture for _, picture in readable]))
                used += [photo for photo, _ in readable]
            advance(len(some))
    if not used:
        raise DatasetError(f"None of the photos in {dataset.root} can be read.", "Check the files.")
    labels = network.labels
    actual = class_indices(used, labels)
    return Evaluation(tuple(used), labels, actual, np.concatenate(answers)), tuple(skipped)


def _page(request: Request, metrics: dict[str, Any], pictures: Sequence[Path]) -> Page:
    facts = (("model", str(request.model)), ("photos", metrics["photos_used"]), ("skipped", str(metrics["skipped"])))
    return Page(
        title=f"Evaluation of {request.model.name}",
        lead=f"Judged on {metrics['photos_used']}.",
        metrics=metrics,
        figures=(),
        facts=facts,
        pictures=pictures,
    )
