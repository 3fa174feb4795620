"""The trigger at work in a thread of its own, while the network names the same frame."""

import os
import queue
import threading
import time
from dataclasses import dataclass

from sorter.edge.cameras.camera import Frame
from sorter.edge.triggers.trigger import Observation, Trigger


@dataclass(frozen=True)
class Sight:
    """What the trigger says of a frame.

    Attributes:
        observation: What it sees.
        duration_s: How long it looked.
    """

    observation: Observation
    duration_s: float


class Lookout:
    """Has a trigger look at frames, here or beside what this thread does. One frame at a time.

    Args:
        trigger: Looks at the frames; used by nobody else meanwhile.
    """

    def __init__(self, trigger: Trigger) -> None:
        self._trigger = trigger
        self._frames: queue.SimpleQueue[Frame | None] = queue.SimpleQueue()
        self._sights: queue.SimpleQueue[Sight | Exception] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Starts the thread, where there is a second core for it."""
        if available_cores() > 1:
            self._thread = threading.Thread(target=self._work, name="trigger", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Ends the thread; stopping twice does nothing."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._frames.put(None)
            thread.join()

    @property
    def ready(self) -> bool:
        """Whether it can look beside."""
        return self._thread is not None

    def look(self, frame: Frame) -> Sight:
        """Looks at a frame."""
        started_s = time.monotonic()
        observation = self._trigger.observe(frame)
        return Sight(observation, time.monotonic() - started_s)

    def begin(self, frame: Frame) -> None:
        """Looks at a frame in the other thread."""
        self._frames.put(frame)

    def finish(self) -> Sight:
        """Waits for what was begun; raises what the trigger raised."""
        found = self._sights.get()
        if isinstance(found, Exception):
            raise found
        return found

    def _work(self) -> None:
        while (frame := self._frames.get()) is not None:
            try:
                self._sights.put(self.look(frame))
            except Exception as error:  # belongs to the thread that waits for it
                self._sights.put(error)


def available_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
