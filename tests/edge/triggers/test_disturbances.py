"""Nothing but objects triggers: disturbances simulated in linear light, real photographs, and a property."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sorter.benchmarks.disturbances import DISTURBANCES, Exposure, Sensor, flicker
from sorter.benchmarks.trigger_quality import count_false_triggers, judge_objects
from sorter.benchmarks.trigger_scenes import cards, fruit_pairs, fruits, full_photos, touching_pairs, waste_on_white
from sorter.edge.cameras.camera import Frame
from sorter.edge.triggers.motion import MotionTrigger
from sorter.edge.triggers.trigger import Observation
from tests.conftest import SHARED

STEADY = DISTURBANCES["steady"]


@pytest.mark.parametrize("name", DISTURBANCES)
def test_no_disturbance_triggers(name: str) -> None:
    assert count_false_triggers(DISTURBANCES[name], seconds=45, fps=2, places=2)["false triggers"] == 0


@pytest.mark.parametrize("fps", [15, 25, 30])
@pytest.mark.parametrize("mains_hz", [50, 60])
def test_an_object_under_flicker_lies_still_and_alone(mains_hz: float, fps: float) -> None:
    trigger, sensor, lamp = MotionTrigger(), Sensor((240, 320)), flicker(mains_hz, 0.25)
    ground = np.full((240, 320, 3), (120, 128, 130), np.uint8)
    occupied = ground.copy()
    cv2.circle(occupied, (150, 120), 40, (50, 90, 200), -1, cv2.LINE_AA)
    for number in range(90):
        picture = ground if number < 30 or number >= 60 else occupied
        seen = trigger.observe(Frame(sensor.expose(picture, lamp(number / fps, (240, 320))), number / fps, number))
        if number == 59:
            assert seen == Observation(occupied=True, moving=False, objects=1)
    assert not seen.occupied


def test_rendered_fruits_are_sorted_once_each() -> None:
    counts, wrong = judge_objects(fruits(24), STEADY)
    assert counts["right"] == 24, wrong


def test_pairs_are_two() -> None:
    counts, wrong = judge_objects(fruit_pairs(12, gap_px=19), STEADY)
    assert counts["right"] >= 11, wrong


@pytest.mark.parametrize("alike", [True, False], ids=["one kind", "two kinds"])
def test_fruits_that_touch_are_mostly_two(alike: bool) -> None:
    counts, wrong = judge_objects(touching_pairs(12, alike), STEADY)
    assert counts["right"] >= 8 and not counts["missed"] + counts["doubled"], wrong


def test_photographs_are_sorted_once_each() -> None:
    if not (SHARED / "data" / "flowers").is_dir():
        pytest.skip("the shared photographs are not here (flowers)")
    counts, wrong = judge_objects(cards(SHARED / "data" / "flowers", 24), STEADY)
    assert counts["right"] >= 23, wrong


def test_waste_is_never_doubled_and_seldom_missed(trashnet: object) -> None:
    folder = SHARED / "data" / "trashnet"
    counts, wrong = judge_objects(waste_on_white(folder, 24), STEADY)
    assert counts["doubled"] == 0 and counts["missed"] <= 1 and counts["right"] >= 19, wrong
    counts, wrong = judge_objects(full_photos(folder, 12), STEADY)
    assert counts["doubled"] == 0 and counts["right"] >= 11, wrong


@settings(max_examples=25, deadline=None)
@given(
    st.tuples(st.integers(60, 260), st.integers(60, 180)),
    st.integers(20, 50),
    st.tuples(*[st.integers(0, 255)] * 3),
    st.floats(0.3, 1.1),
    st.integers(0, 5),
)
def test_what_lies_still_is_observed_steadily(
    centre: tuple[int, int], radius: int, colour: tuple[int, int, int], light: float, seed: int
) -> None:
    """Whatever lies there: once it has been still for a while, every frame says the same."""
    trigger, sensor = MotionTrigger(), Sensor((240, 320), seed)
    ground = np.full((240, 320, 3), 120, np.uint8)
    with_object = ground.copy()
    cv2.circle(with_object, centre, radius, colour, -1, cv2.LINE_AA)
    seen = []
    for number in range(60):
        picture = ground if number < 10 else with_object
        seen.append(trigger.observe(Frame(sensor.expose(picture, Exposure(light)), number / 30, number)))
    late = seen[20:]
    assert len({(o.occupied, o.moving, o.objects) for o in late}) == 1
    if max(abs(c - 120) for c in colour) > 60:
        assert late[0] == Observation(occupied=True, moving=False, objects=1)
