"""How good a classifier is, from its probabilities and the truth. NumPy only."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Probabilities = npt.NDArray[np.float32]
Classes = npt.NDArray[np.int64]

_Z_95 = 1.959964
"""Two-sided 95 % quantile of the normal distribution."""


def wilson_interval(correct: int, n: int) -> tuple[float, float]:
    """95 % confidence interval of an accuracy.

    Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927), which unlike the
    normal approximation stays inside 0..1 and holds for small n.
    """
    if n == 0:
        return (0.0, 1.0)
    p, z2 = correct / n, _Z_95**2
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z_95 / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    return (max(0.0, centre - half), min(1.0, centre + half))


def confusion_matrix(actual: Classes, predicted: Classes, classes: int) -> npt.NDArray[np.int64]:
    """Counts, shape (classes, classes): row = actual, column = predicted."""
    matrix = np.zeros((classes, classes), np.int64)
    np.add.at(matrix, (actual, predicted), 1)
    return matrix


def expected_calibration_error(probabilities: Probabilities, actual: Classes, bins: int = 15) -> float:
    """Mean distance between confidence and accuracy, over equal-width confidence bins weighted by their counts.

    Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, equation 3, with its 15 bins.

    Args:
        probabilities: (n, classes).
        actual: (n,) class indices.
        bins: Number of bins.
    """
    if len(actual) == 0:
        return 0.0
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == actual
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    error = 0.0
    for b in range(bins):
        inside = index == b
        if inside.any():
            error += inside.mean() * abs(correct[inside].mean() - confidence[inside].mean())
    return float(error)


def _ratio(numerator: float, denominator: float) -> float:
    return float(numerator / denominator) if denominator else 0.0


def evaluate(probabilities: Probabilities, actual: Classes, labels: Sequence[str]) -> dict[str, Any]:
    """All figures of one evaluation, ready for ``metrics.json``.

    Args:
        probabilities: (n, classes) float.
        actual: (n,) class indices.
        labels: Class names, in the order of the columns.

    Returns:
        ``accuracy``, ``accuracy_95`` (low, high), ``n``, ``worst_class`` and its recall, ``per_class`` with precision,
        recall, f1 and support, ``confusion`` (rows actual, columns predicted), ``ece`` and ``labels``.
    """
    predicted = probabilities.argmax(axis=1) if len(actual) else np.zeros(0, np.int64)
    matrix = confusion_matrix(actual, predicted, len(labels))
    hits = np.diag(matrix)
    per_class = {}
    for i, label in enumerate(labels):
        precision = _ratio(hits[i], matrix[:, i].sum())
        recall = _ratio(hits[i], matrix[i].sum())
        per_class[label] = {
            "precision": precision,
            "recall": recall,
            "f1": _ratio(2 * precision * recall, precision + recall),
            "support": int(matrix[i].sum()),
        }
    seen = [label for label in labels if per_class[label]["support"]]
    worst = min(seen, key=lambda label: per_class[label]["recall"]) if seen else None
    return {
        "accuracy": _ratio(hits.sum(), len(actual)),
        "accuracy_95": wilson_interval(int(hits.sum()), len(actual)),
        "n": len(actual),
        "labels": list(labels),
        "per_class": per_class,
        "worst_class": worst,
        "worst_class_recall": per_class[worst]["recall"] if worst else None,
        "confusion": matrix.tolist(),
        "ece": expected_calibration_error(probabilities, actual),
    }


def agreement(first: Probabilities, second: Probabilities) -> float:
    """Share of pictures to which two networks give the same top class; both (n, classes)."""
    return float(np.mean(first.argmax(axis=1) == second.argmax(axis=1))) if len(first) else 1.0
