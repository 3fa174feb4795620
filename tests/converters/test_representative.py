"""Which photos quantisation may see."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sorter.converters.flatbuffers import representative_batches
from sorter.converters.gate import measure, require
from sorter.converters.representative import choose, divide
from sorter.dataset import open_dataset, write_split
from sorter.errors import AccuracyDropError


def test_only_the_training_part_is_calibrated_on(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    root = make_dataset(per_class=6)
    photos = open_dataset(root).photos
    subsets = ("train", "validation", "test")
    write_split(tmp_path / "split.csv", [replace(p, subset=subsets[i % 3]) for i, p in enumerate(photos)])  # type: ignore[arg-type]
    parts = divide(root, ("blue", "green", "red"), tmp_path / "split.csv")
    seen = {p.filename for p in choose(parts.calibration, 100, seed=1)}
    assert len(seen) == 6
    assert not seen & {p.filename for p in parts.test.photos}


def test_classes_are_drawn_in_equal_numbers(make_dataset: Callable[..., Path]) -> None:
    root = make_dataset(per_class=12)
    for photo in sorted((root / "red").iterdir())[2:]:
        photo.unlink()
    dataset = open_dataset(root)
    chosen = choose(dataset, 20, seed=4)
    assert Counter(p.label for p in chosen) == {"blue": 9, "green": 9, "red": 2}
    assert chosen == choose(dataset, 20, seed=4)
    assert chosen != choose(dataset, 20, seed=5)


def test_the_input_range_is_always_all_bytes() -> None:
    batches = list(representative_batches(np.full((3, 4, 5, 3), 100, np.uint8)))
    assert batches[0][0].shape == (1, 4, 5, 3)
    assert (batches[0][0].min(), batches[0][0].max()) == (0.0, 255.0)
    assert (batches[1][0] == 100).all()


def test_the_gate() -> None:
    actual = np.array([0, 0, 1, 1])
    good = np.eye(2, dtype=np.float32)[actual]
    worse = np.eye(2, dtype=np.float32)[[0, 0, 1, 0]]
    cost = measure(good, worse, actual, ("a", "b"))
    assert (cost.drop, cost.agreement, cost.worst_class, cost.worst_class_drop) == (0.25, 0.75, "b", 0.5)
    require(cost, 0.25)
    with pytest.raises(AccuracyDropError, match=r"75\.0% of 4 test photos.*class b"):
        require(cost, 0.2)
    require(measure(worse, good, actual, ("a", "b")), 0.0)
