"""What a threshold does: the share of photos that it rejects, and the share of wrong answers that still pass."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sorter.metrics import Classes, Probabilities

_STEPS = 100


@dataclass(frozen=True)
class Rejection:
    """A threshold and what comes of it.

    Attributes:
        threshold: Least probability of an answer that passes.
        rejected: Share of all photos whose answer does not pass.
        wrong: Share of the answers that pass and are wrong; None where none passes.
    """

    threshold: float
    rejected: float
    wrong: float | None


def reject(probabilities: Probabilities, actual: Classes, threshold: float) -> Rejection:
    """What a threshold does to some photos.

    Args:
        probabilities: float32 (n, classes), n > 0.
        actual: int64 (n,) true classes.
        threshold: 0..1.
    """
    passed = probabilities.max(axis=1) >= threshold
    wrong = probabilities.argmax(axis=1) != actual
    return Rejection(threshold, float(1.0 - passed.mean()), float(wrong[passed].mean()) if passed.any() else None)


def rejection_curve(probabilities: Probabilities, actual: Classes) -> tuple[Rejection, ...]:
    """What every threshold from 0 to 1 in steps of 0.01 does, as long as an answer passes."""
    curve = (reject(probabilities, actual, step / _STEPS) for step in range(_STEPS + 1))
    return tuple(point for point in curve if point.wrong is not None)


def worst_mistakes(probabilities: Probabilities, actual: Classes, limit: int) -> npt.NDArray[np.int64]:
    """Rows of the wrong answers of which the network was most sure, the surest first: int64 (at most limit,)."""
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != actual)
    order = np.argsort(-probabilities[wrong].max(axis=1), kind="stable")
    return np.asarray(wrong[order][:limit], np.int64)
