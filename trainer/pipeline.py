"""From a folder of photos to a finished run folder."""

import hashlib
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from sorter._version import __version__
from sorter.cli import inform, progress
from sorter.dataset import Dataset, Subset, write_split
from sorter.files import translated_storage_errors, write_text
from sorter.manifest import LABELS_NAME, MANIFEST_NAME, Manifest
from sorter.trainer import calibration, runs
from sorter.trainer.batches import Examples
from sorter.trainer.cache import PictureCache, picture_cache, release_pages
from sorter.trainer.checkpoints import Checkpoint, Identity, is_stored
from sorter.trainer.evaluation import Evaluation, class_indices, predict_rows, write_evaluation
from sorter.trainer.hardware import Hardware, choose_hardware
from sorter.trainer.jobs import Job, build_for, choose_photos, count_parameters, open_photos
from sorter.trainer.judge import KerasJudge
from sorter.trainer.networks import HEAD_NAME, Size, build_network
from sorter.trainer.recipes import Recipe
from sorter.trainer.report import REPORT_NAME, write_training_report
from sorter.trainer.skipping import write_skipped
from sorter.trainer.split import SUBSETS
from sorter.trainer.tensorboard import event_files
from sorter.trainer.training import Surroundings, count_steps, train_network
from sorter.trainer.training_record import Ending, Progress, find_best, write_history

_CACHE_NAME = "pictures.cache"

_DIGESTS_BETWEEN_RELEASES = 1024
"""Pictures after which the mapped ones are let go, so that the process stays small."""

MANIFEST_FIGURES = ("accuracy", "accuracy_95", "n", "worst_class", "worst_class_recall", "ece")
"""Of the metrics of the test part, those that the manifest keeps."""

ENDINGS: dict[Ending, str] = {
    "finished": "Training done.",
    "no more progress": "Training done: it no longer got better.",
    "interrupted": "Stopped: finishing the run with the best network so far (press Ctrl-C again to end at once).",
    "not a number": "Training stopped because its loss was not a number; the best network before that is kept.",
}
"""What the user is told when a training has ended."""


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
            **{key: self.metrics[key] for key in MANIFEST_FIGURES},
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
    started = time.monotonic()
    runs.check_output(job.out, job.overwrite, job.resume)
    dataset = open_photos(job)
    hardware = choose_hardware(job.hardware)
    network = build_for(job, hardware, len(dataset.labels))
    with runs.unfinished_run(job.out) as folder:
        with picture_cache(dataset.photos, job.spec, folder / _CACHE_NAME) as cache:
            usable = choose_photos(job, cache, dataset)
            parts = {s: make_examples(cache, usable, s) for s in SUBSETS}
            checkpoint = _open_checkpoint(job, _identify(job, hardware, cache, usable))
            with _surroundings(job, folder, hardware, checkpoint) as surroundings:
                record = _train(job, network, (parts["train"], parts["validation"]), surroundings)
            inform(ENDINGS[record.ending])
            size = count_parameters(network)
            network = _make_plain(job, network, hardware)
            calibrated = calibrate(network, parts["train"], parts["validation"], job.recipe)
            evaluation = _evaluate(network, parts["test"], usable, calibrated[1])
        # The room that the cache took is free again, so what a long training gave finds its place on the disk.
        seconds = time.monotonic() - started
        manifest = _make_manifest(
            job, usable, calibrated, record, evaluation, _describe(size, hardware, record, seconds)
        )
        write_run(folder, network, evaluation, manifest, record)
        write_split(folder / runs.SPLIT_NAME, usable.photos)
        write_skipped(folder, cache.skipped)
    if record.ending != "interrupted":
        checkpoint.remove()
    return Outcome(manifest, evaluation.metrics(), record, time.monotonic() - started)


def _identify(job: Job, hardware: Hardware, cache: PictureCache, usable: Dataset) -> Identity:
    options = {
        **{key: value for key, value in job.recipe.describe().items() if key != "source"},
        "weights": Path(job.weights).name,
        "seed": job.seed,
        "split": asdict(job.shares),
        "fold": job.fold,
        "precision": hardware.precision,
        "versions": tool_versions(),
    }
    photos = {}
    for number, (photo, picture) in enumerate(zip(usable.photos, cache.pixels, strict=True)):
        # The pixels, not the files: that is what the network sees.
        digest = hashlib.blake2b(picture, digest_size=8).hexdigest()
        photos[photo.filename] = f"{photo.subset} {photo.label} {digest}"
        if number % _DIGESTS_BETWEEN_RELEASES == 0:
            release_pages(cache.pixels)
    return Identity(options, photos)


