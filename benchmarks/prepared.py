"""A camera that costs next to nothing: pictures of the simulated platform, drawn before the clock starts."""

import threading
import time
from dataclasses import dataclass

from sorter.edge.cameras.camera import Camera, Frame
from sorter.edge.simulation.camera import make_simulation
from sorter.errors import CameraError
from sorter.image import Pixels

_EMPTY_FRAMES = 12
"""Frames between two objects, enough for the place to be seen empty."""

_PATIENCE_FRAMES = 120
"""An object that nobody takes is followed by the next: on a busy machine the place may not have been seen empty."""


@dataclass(frozen=True)
class Pictures:
    """What a prepared camera shows: uint8 BGR (H, W, 3), each with noise of its own.

    Attributes:
        empty: The empty platform.
        objects: Of each object, some pictures at rest.
    """

    empty: tuple[Pixels, ...]
    objects: tuple[tuple[Pixels, ...], ...]


def draw_pictures(objects: int = 12, each: int = 6, seed: int = 1, size: tuple[int, int] = (640, 480)) -> Pictures:
    """Draws the platform and some objects on it."""
    width, height = size
    simulation = make_simulation(
        f"sim:?seed={seed}&width={width}&height={height}&flicker=0&patience_s=100000", objects=objects
    )
    world, now_s = simulation.world, 0.0
    empty = tuple(world.frame(now_s) for _ in range(4 * each))
    shown = []
    for _ in range(objects):
        now_s += 2.0
        shown.append(tuple(world.frame(now_s) for _ in range(each)))
        world.take(0, now_s)
    simulation.camera.close()
    return Pictures(empty, tuple(shown))


class PreparedCamera(Camera):
    """Hands out prepared pictures at a steady rate, without drawing or decoding anything.

    Each is copied first, so that a frame is what a driver leaves: an array of its own that has just been written, not
    one that must be fetched from memory that nobody has looked at for a second.

    Args:
        pictures: What it shows.
        fps: Frames a second.
        idle: Whether nothing ever lies there.
    """

    live = True

    def __init__(self, pictures: Pictures, fps: float, idle: bool = False) -> None:
        self.name = "camera with prepared pictures"
        self._pictures, self._period_s, self._idle = pictures, 1.0 / fps, idle
        self._lock = threading.Lock()
        self._shown, self._empty_left, self._waited = 0, 3 * _EMPTY_FRAMES, 0
        self._number = -1
        self._started_s: float | None = None

    def open(self) -> None:
        """Starts the clock of its frames."""
        self._started_s, self._number = time.monotonic(), -1

    def read(self) -> Frame | None:
        """Waits for the next frame; its time is the moment at which it is handed out."""
        started_s = self._started_s
        if started_s is None:
            raise CameraError("The prepared camera is not open.")
        self._number = max(self._number + 1, int((time.monotonic() - started_s) / self._period_s))
        time.sleep(max(0.0, started_s + self._number * self._period_s - time.monotonic()))
        with self._lock:
            image = self._next().copy()
        return Frame(image, time.monotonic(), self._number)

    def take(self, _bin: int = 0) -> None:
        """The object has been taken away; the next one comes in a moment."""
        with self._lock:
            self._remove()

    def close(self) -> None:
        """Stops."""
        self._started_s = None

    def _remove(self) -> None:
        self._shown, self._empty_left, self._waited = self._shown + 1, _EMPTY_FRAMES, 0

    def _next(self) -> Pixels:
        if self._idle or self._empty_left > 0:
            self._empty_left -= 1
            return self._pictures.empty[self._number % len(self._pictures.empty)]
        self._waited += 1
        if self._waited > _PATIENCE_FRAMES:
            self._remove()
        shown = self._pictures.objects[self._shown % len(self._pictures.objects)]
        return shown[self._number % len(shown)]
