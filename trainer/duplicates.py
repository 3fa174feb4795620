"""Photos of the same scene, which must stay in one part of the split.

A network that has seen one picture of a burst knows the others; accuracy measured on them is worth nothing.
"""

from dataclasses import dataclass, fields

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
_PAIRS_AT_ONCE = 8192
_MANY = 0.02
"""Share of all pairs from which one matrix product is quicker than to gather the rows of each pair."""
_NONE: npt.NDArray[np.int64] = np.empty(0, np.int64)


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


@dataclass(frozen=True)
class NearPairs:
    """Pairs of photos that look nearly the same; all arrays (n,).

    Attributes:
        first: int64, index of one photo.
        second: int64, index of the other, always larger.
        bits: int64, Hamming distance of the hashes.
        correlation: float32, of the outlines.
        level: int64, the strictest of ``LEVELS`` that the pair passes.
    """

    first: npt.NDArray[np.int64]
    second: npt.NDArray[np.int64]
    bits: npt.NDArray[np.int64]
    correlation: npt.NDArray[np.float32]
    level: npt.NDArray[np.int64]

    def select(self, wanted: npt.NDArray[np.bool_]) -> "NearPairs":
        """The pairs where ``wanted`` (n,) is true."""
        return NearPairs(*(getattr(self, field.name)[wanted] for field in fields(self)))


def find_near_pairs(thumbnails: npt.NDArray[np.float32]) -> NearPairs:
    """Finds photos that look nearly the same.

    Args:
        thumbnails: float32 (n, 32, 32).
    """
    hashes = perceptual_hashes(thumbnails) if len(thumbnails) else np.empty((0, HASH_BITS), np.float32)
    outlines = _standardise(thumbnails)
    least = HASH_BITS - 2 * LEVELS[0][0]
    blocks = []
    for start in range(0, len(hashes), _ROWS_AT_ONCE):
        products = hashes[start : start + _ROWS_AT_ONCE] @ hashes[start:].T
        rows, columns = np.nonzero(np.triu(products, 1) >= least)
        bits = ((HASH_BITS - products[rows, columns]) / 2).astype(np.int64)
        if len(rows) > _MANY * products.size:
            alike = (outlines[start : start + _ROWS_AT_ONCE] @ outlines[start:].T)[rows, columns]
        else:
            alike = _correlate(rows + start, columns + start, outlines)
        blocks.append(_judge(rows + start, columns + start, bits, alike))
    blocks.append(NearPairs(_NONE, _NONE, _NONE, _NONE.astype(np.float32), _NONE))
    return NearPairs(*(np.concatenate([getattr(b, field.name) for b in blocks]) for field in fields(NearPairs)))


def _correlate(
    first: npt.NDArray[np.int64], second: npt.NDArray[np.int64], outlines: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    correlation = np.empty(len(first), np.float32)
    for start in range(0, len(first), _PAIRS_AT_ONCE):
        some = slice(start, start + _PAIRS_AT_ONCE)
        correlation[some] = np.einsum("ij,ij->i", outlines[first[some]], outlines[second[some]])
    return correlation


def _judge(
    first: npt.NDArray[np.int64],
    second: npt.NDArray[np.int64],
    bits: npt.NDArray[np.int64],
    correlation: npt.NDArray[np.float32],
) -> NearPairs:
    """Keeps the candidates whose outlines are alike too."""
    level = np.full(len(first), -1)
    for number, (most, least_alike) in enumerate(LEVELS):
        level[(bits <= most) & (correlation >= least_alike)] = number
    return NearPairs(first, second, bits, correlation, level).select(level >= 0)


def _standardise(thumbnails: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Rows of mean 0 and length 1, whose products are correlations: float32 (n, 1024)."""
    rows = thumbnails.reshape(len(thumbnails), _SIDE_PX * _SIDE_PX)
    centred = rows - rows.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.asarray(centred / np.maximum(lengths, 1e-6), np.float32)


def find_groups(thumbnails: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """Groups photos of the same scene: the first photo's index of each photo's group, int64 (n,)."""
    return group_pairs(find_near_pairs(thumbnails), len(thumbnails))


def group_pairs(pairs: NearPairs, count: int) -> npt.NDArray[np.int64]:
    """Groups ``count`` photos by their pairs (see ``find_groups``)."""
    groups = join(count, pairs.first, pairs.second)
    for level in range(1, len(LEVELS)):
        first, size = np.unique(groups, return_counts=True)
        chained = np.isin(groups, first[size > LONGEST_BURST])
        stricter = pairs.select((pairs.level >= level) & chained[pairs.first])
        groups = np.where(chained, join(count, stricter.first, stricter.second), groups)
    return groups


def join(count: int, first: npt.NDArray[np.int64], second: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Joins pairs of photos, and neighbours of neighbours: the smallest index of each photo's group, int64 (count,)."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not count:
        return np.empty(0, np.int64)
    links = coo_array((np.ones(len(first), np.int8), (first, second)), shape=(count, count))
    _, component = connected_components(links, directed=False)
    _, smallest, inverse = np.unique(component, return_index=True, return_inverse=True)
    return np.asarray(smallest[inverse], np.int64)
