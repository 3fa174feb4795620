"""A training looked at before it is started: network, data and estimated time. Nothing is written."""

import time
from collections import Counter
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from sorter.cli import inform, progress
from sorter.dataset import Dataset, Photo, read_photos
from sorter.errors import DatasetError
from sorter.image import Pixels, prepare
from sorter.trainer.batches import Examples, epoch_batches, steps_per_epoch
from sorter.trainer.cache import PictureCache
from sorter.trainer.duplicates import Thumbnail, make_thumbnail
from sorter.trainer.evaluation import predict_rows
from sorter.trainer.features import store_features
from sorter.trainer.hardware import Hardware, choose_hardware
from sorter.trainer.jobs import Job, build_for, choose_photos, count_parameters, open_photos
from sorter.trainer.networks import Size
from sorter.trainer.phases import Phase, freeze_for, has_linear_head, head_of, plan_phases
from sorter.trainer.skipping import Skipped
from sorter.trainer.split import SUBSETS
from sorter.trainer.steps import Stepper

_TIMED_STEPS = 3

_SAMPLE_PHOTOS = 64
"""Photos on which steps and predictions are timed, or as many as a batch has."""


@dataclass(frozen=True)
class Layer:
    """One layer of a network.

    Attributes:
        name: Its name.
        kind: Its class.
        shape: Of its output, without the batch.
        parameters: All it has.
        trainable: Whether the last phase changes them.
    """

    name: str
    kind: str
    shape: tuple[int | None, ...]
    parameters: int
    trainable: bool


@dataclass(frozen=True)
class Preview:
    """What a training would be.

    Attributes:
        layers: Of the network, in order.
        size: Its parameters, and those that the last phase changes.
        photos: For each class the number of photos in each part.
        skipped: Photos that cannot be used.
        seconds: Estimated time of each stage.
    """

    layers: tuple[Layer, ...]
    size: Size
    photos: dict[str, dict[str, int]]
    skipped: int
    seconds: dict[str, float]

    def summary(self) -> dict[str, Any]:
        """All of it, for ``--json``."""
        return {
            "layers": [asdict(layer) for layer in self.layers],
            "parameters": self.size.parameters,
            "trainable_parameters": self.size.trainable,
            "photos": self.photos,
            "skipped": self.skipped,
            "estimated_seconds": {**self.seconds, "total": sum(self.seconds.values())},
        }

    def lines(self) -> list[str]:
        """All of it, for people."""
        rows = [f"{'layer':32}{'kind':24}{'output':>16}{'parameters':>13}"]
        for layer in self.layers:
            shape = "x".join(str(side) for side in layer.shape)
            mark = "" if layer.trainable or not layer.parameters else "  frozen"
            rows.append(f"{layer.name[:31]:32}{layer.kind[:23]:24}{shape:>16}{layer.parameters:>13,}{mark}")
        rows.append(f"{self.size.parameters:,} parameters, {self.size.trainable:,} of them trainable.")
        rows += ["", f"{'class':24}" + "".join(f"{subset:>12}" for subset in SUBSETS)]
        for label, counts in self.photos.items():
            rows.append(f"{label:24}" + "".join(f"{counts[subset]:>12}" for subset in SUBSETS))
        rows.append(f"{self.skipped} photos cannot be used." if self.skipped else "All photos can be used.")
        stages = ", ".join(f"{stage} {_duration(seconds)}" for stage, seconds in self.seconds.items())
        return [*rows, "", f"Estimated time: {_duration(sum(self.seconds.values()))} ({stages})."]


def preview_job(job: Job) -> Preview:
    """Builds the network, reads and divides the photos, and times a few steps.

    Raises:
        DatasetError: The photos do not suffice.
        TrainingError: The network cannot be built or its weights do not fit.
    """
    started = time.monotonic()
    dataset = open_photos(job)
    cache = _read_sample(job, dataset)
    usable = choose_photos(job, cache, dataset)
    seconds = {"reading": time.monotonic() - started}
    hardware = choose_hardware(job.hardware)
    # What a step costs does not depend on the weights, so nothing is downloaded for them.
    network = build_for(
        replace(job, weights="none" if job.weights == "imagenet" else job.weights), hardware, len(dataset.labels)
    )
    phases = plan_phases(job.recipe, job.has_backbone)
    counts = Counter(str(photo.subset) for photo in usable.photos)
    inform("Timing a few steps.")
    seconds |= _estimate(job, network, phases, _sample(cache, usable), counts, hardware)
    freeze_for(network, phases[-1])
    by_class = Counter((photo.label, photo.subset) for photo in usable.photos)
    photos = {label: {str(s): by_class[label, s] for s in SUBSETS} for label in usable.labels}
    return Preview(_list_layers(network), count_parameters(network), photos, len(cache.skipped), seconds)


