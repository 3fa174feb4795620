"""``sorter-bench`` on the shipped networks, and the fairness of its clock."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from sorter.benchmarks.cli import bench
from sorter.benchmarks.latency import WARM_UP, measure
from sorter.edge.simulation.fruit import FRUITS, render_object
from sorter.errors import BundleError, DatasetError
from sorter.models import find_model


@pytest.fixture(scope="module")
def fruits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bench") / "fruits"
    rng = np.random.default_rng(5)
    for label in FRUITS:
        (folder / label).mkdir(parents=True)
        for i in range(5):
            cv2.imwrite(str(folder / label / f"{i}.png"), render_object(label, rng, (320, 240)))
    (folder / FRUITS[0] / "broken.jpg").write_bytes(b"")
    return folder


def test_the_table_and_its_files(fruits: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.tflite").write_bytes(b"nothing")
    models = [str(find_model("fruit-demo-int8")), str(tmp_path / "broken.tflite")]
    result = CliRunner().invoke(
        bench, [*models, "--data", str(fruits), "--out", str(tmp_path / "out"), "--rounds", "20"]
    )
    assert result.exit_code == 0, result.output
    assert "not a .tflite file" in result.stdout and "fruit-demo-int8" in result.stdout
    assert "broken.jpg is empty" in result.stderr
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    good, bad = report["models"]
    assert good["photos"] == 30 and good["accuracy"] > 0.7 and 0 < good["p50_ms"] <= good["p99_ms"]
    assert good["format"] == "int8" and good["bytes"] > 100_000
    assert bad["accuracy"] is None and bad["problem"]
    with (tmp_path / "out" / "report.csv").open() as file:
        assert [row["model"] for row in csv.DictReader(file)] == ["fruit-demo-int8.tflite", "broken.tflite"]
    assert (tmp_path / "out" / "report.md").read_text().count("|---") == 10


def test_no_model_that_can_run(fruits: Path, tmp_path: Path, make_dataset: Callable[..., Path]) -> None:
    out = ["--out", str(tmp_path / "out")]
    result = CliRunner().invoke(bench, [str(tmp_path / "none.tflite"), "--data", str(fruits), *out])
    assert result.exit_code == BundleError.exit_code
    assert "does not exist" in result.stdout
    foreign = CliRunner().invoke(bench, [str(find_model("fruit-demo-int8")), "--data", str(make_dataset()), *out])
    assert foreign.exit_code == BundleError.exit_code
    assert "does not know: blue, green, red" in foreign.stdout
    empty = CliRunner().invoke(bench, [str(tmp_path), "--data", str(fruits), *out])
    assert empty.exit_code == BundleError.exit_code and "no .tflite files" in empty.stderr
    nowhere = CliRunner().invoke(bench, [str(tmp_path), "--data", str(tmp_path / "x"), *out])
    assert nowhere.exit_code == DatasetError.exit_code


def test_every_candidate_sees_the_same_frames_in_turns() -> None:
    calls: list[tuple[str, int]] = []
    frames = [np.full((2, 2, 3), i, np.uint8) for i in range(3)]
    candidates = {name: (lambda frame, n=name: calls.append((n, int(frame[0, 0, 0])))) for name in "abc"}
    result = measure(candidates, frames, rounds=12)
    timed = calls[3 * WARM_UP :]
    for turn in range(12):
        among = timed[3 * turn : 3 * turn + 3]
        assert {name for name, _ in among} == set("abc")
        assert {frame for _, frame in among} == {turn % 3}
    assert len({tuple(n for n, _ in timed[3 * t : 3 * t + 3]) for t in range(12)}) > 1
    assert all(latency.n == 12 for latency in result.values())
