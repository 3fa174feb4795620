from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from sorter.image import Pixels
from sorter.trainer.augmentation import Changes, change_batch, draw_changes
from sorter.trainer.recipes import RECIPES, Augmentation

SIDE = 32


def noise(count: int = 4) -> Pixels:
    return np.random.default_rng(5).integers(0, 256, (count, SIDE, SIDE, 3), dtype=np.uint8)


def changed(options: Augmentation, pictures: Pixels, seed: int = 0, threads: int = 2) -> Pixels:
    changes = draw_changes(options, len(pictures), SIDE, np.random.default_rng(seed))
    with ThreadPoolExecutor(threads) as pool:
        return change_batch(pictures, changes, pool)


def test_no_augmentation_changes_nothing() -> None:
    assert np.array_equal(changed(Augmentation(), noise()), noise())


def test_a_flip_mirrors_about_the_middle() -> None:
    pictures = noise(40)
    result = changed(Augmentation(flip_horizontal=True), pictures)
    mirrored = [np.array_equal(r, p[:, ::-1]) for r, p in zip(result, pictures, strict=True)]
    same = [np.array_equal(r, p) for r, p in zip(result, pictures, strict=True)]
    assert all(m != s for m, s in zip(mirrored, same, strict=True))
    assert 8 < sum(mirrored) < 32


def test_a_quarter_turn_about_the_middle_is_exact() -> None:
    changes = draw_changes(Augmentation(), 1, SIDE, np.random.default_rng(0))
    centre = np.full(2, (SIDE - 1) / 2)
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    geometry = np.concatenate([turn, (centre - turn @ centre)[:, None]], axis=1)[None]
    with ThreadPoolExecutor(1) as pool:
        result = change_batch(noise(1), Changes(geometry, changes.colour), pool)
    assert np.array_equal(result[0], np.rot90(noise(1)[0], -1)) or np.array_equal(result[0], np.rot90(noise(1)[0], 1))


def test_shift_stays_within_its_range() -> None:
    geometry = draw_changes(Augmentation(shift=0.25), 500, SIDE, np.random.default_rng(1)).geometry
    assert np.abs(geometry[:, :, 2]).max() <= 0.25 * SIDE
    assert np.abs(geometry[:, :, 2]).max() > 0.2 * SIDE


def test_zoom_above_one_enlarges() -> None:
    picture = np.zeros((1, SIDE, SIDE, 3), np.uint8)
    picture[:, 12:20, 12:20] = 255
    larger = changed(Augmentation(zoom=(1.5, 1.5)), picture)
    assert (larger > 127).sum() == pytest.approx((picture > 127).sum() * 1.5**2, rel=0.25)


def test_shear_slants_upright_lines_and_keeps_the_middle_row() -> None:
    changes = draw_changes(Augmentation(shear_deg=30.0), 300, SIDE, np.random.default_rng(1))
    top, middle = np.array([15.5, 0.0, 1.0]), np.array([3.0, 15.5, 1.0])
    slants_deg = np.degrees(np.arctan((changes.geometry[:, 0] @ top - 15.5) / 15.5))
    assert 25 < slants_deg.max() <= 30 and -30 <= slants_deg.min() < -25
    assert np.allclose(changes.geometry @ middle, middle[:2])
    assert np.allclose((changes.geometry @ top)[:, 1], 0)


def test_what_lies_beyond_the_edge_is_mirrored_or_drawn_out() -> None:
    ramp = np.broadcast_to(np.arange(0, SIDE * 4, 4, dtype=np.uint8)[:, None, None], (1, SIDE, SIDE, 3)).copy()
    options = Augmentation(zoom=(0.5, 0.5))
    mirrored = changed(options, ramp)[0, :, SIDE // 2, 0]
    drawn_out = changed(replace(options, fill="nearest"), ramp)[0, :, SIDE // 2, 0]
    assert mirrored[0] > mirrored[SIDE // 4] < mirrored[SIDE // 2]
    assert (drawn_out[: SIDE // 4] == 0).all() and (drawn_out[-SIDE // 4 :] == ramp.max()).all()


def test_a_lopsided_range_of_brightness_is_kept() -> None:
    grey = np.full((80, SIDE, SIDE, 3), 100, np.uint8)
    result = changed(Augmentation(brightness=(0.8, 1.3)), grey)
    assert 79 <= result.min() < 85 and 124 < result.max() <= 131


def test_brightness_multiplies_and_saturation_keeps_grey() -> None:
    grey = np.full((50, SIDE, SIDE, 3), 100, np.uint8)
    brighter = changed(Augmentation(brightness=(0.8, 1.2)), grey)
    assert 79 <= brighter.min() < 85 < 115 < brighter.max() <= 121
    assert np.array_equal(changed(Augmentation(saturation=0.9), grey), grey)


def test_colours_are_clipped_not_wrapped() -> None:
    white = np.full((50, SIDE, SIDE, 3), 250, np.uint8)
    for options in (Augmentation(brightness=(0.5, 1.5)), Augmentation(brightness=(0.5, 1.5), saturation=0.5)):
        assert changed(options, white).min() >= 120


def test_the_result_does_not_depend_on_the_number_of_threads() -> None:
    options = RECIPES["mobilenetv2"].augmentation
    pictures = noise(33)
    first = changed(options, pictures, threads=1)
    assert np.array_equal(first, changed(options, pictures, threads=4))
    assert not np.array_equal(first, changed(options, pictures, seed=1))


def test_the_photos_themselves_stay_as_they_are() -> None:
    pictures = noise()
    changed(RECIPES["mobilenetv2"].augmentation, pictures)
    assert np.array_equal(pictures, noise())
