"""When an object lies ready: on drawn scenes with noise, light and motion."""

import cv2
import numpy as np

from sorter.edge.cameras.camera import Frame
from sorter.edge.triggers.motion import MotionTrigger
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
