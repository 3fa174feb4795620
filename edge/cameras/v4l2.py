"""Settings of a V4L2 camera through OpenCV: asked for, read back, and told apart."""

import fcntl
import math
import os
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2

from sorter.edge.cameras.options import CameraOptions

_EXPOSURE_MANUAL, _EXPOSURE_APERTURE_PRIORITY = 1, 3
"""Values of V4L2_CID_EXPOSURE_AUTO (linux/v4l2-controls.h). OpenCV passes them on as they are; the 0.25 and 0.75 that
one reads about are the same on OpenCV's scale of 0 to 1, used before version 4 or when CAP_PROP_MODE is set."""

_EXPOSURES_PER_MS = 10
"""V4L2_CID_EXPOSURE_ABSOLUTE counts in units of 100 µs."""

_VIDIOC_G_CTRL, _VIDIOC_S_CTRL = 0xC008561B, 0xC008561C
_CID_POWER_LINE_FREQUENCY = 0x00980918
_CONTROL = struct.Struct("=Ii")
_MAINS = {0: "off", 1: "50 Hz", 2: "60 Hz", 3: "automatic"}

_TOLERANCE = 0.02
"""Drivers round to their own steps; that is not worth a warning."""


class Properties(Protocol):
    """What this module needs of ``cv2.VideoCapture``."""

    def get(self, prop: int) -> float:
        """The value, or -1 (0 for some) where there is none."""

    def set(self, prop: int, value: float) -> bool:
        """Whether the backend took the value; not whether the driver gave it."""


@dataclass(frozen=True)
class _Wish:
    """One setting.

    Attributes:
        name: For people.
        prop: OpenCV's number.
        value: What is asked for, in OpenCV's unit; None to leave it.
        text: A value for people.
        automatic: Property and value that switch the automatic off, before the value is set.
    """

    name: str
    prop: int
    value: float | None
    text: Callable[[float], str]
    automatic: tuple[int, float] | None = None


def configure(capture: Properties, options: CameraOptions) -> None:
    """Asks the driver for the options. What it gives is another matter: see ``read_settings``."""
    # Raw values of the driver, not shares of their range.
    capture.set(cv2.CAP_PROP_MODE, 0)
    if options.pixel_format:
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*options.pixel_format))
    for prop, size in ((cv2.CAP_PROP_FRAME_WIDTH, options.width), (cv2.CAP_PROP_FRAME_HEIGHT, options.height)):
        if size is not None:
            capture.set(prop, float(size))
    if options.fps is not None:
        capture.set(cv2.CAP_PROP_FPS, options.fps)
    capture.set(cv2.CAP_PROP_BUFFERSIZE, float(options.buffers))
    if options.exposure_ms == 0:
        capture.set(cv2.CAP_PROP_AUTO_EXPOSURE, _EXPOSURE_APERTURE_PRIORITY)
    if options.white_balance_k == 0:
        capture.set(cv2.CAP_PROP_AUTO_WB, 1)
    for wish in _controls(options):
        if wish.value is None:
            continue
        if wish.automatic is not None:
            capture.set(*wish.automatic)
        capture.set(wish.prop, wish.value)


def read_settings(capture: Properties, options: CameraOptions) -> tuple[Mapping[str, str], tuple[str, ...]]:
    """What the driver says it does.

    Returns:
        Each setting by name as text, for example ``10 ms`` or ``5 ms, asked for 10 ms``; and for each that differs from
        what was asked for, a phrase such as ``exposure 5 ms instead of 10 ms``.
    """
    told: dict[str, str] = {}
    differing: list[str] = []
    for name, got, asked, same in _compare(capture, options):
        told[name] = got if same else f"{got}, asked for {asked}"
        if not same:
            differing.append(f"{name} {got} instead of {asked}")
    return told, tuple(differing)


def _compare(capture: Properties, options: CameraOptions) -> Iterator[tuple[str, str, str, bool]]:
    """Name, value, wish and whether they agree, for each setting that the driver knows or that was asked for."""
    size = [capture.get(prop) for prop in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)]
    asked = [options.width or size[0], options.height or size[1]]
    yield "size", _size_text(size), _size_text(asked), size == asked
    code = capture.get(cv2.CAP_PROP_FOURCC)
    if code > 0:
        letters = int(code).to_bytes(4, "little").decode("ascii", "replace")
        yield "pixel format", letters, options.pixel_format, options.pixel_format in ("", letters)
    for wish in (_Wish("rate", cv2.CAP_PROP_FPS, options.fps, lambda fps: f"{fps:g} fps"), *_controls(options)):
        got = capture.get(wish.prop)
        unknown = got < 0 or math.isnan(got)
        if wish.value is None:
            if not unknown:
                yield wish.name, wish.text(got), "", True
        elif unknown:
            yield wish.name, "unknown", wish.text(wish.value), False
        else:
            same = math.isclose(got, wish.value, rel_tol=_TOLERANCE, abs_tol=0.5)
            yield wish.name, wish.text(got), wish.text(wish.value), same


def _controls(options: CameraOptions) -> tuple[_Wish, ...]:
    exposure = options.exposure_ms * _EXPOSURES_PER_MS if options.exposure_ms else None
    return (
        _Wish(
            "exposure",
            cv2.CAP_PROP_EXPOSURE,
            exposure,
            lambda value: f"{value / _EXPOSURES_PER_MS:g} ms",
            (cv2.CAP_PROP_AUTO_EXPOSURE, _EXPOSURE_MANUAL),
        ),
        _Wish("gain", cv2.CAP_PROP_GAIN, options.gain, lambda value: f"{value:g}"),
        _Wish(
            "white balance",
            cv2.CAP_PROP_WB_TEMPERATURE,
            options.white_balance_k or None,
            lambda value: f"{value:g} K",
            (cv2.CAP_PROP_AUTO_WB, 0),
        ),
        _Wish("focus", cv2.CAP_PROP_FOCUS, options.focus, lambda value: f"{value:g}", (cv2.CAP_PROP_AUTOFOCUS, 0)),
    )


def _size_text(size: list[float]) -> str:
    return f"{size[0]:g}x{size[1]:g}"


def set_mains_frequency(device: Path, mains_hz: int) -> str:
    """Sets the control against flicker, which OpenCV does not reach, and reads it back; ``unknown`` where it fails.

    Args:
        device: The camera; it may be in use, controls are free to anybody.
        mains_hz: 50 or 60.
    """
    try:
        handle = os.open(device, os.O_RDWR | os.O_NONBLOCK)
    except OSError:
        return "unknown"
    try:
        fcntl.ioctl(handle, _VIDIOC_S_CTRL, _CONTROL.pack(_CID_POWER_LINE_FREQUENCY, 1 if mains_hz == 50 else 2))
        answer = fcntl.ioctl(handle, _VIDIOC_G_CTRL, _CONTROL.pack(_CID_POWER_LINE_FREQUENCY, 0))
        return _MAINS.get(_CONTROL.unpack(answer)[1], "unknown")
    except OSError:
        return "unknown"
    finally:
        os.close(handle)
