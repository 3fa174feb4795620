"""What a glance tells of a photo: real photos where they are, rendered fruits everywhere."""

import random
from pathlib import Path

import cv2
import numpy as np
import pytest

from sorter.edge.picture_quality import BLURRED, OVEREXPOSED, REPEATED, TOO_DARK, QualityCheck
from sorter.edge.simulation.fruit import FRUITS, render_object
from sorter.image import Pixels, read_image


def warnings(*images: Pixels) -> tuple[str, ...]:
    check = QualityCheck()
    return [check.look(image).warnings for image in images][-1]


@pytest.fixture
def orange() -> Pixels:
    return render_object("orange", np.random.default_rng(3), (640, 480))


def test_a_good_photo_has_no_warnings(orange: Pixels) -> None:
    assert warnings(orange) == ()


def test_light(orange: Pixels) -> None:
    assert TOO_DARK in warnings(cv2.convertScaleAbs(orange, alpha=0.2))  # type: ignore[arg-type]
    assert OVEREXPOSED in warnings(cv2.convertScaleAbs(orange, alpha=3, beta=60))  # type: ignore[arg-type]


def test_blur_by_focus_and_by_motion(orange: Pixels) -> None:
    assert BLURRED in warnings(cv2.GaussianBlur(orange, (0, 0), 5))  # type: ignore[arg-type]
    assert BLURRED in warnings(cv2.blur(orange, (41, 41)))  # type: ignore[arg-type]


def test_the_same_again(orange: Pixels) -> None:
    noisy = np.clip(orange + np.random.default_rng(1).normal(0, 3, orange.shape), 0, 255).astype(np.uint8)
    flickered: Pixels = cv2.convertScaleAbs(orange, alpha=1.01)  # type: ignore[assignment]
    turned = np.ascontiguousarray(orange[:, ::-1])
    assert REPEATED in warnings(orange, noisy)
    assert REPEATED in warnings(orange, flickered)
    assert REPEATED not in warnings(orange, turned)
    assert REPEATED not in warnings(orange, turned, orange)
    assert REPEATED not in warnings(orange, orange[:240]), "a camera that was set to another size"


@pytest.mark.parametrize("fruit", sorted(FRUITS))
def test_two_objects_are_never_the_same(fruit: str) -> None:
    rng = np.random.default_rng(5)
    assert REPEATED not in warnings(*(render_object(fruit, rng, (320, 240)) for _ in range(2)))


@pytest.mark.parametrize("size", [(8, 8), (9, 400), (400, 9)])
def test_strange_sizes(size: tuple[int, int]) -> None:
    assert TOO_DARK in warnings(np.zeros((*size, 3), np.uint8))


def test_sharp_photographs_pass_and_blurred_ones_do_not(trashnet: Path) -> None:
    files = sorted(trashnet.rglob("*.jpg"))
    photos = [read_image(path) for path in random.Random(3).sample(files, 40)]
    blurred = [cv2.GaussianBlur(cv2.resize(photo, (512, 384)), (0, 0), 3) for photo in photos]
    assert sum(BLURRED in warnings(photo) for photo in photos) <= 4
    assert sum(BLURRED in warnings(photo) for photo in blurred) >= 36  # type: ignore[arg-type]
