"""When an object lies ready: on drawn scenes with noise, light and motion."""

import cv2
import numpy as np
import pytest

from sorter.edge.cameras.camera import Frame
from sorter.edge.triggers.motion import MotionTrigger
from sorter.edge.triggers.options import TriggerOptions
from sorter.edge.triggers.trigger import EMPTY, Observation
from sorter.image import Pixels


class Scene:
    """A grey belt with sensor noise, seen 30 times a second."""

    def __init__(self, trigger: MotionTrigger) -> None:
        self.trigger = trigger
        self.number = 0
        rng = np.random.default_rng(1)
        self.noise = [rng.normal(0, 4, (480, 640, 3)).astype(np.float32) for _ in range(7)]
        self.light = 1.0

    def see(self, *discs: tuple[int, int, int]) -> Observation:
        picture = np.full((480, 640, 3), 110, np.uint8)
        for x, y, radius in discs:
            cv2.circle(picture, (x, y), radius, (60, 200, 230), -1)
        return self.see_picture(picture)

    def see_picture(self, picture: Pixels) -> Observation:
        noisy = picture * np.float32(self.light) + self.noise[self.number % 7]
        frame = Frame(np.clip(noisy, 0, 255).astype(np.uint8), self.number / 30, self.number)
        self.number += 1
        return self.trigger.observe(frame)

    def learned(self) -> "Scene":
        for _ in range(8):
            assert self.see() == EMPTY
        return self


def test_an_object_comes_rests_and_goes() -> None:
    scene = Scene(MotionTrigger()).learned()
    for x in range(0, 320, 40):
        seen = scene.see((x, 240, 60))
    assert seen.occupied and seen.moving
    for _ in range(10):
        seen = scene.see((320, 240, 60))
    assert seen == Observation(occupied=True, moving=False, objects=1)
    for _ in range(10):
        seen = scene.see()
    assert seen == EMPTY


def test_slow_motion_is_motion() -> None:
    scene = Scene(MotionTrigger()).learned()
    assert all(scene.see((200 + 2 * i, 240, 80)).moving for i in range(30))


def test_two_objects_are_counted_and_parts_are_not() -> None:
    scene = Scene(MotionTrigger()).learned()
    for _ in range(10):
        two = scene.see((160, 240, 60), (480, 240, 60))
    assert two.objects == 2
    for _ in range(10):
        with_stem = scene.see((320, 240, 90), (320, 100, 20))
    assert with_stem.objects == 1


def test_noise_and_slowly_changing_light_are_no_object() -> None:
    scene = Scene(MotionTrigger()).learned()
    for i in range(600):
        scene.light = 1.0 - 0.4 * i / 600
        assert not scene.see().occupied


def test_a_photo_that_fills_the_frame_is_one_object() -> None:
    scene = Scene(MotionTrigger()).learned()
    y, x = np.mgrid[0:480, 0:640]
    photo = np.stack([(x // 3) % 256, 220 - y // 4, 255 - x // 4], axis=2).astype(np.uint8)
    for _ in range(10):
        seen = scene.see_picture(photo)
    assert seen == Observation(occupied=True, moving=False, objects=1)


def test_a_small_black_object_and_one_of_low_contrast_are_seen() -> None:
    for colour in ((15, 15, 15), (88, 110, 110)):
        scene = Scene(MotionTrigger()).learned()
        picture = np.full((480, 640, 3), 110, np.uint8)
        cv2.circle(picture, (200, 200), 34, colour, -1)
        for _ in range(10):
            seen = scene.see_picture(picture)
        assert seen == Observation(occupied=True, moving=False, objects=1), colour


def test_a_soft_shadow_is_no_object_and_an_object_in_it_is() -> None:
    scene = Scene(MotionTrigger()).learned()
    y, x = np.mgrid[0:480, 0:640]
    dark = 1 - 0.35 / (1 + np.exp((np.hypot(x - 300, y - 240) - 150) / 14))
    ground = np.full((480, 640, 3), 110) * dark[..., None]
    assert not any(scene.see_picture(ground.astype(np.uint8)).occupied for _ in range(20))
    cv2.rectangle(ground, (250, 200), (350, 300), (40, 60, 170), -1)
    for _ in range(10):
        seen = scene.see_picture(ground.astype(np.uint8))
    assert seen == Observation(occupied=True, moving=False, objects=1)


def test_touching_discs_are_two_and_a_banded_one_is_one() -> None:
    scene = Scene(MotionTrigger()).learned()
    for _ in range(10):
        seen = scene.see((250, 240, 60), (365, 240, 60))
    assert seen.objects == 2
    picture = np.full((480, 640, 3), 110, np.uint8)
    cv2.circle(picture, (320, 240), 90, (60, 200, 230), -1)
    picture[225:245] = 110
    for _ in range(10):
        seen = scene.see_picture(picture)
    assert seen.objects == 1


def test_the_light_may_fall_to_a_fifth_while_an_object_lies_there() -> None:
    scene = Scene(MotionTrigger()).learned()
    for i in range(400):
        scene.light = 1.0 - 0.5 * i / 400  # bytes; about a fifth of the light
        seen = scene.see((320, 240, 70))
        assert seen.occupied and seen.objects == 1
    for _ in range(10):
        seen = scene.see()
    assert seen == EMPTY


def test_a_remembered_place_tells_of_an_object_that_lies_there_at_the_start() -> None:
    first = Scene(MotionTrigger()).learned()
    remembered = first.trigger.reference
    assert remembered is not None and remembered.shape == (120, 160, 3) and remembered.dtype == np.uint8
    for light in (1.0, 0.7):
        again = Scene(MotionTrigger())
        again.trigger.recall(remembered)
        again.light = light
        for _ in range(10):
            seen = again.see((320, 240, 70))
        assert seen == Observation(occupied=True, moving=False, objects=1)
        for _ in range(10):
            seen = again.see()
        assert seen == EMPTY


def test_a_remembered_place_of_another_shape_is_forgotten() -> None:
    scene = Scene(MotionTrigger())
    scene.trigger.recall(np.zeros((90, 160, 3), np.uint8))
    assert scene.see() == EMPTY


def test_an_operator_may_say_that_the_place_is_empty() -> None:
    scene = Scene(MotionTrigger()).learned()
    for _ in range(10):
        assert scene.see((320, 240, 70)).occupied or scene.number < 10
    scene.trigger.learn_empty()
    for _ in range(5):
        seen = scene.see((320, 240, 70))
    assert seen == EMPTY


@pytest.mark.parametrize(("light", "word"), [(0.01, "dark"), (2.6, "overexposed")])
def test_what_cannot_be_seen_is_trouble(light: float, word: str) -> None:
    scene = Scene(MotionTrigger()).learned()
    scene.light = light
    seen = scene.see()
    assert word in seen.trouble and seen.occupied and seen.moving
    scene.light = 1.0
    for _ in range(10):
        seen = scene.see()
    assert seen == EMPTY


def test_lamps_that_light_unevenly_are_trouble_until_they_are_steady() -> None:
    scene = Scene(MotionTrigger(TriggerOptions(relearn_s=0.5))).learned()
    ramp = np.linspace(0.65, 1.4, 640)[None, :, None]
    lit = np.clip(np.full((480, 640, 3), 110) * ramp, 0, 255).astype(np.uint8)
    assert "light" in scene.see_picture(lit).trouble
    for _ in range(40):
        seen = scene.see_picture(lit)
    assert seen == EMPTY
