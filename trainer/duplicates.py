"""Photos of the same scene, which must stay in one part of the split.

A network that has seen one picture of a burst knows the others; accuracy measured on them is worth nothing.
"""

from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt

from sorter.image import Pixels

Thumbnail = npt.NDArray[np.float32]

_SIDE_PX = 32
_COEFFICIENTS = 8
HASH_BITS = _COEFFICIENTS * _COEFFICIENTS

LEVELS = ((12, 0.8), (6, 0.93), (3, 0.98))
"""Largest Hamming distance and least correlation of a pair: the usual level, and stricter ones for chains.

The first level was chosen by looking at pairs of two sets of photos (waste on white card, and flowers). Below 8 bits
three pairs in four show the same thing; up to 12 bits it is one in five, because objects alone in the middle of a white
card have much the same outline. Correlation of the outlines drops nearly all of the wrong ones and few right ones. A
wrong pair costs nothing but a little freedom in the split; a missed one flatters the accuracy.
"""

LONGEST_BURST = 30
"""A group of more photos is mostly a chain (round things on plain ground: each is like some other, the first unlike the
last) and is grouped again at the next stricter level, which real bursts pass."""

_ROWS_AT_ONCE = 2048


def make_thumbnail(picture_bgr: Pixels) -> Thumbnail:
    """Reduces a uint8 BGR photo (H, W, 3) to its grey 32x32 outline: float32 (32, 32)."""
    small = cv2.resize(picture_bgr, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_BGR2GRAY).astype(np.float32)


def perceptual_hashes(thumbnails: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """64-bit perceptual hashes as signs, so that one matrix product gives all distances.

    The classic pHash (Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010): the lowest
    frequencies of the discrete cosine transform, without the constant one, each compared with their median.

    Args:
        thumbnails: float32 (n, 32, 32).

    Returns:
        float32 (n, 64) of -1 and 1.
    """
    low = np.stack(
        [cv2.dct(t)[: _COEFFICIENTS + 1, : _COEFFICIENTS + 1].ravel()[1 : HASH_BITS + 1] for t in thumbnails]
    )
    above = low > np.median(low, axis=1, keepdims=True)
    return np.where(above, np.float32(1), np.float32(-1))


def near_pairs(thumbnails: npt.NDArray[np.float32]) -> Iterator[tuple[int, int, int]]:
    """Pairs of photos (first index smaller) that look nearly the same, each with the strictest of ``LEVELS`` it passes.

    Args:
        thumbnails: float32 (n, 32, 32).
    """
    hashes, outlines = perceptual_hashes(thumbnails), _standardise(thumbnails)
    least = HASH_BITS - 2 * LEVELS[0][0]
    for start in range(0, len(hashes), _ROWS_AT_ONCE):
        products = hashes[start : start + _ROWS_AT_ONCE] @ hashes[start:].T
        for row, column in np.argwhere(np.triu(products, 1) >= least):
            i, j = start + int(row), start + int(column)
            bits, correlation = (HASH_BITS - products[row, column]) / 2, outlines[i] @ outlines[j]
            passed = [
                level for level, (most, least_alike) in enumerate(LEVELS) if bits <= most and correlation >= least_alike
            ]
            if passed:
                yield i, j, passed[-1]


def _standardise(thumbnails: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Rows of mean 0 and length 1, whose products are correlations: float32 (n, 1024)."""
    rows = thumbnails.reshape(len(thumbnails), -1)
    centred = rows - rows.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.asarray(centred / np.maximum(lengths, 1e-6), np.float32)


def find_groups(thumbnails: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """Groups photos of the same scene: the first photo's index of each photo's group, int64 (n,)."""
    pairs = list(near_pairs(thumbnails)) if len(thumbnails) else []
    groups = _join(np.arange(len(thumbnails)), pairs)
    for level in range(1, len(LEVELS)):
        first, size = np.unique(groups, return_counts=True)
        chained = np.isin(groups, first[size > LONGEST_BURST])
        stricter = [pair for pair in pairs if pair[2] >= level and chained[pair[0]]]
        groups = np.where(chained, _join(np.arange(len(thumbnails)), stricter), groups)
    return groups


def _join(groups: npt.NDArray[np.int64], pairs: list[tuple[int, int, int]]) -> npt.NDArray[np.int64]:
    """Gives joined photos (n,) the smallest index among them."""
    parent = groups.tolist()

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for i, j, _ in pairs:
        first, second = sorted((root(i), root(j)))
        parent[second] = first
    return np.array([root(i) for i in range(len(parent))], np.int64)
