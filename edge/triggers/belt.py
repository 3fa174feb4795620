"""What a moving belt looks like while nothing lies on it."""

import math
from typing import Any

import cv2
import numpy as np

from sorter.edge.triggers.light import Explained, Floats, explain_light, mean_colour, mean_gain, multiply
from sorter.edge.triggers.thumbnail import difference
from sorter.image import Pixels

_FIRST_BLUR_SHARE = 0.3
"""The first picture is smeared along the belt over this share of its length, which leaves colour and light."""

_DEVIATIONS = 4.0


class Belt:
    """Mean colour of each place over time, and how far the texture that passes deviates from it.

    The texture itself moves, so that it cannot be learned pixel by pixel; what an object must exceed is its spread.
    Mean and spread of each pixel are followed as running averages (Wren et al., "Pfinder: real-time tracking of the
    human body", 1997).

    Args:
        picture: uint8 BGR (h, w, 3), a thumbnail of the empty belt.
        axis: 0 where the belt runs to left or right, 1 where it runs up or down.

    Attributes:
        picture: The mean: uint8 BGR (h, w, 3).
    """

    def __init__(self, picture: Pixels, axis: int) -> None:
        height, width = picture.shape[:2]
        reach = 2 * int((width, height)[axis] * _FIRST_BLUR_SHARE / 2) + 1
        kernel = (reach, 1) if axis == 0 else (1, reach)
        self.picture: Pixels = cv2.blur(picture, kernel, borderType=cv2.BORDER_REFLECT)  # type: ignore[assignment]
        self._mean = self.picture.astype(np.float32)
        self._spread: Any = cv2.blur(difference(picture, self.picture), kernel).astype(np.float32)

    def compare(self, picture: Pixels, least_difference: float, quiet_share: float) -> Explained:
        """Where a picture differs from the belt by more than its texture does."""
        limits = np.maximum(_DEVIATIONS * self._spread, np.float32(least_difference)).astype(np.uint8)
        gain = mean_gain(mean_colour(picture), mean_colour(self.picture))
        seen = self._marked(multiply(picture, gain), limits, gain)
        if seen.share < quiet_share:
            return seen
        gain = explain_light(picture, self.picture, float(np.median(limits)), None).gain
        return self._marked(multiply(picture, gain), limits, gain)

    def limit(self, least_difference: float) -> float:
        """The usual difference that counts."""
        return max(least_difference, _DEVIATIONS * float(np.median(self._spread)))

    def follow(self, seen: Explained, elapsed_s: float, adapt_s: float, ground: Pixels | None) -> None:
        """Learns where nothing lies."""
        weight = 1 - math.exp(-max(elapsed_s, 0.0) / adapt_s)
        cv2.accumulateWeighted(seen.picture, self._mean, weight, ground)
        cv2.accumulateWeighted(seen.difference, self._spread, weight, ground)
        self.picture = cv2.convertScaleAbs(self._mean)  # type: ignore[assignment]

    def _marked(self, lit: Pixels, limits: Pixels, gain: Floats) -> Explained:
        differs = difference(lit, self.picture)
        return Explained(lit, differs, cv2.compare(differs, limits, cv2.CMP_GT), gain)  # type: ignore[arg-type]
