"""The estimated object, on pictures whose object is known because it was drawn."""

import cv2
import numpy as np
import pytest

from sorter.image import Pixels
from sorter.trainer.object_mask import estimate_object
from tests.conftest import COLORS_BGR


def draw_ground(height: int, width: int, seed: int = 0) -> Pixels:
    rng = np.random.default_rng(seed)
    light = np.linspace(150, 190, width)[None, :, None]
    return np.clip(light + rng.normal(0, 5, (height, width, 3)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("color", COLORS_BGR.values(), ids=COLORS_BGR)
@pytest.mark.parametrize(("height", "width"), [(60, 80), (480, 640), (300, 200)])
def test_a_disc_on_plain_ground_is_found(color: tuple[int, int, int], height: int, width: int) -> None:
    picture, truth = draw_ground(height, width), np.zeros((height, width), np.uint8)
    centre, radius = (width // 2, height // 3), min(height, width) // 5
    cv2.circle(picture, centre, radius, color, -1)
    cv2.circle(truth, centre, radius, 1, -1)
    mask = estimate_object(picture)
    assert mask is not None and mask.shape == truth.shape
    assert (mask & (truth > 0)).sum() / (mask | (truth > 0)).sum() > 0.85


def test_a_ring_is_one_solid_object() -> None:
    picture = draw_ground(120, 160)
    cv2.circle(picture, (80, 60), 40, (30, 30, 200), 10)
    mask = estimate_object(picture)
    assert mask is not None and mask[60, 80]


def test_where_nothing_stands_out_no_object_is_made_up() -> None:
    assert estimate_object(draw_ground(120, 160)) is None
    assert estimate_object(np.full((50, 50, 3), 90, np.uint8)) is None


def test_the_same_picture_always_gives_the_same_mask() -> None:
    picture = draw_ground(120, 160)
    cv2.ellipse(picture, (70, 60), (40, 20), 30, 0, 360, (60, 120, 20), -1)
    masks = [estimate_object(picture) for _ in range(3)]
    assert masks[0] is not None
    assert all(mask is not None and np.array_equal(mask, masks[0]) for mask in masks)


def test_a_small_mark_on_the_ground_is_ground_and_a_second_object_is_not() -> None:
    picture = draw_ground(240, 320)
    cv2.circle(picture, (200, 140), 60, (40, 150, 40), -1)
    cv2.rectangle(picture, (20, 20), (40, 40), (30, 30, 230), -1)
    cv2.circle(picture, (70, 160), 40, (200, 60, 40), -1)
    mask = estimate_object(picture)
    assert mask is not None
    assert mask[140, 200] and mask[160, 70] and not mask[30, 30] and not mask[220, 20]
