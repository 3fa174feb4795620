"""Good, old, black and frozen pictures: hours of them in a moment."""

from itertools import count

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sorter.edge.cameras.guard import Glance, Guard, Verdict, glance
from sorter.edge.cameras.options import CameraOptions

OPTIONS = CameraOptions(frozen_s=2.0, black_s=1.0)
PERIOD_S = 0.04


class Watched:
    """A guard, a clock, and pictures that differ."""

    def __init__(self, noisy: bool = True, options: CameraOptions = OPTIONS) -> None:
        self.guard = Guard(options, noisy)
        self.now_s = 100.0
        self._numbers = count()

    def see(
        self, wait_s: float = PERIOD_S, sample: bytes | None = None, black: bool = False, age_s: float = 0
    ) -> Verdict:
        self.now_s += wait_s
        sample = str(next(self._numbers)).encode() if sample is None else sample
        return self.guard.judge(Glance(sample, black), self.now_s - age_s, self.now_s)

    def run(self, frames: int = 50) -> "Watched":
        for _ in range(frames):
            self.see()
        return self


def test_a_live_camera_is_good_from_its_second_picture() -> None:
    watched = Watched()
    assert [watched.see() for _ in range(4)] == ["old", "good", "good", "good"]


def test_equal_pictures_are_frozen_after_a_while_and_stay_so_until_another_comes() -> None:
    watched = Watched().run()
    seen = [watched.see(sample=b"same") for _ in range(60)]
    assert seen[:50] == ["good"] * 50 and seen[52:] == ["frozen"] * 8
    watched.guard.restart()
    assert {watched.see(sample=b"same") for _ in range(5)} == {"frozen"}
    watched.see()
    assert watched.see() == "good"


def test_a_few_repeated_pictures_are_no_fault() -> None:
    watched = Watched().run()
    for number in range(20):
        assert {watched.see(sample=bytes([number])) for _ in range(40)} == {"good"}


def test_without_noise_pictures_may_repeat_for_ever() -> None:
    for watched in (Watched(noisy=False), Watched(options=CameraOptions(frozen_s=0))):
        watched.run()
        assert {watched.see(sample=b"same") for _ in range(500)} == {"good"}


def test_two_equal_pictures_of_a_slow_camera_are_not_frozen() -> None:
    watched = Watched()
    for _ in range(5):
        watched.see(3.0)
    assert {watched.see(3.0, b"same") for _ in range(3)} == {"good"}


def test_black_pictures_are_left_out_at_once() -> None:
    watched = Watched().run()
    assert watched.see(black=True) == "black"
    assert watched.see() == "good"
    assert {watched.see(sample=b"dark", black=True) for _ in range(100)} == {"black"}
    allowed = Watched(options=CameraOptions(black_s=0)).run()
    assert allowed.see(black=True) == "good"


def test_a_picture_with_an_old_time_stamp_is_old() -> None:
    watched = Watched().run()
    assert watched.see(age_s=0.9) == "good"
    assert watched.see(age_s=1.1) == "old"


def test_pictures_that_queued_during_a_stall_are_old() -> None:
    watched = Watched().run()
    burst = [watched.see(1.5), *(watched.see(0.004) for _ in range(30))]
    assert set(burst) == {"old"}
    assert watched.see() == "good"


def test_a_short_hiccup_costs_nothing() -> None:
    watched = Watched().run()
    assert watched.see(0.09) == "good"
    assert watched.see(0.01) == "good"


def test_another_rate_is_accepted_soon() -> None:
    for wait_s in (0.01, 1.0):
        watched = Watched().run()
        began_s = watched.now_s
        while watched.see(wait_s) != "good":
            assert watched.now_s - began_s < 3.5
        assert {watched.see(wait_s) for _ in range(20)} == {"good"}


def test_a_burst_at_the_opening_is_old() -> None:
    watched = Watched().run()
    watched.guard.restart()
    assert {watched.see(0.001) for _ in range(20)} == {"old"}
    assert watched.see() == "good"


@settings(deadline=None)
@given(
    period_s=st.floats(0.005, 0.5),
    stall_periods=st.floats(4, 40),
    queued=st.integers(1, 60),
    drain=st.floats(0.001, 0.4),
)
def test_no_queued_picture_is_ever_good(period_s: float, stall_periods: float, queued: int, drain: float) -> None:
    watched = Watched()
    for _ in range(60):
        watched.see(period_s)
    stall_s = max(stall_periods * period_s, 0.11)
    burst = [watched.see(stall_s)]
    # What takes longer than the guard's patience is taken for another rate.
    burst += [watched.see(drain * period_s) for _ in range(queued) if queued * drain * period_s < 1.5]
    assert set(burst) == {"old"}
    assert watched.see(period_s) == "good"


@settings(deadline=None)
@given(st.lists(st.floats(0.0005, 2.0), min_size=1, max_size=200))
def test_whatever_the_rhythm_good_pictures_keep_coming(waits_s: list[float]) -> None:
    watched = Watched(options=CameraOptions(frozen_s=0, black_s=0))
    good_at_s = watched.now_s
    for wait_s in waits_s:
        if watched.see(wait_s) == "good":
            good_at_s = watched.now_s
        # Two seconds of catching up, entered and left by a wait of two seconds at most.
        assert watched.now_s - good_at_s <= 2.0 + 2 * 2.0 + 2.0


def test_a_glance() -> None:
    rng = np.random.default_rng(1)
    picture = rng.integers(0, 256, (480, 640, 3), dtype=np.uint8)
    assert glance(picture, 10) == glance(picture.copy(), 10)
    noisy = np.clip(picture.astype(int) + rng.normal(0, 1, picture.shape), 0, 255).astype(np.uint8)
    assert glance(noisy, 10).sample != glance(picture, 10).sample
    assert not glance(picture, 10).black
    assert glance(np.full((240, 320, 3), 6, np.uint8), 10).black
    lamp = np.zeros((480, 640, 3), np.uint8)
    lamp[100:200, 100:200] = 200
    assert not glance(lamp, 10).black
