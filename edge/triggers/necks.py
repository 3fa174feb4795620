"""One piece that is two objects: two things that touch leave a neck between them.

A neck is a chord between two points of the outline from which the piece widens to both sides. A pear widens to one
side only and a banana's bend to none, while a crushed can may have a waist of its own. So it counts, too, how much more
convex the two sides are than the whole, and whether they differ in colour.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from sorter.image import Pixels

_POINTS = 64
"""The outline is looked at in so many points."""

_REACH = 10
"""A piece must widen within so many points from its neck."""

_TURNS = 3
"""A chord is turned by so many points to either side."""

_LEAST_ARC = 4
"""Points of the outline that a side has at least."""

_FINER = 2
"""The outline is smoothed at so many times the thumbnail's size."""

_SMOOTHING_PX = 0.6
_MARGIN_PX = 3

_NECK, _COLOURED_NECK = 1.55, 1.2
"""How many times a neck is narrower than what it joins, times how much more convex the sides are than the whole; and
the same where the sides have different colours."""

_ROUND_NECK, _COLOURED_ROUND_NECK = 1.3, 1.17
"""The same where both sides are round: crushed cans and torn paper are not."""

_LEAST_NARROWNESS = 1.1
"""A bend alone makes the sides more convex than the whole."""

_ROUND = 0.96
"""Round sides fill this share of their convex hulls."""

_OTHER_COLOUR = 25.0
"""Distance of two colours in the plane of CIELAB's a and b."""

