"""Photos decoded and resized once, into a memory-mapped array."""

import mmap
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sorter.cli import progress
from sorter.dataset import Photo, map_photos
from sorter.errors import DatasetError
from sorter.files import make_folder, translated_storage_errors
from sorter.image import InputSpec, Pixels, prepare, read_image
from sorter.trainer.duplicates import Thumbnail, make_thumbnail
from sorter.trainer.skipping import Skipped

_WRITTEN_AT_ONCE = 1024
"""Pictures after which the mapped pages are let go, so that the process stays small however many photos there are."""


@dataclass(frozen=True)
class PictureCache:
    """All usable photos as a network takes them.

    Attributes:
        photos: The n usable ones, in the order of the data set.
        pixels: uint8 RGB (n, height, width, 3), mapped from a file.
        thumbnails: float32 (n, ...) for the search of near-duplicates.
        skipped: The photos that could not be read.
    """

    photos: tuple[Photo, ...]
    pixels: Pixels
    thumbnails: npt.NDArray[np.float32]
    skipped: tuple[Skipped, ...]


@contextmanager
def picture_cache(photos: tuple[Photo, ...], spec: InputSpec, file: Path) -> Iterator[PictureCache]:
    """Decodes photos into a cache file, which is removed at the end of the block.

    Args:
        photos: What to decode.
        spec: Size and fit of the pictures.
        file: The cache, of ``len(photos) * height * width * 3`` bytes.

    Raises:
        StorageError: There is no room for the cache.
    """
    make_folder(file.parent)
    try:
        pixels = _allocate(file, (len(photos), *spec.shape))
        with progress("Reading photos", len(photos)) as advance:
            cache = _fill(photos, spec, pixels, advance)
        yield cache
    finally:
        file.unlink(missing_ok=True)


def _allocate(file: Path, shape: tuple[int, ...]) -> Pixels:
    # Writing to a mapped file on a full disk kills the process with SIGBUS; taking the room first raises an error.
    size = int(np.prod(shape))
    with translated_storage_errors(file), file.open("wb") as opened:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(opened.fileno(), 0, size)
        else:
            block = bytes(1 << 20)
            for start in range(0, size, len(block)):
                opened.write(block[: size - start])
    return np.memmap(file, np.uint8, "r+", shape=shape)


def _fill(photos: tuple[Photo, ...], spec: InputSpec, pixels: Pixels, advance: Callable[[int], None]) -> PictureCache:
    usable: list[Photo] = []
    thumbnails: list[Thumbnail] = []
    skipped: list[Skipped] = []
    # Made small where they are read: photos that wait in full size would take a gigabyte when they come from a phone.
    for photo, reduced in zip(photos, map_photos(photos, lambda photo: _reduce(photo, spec)), strict=True):
        if isinstance(reduced, DatasetError):
            skipped.append(Skipped(photo, reduced.message))
        else:
            pixels[len(usable)], thumbnail = reduced
            thumbnails.append(thumbnail)
            usable.append(photo)
        advance(1)
        if len(usable) % _WRITTEN_AT_ONCE == 0:
            release_pages(pixels)
    used = np.stack(thumbnails) if thumbnails else np.empty((0, 0), np.float32)
    return PictureCache(tuple(usable), pixels[: len(usable)], used, tuple(skipped))


def _reduce(photo: Photo, spec: InputSpec) -> tuple[Pixels, Thumbnail] | DatasetError:
    try:
        picture = read_image(photo.path)
    except DatasetError as error:
        return error
    return prepare(picture, spec), make_thumbnail(picture)


def release_pages(array: npt.NDArray[Any]) -> None:
    """Lets go of the pages of a mapped array; their content stays in the file, and comes back when it is looked at.

    The kernel would take them back by itself when memory is short; until then they count as the process's own. Of an
    array that is not mapped from a file nothing happens.
    """
    mapped: Any = array
    while isinstance(mapped, np.ndarray):
        mapped = mapped.base
    if isinstance(mapped, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)
