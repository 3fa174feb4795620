"""The learned picture of the empty place."""

import math

import cv2
import numpy as np
import numpy.typing as npt

from sorter.edge.triggers.light import Explained, Floats, mean_colour
from sorter.image import Pixels

_NOISE_WEIGHT = 0.05
_SETTLED = 0.1
"""The estimate of the noise has settled when it is off by less than this share."""

_DEVIATION_PER_MEAN = 1.25
"""Standard deviation of normal noise per mean absolute deviation."""

_NOISE_DEVIATIONS = 4.5
"""A difference below so many standard deviations of the noise is noise: of 20,000 pixels less than one is wrong."""

_LIGHT_REACH = 4
"""Light under an object is that of its surroundings, within this fraction of the height."""

_RELEVEL = 0.15
"""The picture is brought to the light of the day when it is off by this share."""


class Reference:
    """The empty place: what it looks like, and how much a pixel of it varies.

    Args:
        picture: uint8 BGR (h, w, 3), a thumbnail.

    Attributes:
        picture: What the empty place looks like: uint8 BGR (h, w, 3).
        mean: Its mean colour: (3,) float32.
        noise: Standard deviation of a pixel, in bytes.
        settled: Whether the last picture had as much noise as was known.
    """

    def __init__(self, picture: Pixels) -> None:
        self.picture = picture.copy()
        self.mean = mean_colour(picture)
        self.noise = 1.0
        self.settled = False
        self._average: npt.NDArray[np.float32] = picture.astype(np.float32)
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
        news = _DEVIATION_PER_MEAN * level - self.noise
        self.settled = abs(news) < _SETTLED * self.noise
        self.noise += _NOISE_WEIGHT * news
        self._pictures += 1
        weight = max(1 - math.exp(-max(elapsed_s, 0.0) / adapt_s), 1.0 / self._pictures)
        if ground is None:
            cv2.accumulateWeighted(seen.picture, self._average, weight)
        else:
            cv2.accumulateWeighted(seen.picture, self._average, weight, ground)
        gain = seen.gain
        if ground is None and np.abs(gain - 1).max() > _RELEVEL:
            self._average /= gain
            gain = np.ones(3, np.float32)
        self.picture = cv2.convertScaleAbs(self._average)  # type: ignore[assignment]
        self.mean = mean_colour(self.picture)
        return gain

    def adopt(self, picture: Pixels, covered: Pixels) -> None:
        """Takes a picture as the empty place from now on.

        Where objects cover it (255), the old picture is kept in the light that falls around them.
        """
        fresh: Pixels = picture.copy()
        visible = np.repeat((covered == 0)[..., None], 3, axis=2).astype(np.float32)
        reach = (2 * (picture.shape[0] // _LIGHT_REACH) + 1,) * 2
        here, there = (cv2.blur(p * visible, reach) for p in (picture, self.picture))
        lit = np.clip(self.picture * ((here + 1) / (there + 1)), 0, 255).astype(np.uint8)
        cv2.copyTo(lit, covered, fresh)
        self.picture, self._average, self.mean = fresh, fresh.astype(np.float32), mean_colour(fresh)
