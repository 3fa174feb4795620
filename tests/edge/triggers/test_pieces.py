"""Pieces that are one object, and pieces that are not."""

import cv2
import numpy as np

from sorter.edge.triggers.pieces import join_pieces
from sorter.image import Pixels


def count(picture: Pixels, gap_px: float = 4) -> int:
    number, labels, stats, _ = cv2.connectedComponentsWithStats(picture)
    return len(join_pieces(labels, list(range(1, number)), stats, gap_px))  # type: ignore[arg-type]


def test_print_within_the_outline_of_white_paper_is_part_of_it() -> None:
    paper = np.zeros((120, 160), np.uint8)
    cv2.rectangle(paper, (20, 20), (140, 100), 255, 2)
    paper[50:70, 60:100] = 255
    assert count(paper) == 1


def test_print_beside_torn_print_is_one_and_a_label_beyond_the_gap_another() -> None:
    paper = np.zeros((120, 160), np.uint8)
    cv2.fillPoly(paper, [np.array([[20, 20], [80, 20], [30, 60], [30, 70], [80, 100], [20, 100]])], 255)
    cv2.rectangle(paper, (45, 55), (70, 72), 255, -1)
    assert count(paper) == 1
    paper[40:80, 120:150] = 255
    assert count(paper) == 2


def test_an_orange_in_a_bananas_bend_is_another() -> None:
    fruits = np.zeros((120, 160), np.uint8)
    cv2.ellipse(fruits, (80, 20), (48, 60), 0, 25, 155, 255, 14)
    cv2.circle(fruits, (80, 34), 24, 255, -1)
    assert count(fruits) == 2
