"""A look at a few rows of a frame: enough to say that nothing has changed, at a third of the cost of a thumbnail."""

from typing import Any, Self

import cv2
import numpy as np

from sorter.image import Pixels

_ROWS = 30
_SAME_MEAN = 1.0
"""Mean bytes of a channel that differ by less are the same light."""


class Glimpse:
    """Some rows of a frame, halved so that less noise is left.

    What lies between the rows is not seen, nor what changes slowly: who trusts a glimpse looks closely now and then.

    Args:
        image: uint8 BGR (H, W, 3).
    """

    def __init__(self, image: Pixels) -> None:
        rows = image[:: max(1, image.shape[0] // _ROWS)]
        half = (max(1, rows.shape[1] // 2), max(1, rows.shape[0] // 2))
        self._strips: Any = cv2.resize(rows, half, interpolation=cv2.INTER_AREA)
        self._mean = np.array(cv2.mean(self._strips))

    def resembles(self, other: Self, difference: float) -> bool:
        """Whether no place differs by more than ``difference`` in a channel (0..255), and the light is the same."""
        if self._strips.shape != other._strips.shape or np.abs(self._mean - other._mean).max() >= _SAME_MEAN:
            return False
        return cv2.norm(self._strips, other._strips, cv2.NORM_INF) <= difference
