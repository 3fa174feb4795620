"""Medians with intervals, and whether two of them differ.

Times of one block are alike: the same clock frequency, the same neighbours on the machine. The bootstrap therefore
draws whole blocks, not single times (Davison and Hinkley, "Bootstrap Methods and their Application", 1997,
section 3.8); two candidates of one run are compared by drawing the same rounds of both, so that what hit both alike
cancels out.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Blocks = npt.NDArray[np.float64]
"""Times of one candidate in milliseconds: (rounds, calls of a round)."""

_DRAWS = 1000
_LOW, _HIGH = 2.5, 97.5


@dataclass(frozen=True)
class Ratio:
    """How one median compares with another.

    Attributes:
        value: First over second.
        low: Lower end of its 95 % interval.
        high: Upper end.
    """

    value: float
    low: float
    high: float

    @property
    def differs(self) -> bool:
        """Whether the interval leaves out 1."""
        return self.low > 1.0 or self.high < 1.0


def median_interval(blocks: Blocks, seed: int = 1) -> tuple[float, float]:
    """95 % interval of the median of all times."""
    medians = _drawn_medians(blocks, np.random.default_rng(seed))
    low, high = np.percentile(medians, [_LOW, _HIGH])
    return (float(low), float(high))


def compare_medians(first_ms: npt.ArrayLike, second_ms: npt.ArrayLike, paired: bool, seed: int = 1) -> Ratio:
    """Compares two candidates by the medians of their rounds.

    Args:
        first_ms: Median of each round, in the order of the rounds.
        second_ms: The same of the other candidate.
        paired: Whether round i of both was measured at the same time: in one run, never between two runs.
        seed: Of the draws.
    """
    first, second = np.asarray(first_ms, np.float64), np.asarray(second_ms, np.float64)
    rng = np.random.default_rng(seed)
    if paired:
        rounds = min(len(first), len(second))
        first, second = first[:rounds], second[:rounds]
    index = rng.integers(0, len(first), (_DRAWS, len(first)))
    other = index if paired else rng.integers(0, len(second), (_DRAWS, len(second)))
    ratios = np.median(first[index], axis=1) / np.median(second[other], axis=1)
    low, high = (float(p) for p in np.percentile(ratios, [_LOW, _HIGH]))
    return Ratio(float(np.median(first) / np.median(second)), low, high)


def accuracy_difference(first: str, second: str, paired: bool, seed: int = 1) -> tuple[float, float]:
    """95 % interval of the difference of two accuracies, first less second.

    Args:
        first: One character a photo, ``1`` where it was right.
        second: The same of the other network.
        paired: Whether both saw the same photos in the same order.
        seed: Of the draws.
    """
    a, b = _hits(first), _hits(second)
    rng = np.random.default_rng(seed)
    index = rng.integers(0, len(a), (_DRAWS, len(a)))
    other = index if paired else rng.integers(0, len(b), (_DRAWS, len(b)))
    differences = a[index].mean(axis=1) - b[other].mean(axis=1)
    low, high = np.percentile(differences, [_LOW, _HIGH])
    return (float(low), float(high))


def _hits(correct: str) -> npt.NDArray[np.float64]:
    return np.frombuffer(correct.encode(), np.uint8).astype(np.float64) - ord("0")


def _drawn_medians(blocks: Blocks, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    draws = (blocks[rng.integers(0, len(blocks), len(blocks))].ravel() for _ in range(_DRAWS))
    return np.array([np.median(drawn) for drawn in draws])