_COMPACT = 0.78
"""Each side fills this share of its convex hull; otherwise the outline is ragged and a neck means nothing."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Neck:
    """The narrowest place of a piece.

    Attributes:
        narrowness: How many times narrower it is than both sides.
        convexity: Convex hull of the whole, as a multiple of those of the sides.
        compactness: Share of its convex hull that the less compact side fills.
        sides: The outlines of both sides: float32 (n, 2), columns and rows.
    """

    narrowness: float
    convexity: float
    compactness: float
    sides: tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]


def is_pair(piece: Pixels, picture: Pixels, part: float) -> bool:
    """Whether a piece is two objects that touch.

    Args:
        piece: uint8 (h, w), 255 where it is; all in one.
        picture: uint8 BGR (h, w, 3), what is seen there.
        part: A side whose area is a smaller share of the other one's is a part of it.
    """
    neck = find_neck(piece, part)
    if neck is None or neck.compactness < _COMPACT or neck.narrowness < _LEAST_NARROWNESS:
        return False
    plain, coloured = (_ROUND_NECK, _COLOURED_ROUND_NECK) if neck.compactness >= _ROUND else (_NECK, _COLOURED_NECK)
    pronounced = neck.narrowness * neck.convexity
    if not coloured <= pronounced < plain:
        return pronounced >= plain
    contrast = min(_colour_difference(piece, picture, neck) / _OTHER_COLOUR, 1.0)
    return pronounced >= plain - contrast * (plain - coloured)


def find_neck(piece: Pixels, part: float) -> Neck | None:
    """Finds the narrowest place of a piece; None where its outline has none to offer.

    Args:
        piece: uint8 (h, w), 255 where it is; all in one.
        part: Share of the other side's area that each side has at least.
    """
    drawn = _outline(piece)
    if drawn is None:
        return None
    outline, filled = drawn
    first, second, chords = _chords(outline, filled, part)
    if not len(first):
        return None
    arc = second - first
    # Around a bend the outer side is longer: the chord is turned until it is shortest.
    turned = np.minimum.reduce([np.roll(chords, (turn, turn), (0, 1)) for turn in range(-_TURNS, _TURNS + 1)])
    inwards, outwards = np.zeros(len(first)), np.zeros(len(first))
    for step in range(1, _REACH + 1):
        within = turned[(first + step) % _POINTS, (second - step) % _POINTS]
        without = turned[(first - step) % _POINTS, (second + step) % _POINTS]
        np.maximum(inwards, within, out=inwards, where=2 * step < arc)
        np.maximum(outwards, without, out=outwards, where=2 * step < _POINTS - arc)
    narrowness = np.minimum(inwards, outwards) / np.maximum(chords[first, second], 2 * _FINER)
    best = int(np.argmax(narrowness))
    a, b = int(first[best]), int(second[best])
    points = outline.astype(np.float32)
    sides = points[a : b + 1], np.concatenate([points[b:], points[: a + 1]])
    hulls = [max(cv2.contourArea(cv2.convexHull(side)), 1.0) for side in sides]
    compactness = min(cv2.contourArea(side) / hull for side, hull in zip(sides, hulls, strict=True))
    convexity = cv2.contourArea(cv2.convexHull(points)) / sum(hulls)
    left, right = ((side / _FINER - _MARGIN_PX).astype(np.float32) for side in sides)
    return Neck(float(narrowness[best]), convexity, compactness, (left, right))


def _outline(piece: Pixels) -> tuple[Floats, Pixels] | None:
    """Points at equal distances on the outline, (n, 2), and the piece filled, both ``_FINER`` times as large.

    None where the piece is so thin that smoothing leaves nothing of it.
    """
    framed = cv2.copyMakeBorder(piece, *(_MARGIN_PX,) * 4, cv2.BORDER_CONSTANT)
    soft = cv2.resize(cv2.GaussianBlur(framed, (0, 0), _SMOOTHING_PX), None, fx=_FINER, fy=_FINER)
    contours, _ = cv2.findContours(
        cv2.threshold(soft, 127, 255, cv2.THRESH_BINARY)[1], cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    if not contours:
        return None
    longest = max(contours, key=cv2.contourArea)
    filled = cv2.drawContours(np.zeros_like(soft), [longest], -1, 255, cv2.FILLED)
    closed = np.concatenate([longest[:, 0], longest[:1, 0]]).astype(np.float64)
    length = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    wanted = np.arange(_POINTS) * (length[-1] / _POINTS)
    return np.stack([np.interp(wanted, length, closed[:, axis]) for axis in (0, 1)], axis=1), filled  # type: ignore[return-value]


def _chords(outline: Floats, filled: Pixels, part: float) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], Floats]:
    """Chords that run inside the piece and leave enough on both sides: first and second points; and all lengths."""
    x, y = outline.T
    first, second = np.triu_indices(_POINTS, _LEAST_ARC)
    # Twice the area to the left of the outline so far (the shoelace formula), closed by the chord.
    swept = np.concatenate([[0.0], np.cumsum(x * np.roll(y, -1) - np.roll(x, -1) * y)])
    area = np.abs(swept[second] - swept[first] + x[second] * y[first] - x[first] * y[second])
    rest = abs(swept[-1]) - area
    chosen = (second - first <= _POINTS - _LEAST_ARC) & (np.minimum(area, rest) >= part * np.maximum(area, rest))
    for share in (0.25, 0.5, 0.75):
        across, down = (np.rint(share * axis[first] + (1 - share) * axis[second]).astype(np.intp) for axis in (x, y))
        chosen &= filled[down, across] > 0
    lengths = np.hypot(x[:, None] - x, y[:, None] - y)
    return first[chosen], second[chosen], lengths


def _colour_difference(piece: Pixels, picture: Pixels, neck: Neck) -> float:
    """How far the usual colours of both sides lie apart, brightness left out."""
    colours = cv2.cvtColor(picture, cv2.COLOR_BGR2LAB)[..., 1:]
    usual = []
    for side in neck.sides:
        inside = cv2.fillPoly(np.zeros_like(piece), [np.rint(side).astype(np.int32)], 255)
        # At the border colours are mixed.
        inside = cv2.bitwise_and(cv2.erode(inside, np.ones((3, 3), np.uint8)), piece)
        if not inside.any():
            return 0.0
        usual.append(np.median(colours[inside > 0], axis=0))
    return float(np.hypot(*(usual[0] - usual[1])))
