from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from sorter.edge.simulation.world import Visit, World, WorldOptions
from sorter.errors import ConfigError
from sorter.image import Pixels

GROUND = np.full((60, 80, 3), 100, np.uint8)
CALM = WorldOptions(empty_s=1, arrive_s=1, patience_s=10, flicker=0, noise=0, blur_px=0)


@dataclass(frozen=True)
class Block:
    """An object that is easy to see: columns turn white as it arrives."""

    label: str
    name: str = ""

    def draw(self, ground: Pixels, arrived: float) -> Pixels:
        picture = ground.copy()
        picture[:, : round(40 * arrived)] = 255
        return picture


def _world(count: int = 3, options: WorldOptions = CALM) -> World:
    return World(GROUND, [Block(f"label{i}", f"{i}.jpg") for i in range(count)], options)


def _white(picture: Pixels) -> int:
    return int((picture[0, :, 0] == 255).sum())


def test_an_object_comes_rests_and_is_taken() -> None:
    world = _world()
    assert _white(world.frame(0.0)) == 0
    seen = [_white(world.frame(1.0 + t / 10)) for t in range(11)]
    assert seen == sorted(seen) and seen[0] == 0 and seen[-1] == 40
    assert world.phase == "resting"
    world.take(4, 3.0)
    assert _white(world.frame(3.1)) == 0
    assert world.ledger == (Visit(1, "label0", "0.jpg", 1.0, (4,), 3.0),)
    assert world.ledger[0].bin == 4 and not world.ledger[0].missed and not world.ledger[0].doubled


def test_the_next_comes_after_a_while_and_then_it_ends() -> None:
    world = _world(2)
    for start in (0.0, 3.0):
        world.frame(start)
        world.frame(start + 2.5)
        world.take(1, start + 3.0)
    assert [visit.label for visit in world.ledger] == ["label0", "label1"]
    assert not world.finished
    world.frame(6.5)
    assert not world.finished
    world.frame(7.1)
    assert world.finished and _white(world.frame(99)) == 0


def test_nobody_takes_it() -> None:
    world = _world(1)
    world.frame(0.0)
    world.frame(12.5)
    assert world.phase == "leaving" and 0 < _white(world.frame(12.5)) < 40
    world.frame(20.0)
    (visit,) = world.ledger
    assert visit.missed and visit.bin is None and visit.left_at_s == 12.0


def test_taken_while_it_leaves_is_not_missed() -> None:
    world = _world(1)
    world.frame(0.0)
    world.take(2, 12.5)
    assert world.ledger[0].bin == 2 and not world.ledger[0].missed


def test_moving_again_for_the_same_object_is_doubled() -> None:
    world = _world()
    world.frame(0.0)
    world.take(1, 2.5)
    world.take(1, 2.6)
    assert world.ledger[0].doubled and world.ledger[0].bins == (1, 1)
    assert world.empty_takes == ()


def test_moving_over_an_empty_platform() -> None:
    world = _world()
    world.take(5, 0.0)
    assert world.empty_takes == (5,) and world.ledger == ()


def test_a_late_arm_takes_the_next_object() -> None:
    world = _world()
    world.frame(0.0)
    world.take(1, 16.0)  # the first left at 12, the second arrived at 14
    assert [visit.bin for visit in world.ledger] == [None, 1]
    assert world.ledger[0].missed


def test_number_of_objects_and_speed() -> None:
    options = WorldOptions(empty_s=1, arrive_s=1, patience_s=1, speed=10, objects=2, noise=0)
    world = _world(9, options)
    world.frame(0.0)
    world.frame(0.25)
    assert world.phase == "resting"
    world.frame(100.0)
    assert len(world.ledger) == 2 and world.finished


def test_endless_objects_are_not_drawn_ahead() -> None:
    drawn = []

    def endless() -> Iterator[Block]:
        while True:
            drawn.append(1)
            yield Block("more")

    world = World(GROUND, endless(), CALM)
    world.frame(0.0)
    world.frame(2.5)
    assert len(drawn) == 1


def test_noise_is_small_and_changes_while_the_object_rests() -> None:
    world = _world(1, WorldOptions(empty_s=0, arrive_s=0, noise=2.0))
    first, second = world.frame(0.0), world.frame(0.0)
    assert (first != second).any()
    difference = first[:, 45:].astype(int) - GROUND[:, 45:]
    assert 1.0 < difference.std() < 3.5 and abs(difference.mean()) < 1


