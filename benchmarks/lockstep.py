"""A camera and a trigger in lockstep: each picture is looked at, and the next comes at once. Sorting at full speed."""

import threading
import time

from sorter.benchmarks.prepared import Pictures
from sorter.edge.cameras.camera import Camera, Frame
from sorter.edge.triggers.motion import MotionTrigger
from sorter.edge.triggers.options import TriggerOptions
from sorter.edge.triggers.trigger import Observation

_EMPTY_FRAMES = 3
_FIRST_EMPTY_FRAMES = 30
_LONGEST_WAIT_S = 0.5


class LockstepCamera(Camera):
    """Gives a picture as soon as the one before was looked at: none is dropped, so no object is missed by chance.

    It says that its pictures are recorded, since they come in no camera's rhythm.

    Args:
        pictures: What it shows, object after object without end.
        objects: After so many taken away the place stays empty.
    """

    live = True
    recorded = True

    def __init__(self, pictures: Pictures, objects: int) -> None:
        self.name = "camera in lockstep"
        self._pictures, self._objects = pictures, objects
        self._changed = threading.Condition()
        self._number, self._looked_at = -1, -1
        self._taken, self._empty_left = 0, _FIRST_EMPTY_FRAMES

    def open(self) -> None:
        """Nothing to open."""

    def read(self) -> Frame | None:
        """The next picture, once the last one was looked at; after a while in any case, as not all are."""
        with self._changed:
            self._changed.wait_for(lambda: self._looked_at >= self._number, _LONGEST_WAIT_S)
            self._number += 1
            number, each = self._number, self._pictures.objects[self._taken % len(self._pictures.objects)]
            if self._empty_left > 0 or self._taken >= self._objects:
                self._empty_left -= 1
                each = self._pictures.empty
        return Frame(each[number % len(each)], time.monotonic(), number)

    def looked(self, frame: Frame) -> None:
        """A picture was looked at."""
        with self._changed:
            self._looked_at = max(self._looked_at, frame.number)
            self._changed.notify_all()

    def take(self, _bin: int = 0) -> None:
        """The object has been taken away."""
        with self._changed:
            self._taken += 1
            self._empty_left = _EMPTY_FRAMES

    def close(self) -> None:
        """Nothing to close."""


class LockstepTrigger(MotionTrigger):
    """The usual trigger; tells the camera what it has looked at.

    Args:
        options: As ever.
        camera: Whom to tell.
    """

    def __init__(self, options: TriggerOptions, camera: LockstepCamera) -> None:
        super().__init__(options)
        self._camera = camera

    def observe(self, frame: Frame) -> Observation:
        """Looks at a frame."""
        seen = super().observe(frame)
        self._camera.looked(frame)
        return seen
