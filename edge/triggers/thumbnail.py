"""The small picture that triggers look at, and where two of them differ."""

from typing import Any

import cv2

from sorter.image import Pixels


def shrink(image: Pixels, width_px: int) -> Pixels:
    """Makes a frame small at little cost: exact halvings by area, then linear interpolation for what remains.

    Of a large frame only every second row is read: fetching it from memory is most of the cost.

    Args:
        image: uint8 BGR (H, W, 3).
        width_px: Wanted width.

    Returns:
        uint8 BGR (h, width_px, 3) of the same shape, always an array of its own.
    """
    height, width = image.shape[:2]
    small_height = max(2, round(height * width_px / width))
    small: Any = image
    if width >= 4 * width_px and height >= 4 * small_height and height % 2 == 0 and image.flags.c_contiguous:
        every_second_row = image.reshape(height // 2, 2 * width, 3)[:, :width]
        small = cv2.resize(every_second_row, (width // 2, height // 4), interpolation=cv2.INTER_AREA)
    while small.shape[1] >= 2 * width_px and small.shape[0] >= 2 * small_height:
        half = (small.shape[1] // 2, small.shape[0] // 2)
        small = cv2.resize(small, half, interpolation=cv2.INTER_AREA)
    if small.shape[:2] != (small_height, width_px):
        small = cv2.resize(small, (width_px, small_height), interpolation=cv2.INTER_LINEAR)
    return small.copy() if small is image else small


def difference(first: Pixels, second: Pixels) -> Pixels:
    """The largest difference of a colour channel: a lemon on a grey belt may differ in blue alone.

    Args:
        first: uint8 (h, w, 3).
        second: uint8 (h, w, 3).

    Returns:
        uint8 (h, w).
    """
    blue, green, red = cv2.split(cv2.absdiff(first, second))
    return cv2.max(cv2.max(blue, green), red)  # type: ignore[return-value]


def above(values: Pixels, limit: float) -> Pixels:
    """Marks with 255 what is larger than a limit: uint8 (h, w) to uint8 (h, w)."""
    return cv2.threshold(values, limit, 255, cv2.THRESH_BINARY)[1]  # type: ignore[return-value]


def share(mask: Pixels) -> float:
    """Share of a mask (h, w) that is marked."""
    return cv2.countNonZero(mask) / mask.size
