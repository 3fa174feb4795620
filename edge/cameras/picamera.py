"""The Raspberry Pi's CSI camera through picamera2, which Raspberry Pi OS installs with apt."""

import time
from typing import Any

from sorter.edge.cameras.camera import Camera, Frame
from sorter.edge.cameras.opencv import CameraOptions
from sorter.errors import CameraError


class PiCamera(Camera):
    """A CSI camera.

    Args:
        index: Its number, 0 for the first.
        options: Size and frame rate.
    """

    live = True

    def __init__(self, index: int, options: CameraOptions | None = None) -> None:
        self.name = f"camera csi://{index}"
        self._index = index
        self._options = options or CameraOptions()
        self._camera: Any = None
        self._number = 0

    def open(self) -> None:
        """Starts the camera.

        Raises:
            CameraError: picamera2 is missing, or there is no such camera.
        """
        try:
            from picamera2 import Picamera2
        except ImportError as error:
            raise CameraError(
                f"Camera csi://{self._index} needs picamera2, which is not installed.",
                "On Raspberry Pi OS: sudo apt install python3-picamera2, in an environment with system packages.",
            ) from error
        try:
            camera = Picamera2(self._index)
            # picamera2 names formats by the order in a 32-bit word: its "RGB888" is B, G, R in memory.
            size = (self._options.width or 640, self._options.height or 480)
            controls = {"FrameRate": self._options.fps} if self._options.fps else {}
            camera.configure(camera.create_video_configuration({"size": size, "format": "RGB888"}, controls=controls))
            camera.start()
        except (RuntimeError, IndexError, OSError) as error:
            raise CameraError(
                f"Camera csi://{self._index} does not open: {error}.",
                "Check its ribbon cable; list cameras with rpicam-hello.",
            ) from error
        self._camera = camera

    def read(self) -> Frame | None:
        """Waits for the next frame.

        Raises:
            CameraError: The camera gives none.
        """
        if self._camera is None:
            raise CameraError(f"Camera csi://{self._index} is not open.")
        try:
            image = self._camera.capture_array("main")
        except (RuntimeError, OSError) as error:
            raise CameraError(
                f"Camera csi://{self._index} stopped giving pictures: {error}.", "Check its cable."
            ) from error
        frame = Frame(image, time.monotonic(), self._number)
        self._number += 1
        return frame

    def close(self) -> None:
        """Stops the camera."""
        if self._camera is not None:
            self._camera.stop()
            self._camera.close()
            self._camera = None
