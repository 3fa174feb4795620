"""An object comes into a place that is empty otherwise, and comes to rest."""

from dataclasses import dataclass

import cv2
import numpy as np

from sorter.edge.cameras.camera import Frame
from sorter.edge.triggers.blobs import Change, count_objects, find_objects
from sorter.edge.triggers.glimpse import Glimpse
from sorter.edge.triggers.light import (
    Explained,
    Floats,
    compare,
    compare_bands,
    explain_light,
    explain_shift,
    is_lamp,
    mean_colour,
    mean_gain,
    overexposed,
    too_dark,
)
from sorter.edge.triggers.movement import Movement
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

_REST_S = 5.0
_AS_BRIGHT = 0.99
"""A picture that is no brighter than this, the inverse, is not overexposed where the empty place was not."""

_FEWEST_LOOKS = 3
"""A deep shadow that passes may look like an object at rest for a picture or two."""

_SAME_BRIGHTNESS = 1.0

_CALM_S = 0.1
"""An empty place is looked at closely this often; in between a glimpse has to do."""


@dataclass(frozen=True)
class _Rest:
    """An object that lies still, and the picture of it that was looked at closely last.

    Attributes:
        looks: How many closer looks one after the other came to the same.
    """

    at_s: float
    picture: Pixels
    mean: Floats
    observation: Observation
    looks: int


@dataclass(frozen=True)
class _Calm:
    """The empty place when it was looked at closely last."""

    at_s: float
    glimpse: Glimpse


