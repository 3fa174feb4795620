"""What became of a command whose answer was never heard, from what the arm remembers."""

from typing import Literal

from sorter.edge.arms.arm import ArmStatus

Verdict = Literal["completed", "failed", "not_started", "under_way", "unknown"]


def outcome_of(sequence: int, status: ArmStatus, previous_sequence: int) -> Verdict:
    """What an arm's memory says of a command.

    Args:
        sequence: Number of the command.
        status: What the arm says now.
        previous_sequence: Number of the command that the arm had accepted last before it; 0 when none is known.

    Returns:
        ``not_started`` only where the arm still remembers the command before: then it never accepted this one. An arm
        that has forgotten (0, after a reset) or remembers something else leaves it ``unknown``.
    """
    if status.last_sequence == sequence:
        if status.last_outcome == "DONE":
            return "completed"
        return "under_way" if status.last_outcome == "MOVING" else "failed"
    if previous_sequence and status.last_sequence == previous_sequence:
        return "not_started"
    return "unknown"
