"""The edge loop as an explicit state machine.

``step`` is a pure function of state, event and clock: it touches no device, starts no thread and reads no time, so
every path can be tested by hand. What it wants done it returns as actions; ``sorter.edge.runtime`` carries them out.

::

    WAITING --object--> SETTLING --still--> CLASSIFYING --votes--> SENDING --ack--> MOVING --done--> CLEARING
       ^  ^                |                     |                    |               |                 |
       |  +-----empty------+--------empty--------+                    +----failure----+--> FAULT        |
       +--------------------------------------- empty --------------------------------------------------+

    PAUSED and FAULT are left for CLEARING when a person resumes.

One command per object: a command leaves only on the way from CLASSIFYING to SENDING, and the way back to CLASSIFYING
leads through a place that was seen empty: in CLEARING, or already while the arm moved.
"""

from dataclasses import dataclass, replace
from enum import Enum

from sorter.edge.triggers.trigger import Observation
from sorter.metrics import Probabilities


class Phase(Enum):
    """Where the loop stands."""

    WAITING = "waiting"
    SETTLING = "settling"
    CLASSIFYING = "classifying"
    SENDING = "sending"
    MOVING = "moving"
    CLEARING = "clearing"
    PAUSED = "paused"
    FAULT = "fault"


WANTS_FRAMES = frozenset({Phase.WAITING, Phase.SETTLING, Phase.CLASSIFYING})
"""Phases in which the next picture of a source that waits for requests is asked for."""

ARM_BUSY = frozenset({Phase.SENDING, Phase.MOVING})
"""Phases in which a command is in flight."""


@dataclass(frozen=True)
class LoopOptions:
    """Times of the loop.

    Attributes:
        settle_s: How long an object must lie still before it is classified.
        clear_s: How long the place must be empty before the next object counts.
        votes: Frames to classify per object.
    """

    settle_s: float = 0.15
    clear_s: float = 0.1
    votes: int = 3


STILL_OPTIONS = LoopOptions(settle_s=0.0, clear_s=0.0, votes=1)
"""For still pictures: they lie still already, and looking at one twice tells nothing new."""


@dataclass(frozen=True)
class LoopState:
    """Everything the loop remembers.

    Attributes:
        phase: Where it stands.
        since_s: Since when, or since when the condition that ends the phase has held.
        object_number: Number of the current or latest object, counted from 1.
        votes: Probabilities of the frames classified so far.
        objects: Most objects seen at once while voting.
        fault: Why the loop stands in FAULT.
        pause_wanted: A pause begins as soon as the command in flight is completed.
        cleared: The place was seen empty while the arm moved: it has taken the object, and what lies there next is
            another one, even if it came before the arm reported completion.
    """

    phase: Phase = Phase.WAITING
    since_s: float = 0.0
    object_number: int = 0
    votes: tuple[Probabilities, ...] = ()
    objects: int = 1
    fault: str = ""
    pause_wanted: bool = False
    cleared: bool = False


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
class DeviceFailed:
    """A camera or an arm failed."""

    reason: str


@dataclass(frozen=True)
class PauseRequested:
    """A person wants no further object sorted."""


@dataclass(frozen=True)
class ResumeRequested:
    """A person wants sorting to go on, after a pause or a mended fault."""


Event = (
    FrameSeen
    | FrameClassified
    | CommandAcknowledged
    | CommandCompleted
    | DeviceFailed
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
Step = tuple[LoopState, tuple[Action, ...]]


def step(state: LoopState, event: Event, now_s: float, options: LoopOptions) -> Step:
    """The next state and what is to be done, from the present state and one event.

    An event that means nothing in the present phase changes nothing.

    Args:
        state: The present state.
        event: What happened.
        now_s: When, in seconds of the injected clock.
        options: Times of the loop.
    """
    if isinstance(event, DeviceFailed):
        return replace(state, phase=Phase.FAULT, since_s=now_s, votes=(), fault=event.reason), (StopArm(event.reason),)
    if isinstance(event, PauseRequested):
        return _on_pause(state, now_s), ()
    if isinstance(event, ResumeRequested):
        # Whatever lies there now may have been sorted already: it must go before anything is sorted.
        resting = state.phase in (Phase.PAUSED, Phase.FAULT)
        going_on = replace(state, phase=Phase.CLEARING, since_s=now_s, fault="", pause_wanted=False, cleared=False)
        return (going_on if resting else replace(state, pause_wanted=False)), ()
    if isinstance(event, FrameSeen):
        return _on_frame(state, event.observation, now_s, options)
    if isinstance(event, FrameClassified):
        return _on_probabilities(state, event.probabilities, now_s, options)
    return _on_arm(state, event, now_s), ()


def _on_pause(state: LoopState, now_s: float) -> LoopState:
    if state.phase is Phase.FAULT:
        return state
    if state.phase in ARM_BUSY:
        return replace(state, pause_wanted=True)
    return replace(state, phase=Phase.PAUSED, since_s=now_s, votes=())


def _on_frame(state: LoopState, seen: Observation, now_s: float, options: LoopOptions) -> Step:
    if state.phase is Phase.CLEARING or state.phase in ARM_BUSY:
        return _on_frame_after_decision(state, seen, now_s, options), ()
    if state.phase not in WANTS_FRAMES:
        return state, ()
    if not seen.occupied:
        return replace(state, phase=Phase.WAITING, since_s=now_s, votes=(), objects=1), ()
    if seen.moving or state.phase is Phase.WAITING:
        state = replace(state, phase=Phase.SETTLING, since_s=now_s, votes=(), objects=1)
    if not seen.moving and now_s - state.since_s >= options.settle_s:
        objects = max(state.objects, seen.objects)
        return replace(state, phase=Phase.CLASSIFYING, objects=objects), (Classify(),)
    return state, ()


def _on_frame_after_decision(state: LoopState, seen: Observation, now_s: float, options: LoopOptions) -> LoopState:
    if state.cleared:
        return state
    if seen.occupied:
        return replace(state, since_s=now_s)
    if now_s - state.since_s < options.clear_s:
        return state
    if state.phase is Phase.CLEARING:
        return replace(state, phase=Phase.WAITING, since_s=now_s)
    return replace(state, cleared=True)


def _on_probabilities(state: LoopState, probabilities: Probabilities, now_s: float, options: LoopOptions) -> Step:
    if state.phase is not Phase.CLASSIFYING:
        return state, ()
    votes = (*state.votes, probabilities)
    if len(votes) < options.votes:
        return replace(state, votes=votes), ()
    number = state.object_number + 1
    sending = replace(state, phase=Phase.SENDING, since_s=now_s, object_number=number, votes=(), cleared=False)
    return sending, (Send(number, votes, state.objects),)


def _on_arm(state: LoopState, event: Event, now_s: float) -> LoopState:
    if isinstance(event, CommandAcknowledged) and state.phase is Phase.SENDING:
        return replace(state, phase=Phase.MOVING, since_s=now_s)
    if isinstance(event, CommandCompleted) and state.phase in ARM_BUSY:
        next_phase = Phase.WAITING if state.cleared else Phase.CLEARING
        phase = Phase.PAUSED if state.pause_wanted else next_phase
        return replace(state, phase=phase, since_s=now_s, pause_wanted=False, cleared=False)
    return state
