"""An object comes into a place that is empty otherwise, and comes to rest."""

from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np

from sorter.edge.cameras.camera import Frame
from sorter.edge.triggers.blobs import Change, count_objects, find_objects
from sorter.edge.triggers.light import (
    Floats,
    compare,
    compare_bands,
    explain_light,
    explain_shift,
    is_lamp,
    mean_gain,
    overexposed,
    shifted,
    too_dark,
)
from sorter.edge.triggers.options import TriggerOptions
from sorter.edge.triggers.reference import Reference
from sorter.edge.triggers.thumbnail import above, difference, share, shrink
from sorter.edge.triggers.trigger import EMPTY, Observation
from sorter.image import Pixels

_QUIET = 0.25
"""A place in which less than this share of the least area differs is empty without a closer look."""

_STAY = 0.5
"""An object that was there still is while this share of the least area is left of it."""

_SLOWER = 5.0
"""Shadows that stay are learned so many times more slowly."""

_WHOLE_PICTURE = 0.35
"""Soft changes over this share of the picture are a change of light that must come to an end first."""


_MOTION_DEVIATIONS = 6.5
"""Two noisy pictures differ by more than a noisy one and a mean: the square root of two more."""


_SWINGING_S = 0.45
"""Machines shake faster than three times a second; so long a watch holds whole swings."""

_SWING_PX = 0.6
_SAME_AREA = 0.75
_SHAKING_PX = 0.25
_FEWEST_SHIFTS = 6

_REST_S = 5.0
_AS_BRIGHT = 0.99
"""A picture that is no brighter than this, the inverse, is not overexposed where the empty place was not."""

_FEWEST_LOOKS = 3
"""A deep shadow that passes may look like an object at rest for a picture or two."""

_SAME_BRIGHTNESS = 1.0

_EXPLAINED = 0.5
"""A swing explains at least this share of the motion."""


@dataclass(frozen=True)
class _Moment:
    """An earlier picture, and by how much the camera was out of place."""

    at_s: float
    picture: Pixels
    shift: tuple[float, float]


@dataclass(frozen=True)
class _Rest:
    """An object that lies still, and the picture of it that was looked at closely last.

    Attributes:
        looks: How many closer looks one after the other came to the same.
    """

    at_s: float
    picture: Pixels
    observation: Observation
    looks: int


