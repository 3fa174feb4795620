"""What every trigger says of a frame."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from sorter.edge.cameras.camera import Frame
from sorter.image import Pixels


@dataclass(frozen=True)
class Observation:
    """What a trigger sees in one frame.

    Attributes:
        occupied: An object is where objects are classified.
        moving: It moves, or something else does: not to be classified yet.
        objects: How many separate objects are there; 0 where none is.
        trouble: Why the trigger cannot tell (the camera shakes, the light has just changed); empty otherwise. Then
            ``occupied`` and ``moving`` are true: nothing is classified, and the place does not count as empty.
    """

    occupied: bool
    moving: bool
    objects: int
    trouble: str = ""


EMPTY = Observation(occupied=False, moving=False, objects=0)


class Trigger(Protocol):
    """Anything that says whether an object lies ready. Used by one thread.

    Attributes:
        settles: Whether objects come to rest, so that the loop waits until one lies still and until the place is
            empty again; False where the trigger itself picks the frames (a moving belt, an announcement).
    """

    settles: bool

    def observe(self, frame: Frame) -> Observation:
        """Looks at a frame; calls come in the order of the frames."""


@runtime_checkable
class LearningTrigger(Trigger, Protocol):
    """A trigger that compares with a learned picture of the empty place: all but ``StillTrigger``."""

    @property
    def reference(self) -> Pixels | None:
        """The empty place, to be remembered over a restart: uint8 BGR (h, w, 3); None while there is none."""

    def recall(self, reference: Pixels) -> None:
        """Takes a remembered picture as the empty place; to be called before the first frame."""

    def learn_empty(self) -> None:
        """Takes the next steady picture as the empty place."""


@runtime_checkable
class Announceable(Protocol):
    """A trigger that is told when an object is there."""

    @property
    def missed(self) -> int:
        """Announcements that came too soon after another one, and were ignored."""

    def announce(self, at_s: float | None = None) -> bool:
        """Says that an object is there now; False when it came too soon after another one."""


class StillTrigger:
    """For folders of pictures: each picture is an object that lies still."""

    settles = False

    def observe(self, frame: Frame) -> Observation:
        """Takes the picture as one object."""
        return Observation(occupied=True, moving=False, objects=1)
