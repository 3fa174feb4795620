"""A finished run trained on for int8: what ``sorter-train --qat`` takes, refuses and leaves behind."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sorter.manifest import Manifest
from sorter.trainer.cli import evaluate, train
from tests.trainer.conftest import draw_picture, save_picture


def run_train(*arguments: object) -> Result:
    return CliRunner().invoke(train, [str(a) for a in arguments])


@pytest.mark.parametrize(
    "options",
    [
        ["--split", "70/10/20"],
        ["--weights", "none", "--image-size", "64"],
        ["--model", "tiny", "--head-only", "--folds", "3"],
        ["--dry-run"],
        ["--list-models"],
    ],
)
def test_options_that_mean_nothing_to_a_finished_run_are_refused(tmp_path: Path, options: list[str]) -> None:
    result = run_train(tmp_path, "--qat", tmp_path / "run", *options)
    assert result.exit_code == 3, result.output
    for option in options[::2] if options[0] != "--model" else ("--model", "--head-only", "--folds"):
        assert option in result.stderr
    assert "Hint: Leave" in result.stderr and "--epochs" in result.stderr


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("qat") / "photos"
    for label in ("disc", "square"):
        for i in range(24):
            save_picture(root / label / f"{label} {i}.png", draw_picture(label, i))
    return root


@pytest.fixture(scope="module")
def finished(photos: Path) -> Path:
    pytest.importorskip("tensorflow", reason="training needs the train extra")
    run = photos.parent / "run"
    small = ("--model", "toy-4conv", "--image-size", 32, "--batch-size", 8, "--epochs", 12, "--seed", 3)
    result = run_train(photos, "--out", run, *small)
    assert result.exit_code == 0, result.output
    return run


@pytest.fixture(scope="module")
def tuned(photos: Path, finished: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    out = photos.parent / "tuned"
    options = ("--epochs", 2, "--batch-size", 4, "--seed", 5, "--tensorboard")
    result = run_train(photos, "--qat", finished, "--out", out, "--json", *options)
    assert result.exit_code == 0, result.output
    yield out, json.loads(result.stdout)


warned = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
"""Keras 3.15 converts variables in a way that NumPy 2 announces to change."""


@warned
@pytest.mark.slow
def test_it_leaves_a_whole_run_that_says_where_it_comes_from(
    finished: Path, tuned: tuple[Path, dict[str, Any]]
) -> None:
    out, figures = tuned
    assert {p.name for p in out.iterdir()} == {p.name for p in finished.iterdir()} | {"ranges.json", "tensorboard"}
    before, after = (Manifest.from_json((run / "sorter.json").read_bytes(), "it") for run in (finished, out))
    said = after.recipe["quantisation_aware"]
    assert said["from"] == "run" and after.recipe["weights"] == "those of run run"
    assert said["from_model_sha256"] == hashlib.sha256((finished / "model.keras").read_bytes()).hexdigest()
    assert said["epochs"] == 2 and after.recipe["seed"] == 5
    assert after.dataset == before.dataset and after.labels == before.labels
    history = (out / "history.csv").read_text().splitlines()
    assert [line.split(",")[:2] for line in history[1:]] == [["as it was", "0"], ["rounded", "1"], ["rounded", "2"]]
    assert (out / "split.csv").read_bytes() == (finished / "split.csv").read_bytes()
    report = (out / "report.html").read_text()
    assert "from run run; rounded as int8 will be" in report
    assert (
        figures["accuracy"]
        == after.accuracy["float"]["accuracy"]
        == json.loads((out / "metrics.json").read_text())["accuracy"]
    )
    assert figures["quantisation_aware"]["test"]["accuracy"] >= 0.8


@warned
@pytest.mark.slow
def test_its_figures_are_those_of_the_network_in_it(photos: Path, tuned: tuple[Path, dict[str, Any]]) -> None:
    out, figures = tuned
    result = CliRunner().invoke(evaluate, [str(out), str(photos), "--out", str(out.parent / "judged"), "--json"])
    assert result.exit_code == 0, result.output
    judged = json.loads(result.stdout)
    assert (judged["accuracy"], judged["n"]) == (figures["accuracy"], figures["n"])


@warned
@pytest.mark.slow
def test_the_converted_file_uses_the_learned_ranges(photos: Path, tuned: tuple[Path, dict[str, Any]]) -> None:
    from sorter.converters.activations import open_probe
    from sorter.converters.cli import convert
    from sorter.converters.diagnosis import layer_of
    from sorter.trainer.networks import HEAD_NAME

    out, figures = tuned
    file = out.parent / "tuned.tflite"
    arguments = [out, "--representative", photos, "--samples", 12, "--out", file, "--json"]
    result = CliRunner().invoke(convert, [str(a) for a in arguments])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)[0]["accuracy"] == figures["quantisation_aware"]["test"]["accuracy"]
    ranges = json.loads((out / "ranges.json").read_text())
    steps = {layer_of(t, list(ranges)): grid.step for t, grid in open_probe(file.read_bytes()).grids().items()}
    shared = [layer for layer in ranges if layer in steps]
    assert len(shared) >= 4 and HEAD_NAME in shared, "the logits are rounded too"
    for layer in shared:
        low, high = ranges[layer]
        assert steps[layer] == pytest.approx((high - low) / 255, rel=1e-3), layer


@warned
@pytest.mark.slow
def test_a_loss_that_is_no_number_leaves_the_network_as_it_was(photos: Path, finished: Path) -> None:
    from sorter.trainer.qat import QatOptions, fine_tune

    out = photos.parent / "exploded"
    outcome = fine_tune(QatOptions(photos, finished, out, epochs=2, batch_size=8, learning_rate=1e39))
    assert outcome.progress.ending == "not a number"
    assert outcome.manifest.recipe["kept_epoch"] == 0
    assert outcome.metrics["accuracy"] == json.loads((finished / "metrics.json").read_text())["accuracy"]


@warned
@pytest.mark.slow
def test_a_network_that_gives_no_numbers_is_refused(photos: Path, finished: Path) -> None:
    import keras
    import numpy as np

    broken = photos.parent / "broken"
    broken.mkdir()
    for name in ("sorter.json", "split.csv"):
        (broken / name).write_bytes((finished / name).read_bytes())
    network = keras.models.load_model(finished / "model.keras", compile=False)
    head = network.layers[-1]
    head.set_weights([values * np.float32(np.nan) for values in head.get_weights()])
    network.save(broken / "model.keras")
    out = photos.parent / "never"
    result = run_train(photos, "--qat", broken, "--out", out)
    assert result.exit_code == 6, result.output
    assert "no numbers" in result.stderr and not out.exists()


@warned
@pytest.mark.slow
def test_other_photos_and_the_run_itself_are_refused(
    photos: Path, finished: Path, make_photos: Callable[..., Path]
) -> None:
    others = make_photos("others", disc=3, square=3)
    result = run_train(others, "--qat", finished, "--out", photos.parent / "never")
    assert result.exit_code == 4 and "Hint" in result.stderr, result.output
    result = run_train(photos, "--qat", finished, "--out", finished, "--overwrite")
    assert result.exit_code == 3 and "is the run that" in result.stderr, result.output
    assert (finished / "model.keras").is_file()
    tuned_again = run_train(photos, "--cluster", finished, "--out", finished, "--tensorboard")
    assert tuned_again.exit_code == 3 and "--tensorboard means nothing to it" in tuned_again.stderr
