"""When is a photo taken? After an object has come to rest, every few seconds, or when a person says so.

Time is that of the frames, so that hours of frames can be looked at in a second.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from sorter.edge.cameras.camera import Frame
from sorter.edge.events import (
    Classify,
    CommandAcknowledged,
    CommandCompleted,
    Event,
    FrameClassified,
    FrameSeen,
)
from sorter.edge.loop import STILL_OPTIONS, LoopOptions, LoopState, Phase, step
from sorter.edge.triggers.trigger import EMPTY, Trigger


@dataclass(frozen=True)
class Burst:
    """The photos of one object.

    Attributes:
        pictures: How many.
        every_s: Seconds between two of them; time enough to turn the object.
    """

    pictures: int = 1
    every_s: float = 0.5


@dataclass(frozen=True)
class Shot:
    """A photo to be taken.

    Attributes:
        frame: What it shows.
        number: Of the object, counted from 1.
        index: Of the photo in its burst, counted from 1.
        last: Whether the burst ends with it.
        objects: How many objects the trigger sees.
    """

    frame: Frame
    number: int
    index: int
    last: bool
    objects: int = 1


class Shutter(Protocol):
    """Anything that chooses the frames worth keeping."""

    def look(self, frame: Frame) -> Shot | None:
        """Looks at a frame, and says whether it is a photo; calls come in the order of the frames."""


class _Series:
    """Counts objects, and the photos of each burst."""

    def __init__(self, burst: Burst) -> None:
        self._burst = burst
        self._number = self._taken = 0
        self._taken_at_s = 0.0

    @property
    def running(self) -> bool:
        """Whether a burst has begun and not ended."""
        return self._taken > 0

    def shoot(self, frame: Frame, objects: int = 1) -> Shot | None:
        """The next photo of the burst; None where it is too early for that."""
        now_s = frame.captured_at_s
        if self.running and now_s - self._taken_at_s < self._burst.every_s:
            return None
        self._number += not self.running
        self._taken += 1
        self._taken_at_s = now_s
        shot = Shot(frame, self._number, self._taken, self._taken >= self._burst.pictures, objects)
        if shot.last:
            self.end()
        return shot

    def end(self) -> None:
        """What comes next is another object."""
        self._taken = 0


class SettledShutter:
    """Takes each object once it lies still, then waits until the place was empty: as the sorter does.

    It drives the sorter's own state machine, so that training sees what will be classified. A photo stands for the
    vote, and the person who takes the object away for the arm. A burst outlasts the object being turned.

    Args:
        trigger: Says whether an object lies there.
        burst: Photos of each object.
        options: Times of the loop.
        live: False for a folder, whose every picture is another object.
    """

    def __init__(self, trigger: Trigger, burst: Burst, options: LoopOptions, live: bool = True) -> None:
        self._trigger, self._live = trigger, live
        # A trigger that picks the frames itself, as on a belt, shows an object but for a moment.
        self._options = LoopOptions(options.settle_s, options.clear_s, votes=1) if trigger.settles else STILL_OPTIONS
        self._series = _Series(burst)
        self._state = LoopState()

    def look(self, frame: Frame) -> Shot | None:
        """Looks at a frame, and says whether it is a photo."""
        observation = self._trigger.observe(frame)
        wanted = self._feed(FrameSeen(observation), frame.captured_at_s)
        if self._state.phase is Phase.WAITING:
            self._series.end()
        shot = self._series.shoot(frame, observation.objects) if wanted else None
        if shot is not None and shot.last:
            self._finish(frame.captured_at_s)
        return shot

    def _feed(self, event: Event, now_s: float) -> bool:
        self._state, actions = step(self._state, event, now_s, self._options)
        return any(isinstance(action, Classify) for action in actions)

    def _finish(self, now_s: float) -> None:
        for event in (FrameClassified(np.ones(1, np.float32)), CommandAcknowledged(), CommandCompleted()):
            self._feed(event, now_s)
        if not self._live:
            # Between two pictures of a folder the place is empty.
            self._feed(FrameSeen(EMPTY), now_s)


class TimedShutter:
    """Takes a photo, or a burst, every few seconds, whatever lies there.

    Args:
        every_s: From the beginning of one burst to the next.
        burst: Photos each time.
    """

    def __init__(self, every_s: float, burst: Burst) -> None:
        self._every_s = every_s
        self._series = _Series(burst)
        self._next_s: float | None = None

    def look(self, frame: Frame) -> Shot | None:
        """Looks at a frame, and says whether it is a photo."""
        now_s = frame.captured_at_s
        if not self._series.running:
            if self._next_s is not None and now_s < self._next_s:
                return None
            self._next_s = now_s + self._every_s
        return self._series.shoot(frame)


class KeyShutter:
    """Takes a photo, or a burst, when a person says so.

    Args:
        pressed: Whether the key was pressed since it was last asked.
        burst: Photos each time.
    """

    def __init__(self, pressed: Callable[[], bool], burst: Burst) -> None:
        self._pressed = pressed
        self._series = _Series(burst)

    def look(self, frame: Frame) -> Shot | None:
        """Looks at a frame, and says whether it is a photo."""
        # Asked always: a key pressed during a burst is no wish for another one.
        pressed = self._pressed()
        return self._series.shoot(frame) if pressed or self._series.running else None
