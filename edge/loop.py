"""The edge loop as an explicit state machine.

``step`` is a pure function of state, event and clock: it touches no device, starts no thread and reads no time, so
every path can be tested by hand. What it wants done it returns as actions; ``sorter.edge.runtime`` carries them out.

::

    WAITING --object--> SETTLING --still--> CLASSIFYING --votes--> SENDING --ack--> MOVING --done--> CLEARING
       ^  ^                |                     |                    |               |                 |
       |  +-----empty------+--------empty--------+                    +----failure----+--> FAULT        |
       +--------------------------------------- empty --------------------------------------------------+

    PAUSED and FAULT are left when a person resumes: for WAITING if the place was seen empty since the last command,
    else for CLEARING. While the camera gives nothing, nothing happens; an object that was being looked at is looked at
    anew.

One command per object: a command leaves only on the way from CLASSIFYING to SENDING, and the way back to CLASSIFYING
leads through a place that was seen empty: in CLEARING, or already while the arm moved or the loop was paused.
"""

from dataclasses import dataclass, replace
from enum import Enum

from sorter.edge.events import (
    Action,
    CameraLost,
    Classify,
    CommandAcknowledged,
    CommandCompleted,
    CommandNotSent,
    CommandNotStarted,
    DeviceFailed,
    Event,
    FrameClassified,
    FrameSeen,
    PauseRequested,
    ResumeRequested,
    Send,
    StopArm,
)
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

_LOOK_S = 0.002
"""What a look takes: by its end an object has lain still for that much longer."""

ARM_BUSY = frozenset({Phase.SENDING, Phase.MOVING})
"""Phases in which a command is in flight."""


