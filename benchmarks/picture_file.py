"""Decoded pictures in one file, which several processes read without decoding them again."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sorter.files import translated_storage_errors
from sorter.image import Pixels


def write_pictures(path: Path, pictures: Sequence[Pixels]) -> dict[str, Any]:
    """Writes uint8 BGR pictures (H, W, 3).

    Returns:
        What ``read_pictures`` needs, fit for JSON.

    Raises:
        StorageError: They cannot be written.
    """
    with translated_storage_errors(path), path.open("wb") as file:
        for picture in pictures:
            file.write(np.ascontiguousarray(picture).data)
    return {"file": str(path), "shapes": [picture.shape for picture in pictures]}


def read_pictures(written: dict[str, Any]) -> list[Pixels]:
    """The pictures, mapped into memory."""
    content = np.memmap(written["file"], np.uint8, mode="r") if written["shapes"] else np.empty(0, np.uint8)
    pictures: list[Pixels] = []
    start = 0
    for shape in written["shapes"]:
        size = int(np.prod(shape))
        pictures.append(content[start : start + size].reshape(shape))
        start += size
    return pictures
