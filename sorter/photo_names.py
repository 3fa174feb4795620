"""Names of photos and class folders that the device writes and the trainer reads.

A name says when a photo was taken, in which run, of which object and, in a burst, as which of its pictures::

    apple/20260131T140509.250Z_3f9a1c2b_000042.jpg
    apple/20260131T140509.250Z_3f9a1c2b_000042_02.jpg

The run's mark is random, so names stay unique when two runs begin in the same second, or when a device without a
battery-backed clock believes after each start that it is the same day.
"""

import hashlib
import re
import secrets
from datetime import UTC, datetime
from pathlib import PurePath

_FORM = re.compile(r"(?P<time>\d{8}T\d{6}\.\d{3}Z)_(?P<object>[0-9a-f]{8}_\d{6,})(?:_(?P<index>\d{2,}))?\.[a-z]{3,4}")

_UNFIT = re.compile(r'[/\\:*?"<>|%\x00-\x1f\x7f]|^[. ]|[. ]$')
"""What no folder's name may hold on Linux or on a memory stick, what would hide it or lead out of the data set, and the
sign that stands for those."""

_LONGEST_BYTES = 120


def new_run_mark() -> str:
    """Eight random hexadecimal digits, for the names of one run's photos."""
    return secrets.token_hex(4)


def photo_name(taken_at: float, run_mark: str, number: int, index: int | None = None, suffix: str = ".jpg") -> str:
    """The file name of a photo.

    Args:
        taken_at: Seconds since 1970.
        run_mark: From ``new_run_mark``.
        number: Of the object, in this run.
        index: Of the picture in a burst, counted from 1; None for a single picture.
        suffix: Of the file.
    """
    taken = datetime.fromtimestamp(taken_at, UTC)
    time = f"{taken:%Y%m%dT%H%M%S}.{taken.microsecond // 1000:03d}Z"
    return f"{time}_{run_mark}_{number:06d}" + (f"_{index:02d}" if index is not None else "") + suffix


def is_photo_name(name: str) -> bool:
    """Whether a file name was made by ``photo_name``."""
    return _FORM.fullmatch(name) is not None


def object_of(path: PurePath) -> str:
    """A text that all photos of one object share; empty for a file that was not named by ``photo_name``."""
    match = _FORM.fullmatch(path.name)
    return match["object"] if match else ""


def class_folder(label: str) -> str:
    """The folder name for a label: the label itself, wherever that is a harmless name.

    Other characters are written as ``%`` and two hexadecimal digits a byte, so that different labels never share a
    folder and none leads out of it. Very long ones are cut and told apart by a hash.
    """
    encoded = _UNFIT.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), label) or "%"
    if len(encoded.encode()) <= _LONGEST_BYTES:
        return encoded
    start = encoded.encode()[: _LONGEST_BYTES - 9].decode(errors="ignore").rstrip(". ")
    return f"{start}~{hashlib.sha256(label.encode()).hexdigest()[:8]}"
