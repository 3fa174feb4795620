"""Where the object of a photo lies, estimated from the photo alone. NumPy and OpenCV only.

Photos of a data set come without masks, so this is an estimate: whatever differs in colour from the picture's border is
taken for the object, and GrabCut draws its outline. It suits what a sorter's camera sees, an object on a plain ground
that does not reach the border all around; on cluttered ground it is rough.
"""

import cv2
import numpy as np
import numpy.typing as npt

from sorter.image import Pixels

Mask = npt.NDArray[np.bool_]

_SIDE_PX = 128
"""The longer side at which the mask is found: enough for a share of the picture, and 30 ms of GrabCut."""

_BORDER = 0.03
"""Share of the side that is certain to be background."""

_BORDER_COLOURS = 3
"""Colours that a plain ground may have: table, its shadow side, an edge."""

_LEAST_DIFFERENCE = 12.0
"""Distance in 8-bit CIELAB below which a colour is still that of the ground; noise and soft shadows stay below it."""

_SENSIBLE_SHARE = (0.02, 0.95)
"""An object smaller or larger than these shares of the picture was not really found."""

_LEAST_PIECE = 0.2
"""Pieces smaller than this share of the largest one are marks, glints or shadows on the ground, not objects."""

_GRABCUT_ROUNDS = 2


def estimate_object(picture_bgr: Pixels) -> Mask | None:
    """Estimates which pixels show the object.

    Args:
        picture_bgr: uint8 (H, W, 3).

    Returns:
        bool (H, W); None where nothing stands out from the border.
    """
    height, width = picture_bgr.shape[:2]
    scale = min(1.0, _SIDE_PX / max(height, width))
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    small = cv2.resize(picture_bgr, size, interpolation=cv2.INTER_AREA)
    mask = _make_solid(_refine(small.astype(np.uint8), _differs_from_border(small.astype(np.uint8))))
    if not _SENSIBLE_SHARE[0] <= mask.mean() <= _SENSIBLE_SHARE[1]:
        return None
    return cv2.resize(mask.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST).astype(bool)


def _border(height: int, width: int) -> Mask:
    thickness = max(1, round(_BORDER * max(height, width)))
    border = np.ones((height, width), bool)
    border[thickness:-thickness, thickness:-thickness] = False
    return border


def _differs_from_border(picture_bgr: Pixels) -> Mask:
    lab = cv2.cvtColor(picture_bgr, cv2.COLOR_BGR2LAB).astype(np.float32)
    samples = lab[_border(*lab.shape[:2])]
    cv2.setRNGSeed(0)
    criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 20, 0.5)
    _, _, colours = cv2.kmeans(samples, _BORDER_COLOURS, np.empty(0, np.int32), criteria, 1, cv2.KMEANS_PP_CENTERS)
    distance = np.min([np.linalg.norm(lab - colour, axis=2) for colour in colours], axis=0)
    # Otsu's threshold parts ground and object; where there is no object it would part the noise.
    otsu, _ = cv2.threshold(np.minimum(distance, 255).astype(np.uint8), 0, 255, cv2.THRESH_OTSU)
    return np.asarray(distance > max(otsu, _LEAST_DIFFERENCE))


def _refine(picture_bgr: Pixels, likely: Mask) -> Mask:
    """Rother et al., "GrabCut: interactive foreground extraction using iterated graph cuts", SIGGRAPH 2004."""
    border = _border(*likely.shape)
    likely = likely & ~border
    if not likely.any():
        return likely
    labels = np.where(likely, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[border] = cv2.GC_BGD
    ground, thing = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)
    cv2.grabCut(picture_bgr, labels, (0, 0, 0, 0), ground, thing, _GRABCUT_ROUNDS, cv2.GC_INIT_WITH_MASK)
    return np.asarray((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD))


def _make_solid(mask: Mask) -> Mask:
    """Fills what an outline encloses, as the ground does not shine through an object, and leaves out small pieces."""
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    areas = [cv2.contourArea(outline) for outline in outlines]
    kept = [o for o, area in zip(outlines, areas, strict=True) if area >= _LEAST_PIECE * max(areas)]
    filled = np.zeros(mask.shape, np.uint8)
    cv2.drawContours(filled, kept, -1, 1, cv2.FILLED)
    return filled.astype(bool)
