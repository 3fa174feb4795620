"""Cameras and videos through OpenCV."""

import math
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2

from sorter.cli import warn
from sorter.edge.cameras.camera import Camera, Frame
from sorter.edge.cameras.naming import find_present, find_stable_names
from sorter.edge.cameras.options import CameraOptions as CameraOptions
from sorter.edge.cameras.slot import DeviceSlot, EmptySlotError
from sorter.edge.cameras.v4l2 import configure, read_settings, set_mains_frequency
from sorter.errors import CameraError
from sorter.image import Pixels

_LONGEST_QUEUE_S = 60.0
"""A driver's time stamp further away than this is on another clock."""


class OpenCVCamera(Camera):
    """Whatever OpenCV opens; by itself, a GStreamer pipeline.

    Args:
        source: Device path, URL or pipeline.
        backend: One of OpenCV's ``CAP_*`` numbers.
        hint: What to do when it does not open.
        parameters: OpenCV's numbers and values in turn, for opening.
    """

    live = True

    def __init__(self, source: str, backend: int, hint: str, parameters: Sequence[int] = ()) -> None:
        self.name = f"camera {source}"
        self._source, self._backend, self._hint, self._parameters = source, backend, hint, tuple(parameters)
        self._slot: DeviceSlot[cv2.VideoCapture] = DeviceSlot(lambda capture: capture.release())
        self._number = 0

    def open(self) -> None:
        """Opens the device or stream; what was open before is closed.

        Raises:
            CameraError: It does not open.
        """
        try:
            self._slot.fill(self._make)
        except EmptySlotError:
            raise self._closed() from None
        self._number = 0

    def read(self) -> Frame | None:
        """Waits for the next frame.

        Raises:
            CameraError: The camera gives none, or was closed meanwhile.
        """
        try:
            image, captured_at_s = self._slot.use(self._grab)
        except EmptySlotError:
            raise self._closed() from None
        if image is None:
            return self._on_no_picture()
        frame = Frame(image, captured_at_s, self._number)
        self._number += 1
        return frame

    def close(self) -> None:
        """Releases the camera; closing twice does nothing."""
        self._slot.clear()

    def _make(self) -> cv2.VideoCapture:
        capture = open_capture(self._source, self._backend, self._parameters)
        if not capture.isOpened():
            raise CameraError(f"{self._title} does not open.", self._hint)
        return capture

    def _grab(self, capture: cv2.VideoCapture) -> tuple[Pixels | None, float]:
        ok, image = capture.read()
        return (image if ok else None), time.monotonic()  # type: ignore[return-value]

    def _on_no_picture(self) -> Frame | None:
        raise CameraError(f"{self._title} stopped giving pictures.", "Check its cable and power.")

    def _closed(self) -> CameraError:
        return CameraError(f"{self._title} is not open.")

    @property
    def _title(self) -> str:
        return self.name[0].upper() + self.name[1:]


class V4L2Camera(OpenCVCamera):
    """A USB or other camera of the kernel.

    When it is opened again, it is looked for under the stable names that it had the first time.

    Args:
        source: Its number or its path.
        options: What it is asked for.
    """

    def __init__(self, source: int | str, options: CameraOptions | None = None) -> None:
        path = f"/dev/video{source}" if isinstance(source, int) else source
        super().__init__(path, cv2.CAP_V4L2, "Check that it is plugged in and not used by another program.")
        self._options = options or CameraOptions()
        self._device = Path(path)
        self._stable_names: tuple[Path, ...] = ()
        self._settings: Mapping[str, str] = {}
        self._warned: tuple[str, ...] = ()

    @property
    def settings(self) -> Mapping[str, str]:
        """What the driver reported when the camera was opened."""
        return self._settings

    def _make(self) -> cv2.VideoCapture:
        device = find_present(self._device, self._stable_names)
        _check_device(device)
        # OpenCV waits 10 s for a silent device otherwise. It reads this once, before the first frame.
        os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", str(math.ceil(self._options.silent_s)))
        capture = open_capture(str(device), self._backend)
        if not capture.isOpened():
            raise CameraError(f"{self._title} does not open.", self._hint)
        self._stable_names = self._stable_names or find_stable_names(device)
        configure(capture, self._options)
        self._tell_settings(capture, device)
        return capture

    def _tell_settings(self, capture: cv2.VideoCapture, device: Path) -> None:
        told, differing = read_settings(capture, self._options)
        if self._options.mains_hz:
            got, asked = set_mains_frequency(device, self._options.mains_hz), f"{self._options.mains_hz} Hz"
            told = {**told, "mains": got if got == asked else f"{got}, asked for {asked}"}
            differing += () if got == asked else (f"mains {got} instead of {asked}",)
        self._settings = told
        if differing and differing != self._warned:
            warn(f"{self._title} has {', '.join(differing)}.")
        self._warned = differing

    def _grab(self, capture: cv2.VideoCapture) -> tuple[Pixels | None, float]:
        image, now_s = super()._grab(capture)
        # The kernel stamps each buffer on the clock of time.monotonic: the picture's true age, queue and all.
        stamp_s = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000.0
        return image, stamp_s if 0.0 <= now_s - stamp_s < _LONGEST_QUEUE_S else now_s


class VideoFile(OpenCVCamera):
    """A recorded video, played at its own speed, as if a camera saw it now.

    Args:
        path: The file.
    """

    recorded = True

    def __init__(self, path: str) -> None:
        super().__init__(path, cv2.CAP_ANY, "The file may be damaged, or of a kind that OpenCV cannot read.")
        self.name = f"video {path}"
        self._started_s = 0.0
        self._period_s = 0.0

    def open(self) -> None:
        """Opens the file.

        Raises:
            CameraError: It is not a readable video.
        """
        super().open()
        fps = self._slot.use(lambda capture: capture.get(cv2.CAP_PROP_FPS))
        self._period_s = 1.0 / fps if 1.0 <= fps <= 1000.0 else 1.0 / 30.0
        self._started_s = time.monotonic()

    def _grab(self, capture: cv2.VideoCapture) -> tuple[Pixels | None, float]:
        image, now_s = super()._grab(capture)
        if image is not None:
            time.sleep(max(0.0, self._started_s + self._number * self._period_s - now_s))
        return image, time.monotonic()

    def _on_no_picture(self) -> Frame | None:
        return None


def open_capture(source: str, backend: int, parameters: Sequence[int] = ()) -> cv2.VideoCapture:
    """Opens an OpenCV capture without its messages on the screen; the caller asks ``isOpened``."""
    # FFmpeg talks past OpenCV's log; a camera tried again and again would fill the screen.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        return cv2.VideoCapture(source, backend, list(parameters))
    finally:
        cv2.utils.logging.setLogLevel(level)


def _check_device(device: Path) -> None:
    if not device.exists():
        present = ", ".join(str(found) for found in sorted(Path("/dev").glob("video*")))
        raise CameraError(
            f"Camera {device} does not exist.", f"Plugged in are: {present or 'no cameras'}. Try --camera sim: first."
        )
    if not os.access(device, os.R_OK | os.W_OK):
        raise CameraError(
            f"No permission to use camera {device}.", "Run: sudo usermod -aG video $USER, then log in again."
        )
