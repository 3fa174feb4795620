"""The pictures that a conversion is calibrated on: looked over before they are believed."""

import csv
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from sorter.converters.calibration import gather_calibration
from sorter.converters.options import CalibrationOptions
from sorter.converters.representative import choose
from sorter.converters.settling import has_settled
from sorter.dataset import Dataset, Photo, open_dataset
from sorter.errors import DatasetError
from sorter.image import InputSpec, prepare, read_image

LABELS = ("blue", "green", "red")
SPEC = InputSpec(24, 24)


def test_a_fifth_of_the_pictures_is_darker_or_brighter(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    dataset = open_dataset(make_dataset(per_class=20))
    chosen = gather_calibration(dataset, LABELS, SPEC, CalibrationOptions(samples=50))
    assert len(chosen.photos) == 50
    assert Counter(chosen.gains) == {1.0: 40, 0.6: 5, 1.4: 5}
    for photo, gain, pixels in zip(chosen.photos, chosen.gains, chosen.pixels, strict=True):
        plain = prepare(read_image(photo.path), SPEC).astype(np.float32)
        assert np.abs(np.clip(plain * gain, 0, 255) - pixels).max() <= 0.5 + 1e-3
    chosen.write(tmp_path / "list.csv")
    with (tmp_path / "list.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["filename"] for row in rows] == [photo.filename for photo in chosen.photos]
    assert rows[4]["gain"] == "0.6"


def test_a_shorter_set_is_the_beginning_of_a_longer_one(make_dataset: Callable[..., Path]) -> None:
    dataset = open_dataset(make_dataset(per_class=10))
    longer = gather_calibration(dataset, LABELS, SPEC, CalibrationOptions(samples=30))
    shorter = gather_calibration(dataset, LABELS, SPEC, CalibrationOptions(samples=15))
    assert longer.shortened(15).record(1) == shorter.record(1)
    assert longer.record(1)["sha256"] != shorter.record(1)["sha256"]
    assert longer.record(1)["classes"] == {"blue": 10, "green": 10, "red": 10}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda picture: (picture / 255).round(), "0..1"),
        (lambda picture: (picture / 127.5 - 1).round().astype(np.int8).view(np.uint8), "-1..1"),
    ],
)
def test_pictures_that_were_scaled_already_are_refused(
    make_dataset: Callable[..., Path], change: Callable[[np.ndarray], np.ndarray], reason: str
) -> None:
    root = make_dataset(per_class=6)
    for path in root.rglob("*.png"):
        cv2.imwrite(str(path), change(read_image(path)).astype(np.uint8))
    small = InputSpec(64, 48)
    with pytest.raises(DatasetError, match=r"no pixel is above 2|every pixel is 0, 1 or 255") as caught:
        gather_calibration(open_dataset(root), LABELS, small, CalibrationOptions())
    assert reason in caught.value.hint


def test_copies_are_named_and_left_out(make_dataset: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    root = make_dataset(per_class=8)
    picture = next((root / "red").iterdir()).read_bytes()
    for i in range(30):
        (root / "red" / f"copy{i}.png").write_bytes(picture)
    chosen = gather_calibration(open_dataset(root), LABELS, SPEC, CalibrationOptions())
    assert Counter(photo.label for photo in chosen.photos) == {"blue": 8, "green": 8, "red": 8}
    assert "30 of 54 photos to calibrate on are copies" in capsys.readouterr().err


def test_one_picture_many_times_is_too_few(make_dataset: Callable[..., Path]) -> None:
    root = make_dataset(per_class=30)
    picture = next((root / "red").iterdir()).read_bytes()
    for path in root.rglob("*.png"):
        path.write_bytes(picture)
    with pytest.raises(DatasetError, match="Only 1 different photos"):
        gather_calibration(open_dataset(root), LABELS, SPEC, CalibrationOptions())


def test_missing_and_rare_classes_are_named(
    make_dataset: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_dataset(per_class=12)
    for photo in sorted((root / "red").iterdir())[2:]:
        photo.unlink()
    gather_calibration(open_dataset(root), LABELS, SPEC, CalibrationOptions())
    assert "unbalanced: 12 of blue, 2 of red" in capsys.readouterr().err
    gather_calibration(open_dataset(root), (*LABELS, "nothing"), SPEC, CalibrationOptions())
    assert "No photos to calibrate on for nothing" in capsys.readouterr().err


def test_an_object_is_drawn_again_only_when_all_others_are_in() -> None:
    photos = tuple(
        Photo(Path(f"{label}{i}"), f"{label}{i}", label, group=f"{label}-object{min(i, 3)}")
        for label in ("a", "b")
        for i in range(12)
    )
    chosen = choose(Dataset(Path(), ("a", "b"), photos), 8, seed=1)
    assert len({photo.group for photo in chosen}) == 8


def test_ranges_settle_when_further_pictures_change_little() -> None:
    steps = np.arange(1, 12, dtype=np.float32)[:, np.newaxis]
    growing, settled = np.hstack([steps, steps]), np.minimum(np.hstack([steps, steps]), 4)
    assert not has_settled(-growing, growing)
    assert has_settled(-settled, settled)
    assert not has_settled(-settled[:3], settled[:3])