def test_frames_belong_to_the_reader() -> None:
    world = _world()
    world.frame(0.0)[:] = 0
    assert (world.frame(0.1) == GROUND).all()


@pytest.mark.parametrize("wrong", [{"speed": 0.0}, {"patience_s": -1.0}, {"objects": -1}])
def test_impossible_options(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        WorldOptions(**wrong)  # type: ignore[arg-type]


def test_what_the_arm_reaches_for_waits_and_is_what_it_takes() -> None:
    world = _world()
    world.frame(0.0)
    world.reach(11.9, 13.0)  # without the arm's hand on it the first would leave at 12
    world.take(1, 13.0)
    assert [visit.bin for visit in world.ledger] == [1] and world.takes == (1,)


def test_an_arm_that_reached_for_nothing_does_not_take_what_came_meanwhile() -> None:
    world = _world()
    world.frame(0.0)
    world.reach(13.5, 16.0)  # the first left at 12, the second arrives at 14
    world.take(1, 16.0)
    assert [visit.bin for visit in world.ledger] == [None, None]
    assert world.takes == (0,) and world.empty_takes == (1,)


def test_the_first_object_may_come_later() -> None:
    world = _world(2, WorldOptions(empty_s=1, arrive_s=1, patience_s=10, first_s=5, noise=0))
    world.frame(0.0)
    world.frame(4.9)
    assert world.ledger == ()
    world.frame(6.5)
    world.take(1, 6.5)
    world.frame(7.6)
    assert len(world.ledger) == 2


CLOCKED = WorldOptions(empty_s=1, arrive_s=1, every_s=6, flicker=0, noise=0, blur_px=0)


def _arrivals(world: World) -> list[float]:
    return [visit.arrived_at_s for visit in world.ledger]


def test_a_belt_with_a_clock_brings_objects_whatever_the_arm_does() -> None:
    world = _world(3, CLOCKED)
    assert CLOCKED.rest_s == 3
    world.frame(0.0)
    world.take(1, 2.5)  # early
    world.frame(9.0)  # the second one rests from 8 to 11
    world.reach(10.9, 12.9)
    world.take(2, 12.9)  # too late for any other platform
    world.frame(18.5)
    assert _arrivals(world) == [1.0, 7.0, 13.0]
    assert [visit.bins for visit in world.ledger] == [(1,), (2,), ()]
    assert world.takes == (1, 2) and world.ledger[2].missed
    assert not world.finished
    world.frame(19.1)
    assert world.finished


def test_an_arm_that_carries_one_object_does_not_take_the_next() -> None:
    world = _world(2, CLOCKED)
    world.frame(0.0)
    world.reach(4.0, 9.0)
    world.frame(8.5)  # the second one rests
    world.take(3, 9.0)
    assert [visit.bins for visit in world.ledger] == [(3,), ()] and world.phase == "resting"
    world.take(4, 9.5)
    assert [visit.bins for visit in world.ledger] == [(3,), (4,)]


def test_an_arm_that_reached_for_nothing_takes_nothing() -> None:
    world = _world(1, CLOCKED)
    world.frame(0.0)
    world.reach(0.5, 2.5)
    world.take(3, 2.5)
    assert world.takes == (0,) and world.empty_takes == (3,) and not world.ledger[0].bins


def test_on_a_belt_that_does_not_stop_objects_pass() -> None:
    world = _world(1, WorldOptions(arrive_s=1, empty_s=0, every_s=4, moving=True, flicker=0, noise=0, blur_px=0))
    seen = [_white(world.frame(t / 4)) for t in range(9)]
    assert seen[:5] == [0, 10, 20, 30, 40] and seen[5] > 40  # at constant speed, and on to the other side
    world.frame(2.5)
    assert world.ledger[0].missed and world.ledger[0].left_at_s == 1.0


def test_belts_that_cannot_be_are_refused() -> None:
    with pytest.raises(ConfigError, match="needs a clock"):
        WorldOptions(moving=True)
    with pytest.raises(ConfigError, match="cannot come every"):
        WorldOptions(every_s=0.5)
