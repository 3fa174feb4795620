"""``--group-by``, ``--split-csv`` and CSV lists, through whole trainings at a tiny size."""

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sorter.trainer.cli import train
from tests.trainer.conftest import draw_picture, save_picture

pytest.importorskip("sorter.trainer.training", reason="needs TensorFlow")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


def run_train(data: Path, out: Path, *more: str) -> Result:
    small = ("--model", "toy-4conv", "--image-size", "32", "--batch-size", "8", "--epochs", "1")
    return CliRunner().invoke(train, [str(data), "--out", str(out), *small, *more])


def read_split(run: Path) -> list[dict[str, str]]:
    with (run / "split.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_objects_stay_together_and_a_split_is_repeated(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    for label in ("disc", "square"):
        for i in range(24):
            save_picture(photos / label / f"object{i // 4}_{i % 4}.png", draw_picture(label, i))
    first = run_train(photos, tmp_path / "first", "--group-by", r"object(\d+)", "--seed", "1")
    assert first.exit_code == 0, first.output
    split = read_split(tmp_path / "first")
    parts = {(row["label"], row["filename"].split("_")[0]): set[str]() for row in split}
    for row in split:
        parts[row["label"], row["filename"].split("_")[0]].add(row["subset"])
    assert len(parts) == 12 and all(len(subsets) == 1 for subsets in parts.values())

    listed = tmp_path / "photos" / "list.csv"
    rows = sorted(f"{row['filename']},{row['label']}\n" for row in split)
    listed.write_text("path,label\n" + "".join(rows), encoding="utf-8")
    again = ("--split-csv", str(tmp_path / "first" / "split.csv"), "--seed", "2")
    second = run_train(listed, tmp_path / "second", *again)
    assert second.exit_code == 0, second.output
    assert read_split(tmp_path / "second") == split

    divisions = [
        json.loads((tmp_path / run / "sorter.json").read_text())["dataset"]["split"] for run in ("first", "second")
    ]
    assert divisions[0] == {"train": 0.7, "validation": 0.1, "test": 0.2, "group_by": r"object(\d+)"}
    assert divisions[1] == {"repeats": "split.csv"}


def test_a_class_that_training_lacks_is_refused(tmp_path: Path) -> None:
    for part, labels in {"training": ("disc", "square"), "Val": ("disc", "square"), "testing": ("disc", "s2")}.items():
        for label in labels:
            for i in range(3):
                save_picture(tmp_path / "photos" / part / label / f"{i}.png", draw_picture(label, 10 * len(part) + i))
    done = run_train(tmp_path / "photos", tmp_path / "run")
    assert done.exit_code == 4
    assert "Class 's2' is in the test part but has no usable photo in the train part" in done.stderr
    assert not (tmp_path / "run").exists()