class MotionTrigger:
    """Compares each frame with the learned picture of the empty place, and with an earlier frame.

    Without a remembered reference the place must be empty in the first frame.
    """

    settles = True

    def __init__(self, options: TriggerOptions | None = None) -> None:
        self._options = options or TriggerOptions()
        self._reference: Reference | None = None
        self._movement = Movement(self._options)
        self._ground: Pixels | None = None
        self._gain: Floats | None = None
        self._occupied = False
        self._rest: _Rest | None = None
        self._calm: _Calm | None = None
        self._quiet = False
        self._least_change = _QUIET * self._options.least_area
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
        glimpse = None if self._occupied else Glimpse(frame.image)
        if glimpse is not None and self._is_calm(glimpse, frame.captured_at_s):
            return EMPTY
        observation = self._look(frame)
        self._calm = _Calm(frame.captured_at_s, glimpse) if glimpse is not None and self._quiet else None
        return observation

    def _is_calm(self, glimpse: Glimpse, now_s: float) -> bool:
        """Whether nothing has changed since the place was seen to be empty a moment ago."""
        calm = self._calm
        if calm is None or self._wants_empty or not 0 <= now_s - calm.at_s < _CALM_S:
            return False
        return glimpse.resembles(calm.glimpse, self._options.difference)

    def _look(self, frame: Frame) -> Observation:
        self._quiet = False
        small = shrink(frame.image, self._options.width_px)
        now_s = frame.captured_at_s
        if self._reference is None or self._reference.picture.shape != small.shape:
            self._reference = Reference(small)
            self._forget()
        reference = self._reference
        elapsed_s, self._seen_at_s = now_s - self._seen_at_s, now_s
        self._movement.remember(now_s, small)
        mean = mean_colour(small)
        if (seen_before := self._as_before(small, mean)) is not None:
            return seen_before
        gain = mean_gain(mean, reference.mean)
        if blind := _blindness(small, mean, reference.picture, gain):
            self._rest = None
            return _trouble(blind)
        if self._wants_empty and not self._movement.moves(reference.noise):
            self._take_as_empty(small)
        limit = reference.limit(self._options.difference)
        seen = compare(small, reference.picture, limit, gain)
        if not self._occupied and seen.share >= self._least_change:
            seen = compare_bands(seen, reference.picture, limit)
        if seen.share < self._least_change and is_lamp(seen.gain, self._gain):
            return self._learn(seen, elapsed_s)
        observation = self._look_closer(small, limit, elapsed_s)
        self._note_rest(small, mean, observation)
        return observation

    def _learn(self, seen: Explained, elapsed_s: float) -> Observation:
        """Nothing but light has changed."""
        assert self._reference is not None
        self._occupied, self._rest, self._ground = False, None, None
        self._movement.forget_places()
        self._gain = self._reference.follow(seen, elapsed_s, self._options.adapt_s)
        self._soft_since_s = None
        # After a shadow the noise that it brought must be unlearned, frame by frame.
        self._quiet = self._reference.settled
        return EMPTY

    def _note_rest(self, small: Pixels, mean: Floats, observation: Observation) -> None:
        at_rest = observation.occupied and not observation.moving and not observation.trouble
        same = self._rest is not None and self._rest.observation == observation
        looks = self._rest.looks + 1 if self._rest is not None and same else 1
        self._rest = _Rest(self._seen_at_s, small, mean, observation, looks) if at_rest else None

    def _as_before(self, small: Pixels, mean: Floats) -> Observation | None:
        """What was seen a moment ago, where nothing has changed since: the frame that decides must not wait.

        A closer look costs ten times as much as all the rest. It is repeated after a while all the same, so that slow
        changes of light are followed.
        """
        rest = self._rest
        if rest is None or rest.looks < _FEWEST_LOOKS or self._reference is None or self._wants_empty:
            return None
        if self._seen_at_s - rest.at_s > _REST_S:
            return None
        if np.abs(mean - rest.mean).max() >= _SAME_BRIGHTNESS:
            return None
        limit = self._movement.limit(self._reference.noise)
        changed = share(above(difference(small, rest.picture), limit))
        return rest.observation if changed < self._least_change else None

    def _look_closer(self, small: Pixels, limit: float, elapsed_s: float) -> Observation:
        """Light and shaking have not been ruled out yet."""
        reference, options = self._reference, self._options
        assert reference is not None
        seen = explain_light(small, reference.picture, limit, self._ground, self._gain)
        self._gain = seen.gain
        if seen.share >= self._least_change:
            seen = explain_shift(seen, reference.picture, limit)
            self._movement.remember(self._seen_at_s, small, seen.shift)
        change = find_objects(seen, reference.picture, limit, options)
        least = options.least_area * (_STAY if self._occupied else 1)
        self._occupied = change.area >= least
        self._ground = _dilated_inverse(change.mask) if self._occupied else None
        if share(change.soft) > _WHOLE_PICTURE:
            return self._wait_for_light(small, change)
        self._soft_since_s = None
        if self._occupied and self._movement.shakes(seen.shift):
            return _trouble("The camera shakes.")
        if self._occupied:
            self._movement.remember_place(change)
            return Observation(True, self._movement.moves(reference.noise), max(1, count_objects(change, options.part)))
        if seen.shift == (0.0, 0.0):
            self._movement.forget_places()
            # What changed a little may be light that stays, or the first sight of an object: it is learned slowly.
            reference.follow(seen, elapsed_s, options.adapt_s, _dilated_inverse(seen.changed))
            reference.follow(seen, elapsed_s, _SLOWER * options.adapt_s, change.soft)
        return EMPTY

    def _wait_for_light(self, small: Pixels, change: Change) -> Observation:
        """The light has changed unevenly: once all is steady, it is the new light of the empty place."""
        reference = self._reference
        assert reference is not None
        if self._soft_since_s is None or self._movement.moves(reference.noise):
            self._soft_since_s = self._seen_at_s
        if self._seen_at_s - self._soft_since_s >= self._options.relearn_s:
            reference.adopt(small, change.mask)
            self._soft_since_s, self._gain = None, None
        return _trouble("The light has just changed.")

    def _take_as_empty(self, small: Pixels) -> None:
        self._reference = Reference(small)
        self._wants_empty = False
        self._occupied, self._rest, self._calm, self._ground = False, None, None, None
        self._gain, self._soft_since_s = None, None

    def _forget(self) -> None:
        self._movement.forget()
        self._occupied, self._rest, self._calm, self._ground = False, None, None, None
        self._gain, self._soft_since_s = None, None


def _blindness(small: Pixels, mean: Floats, empty: Pixels, gain: Floats) -> str:
    """Why nothing can be told from a picture, which ``gain`` brings to the light of the empty place; else empty."""
    if too_dark(mean):
        return "It is too dark to see anything."
    brighter = gain.min() < _AS_BRIGHT
    return "The picture is overexposed." if brighter and overexposed(small, empty) else ""


def _dilated_inverse(mask: Pixels) -> Pixels:
    """The ground around objects, with a margin for where they may move to until the next frame."""
    return cv2.bitwise_not(cv2.dilate(mask, np.ones((7, 7), np.uint8)))  # type: ignore[return-value]


def _trouble(reason: str) -> Observation:
    return Observation(occupied=True, moving=True, objects=0, trouble=reason)
