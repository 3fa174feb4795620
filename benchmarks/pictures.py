"""The real pictures that candidates are measured with."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2

from sorter.cli import warn
from sorter.dataset import PICTURE_SUFFIXES, Dataset, Photo, apply_split, open_dataset, read_photos, require_labels
from sorter.errors import DatasetError
from sorter.image import Pixels

FRAME_SIZE = (640, 480)
"""What a camera gives: width and height in pixels."""

FRAMES = 16
"""Frames that timings are taken with, in turns."""


@dataclass(frozen=True)
class PhotoSource:
    """Photos for one run.

    Attributes:
        dataset: The photos.
        fingerprint: SHA-256 over their names, labels and contents.
        whole: The same of the whole data set that they were chosen from; empty where no accuracy is measured.
        is_test_part: Whether they are the test part of a split.
    """

    dataset: Dataset
    fingerprint: str
    whole: str = ""
    is_test_part: bool = False

    @property
    def name(self) -> str:
        """Name of the data set's folder."""
        return self.dataset.root.resolve().name

    @property
    def count(self) -> int:
        """Number of photos."""
        return len(self.dataset.photos)

    def camera_frames(self) -> list[Pixels]:
        """Photos from all over the data set as a camera would show them: uint8 BGR, 640x480.

        Raises:
            DatasetError: None of those tried can be read.
        """
        return camera_frames(self.dataset)

    def chunks(self, size_bytes: int) -> Iterator[list[tuple[str, Pixels]]]:
        """All photos with their labels, decoded once; those that cannot be read are warned about and left out."""
        chunk: list[tuple[str, Pixels]] = []
        for photo, picture in read_photos(self.dataset.photos):
            if isinstance(picture, DatasetError):
                warn(f"{picture.message} Left out.")
                continue
            chunk.append((photo.label, picture))
            if sum(pixels.nbytes for _, pixels in chunk) > size_bytes:
                yield chunk
                chunk = []
        if chunk:
            yield chunk

    def require_labels(self, labels: Sequence[str], needed: bool) -> None:
        """Checks that a network knows all classes of the photos.

        Raises:
            DatasetError: It does not, and accuracy is ``needed``.
        """
        if needed:
            require_labels(self.dataset, labels)


def camera_frames(dataset: Dataset, count: int = FRAMES) -> list[Pixels]:
    """Photos of a data set as a camera would show them: uint8 BGR, 640x480.

    Raises:
        DatasetError: None of those tried can be read.
    """
    step = max(1, len(dataset.photos) // count)
    tried = dataset.photos[::step][:count]
    pictures = [picture for _, picture in read_photos(tried) if not isinstance(picture, DatasetError)]
    if not pictures:
        raise DatasetError(
            f"None of the photos in {dataset.root} could be used.", "Give a folder with readable photos."
        )
    return [cv2.resize(p, FRAME_SIZE, interpolation=cv2.INTER_LINEAR) for p in pictures]  # type: ignore[misc]


def open_photos(data: Path, split_csv: Path | None, limit: int | None, with_labels: bool) -> PhotoSource:
    """The photos of a run: the test part where there are parts.

    Args:
        data: A data set; any folder of pictures where labels are not needed.
        split_csv: Of a training run.
        limit: Take so many, of all classes alike.
        with_labels: Whether accuracy is measured.

    Raises:
        DatasetError: There are none, or none that belong to a test part.
    """
    everything = _open(data, with_labels)
    dataset = everything if split_csv is None else apply_split(everything, split_csv)
    test_part = dataset.select("test")
    if split_csv is not None and not test_part.photos:
        raise DatasetError(f"{split_csv} has no test part.", "Give the split.csv of a training run.")
    chosen = test_part if test_part.photos else dataset
    if limit is not None:
        chosen = _thin_out(chosen, limit)
    fingerprint = chosen.fingerprint()
    whole = "" if not with_labels else fingerprint if chosen is everything else everything.fingerprint()
    return PhotoSource(chosen, fingerprint, whole, bool(test_part.photos))


def _open(data: Path, with_labels: bool) -> Dataset:
    try:
        return open_dataset(data)
    except DatasetError:
        if with_labels or not data.is_dir():
            raise
    files = sorted(path for path in data.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES)
    if not files:
        raise DatasetError(f"{data} has no pictures.", "Give a folder with photos of what the camera will see.")
    return Dataset(data, (), tuple(Photo(path, path.relative_to(data).as_posix(), "") for path in files))


def _thin_out(dataset: Dataset, limit: int) -> Dataset:
    """Takes photos by the hash of their names: as good as random, and the same ones everywhere."""
    by_class: dict[str, list[Photo]] = {}
    for photo in sorted(dataset.photos, key=lambda p: hashlib.sha256(p.filename.encode()).digest()):
        by_class.setdefault(photo.label, []).append(photo)
    kept: set[str] = set()
    for rank in range(max(map(len, by_class.values()))):
        for photos in by_class.values():
            if rank < len(photos) and len(kept) < limit:
                kept.add(photos[rank].filename)
    return replace(dataset, photos=tuple(photo for photo in dataset.photos if photo.filename in kept))
