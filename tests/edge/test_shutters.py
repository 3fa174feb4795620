"""Which frames become photos: the simulated platform, its clock wound by hand."""

from collections.abc import Iterator

import numpy as np
import pytest

from sorter.edge.cameras.camera import Frame
from sorter.edge.loop import LoopOptions
from sorter.edge.shutters import Burst, KeyShutter, SettledShutter, Shot, Shutter, TimedShutter
from sorter.edge.simulation.camera import make_simulation
from sorter.edge.simulation.world import World
from sorter.edge.triggers.motion import MotionTrigger
from sorter.edge.triggers.trigger import EMPTY, Observation, StillTrigger

BLANK = np.zeros((8, 8, 3), np.uint8)


class Script:
    """A trigger that sees what it is told: ``.`` nothing, ``~`` something moves, ``o`` an object, ``2`` two."""

    settles = True

    def __init__(self, scenes: str) -> None:
        self.scenes = iter(scenes)

    def observe(self, frame: Frame) -> Observation:
        scene = next(self.scenes)
        if scene == ".":
            return EMPTY
        return Observation(True, scene == "~", 2 if scene == "2" else 1)


def frames(count: int, period_s: float = 0.1) -> Iterator[Frame]:
    return (Frame(BLANK, i * period_s, i) for i in range(count))


def shots(shutter: Shutter, count: int, period_s: float = 0.1) -> list[Shot]:
    return [shot for frame in frames(count, period_s) if (shot := shutter.look(frame)) is not None]


def settled(scenes: str, burst: Burst | None = None) -> list[Shot]:
    shutter = SettledShutter(Script(scenes), burst or Burst(), LoopOptions(settle_s=0.15, clear_s=0.1))
    return shots(shutter, len(scenes))


def numbers(taken: list[Shot]) -> list[tuple[int, int]]:
    return [(shot.number, shot.index) for shot in taken]


def test_one_photo_of_each_object_that_has_come_to_rest() -> None:
    taken = settled("..~~ooooooooo~...~~ooooo")
    assert numbers(taken) == [(1, 1), (2, 1)]
    assert taken[0].frame.number == 5, "0.2 s after it moved for the last time"
    assert all(shot.last for shot in taken)


def test_an_object_that_stays_is_photographed_once_however_it_moves() -> None:
    assert numbers(settled("..oooo~~~oooo~~oooooo")) == [(1, 1)]


def test_what_never_rests_is_never_photographed() -> None:
    assert settled("..~~~~~~~~~~~~o~~o~~o") == []


def test_a_burst_is_spread_over_time_and_outlasts_the_object_being_turned() -> None:
    taken = settled("..ooooooo~~~~oooo....oooooooooo", Burst(3, every_s=0.4))
    assert numbers(taken) == [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2)]
    times = [round(shot.frame.captured_at_s, 1) for shot in taken[:3]]
    assert times[1] - times[0] >= 0.39 and times[2] - times[1] >= 0.39
    assert [shot.last for shot in taken] == [False, False, True, False, False]


def test_an_object_taken_away_within_its_burst_ends_it() -> None:
    assert numbers(settled("..ooo....ooo", Burst(9, every_s=5))) == [(1, 1), (2, 1)]


def test_two_objects_at_once_are_told() -> None:
    assert [shot.objects for shot in settled("..2222")] == [2]


def test_an_object_on_a_belt_is_photographed_once_while_it_is_shown() -> None:
    belt = Script("..ooo.oooo...o")
    belt.settles = False
    taken = shots(SettledShutter(belt, Burst(), LoopOptions()), 14)
    assert [shot.frame.number for shot in taken] == [2, 6, 13]
    assert [shot.number for shot in taken] == [1, 2, 3]


def test_each_picture_of_a_folder_is_an_object() -> None:
    shutter = SettledShutter(StillTrigger(), Burst(), LoopOptions(), live=False)
    assert numbers(shots(shutter, 4)) == [(1, 1), (2, 1), (3, 1), (4, 1)]


@pytest.mark.parametrize(("every_s", "expected"), [(1.0, [0, 10, 20]), (0.25, [0, 3, 6, 9, 12, 15, 18, 21, 24])])
def test_every_few_seconds(every_s: float, expected: list[int]) -> None:
    taken = shots(TimedShutter(every_s, Burst()), 25)
    assert [shot.frame.number for shot in taken] == expected
    assert [shot.number for shot in taken] == list(range(1, len(expected) + 1))


def test_a_burst_every_few_seconds() -> None:
    taken = shots(TimedShutter(1.0, Burst(2, 0.3)), 25)
    assert numbers(taken) == [(1, 1), (1, 2), (2, 1), (2, 2), (3, 1), (3, 2)]


def test_a_key_takes_one_photo_and_is_deaf_during_a_burst() -> None:
    pressed_at = {3, 4, 5, 20}
    calls = iter(range(100))
    taken = shots(KeyShutter(lambda: next(calls) in pressed_at, Burst(2, 0.5)), 30)
    assert numbers(taken) == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert [shot.frame.number for shot in taken][::2] == [3, 20]


def platform(address: str) -> World:
    simulation = make_simulation(address)
    simulation.camera.open()
    return simulation.world


def test_every_object_of_the_simulated_platform_is_photographed_at_rest() -> None:
    world = platform("sim:?objects=6&seed=4")
    shutter = SettledShutter(MotionTrigger(), Burst(), LoopOptions())
    now_s, number, taken = 0.0, 0, []
    while not world.finished:
        shot = shutter.look(Frame(world.frame(now_s), now_s, number))
        if shot is not None:
            taken.append((shot.number, world.phase, len(world.ledger)))
            world.take(0, now_s)
        now_s, number = now_s + 1 / 30, number + 1
    assert taken == [(n, "resting", n) for n in range(1, 7)]
