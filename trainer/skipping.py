"""Photos that cannot be used: named, counted, listed, and never silently lost."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sorter.cli import warn
from sorter.dataset import Dataset, Photo
from sorter.errors import DatasetError
from sorter.files import write_csv

SKIPPED_NAME = "skipped.csv"

_NAMED = 5
"""How many are named on the screen."""


@dataclass(frozen=True)
class Skipped:
    """A photo that cannot be used, and why, as one sentence."""

    photo: Photo
    reason: str


def report_skipped(skipped: Sequence[Skipped], dataset: Dataset) -> None:
    """Warns of skipped photos: the first few by name, and how many there are."""
    for one in skipped[:_NAMED]:
        warn(f"Skipped: {one.reason}")
    if skipped:
        warn(f"{len(skipped)} of {len(dataset.photos)} photos cannot be used; {SKIPPED_NAME} lists them all.")


def require_every_class(skipped: Sequence[Skipped], dataset: Dataset) -> None:
    """Checks that every class keeps at least one photo.

    Raises:
        DatasetError: All photos of a class were skipped.
    """
    unusable = Counter(one.photo.label for one in skipped)
    for label, count in dataset.count().items():
        if unusable[label] == count:
            reason = next(one.reason for one in skipped if one.photo.label == label)
            raise DatasetError(
                f"Class {label!r} has no usable photo: {reason}",
                "Put readable photos into its folder, or remove the folder.",
            )


def write_skipped(folder: Path, skipped: Sequence[Skipped]) -> None:
    """Writes ``skipped.csv``, if there is anything to write.

    Raises:
        StorageError: It cannot be written.
    """
    if skipped:
        rows = [(one.photo.filename, one.reason) for one in skipped]
        write_csv(folder / SKIPPED_NAME, ("filename", "reason"), rows)
