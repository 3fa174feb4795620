"""What is judged ill, and what is not."""

from typing import Any

import pytest

from sorter.edge.cameras.health import CameraHealth
from sorter.edge.health import HealthLimits, assess, loop_trouble
from sorter.edge.loop import Phase
from sorter.edge.monitor import ArmHealth, Status
from sorter.errors import ConfigError

NOW_S = 1000.0
GOOD = CameraHealth("ok", frame_at_s=NOW_S - 0.1)


@pytest.mark.parametrize(
    "status",
    [
        Status(),
        Status(camera=GOOD, turned_at_s=NOW_S - 0.5),
        Status(camera=GOOD, phase=Phase.FAULT, reason="A person stopped the arm.", arm=ArmHealth(state="STOPPED")),
        Status(camera=GOOD, phase=Phase.PAUSED),
        Status(camera=CameraHealth("ok")),
        Status(camera=GOOD, arm=ArmHealth(heard_at_s=NOW_S - 500)),
    ],
    ids=["before the start", "at work", "stopped", "paused", "still pictures", "an arm that nobody asks"],
)
def test_alive(status: Status) -> None:
    assert assess(status, NOW_S) == ()


@pytest.mark.parametrize(
    ("changes", "trouble"),
    [
        ({"camera": CameraHealth("lost", "The camera was unplugged.")}, "The camera was unplugged."),
        ({"camera": CameraHealth("frozen")}, "The camera is frozen."),
        ({"camera": CameraHealth("ok", frame_at_s=NOW_S - 7)}, "The newest picture is 7 s old."),
        ({"arm": ArmHealth(state="LOST")}, "The arm does not answer."),
        ({"turned_at_s": NOW_S - 60}, "The loop has not turned for 60 s."),
        ({"storage": "The disk is full."}, "The disk is full."),
    ],
    ids=str,
)
def test_ill(changes: dict[str, Any], trouble: str) -> None:
    assert assess(Status(**{"camera": GOOD, **changes}), NOW_S) == (trouble,)


def test_an_arm_that_is_asked_regularly_must_answer() -> None:
    status = Status(camera=GOOD, arm=ArmHealth(heard_at_s=NOW_S - 9))
    assert assess(status, NOW_S, HealthLimits(arm_s=5)) == ("The arm has not answered for 9 s.",)


def test_the_loop_alone_can_be_asked_about() -> None:
    assert loop_trouble(Status(turned_at_s=NOW_S - 11), NOW_S)
    assert not loop_trouble(Status(turned_at_s=NOW_S - 11), NOW_S, HealthLimits(loop_s=20))


def test_impossible_limits_are_told() -> None:
    with pytest.raises(ConfigError):
        HealthLimits(arm_s=0)
