"""Whole batches of changed pictures: one fused affine warp and one linear colour transform per picture.

Rotation, shift, zoom, shear and mirroring are multiplied into one 2x3 matrix, brightness, contrast, saturation and
tint into one 3x4 matrix, so a picture is interpolated once, whatever the list. OpenCV releases the interpreter lock, so
plain threads use all cores. All randomness is drawn beforehand by one generator: the result does not depend on the
threads.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from sorter.image import Pixels
from sorter.trainer.recipes import Augmentation

_LUMA = np.array([0.299, 0.587, 0.114])
"""Weights of red, green and blue in the brightness of a pixel (ITU-R BT.601)."""

_MIDDLE_GREY = 127.5

_PICTURES_PER_TASK = 8
"""Few enough to share a batch of 32 among four cores, enough to hide the cost of handing a task to a thread."""

_BORDERS = {"reflect": cv2.BORDER_REFLECT_101, "nearest": cv2.BORDER_REPLICATE}
"""Mirrored borders look like more of the same table; black corners would tell the angle."""


@dataclass(frozen=True)
class Changes:
    """What happens to each picture of a batch.

    Attributes:
        geometry: float64 (n, 2, 3), from places in the result to places in the picture.
        colour: float64 (n, 3, 4), from (red, green, blue, 1) to the new colour.
        border: OpenCV's number for what lies beyond the edge of the photo.
    """

    geometry: npt.NDArray[np.float64]
    colour: npt.NDArray[np.float64]
    border: int = cv2.BORDER_REFLECT_101


def draw_changes(options: Augmentation, count: int, side_px: int, rng: np.random.Generator) -> Changes:
    """Draws the changes of a batch.

    Args:
        options: Ranges.
        count: Pictures in the batch.
        side_px: Side of the square pictures.
        rng: Source of all randomness.
    """
    geometry = _draw_geometry(options, count, side_px, rng)
    return Changes(geometry, _draw_colour(options, count, rng), _BORDERS[options.fill])


def _draw_geometry(
    options: Augmentation, count: int, side_px: int, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    angle = np.radians(rng.uniform(-options.rotation_deg, options.rotation_deg, count))
    scale = 1.0 / rng.uniform(*options.zoom, count)
    shift_px = rng.uniform(-options.shift, options.shift, (count, 2)) * side_px
    mirror_x = _draw_signs(options.flip_horizontal, count, rng)
    mirror_y = _draw_signs(options.flip_vertical, count, rng)
    geometry = np.empty((count, 2, 3))
    geometry[:, 0, 0] = np.cos(angle) * scale * mirror_x
    geometry[:, 0, 1] = -np.sin(angle) * scale * mirror_x
    geometry[:, 1, 0] = np.sin(angle) * scale * mirror_y
    geometry[:, 1, 1] = np.cos(angle) * scale * mirror_y
    if options.shear_deg:
        slant = np.tan(np.radians(rng.uniform(-options.shear_deg, options.shear_deg, (count, 1))))
        geometry[:, :, 1] += slant * geometry[:, :, 0]
    # The centre of the result is taken from the shifted centre of the picture.
    centre = np.full(2, (side_px - 1) / 2)
    geometry[:, :, 2] = centre + shift_px - geometry[:, :, :2] @ centre
    return geometry


def _draw_signs(wanted: bool, count: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    signs = rng.choice((-1.0, 1.0), count)
    return signs if wanted else np.ones(count)


def _draw_colour(options: Augmentation, count: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    def factor(reach: float, *shape: int) -> npt.NDArray[np.float64]:
        return rng.uniform(1.0 - reach, 1.0 + reach, (count, *shape))

    saturation = factor(options.saturation, 1, 1)
    mix = saturation * np.eye(3) + (1.0 - saturation) * _LUMA
    brightness = rng.uniform(*options.brightness, (count, 1, 1))
    contrast = factor(options.contrast, 1, 1)
    gain = factor(options.tint, 3, 1) * brightness * contrast
    colour = np.empty((count, 3, 4))
    colour[:, :, :3] = gain * mix
    colour[:, :, 3:] = _MIDDLE_GREY * (1.0 - contrast) * brightness
    return colour


def change_picture(
    picture: Pixels, geometry: npt.NDArray[np.float64], colour: npt.NDArray[np.float64], out: Pixels, border: int
) -> None:
    """Changes one uint8 RGB picture (H, W, 3) into ``out``, of the same shape; see ``Changes``."""
    height, width = picture.shape[:2]
    cv2.warpAffine(
        picture,
        geometry,
        (width, height),
        dst=out,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=border,
    )
    diagonal = colour[:, :3] * (1 - np.eye(3))
    if not diagonal.any():
        _change_channels(out, colour)
    else:
        cv2.transform(out, colour, dst=out)


def _change_channels(picture: Pixels, colour: npt.NDArray[np.float64]) -> None:
    """The colour transform without mixing of channels, by table: several times faster."""
    if (colour == np.eye(3, 4)).all():
        return
    levels = np.arange(256)[:, None] * np.diagonal(colour)[None] + colour[:, 3]
    table = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
    cv2.LUT(picture, table[None], dst=picture)


def change_batch(pictures: Pixels, changes: Changes, pool: ThreadPoolExecutor) -> Pixels:
    """Changes a batch of uint8 RGB pictures (n, H, W, 3); gives a new array.

    Args:
        pictures: The batch; left as it is.
        changes: One set of matrices for each picture.
        pool: Threads that do it.
    """
    out = np.empty_like(pictures)

    def change_some(first: int) -> None:
        for i in range(first, min(first + _PICTURES_PER_TASK, len(pictures))):
            change_picture(pictures[i], changes.geometry[i], changes.colour[i], out[i], changes.border)

    list(pool.map(change_some, range(0, len(pictures), _PICTURES_PER_TASK)))
    return out