def _read_sample(job: Job, dataset: Dataset) -> PictureCache:
    """The thumbnails of all photos, but only as many pictures as are needed for timing, in memory."""
    kept = min(len(dataset.photos), max(_SAMPLE_PHOTOS, job.recipe.schedule.batch_size))
    pixels: Pixels = np.zeros((kept, *job.spec.shape), np.uint8)
    usable: list[Photo] = []
    thumbnails: list[Thumbnail] = []
    skipped: list[Skipped] = []
    with progress("Reading photos", len(dataset.photos)) as advance:
        for photo, picture in read_photos(dataset.photos):
            advance(1)
            if isinstance(picture, DatasetError):
                skipped.append(Skipped(photo, picture.message))
                continue
            if len(usable) < kept:
                prepare(picture, job.spec, out=pixels[len(usable)])
            thumbnails.append(make_thumbnail(picture))
            usable.append(photo)
    used = np.stack(thumbnails) if thumbnails else np.empty((0, 0), np.float32)
    return PictureCache(tuple(usable), pixels, used, tuple(skipped))


def _sample(cache: PictureCache, usable: Dataset) -> Examples:
    count = min(len(cache.pixels), len(usable.photos))
    classes = np.arange(count) % len(usable.labels)
    return Examples(cache.pixels, np.arange(count), classes, len(usable.labels))


def _estimate(
    job: Job, network: Any, phases: tuple[Phase, ...], sample: Examples, counts: Counter[str], hardware: Hardware
) -> dict[str, float]:
    """Seconds of each stage after reading, from a few steps of each phase and the prediction of the sample."""
    seconds: dict[str, float] = {}
    judging_s = _time_per_photo(network, sample)
    stored = any(phase.uses_stored_features for phase in phases)
    if stored or (job.has_backbone and job.recipe.warm_start and has_linear_head(network)):
        seconds["features"] = judging_s * (counts["train"] + counts["validation"])
    for phase in phases:
        freeze_for(network, phase)
        model, examples = network, sample
        if phase.uses_stored_features:
            model, examples = head_of(network), store_features(network, sample)
        train = replace(sample, rows=np.zeros(counts["train"], np.int64))
        building_s, step_s = _time_steps(model, examples, phase, hardware)
        validation_s = _time_per_photo(model, examples) * counts["validation"]
        epoch_s = step_s * steps_per_epoch(train, phase.recipe) + validation_s
        seconds[phase.name] = building_s + epoch_s * phase.recipe.schedule.epochs
    # Calibration looks at the validation part once more.
    seconds["evaluation"] = judging_s * (counts["validation"] + counts["test"])
    return seconds


def _time_per_photo(network: Any, sample: Examples) -> float:
    predict_rows(network, sample.pixels, sample.rows)
    started = time.monotonic()
    predict_rows(network, sample.pixels, sample.rows)
    return (time.monotonic() - started) / len(sample.rows)


def _time_steps(model: Any, sample: Examples, phase: Phase, hardware: Hardware) -> tuple[float, float]:
    """How long the first step takes, which builds the graph, and how long the others."""
    stepper = Stepper(model, phase.recipe.schedule, hardware)
    times: list[float] = []
    while len(times) <= _TIMED_STEPS:
        started = time.monotonic()
        for pictures, targets in epoch_batches(sample, phase.recipe, 0, len(times)):
            stepper.step(pictures, targets, phase.recipe.schedule.learning_rate)
            times.append(time.monotonic() - started)
            started = time.monotonic()
    return times[0], float(np.median(times[1:]))


def _list_layers(network: Any) -> tuple[Layer, ...]:
    return tuple(
        Layer(
            layer.name, type(layer).__name__, tuple(layer.output.shape[1:]), layer.count_params(), bool(layer.trainable)
        )
        for layer in network.layers
    )


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
