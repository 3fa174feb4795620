"""The division of a data set into train, validation and test: by class, seeded, groups undivided."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar, get_args

import numpy as np
import numpy.typing as npt

from sorter.cli import warn
from sorter.dataset import Dataset, Photo, Subset, apply_split
from sorter.errors import ConfigError, DatasetError

SUBSETS: tuple[Subset, ...] = get_args(Subset)

Part = TypeVar("Part", Subset, int)
"""A part of a split, or the number of a fold."""

_MORE_PHOTOS_HINT = "Add photos of other objects of this class, or from other angles; a burst counts as one."


@dataclass(frozen=True)
class Shares:
    """Parts of the whole, which sum to 1."""

    train: float
    validation: float
    test: float

    @classmethod
    def parse(cls, text: str) -> "Shares":
        """Reads ``60/20/20``.

        Raises:
            ConfigError: It is not three positive numbers that sum to 100.
        """
        try:
            numbers = [float(part) for part in text.split("/")]
        except ValueError:
            numbers = []
        if len(numbers) != 3 or not all(n > 0 for n in numbers) or abs(sum(numbers) - 100) > 0.5:
            raise ConfigError(
                f"Split {text!r} is not three positive numbers that sum to 100.",
                "Give train/validation/test, for example --split 70/10/20.",
            )
        return cls(*(number / sum(numbers) for number in numbers))

    def of(self, subset: Subset) -> float:
        """The share of one part."""
        return float(getattr(self, subset))


def split_photos(
    photos: Sequence[Photo], groups: npt.NDArray[np.int64], shares: Shares, seed: int
) -> tuple[Photo, ...]:
    """Gives every photo a part and the name of its group.

    Photos that already have a part keep it; a part of which there is no photo is carved from the train part.

    Args:
        photos: In any order.
        groups: int64 (n,), equal for photos that must stay together.
        shares: Wanted sizes.
        seed: The same seed and photos always give the same split.

    Raises:
        DatasetError: A class has too few different photos for all parts, or no photo for training.
    """
    named = [replace(photo, group=f"g{group:05d}") for photo, group in zip(photos, groups, strict=True)]
    fixed = Counter(photo.subset for photo in named if photo.subset)
    if fixed and not fixed["train"]:
        raise DatasetError(
            "There is no train folder with usable photos beside the validation and test folders.",
            "Add a folder called train, or give one folder a class without parts.",
        )
    open_parts = {s: shares.of(s) for s in SUBSETS if not fixed[s] or s == "train"}
    divided = [p for p in named if p.subset in (None, "train")] if len(open_parts) > 1 else []
    assigned = _divide(divided, open_parts, np.random.default_rng(seed))
    split = tuple(replace(photo, subset=assigned.get(photo.filename, photo.subset)) for photo in named)
    require_every_class_in_train(split, sorted({photo.label for photo in split}))
    return split


def repeat_split(dataset: Dataset, split_csv: Path) -> Dataset:
    """Divides a data set as an earlier ``split.csv`` does, and says which photos that one does not know.

    Raises:
        DatasetError: It is no split, names none of the photos, leaves a part empty, or trains nothing of some class.
    """
    divided = apply_split(dataset, split_csv)
    if left_out := len(dataset.photos) - len(divided.photos):
        warn(f"{split_csv} does not name {left_out} of {len(dataset.photos)} photos; they are left out.")
    present = {photo.subset for photo in divided.photos}
    for subset in SUBSETS:
        if subset not in present:
            raise DatasetError(
                f"{split_csv} names no photo of {dataset.root} for the {subset} part.",
                "Give the folder that it was made for, or --split for a new one.",
            )
    require_every_class_in_train(divided.photos, divided.labels)
    return divided


def divide_folds(
    photos: Sequence[Photo], groups: npt.NDArray[np.int64], folds: int, seed: int
) -> npt.NDArray[np.int64]:
    """Divides photos for k-fold cross-validation: by class, groups undivided, every class in every fold.

    Args:
        photos: n photos in any order; parts that they have are ignored.
        groups: int64 (n,), equal for photos that must stay together.
        folds: How many, at least 2.
        seed: The same seed and photos always give the same folds.

    Returns:
        int64 (n,), the fold of each photo: 0 to folds - 1.

    Raises:
        ConfigError: There would be less than two folds.
        DatasetError: A class has fewer groups than there are folds.
    """
    if folds < 2:
        raise ConfigError(f"{folds} folds are too few.", "Take at least 2; 5 are usual.")
    named = [replace(photo, group=str(group)) for photo, group in zip(photos, groups, strict=True)]
    assigned = _divide(named, {fold: 1 / folds for fold in range(folds)}, np.random.default_rng(seed))
    return np.array([assigned[photo.filename] for photo in named], np.int64)


def carved_parts(photos: Sequence[Photo]) -> tuple[Subset, ...]:
    """The parts that ready-made folders lack; empty when there are no such folders or none is lacking."""
    fixed = {photo.subset for photo in photos}
    return () if fixed == {None} else tuple(s for s in SUBSETS if s not in fixed)


def divided_groups(photos: Sequence[Photo]) -> int:
    """Number of groups with photos in more than one part, which ready-made folders may have."""
    parts = defaultdict(set)
    for photo in photos:
        parts[photo.group].add(photo.subset)
    return sum(len(subsets) > 1 for subsets in parts.values())


def _divide(photos: Sequence[Photo], shares: Mapping[Part, float], rng: np.random.Generator) -> dict[str, Part]:
    """Chooses a part for each file name, class by class."""
    members = defaultdict(list)
    for photo in photos:
        members[photo.group].append(photo)
    # A group with photos of two classes (a mistake in the labels, mostly) counts for the commoner one.
    by_label = defaultdict(list)
    for group in members.values():
        by_label[Counter(p.label for p in group).most_common(1)[0][0]].append(group)
    assigned: dict[str, Part] = {}
    for label in sorted({photo.label for photo in photos}):
        for group, subset in _divide_class(label, by_label[label], shares, rng):
            assigned.update({photo.filename: subset for photo in group})
    return assigned


def _divide_class(
    label: str, groups: list[list[Photo]], shares: Mapping[Part, float], rng: np.random.Generator
) -> list[tuple[list[Photo], Part]]:
    if len(groups) < len(shares):
        raise DatasetError(
            f"Class {label!r} has only {len(groups)} different usable "
            f"photo{'s' * (len(groups) != 1)}; {len(shares)} parts need one each.",
            _MORE_PHOTOS_HINT,
        )
    shuffled = [groups[i] for i in rng.permutation(len(groups))]
    # Large groups first: the single photos that come last can still fill every part to its size.
    shuffled.sort(key=len, reverse=True)
    total = sum(map(len, groups)) / sum(shares.values())
    missing = {subset: share * total for subset, share in shares.items()}
    empty = set(shares)
    division = []
    for i, group in enumerate(shuffled):
        candidates = empty if len(shuffled) - i == len(empty) else set(shares)
        subset = max(sorted(candidates), key=lambda s: missing[s])
        missing[subset] -= len(group)
        empty.discard(subset)
        division.append((group, subset))
    return division


def require_every_class_in_train(photos: Iterable[Photo], labels: Sequence[str]) -> None:
    """Checks that a network can learn every class that it will be asked about.

    Raises:
        DatasetError: A class has no photo in the train part.
    """
    subsets: dict[str, set[str]] = {label: set() for label in labels}
    for photo in photos:
        subsets[photo.label].add(photo.subset or "")
    for label, of_label in subsets.items():
        if "train" not in of_label:
            elsewhere = " and ".join(subset for subset in SUBSETS if subset in of_label)
            where = f"is in the {elsewhere} part but " if elsewhere else ""
            raise DatasetError(
                f"Class {label!r} {where}has no usable photo in the train part.",
                "Add photos of it for training, or take the class out of all parts.",
            )
