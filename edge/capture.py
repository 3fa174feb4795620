"""Frames for the loop: the newest of a live camera, the next of a folder."""

import threading
from collections.abc import Callable

from sorter.edge.cameras.camera import Camera, Frame
from sorter.errors import CameraError, SorterError


class Capture:
    """Reads a live camera in a thread of its own and keeps the newest frame only.

    A frame that nobody took is replaced by the next: the loop never works through a queue of old pictures.

    Args:
        camera: An open camera.
        notify: Called from the thread after each frame, at the end of the source, and after a failure.
    """

    def __init__(self, camera: Camera, notify: Callable[[], None]) -> None:
        self._camera, self._notify = camera, notify
        self._lock = threading.Lock()
        self._newest: Frame | None = None
        self._failure: SorterError | None = None
        self._ended = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._read, name="camera", daemon=True)
        self.dropped = 0

    def start(self) -> None:
        """Starts reading."""
        self._thread.start()

    def stop(self, timeout_s: float = 2.0) -> None:
        """Stops reading; a camera that hangs in its driver is left behind after ``timeout_s``."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def take(self) -> Frame | None:
        """The newest frame, or None where it was taken before.

        Raises:
            CameraError: The camera failed.
        """
        with self._lock:
            frame, self._newest = self._newest, None
            if frame is None and self._failure is not None:
                raise self._failure
            return frame

    @property
    def ended(self) -> bool:
        """Whether the source has ended and its last frame was taken."""
        with self._lock:
            return self._ended and self._newest is None

    def _read(self) -> None:
        while not self._stopping.is_set():
            try:
                frame = self._camera.read()
            except SorterError as error:
                self._fail(error)
                return
            except Exception as error:  # a driver's own error must not end the thread in silence
                self._fail(CameraError(f"{self._camera.name} failed: {error}.", "Check its cable and start again."))
                return
            with self._lock:
                self._ended = frame is None
                if frame is not None:
                    self.dropped += self._newest is not None
                    self._newest = frame
            self._notify()
            if frame is None:
                return

    def _fail(self, error: SorterError) -> None:
        with self._lock:
            self._failure = error
        self._notify()
