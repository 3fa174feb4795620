"""Whole trainings, on drawn photos and at a tiny size."""

import csv
import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from sorter.cli import INTERRUPTED
from sorter.dataset import apply_split, open_dataset
from sorter.manifest import Manifest
from sorter.trainer.cli import evaluate, train
from tests.trainer.conftest import draw_picture, save_picture

training: Any = pytest.importorskip("sorter.trainer.training", reason="needs TensorFlow")

pytestmark = [
    pytest.mark.slow,
    # Keras 3.15 converts variables in a way that NumPy 2 announces to change.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

SMALL = ("--model", "toy-4conv", "--image-size", "32", "--batch-size", "8")

RUN_FILES = {
    "model.keras",
    "sorter.json",
    "labels.txt",
    "split.csv",
    "history.csv",
    "metrics.json",
    "predictions.csv",
    "confusion.png",
    "reliability.png",
    "rejection.png",
    "training.png",
    "report.html",
}


def run_train(photos: Path, out: Path, *more: str) -> Result:
    return CliRunner().invoke(train, [str(photos), "--out", str(out), *SMALL, *more])


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def names(folder: Path) -> set[str]:
    return {p.name for p in folder.iterdir()}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("photos")
    for label in ("disc", "Würfel blau 立方"):
        for i in range(24):
            save_picture(root / label / f"Bild {i} ä.png", draw_picture(label, i))
    return root


@pytest.fixture(scope="module")
def finished(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("runs") / "Lauf 1 ö"
    result = run_train(photos, out, "--epochs", "12", "--seed", "3", "--json")
    assert result.exit_code == 0, result.output
    return out, json.loads(result.stdout)


def test_a_run_folder_is_complete(finished: tuple[Path, dict[str, Any]]) -> None:
    out, figures = finished
    assert names(out) == RUN_FILES
    assert figures["accuracy"] >= 0.8
    assert figures["ending"] == "finished"
    manifest = Manifest.from_json((out / "sorter.json").read_bytes(), "test")
    assert manifest.labels == ("Würfel blau 立方", "disc")
    assert (out / "labels.txt").read_text(encoding="utf-8").splitlines() == list(manifest.labels)
    assert manifest.dataset["train"] + manifest.dataset["validation"] + manifest.dataset["test"] == 48
    assert 0.3 <= manifest.threshold <= 0.9
    assert len(rows(out / "history.csv")) == 12


def test_figures_are_those_of_the_test_part(finished: tuple[Path, dict[str, Any]], photos: Path) -> None:
    out, figures = finished
    predictions = rows(out / "predictions.csv")
    test = {r["filename"] for r in rows(out / "split.csv") if r["subset"] == "test"}
    assert {p["filename"] for p in predictions} == test
    right = sum(p["correct"] == "true" for p in predictions)
    assert right / len(predictions) == pytest.approx(figures["accuracy"])
    assert all((p["actual_label"] == p["predicted_label"]) == (p["correct"] == "true") for p in predictions)
    assert len(apply_split(open_dataset(photos), out / "split.csv").photos) == 48


def test_the_report_is_one_file_without_links(finished: tuple[Path, dict[str, Any]]) -> None:
    page = (finished[0] / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 3 and "Where it looks when it is right" in page
    assert "Würfel blau 立方" in page and "http" not in page and "<script" not in page


@pytest.mark.parametrize("exponent", [0.0, 1.0])
def test_temperature_and_expectations_go_into_the_network(exponent: float) -> None:
    """Of an overconfident network, fitting it a second time finds nothing left to do."""
    import keras

    from sorter.trainer.batches import Examples
    from sorter.trainer.calibration import correct_priors, fit_temperature
    from sorter.trainer.evaluation import predict_rows
    from sorter.trainer.networks import HEAD_NAME, build_network
    from sorter.trainer.pipeline import calibrate
    from sorter.trainer.recipes import RECIPES

    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    network = build_network(RECIPES["toy-4conv"].changed(image_size_px=32), 3)
    pixels = rng.integers(0, 256, (60, 32, 32, 3), dtype=np.uint8)
    head = network.get_layer(HEAD_NAME)
    kernel = rng.normal(0, 1, head.get_weights()[0].shape).astype(np.float32)
    head.set_weights([kernel, np.zeros(3, np.float32)])
    # Logits a few units apart: sure of itself, and not so sure that probabilities vanish in 32 bits.
    spread = np.log(predict_rows(network, pixels, np.arange(60))).std()
    head.set_weights([kernel * 4 / spread, np.array([0.5, -0.5, 0.0], np.float32)])
    before = predict_rows(network, pixels, np.arange(60))
    mostly_right = np.where(rng.random(60) < 0.7, before.argmax(axis=1), rng.integers(0, 3, 60))
    validation = Examples(pixels, np.arange(60), mostly_right, 3)
    recipe = RECIPES["toy-4conv"]
    recipe = replace(recipe, schedule=replace(recipe.schedule, prior_correction=exponent))
    train = Examples(pixels, np.arange(60), np.repeat(np.arange(3), [40, 15, 5]), 3)
    temperature, _ = calibrate(network, train, validation, recipe)
    after = predict_rows(network, pixels, validation.rows)
    assert temperature > 1.5
    assert fit_temperature(after, validation.classes) == pytest.approx(1.0, abs=0.02)
    expected = correct_priors(before, exponent * np.log([40 / 60, 15 / 60, 5 / 60]))
    assert np.array_equal(expected.argmax(axis=1), after.argmax(axis=1))


def test_the_same_seed_gives_the_same_split(
    finished: tuple[Path, dict[str, Any]], photos: Path, tmp_path: Path
) -> None:
    assert run_train(photos, tmp_path / "again", "--epochs", "1", "--seed", "3").exit_code == 0
    assert run_train(photos, tmp_path / "other", "--epochs", "1", "--seed", "4").exit_code == 0
    first = (finished[0] / "split.csv").read_text(encoding="utf-8")
    assert (tmp_path / "again" / "split.csv").read_text(encoding="utf-8") == first
    assert (tmp_path / "other" / "split.csv").read_text(encoding="utf-8") != first


def test_an_earlier_run_is_kept_unless_told_otherwise(finished: tuple[Path, dict[str, Any]], photos: Path) -> None:
    before = (finished[0] / "sorter.json").read_bytes()
    result = run_train(photos, finished[0], "--epochs", "1")
    assert result.exit_code == 12 and "--overwrite" in result.stderr
    assert (finished[0] / "sorter.json").read_bytes() == before


def test_evaluating_a_run_uses_its_own_test_part(
    finished: tuple[Path, dict[str, Any]], photos: Path, tmp_path: Path
) -> None:
    out, figures = finished
    result = CliRunner().invoke(evaluate, [str(out), str(photos), "--out", str(tmp_path / "e"), "--json"])
    assert result.exit_code == 0, result.output
    metrics = json.loads(result.stdout)
    assert "the run's own test part" in metrics["photos_used"] and "test part" in result.stderr
    assert (metrics["accuracy"], metrics["n"]) == (figures["accuracy"], figures["n"])
    assert rows(tmp_path / "e" / "predictions.csv") == rows(out / "predictions.csv")
    again = CliRunner().invoke(evaluate, [str(out), str(photos), "--out", str(tmp_path / "e")])
    assert again.exit_code == 12 and "--overwrite" in again.stderr


def test_evaluating_on_other_photos_uses_all_and_says_so(finished: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    for i in range(5):
        for label in ("disc", "Würfel blau 立方"):
            save_picture(tmp_path / "new" / label / f"{i}.png", draw_picture(label, 500 + i))
    (tmp_path / "new" / "disc" / "broken.jpg").write_text("no picture")
    arguments = [str(finished[0] / "model.keras"), str(tmp_path / "new"), "--out", str(tmp_path / "e"), "--json"]
    result = CliRunner().invoke(evaluate, arguments)
    assert result.exit_code == 0, result.output
    metrics = json.loads(result.stdout)
    assert (metrics["n"], metrics["skipped"]) == (10, 1)
    assert "not the data set of the run" in metrics["photos_used"]
    assert rows(tmp_path / "e" / "skipped.csv")[0]["filename"] == "disc/broken.jpg"


CONVERT = """
import sys, tensorflow as tf, keras
network = keras.models.load_model(sys.argv[1])
open(sys.argv[2], "wb").write(tf.lite.TFLiteConverter.from_keras_model(network).convert())
"""

EVALUATE = """
import sys
from sorter.trainer.cli import evaluate
try:
    evaluate()
finally:
    print([m for m in ("tensorflow", "keras", "sklearn") if m in sys.modules], file=sys.stderr)
"""


def test_a_foreign_tflite_is_judged_the_same_without_tensorflow(
    finished: tuple[Path, dict[str, Any]], photos: Path, tmp_path: Path
) -> None:
    out, figures = finished
    tflite = tmp_path / "foreign.tflite"
    # The converter runs apart, because it can abort the interpreter.
    convert = [sys.executable, "-c", CONVERT, str(out / "model.keras"), str(tflite)]
    subprocess.run(convert, check=True, capture_output=True)
    arguments = [str(tflite), str(photos), "--out", str(tmp_path / "e"), "--split-csv", str(out / "split.csv")]
    options = ["--labels", str(out / "labels.txt"), "--input-range", "bytes", "--json"]
    command = [sys.executable, "-c", EVALUATE, *arguments, *options]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    metrics = json.loads(done.stdout)
    assert (metrics["accuracy"], metrics["n"]) == (figures["accuracy"], figures["n"])
    assert done.stderr.splitlines()[-1] == "[]"
    ours = {r["filename"]: float(r["predicted_probability"]) for r in rows(out / "predictions.csv")}
    for row in rows(tmp_path / "e" / "predictions.csv"):
        assert float(row["predicted_probability"]) == pytest.approx(ours[row["filename"]], abs=1e-3)


def test_evaluating_unknown_classes_is_a_clear_error(
    finished: tuple[Path, dict[str, Any]], make_photos: Callable[..., Path], tmp_path: Path
) -> None:
    arguments = [str(finished[0]), str(make_photos(disc=3, banana=3)), "--out", str(tmp_path / "e")]
    result = CliRunner().invoke(evaluate, arguments)
    assert result.exit_code == 4 and "banana" in result.stderr


def test_bad_pictures_are_skipped_by_name_and_odd_ones_used(make_photos: Callable[..., Path], tmp_path: Path) -> None:
    root = make_photos(disc=12, square=12)
    whole = cv2.imencode(".jpg", draw_picture("disc", 99, 640, 480))[1].tobytes()
    bad = {"empty.jpg": b"", "text.jpg": b"not a picture", "cut.jpg": whole[: len(whole) // 2]}
    for name, content in bad.items():
        (root / "disc" / name).write_bytes(content)
    save_picture(root / "disc" / "dot.png", np.zeros((1, 1, 3), np.uint8))
    picture = draw_picture("square", 98)
    save_picture(root / "square" / "grey.png", cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY))
    save_picture(root / "square" / "alpha.png", cv2.cvtColor(draw_picture("square", 97), cv2.COLOR_BGR2BGRA))
    save_picture(root / "square" / "deep.png", draw_picture("square", 96).astype(np.uint16) * 257)
    save_picture(root / "square" / "wide.png", draw_picture("square", 95, 20_000, 30))
    rgb = Image.fromarray(draw_picture("square", 94)[:, :, ::-1])
    rgb.convert("CMYK").save(root / "square" / "cmyk.jpg")
    orientation = Image.Exif()
    orientation[0x0112] = 6
    rgb.save(root / "square" / "turned.jpg", exif=orientation)
    result = run_train(root, tmp_path / "run", "--epochs", "1")
    assert result.exit_code == 0, result.output
    assert "4 of 34 photos cannot be used" in result.stderr
    skipped = {r["filename"]: r["reason"] for r in rows(tmp_path / "run" / "skipped.csv")}
    assert set(skipped) == {"disc/cut.jpg", "disc/dot.png", "disc/empty.jpg", "disc/text.jpg"}
    assert all(name.rpartition("/")[2] in reason for name, reason in skipped.items())
    used = {r["filename"] for r in rows(tmp_path / "run" / "split.csv")}
    assert {f"square/{n}.png" for n in ("grey", "alpha", "deep", "wide")} <= used
    assert {"square/cmyk.jpg", "square/turned.jpg"} <= used


def test_a_class_without_usable_photos_is_a_clear_error(make_photos: Callable[..., Path], tmp_path: Path) -> None:
    root = make_photos(disc=9, square=9)
    (root / "void").mkdir()
    (root / "void" / "a.jpg").write_bytes(b"")
    result = run_train(root, tmp_path / "run")
    assert result.exit_code == 4 and "'void' has no usable photo" in result.stderr
    assert not (tmp_path / "run").exists()


def test_ready_made_folders_are_used_as_they_are(make_photos: Callable[..., Path], tmp_path: Path) -> None:
    root = make_photos("photos/train", disc=12, square=12).parent
    for i in range(3):
        for label in ("disc", "square"):
            save_picture(root / "test" / label / f"{i}.png", draw_picture(label, 300 + i))
    result = run_train(root, tmp_path / "run", "--epochs", "1")
    assert result.exit_code == 0, result.output
    assert "no validation part; taken from the train folder" in result.stderr
    for row in rows(tmp_path / "run" / "split.csv"):
        assert (row["subset"] == "test") == row["filename"].startswith("test/")


def interrupt_after(epochs: int, error: type[BaseException]) -> Callable[..., Iterator[Any]]:
    original = training.epoch_batches

    def batches(examples: Any, recipe: Any, seed: int, epoch: int) -> Iterator[Any]:
        if epoch > epochs:
            raise error
        return original(examples, recipe, seed, epoch)  # type: ignore[no-any-return]

    return batches


def test_ctrl_c_keeps_the_best_network_so_far(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "epoch_batches", interrupt_after(2, KeyboardInterrupt))
    result = run_train(photos, tmp_path / "run", "--epochs", "9")
    assert result.exit_code == INTERRUPTED
    assert "best network so far" in result.stderr and "--resume" in result.stderr
    assert names(tmp_path / "run") == RUN_FILES | {".checkpoint"}
    assert len(rows(tmp_path / "run" / "history.csv")) == 2
    manifest = Manifest.from_json((tmp_path / "run" / "sorter.json").read_bytes(), "test")
    assert manifest.recipe["ending"] == "interrupted"


def test_ctrl_c_before_the_first_epoch_leaves_nothing(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "epoch_batches", interrupt_after(0, KeyboardInterrupt))
    assert run_train(photos, tmp_path / "run").exit_code == INTERRUPTED
    assert not (tmp_path / "run").exists()


def test_a_loss_that_is_no_number_keeps_the_best_network_so_far(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = training.epoch_batches

    def spoilt(examples: Any, recipe: Any, seed: int, epoch: int) -> Iterator[Any]:
        for pixels, targets in original(examples, recipe, seed, epoch):
            yield pixels, (targets * np.nan if epoch > 1 else targets)

    monkeypatch.setattr(training, "epoch_batches", spoilt)
    result = run_train(photos, tmp_path / "run", "--epochs", "5", "--json")
    assert result.exit_code == 0 and "not a number" in result.stderr
    assert json.loads(result.stdout)["ending"] == "not a number"
    assert names(tmp_path / "run") == RUN_FILES


def full_disk(*_args: object, **_kwargs: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_leaves_no_half_run(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "posix_fallocate", full_disk)
    result = run_train(photos, tmp_path / "run", "--epochs", "1")
    assert result.exit_code == 12 and "the disk is full" in result.stderr
    assert not (tmp_path / "run").exists()


def test_a_training_that_finds_no_room_at_its_end_is_not_lost(photos: Path, tmp_path: Path) -> None:
    import keras

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras.Model, "save", full_disk)
        result = run_train(photos, tmp_path / "run", "--epochs", "3")
    assert result.exit_code == 12 and "the disk is full" in result.stderr
    assert names(tmp_path / "run") == {".checkpoint"}
    result = run_train(photos, tmp_path / "run", "--epochs", "3", "--resume")
    assert result.exit_code == 0 and "Going on after epoch 3 of 3" in result.stderr
    assert names(tmp_path / "run") == RUN_FILES


def test_a_real_sigterm_during_training_keeps_the_run(photos: Path, tmp_path: Path) -> None:
    code = "from sorter.trainer.cli import train; train()"
    command = [sys.executable, "-c", code, str(photos), "--out", str(tmp_path / "run"), *SMALL, "--epochs", "5000"]
    log = tmp_path / "log"
    with log.open("wb") as sink, subprocess.Popen(command, stdout=sink, stderr=sink) as process:
        deadline = time.monotonic() + 120
        while "Epoch 3/" not in log.read_text(encoding="utf-8") and time.monotonic() < deadline:
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == INTERRUPTED, log.read_text(encoding="utf-8")
    assert names(tmp_path / "run") == RUN_FILES | {".checkpoint"}
    assert "Traceback" not in log.read_text(encoding="utf-8")


def test_features_are_extracted_once_and_fine_tuned(make_photos: Callable[..., Path], tmp_path: Path) -> None:
    """MobileNetV2 in two phases, from a file of (random) weights."""
    from dataclasses import replace

    import keras

    from sorter.trainer.networks import FEATURES_NAME, build_network
    from sorter.trainer.recipes import RECIPES

    network = build_network(replace(RECIPES["mobilenetv2"], image_size_px=32), 2)
    weights = tmp_path / "random.weights.h5"
    keras.Model(network.input, network.get_layer(FEATURES_NAME).output).save_weights(weights)
    arguments = [str(make_photos(disc=9, square=9)), "--out", str(tmp_path / "run"), "--image-size", "32"]
    result = CliRunner().invoke(train, [*arguments, "--weights", str(weights), "--epochs", "1"])
    assert result.exit_code == 0, result.output
    assert [r["phase"] for r in rows(tmp_path / "run" / "history.csv")] == ["features", "fine-tuning"]


def test_list_models_prints_sizes() -> None:
    result = CliRunner().invoke(train, ["--list-models", "--classes", "5", "--json"])
    assert result.exit_code == 0, result.output
    toy = {m["name"]: m for m in json.loads(result.stdout)["models"]}["toy-4conv"]
    assert (toy["parameters"], toy["trainable_parameters"], toy["input_size_px"]) == (191_781, 191_781, 128)
    table = CliRunner().invoke(train, ["--list-models"]).stdout
    assert "mobilenetv2" in table and "224x224" in table
