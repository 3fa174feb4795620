"""Whether a look at a few rows tells that something has changed."""

import cv2
import numpy as np
import pytest

from sorter.edge.triggers.glimpse import Glimpse
from sorter.image import Pixels

_RNG = np.random.default_rng(3)


def _picture(level: int = 110, noise: float = 3.0, size: tuple[int, int] = (480, 640)) -> Pixels:
    return np.clip(level + _RNG.normal(0, noise, (*size, 3)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("size", [(480, 640), (96, 128), (1080, 1921), (20, 30)])
def test_noise_is_no_change(size: tuple[int, int]) -> None:
    # A camera with noisier pixels is looked at closely each time, which costs more and misses nothing.
    assert Glimpse(_picture(noise=1.0, size=size)).resembles(Glimpse(_picture(noise=1.0, size=size)), 14)


@pytest.mark.parametrize("centre", [(100, 100), (320, 243), (600, 440)])
def test_an_object_is_a_change_wherever_it_lies(centre: tuple[int, int]) -> None:
    with_object = _picture()
    cv2.circle(with_object, centre, 28, (150, 110, 110), -1)  # the smallest that counts
    assert not Glimpse(with_object).resembles(Glimpse(_picture()), 14)


def test_other_light_is_a_change() -> None:
    assert not Glimpse(_picture(112)).resembles(Glimpse(_picture(110)), 14)
