"""One training, as asked for, and the photos and the network that it asks for."""

from collections import Counter
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from sorter.cli import inform, warn
from sorter.dataset import Dataset, Photo, Subset, open_dataset
from sorter.image import InputSpec
from sorter.trainer.cache import PictureCache
from sorter.trainer.grouping import GroupRule, group_photos
from sorter.trainer.hardware import AUTOMATIC, Hardware, HardwareOptions
from sorter.trainer.networks import Size, build_network
from sorter.trainer.recipes import Recipe
from sorter.trainer.skipping import report_skipped, require_every_class
from sorter.trainer.split import (
    SUBSETS,
    Shares,
    carved_parts,
    divide_folds,
    divided_groups,
    repeat_split,
    require_every_class_in_train,
    split_photos,
)


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
        group_rule: What in the photos' names says which object they show.
        split_csv: An earlier split to repeat, instead of ``shares``.
        fold: Which fold of how many is the test part, from 0, instead of ``shares``; the one after it is validation.
        resume: Whether to go on with an unfinished training in ``out``, if there is one.
        tensorboard: Whether to write event files.
        hardware: What to train on.
    """

    data: Path
    out: Path
    recipe: Recipe
    weights: str
    shares: Shares
    seed: int
    overwrite: bool = False
    group_rule: GroupRule | None = None
    split_csv: Path | None = None
    fold: tuple[int, int] | None = None
    resume: bool = False
    tensorboard: bool = False
    hardware: HardwareOptions = AUTOMATIC

    @property
    def has_backbone(self) -> bool:
        """Whether the network starts from pre-trained weights."""
        return self.weights != "none"

    @property
    def spec(self) -> InputSpec:
        """Input of the network."""
        return InputSpec(self.recipe.image_size_px, self.recipe.image_size_px, self.recipe.fit)

    def describe_split(self) -> dict[str, Any]:
        """How the photos are divided, as plain values: what has to be given again for the same division."""
        if self.split_csv:
            return {"repeats": self.split_csv.name}
        division = {"fold": self.fold[0] + 1, "folds": self.fold[1]} if self.fold else asdict(self.shares)
        return {**division, "group_by": self.group_rule.pattern.pattern if self.group_rule else None}


def open_photos(job: Job) -> Dataset:
    """Lists the photos of a job, with the parts that an earlier split gives them.

    Raises:
        DatasetError: They are missing, or the split does not fit them.
    """
    dataset = open_dataset(job.data)
    return repeat_split(dataset, job.split_csv) if job.split_csv else dataset


def choose_photos(job: Job, cache: PictureCache, dataset: Dataset) -> Dataset:
    """The photos that can be used, divided into parts; what is unusual about them is said.

    Raises:
        DatasetError: They do not suffice.
    """
    report_skipped(cache.skipped, dataset)
    require_every_class(cache.skipped, dataset)
    return Dataset(dataset.root, dataset.labels, _divide(job, cache))


def _divide(job: Job, cache: PictureCache) -> tuple[Photo, ...]:
    """Splits the usable photos, and says what is unusual about the split."""
    carved = () if job.fold else carved_parts(cache.photos)
    groups = group_photos(cache.photos, cache.thumbnails, job.group_rule)
    if job.fold:
        photos = _divide_by_fold(cache.photos, groups, *job.fold, job.seed)
    else:
        photos = split_photos(cache.photos, groups, job.shares, job.seed)
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


def _divide_by_fold(
    photos: tuple[Photo, ...], groups: npt.NDArray[np.int64], fold: int, folds: int, seed: int
) -> tuple[Photo, ...]:
    """One fold tests, the next one validates, the others train."""
    numbers = divide_folds(photos, groups, folds, seed)
    parts: dict[int, Subset] = {fold: "test", (fold + 1) % folds: "validation"}
    split = tuple(
        replace(photo, subset=parts.get(int(number), "train"), group=f"g{group:05d}")
        for photo, number, group in zip(photos, numbers, groups, strict=True)
    )
    require_every_class_in_train(split, sorted({photo.label for photo in split}))
    return split


def build_for(job: Job, hardware: Hardware, classes: int) -> Any:
    """Builds the network of a job for the devices that it is to be trained on.

    Raises:
        TrainingError: The weights are missing, damaged or made for another network.
    """
    keras.utils.set_random_seed(job.seed)
    with hardware.building():
        return build_network(job.recipe, classes, job.weights)


def count_parameters(network: Any) -> Size:
    """Parameters of a network as it is frozen now."""
    return Size(network.count_params(), sum(int(np.prod(v.shape)) for v in network.trainable_variables))
