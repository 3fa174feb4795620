"""What became of a command whose answer was missed: read off what the arm itself remembers."""

from typing import Literal

from sorter.edge.arms.arm import ArmStatus

Outcome = Literal["completed", "failed", "moving", "not_started", "unknown"]


def outcome_of(sequence: int, status: ArmStatus, previous_sequence: int) -> Outcome:
    """What became of a command, judged by what the arm says after the connection was lost and found again.

    Only an arm that remembers numbers tells anything. One that was reset says 0, as do G-code and template arms after
    their port was opened anew: then nobody knows, and a person has to look.

    Args:
        sequence: The command's number, 1 to 65535.
        status: What the arm says now.
        previous_sequence: Number of the command that the arm had accepted before this one; 0 when none is known.

    Returns:
        ``completed`` or ``failed``: the arm says so. ``moving``: it is still under way; ask again. ``not_started``:
        the arm still remembers the command before, so it never accepted this one, and it may be sent again.
        ``unknown``: anything else.
    """
    if not sequence or not status.last_sequence:
        return "unknown"
    if status.last_sequence == sequence:
        if status.last_outcome == "MOVING":
            return "moving"
        if status.last_outcome == "DONE":
            return "completed"
        return "failed" if status.last_outcome.startswith("ERR") else "unknown"
    return "not_started" if status.last_sequence == previous_sequence else "unknown"
