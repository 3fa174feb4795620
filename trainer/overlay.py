"""Heat maps laid over photos. NumPy and OpenCV only."""

import cv2
import numpy as np
import numpy.typing as npt

from sorter.image import InputSpec, Pixels, prepare

_WANTED_SIDE_PX = 320
"""The shorter side at which a picture is shown, at least; networks often look at less."""

_STRENGTH = 0.65
"""How much of the photo the hottest colour hides."""

_GAP_PX = 6


def show_as_seen(photo_bgr: Pixels, spec: InputSpec) -> Pixels:
    """The part of a photo that a network sees, in its shape, large enough to look at: uint8 BGR (H, W, 3)."""
    enlargement = max(1, -(-_WANTED_SIDE_PX // min(spec.width, spec.height)))
    seen = prepare(photo_bgr, InputSpec(spec.width * enlargement, spec.height * enlargement, spec.fit))
    return cv2.cvtColor(seen, cv2.COLOR_RGB2BGR).astype(np.uint8)


def draw_overlay(
    picture_bgr: Pixels, heat: npt.NDArray[np.float32], object_mask: npt.NDArray[np.bool_] | None
) -> Pixels:
    """Colours a picture where the heat is, from blue to red, and outlines the object in white.

    Args:
        picture_bgr: uint8 (H, W, 3).
        heat: float32 (h, w) of any size, 0..1.
        object_mask: bool (H, W); None to draw no outline.

    Returns:
        uint8 BGR (H, W, 3).
    """
    height, width = picture_bgr.shape[:2]
    large = np.clip(cv2.resize(heat, (width, height), interpolation=cv2.INTER_CUBIC), 0.0, 1.0)
    colours = cv2.applyColorMap(np.rint(large * 255).astype(np.uint8), cv2.COLORMAP_TURBO)
    share = (_STRENGTH * large)[:, :, None]
    overlay: Pixels = np.rint(picture_bgr * (1.0 - share) + colours * share).astype(np.uint8)
    if object_mask is not None:
        outlines, _ = cv2.findContours(object_mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(overlay, outlines, -1, (255, 255, 255), 1, cv2.LINE_AA)
    return overlay


def lay_side_by_side(left_bgr: Pixels, right_bgr: Pixels) -> Pixels:
    """Two pictures of one height with a white gap: uint8 BGR."""
    gap = np.full((left_bgr.shape[0], _GAP_PX, 3), 255, np.uint8)
    return np.concatenate([left_bgr, gap, right_bgr], axis=1).astype(np.uint8)
