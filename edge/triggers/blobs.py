"""What changed: objects, or only the light on the ground; and how many objects.

A shadow dims all channels by one factor that varies softly over the picture. An object betrays itself by another
colour, by being darker than shadows are, by being much brighter, or by sharp structure that the ground has not.
Keeping colour ratios as the mark of a shadow: Horprasert et al., "A statistical approach for real-time robust
background subtraction and shadow detection", 1999.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from sorter.edge.triggers.light import Explained, Floats
from sorter.edge.triggers.necks import is_pair
from sorter.edge.triggers.options import TriggerOptions
from sorter.edge.triggers.pieces import join_pieces
from sorter.image import Pixels

_DARKEST_SHADOW = 0.45
"""In bytes; about a sixth of the light. Only dark objects take away more."""

_BRIGHTEST_PATCH = 2.2
"""The inverse: a shadow that goes is as bright as it was dark when it came."""

_COLOUR = 0.55
"""A colour that differs by this share of the limit for a change is a sign of an object."""

_STRUCTURE = 0.4
"""So is structure of this share of the limit, or of this share of the step at a soft shadow's edge."""

_STEP_SHARE = 0.16
_SMOOTH_PX = 7
"""Penumbras wider than this, in pixels of the thumbnail, are no structure."""

_LEAST_SIGNS = 0.15
"""Share of the least area of an object that must carry such signs."""

_SIGNS_SHARE = 0.06
"""And share of its own area."""

_LEAST_OBJECT = 0.4
"""A further object is at least this share of the least area."""

_SOLID = 0.75
"""Solid objects are evident over this share of what they cover."""

_SHARP_OUTLINE = 0.7
"""What is outlined sharply over this share of its border is an object all over; shadows end softly."""

_CRACK_PX = 3


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
        evident: uint8 (h, w), 255 where light alone cannot explain the change.
        mask: uint8 (h, w), 255 where objects lie, their gaps closed.
        soft: uint8 (h, w), 255 where only the light changed.
        area: Share of the picture that objects cover.
        picture: uint8 BGR (h, w, 3), the picture in the light of the empty place.
    """

    objects: tuple[Blob, ...]
    evident: Pixels
    mask: Pixels
    soft: Pixels
    area: float
    picture: Pixels


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

    Pieces that face each other over a gap narrower than ``options.gap`` are one object, pieces smaller than
    ``options.part`` of the largest are parts of it (see ``pieces``). Objects that touch are one here.
    """
    height, width = seen.changed.shape
    least_px = options.least_area * height * width
    evident = find_evidence(seen, empty, limit)
    found: Any = cv2.connectedComponentsWithStats(_fill(evident, seen.changed))
    number, labels, stats, centres = found
    signs = np.bincount(labels.ravel(), weights=evident.ravel() > 0, minlength=number)
    areas = stats[:, cv2.CC_STAT_AREA]
    enough = (signs >= _LEAST_SIGNS * least_px) & (signs >= _SIGNS_SHARE * areas)
    enough[0] = False
    mask = (enough[labels] * 255).astype(np.uint8)
    soft = cv2.bitwise_and(seen.changed, cv2.bitwise_not(mask))
    chosen = [int(i) for i in np.flatnonzero(enough)]
    groups = join_pieces(labels, chosen, stats, options.gap * height)
    blobs = sorted((_blob(group, stats, centres) for group in groups), key=lambda blob: -blob.area_px)
    objects = tuple(b for b in blobs if b.area_px >= max(options.part * blobs[0].area_px, _LEAST_OBJECT * least_px))
    area = float(areas[enough].sum()) / (height * width)
    return Change(objects, evident, mask, soft, area, seen.picture)  # type: ignore[arg-type]


def count_objects(change: Change, part: float) -> int:
    """How many objects there are, two that touch counted apart (see ``necks``)."""
    number = 0
    for blob in change.objects:
        left, top, width, height = blob.box
        inside = (slice(top, top + height), slice(left, left + width))
        # A ragged outline, as of glass, has necks that mean nothing.
        ragged = cv2.countNonZero(change.evident[inside]) < _SOLID * cv2.countNonZero(change.mask[inside])
        pair = not ragged and is_pair(_largest_piece(change.mask[inside]), change.picture[inside], part)
        number += 2 if pair else 1
    return number


def _largest_piece(mask: Pixels) -> Pixels:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    piece: Pixels = ((labels == largest) * 255).astype(np.uint8)
    return piece


def _blob(group: list[int], stats: Any, centres: Any) -> Blob:
    own, areas = stats[group], stats[group, cv2.CC_STAT_AREA]
    left, top = own[:, 0].min(), own[:, 1].min()
    right, bottom = (own[:, 0] + own[:, 2]).max(), (own[:, 1] + own[:, 3]).max()
    x, y = (centres[group] * areas[:, None]).sum(axis=0) / areas.sum()
    return Blob(int(areas.sum()), (int(left), int(top), int(right - left), int(bottom - top)), (float(x), float(y)))


def _fill(evident: Pixels, changed: Pixels) -> Pixels:
    """Closes cracks and fills holes: of a plain object only the outline is evident, and not all of that."""
    small = np.ones((_CRACK_PX, _CRACK_PX), np.uint8)
    closed = cv2.morphologyEx(evident, cv2.MORPH_CLOSE, small)
    contours, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(closed, contours, -1, 255, cv2.FILLED)
    number, labels = cv2.connectedComponents(changed)
    outline = (cv2.erode(changed, small, borderType=cv2.BORDER_REPLICATE) == 0) & (changed > 0)
    sharp = outline & (cv2.dilate(evident, small) > 0)
    lengths = np.bincount(labels[outline], minlength=number)
    sharps = np.bincount(labels[sharp], minlength=number)
    outlined = (lengths > 0) & (sharps >= _SHARP_OUTLINE * lengths)
    outlined[0] = False
    return cv2.bitwise_or(closed, (outlined[labels] * 255).astype(np.uint8))  # type: ignore[return-value]
