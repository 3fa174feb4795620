import pytest
from hypothesis import given
from hypothesis import strategies as st

from sorter.edge.arms.arm import ArmStatus
from sorter.edge.arms.reconciliation import outcome_of


@pytest.mark.parametrize(
    ("last", "word", "previous", "outcome"),
    [
        (8, "DONE", 7, "completed"),
        (8, "ERR20", 7, "failed"),
        (8, "ERR21", 7, "failed"),
        (8, "MOVING", 7, "moving"),
        (8, "UNKNOWN", 7, "unknown"),
        (7, "DONE", 7, "not_started"),
        (7, "ERR20", 7, "not_started"),
        (0, "NONE", 7, "unknown"),
        (0, "NONE", 0, "unknown"),
        (5, "DONE", 7, "unknown"),
        (9, "DONE", 7, "unknown"),
    ],
)
def test_what_the_arm_remembers_decides(last: int, word: str, previous: int, outcome: str) -> None:
    assert outcome_of(8, ArmStatus("IDLE", last, word), previous) == outcome


@given(
    st.integers(0, 65535), st.integers(0, 65535), st.integers(0, 65535), st.sampled_from(["DONE", "ERR20", "MOVING"])
)
def test_only_the_commands_own_number_completes_it(sequence: int, last: int, previous: int, word: str) -> None:
    outcome = outcome_of(sequence, ArmStatus("IDLE", last, word), previous)
    if outcome in ("completed", "failed", "moving"):
        assert sequence == last != 0
    if outcome == "not_started":
        assert last == previous != 0 and last != sequence
