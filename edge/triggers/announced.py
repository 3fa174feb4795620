"""Somebody announces objects: the arm's sensor, a key, a program."""

import threading
import time

from sorter.edge.cameras.camera import Frame
from sorter.edge.triggers.options import TriggerOptions
from sorter.edge.triggers.place import OptionalPlace
from sorter.edge.triggers.trigger import EMPTY, Observation


class AnnouncedTrigger(OptionalPlace):
    """What is in the picture right after an announcement is an object.

    An announcement means *now*: the frames taken within ``show_s`` after it show the object, and then it has gone.
    One that comes while an earlier one is still waiting or shown is counted in ``missed`` and otherwise ignored: on a
    belt the object it meant has gone by when its turn would come, and at a place the object is still the same.

    Whoever announces is believed: with ``check_empty`` the comparison with the empty place only counts objects.
    """

    settles = False

    def __init__(self, options: TriggerOptions | None = None) -> None:
        super().__init__(options or TriggerOptions(kind="key"))
        self._lock = threading.Lock()
        self._announced_at_s: float | None = None
        self._missed = 0

    @property
    def missed(self) -> int:
        """Announcements that came while an earlier one was still waiting or shown."""
        with self._lock:
            return self._missed

    def announce(self, at_s: float | None = None) -> bool:
        """Says that an object is there now; may be called from any thread.

        Args:
            at_s: When, on the clock of ``Frame.captured_at_s``; None for now. Frames taken earlier do not count.

        Returns:
            Whether it will be shown; False when it came too soon after another one.
        """
        moment_s = time.monotonic() if at_s is None else at_s
        with self._lock:
            if self._announced_at_s is not None:
                self._missed += 1
                return False
            self._announced_at_s = moment_s
            return True

    def observe(self, frame: Frame) -> Observation:
        """Looks at a frame; calls must come in the order of the frames."""
        seen = self._place.observe(frame) if self._place is not None else EMPTY
        with self._lock:
            if self._announced_at_s is None or frame.captured_at_s < self._announced_at_s:
                return EMPTY
            if frame.captured_at_s - self._announced_at_s > self._options.show_s:
                self._announced_at_s = None
                return EMPTY
        return Observation(occupied=True, moving=False, objects=max(1, seen.objects))
