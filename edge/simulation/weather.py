"""What disturbs the light and the camera above the simulated platform: flicker, dusk, shadows, shaking."""

import math

import cv2
import numpy as np

from sorter.edge.simulation.world_options import WorldOptions
from sorter.image import Pixels

_BEAT_HZ = 1.7
"""Mains light flickers at 100 or 120 Hz; what a 30 Hz camera sees of it is a slow beat."""

_SHAKES_HZ = (7.3, 9.1)
"""Across and down; a frame on rubber feet swings so fast."""

_SHADOW_SHARE = 0.2
_SHADOW_WIDTH = 0.4
_SHADOW_COLUMNS = 64


class Weather:
    """Disturbs pictures as time goes by; the time of the first one is the beginning.

    Args:
        options: Strength of each disturbance.
        shape: (height, width) of the pictures.
    """

    def __init__(self, options: WorldOptions, shape: tuple[int, ...]) -> None:
        self._options = options
        self._height, self._width = shape[:2]
        self._began_s: float | None = None

    def disturb(self, picture: Pixels, now_s: float) -> Pixels:
        """A changed copy of a picture, uint8 BGR (H, W, 3)."""
        if self._began_s is None:
            self._began_s = now_s
        options, since_s = self._options, now_s - self._began_s
        if options.shake_px:
            picture = self._shaken(picture, since_s)
        gain = 1 + options.flicker * math.sin(now_s * 2 * math.pi * _BEAT_HZ)
        gain *= 1 - options.dusk * (0.5 - 0.5 * math.cos(since_s * 2 * math.pi / options.dusk_s))
        lit = cv2.convertScaleAbs(picture, alpha=gain)
        if options.shadow:
            lit = self._shadowed(lit, since_s)  # type: ignore[arg-type]
        return lit  # type: ignore[return-value]

    def _shaken(self, picture: Pixels, since_s: float) -> Pixels:
        across, down = (self._options.shake_px * math.sin(since_s * 2 * math.pi * hz) for hz in _SHAKES_HZ)
        shift = np.array([[1, 0, across], [0, 1, down]], np.float32)
        return cv2.warpAffine(picture, shift, (self._width, self._height), borderMode=cv2.BORDER_REPLICATE)  # type: ignore[return-value]

    def _shadowed(self, picture: Pixels, since_s: float) -> Pixels:
        """Darkened where the shadow is: a soft band that walks from left to right."""
        passed = (since_s % self._options.shadow_s) / (self._options.shadow_s * _SHADOW_SHARE)
        if since_s < self._options.shadow_s or passed > 1:
            # None in the first interval: what an empty platform looks like is learned in good light.
            return picture
        centre = -_SHADOW_WIDTH + passed * (1 + 2 * _SHADOW_WIDTH)
        away = (np.linspace(0, 1, _SHADOW_COLUMNS, dtype=np.float32) - centre) / (_SHADOW_WIDTH / 2)
        depth = self._options.shadow * np.exp(-(away**2))
        columns = cv2.resize(1 - depth[np.newaxis], (self._width, self._height), interpolation=cv2.INTER_LINEAR)
        return cv2.multiply(picture, cv2.merge([columns] * 3), dtype=cv2.CV_8U)  # type: ignore[return-value]
