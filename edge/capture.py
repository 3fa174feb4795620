"""Frames for the loop: the newest good one of a live camera, which is opened again whenever it fails."""

import math
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from sorter.edge.cameras.camera import Camera, Frame
from sorter.edge.cameras.guard import glance
from sorter.edge.cameras.health import CameraHealth
from sorter.edge.cameras.options import CameraOptions
from sorter.edge.cameras.supervision import Supervision
from sorter.errors import CameraError, SorterError

_LONGEST_NAP_S = 3600.0
_MOST_HANGING = 4
"""Threads left behind in a driver; more are not started until one comes back."""

_LEAST_READ_S, _REST_S = 0.0002, 0.005
"""A broken driver may give its last picture again and again without waiting, faster than any picture can be decoded; it
must not take a whole core for that."""


class Capture:
    """Reads a live camera in a thread of its own and keeps the newest good frame only.

    A frame that nobody took is replaced by the next: the loop never works through a queue of old pictures. A camera
    that fails, hangs, freezes or goes black is closed and opened again until it is well; meanwhile there are no frames.
    A thread that hangs in the driver is left behind. All properties and methods may be used from any thread.

    Args:
        camera: An open camera. From ``start`` on only this object may use it, except that anybody may close it after
            ``stop``.
        notify: Called after each good frame, each change of health and at the end, from other threads.
        options: When the camera counts as failed, and how patient to be.
        clock: As ``time.monotonic``.
    """

    def __init__(
        self,
        camera: Camera,
        notify: Callable[[], None],
        options: CameraOptions | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._camera, self._notify, self._clock = camera, notify, clock
        self._options = options or CameraOptions()
        self._changed = threading.Condition()
        self._supervision = Supervision(camera.name, self._options, camera.recorded, camera.noisy)
        self._newest: Frame | None = None
        self._told: tuple[str, str] = ("opening", "")
        self._dropped = 0
        self._ended = self._stopping = False
        self._reader: threading.Thread | None = None
        self._hanging: list[threading.Thread] = []
        self._supervisor = threading.Thread(target=self._supervise, name="camera-supervisor", daemon=True)

    def start(self) -> None:
        """Starts reading."""
        with self._changed:
            self._supervision.opened(self._clock(), self._camera.settings)
            self._start_reader(is_open=True)
        self._supervisor.start()

    def stop(self, timeout_s: float = 2.0) -> None:
        """Stops reading and closes the camera; one that hangs in its driver is left behind after ``timeout_s``."""
        deadline_s = time.monotonic() + timeout_s
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
            reader = self._reader
        for thread in (self._supervisor, reader):
            if thread is not None and thread.is_alive() and thread is not threading.current_thread():
                thread.join(max(0.0, deadline_s - time.monotonic()))
        self._camera.close()

    def take(self) -> Frame | None:
        """The newest good frame, or None where it was taken before or the camera is not well.

        Raises:
            CameraError: The camera is given up: ``give_up_s`` is over, or it works but does not suit the options.
        """
        with self._changed:
            frame, self._newest = self._newest, None
            if frame is None and self._supervision.failure is not None:
                raise self._supervision.failure
            return frame

    @property
    def ended(self) -> bool:
        """Whether the source has ended and its last frame was taken."""
        with self._changed:
            return self._ended and self._newest is None

    @property
    def dropped(self) -> int:
        """Good frames replaced by newer ones before anybody took them."""
        with self._changed:
            return self._dropped

    @property
    def health(self) -> CameraHealth:
        """How the camera is doing now."""
        with self._changed:
            return replace(self._supervision.health(self._clock()), dropped=self._dropped)

    @property
    def _over(self) -> bool:
        return self._stopping or self._ended or self._supervision.failure is not None

    def _supervise(self) -> None:
        """Watches the clock, and has the camera opened again when that is due."""
        while True:
            with self._changed:
                now_s = self._clock()
                nap_s = max(0.0, min(self._supervision.next_check_s() - now_s, _LONGEST_NAP_S))
                if not self._over and nap_s > 0:
                    self._changed.wait(nap_s)
                if self._over:
                    return
                now_s = self._clock()
                self._supervision.check(now_s)
                retry_at_s = self._supervision.retry_at_s
                if self._supervision.failure is None and retry_at_s is not None and now_s >= retry_at_s:
                    self._reopen(now_s)
                news = self._has_news()
            if news:
                self._notify()

    def _reopen(self, now_s: float) -> None:
        self._hanging = [thread for thread in (*self._hanging, self._reader) if thread and thread.is_alive()]
        self._supervision.opening(now_s)
        if len(self._hanging) < _MOST_HANGING:
            self._start_reader(is_open=False)

    def _start_reader(self, is_open: bool) -> None:
        self._reader = threading.Thread(target=self._read, args=(is_open,), name="camera", daemon=True)
        self._reader.start()

    def _read(self, is_open: bool) -> None:
        """Opens the camera if need be and reads it until another thread takes its place."""
        try:
            if not is_open:
                self._camera.close()
                self._camera.open()
                if not self._report(lambda now_s: self._supervision.opened(now_s, self._camera.settings)):
                    return
            self._read_frames()
        except SorterError as error:
            self._fail(error)
        except Exception as error:  # a driver's own error must not end the thread in silence
            self._fail(CameraError(f"{self._camera.name} failed: {error}.", "Check its cable and start again."))

    def _read_frames(self) -> None:
        while True:
            asked_s = time.monotonic()
            frame = self._camera.read()
            if time.monotonic() - asked_s < _LEAST_READ_S:
                time.sleep(_REST_S)
            if not self._pass_on(frame):
                return

    def _pass_on(self, frame: Frame | None) -> bool:
        """Keeps a frame if it is good; gives whether to go on reading."""
        seen = glance(frame.image, self._options.black_level) if frame is not None else None
        good: Frame | None = None

        def look(now_s: float) -> None:
            nonlocal good
            if frame is None or seen is None:
                self._ended = True
                return
            good = self._supervision.see(frame, seen, now_s)
            if good is not None:
                self._dropped += self._newest is not None
                self._newest = good
            elif not self._supervision.ok:
                self._newest = None

        go_on = self._report(look, always=lambda: good is not None or frame is None)
        return go_on and frame is not None

    def _fail(self, error: SorterError) -> None:
        def note(now_s: float) -> None:
            self._newest = None
            self._supervision.fail(error, now_s)

        self._report(note)

    def _report(self, change: Callable[[float], None], always: Callable[[], bool] = lambda: False) -> bool:
        """Makes a change for the thread that reads; gives False, and does nothing, when another has its place."""
        with self._changed:
            if self._reader is not threading.current_thread() or self._over:
                return False
            before_s = self._supervision.next_check_s()
            change(self._clock())
            if self._over or self._supervision.next_check_s() < before_s or math.isinf(before_s):
                self._changed.notify_all()
            news = self._has_news() or always()
        if news:
            self._notify()
        return True

    def _has_news(self) -> bool:
        health = self._supervision.health(self._clock())
        if not self._supervision.ok:
            self._newest = None
        before, self._told = self._told, (health.state, health.reason)
        return self._told != before or self._supervision.failure is not None
