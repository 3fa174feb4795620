"""Photos that training saw are not taken for a test without a word."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sorter.benchmarks.pictures import open_photos
from sorter.benchmarks.seen import was_trained_on
from sorter.dataset import open_dataset, write_split


@pytest.fixture
def photos(make_dataset: Callable[..., Path]) -> Path:
    return make_dataset(6)


@pytest.fixture
def run(photos: Path, tmp_path: Path) -> Path:
    """A run's folder, whose split sets every second photo apart for the test."""
    folder = tmp_path / "run"
    folder.mkdir()
    listed = open_dataset(photos).photos
    write_split(folder / "split.csv", (replace(p, subset="test" if i % 2 else "train") for i, p in enumerate(listed)))
    return folder


def known_by(photos: Path) -> str:
    return open_dataset(photos).fingerprint()


def test_all_photos_of_a_data_set_hold_those_of_the_training(photos: Path, run: Path) -> None:
    everything = open_photos(photos, None, None, with_labels=True)
    assert was_trained_on(run / "model.keras", known_by(photos), everything)
    assert was_trained_on(Path("elsewhere/model.tflite"), known_by(photos), everything)


def test_the_test_part_of_the_own_run_was_not_seen(photos: Path, run: Path) -> None:
    test_part = open_photos(photos, run / "split.csv", None, with_labels=True)
    assert test_part.count == 9 and test_part.is_test_part
    assert not was_trained_on(run / "model.keras", known_by(photos), test_part)
    assert not was_trained_on(Path("elsewhere/model.tflite"), known_by(photos), test_part)


def test_the_test_part_of_another_run_was_seen(photos: Path, run: Path, tmp_path: Path) -> None:
    """Two runs with different splits: one's test part holds training photos of the other."""
    other = tmp_path / "other.csv"
    listed = open_dataset(photos).photos
    write_split(other, (replace(p, subset="train" if i % 2 else "test") for i, p in enumerate(listed)))
    test_part = open_photos(photos, other, None, with_labels=True)
    assert was_trained_on(run / "model.keras", known_by(photos), test_part)


def test_some_photos_of_a_data_set_are_still_its_photos(photos: Path, run: Path) -> None:
    some = open_photos(photos, None, 4, with_labels=True)
    assert some.count == 4 and was_trained_on(Path("elsewhere/model.tflite"), known_by(photos), some)


def test_other_photos_and_networks_that_tell_nothing(
    photos: Path, run: Path, make_dataset: Callable[..., Path]
) -> None:
    others = open_photos(make_dataset(5, "others"), None, None, with_labels=True)
    assert not was_trained_on(run / "model.keras", known_by(photos), others)
    everything = open_photos(photos, None, None, with_labels=True)
    assert not was_trained_on(run / "model.keras", "", everything)


def test_without_accuracy_nothing_is_hashed_twice(photos: Path) -> None:
    assert open_photos(photos, None, None, with_labels=False).whole == ""


def test_a_damaged_split_beside_a_network_tells_nothing(photos: Path, run: Path) -> None:
    (run / "split.csv").write_text("nonsense\n")
    assert was_trained_on(run / "model.keras", known_by(photos), open_photos(photos, None, None, with_labels=True))
