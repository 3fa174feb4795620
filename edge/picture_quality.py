"""Is a photo fit to train on? A glance at light, sharpness and whether it shows anything new."""

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from sorter.image import Pixels

TOO_DARK: Final = "too dark"
OVEREXPOSED: Final = "overexposed"
BLURRED: Final = "blurred"
REPEATED: Final = "nearly identical to the previous one"

_WIDTH_PX = 320
_OUTLINE_WIDTH_PX = 64

_DARKEST = 45.0
_WHITE = 250
_MOST_WHITE = 0.2
_LEAST_SHARPNESS = 25.0
"""Of 480 sharp photos (waste on white card, and flowers) 8 have no edge as steep as this; of the same photos blurred by
3 pixels in 512 all but 2 have none. The variance of the Laplacian, often used for this, depends on how much of the
picture is plain ground and does not tell the two apart."""
_LEAST_DIFFERENCE = 1.0


@dataclass(frozen=True)
class Quality:
    """What a glance tells of a photo.

    Attributes:
        brightness: Mean grey value, 0 to 255.
        white: Share of the picture that is white: as bright as the sensor can tell.
        sharpness: Strength of its steepest edges (see ``_LEAST_SHARPNESS``).
        difference: Mean difference of grey values from the previous photo, apart from brightness; None for the first.
        warnings: What is wrong with it, for people; empty for a good one.
    """

    brightness: float
    white: float
    sharpness: float
    difference: float | None
    warnings: tuple[str, ...]


class QualityCheck:
    """Looks at one photo after the other."""

    def __init__(self) -> None:
        self._previous: npt.NDArray[np.float32] | None = None

    def look(self, image: Pixels) -> Quality:
        """Judges a photo, uint8 BGR (H, W, 3)."""
        grey = _shrink(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), _WIDTH_PX)
        edges = np.abs(cv2.Laplacian(grey, cv2.CV_32F))
        brightness, white = float(grey.mean()), float((grey >= _WHITE).mean())
        sharpness, difference = float(np.percentile(edges, 99.5)), self._difference(grey)
        found = {
            TOO_DARK: brightness < _DARKEST,
            OVEREXPOSED: white > _MOST_WHITE,
            BLURRED: sharpness < _LEAST_SHARPNESS,
            REPEATED: difference is not None and difference < _LEAST_DIFFERENCE,
        }
        return Quality(brightness, white, sharpness, difference, tuple(what for what, so in found.items() if so))

    def _difference(self, grey: Any) -> float | None:
        outline = _shrink(grey, _OUTLINE_WIDTH_PX).astype(np.float32)
        # Lamps flicker: brightness alone makes no other picture.
        outline -= outline.mean()
        previous, self._previous = self._previous, outline
        if previous is None or previous.shape != outline.shape:
            return None
        return float(np.abs(outline - previous).mean())


def _shrink(grey: Any, width_px: int) -> Any:
    height_px = max(1, round(grey.shape[0] * width_px / grey.shape[1]))
    return cv2.resize(grey, (width_px, height_px), interpolation=cv2.INTER_AREA)
