"""``sorter-bench study``: a study's networks trained, converted and measured by the real programs."""

import csv
import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sorter.benchmarks.cli import bench
from sorter.benchmarks.studies.execution import Outcome, Progress, estimate_s
from sorter.benchmarks.studies.plan import Network, Wishes, plan_study
from sorter.benchmarks.studies.published import STUDIES
from sorter.benchmarks.studies.rows import make_remarks, make_rows
from sorter.benchmarks.studies.table import to_markdown
from sorter.benchmarks.studies.weights import Weights
from sorter.errors import ConfigError
from tests.conftest import ROOT
from tests.trainer.conftest import draw_picture, save_picture

slow = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("tensorflow") is None, reason="training needs the train extra"),
]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(bench, ["study", *map(str, arguments)])


def read(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "study.json").read_bytes())
    return content


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("study") / "photos"
    for label in ("disc", "square"):
        for i in range(24):
            save_picture(root / label / f"{i}.png", draw_picture(label, i))
    return root


@pytest.fixture(autouse=True)
def no_stored_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    (tmp_path / "keras" / "models").mkdir(parents=True)
    return tmp_path / "keras" / "models"


RECIPES = "toy-4conv,toy-3conv,toy-mobilenetv2"


@pytest.fixture(scope="module")
def studied(photos: Path) -> tuple[Path, Result]:
    """Two small networks, and one whose weights are damaged."""
    junk = photos.parent / "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5"
    junk.write_bytes(b"nothing")
    out = photos.parent / "out"
    options = ("--recipes", RECIPES, "--weights", junk, "--epochs", 1, "--quick")
    return out / "toy", run("toy", "--data", photos, "--out", out, *options)


