from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sorter.trainer.batches import Examples, choose_examples, epoch_batches, mix, steps_per_epoch
from sorter.trainer.recipes import RECIPES, Augmentation, Schedule

RARE = np.repeat(np.arange(3), [60, 30, 10])


def test_without_balance_every_photo_is_drawn_once() -> None:
    chosen = choose_examples(RARE, 3, 100, 0.0, np.random.default_rng(0))
    assert sorted(chosen.tolist()) == list(range(100))


def test_full_balance_draws_all_classes_equally_often_and_no_photo_much_oftener() -> None:
    chosen = choose_examples(RARE, 3, 99, 1.0, np.random.default_rng(0))
    assert np.bincount(RARE[chosen]).tolist() == [33, 33, 33]
    rare = np.bincount(chosen, minlength=100)[RARE == 2]
    assert rare.max() - rare.min() <= 1


def test_a_class_without_photos_does_no_harm() -> None:
    chosen = choose_examples(np.array([0, 0, 2]), 3, 8, 0.5, np.random.default_rng(0))
    assert len(chosen) == 8


def example_set(count: int) -> Examples:
    pixels = np.random.default_rng(0).integers(0, 256, (count + 5, 128, 128, 3), dtype=np.uint8)
    return Examples(pixels, np.arange(5, count + 5), np.arange(count) % 3, 3)


def test_batches_are_of_one_size_and_repeatable() -> None:
    recipe, examples = RECIPES["toy-4conv"].changed(batch_size=8), example_set(21)
    first = list(epoch_batches(examples, recipe, seed=1, epoch=1))
    again = list(epoch_batches(examples, recipe, seed=1, epoch=1))
    other = list(epoch_batches(examples, recipe, seed=1, epoch=2))
    assert len(first) == steps_per_epoch(examples, recipe) == 3
    assert {x.shape for x, _ in first} == {(8, 128, 128, 3)}
    assert all(x.dtype == np.float32 and x.min() >= 0 and x.max() <= 255 for x, _ in first)
    assert all(np.array_equal(a, b) for (a, _), (b, _) in zip(first, again, strict=True))
    assert not np.array_equal(first[0][0], other[0][0])


def test_fewer_photos_than_a_batch_make_one_smaller_batch() -> None:
    batches = list(epoch_batches(example_set(5), RECIPES["toy-4conv"], seed=0, epoch=1))
    assert [len(x) for x, _ in batches] == [5]


def test_mixing_blends_pictures_and_targets_alike() -> None:
    rng = np.random.default_rng(3)
    targets = np.eye(4, dtype=np.float32)[rng.integers(0, 4, 200)]
    pictures = np.tile(targets[:, None, None, :], (1, 2, 2, 1))
    mixed, mixed_targets = mix(pictures, targets, Schedule(1, mixup_share=0.5, mixup_alpha=0.4), rng)
    assert np.allclose(mixed[:, 0, 0], mixed_targets)
    assert np.allclose(mixed_targets.sum(axis=1), 1)
    assert (mixed_targets * targets).sum(axis=1).min() >= 0.5
    assert 0.2 < (mixed_targets.max(axis=1) < 0.999).mean() < 0.5


def test_a_picture_laid_into_another_counts_by_its_area() -> None:
    rng = np.random.default_rng(3)
    targets = np.eye(2, dtype=np.float32)[rng.integers(0, 2, 200)]
    pictures = np.broadcast_to(targets[:, None, None, :1] * 255, (200, 20, 20, 1)).astype(np.float32)
    mixed, mixed_targets = mix(pictures, targets, Schedule(1, cutmix_share=0.5), rng)
    assert set(np.unique(mixed)) == {0.0, 255.0}
    assert np.allclose(mixed.mean(axis=(1, 2, 3)) / 255, mixed_targets[:, 0], atol=1e-5)
    assert (mixed_targets * targets).sum(axis=1).min() >= 0.5
    # Half of the pictures are chosen, and half of their partners are of the other class.
    assert 0.15 < (mixed_targets.max(axis=1) < 0.999).mean() < 0.35


def test_no_mixing_gives_the_very_same_batch() -> None:
    pictures, targets = np.ones((2, 2, 2, 3), np.float32), np.eye(2, dtype=np.float32)
    assert mix(pictures, targets, Schedule(1), np.random.default_rng(0))[0] is pictures


def mapped_mb() -> float:
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("RssFile")) / 1024


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the size of a process is read from /proc")
def test_pictures_that_were_used_do_not_stay_in_memory(tmp_path: Path) -> None:
    count, side = 2400, 224
    file = tmp_path / "pictures"
    with file.open("wb") as opened:
        opened.truncate(count * side * side * 3)
    pixels = np.memmap(file, np.uint8, "r+", shape=(count, side, side, 3))
    examples = Examples(pixels[:-3], np.arange(count - 3), np.arange(count - 3) % 2, 2)
    recipe = replace(RECIPES["toy-4conv"].changed(side, batch_size=8), augmentation=Augmentation())
    before, most = mapped_mb(), 0.0
    for number, _ in enumerate(epoch_batches(examples, recipe, seed=0, epoch=1)):
        if number % 8 == 0:
            most = max(most, mapped_mb())
    assert most - before < pixels.nbytes / 1e6 / 2
