"""The learned picture of the empty place."""

import math

import cv2
import numpy as np
import numpy.typing as npt

from sorter.edge.triggers.light import Explained, Floats, multiply
from sorter.image import Pixels

_NOISE_WEIGHT = 0.05
_DEVIATION_PER_MEAN = 1.25
"""Standard deviation of normal noise per mean absolute deviation."""

_NOISE_DEVIATIONS = 4.5
"""A difference below so many standard deviations of the noise is noise: of 20,000 pixels less than one is wrong."""

_RELEVEL = 0.15
"""The picture is brought to the light of the day when it is off by this share."""


class Reference:
    """The empty place: what it looks like, and how much a pixel of it varies.

    Args:
        picture: uint8 BGR (h, w, 3), a thumbnail.

    Attributes:
        picture: What the empty place looks like: uint8 BGR (h, w, 3).
        noise: Standard deviation of a pixel, in bytes.
    """

    def __init__(self, picture: Pixels) -> None:
        self.picture = picture.copy()
        self.noise = 1.0
        self._mean: npt.NDArray[np.float32] = picture.astype(np.float32)
        self._pictures = 1

    def limit(self, difference: float) -> float:
        """The difference that counts: the one wished for, or more where the picture is noisy."""
        return max(difference, _NOISE_DEVIATIONS * self.noise)

    def follow(self, seen: Explained, elapsed_s: float, adapt_s: float, ground: Pixels | None = None) -> Floats:
        """Learns from a picture in which nothing lies, or nothing where ``ground`` (h, w) is 255.

        Returns:
            (3,) the gain that now brings such a picture to the light of the reference.
        """
        # Three channels' maximum of the absolute noise is 1.6 times its mean.
        level = cv2.mean(seen.difference, ground)[0] / 1.6 if ground is not None else cv2.mean(seen.difference)[0] / 1.6
        self.noise += _NOISE_WEIGHT * (_DEVIATION_PER_MEAN * level - self.noise)
        self._pictures += 1
        weight = max(1 - math.exp(-max(elapsed_s, 0.0) / adapt_s), 1.0 / self._pictures)
        if ground is None:
            cv2.accumulateWeighted(seen.picture, self._mean, weight)
        else:
            cv2.accumulateWeighted(seen.picture, self._mean, weight, ground)
        gain = seen.gain
        if ground is None and np.abs(gain - 1).max() > _RELEVEL:
            self._mean /= gain
            gain = np.ones(3, np.float32)
        self.picture = cv2.convertScaleAbs(self._mean)  # type: ignore[assignment]
        return gain

    def adopt(self, picture: Pixels, seen: Explained, covered: Pixels | None = None) -> None:
        """Takes a picture as the empty place from now on; where objects cover it, keeps the old one in new light."""
        fresh = picture.copy()
        if covered is not None:
            old = multiply(self.picture, (1 / seen.gain).astype(np.float32))
            cv2.copyTo(old, covered, fresh)
        self.picture, self._mean = fresh, fresh.astype(np.float32)
