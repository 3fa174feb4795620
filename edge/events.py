"""What the state machine hears (events) and what it wants done (actions)."""

from dataclasses import dataclass

from sorter.edge.triggers.trigger import Observation
from sorter.metrics import Probabilities

# Events


@dataclass(frozen=True)
class FrameSeen:
    """The trigger looked at a fresh frame."""

    observation: Observation


@dataclass(frozen=True)
class FrameClassified:
    """The frame that ``Classify`` asked for has its probabilities (classes,)."""

    probabilities: Probabilities


@dataclass(frozen=True)
class CommandAcknowledged:
    """The arm has received the command."""


@dataclass(frozen=True)
class CommandCompleted:
    """The arm has carried out the command."""


@dataclass(frozen=True)
class CommandNotStarted:
    """It has turned out that the arm never began to carry out the command: the object lies where it was."""


@dataclass(frozen=True)
class CommandNotSent:
    """The command could not be handed over, and the object lies where it was.

    Attributes:
        reason: Why, in one sentence.
    """

    reason: str


@dataclass(frozen=True)
class DeviceFailed:
    """The arm failed, or a person stopped it."""

    reason: str


@dataclass(frozen=True)
class CameraLost:
    """No fresh frames come; the loop hears of the next one as ever, once the camera is back."""


@dataclass(frozen=True)
class PauseRequested:
    """No further object is to be sorted."""

    reason: str


@dataclass(frozen=True)
class ResumeRequested:
    """A person wants sorting to go on, after a pause or a mended fault."""


Event = (
    FrameSeen
    | FrameClassified
    | CommandAcknowledged
    | CommandCompleted
    | CommandNotSent
    | CommandNotStarted
    | DeviceFailed
    | CameraLost
    | PauseRequested
    | ResumeRequested
)


# Actions


@dataclass(frozen=True)
class Classify:
    """Classify the frame just seen and give the result back as ``FrameClassified``."""


@dataclass(frozen=True)
class Send:
    """Decide from the votes, write the journal, then send the one command for this object."""

    object_number: int
    votes: tuple[Probabilities, ...]
    objects: int


@dataclass(frozen=True)
class StopArm:
    """Stop the arm at once."""

    reason: str


Action = Classify | Send | StopArm
