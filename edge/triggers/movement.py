"""Whether something moves, and whether it is the object or the camera."""

from collections import deque
from dataclasses import dataclass

import numpy as np

from sorter.edge.triggers.blobs import Change
from sorter.edge.triggers.light import explain_light, explain_shift, shifted
from sorter.edge.triggers.options import TriggerOptions
from sorter.edge.triggers.thumbnail import above, difference, share
from sorter.image import Pixels

_DEVIATIONS = 6.5
"""Two noisy pictures differ by more than a noisy one and a mean: the square root of two more."""

_SWINGING_S = 0.45
"""Machines shake faster than three times a second; so long a watch holds whole swings."""

_SWING_PX = 0.6
_SAME_AREA = 0.75
_SHAKING_PX = 0.25
_FEWEST_SHIFTS = 6

_EXPLAINED = 0.5
"""A swing explains at least this share of the motion."""


@dataclass(frozen=True)
class _Moment:
    """An earlier picture, and by how much the camera was out of place."""

    at_s: float
    picture: Pixels
    shift: tuple[float, float]


class Movement:
    """What was seen in the last moments.

    Args:
        options: What counts as motion.
    """

    def __init__(self, options: TriggerOptions) -> None:
        self._options = options
        self._history: deque[_Moment] = deque()
        self._shifts: deque[tuple[float, float, float]] = deque()
        self._places: deque[tuple[float, float, float, float]] = deque()

    def limit(self, noise: float) -> float:
        """The difference between two pictures that counts, where a pixel's noise has this standard deviation."""
        return max(self._options.motion_difference, _DEVIATIONS * noise)

    def remember(self, at_s: float, picture: Pixels, shift: tuple[float, float] = (0.0, 0.0)) -> None:
        """Keeps the newest pictures, uint8 BGR (h, w, 3); the same moment again corrects where the camera was."""
        history = self._history
        if history and history[-1].at_s == at_s:
            history.pop()
        history.append(_Moment(at_s, picture, shift))
        while len(history) > 2 and at_s - history[1].at_s >= self._options.motion_s:
            history.popleft()

    def remember_place(self, change: Change) -> None:
        """Keeps where the object was, and how large."""
        places, at_s = self._places, self._history[-1].at_s
        x, y = change.objects[0].centre if change.objects else (-1e3, -1e3)
        places.append((at_s, x, y, change.area))
        while at_s - places[0][0] > _SWINGING_S:
            places.popleft()

    def forget_places(self) -> None:
        """There is no object any more."""
        self._places.clear()

    def forget(self) -> None:
        """What was seen so far has nothing to do with what comes."""
        self._history.clear()
        self._places.clear()

    def moves(self, noise: float) -> bool:
        """Whether something moved since a little while ago; light or a camera that changed alone is no motion."""
        before, now, options = self._history[0], self._history[-1], self._options
        limit = self.limit(noise)
        if share(above(difference(now.picture, before.picture), limit)) < options.least_motion_area:
            return False
        first, second = (shifted(moment.picture, moment.shift) for moment in (now, before))
        seen = explain_light(first, second, limit)
        if seen.share < options.least_motion_area:
            return False
        if self._drifts():
            return True
        # An object that turns on the spot is not explained by a shift.
        return explain_shift(seen, second, limit).share >= max(options.least_motion_area, _EXPLAINED * seen.share)

    def shakes(self, shift: tuple[float, float]) -> bool:
        """Whether the ground itself was seen to move to and fro; what is left of its pattern looks like objects."""
        shifts, at_s = self._shifts, self._history[-1].at_s
        shifts.append((at_s, *shift))
        while at_s - shifts[0][0] > _SWINGING_S and len(shifts) > _FEWEST_SHIFTS:
            shifts.popleft()
        spread = np.ptp(np.array([moment[1:] for moment in shifts]), axis=0)
        return bool(spread.max() > _SHAKING_PX)

    def _drifts(self) -> bool:
        """Whether the object is on its way somewhere, or has not been watched long enough to say.

        On plain ground a camera that shakes cannot be told from an object that moves by one picture or two, but a
        shaking camera swings around a place.
        """
        places = self._places
        if not places or self._history[-1].at_s - places[0][0] < 0.8 * _SWINGING_S:
            return True
        areas = [place[3] for place in places]
        # What a shift of the ground's own pattern shows grows and shrinks; an object does not.
        if min(areas) < _SAME_AREA * max(areas):
            return True
        half = len(places) // 2
        earlier, later = (
            np.mean([p[1:3] for p in part], axis=0) for part in (list(places)[:half], list(places)[half:])
        )
        return bool(np.abs(earlier - later).max() > _SWING_PX)
