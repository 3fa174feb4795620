"""Tells good pictures from old, black and frozen ones by what they show and when they come.

Return codes do not tell: OpenCV reports success with the last picture after some cameras are unplugged, and not all
drivers obey a short queue. Pure code; the clock is an argument.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from sorter.edge.cameras.options import CameraOptions
from sorter.image import Pixels

Verdict = Literal["good", "old", "black", "frozen"]

OLDEST_S = 1.0
"""A picture whose own time stamp is older was in a queue."""

_ROW_STEP = 8
_PIXEL_STEP = 16
_BLACK_SHARE = 0.99
_FEWEST_EQUAL = 3

_STALL_PERIODS, _LEAST_STALL_S = 3.0, 0.1
"""A gap longer than both is a stall: what comes after it may have waited in a queue."""

_LIVE_WAIT = 0.5
"""A frame that came this share of a period after the one before was waited for, so it is live."""

_FIRST_WAIT_S = 0.001
"""The same while the period is unknown: taking a frame out of a queue takes less."""

_LONGEST_CATCH_UP_S = 2.0
"""After so long the stream is not catching up: its rate has changed."""

_PERIOD_WEIGHT = 0.1


@dataclass(frozen=True)
class Glance:
    """What the guard looks at in a picture.

    Attributes:
        sample: Bytes of every eighth row. Only a picture that is equal throughout is likely to have the same.
        black: Whether nearly nothing in it is brighter than the black level.
    """

    sample: bytes
    black: bool


def glance(image: Pixels, black_level: int) -> Glance:
    """Looks at a picture, uint8 BGR (H, W, 3), in some 15 µs at 640x480.

    Whole rows are copied because that is one memcpy each; scattered pixels take twenty times as long.
    """
    some = image[::_PIXEL_STEP, ::_PIXEL_STEP]
    black = int(np.count_nonzero(some <= black_level)) >= _BLACK_SHARE * some.size
    return Glance(image[::_ROW_STEP].tobytes(), black)


class Guard:
    """Judges the frames of one camera, in order.

    Args:
        options: Limits.
        noisy: Whether equal pictures mean that the camera hangs (see ``Camera``).
    """

    def __init__(self, options: CameraOptions, noisy: bool = True) -> None:
        self._frozen_s = options.frozen_s if noisy else 0.0
        self._sees_black = options.black_s > 0
        self._period_s: float | None = None
        self._arrived_at_s: float | None = None
        self._catching_up_since_s: float | None = None
        self._sample = b""
        self._equal = 0
        self._equal_since_s = 0.0
        self._frozen = False

    def restart(self) -> None:
        """The camera was opened again. A frozen picture stays frozen until another one comes."""
        self._arrived_at_s = self._catching_up_since_s = None

    def judge(self, seen: Glance, captured_at_s: float, now_s: float) -> Verdict:
        """Judges the next frame.

        Args:
            seen: A glance at it.
            captured_at_s: Its time stamp, as far as the camera gives one; else when it arrived.
            now_s: When it arrived.
        """
        frozen = self._is_frozen(seen.sample, now_s)
        old = self._is_queued(now_s) or now_s - captured_at_s > OLDEST_S
        if seen.black and self._sees_black:
            # Without light there may be no noise either: black says more than frozen.
            return "black"
        if frozen:
            return "frozen"
        return "old" if old else "good"

    def _is_frozen(self, sample: bytes, now_s: float) -> bool:
        if sample != self._sample:
            self._sample, self._equal, self._equal_since_s, self._frozen = sample, 0, now_s, False
            return False
        self._equal += 1
        lasted = self._frozen_s > 0 and now_s - self._equal_since_s >= self._frozen_s
        self._frozen = self._frozen or (lasted and self._equal >= _FEWEST_EQUAL)
        return self._frozen

    def _is_queued(self, now_s: float) -> bool:
        """Whether the frame may have waited in a queue during a stall: until one had to be waited for again."""
        before_s, self._arrived_at_s = self._arrived_at_s, now_s
        if before_s is None:
            self._catching_up_since_s = now_s
            return True
        wait_s = now_s - before_s
        if self._catching_up_since_s is None:
            if not self._is_stall(wait_s):
                self._learn(wait_s)
                return False
            self._catching_up_since_s = now_s
            return True
        if now_s - self._catching_up_since_s >= _LONGEST_CATCH_UP_S:
            self._period_s = None
        elif self._is_stall(wait_s) or wait_s < self._live_wait_s():
            return True
        self._catching_up_since_s = None
        self._learn(wait_s)
        return False

    def _is_stall(self, wait_s: float) -> bool:
        return self._period_s is not None and wait_s > max(_STALL_PERIODS * self._period_s, _LEAST_STALL_S)

    def _live_wait_s(self) -> float:
        return _FIRST_WAIT_S if self._period_s is None else _LIVE_WAIT * self._period_s

    def _learn(self, wait_s: float) -> None:
        known_s = wait_s if self._period_s is None else self._period_s
        self._period_s = known_s + _PERIOD_WEIGHT * (wait_s - known_s)
