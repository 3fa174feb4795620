"""From probabilities to a bin."""

import numpy as np
import pytest

from sorter.edge.decision import BinMap, Decision, DecisionOptions, decide, make_bin_map
from sorter.errors import ConfigError

LABELS = ("apple", "lemon", "orange")
BINS = BinMap({"apple": 1, "lemon": 2, "orange": 3}, reject=0)
OPTIONS = DecisionOptions(votes=2, threshold=0.6, margin=0.15)


def decided(*votes: list[float], objects: int = 1) -> Decision:
    return decide([np.array(v, np.float32) for v in votes], objects, LABELS, BINS, OPTIONS)


def test_the_mean_of_the_votes_decides() -> None:
    decision = decided([0.9, 0.1, 0.0], [0.5, 0.5, 0.0])
    assert (decision.label, decision.bin, decision.rejected) == ("apple", 1, "")
    assert decision.probability == pytest.approx(0.7)
    assert decision.probabilities == pytest.approx((0.7, 0.3, 0.0))


@pytest.mark.parametrize(
    ("votes", "objects", "reason"),
    [
        ([0.5, 0.3, 0.2], 1, "probability 0.50 below 0.60"),
        ([1.0, 0.0, 0.0], 2, "2 objects at once"),
    ],
)
def test_doubt_goes_to_the_reject_bin(votes: list[float], objects: int, reason: str) -> None:
    decision = decided(votes, objects=objects)
    assert (decision.bin, decision.rejected, decision.label) == (0, reason, "apple")


def test_a_close_second_is_rejected() -> None:
    decision = decide([np.array([0.52, 0.48])], 1, LABELS[:2], BINS, DecisionOptions(1, 0.3, 0.1))
    assert (decision.bin, decision.rejected) == (0, "too close to lemon")


def test_a_label_may_have_a_threshold_of_its_own() -> None:
    options = DecisionOptions(1, 0.5, 0.1, {"apple": 0.8})
    assert decide([np.array([0.7, 0.3])], 1, LABELS[:2], BINS, options).rejected == "probability 0.70 below 0.80"
    assert decide([np.array([0.3, 0.7])], 1, LABELS[:2], BINS, options).rejected == ""


def test_bins_follow_the_labels_when_none_are_given() -> None:
    assert make_bin_map(LABELS, (), 0) == BINS
    assert BINS.numbers == {0, 1, 2, 3}


def test_bins_with_a_catch_all() -> None:
    bins = make_bin_map(("a=b", "lemon", "orange"), ("a=b=4", "*=2"), reject=5)
    assert bins == BinMap({"a=b": 4, "lemon": 2, "orange": 2}, reject=5)
    assert bins.numbers == {2, 4, 5}


@pytest.mark.parametrize(
    ("assignments", "reason"),
    [
        (("apple=1",), "'lemon' has no bin"),
        (("pear=1", "*=2"), "no label 'pear'"),
        (("apple",), "not of the form"),
        (("apple=x",), "not of the form"),
        (("apple=-1",), "not of the form"),
    ],
)
def test_bins_that_do_not_fit(assignments: tuple[str, ...], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        make_bin_map(LABELS, assignments, 0)


@pytest.mark.parametrize("options", [{"votes": 0}, {"threshold": 1.1}, {"margin": -0.1}])
def test_impossible_options(options: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        DecisionOptions(**options)  # type: ignore[arg-type]
