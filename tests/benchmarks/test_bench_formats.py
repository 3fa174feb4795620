"""``sorter-bench`` on files of half precision, which no shipped network has."""

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from sorter.benchmarks.cli import bench
from tests.conftest import ROOT


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("tensorflow") is None, reason="conversion needs the train extra")
def test_a_float16_file_gets_a_complete_row(tmp_path: Path, make_dataset: Callable[..., Path]) -> None:
    photos, run, file = make_dataset(24), tmp_path / "run", tmp_path / "half.tflite"
    script = ROOT / "tests" / "converters" / "tiny_run.py"
    subprocess.run([sys.executable, script, photos, run], check=True, capture_output=True)
    code = "from sorter.converters.cli import convert; convert()"
    options = [run, "--float16", "--check", photos, "--out", file]
    subprocess.run([sys.executable, "-c", code, *map(str, options)], check=True, capture_output=True)
    arguments = [file, "--data", photos, "--split-csv", run / "split.csv", "--out", tmp_path / "out"]
    arguments += ["--queries", "32", "--time-line", "2"]
    result = CliRunner().invoke(bench, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    assert "training saw" not in result.output
    (row,) = json.loads((tmp_path / "out" / "report.json").read_bytes())["models"]
    assert (row["format"], row["problem"], row["bytes"]) == ("float16", "", file.stat().st_size)
    # Half-precision weights are weights, although the network widens them before it uses them.
    assert row["parameters"] > 0 and row["macs"] > 0
    assert row["accuracy"]["n"] == 18 and row["accuracy"]["accuracy"] >= 0.9
    (timing,) = row["timings"]
    assert timing["p50_ms"] > 0 and timing["resident_mb"] > 0 and timing["load_ms"] > 0
    times_ms = {operator["name"]: operator["ms"] for operator in row["profile"]["operators"]}
    assert times_ms["DEQUANTIZE"] == 0 and times_ms["CONV_2D"] > 0 and None not in times_ms.values()
    assert "error" not in row["time_line"] and row["time_line"]["objects"] >= 1
    flattering = [file, run, "--data", photos, "--out", tmp_path / "all", "--queries", "32", "--time-line", "0"]
    result = CliRunner().invoke(bench, [str(argument) for argument in flattering])
    assert f"half.tflite, {run.name}/model.keras: training saw some of these photos" in result.output
