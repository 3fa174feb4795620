"""Two objects that touch, and single ones that are neither round nor straight: drawn as thumbnails show them."""

import cv2
import numpy as np
import pytest

from sorter.edge.triggers.necks import find_neck, is_pair
from sorter.image import Pixels

PART = 0.2
YELLOW, GREEN = (60, 200, 230), (60, 170, 60)


def draw(*discs: tuple[int, int, int]) -> Pixels:
    """Discs as one piece: uint8 (90, 120)."""
    piece = np.zeros((90, 120), np.uint8)
    for x, y, radius in discs:
        cv2.circle(piece, (x, y), radius, 255, -1)
    return piece


def colour(piece: Pixels, left: tuple[int, int, int], right: tuple[int, int, int], border: int) -> Pixels:
    """Both sides of a column in a colour each: uint8 BGR."""
    picture = np.full((*piece.shape, 3), 110, np.uint8)
    columns = np.arange(piece.shape[1])[None, :]
    for side, paint in ((columns < border, left), (columns >= border, right)):
        picture[(piece > 0) & side] = paint
    return picture


def banana() -> Pixels:
    piece = np.zeros((90, 120), np.uint8)
    cv2.ellipse(piece, (60, 10), (42, 50), 0, 20, 160, 255, 15)
    return piece


def pear() -> Pixels:
    return np.maximum(draw((45, 45, 24), (80, 45, 14)), cv2.rectangle(draw(), (45, 32), (80, 58), 255, -1))


@pytest.mark.parametrize(("x", "y"), [(86, 45), (60, 82), (76, 72)])
def test_discs_of_one_colour_that_touch_are_two_in_any_direction(x: int, y: int) -> None:
    piece = draw((45, 45, 22), (x, y, 20))
    assert is_pair(piece, colour(piece, YELLOW, YELLOW, 66), PART)


@pytest.mark.parametrize("piece", [draw((60, 45, 30)), banana(), pear()], ids=["disc", "banana", "pear"])
def test_one_object_is_one_even_in_two_colours(piece: Pixels) -> None:
    assert not is_pair(piece, colour(piece, YELLOW, GREEN, 66), PART)


def test_where_the_neck_is_shallow_colours_decide() -> None:
    piece = draw((45, 45, 22), (74, 45, 20))
    assert not is_pair(piece, colour(piece, YELLOW, YELLOW, 62), PART)
    assert is_pair(piece, colour(piece, YELLOW, GREEN, 62), PART)


def test_a_thin_object_beside_a_round_one_is_another() -> None:
    piece = cv2.rectangle(draw((70, 45, 20)), (40, 10), (51, 80), 255, -1)
    assert is_pair(piece, colour(piece, YELLOW, GREEN, 51), PART)  # type: ignore[arg-type]


def test_a_small_side_is_a_part() -> None:
    piece = draw((45, 45, 26), (79, 45, 9))
    assert not is_pair(piece, colour(piece, YELLOW, GREEN, 70), PART)
    assert is_pair(piece, colour(piece, YELLOW, GREEN, 70), 0.05)


def test_a_neck_lies_between_its_sides() -> None:
    neck = find_neck(draw((45, 45, 22), (84, 45, 20)), PART)
    assert neck is not None and neck.narrowness > 1.5 and neck.convexity > 1
    for side, middle in zip(sorted(neck.sides, key=lambda s: float(s[:, 0].mean())), (45, 84), strict=True):
        assert abs(float(side[:, 0].min() + side[:, 0].max()) / 2 - middle) < 4


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (3, 3), (1, 60), (60, 2)])
def test_the_smallest_and_thinnest_pieces_are_one(shape: tuple[int, int]) -> None:
    assert not is_pair(np.full(shape, 255, np.uint8), np.zeros((*shape, 3), np.uint8), PART)