class MotionTrigger:
    """Compares each frame with the learned picture of the empty place, and with an earlier frame.

    Without a remembered reference the place must be empty in the first frame.
    """

    settles = True

    def __init__(self, options: TriggerOptions | None = None) -> None:
        self._options = options or TriggerOptions()
        self._reference: Reference | None = None
        self._history: deque[_Moment] = deque()
        self._shifts: deque[tuple[float, float, float]] = deque()
        self._places: deque[tuple[float, float, float, float]] = deque()
        self._ground: Pixels | None = None
        self._gain: Floats | None = None
        self._occupied = False
        self._rest: _Rest | None = None
        self._wants_empty = False
        self._seen_at_s = 0.0
        self._soft_since_s: float | None = None

    @property
    def reference(self) -> Pixels | None:
        """The empty place, to be remembered over a restart: uint8 BGR (h, w, 3); None before the first frame."""
        return None if self._reference is None else self._reference.picture.copy()

    def recall(self, reference: Pixels) -> None:
        """Takes a remembered picture as the empty place; one of another shape is of no use and is forgotten."""
        self._reference = Reference(reference)
        self._forget()

    def learn_empty(self) -> None:
        """Takes the next steady picture as the empty place."""
        self._wants_empty = True

    def observe(self, frame: Frame) -> Observation:
        """Looks at a frame; calls must come in the order of the frames."""
        small = shrink(frame.image, self._options.width_px)
        now_s = frame.captured_at_s
        if self._reference is None or self._reference.picture.shape != small.shape:
            self._reference = Reference(small)
            self._forget()
        reference = self._reference
        elapsed_s, self._seen_at_s = now_s - self._seen_at_s, now_s
        self._remember(small)
        if (seen_before := self._as_before(small)) is not None:
            return seen_before
        gain = mean_gain(small, reference.picture)
        if blind := _blindness(small, reference.picture, gain):
            self._rest = None
            return _trouble(blind)
        if self._wants_empty and not self._moves():
            self._take_as_empty(small)
        limit = reference.limit(self._options.difference)
        seen = compare(small, reference.picture, limit, gain)
        if not self._occupied and seen.share >= _QUIET * self._options.least_area:
            seen = compare_bands(seen, reference.picture, limit)
        if seen.share < _QUIET * self._options.least_area and is_lamp(seen.gain, self._gain):
            self._occupied, self._rest, self._ground = False, None, None
            self._places.clear()
            self._gain = reference.follow(seen, elapsed_s, self._options.adapt_s)
            self._soft_since_s = None
            return EMPTY
        observation = self._look_closer(small, limit, elapsed_s)
        at_rest = observation.occupied and not observation.moving and not observation.trouble
        same = self._rest is not None and self._rest.observation == observation
        looks = self._rest.looks + 1 if self._rest is not None and same else 1
        self._rest = _Rest(now_s, small, observation, looks) if at_rest else None
        return observation

    def _as_before(self, small: Pixels) -> Observation | None:
        """What was seen a moment ago, where nothing has changed since: the frame that decides must not wait.

        A closer look costs ten times as much as all the rest. It is repeated after a while all the same, so that slow
        changes of light are followed.
        """
        rest, options = self._rest, self._options
        if rest is None or rest.looks < _FEWEST_LOOKS or self._reference is None or self._wants_empty:
            return None
        if self._seen_at_s - rest.at_s > _REST_S:
            return None
        brighter = np.subtract(cv2.mean(small)[:3], cv2.mean(rest.picture)[:3])
        limit = max(options.motion_difference, _MOTION_DEVIATIONS * self._reference.noise)
        changed = share(above(difference(small, rest.picture), limit))
        same = changed < _QUIET * options.least_area and np.abs(brighter).max() < _SAME_BRIGHTNESS
        return rest.observation if same else None

    def _look_closer(self, small: Pixels, limit: float, elapsed_s: float) -> Observation:
        """Light and shaking have not been ruled out yet."""
        reference, options = self._reference, self._options
        assert reference is not None
        seen = explain_light(small, reference.picture, limit, self._ground, self._gain)
        self._gain = seen.gain
        if seen.share >= _QUIET * options.least_area:
            seen = explain_shift(seen, reference.picture, limit)
            self._remember(small, seen.shift)
        change = find_objects(seen, reference.picture, limit, options)
        least = options.least_area * (_STAY if self._occupied else 1)
        self._occupied = change.area >= least
        self._ground = _dilated_inverse(change.mask) if self._occupied else None
        if share(change.soft) > _WHOLE_PICTURE:
            return self._wait_for_light(small, change)
        self._soft_since_s = None
        if self._occupied and self._shakes(seen.shift):
            return _trouble("The camera shakes.")
        if self._occupied:
            self._remember_place(change)
            return Observation(True, self._moves(), max(1, count_objects(change, options.part)))
        if seen.shift == (0.0, 0.0):
            self._places.clear()
            # What changed a little may be light that stays, or the first sight of an object: it is learned slowly.
            reference.follow(seen, elapsed_s, options.adapt_s, _dilated_inverse(seen.changed))
            reference.follow(seen, elapsed_s, _SLOWER * options.adapt_s, change.soft)
        return EMPTY

    def _wait_for_light(self, small: Pixels, change: Change) -> Observation:
        """The light has changed unevenly: once all is steady, it is the new light of the empty place."""
        assert self._reference is not None
        if self._soft_since_s is None or self._moves():
            self._soft_since_s = self._seen_at_s
        if self._seen_at_s - self._soft_since_s >= self._options.relearn_s:
            self._reference.adopt(small, change.mask)
            self._soft_since_s, self._gain = None, None
        return _trouble("The light has just changed.")

    def _remember(self, small: Pixels, shift: tuple[float, float] = (0.0, 0.0)) -> None:
        """Keeps the newest pictures; the same moment again corrects where the camera was."""
        history = self._history
        if history and history[-1].at_s == self._seen_at_s:
            history.pop()
        history.append(_Moment(self._seen_at_s, small, shift))
        while len(history) > 2 and self._seen_at_s - history[1].at_s >= self._options.motion_s:
            history.popleft()

    def _moves(self) -> bool:
        """Whether something moved since a little while ago; light or a camera that changed alone is no motion."""
        before, now, options = self._history[0], self._history[-1], self._options
        noise = self._reference.noise if self._reference is not None else 0.0
        limit = max(options.motion_difference, _MOTION_DEVIATIONS * noise)
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

    def _shakes(self, shift: tuple[float, float]) -> bool:
        """Whether the ground itself was seen to move to and fro; what is left of its pattern looks like objects."""
        shifts = self._shifts
        shifts.append((self._seen_at_s, *shift))
        while self._seen_at_s - shifts[0][0] > _SWINGING_S and len(shifts) > _FEWEST_SHIFTS:
            shifts.popleft()
        spread = np.ptp(np.array([moment[1:] for moment in shifts]), axis=0)
        return bool(spread.max() > _SHAKING_PX)

    def _remember_place(self, change: Change) -> None:
        places = self._places
        x, y = change.objects[0].centre if change.objects else (-1e3, -1e3)
        places.append((self._seen_at_s, x, y, change.area))
        while self._seen_at_s - places[0][0] > _SWINGING_S:
            places.popleft()

    def _drifts(self) -> bool:
        """Whether the object is on its way somewhere, or has not been watched long enough to say.

        On plain ground a camera that shakes cannot be told from an object that moves by one picture or two, but a
        shaking camera swings around a place.
        """
        places = self._places
        if not places or self._seen_at_s - places[0][0] < 0.8 * _SWINGING_S:
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

    def _take_as_empty(self, small: Pixels) -> None:
        self._reference = Reference(small)
        self._wants_empty = False
        self._occupied, self._rest, self._ground = False, None, None
        self._gain, self._soft_since_s = None, None

    def _forget(self) -> None:
        self._history.clear()
        self._places.clear()
        self._occupied, self._rest, self._ground = False, None, None
        self._gain, self._soft_since_s = None, None


def _blindness(small: Pixels, empty: Pixels, gain: Floats) -> str:
    """Why nothing can be told from a picture, which ``gain`` brings to the light of the empty place; else empty."""
    if too_dark(small):
        return "It is too dark to see anything."
    brighter = gain.min() < _AS_BRIGHT
    return "The picture is overexposed." if brighter and overexposed(small, empty) else ""


def _dilated_inverse(mask: Pixels) -> Pixels:
    """The ground around objects, with a margin for where they may move to until the next frame."""
    return cv2.bitwise_not(cv2.dilate(mask, np.ones((7, 7), np.uint8)))  # type: ignore[return-value]


def _trouble(reason: str) -> Observation:
    return Observation(occupied=True, moving=True, objects=0, trouble=reason)
