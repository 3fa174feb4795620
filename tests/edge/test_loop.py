"""The state machine, path by path, with a clock that the test winds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sorter.edge.events import (
    Action,
    CameraLost,
    Classify,
    CommandAcknowledged,
    CommandCompleted,
    DeviceFailed,
    Event,
    FrameClassified,
    FrameSeen,
    PauseRequested,
    ResumeRequested,
    Send,
    StopArm,
)
from sorter.edge.loop import LoopOptions, LoopState, Phase, step
from sorter.edge.triggers.trigger import EMPTY, Observation

OPTIONS = LoopOptions(settle_s=0.2, clear_s=0.1, votes=2)
STILL = FrameSeen(Observation(occupied=True, moving=False, objects=1))
TWO = FrameSeen(Observation(occupied=True, moving=False, objects=2))
MOVING = FrameSeen(Observation(occupied=True, moving=True, objects=1))
GONE = FrameSeen(EMPTY)
VOTE = FrameClassified(np.array([0.9, 0.1], np.float32))


class Bench:
    """Feeds events to the state machine, 50 ms apart, and collects what it wants done."""

    def __init__(self, options: LoopOptions = OPTIONS) -> None:
        self.options = options
        self.state = LoopState()
        self.now_s = 0.0
        self.actions: list[Action] = []

    def feed(self, *events: Event) -> Phase:
        for event in events:
            self.now_s += 0.05
            self.state, actions = step(self.state, event, self.now_s, self.options)
            self.actions += actions
        return self.state.phase

    @property
    def sent(self) -> int:
        return sum(isinstance(action, Send) for action in self.actions)


@pytest.fixture
def bench() -> Bench:
    return Bench()


SETTLED = (STILL,) * 5
SENT = (*SETTLED, VOTE, STILL, VOTE)
SORTED = (*SENT, CommandAcknowledged(), CommandCompleted())


def test_the_whole_path_of_one_object(bench: Bench) -> None:
    assert bench.feed(GONE) is Phase.WAITING
    assert bench.feed(MOVING, MOVING) is Phase.SETTLING
    assert bench.feed(*SETTLED) is Phase.CLASSIFYING
    assert bench.feed(VOTE) is Phase.CLASSIFYING
    assert bench.feed(STILL, VOTE) is Phase.SENDING
    assert bench.feed(CommandAcknowledged()) is Phase.MOVING
    assert bench.feed(CommandCompleted()) is Phase.CLEARING
    assert bench.feed(GONE, GONE, GONE) is Phase.WAITING
    assert bench.actions == [Classify(), Classify(), Send(1, (VOTE.probabilities,) * 2, 1)]


def test_an_object_that_stays_is_not_sorted_twice(bench: Bench) -> None:
    bench.feed(*SORTED, *SENT * 10)
    assert bench.state.phase is Phase.CLEARING
    assert bench.sent == 1


def test_the_place_must_stay_empty_for_a_while(bench: Bench) -> None:
    bench.feed(*SORTED, GONE, STILL, GONE, STILL)
    assert bench.state.phase is Phase.CLEARING
    assert bench.feed(GONE, GONE, GONE) is Phase.WAITING


def test_an_object_that_came_while_the_arm_moved_is_the_next_one(bench: Bench) -> None:
    bench.feed(*SENT, CommandAcknowledged(), GONE, GONE, GONE, MOVING, STILL)
    assert bench.feed(CommandCompleted()) is Phase.WAITING
    bench.feed(*SENT)
    assert bench.sent == 2


def test_an_object_that_the_arm_failed_to_take_is_not_the_next_one(bench: Bench) -> None:
    bench.feed(*SENT, CommandAcknowledged(), GONE, STILL, GONE, STILL)
    assert bench.feed(CommandCompleted(), *SENT) is Phase.CLEARING
    assert bench.sent == 1


def test_an_object_that_moves_is_not_classified(bench: Bench) -> None:
    assert bench.feed(*(MOVING,) * 50) is Phase.SETTLING
    assert bench.actions == []


def test_votes_of_an_object_that_moved_again_are_forgotten(bench: Bench) -> None:
    assert bench.feed(*SETTLED, VOTE, MOVING) is Phase.SETTLING
    assert bench.state.votes == ()
    assert bench.feed(*SETTLED, VOTE) is Phase.CLASSIFYING


def test_an_object_taken_away_before_the_decision_is_forgotten(bench: Bench) -> None:
    assert bench.feed(*SETTLED, VOTE, GONE) is Phase.WAITING
    assert bench.sent == 0 and bench.state.votes == ()


def test_two_objects_seen_in_any_vote_are_told(bench: Bench) -> None:
    bench.feed(*SETTLED, VOTE, TWO, VOTE)
    assert isinstance(bench.actions[-1], Send) and bench.actions[-1].objects == 2


def test_objects_are_numbered(bench: Bench) -> None:
    bench.feed(*SORTED, GONE, GONE, GONE, *SENT)
    assert [a.object_number for a in bench.actions if isinstance(a, Send)] == [1, 2]


@pytest.mark.parametrize("events", [(), SETTLED, SENT, (*SENT, CommandAcknowledged()), SORTED])
def test_a_failure_anywhere_stops_the_arm(bench: Bench, events: tuple[Event, ...]) -> None:
    bench.feed(*events)
    assert bench.feed(DeviceFailed("the cable is out")) is Phase.FAULT
    assert bench.actions[-1] == StopArm("the cable is out")
    sent = bench.sent
    assert bench.feed(*SENT, CommandCompleted()) is Phase.FAULT
    expected = Phase.CLEARING if sent else Phase.SETTLING  # what was sorted must go; what was not may stay
    assert bench.feed(ResumeRequested(), STILL) is expected
    assert bench.sent == sent


def test_what_lies_there_after_a_mended_fault_is_another_object_once_the_place_was_empty(bench: Bench) -> None:
    bench.feed(*SENT, DeviceFailed("jammed"), GONE, GONE, GONE, *SETTLED)
    assert bench.feed(ResumeRequested(), *SENT) is Phase.SENDING
    assert bench.sent == 2


def test_a_start_on_doubt_waits_for_an_empty_place(bench: Bench) -> None:
    bench.state = LoopState(Phase.CLEARING, cleared=False)
    assert bench.feed(*SENT * 3) is Phase.CLEARING
    assert bench.feed(GONE, GONE, GONE) is Phase.WAITING


def test_after_a_gap_in_the_pictures_an_object_is_looked_at_anew(bench: Bench) -> None:
    assert bench.feed(*SETTLED, VOTE, CameraLost()) is Phase.WAITING
    assert bench.feed(STILL) is Phase.SETTLING and bench.state.votes == ()
    bench.feed(*SORTED, CameraLost())
    assert bench.feed(STILL, STILL, STILL) is Phase.CLEARING


def test_on_a_belt_the_votes_there_are_decide() -> None:
    bench = Bench(LoopOptions(settle_s=0, clear_s=0, votes=5, decide_early=True))
    assert bench.feed(STILL, VOTE, STILL, VOTE, GONE) is Phase.SENDING
    assert bench.actions[-1] == Send(1, (VOTE.probabilities,) * 2, 1)


def test_objects_that_pass_a_busy_arm_are_counted(bench: Bench) -> None:
    bench.feed(*SENT, GONE, GONE, GONE, MOVING, STILL, GONE, STILL, GONE, STILL)
    assert bench.state.missed == 2
    bench.feed(CommandAcknowledged(), CommandCompleted())
    assert bench.feed(*SENT) is Phase.SENDING
    assert bench.state.missed == 2


def test_a_pause_waits_for_the_command_in_flight(bench: Bench) -> None:
    assert bench.feed(*SENT, PauseRequested("the keyboard")) is Phase.SENDING
    assert bench.feed(CommandAcknowledged(), CommandCompleted()) is Phase.PAUSED
    assert bench.state.reason == "the keyboard"
    assert bench.feed(*SENT) is Phase.PAUSED
    assert bench.feed(ResumeRequested()) is Phase.CLEARING


def test_an_object_that_came_during_a_pause_is_sorted_after_it(bench: Bench) -> None:
    bench.feed(*SORTED, PauseRequested("bin 3 is full"), GONE, GONE, GONE, *SETTLED)
    assert bench.feed(ResumeRequested(), *SENT) is Phase.SENDING


def test_a_pause_that_was_taken_back(bench: Bench) -> None:
    bench.feed(*SENT, PauseRequested("the keyboard"), ResumeRequested(), CommandAcknowledged())
    assert bench.feed(CommandCompleted()) is Phase.CLEARING


EVENTS = [
    STILL,
    TWO,
    MOVING,
    GONE,
    VOTE,
    CommandAcknowledged(),
    CommandCompleted(),
    PauseRequested("the keyboard"),
    ResumeRequested(),
]


@settings(max_examples=300)
@given(
    st.lists(st.sampled_from([*EVENTS, DeviceFailed("x"), CameraLost(), STILL, STILL, VOTE]), max_size=200),
    st.sampled_from([OPTIONS, LoopOptions(settle_s=0, clear_s=0, votes=3, decide_early=True)]),
)
def test_whatever_happens_one_command_per_object(events: list[Event], options: LoopOptions) -> None:
    """Between two commands the place was seen empty, and no command leaves while one is in flight or in a fault."""
    bench = Bench(options)
    empty_since_command = True
    for event in events:
        before = bench.state.phase
        sent = bench.sent
        bench.feed(event)
        if event is GONE:
            empty_since_command = True
        if bench.sent > sent:
            assert before is Phase.CLASSIFYING
            assert empty_since_command
            empty_since_command = False
