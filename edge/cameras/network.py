"""Network cameras: RTSP, HTTP (MJPEG and other streams), UDP."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import cv2

from sorter.edge.cameras.opencv import OpenCVCamera
from sorter.edge.cameras.options import CameraOptions

_OPTIONS_VARIABLE = "OPENCV_FFMPEG_CAPTURE_OPTIONS"

_FFMPEG_OPTIONS = {
    # RTSP over TCP: lost UDP packets smear pictures, and a smeared picture is classified like any other.
    "rtsp_transport": "tcp",
    # Do not collect pictures before giving the first, and hand out each as it comes.
    "fflags": "nobuffer",
    "flags": "low_delay",
    "max_delay": "0",
    # Measuring the rate from the first second would let that second pile up.
    "fpsprobesize": "0",
}

SCHEMES = ("rtsp", "rtsps", "http", "https", "udp", "tcp")
"""What addresses of network cameras begin with."""


class NetworkCamera(OpenCVCamera):
    """A stream that FFmpeg understands.

    The environment variable ``OPENCV_FFMPEG_CAPTURE_OPTIONS`` replaces the options for FFmpeg.

    Args:
        url: Its address.
        options: Time limits.
    """

    def __init__(self, url: str, options: CameraOptions | None = None) -> None:
        options = options or CameraOptions()
        parameters = (
            cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
            round(1000 * options.open_timeout_s),
            cv2.CAP_PROP_READ_TIMEOUT_MSEC,
            round(1000 * options.silent_s),
            # FFmpeg decodes on several threads by holding back one picture for each.
            cv2.CAP_PROP_N_THREADS,
            1,
        )
        hint = "Check the address, and that the stream plays in another program."
        super().__init__(url, cv2.CAP_FFMPEG, hint, parameters)

    def _make(self) -> cv2.VideoCapture:
        with _ffmpeg_options():
            return super()._make()


@contextmanager
def _ffmpeg_options() -> Iterator[None]:
    """OpenCV passes options to FFmpeg through the environment only."""
    if _OPTIONS_VARIABLE in os.environ:
        yield
        return
    os.environ[_OPTIONS_VARIABLE] = "|".join(f"{name};{value}" for name, value in _FFMPEG_OPTIONS.items())
    try:
        yield
    finally:
        os.environ.pop(_OPTIONS_VARIABLE, None)