@dataclass(frozen=True)
class LoopOptions:
    """Times of the loop.

    Attributes:
        settle_s: How long an object must lie still before it is classified.
        clear_s: How long the place must be empty before the next object counts.
        votes: Frames to classify per object.
        decide_early: Decide with the votes there are when the object has gone before all were cast, as on a belt that
            moves on; otherwise an object that goes is none.
    """

    settle_s: float = 0.15
    clear_s: float = 0.1
    votes: int = 3
    decide_early: bool = False


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
        reason: Why the loop stands in PAUSED or FAULT.
        pause_wanted: Why a pause begins as soon as the command in flight is completed; empty when none does.
        cleared: The place was seen empty since the last command: what lies there next is another object, even if it
            came before the arm reported completion.
        next_came: After that, another object came while the arm was still busy.
        missed: Objects that came and went while the arm was busy with an earlier one.
    """

    phase: Phase = Phase.WAITING
    since_s: float = 0.0
    object_number: int = 0
    votes: tuple[Probabilities, ...] = ()
    objects: int = 1
    reason: str = ""
    pause_wanted: str = ""
    cleared: bool = True
    next_came: bool = False
    missed: int = 0


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
        return replace(state, phase=Phase.FAULT, since_s=now_s, votes=(), reason=event.reason), (StopArm(event.reason),)
    if isinstance(event, CommandNotSent):
        return replace(state, phase=Phase.PAUSED, since_s=now_s, reason=event.reason, cleared=True), ()
    if isinstance(event, CommandNotStarted):
        return replace(state, cleared=state.cleared or state.phase is Phase.FAULT), ()
    if isinstance(event, CameraLost):
        return _on_camera_lost(state, now_s), ()
    if isinstance(event, PauseRequested):
        return _on_pause(state, event.reason, now_s), ()
    if isinstance(event, ResumeRequested):
        return _on_resume(state, now_s), ()
    if isinstance(event, FrameSeen):
        return _on_frame(state, event.observation, now_s, options)
    if isinstance(event, FrameClassified):
        return _on_probabilities(state, event.probabilities, now_s, options)
    return _on_arm(state, event, now_s), ()


def awaits_classification(state: LoopState, now_s: float, options: LoopOptions) -> bool:
    """Whether a frame in which the object still lies as it did would be classified, once it is looked at."""
    settled = state.phase is Phase.SETTLING and now_s - state.since_s >= options.settle_s - _LOOK_S
    return settled or state.phase is Phase.CLASSIFYING


def _on_camera_lost(state: LoopState, now_s: float) -> LoopState:
    if state.phase in WANTS_FRAMES:
        return replace(state, phase=Phase.WAITING, since_s=now_s, votes=(), objects=1)
    # What was seen before the gap says nothing about what happened during it.
    return replace(state, since_s=now_s, next_came=False)


def _on_pause(state: LoopState, reason: str, now_s: float) -> LoopState:
    if state.phase is Phase.FAULT:
        return state
    if state.phase in ARM_BUSY:
        return replace(state, pause_wanted=reason)
    return replace(state, phase=Phase.PAUSED, since_s=now_s, votes=(), reason=reason)


def _on_resume(state: LoopState, now_s: float) -> LoopState:
    if state.phase not in (Phase.PAUSED, Phase.FAULT):
        return replace(state, pause_wanted="")
    return _rest(replace(state, reason="", pause_wanted=""), now_s)


def _rest(state: LoopState, now_s: float) -> LoopState:
    """Ready for the next object, once the one that was sorted last has gone."""
    phase = Phase.WAITING if state.cleared else Phase.CLEARING
    return replace(state, phase=phase, since_s=now_s, next_came=False)


def _on_frame(state: LoopState, seen: Observation, now_s: float, options: LoopOptions) -> Step:
    if state.phase not in WANTS_FRAMES:
        return _on_frame_after_decision(state, seen, now_s, options), ()
    if not seen.occupied:
        if options.decide_early and state.votes:
            return _decide(state, now_s)
        if state.phase is Phase.WAITING:
            return state, ()
        return replace(state, phase=Phase.WAITING, since_s=now_s, votes=(), objects=1), ()
    if seen.moving or state.phase is Phase.WAITING:
        state = replace(state, phase=Phase.SETTLING, since_s=now_s, votes=(), objects=1)
    if not seen.moving and now_s - state.since_s >= options.settle_s:
        objects = max(state.objects, seen.objects)
        return replace(state, phase=Phase.CLASSIFYING, objects=objects), (Classify(),)
    return state, ()


def _on_frame_after_decision(state: LoopState, seen: Observation, now_s: float, options: LoopOptions) -> LoopState:
    if state.cleared:
        busy = state.phase in ARM_BUSY
        gone = busy and state.next_came and not seen.occupied
        return replace(state, next_came=busy and seen.occupied, missed=state.missed + gone)
    if seen.occupied:
        return replace(state, since_s=now_s)
    if now_s - state.since_s < options.clear_s:
        return state
    state = replace(state, cleared=True)
    return _rest(state, now_s) if state.phase is Phase.CLEARING else state


def _on_probabilities(state: LoopState, probabilities: Probabilities, now_s: float, options: LoopOptions) -> Step:
    if state.phase is not Phase.CLASSIFYING:
        return state, ()
    votes = (*state.votes, probabilities)
    if len(votes) < options.votes:
        return replace(state, votes=votes), ()
    return _decide(replace(state, votes=votes), now_s)


def _decide(state: LoopState, now_s: float) -> Step:
    number = state.object_number + 1
    action = Send(number, state.votes, state.objects)
    sending = replace(
        state, phase=Phase.SENDING, since_s=now_s, object_number=number, votes=(), cleared=False, next_came=False
    )
    return sending, (action,)


def _on_arm(state: LoopState, event: Event, now_s: float) -> LoopState:
    if isinstance(event, CommandAcknowledged) and state.phase is Phase.SENDING:
        return replace(state, phase=Phase.MOVING, since_s=now_s)
    if isinstance(event, CommandCompleted) and state.phase in ARM_BUSY:
        if state.pause_wanted:
            return replace(state, phase=Phase.PAUSED, since_s=now_s, reason=state.pause_wanted, pause_wanted="")
        return _rest(state, now_s)
    return state