def _open_checkpoint(job: Job, identity: Identity) -> Checkpoint:
    checkpoint = Checkpoint(job.out / runs.CHECKPOINT_NAME, identity)
    if not job.resume:
        checkpoint.remove()
    elif not is_stored(job.out / runs.CHECKPOINT_NAME):
        inform(f"{job.out} holds no unfinished training; beginning anew.")
    return checkpoint


@contextmanager
def _surroundings(job: Job, folder: Path, hardware: Hardware, checkpoint: Checkpoint) -> Iterator[Surroundings]:
    events = event_files(folder / runs.TENSORBOARD_NAME) if job.tensorboard else nullcontext(None)
    with events as note:
        yield Surroundings(hardware, checkpoint, note) if note else Surroundings(hardware, checkpoint)


def _make_plain(job: Job, network: Any, hardware: Hardware) -> Any:
    """The trained network in full precision on one device, as it is to be stored."""
    if hardware.is_plain:
        return network
    plain = build_network(job.recipe, network.output_shape[-1])
    plain.set_weights(network.get_weights())
    return plain


def _describe(size: Size, hardware: Hardware, record: Progress, seconds: float) -> dict[str, Any]:
    return {
        **asdict(size),
        **hardware.describe(),
        "epochs": record.history[-1].epoch,
        "validation_accuracy": find_best(record.history).validation_accuracy,
        "seconds": round(seconds, 1),
    }


def make_examples(cache: PictureCache, usable: Dataset, subset: Subset) -> Examples:
    """The examples of one part of the usable photos, whose pictures are in the cache."""
    rows = np.array([i for i, photo in enumerate(usable.photos) if photo.subset == subset], np.int64)
    return Examples(cache.pixels, rows, class_indices(usable.photos, usable.labels)[rows], len(usable.labels))


def _train(job: Job, network: Any, parts: tuple[Examples, Examples], surroundings: Surroundings) -> Progress:
    with progress("Training", count_steps(job.recipe, parts[0], job.has_backbone)) as advance:

        def watch(line: str, steps: int) -> None:
            if line:
                inform(line)
            advance(steps)

        return train_network(network, job.recipe, parts, job.seed, watch, job.has_backbone, surroundings)


def calibrate(network: Any, train: Examples, validation: Examples, recipe: Recipe) -> tuple[float, float]:
    """Folds expectations and temperature into the last layer; gives temperature and suggested threshold."""
    expected = calibration.prior_logits(train.classes, train.class_count, recipe.schedule.prior_correction)
    probabilities = predict_rows(network, validation.pixels, validation.rows)
    corrected = calibration.correct_priors(probabilities, expected)
    temperature = calibration.fit_temperature(corrected, validation.classes)
    head = network.get_layer(HEAD_NAME)
    kernel, bias = head.get_weights()
    head.set_weights([kernel / temperature, (bias - expected) / temperature])
    calibrated = calibration.sharpen(corrected, temperature)
    return temperature, calibration.suggest_threshold(calibrated, validation.classes)


def _evaluate(network: Any, test: Examples, usable: Dataset, threshold: float) -> Evaluation:
    photos = tuple(usable.photos[row] for row in test.rows)
    return Evaluation(photos, usable.labels, test.classes, predict_rows(network, test.pixels, test.rows), threshold)


def _make_manifest(
    job: Job,
    usable: Dataset,
    calibrated: tuple[float, float],
    record: Progress,
    evaluation: Evaluation,
    training: dict[str, Any],
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
            "training": training,
        },
        dataset={
            "fingerprint": usable.fingerprint(),
            "photos": len(usable.photos),
            "classes": dict(usable.count()),
            **{s: counts[s] for s in SUBSETS},
            "split": job.describe_split(),
        },
        accuracy={"float": {key: metrics[key] for key in MANIFEST_FIGURES}},
        versions=tool_versions(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def tool_versions() -> dict[str, str]:
    """Versions of what makes a network."""
    import keras
    import tensorflow as tf

    return {"sorter-toolkit": __version__, "tensorflow": tf.__version__, "keras": keras.__version__}


def write_run(folder: Path, network: Any, evaluation: Evaluation, manifest: Manifest, record: Progress) -> None:
    """Writes the files of a run but for its split: network, description, history, figures, plots and report.

    Raises:
        StorageError: They cannot be written.
    """
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
