"""Announcements and intervals: when something is shown, and when it is not."""

import threading

import numpy as np
import pytest

from sorter.edge.cameras.camera import Frame
from sorter.edge.triggers.announced import AnnouncedTrigger
from sorter.edge.triggers.interval import IntervalTrigger
from sorter.edge.triggers.options import TriggerOptions
from sorter.edge.triggers.trigger import EMPTY, Observation, Trigger
from sorter.image import Pixels

RNG = np.random.default_rng(3)


def _picture(*columns: int) -> Pixels:
    picture = np.full((120, 160, 3), 100, np.uint8)
    for x in columns:
        picture[40:80, x : x + 30] = (30, 60, 220)
    return np.clip(picture + RNG.normal(0, 1.5, picture.shape), 0, 255).astype(np.uint8)


class Clock:
    """Frames ten times a second."""

    def __init__(self, trigger: Trigger) -> None:
        self.trigger, self.number = trigger, 0

    @property
    def now_s(self) -> float:
        return self.number / 10

    def see(self, *columns: int) -> Observation:
        seen = self.trigger.observe(Frame(_picture(*columns), self.now_s, self.number))
        self.number += 1
        return seen

    def shown(self, frames: int, *columns: int) -> int:
        return sum(self.see(*columns).occupied for _ in range(frames))


@pytest.mark.parametrize("check_empty", [True, False])
def test_an_announcement_shows_the_next_frames_and_only_them(check_empty: bool) -> None:
    trigger = AnnouncedTrigger(TriggerOptions(kind="arm", show_s=0.25, check_empty=check_empty))
    clock = Clock(trigger)
    assert clock.shown(10) == 0
    assert trigger.announce(clock.now_s - 0.01)
    assert clock.see(20) == Observation(occupied=True, moving=False, objects=1)
    assert clock.shown(5, 20) == 2
    assert clock.shown(10, 20) == 0, "an object that stays is not shown again"
    assert trigger.announce(clock.now_s)
    assert clock.shown(10, 20) == 3


def test_frames_from_before_the_announcement_do_not_count() -> None:
    trigger = AnnouncedTrigger(TriggerOptions(kind="key"))
    clock = Clock(trigger)
    trigger.announce(0.35)
    assert [clock.see().occupied for _ in range(5)] == [False, False, False, False, True]


def test_announcements_too_close_are_counted_and_not_queued() -> None:
    trigger = AnnouncedTrigger(TriggerOptions(kind="arm", show_s=0.2))
    clock = Clock(trigger)
    assert trigger.announce(0.0) and not trigger.announce(0.0)
    assert clock.see().occupied
    assert not trigger.announce(0.05)
    assert trigger.missed == 2
    assert clock.shown(10) == 2


def test_objects_are_counted_and_the_announcer_is_believed() -> None:
    trigger = AnnouncedTrigger(TriggerOptions(kind="arm", show_s=0.1))
    clock = Clock(trigger)
    clock.shown(5)
    trigger.announce(clock.now_s)
    assert clock.see(10, 110).objects == 2
    clock.shown(5)
    trigger.announce(clock.now_s)
    assert clock.see().objects == 1


def test_announcements_come_from_any_thread() -> None:
    trigger = AnnouncedTrigger(TriggerOptions(kind="key", check_empty=False))
    threads = [threading.Thread(target=trigger.announce) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert trigger.missed == 7


def test_an_interval_shows_what_lies_there_once() -> None:
    clock = Clock(IntervalTrigger(TriggerOptions(kind="interval", interval_s=1.0, show_s=0.15)))
    assert clock.shown(30) == 0, "nothing lies there"
    assert clock.shown(30, 60) == 2
    assert clock.shown(30, 60) == 0, "it is still the same"
    clock.shown(5)
    assert clock.shown(20, 90) == 2


def test_a_blind_interval_shows_whatever_is_there() -> None:
    clock = Clock(IntervalTrigger(TriggerOptions(kind="interval", interval_s=1.0, show_s=0.05, check_empty=False)))
    assert clock.shown(35) == 3


def test_what_is_announced_can_be_remembered_too() -> None:
    for trigger in (AnnouncedTrigger(), IntervalTrigger()):
        assert trigger.reference is None
        trigger.recall(_picture())
        trigger.learn_empty()
        assert trigger.observe(Frame(_picture(), 0.0, 0)) == EMPTY
        assert trigger.reference is not None
    blind = AnnouncedTrigger(TriggerOptions(kind="arm", check_empty=False))
    blind.recall(_picture())
    blind.learn_empty()
    assert blind.reference is None
