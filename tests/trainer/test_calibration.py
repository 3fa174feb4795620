import numpy as np
import numpy.typing as npt
import pytest

from sorter.metrics import Probabilities
from sorter.trainer.calibration import correct_priors, fit_temperature, prior_logits, sharpen, suggest_threshold


def softmax(logits: npt.NDArray[np.float64]) -> Probabilities:
    scores = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(scores / scores.sum(axis=1, keepdims=True), np.float32)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_that_spoilt_the_probabilities_is_found(temperature: float) -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (20000, 4))
    truth = (softmax(logits).cumsum(axis=1) > rng.random((20000, 1))).argmax(axis=1)
    assert fit_temperature(softmax(logits * temperature), truth) == pytest.approx(temperature, rel=0.05)


def test_sharpening_equals_division_of_the_logits() -> None:
    logits = np.random.default_rng(1).normal(0, 2, (50, 5))
    assert np.allclose(sharpen(softmax(logits), 1.7), softmax(logits / 1.7), atol=1e-6)


def test_full_correction_gives_what_photos_of_all_classes_equally_often_would_have_taught() -> None:
    """Bayes: the posterior of a class is its likelihood times how often it comes."""
    likelihood = np.random.default_rng(2).random((40, 3)).astype(np.float32)
    shares = np.array([0.7, 0.2, 0.1])
    learned = likelihood * shares / (likelihood * shares).sum(axis=1, keepdims=True)
    classes = np.repeat(np.arange(3), [70, 20, 10])
    corrected = correct_priors(learned.astype(np.float32), prior_logits(classes, 3, 1.0))
    assert np.allclose(corrected, likelihood / likelihood.sum(axis=1, keepdims=True), atol=1e-5)
    unchanged = correct_priors(learned.astype(np.float32), prior_logits(classes, 3, 0.0))
    assert np.allclose(unchanged, learned, atol=1e-6)
    # A class without a photo has no share whose logarithm could be taken.
    assert np.isfinite(prior_logits(classes, 4, 1.0)).all()


def test_perfect_and_empty_validation_parts_give_usable_numbers() -> None:
    sure = np.eye(3, dtype=np.float32)
    assert 0.05 <= fit_temperature(sure, np.arange(3)) <= 20
    assert fit_temperature(np.empty((0, 3), np.float32), np.empty(0, np.int64)) == 1.0
    assert suggest_threshold(sure, np.arange(3)) == 0.3
    assert suggest_threshold(np.empty((0, 3), np.float32), np.empty(0, np.int64)) == 0.9


def test_the_threshold_is_the_smallest_that_leaves_few_mistakes() -> None:
    confidence = np.concatenate([np.full(98, 0.95), np.full(20, 0.6)])
    probabilities = np.stack([confidence, 1 - confidence], axis=1).astype(np.float32)
    actual = np.concatenate([np.zeros(98, np.int64), np.ones(20, np.int64)])
    assert suggest_threshold(probabilities, actual) == 0.61
    assert suggest_threshold(probabilities, 1 - actual) == 0.9
