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

MAX_HAMMING_BITS = 12
MIN_CORRELATION = 0.8
"""Both chosen by looking at pairs of two sets of photos (waste on white card, and flowers). Below 8 bits three pairs in
four show the same thing; up to 12 bits it is one in five, because objects alone in the middle of a white card have much
the same outline. Correlation of the outlines drops nearly all of the wrong ones and few right ones. A wrong pair costs
nothing but a little freedom in the split; a missed one flatters the accuracy."""

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


def near_pairs(thumbnails: npt.NDArray[np.float32]) -> Iterator[tuple[int, int]]:
    """Pairs of photos (first index smaller) that look nearly the same.

    Args:
        thumbnails: float32 (n, 32, 32).
    """
    hashes, outlines = perceptual_hashes(thumbnails), _standardise(thumbnails)
    least = HASH_BITS - 2 * MAX_HAMMING_BITS
    for start in range(0, len(hashes), _ROWS_AT_ONCE):
        products = hashes[start : start + _ROWS_AT_ONCE] @ hashes[start:].T
        for i, j in start + np.argwhere(np.triu(products, 1) >= least):
            if outlines[i] @ outlines[j] >= MIN_CORRELATION:
                yield int(i), int(j)


def _standardise(thumbnails: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Rows of mean 0 and length 1, whose products are correlations: float32 (n, 1024)."""
    rows = thumbnails.reshape(len(thumbnails), -1)
    centred = rows - rows.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.asarray(centred / np.maximum(lengths, 1e-6), np.float32)


def find_groups(thumbnails: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """Groups photos of the same scene: the first photo's index of each photo's group, int64 (n,)."""
    parent = list(range(len(thumbnails)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    if len(thumbnails):
        for i, j in near_pairs(thumbnails):
            first, second = sorted((root(i), root(j)))
            parent[second] = first
    return np.array([root(i) for i in range(len(parent))], np.int64)
