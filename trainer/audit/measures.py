"""What of a photo can be seen without its object, as numbers: float32 (n, k) of n photos."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sorter.trainer.audit.examination import SMALL_PX, Examined

Features = npt.NDArray[np.float32]

_CELL_PX = 6
_BORDER_PX = 3
CENTRE = slice(_CELL_PX, SMALL_PX - _CELL_PX)
"""What ``background`` leaves out: the middle three quarters of each side."""


def measure_file(examined: Sequence[Examined]) -> Features:
    """Size, shape, format, compression, camera: nothing that depends on what the photo shows."""
    numbers = [
        (one.width, one.height, one.width / one.height, one.header.compression, one.header.orientation)
        for one in examined
    ]
    texts = np.array([(one.header.format, one.header.mode, one.header.camera) for one in examined])
    codes = [np.unique(column, return_inverse=True)[1] for column in texts.T]
    return np.column_stack([numbers, *codes]).astype(np.float32)


def _stack(examined: Sequence[Examined]) -> Features:
    return np.stack([one.small for one in examined]).astype(np.float32)


def measure_brightness(examined: Sequence[Examined]) -> Features:
    """Mean and spread of the grey levels."""
    grey = _stack(examined).mean(axis=3)
    return np.stack([grey.mean(axis=(1, 2)), grey.std(axis=(1, 2))], axis=1)


def measure_colour(examined: Sequence[Examined]) -> Features:
    """Mean red, green and blue."""
    return np.asarray(_stack(examined).mean(axis=(1, 2)))


def measure_border(examined: Sequence[Examined]) -> Features:
    """Mean and spread of each colour along each of the four edges: 24 numbers."""
    pictures, edge = _stack(examined), slice(0, _BORDER_PX)
    strips = [pictures[:, edge], pictures[:, -_BORDER_PX:], pictures[:, :, edge], pictures[:, :, -_BORDER_PX:]]
    return np.concatenate([f for strip in strips for f in (strip.mean(axis=(1, 2)), strip.std(axis=(1, 2)))], axis=1)


def _measure_cells(pictures: Features) -> Features:
    """Mean and spread of each colour in cells of 6x6 pixels: float32 (n, 8, 8, 6)."""
    side = SMALL_PX // _CELL_PX
    cells = pictures.reshape(len(pictures), side, _CELL_PX, side, _CELL_PX, 3)
    return np.concatenate([cells.mean(axis=(2, 4)), cells.std(axis=(2, 4))], axis=3)


def measure_background(examined: Sequence[Examined]) -> Features:
    """Mean and spread of each colour in the outer cells; the middle is masked out."""
    cells = _measure_cells(_stack(examined))
    outside = np.ones(cells.shape[1:3], bool)
    outside[1:-1, 1:-1] = False
    return cells[:, outside].reshape(len(cells), -1)


def measure_whole(examined: Sequence[Examined]) -> Features:
    """Mean and spread of each colour in all cells."""
    return _measure_cells(_stack(examined)).reshape(len(examined), -1)
