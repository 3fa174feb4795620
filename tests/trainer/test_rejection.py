import numpy as np
import pytest

from sorter.trainer.rejection import reject, rejection_curve, worst_mistakes

PROBABILITIES = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.45, 0.55], [0.3, 0.7]], np.float32)
ACTUAL = np.array([0, 1, 1, 1, 0])
"""Right, right, wrong at 0.6, right, wrong at 0.7."""


@pytest.mark.parametrize(
    ("threshold", "rejected", "wrong"),
    [(0.0, 0.0, 2 / 5), (0.58, 1 / 5, 2 / 4), (0.65, 2 / 5, 1 / 3), (0.75, 3 / 5, 0.0), (0.95, 1.0, None)],
)
def test_what_a_threshold_does_counted_by_hand(threshold: float, rejected: float, wrong: float | None) -> None:
    point = reject(PROBABILITIES, ACTUAL, threshold)
    assert point.rejected == pytest.approx(rejected)
    assert point.wrong == (None if wrong is None else pytest.approx(wrong))


def test_the_curve_begins_with_all_answers_and_ends_with_the_surest() -> None:
    curve = rejection_curve(PROBABILITIES, ACTUAL)
    assert curve[0].rejected == 0.0
    assert curve[0].wrong == pytest.approx(0.4)
    assert curve[-1].threshold == pytest.approx(0.9) or curve[-1].threshold == pytest.approx(0.89)
    rejected = [point.rejected for point in curve]
    assert rejected == sorted(rejected)


def test_the_worst_mistakes_are_the_surest() -> None:
    assert worst_mistakes(PROBABILITIES, ACTUAL, 5).tolist() == [4, 2]
    assert worst_mistakes(PROBABILITIES, ACTUAL, 1).tolist() == [4]
    assert worst_mistakes(PROBABILITIES, PROBABILITIES.argmax(axis=1), 5).tolist() == []
