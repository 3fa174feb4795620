"""Figures against cases worked out by hand, and against scikit-learn where it is installed."""

import numpy as np
import pytest

from sorter.metrics import agreement, confusion_matrix, evaluate, expected_calibration_error, wilson_interval


def test_a_case_by_hand() -> None:
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.7, 0.3]], np.float32)
    result = evaluate(probabilities, np.array([0, 0, 1, 1]), ("a", "b"))
    assert result["accuracy"] == 0.75
    assert result["confusion"] == [[2, 0], [1, 1]]
    assert result["per_class"]["b"] == {"precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3), "support": 2}
    assert (result["worst_class"], result["worst_class_recall"]) == ("b", 0.5)


def test_calibration_error_of_known_distributions() -> None:
    sure = np.tile(np.array([[1.0, 0.0]], np.float32), (10, 1))
    assert expected_calibration_error(sure, np.zeros(10, np.int64)) == 0.0
    assert expected_calibration_error(sure, np.array([0] * 5 + [1] * 5)) == pytest.approx(0.5)


def test_wilson_interval_of_the_literature() -> None:
    # Newcombe, Statistics in Medicine 17 (1998), table I: 81 of 263 gives 0.2553 to 0.3662.
    low, high = wilson_interval(81, 263)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
    assert wilson_interval(0, 0) == (0.0, 1.0)


def test_nothing_to_evaluate_gives_zeros_not_errors() -> None:
    result = evaluate(np.zeros((0, 3), np.float32), np.zeros(0, np.int64), ("a", "b", "c"))
    assert result["n"] == 0 and result["accuracy"] == 0.0 and result["worst_class"] is None


def test_against_scikit_learn() -> None:
    sklearn = pytest.importorskip("sklearn.metrics", reason="scikit-learn comes with the train extra")
    rng = np.random.default_rng(3)
    actual, scores = rng.integers(0, 4, 200), rng.dirichlet(np.ones(4), 200).astype(np.float32)
    report = sklearn.classification_report(actual, scores.argmax(1), output_dict=True, zero_division=0)
    result = evaluate(scores, actual, ("0", "1", "2", "3"))
    for label in "0123":
        assert result["per_class"][label]["f1"] == pytest.approx(report[label]["f1-score"])
    expected = sklearn.confusion_matrix(actual, scores.argmax(1))
    assert confusion_matrix(actual, scores.argmax(1), 4).tolist() == expected.tolist()


def test_agreement() -> None:
    first = np.array([[0.9, 0.1], [0.2, 0.8]], np.float32)
    assert agreement(first, first[::-1]) == 0.0
    assert agreement(first, first) == 1.0
