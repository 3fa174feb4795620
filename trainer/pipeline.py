"""From a folder of photos to a finished run folder."""

import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from sorter._version import __version__
from sorter.cli import inform, progress, warn
from sorter.dataset import Dataset, Photo, Subset, open_dataset, write_split
from sorter.files import translated_storage_errors, write_text
from sorter.image import InputSpec
from sorter.manifest import LABELS_NAME, MANIFEST_NAME, Manifest
from sorter.trainer import calibration, runs
from sorter.trainer.batches import Examples
from sorter.trainer.cache import PictureCache, picture_cache
from sorter.trainer.duplicates import find_groups
from sorter.trainer.evaluation import Evaluation, class_indices, predict_rows, write_evaluation
from sorter.trainer.judge import KerasJudge
from sorter.trainer.networks import HEAD_NAME, build_network
from sorter.trainer.recipes import Recipe
from sorter.trainer.report import REPORT_NAME, write_training_report
from sorter.trainer.skipping import report_skipped, require_every_class, write_skipped
from sorter.trainer.split import SUBSETS, Shares, carved_parts, divided_groups, split_photos
from sorter.trainer.training import count_steps, train_network
from sorter.trainer.training_record import Ending, Progress, write_history

_CACHE_NAME = "pictures.cache"

_MANIFEST_FIGURES = ("accuracy", "accuracy_95", "n", "worst_class", "worst_class_recall", "ece")

_ENDINGS: dict[Ending, str] = {
    "finished": "Training done.",
    "no more progress": "Training done: it no longer got better.",
    "interrupted": "Stopped: finishing the run with the best network so far (press Ctrl-C again to discard it).",
    "not a number": "Training stopped because its loss was not a number; the best network before that is kept.",
}


@dataclass(frozen=True)
class Job:
    """One training, as asked for.

    Attributes:
        data: Folder of photos.
        out: The run folder.
        recipe: Network and schedule.
        weights: ``none``, ``imagenet`` or the path of a weights file.
        shares: Sizes of the parts.
        seed: Of all randomness.
        overwrite: Whether an earlier run in ``out`` may be replaced.
    """

    data: Path
    out: Path
    recipe: Recipe
    weights: str
    shares: Shares
    seed: int
    overwrite: bool = False

    @property
    def spec(self) -> InputSpec:
        """Input of the network."""
        return InputSpec(self.recipe.image_size_px, self.recipe.image_size_px, self.recipe.fit)


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Attributes:
        manifest: Of the finished run.
        metrics: Of the test part.
        progress: Of the training.
        seconds: Time that the whole job took.
    """

    manifest: Manifest
    metrics: dict[str, Any]
    progress: Progress
    seconds: float

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended the training before its time."""
        return self.progress.ending == "interrupted"

    def summary(self, out: Path) -> dict[str, Any]:
        """The figures for ``--json``."""
        return {
            **{key: self.metrics[key] for key in _MANIFEST_FIGURES},
            "out": str(out),
            "report": str(out / REPORT_NAME),
            "photos": {s: self.manifest.dataset[s] for s in SUBSETS},
            "temperature": self.manifest.temperature,
            "threshold": self.manifest.threshold,
            "epochs": self.progress.history[-1].epoch,
            "ending": self.progress.ending,
            "seconds": round(self.seconds, 1),
        }


def run_job(job: Job) -> Outcome:
    """Trains a network and writes its run folder.

    Raises:
        DatasetError: The photos do not suffice.
        TrainingError: The network cannot be built or trained.
        StorageError: The run folder cannot be written.
        KeyboardInterrupt: Interrupted before there was anything to keep; nothing is left behind.
    """
    import keras

    started = time.monotonic()
    runs.check_output(job.out, job.overwrite)
    dataset = open_dataset(job.data)
    keras.utils.set_random_seed(job.seed)
    network = build_network(job.recipe, len(dataset.labels), job.weights)
    with runs.unfinished_run(job.out) as folder:
        with picture_cache(dataset.photos, job.spec, folder / _CACHE_NAME) as cache:
            report_skipped(cache.skipped, dataset)
            require_every_class(cache.skipped, dataset)
            usable = Dataset(dataset.root, dataset.labels, _divide(job, cache))
            parts = {s: _examples(cache, usable, s) for s in SUBSETS}
            record = _train(job, network, (parts["train"], parts["validation"]))
            inform(_ENDINGS[record.ending])
            calibrated = _calibrate(network, parts["validation"])
            evaluation = _evaluate(network, parts["test"], usable, calibrated[1])
        # The room that the cache took is free again, so what a long training gave finds its place on the disk.
        manifest = _make_manifest(job, usable, calibrated, record, evaluation)
        _write_run(folder, network, evaluation, manifest, record)
        write_split(folder / runs.SPLIT_NAME, usable.photos)
        write_skipped(folder, cache.skipped)
    return Outcome(manifest, evaluation.metrics(), record, time.monotonic() - started)


