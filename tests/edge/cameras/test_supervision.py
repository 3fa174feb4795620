"""When a camera counts as failed and when it is opened again, with a clock wound by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sorter.edge.cameras.camera import CameraSetupError, Frame
from sorter.edge.cameras.guard import Glance
from sorter.edge.cameras.options import CameraOptions
from sorter.edge.cameras.supervision import Supervision
from sorter.errors import CameraError

OPTIONS = CameraOptions(
    open_timeout_s=10, silent_s=2, frozen_s=3, black_s=1, retry_min_s=0.5, retry_max_s=4, give_up_s=None
)
IMAGE = np.zeros((24, 32, 3), np.uint8)
LOST = CameraError("The camera is gone.")


class Rig:
    """A supervised camera at 10 frames a second."""

    def __init__(self, options: CameraOptions = OPTIONS, recorded: bool = False) -> None:
        self.supervision = Supervision("camera test", options, recorded)
        self.now_s = 1000.0
        self.number = -1
        self.good: list[Frame] = []
        self.supervision.opened(self.now_s, {"size": "32x24"})

    def frames(self, count: int, black: bool = False, same: bool = False) -> "Rig":
        for _ in range(count):
            self.now_s += 0.1
            self.number += 1
            seen = Glance(b"same" if same else str((self.now_s, self.number)).encode(), black)
            good = self.supervision.see(Frame(IMAGE, self.now_s, self.number), seen, self.now_s)
            self.good += [good] if good else []
        return self

    def wait(self, seconds: float) -> "Rig":
        self.now_s += seconds
        self.supervision.check(self.now_s)
        return self

    def reopen(self, works: bool = True) -> float:
        """Waits until the camera is due and opens it; gives how long that was."""
        due_s = self.supervision.retry_at_s
        assert due_s is not None
        waited_s, self.now_s = due_s - self.now_s, due_s
        self.supervision.check(self.now_s)
        self.supervision.opening(self.now_s)
        self.number = -1
        if works:
            self.supervision.opened(self.now_s, {})
        else:
            self.supervision.fail(LOST, self.now_s)
        return waited_s

    @property
    def state(self) -> str:
        return self.supervision.health(self.now_s).state


def test_a_healthy_camera() -> None:
    rig = Rig()
    assert rig.state == "opening"
    rig.frames(50)
    health = rig.supervision.health(rig.now_s)
    assert (health.state, health.reason, health.size, health.reopened) == ("ok", "", (32, 24), 0)
    assert health.frames == len(rig.good) == 49 and health.frame_at_s == rig.now_s
    assert health.fps == pytest.approx(10)
    assert health.settings == {"size": "32x24"}
    assert rig.supervision.retry_at_s is None


def test_waits_double_up_to_the_longest_and_end_when_the_camera_is_steady() -> None:
    rig = Rig().frames(20)
    rig.supervision.fail(LOST, rig.now_s)
    assert rig.state == "lost" and "gone" in rig.supervision.health(rig.now_s).reason
    assert [rig.reopen(works=False) for _ in range(6)] == pytest.approx([0.5, 1, 2, 4, 4, 4])
    rig.reopen()
    rig.frames(5)
    assert rig.state == "ok" and rig.supervision.health(rig.now_s).reopened == 7
    rig.supervision.fail(LOST, rig.now_s)
    assert rig.reopen() == pytest.approx(4.0)  # it was well for a moment only
    rig.frames(50)
    rig.supervision.fail(LOST, rig.now_s)
    assert rig.reopen() == pytest.approx(0.5)


def test_a_camera_that_stays_away_for_weeks_breaks_no_arithmetic() -> None:
    rig = Rig()
    rig.supervision.fail(LOST, rig.now_s)
    for _ in range(3000):
        assert rig.reopen(works=False) <= 4.0


def test_numbers_go_on_after_reopening() -> None:
    rig = Rig().frames(10)
    for _ in range(3):
        rig.supervision.fail(LOST, rig.now_s)
        rig.reopen()
        rig.frames(10)
    numbers = [frame.number for frame in rig.good]
    assert numbers == sorted(set(numbers))


def test_silence_is_seen_by_the_clock_alone() -> None:
    rig = Rig().frames(10)
    assert rig.supervision.next_check_s() == pytest.approx(rig.now_s + 2)
    rig.now_s += 2.5
    assert rig.state == "silent"  # nobody has called check
    rig.wait(0)
    assert rig.reopen() == pytest.approx(0.5)
    rig.wait(1.9)
    assert rig.state == "silent"
    rig.frames(3)
    assert rig.state == "ok"


def test_a_camera_that_never_gives_a_picture_is_silent() -> None:
    rig = Rig().wait(1.9)
    assert rig.state == "opening"
    assert rig.wait(0.2).state == "silent"


def test_frozen_pictures() -> None:
    rig = Rig().frames(10).frames(40, same=True)
    assert rig.state == "frozen"
    rig.reopen()
    assert rig.frames(5, same=True).state == "frozen"
    assert rig.frames(3).state == "ok"


def test_black_pictures_are_never_delivered_and_light_cures_without_reopening() -> None:
    rig = Rig().frames(10)
    good = len(rig.good)
    assert rig.frames(8, black=True).state == "ok"
    assert rig.frames(5, black=True).state == "black"
    assert len(rig.good) == good
    assert rig.supervision.retry_at_s is not None
    assert rig.frames(2).state == "ok"
    assert rig.supervision.retry_at_s is None and rig.supervision.health(rig.now_s).reopened == 0


def test_old_pictures_alone_are_silence() -> None:
    rig = Rig().frames(10)
    for _ in range(30):
        rig.now_s += 0.1
        rig.supervision.see(Frame(IMAGE, rig.now_s - 5, 0), Glance(str(rig.now_s).encode(), False), rig.now_s)
    assert rig.wait(0).state == "silent"


def test_an_opening_that_hangs() -> None:
    rig = Rig().frames(10)
    rig.wait(5)
    due_s = rig.supervision.retry_at_s or math.nan
    rig.now_s = due_s
    rig.supervision.opening(rig.now_s)
    assert rig.supervision.retry_at_s == due_s + 10
    rig.wait(10)
    assert rig.state == "lost" and "open" in rig.supervision.health(rig.now_s).reason


def test_patience_has_an_end_where_one_is_set() -> None:
    rig = Rig(replace(OPTIONS, give_up_s=60.0)).frames(10)
    rig.supervision.fail(LOST, rig.now_s)
    assert rig.wait(59).supervision.failure is None
    failure = rig.wait(1).supervision.failure
    assert isinstance(failure, CameraError) and "gone" in failure.message and failure.hint


def test_what_reopening_cannot_mend_is_given_up_at_once() -> None:
    wrong = CameraSetupError("The region reaches beyond the picture.")
    rig = Rig()
    rig.supervision.fail(wrong, rig.now_s)
    assert rig.supervision.failure is wrong
    rig = Rig().frames(5)  # it was right before: perhaps the camera came back with another size
    rig.supervision.fail(wrong, rig.now_s)
    assert rig.supervision.failure is None


def test_a_recording_may_be_black_and_repeat() -> None:
    rig = Rig(recorded=True).frames(100, black=True, same=True)
    assert rig.state == "ok" and len(rig.good) == 100


EVENTS = st.lists(
    st.sampled_from(["frames", "same", "black", "nothing", "fail", "reopen", "reopen badly"]), max_size=60
)


@settings(deadline=None)
@given(EVENTS)
def test_whatever_happens_there_is_a_way_back(events: list[str]) -> None:
    rig, is_open = Rig(), True
    for event in events:
        if event in ("frames", "same", "black"):
            if is_open:
                rig.frames(15, black=event == "black", same=event == "same")
        elif event == "fail":
            rig.supervision.fail(LOST, rig.now_s)
            is_open = False
        elif event == "nothing":
            rig.wait(3)
        elif rig.supervision.retry_at_s is not None:
            is_open = event == "reopen"
            rig.reopen(works=is_open)
        health = rig.supervision.health(rig.now_s)
        assert bool(health.reason) == (health.state not in ("ok", "opening"))
        assert rig.state == "ok" or math.isfinite(rig.supervision.next_check_s())
    rig.wait(3)
    while rig.state != "ok":
        if rig.supervision.retry_at_s is not None:
            rig.reopen()
        rig.frames(3)
    numbers = [frame.number for frame in rig.good]
    assert numbers == sorted(set(numbers))
