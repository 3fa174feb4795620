"""Reading pictures, and the one preprocessing function.

Training, calibration, evaluation, benchmarks and the device all call ``prepare``; none of them resizes or reorders
colours itself. Scaling to floats is inside the networks, so that every network takes raw RGB bytes.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import cv2
import numpy as np
import numpy.typing as npt

from sorter.errors import ConfigError, DatasetError

Fit = Literal["stretch", "crop", "pad"]
Pixels = npt.NDArray[np.uint8]

MIN_SIDE_PX = 8
"""A picture with a shorter side than this shows no object; it is refused rather than enlarged."""

PAD_VALUE = 127
"""Grey of the borders that ``pad`` adds: the middle of the byte range, near zero once a network has scaled it."""


@dataclass(frozen=True)
class InputSpec:
    """What a network expects to see.

    Attributes:
        width: Columns, in pixels.
        height: Rows, in pixels.
        fit: What happens to a frame of another shape. ``stretch`` scales both axes by themselves, ``crop`` keeps the
            largest centred part of the right shape, ``pad`` keeps all of it and fills the rest with grey.
    """

    width: int
    height: int
    fit: Fit = "stretch"

    def __post_init__(self) -> None:
        if not (MIN_SIDE_PX <= self.width <= 4096 and MIN_SIDE_PX <= self.height <= 4096):
            raise ConfigError(
                f"An input of {self.width}x{self.height} pixels is impossible.",
                f"Choose an image size between {MIN_SIDE_PX} and 4096 pixels.",
            )
        if self.fit not in get_args(Fit):
            raise ConfigError(f"Fit {self.fit!r} is unknown.", f"Choose one of {', '.join(get_args(Fit))}.")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of a prepared picture: (height, width, 3)."""
        return (self.height, self.width, 3)


def prepare(frame_bgr: Pixels, spec: InputSpec, out: Pixels | None = None) -> Pixels:
    """Makes a camera frame or photograph into a network's input.

    Shrinking is anti-aliased at little cost: each axis is halved by exact 2:1 area averaging as long as it stays at
    least as long as wanted (an odd last row or column is left out), and the remaining ratio, below 2, is bridged by
    linear interpolation.

    Args:
        frame_bgr: uint8 picture as OpenCV gives it: (H, W, 3) BGR, (H, W, 4) BGRA or (H, W) grey.
        spec: Size and fit of the input.
        out: Where to write the result, uint8 of ``spec.shape`` and contiguous, for example a view of an interpreter's
            input tensor; a new array when None.

    Returns:
        uint8 RGB picture of ``spec.shape``; ``out`` itself when it was given.
    """
    if out is None:
        out = np.empty(spec.shape, np.uint8)
    # Runs between two inferences, with cold caches, where each line of Python costs a microsecond.
    frame = frame_bgr if frame_bgr.shape[2:] == (3,) else _as_bgr(frame_bgr)
    fitted = _FITS[spec.fit](frame, spec.width, spec.height)
    return cv2.cvtColor(fitted, cv2.COLOR_BGR2RGB, dst=out)  # type: ignore[return-value]


def _as_bgr(frame: Pixels) -> Pixels:
    code = cv2.COLOR_BGRA2BGR if frame.ndim == 3 and frame.shape[2] == 4 else cv2.COLOR_GRAY2BGR
    return cv2.cvtColor(frame, code)  # type: ignore[return-value]


def _crop(frame: Pixels, width: int, height: int) -> Pixels:
    rows, columns = frame.shape[:2]
    kept_columns = min(columns, max(1, round(rows * width / height)))
    kept_rows = min(rows, max(1, round(columns * height / width)))
    top, left = (rows - kept_rows) // 2, (columns - kept_columns) // 2
    return _stretch(frame[top : top + kept_rows, left : left + kept_columns], width, height)


def _pad(frame: Pixels, width: int, height: int) -> Pixels:
    rows, columns = frame.shape[:2]
    scale = min(width / columns, height / rows)
    inner_width = min(width, max(1, round(columns * scale)))
    inner_height = min(height, max(1, round(rows * scale)))
    top, left = (height - inner_height) // 2, (width - inner_width) // 2
    padded = np.full((height, width, 3), PAD_VALUE, np.uint8)
    padded[top : top + inner_height, left : left + inner_width] = _stretch(frame, inner_width, inner_height)
    return padded


def _stretch(frame: Pixels, width: int, height: int) -> Pixels:
    rows, columns = frame.shape[:2]
    while columns >= 2 * width or rows >= 2 * height:
        step_x = 2 if columns >= 2 * width else 1
        step_y = 2 if rows >= 2 * height else 1
        if columns % step_x or rows % step_y:
            frame = frame[: rows // step_y * step_y, : columns // step_x * step_x]
        columns, rows = columns // step_x, rows // step_y
        frame = cv2.resize(frame, (columns, rows), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    if columns == width and rows == height:
        return frame
    return cv2.resize(frame, (width, height), interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]


_FITS = {"stretch": _stretch, "crop": _crop, "pad": _pad}


def read_image(path: Path) -> Pixels:
    """Reads a photograph as a camera would have given it.

    Greyscale, CMYK, 16-bit and pictures with an alpha channel become 8-bit BGR; the EXIF orientation is applied. Names
    may hold any letters (OpenCV's own ``imread`` fails on non-ASCII names on some systems).

    Returns:
        uint8 BGR picture (H, W, 3).

    Raises:
        DatasetError: The file is missing, empty, damaged, not a picture, or too small to show anything.
    """
    try:
        content = np.fromfile(path, np.uint8)
    except OSError as error:
        raise DatasetError(f"Cannot read {path}: {error.strerror}.", "Check the path and its permissions.") from error
    if content.size == 0:
        raise DatasetError(f"{path} is empty (0 bytes).", "Copy it again from the camera, or delete it.")
    picture = decode_image(content)
    if picture is None:
        raise DatasetError(
            f"{path} is not a readable picture.",
            "It may be damaged or another kind of file; copy it again or delete it.",
        )
    height, width = picture.shape[:2]
    if min(height, width) < MIN_SIDE_PX:
        raise DatasetError(
            f"{path} is only {width}x{height} pixels.",
            f"A side needs at least {MIN_SIDE_PX} pixels; delete the picture.",
        )
    return picture


def decode_image(content: Any) -> Pixels | None:
    """Decodes the bytes of a picture file, or returns None where they are not one.

    A truncated JPEG is refused, although OpenCV would fill its missing part with grey.
    """
    encoded = np.frombuffer(content, np.uint8)
    file = encoded.tobytes()
    # No entropy-coded data holds a marker, so a whole JPEG has its end marker (FFD9) behind its last scan (FFDA).
    if file[:2] == b"\xff\xd8" and file.rfind(b"\xff\xd9") < file.rfind(b"\xff\xda"):
        return None
    try:
        return cv2.imdecode(encoded, cv2.IMREAD_COLOR)  # type: ignore[return-value]
    except cv2.error:
        return None
