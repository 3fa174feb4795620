"""One object in several pieces.

Two pieces are one object when the gap between them is narrow and they face each other along most of the smaller one:
a label, a dark band, a cap; or when one lies within the other's convex hull: print within the outline of white paper.
"""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

_FACING = 0.6
"""Pieces of one object face each other along this share of the smaller one's width; round things along a third."""

_FACING_DEPTH_PX = 1.5
_SCATTERED = 0.55
"""A piece that fills less of its convex hull is an outline or a fragment; a banana fills two thirds."""

_WITHIN = 0.5
"""A piece of which the other's convex hull covers this share lies within it; an orange in a banana's bend does not."""

Labels = npt.NDArray[np.int32]


def join_pieces(labels: Labels, chosen: list[int], stats: npt.NDArray[np.int32], gap_px: float) -> list[list[int]]:
    """Groups the pieces that are one object.

    Args:
        labels: int32 (h, w), the number of the piece of each pixel.
        chosen: Which pieces count.
        stats: What ``cv2.connectedComponentsWithStats`` tells of each piece.
        gap_px: Pieces farther apart than this are two objects.

    Returns:
        The pieces of each object.
    """
    groups = [[piece] for piece in chosen]
    if len(chosen) < 2:
        return groups
    distances = {piece: _distance_from(labels == piece) for piece in chosen}
    for first in chosen:
        for second in chosen:
            if first < second and _belong_together(first, second, labels, stats, distances, gap_px):
                a, b = (next(group for group in groups if piece in group) for piece in (first, second))
                if a is not b:
                    a += b
                    groups.remove(b)
    return groups


def _distance_from(piece: npt.NDArray[np.bool_]) -> Any:
    return cv2.distanceTransform((~piece).astype(np.uint8), cv2.DIST_L2, 3)


def _belong_together(
    first: int, second: int, labels: Labels, stats: npt.NDArray[np.int32], distances: dict[int, Any], gap_px: float
) -> bool:
    if _lies_within(labels == first, labels == second):
        return True
    # Of glass and clear plastic only scattered pieces stand out.
    if min(_solidity(labels == piece) for piece in (first, second)) < _SCATTERED:
        gap_px *= 2
        facing_wanted = 0.0
    else:
        facing_wanted = _FACING
    smaller, larger = sorted((first, second), key=lambda piece: stats[piece, cv2.CC_STAT_AREA])
    away = distances[larger][labels == smaller]
    nearest = float(away.min())
    if nearest > gap_px:
        return False
    facing = np.count_nonzero(away <= nearest + _FACING_DEPTH_PX) / _FACING_DEPTH_PX
    width = min(stats[smaller, cv2.CC_STAT_WIDTH], stats[smaller, cv2.CC_STAT_HEIGHT])
    return bool(facing >= facing_wanted * width)


def _lies_within(first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_]) -> bool:
    """Whether one piece lies mostly within the convex hull of the other."""
    for outer, inner in ((first, second), (second, first)):
        hull = cv2.convexHull(cv2.findNonZero(outer.astype(np.uint8)))
        covered = cv2.fillConvexPoly(np.zeros(outer.shape, np.uint8), hull, 1)
        if np.count_nonzero(covered[inner]) >= _WITHIN * np.count_nonzero(inner):
            return True
    return False


def _solidity(piece: npt.NDArray[np.bool_]) -> float:
    """Share of its convex hull that a piece fills."""
    points = cv2.findNonZero(piece.astype(np.uint8))
    hull = cv2.contourArea(cv2.convexHull(points))
    return len(points) / max(hull, 1.0)
