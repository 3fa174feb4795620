"""``sorter-bench`` on the shipped networks: from photos and models to the report."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from sorter.benchmarks.cli import bench
from sorter.benchmarks.latency import WARM_UP
from sorter.benchmarks.latency import measure as measure_in_turns
from sorter.benchmarks.time_line import divide, sort_objects
from sorter.edge.simulation.fruit import FRUITS, render_object
from sorter.errors import BundleError, ConfigError, DatasetError, StorageError
from sorter.models import find_model

FRUIT = find_model("fruit-demo-int8")
ROOT = Path(__file__).resolve().parent.parent.parent


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


def run(*arguments: object) -> Result:
    return CliRunner().invoke(bench, [*(str(argument) for argument in arguments), "--time-line", "0"])


def read(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return content


@pytest.fixture(scope="module")
def reported(fruits: Path) -> tuple[Path, Result]:
    folder = fruits.parent
    (folder / "broken.tflite").write_bytes(b"nothing")
    (folder / "same.tflite").write_bytes(FRUIT.read_bytes())
    out = folder / "out"
    models = [FRUIT, folder / "broken.tflite", folder / "same.tflite"]
    result = run(
        *models, "--data", fruits, "--out", out, "--queries", 64, "--threads", "1,2", "--budget", "size<1MB latency<1s"
    )
    assert result.exit_code == 0, result.output
    return out, result


def test_the_report_tells_of_every_model(reported: tuple[Path, Result]) -> None:
    out, result = reported
    assert "not a .tflite file" in result.stdout and "broken.jpg is empty" in result.stderr
    good, bad, same = read(out)["models"]
    assert good["accuracy"]["n"] == 30 and good["accuracy"]["accuracy"] > 0.7
    assert len(good["accuracy"]["correct"]) == 30 and 0 <= good["accuracy"]["ece"] <= 1
    assert good["format"] == "int8" and good["bytes"] == FRUIT.stat().st_size > good["zipped_bytes"]
    assert good["parameters"] > 100_000 and good["macs"] > 1_000_000
    assert [timing["threads"] for timing in good["timings"]] == [1, 2]
    for timing in good["timings"]:
        assert timing["n"] == 64 and 0 < timing["p50_ms"] <= timing["p90_ms"] <= timing["p99_ms"] <= timing["max_ms"]
        low, high = timing["p50_95_ms"]
        assert low <= timing["p50_ms"] <= high and timing["prepare_ms"] > 0
        assert timing["cores_used"] > 0 and timing["resident_mb"] > 20 and timing["load_ms"] > 0
    assert bad["accuracy"] is None and not bad["timings"] and bad["problem"]
    assert same["sha256"] == good["sha256"] and same["accuracy"] == good["accuracy"]


def test_what_speaks_against_the_figures_is_said(reported: tuple[Path, Result]) -> None:
    out, result = reported
    flags = read(out)["models"][0]["timings"][0]["flags"]
    assert any("a valid figure needs 1,024" in flag for flag in flags)
    for text in (result.stdout, (out / "report.md").read_text(), (out / "report.html").read_text()):
        assert "a valid figure needs 1,024" in text and "not a .tflite file" in text


def test_the_tables_hold_what_the_json_holds(reported: tuple[Path, Result]) -> None:
    out, _ = reported
    with (out / "report.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["model"] for row in rows] == [FRUIT.name] * 2 + ["broken.tflite"] + ["same.tflite"] * 2
    assert float(rows[0]["p50_ms"]) == read(out)["models"][0]["timings"][0]["p50_ms"] and rows[2]["problem"]
    table = [line for line in (out / "report.md").read_text().splitlines() if line.startswith("|")]
    assert len(table) == 2 + 5 and len({line.count("|") for line in table}) == 1


def test_the_page_needs_nothing_else(reported: tuple[Path, Result]) -> None:
    out, _ = reported
    page = (out / "report.html").read_text()
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "") and "https://" not in page
    assert "<svg" in page and (out / "pareto.svg").read_text() in page
    png = cv2.imread(str(out / "pareto.png"))
    assert png is not None and png.shape == (880, 1440, 3) and png[0, 0].tolist() == [255, 255, 255]
    assert all(label in page for label in FRUITS) and "CONV_2D" in page


def test_the_profile_covers_the_network(reported: tuple[Path, Result]) -> None:
    profile = read(reported[0])["models"][0]["profile"]
    assert sum(row["macs"] for row in profile["operators"]) == read(reported[0])["models"][0]["macs"]
    assert all(row["ms"] is None or row["ms"] > 0 for row in profile["operators"])
    costly = max(profile["operators"], key=lambda row: row["ms"] or 0)
    assert costly["name"] in ("CONV_2D", "DEPTHWISE_CONV_2D") and profile["whole_ms"] > 0


def test_the_budget_names_a_winner(reported: tuple[Path, Result]) -> None:
    out, result = reported
    assert "wins within size<1MB latency<1s" in result.stdout
    assert "wins within size&lt;1MB latency&lt;1s" in (out / "report.html").read_text()
    assert "broken.tflite could not be measured" in result.stdout


def test_the_way_of_one_object_is_that_of_a_real_run(fruits: Path) -> None:
    told = sort_objects(FRUIT, fruits, None, 2)
    assert told["objects"] == 2 and told["votes"] >= 1
    parts = divide(told["stages"])
    assert [name for name, _, _ in parts] == ["capture age", "classify", "decide", "other", "acknowledge", "move"]
    assert all(begin == end_before for (_, begin, _), (_, _, end_before) in zip(parts[1:], parts, strict=False))
    broken = sort_objects(fruits / "none.tflite", fruits, None, 2)
    assert "does not exist" in broken["error"]


def test_a_second_run_measures_nothing_again(fruits: Path, tmp_path: Path) -> None:
    arguments = (FRUIT, "--data", fruits, "--out", tmp_path, "--queries", 32)
    assert run(*arguments).exit_code == 0
    first = read(tmp_path)
    again = run(*arguments)
    assert "measured by an earlier run" in again.stderr and read(tmp_path)["models"] == first["models"]
    more = run(*arguments[:-1], 64)
    assert more.exit_code == 0 and read(tmp_path)["models"][0]["timings"][0]["n"] == 64
    assert "Measuring accuracy" not in more.stderr  # taken up, though the timings are not
    fresh = run(*arguments, "--fresh")
    assert "Measuring accuracy" in fresh.stderr and read(tmp_path)["models"] != first["models"]


def test_an_interrupted_run_goes_on_where_it_was(fruits: Path, tmp_path: Path) -> None:
    arguments = (FRUIT, "--data", fruits, "--out", tmp_path, "--queries", 96)
    assert run(*arguments).exit_code == 0
    progress = json.loads((tmp_path / "progress.json").read_text())
    (blocks,) = progress["timing"]["rounds"].values()
    del blocks[2:]  # as if it had been stopped after the second of six rounds
    kept = blocks[1]["times_ms"]
    (tmp_path / "progress.json").write_text(json.dumps(progress))
    result = run(*arguments)
    assert "Going on with an earlier run" in result.stderr
    timing = read(tmp_path)["models"][0]["timings"][0]
    assert timing["n"] == 96 and timing["rounds_ms"][1] == pytest.approx(np.median(kept), abs=1e-4)
    assert read(tmp_path)["conditions"]["sittings"] == 2


def test_a_device_needs_no_class_folders(fruits: Path, tmp_path: Path) -> None:
    arguments = ("--data", fruits / FRUITS[1], "--out", tmp_path, "--queries", 32)
    refused = run(FRUIT, *arguments)
    assert refused.exit_code == DatasetError.exit_code
    result = run(FRUIT, *arguments, "--no-accuracy")
    assert result.exit_code == 0, result.output
    assert read(tmp_path)["models"][0]["accuracy"] is None and read(tmp_path)["models"][0]["timings"]


def test_a_device_loads_neither_tensorflow_nor_matplotlib(fruits: Path, tmp_path: Path) -> None:
    """Both sides: the program, and the process in which it measures."""
    for name in ("tensorflow", "keras", "matplotlib", "pandas", "scipy", "sklearn", "resvg_py"):
        (tmp_path / "none" / name).mkdir(parents=True)
        (tmp_path / "none" / name / "__init__.py").write_text("raise ImportError('this device has none')\n")
    (tmp_path / "model.keras").write_bytes(b"PK")
    path = os.pathsep.join([str(tmp_path / "none"), str(ROOT), os.environ.get("PYTHONPATH", "")])
    code = "from sorter.benchmarks.cli import bench; bench()"
    arguments = [
        FRUIT,
        tmp_path / "model.keras",
        "--data",
        fruits,
        "--out",
        tmp_path / "out",
        "--queries",
        "32",
        "--time-line",
        "0",
    ]
    ended = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    fruit, keras = read(tmp_path / "out")["models"]
    assert fruit["timings"] and fruit["profile"]
    assert keras["problem"] == "A Keras network needs TensorFlow, which is not installed here."


def test_no_model_that_can_run(fruits: Path, tmp_path: Path, make_dataset: Callable[..., Path]) -> None:
    out = ["--out", tmp_path / "out"]
    result = run(tmp_path / "none.tflite", "--data", fruits, *out)
    assert result.exit_code == BundleError.exit_code and "does not exist" in result.stdout
    foreign = run(FRUIT, "--data", make_dataset(), *out)
    assert foreign.exit_code == BundleError.exit_code
    assert "does not know: blue, green, red" in foreign.stdout


def test_what_cannot_work_is_said_before_anything_is_measured(fruits: Path, tmp_path: Path) -> None:
    empty = run(tmp_path, "--data", fruits, "--out", tmp_path / "out")
    assert empty.exit_code == BundleError.exit_code and "no .tflite or .keras files" in empty.stderr
    nowhere = run(FRUIT, "--data", tmp_path / "x", "--out", tmp_path / "out")
    assert nowhere.exit_code == DatasetError.exit_code
    (tmp_path / "file").write_text("")
    blocked = run(FRUIT, "--data", fruits, "--out", tmp_path / "file")
    assert blocked.exit_code == StorageError.exit_code and "it is a file" in blocked.stderr
    budget = run(FRUIT, "--data", fruits, "--out", tmp_path / "out", "--budget", "speed>3")
    assert budget.exit_code == ConfigError.exit_code and "'speed'" in budget.stderr
    threads = run(FRUIT, "--data", fruits, "--out", tmp_path / "out", "--threads", "1,none")
    assert threads.exit_code == 2 and "1,2,4" in threads.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk(fruits: Path, tmp_path: Path) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)); "
    limit += "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
    code = limit + "from sorter.benchmarks.cli import bench; bench()"
    arguments = [FRUIT, "--data", fruits, "--out", tmp_path / "out", "--queries", "32", "--time-line", "0"]
    ended = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == StorageError.exit_code, ended.stderr
    assert "Cannot write" in ended.stderr and "Traceback" not in ended.stderr
    assert not (tmp_path / "out" / "report.json").exists()


def test_every_candidate_sees_the_same_frames_in_turns() -> None:
    calls: list[tuple[str, int]] = []
    frames = [np.full((2, 2, 3), i, np.uint8) for i in range(3)]
    candidates = {name: (lambda frame, n=name: calls.append((n, int(frame[0, 0, 0])))) for name in "abc"}
    result = measure_in_turns(candidates, frames, rounds=12)
    timed = calls[3 * WARM_UP :]
    for turn in range(12):
        among = timed[3 * turn : 3 * turn + 3]
        assert {name for name, _ in among} == set("abc")
        assert {frame for _, frame in among} == {turn % 3}
    assert len({tuple(n for n, _ in timed[3 * t : 3 * t + 3]) for t in range(12)}) > 1
    assert all(latency.n == 12 for latency in result.values())


@pytest.mark.slow
def test_a_training_run_is_measured_beside_its_file(tmp_path: Path, make_dataset: Callable[..., Path]) -> None:
    photos = make_dataset(24)
    script = ROOT / "tests" / "converters" / "tiny_run.py"
    subprocess.run([sys.executable, script, photos, tmp_path / "run"], check=True, capture_output=True)
    result = run(tmp_path / "run", "--data", photos, "--out", tmp_path / "out", "--queries", 32)
    assert result.exit_code == 0, result.output
    (keras,) = read(tmp_path / "out")["models"]
    assert keras["model"] == "run/model.keras" and keras["kind"] == "keras" and keras["accuracy"]["accuracy"] > 0.8
    assert keras["parameters"] > 0 and keras["macs"] > 0 and keras["timings"][0]["resident_mb"] > 100
