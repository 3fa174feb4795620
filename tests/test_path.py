"""The whole path with the real commands: rendered photos → network → .tflite → evaluation → sorted objects."""

import csv
import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("tensorflow") is None, reason="training needs the train extra"),
]

COMMANDS = {
    "sorter-sim": "sorter.edge.sim_cli:sim",
    "sorter-train": "sorter.trainer.cli:train",
    "sorter-evaluate": "sorter.trainer.cli:evaluate",
    "sorter-convert": "sorter.converters.cli:convert",
    "sorter-run": "sorter.edge.cli:run",
}


def command(name: str, *arguments: object) -> str:
    """Runs a command in a process of its own, as its entry point does; gives its standard output."""
    module, function = COMMANDS[name].split(":")
    code = f"from {module} import {function}; {function}()"
    done = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rendered fruits, a short training on them, and the network in three formats."""
    folder = tmp_path_factory.mktemp("path")
    command("sorter-sim", "render", "--out", folder / "photos", "--per-class", 70, "--seed", 2)
    # Long enough to be far better than chance on any processor: they round differently.
    short = ["--image-size", 64, "--epochs", 40, "--batch-size", 16, "--split", "60/20/20"]
    command("sorter-train", folder / "photos", "--model", "small", "--out", folder / "run", *short)
    representative = ["--representative", folder / "photos", "--max-drop", 0.1]
    command("sorter-convert", folder / "run", "--int8", *representative, "--out", folder / "int8.tflite")
    command("sorter-convert", folder / "run", "--float32", *representative, "--out", folder / "float32.tflite")
    return folder


def evaluated(folder: Path, model: str) -> tuple[dict[str, Any], list[dict[str, str]]]:
    out = folder / f"evaluation-{model}"
    if not out.exists():
        split = [] if model == "run" else ["--split-csv", folder / "run" / "split.csv"]
        command("sorter-evaluate", folder / model, folder / "photos", *split, "--out", out)
    with (out / "predictions.csv").open(newline="", encoding="utf-8") as file:
        return json.loads((out / "metrics.json").read_text()), list(csv.DictReader(file))


def test_the_run_folder_is_complete(folder: Path) -> None:
    names = {path.name for path in (folder / "run").iterdir()}
    expected = {"model.keras", "sorter.json", "labels.txt", "split.csv", "history.csv", "metrics.json"}
    assert expected | {"predictions.csv", "report.html"} <= names


def test_the_network_has_learnt_something(folder: Path) -> None:
    metrics, rows = evaluated(folder, "run")
    assert metrics["n"] == len(rows) > 60
    assert metrics["accuracy"] > 0.5, "chance is 0.17"
    assert list(rows[0]) == ["actual_label", "predicted_label", "predicted_probability", "filename", "correct"]


def test_keras_and_float_tflite_say_the_same(folder: Path) -> None:
    _, keras = evaluated(folder, "run")
    _, lite = evaluated(folder, "float32.tflite")
    assert [r["filename"] for r in keras] == [r["filename"] for r in lite]
    assert [r["predicted_label"] for r in keras] == [r["predicted_label"] for r in lite]
    for a, b in zip(keras, lite, strict=True):
        assert float(a["predicted_probability"]) == pytest.approx(float(b["predicted_probability"]), abs=1e-3)


def test_int8_agrees_to_what_quantisation_costs(folder: Path) -> None:
    before, keras = evaluated(folder, "run")
    after, lite = evaluated(folder, "int8.tflite")
    same = [a["predicted_label"] == b["predicted_label"] for a, b in zip(keras, lite, strict=True)]
    assert sum(same) / len(same) >= 0.85
    assert abs(before["accuracy"] - after["accuracy"]) <= 0.1


@pytest.mark.parametrize("camera", ["sim:?speed=2&seed=11", "sim:{photos}?speed=2&split={run}/split.csv&subset=test"])
def test_objects_are_sorted_with_it(folder: Path, camera: str, tmp_path: Path) -> None:
    where = camera.format(photos=folder / "photos", run=folder / "run")
    arguments = ["--port", "sim:?move_s=0.1", "--model", folder / "int8.tflite", "--objects", 3, "--threshold", 0]
    out = command("sorter-run", "--camera", where, *arguments, "--json", "--journal", tmp_path / "journal.db")
    told = json.loads(out)
    assert told["outcomes"] == {"completed": 3}
    assert told["truth"]["seen"] == 3 and told["truth"]["missed"] == told["truth"]["doubled"] == 0


def test_real_photos_through_the_shipped_network(trashnet: Path, tmp_path: Path) -> None:
    arguments = ["--port", "sim:?move_s=0.1", "--model", "waste-mobilenetv2-int8", "--objects", 4]
    camera = f"sim:{trashnet}?speed=2&seed=3"
    out = command("sorter-run", "--camera", camera, *arguments, "--json", "--journal", tmp_path / "journal.db")
    told = json.loads(out)
    assert told["outcomes"] == {"completed": 4}
    assert told["truth"]["right"] + told["truth"]["rejected"] >= 3


def test_a_folder_of_any_data_set_is_a_camera(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    arguments = ["--port", "sim:?move_s=0", "--model", "fruit-demo-int8", "--json", "--journal", tmp_path / "j.db"]
    told = json.loads(command("sorter-run", "--camera", make_dataset(per_class=2), *arguments))
    assert told["objects"] == 6 and told["truth"] is None
