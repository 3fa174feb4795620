"""Cameras, streams and videos through OpenCV."""

import os
import time
from dataclasses import dataclass

import cv2

from sorter.edge.cameras.camera import Camera, Frame
from sorter.errors import CameraError


@dataclass(frozen=True)
class CameraOptions:
    """What a camera is asked for; a driver may give something else.

    Attributes:
        width: Columns, in pixels; None leaves the driver's choice.
        height: Rows, in pixels; None leaves the driver's choice.
        fps: Frames per second; None leaves the driver's choice.
    """

    width: int | None = 640
    height: int | None = 480
    fps: float | None = None


class OpenCVCamera(Camera):
    """A V4L2 device, a GStreamer pipeline or a network stream.

    Args:
        source: Index, device path, URL or pipeline.
        backend: One of OpenCV's ``CAP_*`` numbers.
        options: What the camera is asked for; ignored by streams and pipelines.
        hint: What to do when it does not open.
    """

    live = True

    def __init__(
        self,
        source: int | str,
        backend: int = cv2.CAP_ANY,
        options: CameraOptions | None = None,
        hint: str = "Check that it is plugged in and not used by another program.",
    ) -> None:
        self.name = f"camera {source}"
        self._source, self._backend, self._hint = source, backend, hint
        self._options = options or CameraOptions()
        self._capture: cv2.VideoCapture | None = None
        self._number = 0

    def open(self) -> None:
        """Opens the device or stream.

        Raises:
            CameraError: It does not open.
        """
        self._check_device()
        capture = open_capture(self._source, self._backend)
        if not capture.isOpened():
            raise CameraError(f"Camera {self._source} does not open.", self._hint)
        if self._backend == cv2.CAP_V4L2:
            self._configure(capture)
        self._capture = capture

    def _check_device(self) -> None:
        device = f"/dev/video{self._source}" if isinstance(self._source, int) else self._source
        if not device.startswith("/dev/"):
            return
        if not os.path.exists(device):  # noqa: PTH110 - a device name, not a file of ours
            present = ", ".join(sorted(f"/dev/{n}" for n in os.listdir("/dev") if n.startswith("video")))  # noqa: PTH208
            raise CameraError(
                f"Camera {device} does not exist.",
                f"Plugged in are: {present or 'no cameras'}. Try --camera sim: first.",
            )
        if not os.access(device, os.R_OK | os.W_OK):
            raise CameraError(
                f"No permission to use camera {device}.", "Run: sudo usermod -aG video $USER, then log in again."
            )

    def _configure(self, capture: cv2.VideoCapture) -> None:
        options = self._options
        # One buffered frame: what is classified must be what lies there now. Not all drivers obey.
        wishes: tuple[tuple[int, float | None], ...] = (
            (cv2.CAP_PROP_BUFFERSIZE, 1),
            (cv2.CAP_PROP_FRAME_WIDTH, options.width),
            (cv2.CAP_PROP_FRAME_HEIGHT, options.height),
            (cv2.CAP_PROP_FPS, options.fps),
        )
        for prop, value in wishes:
            if value is not None:
                capture.set(prop, float(value))

    def read(self) -> Frame | None:
        """Waits for the next frame.

        Raises:
            CameraError: The camera gives none.
        """
        if self._capture is None:
            raise CameraError(f"Camera {self._source} is not open.")
        ok, image = self._capture.read()
        if not ok or image is None:
            raise CameraError(f"Camera {self._source} stopped giving pictures.", "Check its cable.")
        frame = Frame(image, time.monotonic(), self._number)  # type: ignore[arg-type]
        self._number += 1
        return frame

    def close(self) -> None:
        """Releases the camera."""
        if self._capture is not None:
            self._capture.release()
            self._capture = None


def open_capture(source: int | str, backend: int) -> cv2.VideoCapture:
    """Opens an OpenCV capture without its messages on the screen; the caller asks ``isOpened``."""
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        return cv2.VideoCapture(source, backend)
    finally:
        cv2.utils.logging.setLogLevel(level)


class VideoFile(OpenCVCamera):
    """A recorded video, played at its own speed, as if a camera saw it now.

    Args:
        path: The file.
    """

    def __init__(self, path: str) -> None:
        super().__init__(path, cv2.CAP_ANY, hint="The file may be damaged, or of a kind that OpenCV cannot read.")
        self.name = f"video {path}"
        self._started_s = 0.0
        self._period_s = 0.0

    def open(self) -> None:
        """Opens the file.

        Raises:
            CameraError: It is not a readable video.
        """
        super().open()
        assert self._capture is not None
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        self._period_s = 1.0 / fps if 1.0 <= fps <= 1000.0 else 1.0 / 30.0
        self._started_s = time.monotonic()

    def read(self) -> Frame | None:
        """Waits until the next frame is due; None after the last one."""
        if self._capture is None:
            raise CameraError(f"Video {self._source} is not open.")
        ok, image = self._capture.read()
        if not ok or image is None:
            return None
        due_s = self._started_s + self._number * self._period_s
        time.sleep(max(0.0, due_s - time.monotonic()))
        frame = Frame(image, time.monotonic(), self._number)  # type: ignore[arg-type]
        self._number += 1
        return frame
