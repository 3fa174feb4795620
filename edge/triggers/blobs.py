"""What changed: objects, or only the light on the ground; and how many objects.

A shadow dims all channels by one factor that varies softly over the picture. An object betrays itself by another
colour, by being darker than shadows are, by being much brighter, or by sharp structure that the ground has not.
Keeping colour ratios as the mark of a shadow: Horprasert et al., "A statistical approach for real-time robust
background subtraction and shadow detection", 1999.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from sorter.edge.triggers.light import Explained, Floats
from sorter.edge.triggers.options import TriggerOptions
from sorter.image import Pixels

_DARKEST_SHADOW = 0.45
"""In bytes; about a sixth of the light. Only dark objects take away more."""

_BRIGHTEST_PATCH = 1.6
_COLOUR = 0.55
"""A colour that differs by this share of the limit for a change is a sign of an object."""

_STRUCTURE = 0.5
"""So is structure of this share of the limit, or of this share of the step at a soft shadow's edge."""

_STEP_SHARE = 0.16
_SMOOTH_PX = 7
"""Penumbras wider than this, in pixels of the thumbnail, are no structure."""

_LEAST_EVIDENCE = 0.3
"""Share of the least area of an object that must carry such signs."""

_EVIDENCE_SHARE = 0.06
"""And share of the changed area."""


@dataclass(frozen=True)
class Blob:
    """One changed piece of the picture.

    Attributes:
        area_px: Changed pixels, in the thumbnail.
        box: Left, top, width, height.
        centre: Column and row of its centre of mass.
    """

    area_px: int
    box: tuple[int, int, int, int]
    centre: tuple[float, float]


@dataclass(frozen=True)
class Change:
    """What the differences between a picture and the empty place mean.

    Attributes:
        objects: The objects, largest first; parts of others left out.
        mask: uint8 (h, w), 255 where objects lie, their gaps closed.
        soft: uint8 (h, w), 255 where only the light changed.
        area: Share of the picture that objects cover.
    """

    objects: tuple[Blob, ...]
    mask: Pixels
    soft: Pixels
    area: float


def find_evidence(seen: Explained, empty: Pixels, limit: float) -> Pixels:
    """Marks changed pixels that light alone cannot explain: uint8 (h, w)."""
    now = [p.astype(np.float32) for p in cv2.split(seen.picture)]
    was = [p.astype(np.float32) + 1 for p in cv2.split(empty)]
    total_now, total_was = now[0] + now[1] + now[2], was[0] + was[1] + was[2]
    factor: Floats = (total_now / total_was).astype(np.float32)
    colour = np.abs(now[0] - factor * was[0])
    for channel in (1, 2):
        np.maximum(colour, np.abs(now[channel] - factor * was[channel]), out=colour)
    smooth = cv2.blur(factor, (_SMOOTH_PX, _SMOOTH_PX))
    level = total_was * np.float32(1 / 3)
    structure = np.abs(factor - smooth) * level
    tolerated = np.maximum(np.float32(_STRUCTURE * limit), np.float32(_STEP_SHARE) * np.abs(1 - smooth) * level)
    evident = (colour > _COLOUR * limit) | (structure > tolerated)
    evident |= (factor < _DARKEST_SHADOW) | (factor > _BRIGHTEST_PATCH)
    return cv2.bitwise_and(seen.changed, evident.astype(np.uint8) * np.uint8(255))  # type: ignore[return-value]


def find_objects(seen: Explained, empty: Pixels, limit: float, options: TriggerOptions) -> Change:
    """Tells objects from light, and counts them.

    Pieces whose gap is narrower than ``options.gap`` are one object; pieces smaller than ``options.part`` of the
    largest are parts of it.
    """
    height, width = seen.changed.shape
    least_px = options.least_area * height * width
    evident = find_evidence(seen, empty, limit)
    whole = _close(seen.changed, evident, options.gap)
    number, labels, stats, centres = cv2.connectedComponentsWithStats(whole)
    changed = np.bincount(labels.ravel(), weights=(seen.changed.ravel() > 0), minlength=number)
    signs = np.bincount(labels.ravel(), weights=(evident.ravel() > 0), minlength=number)
    enough = (signs >= _LEAST_EVIDENCE * least_px) & (signs >= _EVIDENCE_SHARE * changed)
    enough[0] = False
    areas = stats[:, cv2.CC_STAT_AREA]
    largest = areas[enough].max(initial=0)
    chosen = [i for i in np.flatnonzero(enough) if areas[i] >= max(options.part * largest, 0.4 * least_px)]
    chosen.sort(key=lambda i: -areas[i])
    blobs = tuple(
        Blob(int(areas[i]), tuple(int(v) for v in stats[i, :4]), (float(centres[i][0]), float(centres[i][1])))  # type: ignore[arg-type]
        for i in chosen
    )
    mask = (enough[labels] * 255).astype(np.uint8)
    soft = cv2.bitwise_and(seen.changed, cv2.bitwise_not(mask))
    return Change(blobs, mask, soft, float(areas[enough].sum()) / (height * width))  # type: ignore[arg-type]


def _close(changed: Pixels, evident: Pixels, gap: float) -> Pixels:
    """Objects without the soft shadows around them, narrow gaps closed and holes filled."""
    side = 2 * round(gap * changed.shape[0] / 2) + 1
    kernel = np.ones((side, side), np.uint8)
    closed = cv2.morphologyEx(evident, cv2.MORPH_CLOSE, kernel)
    contours, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(closed, contours, -1, 255, cv2.FILLED)
    return closed  # type: ignore[return-value]
