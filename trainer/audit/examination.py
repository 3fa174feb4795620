"""What one look at a photo's file tells: everything that the audit asks later."""

import hashlib
import io
from dataclasses import dataclass
from typing import Any

import numpy as np

from sorter.dataset import Photo
from sorter.errors import DatasetError
from sorter.image import InputSpec, Pixels, prepare, read_image
from sorter.trainer.duplicates import Thumbnail, make_thumbnail

SMALL_PX = 48
"""Side of the small colour pictures from which brightness, border and background are judged."""

_ORIENTATION, _MAKE, _MODEL = 0x0112, 0x010F, 0x0110
"""EXIF tags (CIPA DC-008, "Exchangeable image file format", table of the 0th IFD)."""


@dataclass(frozen=True)
class Header:
    """What a picture's file says about itself.

    Attributes:
        format: As Pillow calls it: ``JPEG``, ``PNG`` ...; empty for a file that Pillow does not know.
        mode: As Pillow calls it: ``RGB``, ``L``, ``CMYK``, ``RGBA`` ...
        deep: Whether it has more than 8 bits a channel.
        orientation: The EXIF orientation, 1 for upright.
        frames: Number of pictures inside.
        camera: Make and model; may be empty.
        compression: Sum of the first quantisation table of a JPEG: small for high quality. 0 for others.
    """

    format: str = ""
    mode: str = ""
    deep: bool = False
    orientation: int = 1
    frames: int = 1
    camera: str = ""
    compression: int = 0


@dataclass(frozen=True)
class Examined:
    """A readable photo.

    Attributes:
        photo: Which.
        header: Of its file.
        width: Columns after the EXIF orientation was applied, in pixels.
        height: Rows, likewise.
        file_digest: SHA-256 of the file.
        pixel_digest: SHA-256 of the decoded picture.
        grey: Whether it has no colour.
        small: uint8 RGB (48, 48, 3).
        thumbnail: float32 (32, 32), for near-duplicates.
    """

    photo: Photo
    header: Header
    width: int
    height: int
    file_digest: bytes
    pixel_digest: bytes
    grey: bool
    small: Pixels
    thumbnail: Thumbnail


@dataclass(frozen=True)
class Unreadable:
    """A photo that cannot be used, and why, as one sentence."""

    photo: Photo
    reason: str


_SPEC = InputSpec(SMALL_PX, SMALL_PX)
_GREY_LEVELS = 3
"""Largest difference between the channels of a picture without colour; JPEG rounds by one or two."""


def examine(photo: Photo) -> Examined | Unreadable:
    """Reads a photo and takes down all that the audit needs, so that each is read only once."""
    try:
        picture = read_image(photo.path)
        content = photo.path.read_bytes()
    except DatasetError as error:
        return Unreadable(photo, error.message)
    except OSError as error:
        return Unreadable(photo, f"Cannot read {photo.path}: {error.strerror}.")
    small = prepare(picture, _SPEC)
    return Examined(
        photo,
        read_header(content),
        picture.shape[1],
        picture.shape[0],
        hashlib.sha256(content).digest(),
        hashlib.sha256(picture.tobytes()).digest(),
        int(np.ptp(small.astype(np.int16), axis=2).max()) <= _GREY_LEVELS,
        small,
        make_thumbnail(picture),
    )


def read_header(content: bytes) -> Header:
    """Reads what a picture's file says about itself, without decoding the picture."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as opened:
            # Pillow keeps the depth only in the arguments of its decoder, or for TIFF in a tag.
            deep = opened.mode.startswith(("I", "F")) or ";16" in str(opened.tile) or 16 in _tiff_depths(opened)
            # It would decode a whole PNG to look for EXIF behind the picture, where cameras do not put it.
            exif = opened.getexif() if opened.format != "PNG" or "exif" in opened.info else Image.Exif()
            tables = getattr(opened, "quantization", None) or {}
            return Header(
                opened.format or "",
                opened.mode,
                deep,
                int(exif.get(_ORIENTATION, 1)),
                # Phones put a small second picture behind the first (MPO), which is no animation.
                1 if opened.format == "MPO" else getattr(opened, "n_frames", 1),
                " ".join(str(exif[tag]).strip("\0 ") for tag in (_MAKE, _MODEL) if tag in exif),
                sum(tables[min(tables)]) if tables else 0,
            )
    except (OSError, ValueError, TypeError, SyntaxError, EOFError, Image.DecompressionBombError):
        # A picture that OpenCV reads and Pillow does not is usable; its header stays unknown.
        return Header()


def _tiff_depths(opened: Any) -> tuple[int, ...]:
    bits_per_sample = 258
    tags = getattr(opened, "tag_v2", {})
    depths = tags.get(bits_per_sample, ())
    return depths if isinstance(depths, tuple) else (depths,)
