"""An object comes into a place that is empty otherwise, and comes to rest."""

from collections import deque
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from sorter.edge.cameras.camera import Frame
from sorter.edge.triggers.trigger import Observation
from sorter.image import Pixels


@dataclass(frozen=True)
class MotionOptions:
    """What counts as an object and as motion.

    Attributes:
        width_px: Frames are compared at this width; noise averages out and the comparison costs little.
        difference: Difference of a colour channel (0..255) from the empty place that belongs to an object.
        motion_difference: Difference of a colour channel between two moments that is motion.
        least_area: Share of the picture that an object covers at least.
        least_motion_area: Share of the picture that moves at least.
        interval_s: Distance of the two moments compared for motion; far enough apart to see slow motion too.
        adaptation: Weight of each new frame of the empty place, so that slow changes of light are followed. The first
            frames weigh more, until so many were averaged that each has this weight.
        part: An object smaller than this share of the largest one is counted as a part of it.
    """

    width_px: int = 160
    difference: float = 24.0
    motion_difference: float = 14.0
    least_area: float = 0.01
    least_motion_area: float = 0.004
    interval_s: float = 0.1
    adaptation: float = 0.02
    part: float = 0.25


class MotionTrigger:
    """Compares each frame with the learned picture of the empty place, and with an earlier frame.

    The place must be empty in the first frame.
    """

    settles = True

    def __init__(self, options: MotionOptions | None = None) -> None:
        self._options = options or MotionOptions()
        self._empty: npt.NDArray[np.float32] | None = None
        self._averaged = 0
        self._history: deque[tuple[float, Pixels]] = deque()

    def observe(self, frame: Frame) -> Observation:
        """Looks at a frame; calls must come in the order of the frames."""
        small = self._shrink(frame.image)
        if self._empty is None or self._empty.shape != small.shape:
            self._empty, self._averaged = small.astype(np.float32), 1
            self._history.clear()
        moving = self._moves(small, frame.captured_at_s)
        changed = _changed(small, cv2.convertScaleAbs(self._empty), self._options.difference)
        if cv2.countNonZero(changed) >= self._options.least_area * changed.size:
            return Observation(True, moving, self._count(changed))
        if not moving:
            self._averaged += 1
            cv2.accumulateWeighted(small, self._empty, max(self._options.adaptation, 1.0 / self._averaged))
        return Observation(False, moving, 0)

    def _shrink(self, image: Pixels) -> Pixels:
        height = max(1, round(image.shape[0] * self._options.width_px / image.shape[1]))
        return cv2.resize(image, (self._options.width_px, height), interpolation=cv2.INTER_AREA)  # type: ignore[return-value]

    def _moves(self, small: Pixels, now_s: float) -> bool:
        history = self._history
        history.append((now_s, small))
        while len(history) > 2 and now_s - history[1][0] >= self._options.interval_s:
            history.popleft()
        changed = _changed(small, history[0][1], self._options.motion_difference)
        return cv2.countNonZero(changed) >= self._options.least_motion_area * changed.size

    def _count(self, changed: Pixels) -> int:
        kernel = np.ones((2 * (changed.shape[0] // 16) + 1,) * 2, np.uint8)
        whole = cv2.morphologyEx(changed, cv2.MORPH_CLOSE, kernel)
        _, _, stats, _ = cv2.connectedComponentsWithStats(whole)
        areas = stats[1:, cv2.CC_STAT_AREA]
        return int(np.count_nonzero(areas >= self._options.part * areas.max())) if len(areas) else 0


def _changed(first: Pixels, second: Any, difference: float) -> Pixels:
    """Marks with 255 where a colour channel differs: a lemon on a grey belt may differ in blue alone."""
    blue, green, red = cv2.split(cv2.absdiff(first, second))
    _, mask = cv2.threshold(cv2.max(cv2.max(blue, green), red), difference, 255, cv2.THRESH_BINARY)
    return mask  # type: ignore[return-value]