class TestARealRun:
    pytestmark = slow

    def test_ours_stand_beside_the_published_figures(self, studied: tuple[Path, Result]) -> None:
        folder, _ = studied
        rows = {row["recipe"]: row for row in read(folder)["networks"]}
        assert list(rows) == ["toy-3conv", "toy-4conv", "toy-mobilenetv2"]  # in the study's order
        for name, published in (("toy-3conv", 0.773), ("toy-4conv", 0.80)):
            row = rows[name]
            # Trained for two classes, counted for the study's five.
            assert row["parameters"] == row["published"]["parameters"] and row["published"]["accuracy"] == published
            low, high = row["published_95"]
            assert low < published < high
            metrics = json.loads((folder / "runs" / name / "metrics.json").read_bytes())
            assert row["accuracy"] == metrics["accuracy"] and row["photos"] == metrics["n"]
            assert row["accuracy_95"][0] <= row["accuracy"] <= row["accuracy_95"][1]
            assert row["bytes"] == (folder / "models" / f"{name}.tflite").stat().st_size
            assert row["p50_ms"] > 0 and row["seconds"] > 0 and 0 <= row["agreement"] <= 1
            assert 0 <= row["int8_accuracy"] <= 1 and row["int8_95"][0] <= row["int8_accuracy"]
            assert (row["epochs"], row["recipe_epochs"], row["failed"]) == (1, 50, False)

    def test_a_network_that_fails_says_why_and_stops_no_other(self, studied: tuple[Path, Result]) -> None:
        folder, result = studied
        assert result.exit_code == 1
        failed = read(folder)["networks"][2]
        assert failed["failed"] and failed["accuracy"] is None and failed["published"]["accuracy"] == 1.0
        assert "training failed" in failed["remark"] and "no_top.h5" in failed["remark"]
        assert failed["remark"] in (folder / "study.md").read_text() and "The others go on" in result.stderr

    def test_progress_is_shown(self, studied: tuple[Path, Result]) -> None:
        said = studied[1].stderr
        assert "1 of 3: toy-3conv, epochs: 1" in said and "toy-3conv: Epoch 1/1" in said
        assert re.search(r"2 of 3: toy-4conv, epochs: 1; about \d+ min left", said)

    def test_a_shortened_table_says_so(self, studied: tuple[Path, Result]) -> None:
        folder, result = studied
        for text in ((folder / "study.md").read_text(), (folder / "study.html").read_text()):
            assert "SHORTENED: all of ours" in text and "1 of 50" in text
        assert "1 of 50" in result.stdout

    def test_all_files_hold_the_same_table(self, studied: tuple[Path, Result]) -> None:
        folder, _ = studied
        networks = read(folder)["networks"]
        with (folder / "study.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [row["recipe"] for row in rows] == [network["recipe"] for network in networks]
        assert float(rows[0]["accuracy"]) == networks[0]["accuracy"] and float(rows[0]["p50_ms"]) > 0
        page = (folder / "study.html").read_text()
        assert page.count("<svg") == 2 and f"{networks[0]['p50_ms']:.2f}" in page
        table = [line for line in (folder / "study.md").read_text().splitlines() if line.startswith("|")]
        assert len(table) == 2 + 3 and len({line.count("|") for line in table}) == 1

    def test_a_second_run_trains_and_converts_nothing_again(self, studied: tuple[Path, Result], photos: Path) -> None:
        folder, _ = studied
        before = read(folder)["networks"][:2]
        times = [file.stat().st_mtime_ns for file in sorted(folder.rglob("*")) if file.suffix in (".keras", ".tflite")]
        options = ("--recipes", "toy-4conv,toy-3conv", "--epochs", 1, "--quick")
        again = run("toy", "--data", photos, "--out", folder.parent, *options)
        assert again.exit_code == 0 and "Epoch" not in again.stderr
        assert "toy-3conv was trained by an earlier run" in again.stderr
        assert "measured by an earlier run" in again.stderr
        assert read(folder)["networks"] == before
        files = [file for file in sorted(folder.rglob("*")) if file.suffix in (".keras", ".tflite")]
        assert [file.stat().st_mtime_ns for file in files] == times

    def test_other_settings_are_not_mixed_into_one_table(self, studied: tuple[Path, Result], photos: Path) -> None:
        folder, _ = studied
        refused = run("toy", "--data", photos, "--out", folder.parent, "--epochs", 2)
        assert refused.exit_code == ConfigError.exit_code and "other settings: epochs" in refused.stderr
        assert "--fresh" in refused.stderr

    def test_a_stopped_run_leaves_no_program_behind_and_goes_on(self, photos: Path, tmp_path: Path) -> None:
        arguments = ["study", "toy", "--data", photos, "--out", tmp_path, "--recipes", "toy-4conv"]
        command = [sys.executable, "-c", "from sorter.benchmarks.cli import bench; bench()", *map(str, arguments)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
        with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr
            next(line for line in process.stderr if "Epoch 2/50" in line)
            process.send_signal(signal.SIGTERM)
            said = process.stderr.read()
        assert process.returncode == 130 and "Stopped" in said
        assert not any(str(tmp_path) in text for text in _command_lines())
        assert list((tmp_path / "toy" / "runs" / "toy-4conv").iterdir())  # what --resume goes on from


def _command_lines() -> list[str]:
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(file.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return found


@pytest.mark.parametrize("study", STUDIES.values(), ids=list(STUDIES))
def test_published_figures_are_of_the_recipes_as_documented(study: Any) -> None:
    documented = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
    assert set(study.figures) <= {recipe.name for recipe in study.recipes}
    for recipe in study.recipes:
        published = study.find(recipe.name)
        line = next(line for line in documented.splitlines() if line.startswith(f"| `{recipe.name}` |"))
        assert published.parameters is None or f"| {published.parameters:,} |" in line
        assert published.accuracy is None or 0 < published.accuracy <= 1


def test_what_is_not_known_is_called_so(tmp_path: Path, photos: Path) -> None:
    study = STUDIES["transfer"]
    network = Network(study.recipes[0], "none", 20)
    trained = {"parameters": 33_000, "seconds": 60.0, "classes": 3, "float": {"accuracy": 0.5, "n": 8}}
    progress = Progress((Outcome(network, trained, problem="conversion failed: no"),))
    rows = make_rows(study, progress)
    assert rows[0].parameters == 33_000 and rows[0].failed
    text = to_markdown("Title", rows, make_remarks(study, progress, "eight photos"))
    assert "| study-cnn1 | 33,000 | not known | not known | 50.0% | - |" in text
    assert "conversion failed: no" in text and "SHORTENED" not in text and "eight photos" in text


def test_networks_without_weights_at_hand_are_left_out_with_the_reason(photos: Path, tmp_path: Path) -> None:
    result = run("fruit", "toy", "--data", photos, "--out", tmp_path / "out", "--dry-run", "--json", "--epochs", 12)
    plan = {row["recipe"]: row for row in json.loads(result.stdout)["networks"]}
    assert len(plan) == 14 and not (tmp_path / "out").exists()
    assert "no ImageNet weights of vgg16 at hand" in plan["fruit-vgg16"]["skipped"]
    assert plan["fruit-vgg16"]["epochs"] == 10 and plan["fruit-baseline"]["epochs"] == 12  # shortened, never lengthened
    assert not plan["fruit-baseline"]["skipped"] and plan["fruit-baseline"]["weights"] == "none"
    nothing = run("fruit", "--data", photos, "--out", tmp_path / "out", "--recipes", "fruit-vgg16")
    assert nothing.exit_code == ConfigError.exit_code and "--weights imagenet" in nothing.stderr


def test_weights_are_known_by_their_file_s_name(tmp_path: Path, no_stored_weights: Path) -> None:
    named = tmp_path / "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
    own = tmp_path / "own.keras"
    for file in (named, own, no_stored_weights / "xception_weights_tf_dim_ordering_tf_kernels_notop.h5"):
        file.write_bytes(b"x")
    weights = Weights.parse([str(named), f"resnet50={own}"])
    assert weights.find("vgg16") == str(named) and weights.find("resnet50") == str(own)
    assert weights.find("xception").startswith(str(no_stored_weights)) and not weights.find("vgg19")
    assert Weights.parse([str(tmp_path)]).find("vgg16") == str(named)
    general = Weights.parse(["none", str(named)])
    assert general.find("vgg16") == str(named) and general.find("vgg19") == "none"
    network = plan_study(STUDIES["toy"], Wishes(tmp_path, Weights.parse(["none"])))[-1]
    assert network.lacks_weights and network.options() == ["--weights", "none"]


def test_what_cannot_be_is_said_at_once(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "own.h5").write_bytes(b"x")
    for arguments, message in {
        (): "Say which study",
        ("toy", "fruit", "--recipes", "toy-4conv"): "one study only",
        ("toy", "--weights", tmp_path / "own.h5"): "BACKBONE=FILE",
        ("toy", "--weights", tmp_path / "none.h5"): "does not exist",
        ("toy", "--weights", "none", "--weights", "imagenet"): "not both",
    }.items():
        result = run(*arguments, "--data", photos, "--out", tmp_path / "out")
        assert result.exit_code == 2 and message in result.stderr
    unknown = run("toy", "--recipes", "toy-5conv", "--data", photos, "--out", tmp_path / "out")
    assert unknown.exit_code == ConfigError.exit_code and "Did you mean toy-4conv" in unknown.stderr


def test_the_estimate_grows_with_epochs_and_pixels() -> None:
    first, *rest = plan_study(STUDIES["toy"], Wishes(Path(), epochs=10))
    done = [Outcome(first, {"seconds": 100.0})]
    assert estimate_s(done, rest[:2]) == pytest.approx(200)
    assert estimate_s(done, [replace(rest[0], epochs=5)]) == pytest.approx(50)
    assert estimate_s(done, [replace(rest[0], skipped="no weights")]) == 0 == estimate_s([], rest)


def test_a_frozen_backbone_sees_photos_that_are_not_altered_once() -> None:
    wishes = Wishes(Path(), Weights({"vgg16": Path("vgg16.h5"), "inceptionv3": Path("inceptionv3.h5")}))
    transfer = {network.name: network for network in plan_study(STUDIES["transfer"], wishes)}
    flowers = {network.name: network for network in plan_study(STUDIES["flowers"], wishes)}
    assert transfer["study-vgg16"].passes == 1 + 20 and transfer["study-cnn6"].passes == 20
    assert flowers["flowers-inceptionv3-features"].passes == 1
    assert flowers["flowers-inceptionv3"].passes == 20
    assert flowers["flowers-inceptionv3-finetuned"].passes == 20 + 20
    assert replace(transfer["study-vgg16"], weights="none", epochs=3).passes == 3


def test_without_tensorflow_no_training_is_begun(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    result = run("toy", "--data", photos, "--out", tmp_path / "out")
    assert result.exit_code == ConfigError.exit_code and "train-cpu" in result.stderr
    assert result.stderr.startswith("Error: Training needs TensorFlow, which is not installed here.")
    assert not (tmp_path / "out").exists()
