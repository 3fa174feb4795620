"""Probabilities that can be believed, and the threshold below which an object is rejected."""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from sorter.metrics import Classes, Probabilities

_TEMPERATURE_RANGE = (0.05, 20.0)

THRESHOLD_RANGE = (0.3, 0.9)
"""A lower threshold would accept guesses, a higher one would leave the work to the reject bin."""

WANTED_PRECISION = 0.95
"""Share of the accepted validation photos that must be right at the suggested threshold."""

_GOLDEN = (5**0.5 - 1) / 2


def _log_probabilities(probabilities: Probabilities) -> npt.NDArray[np.float64]:
    logits: npt.NDArray[np.float64] = np.log(np.maximum(probabilities.astype(np.float64), 1e-12))
    return logits


def sharpen(probabilities: Probabilities, temperature: float) -> npt.NDArray[np.float64]:
    """The probabilities that the network would give with its logits divided by a temperature: (n, classes).

    Logarithms of probabilities are the logits up to a constant of each row, which softmax ignores.
    """
    logits = _log_probabilities(probabilities) / temperature
    scores = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(scores / scores.sum(axis=1, keepdims=True))


def prior_logits(classes: Classes, class_count: int, exponent: float) -> npt.NDArray[np.float64]:
    """What to take from each class's logit so that rare classes are not overlooked because they are rare.

    Post-hoc logit adjustment: Menon et al., "Long-tail learning via logit adjustment", ICLR 2021, equation 9, where
    the exponent is called tau.

    Args:
        classes: int64 (n,) classes of the train part.
        class_count: Number of classes; one without photos is treated as if it had one.
        exponent: 0 for nothing, 1 for a network that expects all classes equally often.

    Returns:
        (classes,)
    """
    counts = np.maximum(np.bincount(classes, minlength=class_count), 1)
    return np.asarray(exponent * np.log(counts / counts.sum()))


def correct_priors(probabilities: Probabilities, logits: npt.NDArray[np.float64]) -> Probabilities:
    """The probabilities (n, classes) that a network gives with ``logits`` (classes,) taken from its own."""
    scores = _log_probabilities(probabilities) - logits
    scores = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(scores / scores.sum(axis=1, keepdims=True), np.float32)


def fit_temperature(probabilities: Probabilities, actual: Classes) -> float:
    """The temperature that makes the truth most likely.

    Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, section 4.2.

    Args:
        probabilities: (n, classes), of the validation part.
        actual: int64 (n,) classes.
    """
    if len(actual) == 0:
        return 1.0
    rows = np.arange(len(actual))

    def loss(log_temperature: float) -> float:
        right = sharpen(probabilities, float(np.exp(log_temperature)))[rows, actual]
        return float(-np.log(np.maximum(right, 1e-12)).mean())

    low, high = np.log(_TEMPERATURE_RANGE)
    return float(np.exp(_golden_section(loss, low, high)))


def calibrated_loss(probabilities: Probabilities, actual: Classes) -> float:
    """Mean negative log likelihood in nats after temperature scaling, which a finished network gets too.

    Args:
        probabilities: float (n, classes).
        actual: int (n,).

    Returns:
        It; not a number where one of the probabilities is none.
    """
    if not np.isfinite(probabilities).all():
        return math.nan
    calibrated = sharpen(probabilities, fit_temperature(probabilities, actual))
    right = calibrated[np.arange(len(calibrated)), actual]
    return -float(np.log(np.maximum(right, 1e-7)).mean())


def _golden_section(function: Callable[[float], float], low: float, high: float, tolerance: float = 1e-4) -> float:
    """Minimum of a function with a single valley (Kiefer, "Sequential minimax search for a maximum", 1953)."""
    a, b = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    value_a, value_b = function(a), function(b)
    while high - low > tolerance:
        if value_a < value_b:
            high, b, value_b = b, a, value_a
            a = high - _GOLDEN * (high - low)
            value_a = function(a)
        else:
            low, a, value_a = a, b, value_b
            b = low + _GOLDEN * (high - low)
            value_b = function(b)
    return (low + high) / 2


def suggest_threshold(probabilities: npt.NDArray[np.floating], actual: Classes) -> float:
    """The smallest threshold at which accepted photos are right often enough.

    The rule: of all thresholds between 0.3 and 0.9, in steps of 0.01, the smallest at which at least 95 % of the
    photos whose best probability reaches it are right; 0.9 when none is good enough.

    Args:
        probabilities: (n, classes), calibrated, of the validation part.
        actual: int64 (n,) classes.
    """
    confidence = probabilities.max(axis=1, initial=0.0)
    right = probabilities.argmax(axis=1) == actual if len(actual) else np.zeros(0, bool)
    low, high = (round(limit * 100) for limit in THRESHOLD_RANGE)
    for percent in range(low, high):
        accepted = confidence >= percent / 100
        if accepted.any() and right[accepted].mean() >= WANTED_PRECISION:
            return percent / 100
    return high / 100
