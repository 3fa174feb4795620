"""When does an object lie ready to be classified?"""

from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from sorter.edge.cameras.camera import Frame
from sorter.image import Pixels


@dataclass(frozen=True)
class Observation:
    """What a trigger sees in one frame.

    Attributes:
        occupied: Something lies in the place that is empty otherwise.
        moving: Something moves.
        objects: How many separate objects lie there; 0 where none does.
    """

    occupied: bool
    moving: bool
    objects: int


EMPTY = Observation(occupied=False, moving=False, objects=0)


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
        learning_frames: Frames from which the empty place is learned at the start.
        adaptation: Weight of each new frame of the empty place, so that slow changes of light are followed.
        part: An object smaller than this share of the largest one is counted as a part of it.
    """

    width_px: int = 160
    difference: float = 24.0
    motion_difference: float = 14.0
    least_area: float = 0.01
    least_motion_area: float = 0.004
    interval_s: float = 0.1
    learning_frames: int = 5
    adaptation: float = 0.02
    part: float = 0.25


class MotionTrigger:
    """Compares each frame with the learned picture of the empty place, and with an earlier frame.

    The place must be empty while it is learned, in the first ``learning_frames`` frames.
    """

    def __init__(self, options: MotionOptions | None = None) -> None:
        self._options = options or MotionOptions()
        self._reference: npt.NDArray[np.float32] | None = None
        self._learned = 0
        self._history: deque[tuple[float, npt.NDArray[np.float32]]] = deque()

    def observe(self, frame: Frame) -> Observation:
        """Looks at a frame; calls must come in the order of the frames."""
        small = self._shrink(frame.image)
        if self._reference is None or self._reference.shape != small.shape:
            self._reference, self._learned = small.copy(), 0
            self._history.clear()
        moving = self._moves(small, frame.captured_at_s)
        if self._learned < self._options.learning_frames:
            self._learned += 1
            cv2.accumulateWeighted(small, self._reference, 1.0 / self._learned)
            return EMPTY
        mask = self._mask(small, self._reference, self._options.difference)
        if np.count_nonzero(mask) >= self._options.least_area * mask.size:
            return Observation(True, moving, self._count(mask))
        if not moving:
            cv2.accumulateWeighted(small, self._reference, self._options.adaptation)
        return Observation(False, moving, 0)

    def _shrink(self, image: Pixels) -> npt.NDArray[np.float32]:
        height = max(1, round(image.shape[0] * self._options.width_px / image.shape[1]))
        small = cv2.resize(image, (self._options.width_px, height), interpolation=cv2.INTER_AREA)
        return small.astype(np.float32)

    def _moves(self, small: npt.NDArray[np.float32], now_s: float) -> bool:
        history = self._history
        history.append((now_s, small))
        while len(history) > 2 and now_s - history[1][0] >= self._options.interval_s:
            history.popleft()
        mask = self._mask(small, history[0][1], self._options.motion_difference)
        return bool(np.count_nonzero(mask) >= self._options.least_motion_area * mask.size)

    @staticmethod
    def _mask(
        first: npt.NDArray[np.float32], second: npt.NDArray[np.float32], difference: float
    ) -> npt.NDArray[np.uint8]:
        # The strongest channel decides: a lemon on a grey belt may differ in blue alone.
        mask: npt.NDArray[np.uint8] = (cv2.absdiff(first, second).max(axis=2) > difference).astype(np.uint8)
        return mask

    def _count(self, mask: npt.NDArray[np.uint8]) -> int:
        kernel = np.ones((2 * (mask.shape[0] // 16) + 1,) * 2, np.uint8)
        whole = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, kernel)
        _, _, stats, _ = cv2.connectedComponentsWithStats(whole)
        areas = stats[1:, cv2.CC_STAT_AREA]
        return int(np.count_nonzero(areas >= self._options.part * areas.max())) if len(areas) else 0


class StillTrigger:
    """For folders of pictures: each picture is an object that lies still."""

    def observe(self, frame: Frame) -> Observation:
        """Takes the picture as one object."""
        return Observation(occupied=True, moving=False, objects=1)