def _divide(job: Job, cache: PictureCache) -> tuple[Photo, ...]:
    """Splits the usable photos, and says what is unusual about the split."""
    carved = carved_parts(cache.photos)
    photos = split_photos(cache.photos, find_groups(cache.thumbnails), job.shares, job.seed)
    if carved and "train" not in carved:
        inform(f"The folders hold no {' and no '.join(carved)} part; taken from the train folder.")
    if count := divided_groups(photos):
        warn(f"{count} groups of nearly equal photos lie in more than one of the given parts: figures will flatter.")
    counts = Counter(photo.subset for photo in photos)
    inform(", ".join(f"{counts[s]} {s}" for s in SUBSETS) + " photos; near-duplicates stay together.")
    for subset in ("validation", "test"):
        absent = sorted({p.label for p in photos} - {p.label for p in photos if p.subset == subset})
        if absent:
            warn(f"The {subset} part has no photo of {', '.join(absent)}.")
    return photos


def _examples(cache: PictureCache, usable: Dataset, subset: Subset) -> Examples:
    rows = np.array([i for i, photo in enumerate(usable.photos) if photo.subset == subset], np.int64)
    return Examples(cache.pixels, rows, class_indices(usable.photos, usable.labels)[rows], len(usable.labels))


def _train(job: Job, network: Any, parts: tuple[Examples, Examples]) -> Progress:
    with progress("Training", count_steps(job.recipe, parts[0])) as advance:

        def watch(line: str, steps: int) -> None:
            if line:
                inform(line)
            advance(steps)

        return train_network(network, job.recipe, parts, job.seed, watch, job.weights != "none")


def _calibrate(network: Any, validation: Examples) -> tuple[float, float]:
    """Folds the temperature into the last layer; gives temperature and suggested threshold."""
    probabilities = predict_rows(network, validation.pixels, validation.rows)
    temperature = calibration.fit_temperature(probabilities, validation.classes)
    head = network.get_layer(HEAD_NAME)
    head.set_weights([w / temperature for w in head.get_weights()])
    calibrated = calibration.sharpen(probabilities, temperature)
    return temperature, calibration.suggest_threshold(calibrated, validation.classes)


def _evaluate(network: Any, test: Examples, usable: Dataset, threshold: float) -> Evaluation:
    photos = tuple(usable.photos[row] for row in test.rows)
    return Evaluation(photos, usable.labels, test.classes, predict_rows(network, test.pixels, test.rows), threshold)


def _make_manifest(
    job: Job, usable: Dataset, calibrated: tuple[float, float], record: Progress, evaluation: Evaluation
) -> Manifest:
    metrics = evaluation.metrics()
    counts = Counter(photo.subset for photo in usable.photos)
    return Manifest(
        name=job.out.resolve().name,
        labels=usable.labels,
        input=job.spec,
        temperature=round(calibrated[0], 6),
        threshold=calibrated[1],
        recipe={
            **job.recipe.describe(),
            "weights": Path(job.weights).name,
            "seed": job.seed,
            "ending": record.ending,
            "kept_epoch": record.best.epoch if record.best else None,
        },
        dataset={
            "fingerprint": usable.fingerprint(),
            "photos": len(usable.photos),
            "classes": dict(usable.count()),
            **{s: counts[s] for s in SUBSETS},
        },
        accuracy={"float": {key: metrics[key] for key in _MANIFEST_FIGURES}},
        versions=_versions(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _versions() -> dict[str, str]:
    import keras
    import tensorflow as tf

    return {"sorter-toolkit": __version__, "tensorflow": tf.__version__, "keras": keras.__version__}


def _write_run(folder: Path, network: Any, evaluation: Evaluation, manifest: Manifest, record: Progress) -> None:
    import keras

    with translated_storage_errors(folder / runs.MODEL_NAME):
        # A model around the same layers has no optimizer, whose state would triple the file.
        keras.Model(network.input, network.output, name=network.name).save(folder / runs.MODEL_NAME)
    write_text(folder / LABELS_NAME, "".join(f"{label}\n" for label in manifest.labels))
    write_text(folder / MANIFEST_NAME, manifest.to_json())
    write_history(folder / runs.HISTORY_NAME, record.history)
    write_evaluation(evaluation, folder)
    judge = KerasJudge(network, manifest.labels, manifest.input, manifest)
    write_training_report(folder, judge, manifest, evaluation, record)
