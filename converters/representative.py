"""The pictures that quantisation calibrates its ranges on."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sorter.cli import track, warn
from sorter.dataset import Dataset, Photo, apply_split, open_dataset, read_photos, require_labels
from sorter.errors import DatasetError
from sorter.image import InputSpec, Pixels, prepare


@dataclass(frozen=True)
class Parts:
    """The photos of a data folder as a run divided them.

    Attributes:
        calibration: What quantisation may see: the training part.
        test: What neither training nor calibration saw; empty when the run did not know this data.
    """

    calibration: Dataset
    test: Dataset


def divide(data: Path, labels: Sequence[str], split_csv: Path | None) -> Parts:
    """Opens a data folder and finds the training and the test part of a run in it.

    Where the run's ``split.csv`` names none of the photos, all of them may be used for calibration and none for the
    test.

    Raises:
        DatasetError: The folder is no data set, or has classes that the network does not know.
    """
    dataset = open_dataset(data)
    require_labels(dataset, labels)
    nothing = replace(dataset, photos=())
    if split_csv is not None:
        try:
            divided = apply_split(dataset, split_csv)
        except DatasetError:
            return Parts(dataset, nothing)
        return Parts(divided.select("train"), divided.select("test"))
    if any(photo.subset == "train" for photo in dataset.photos):
        return Parts(dataset.select("train"), dataset.select("test"))
    return Parts(dataset, nothing)


def choose(dataset: Dataset, count: int, seed: int) -> list[Photo]:
    """Draws photos in equal numbers from each class, as far as it has that many; same seed, same photos.

    Of photos that show one object (``Photo.group``) a second is drawn only when every other object of the class is in.
    """
    by_label: dict[str, list[Photo]] = defaultdict(list)
    for photo in dataset.photos:
        by_label[photo.label].append(photo)
    rng = np.random.default_rng(seed)
    queues = [_draw_order(photos, rng) for _, photos in sorted(by_label.items())]
    chosen: list[Photo] = []
    while len(chosen) < count and any(queues):
        for queue in queues:
            if queue and len(chosen) < count:
                chosen.append(queue.pop())
    return chosen


def _draw_order(photos: Sequence[Photo], rng: np.random.Generator) -> list[Photo]:
    """Photos of a class in random order, the first to be drawn at the end."""
    drawn = [photos[i] for i in rng.permutation(len(photos))]
    seen: Counter[str] = Counter()
    turns = []
    for photo in drawn:
        turns.append(seen[photo.group] if photo.group else 0)
        seen[photo.group] += 1
    return [drawn[i] for i in sorted(range(len(drawn)), key=lambda i: turns[i], reverse=True)]


def load_pictures(photos: Sequence[Photo], spec: InputSpec, description: str) -> tuple[list[Photo], Pixels]:
    """Reads and prepares photos; those that cannot be read are named and left out.

    Returns:
        The photos that could be read, and their pixels as uint8 RGB (n, height, width, 3).

    Raises:
        DatasetError: None could be read.
    """
    kept: list[Photo] = []
    pictures = np.empty((len(photos), *spec.shape), np.uint8)
    for photo, picture in track(read_photos(photos), description, len(photos)):
        if isinstance(picture, DatasetError):
            warn(f"{picture.message} Left out.")
            continue
        prepare(picture, spec, out=pictures[len(kept)])
        kept.append(photo)
    if not kept:
        raise DatasetError("None of the chosen photos could be read.", "Give a folder with readable photos.")
    return kept, pictures[: len(kept)]
