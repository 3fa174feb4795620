"""What is remembered of an object that was sorted."""

from dataclasses import dataclass
from typing import Final

from sorter.edge.decision import Decision

SENT: Final = "sent"
COMPLETED: Final = "completed"
FAILED: Final = "failed"
UNKNOWN: Final = "unknown"
"""Outcomes of a command. ``sent``: on its way. ``failed``: the arm refused it, never had it, or reported that it could
not complete it. ``unknown``: nobody can tell how far it came."""

COUNTED: Final = (COMPLETED, UNKNOWN)
"""Outcomes after which an object is counted in its bin. One of unknown whereabouts may lie there: better emptied early
than overfull."""


@dataclass(frozen=True)
class SortedObject:
    """One object and what became of it.

    Attributes:
        number: Counted from 1 in each run.
        row: Its row in the journal.
        picture: Number of the last frame it was classified on.
        name: File name of that frame, for still pictures.
        decision: What was decided.
        sequence: Number of its command.
        decided_at: Seconds since 1970.
        classify_s: Time of classifying one frame, the mean over the votes.
        command_s: From the last frame taken by the camera to the command handed to the arm.
        acknowledge_s: From there to the arm's receipt; 0 where none came.
        move_s: From the receipt to the end of the motion; 0 where none came.
        outcome: What became of the command.
    """

    number: int
    row: int
    picture: int
    name: str
    decision: Decision
    sequence: int
    decided_at: float
    classify_s: float
    command_s: float
    acknowledge_s: float = 0.0
    move_s: float = 0.0
    outcome: str = SENT
