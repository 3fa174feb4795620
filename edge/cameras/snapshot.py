"""Network cameras that give one picture for each request: ``http://camera/snapshot.jpg``."""

import http.client
import time
import urllib.error
import urllib.request

import cv2
import numpy as np

from sorter.edge.cameras.camera import Camera, Frame
from sorter.edge.cameras.options import CameraOptions
from sorter.errors import CameraError
from sorter.image import Pixels

_USUAL_FPS = 10.0
_MOST_BYTES = 50_000_000


class SnapshotCamera(Camera):
    """Asks for a picture again and again.

    Args:
        url: Address of the picture.
        options: Rate (10 pictures a second where none is given) and time limits.
    """

    live = True

    def __init__(self, url: str, options: CameraOptions | None = None) -> None:
        self.name = f"camera {url}"
        self._url = url
        self._options = options or CameraOptions()
        self._period_s = 1.0 / (self._options.fps or _USUAL_FPS)
        self._number = -1
        self._due_s: float | None = None

    def open(self) -> None:
        """Asks for a first picture.

        Raises:
            CameraError: None comes.
        """
        self._fetch(self._options.open_timeout_s)
        self._number, self._due_s = -1, time.monotonic()

    def read(self) -> Frame | None:
        """Waits until the next picture is due and asks for it.

        Raises:
            CameraError: None comes.
        """
        due_s = self._due_s
        if due_s is None:
            raise CameraError(f"Camera {self._url} is not open.")
        time.sleep(max(0.0, due_s - time.monotonic()))
        # Taken after the request at the earliest: its time errs to the old side, where errors do no harm.
        asked_s = time.monotonic()
        image = self._fetch(self._options.silent_s)
        self._due_s = max(due_s + self._period_s, time.monotonic())
        self._number += 1
        return Frame(image, asked_s, self._number)

    def close(self) -> None:
        """Asks no more."""
        self._due_s = None

    def _fetch(self, timeout_s: float) -> Pixels:
        try:
            with urllib.request.urlopen(self._url, timeout=timeout_s) as answer:
                content = answer.read(_MOST_BYTES)
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            raise CameraError(
                f"Camera {self._url} gives no picture: {reason}.", "Check the address, and that a browser shows it."
            ) from error
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR) if content else None
        if image is None:
            raise CameraError(
                f"Camera {self._url} gives something that is no picture.", "Check that a browser shows a still picture."
            )
        return image  # type: ignore[return-value]
