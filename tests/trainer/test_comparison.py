"""Several trainings in one table, and a look at a training before it starts."""

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sorter.errors import TrainingError
from sorter.trainer.cli import train
from sorter.trainer.recipes import RECIPES, Recipe
from tests.trainer.conftest import draw_picture, save_picture

pytest.importorskip("tensorflow", reason="needs TensorFlow")

pytestmark = [
    pytest.mark.slow,
    # Keras 3.15 converts variables in a way that NumPy 2 announces to change.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

SMALL = ("--image-size", "32", "--batch-size", "8", "--epochs", "2")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("photos")
    for label in ("disc", "square"):
        for i in range(18):
            save_picture(root / label / f"{i}.png", draw_picture(label, i))
    return root


@pytest.fixture
def more_recipes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second network that works, and one that cannot be built."""
    from sorter.trainer.networks import build_network

    for name in ("other", "broken"):
        monkeypatch.setitem(RECIPES, name, replace(RECIPES["toy-4conv"], name=name))

    def build(recipe: Recipe, *more: Any) -> Any:
        if recipe.name == "broken":
            raise TrainingError("broken cannot be built.")
        return build_network(recipe, *more)

    monkeypatch.setattr("sorter.trainer.jobs.build_network", build)


def run(photos: Path, *more: str) -> Result:
    return CliRunner().invoke(train, [str(photos), *SMALL, *more])


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as opened:
        return list(csv.DictReader(opened))


@pytest.mark.usefixtures("more_recipes")
def test_recipes_are_compared_on_one_split_and_one_failure_stops_none(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "comparison"
    arguments = ("--compare", "toy-4conv,broken,other", "--out", str(out))
    result = run(photos, *arguments)
    assert result.exit_code == 1
    assert "broken failed, the others go on" in result.stderr
    table = {row["network"]: row for row in rows(out / "comparison.csv")}
    assert list(table) == ["toy-4conv", "broken", "other"]
    assert "cannot be built" in table["broken"]["failure"] and not table["broken"]["accuracy"]
    for name in ("toy-4conv", "other"):
        metrics = json.loads((out / name / "metrics.json").read_bytes())
        assert float(table[name]["accuracy"]) == metrics["accuracy"]
        assert table[name]["worst_class"] == metrics["worst_class"]
        assert table[name]["epochs"] == "2"
    assert (out / "toy-4conv" / "split.csv").read_bytes() == (out / "other" / "split.csv").read_bytes()
    assert "| toy-4conv |" in (out / "comparison.md").read_text() and "toy-4conv" in result.stdout

    model = out / "other" / "model.keras"
    before = model.stat().st_mtime_ns
    assert run(photos, *arguments).exit_code == 12
    again = run(photos, *arguments, "--resume", "--json")
    assert "other is finished" in again.stderr
    assert model.stat().st_mtime_ns == before
    assert [r["network"] for r in json.loads(again.stdout)["runs"]] == ["toy-4conv", "broken", "other"]
    changed = run(photos, *arguments, "--resume", "--seed", "1")
    assert changed.exit_code == 3 and "another seed" in changed.stderr


def test_folds_test_every_photo_once(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "folds"
    result = run(photos, "--model", "toy-4conv", "--folds", "3", "--out", str(out), "--tensorboard")
    assert result.exit_code == 0, result.output
    assert "standard deviation over the folds" in result.stdout
    tested = [r["filename"] for fold in (1, 2, 3) for r in rows(out / f"fold-{fold}" / "predictions.csv")]
    assert len(tested) == len(set(tested)) == 36
    assert [r["network"] for r in rows(out / "comparison.csv")] == ["fold-1", "fold-2", "fold-3"]
    check_event_files(out / "fold-1")


def check_event_files(run_folder: Path) -> None:
    import tensorflow as tf

    for part in ("train", "validation"):
        (file,) = (run_folder / "tensorboard" / part).iterdir()
        events = [tf.compat.v1.Event.FromString(r.numpy()) for r in tf.data.TFRecordDataset(str(file))]
        values = {
            (event.step, value.tag): float(tf.make_ndarray(value.tensor))
            for event in events
            for value in event.summary.value
        }
        for row in rows(run_folder / "history.csv"):
            assert values[int(row["epoch"]), "epoch_loss"] == pytest.approx(
                float(row[f"{part}_loss"]), rel=1e-4, abs=1e-4
            )


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--compare", "toy-4conv,toy-4conv"), "twice"),
        (("--compare", "toy-4conv,mobilenetv2", "--folds", "3"), "not both"),
        (("--folds", "2"), "at least 3"),
        (("--model", "toy-4conv", "--head-only"), "pre-trained weights"),
        (("--head-only", "--weights", "none"), "pre-trained weights"),
        (("--compare", "toy-4conv,nothing"), "no recipe called 'nothing'"),
    ],
)
def test_impossible_series(photos: Path, tmp_path: Path, arguments: tuple[str, ...], text: str) -> None:
    result = run(photos, *arguments, "--out", str(tmp_path / "out"))
    assert result.exit_code in (2, 3) and text in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_dry_run_shows_what_would_be_and_writes_nothing(
    make_photos: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = make_photos(disc=14, square=10)
    (photos / "disc" / "broken.png").write_bytes(b"")
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.chdir(tmp_path)
    result = run(photos, "--model", "toy-4conv", "--dry-run", "--json")
    assert result.exit_code == 0, result.output
    (preview,) = json.loads(result.stdout)["previews"]
    assert sorted(tmp_path.rglob("*")) == before
    assert sum(preview["photos"]["disc"].values()) == 14 and sum(preview["photos"]["square"].values()) == 10
    assert preview["skipped"] == 1
    assert sum(layer["parameters"] for layer in preview["layers"]) == preview["parameters"]
    assert preview["trainable_parameters"] == preview["parameters"]
    assert preview["estimated_seconds"]["training"] > 0
    text = run(photos, "--model", "toy-4conv", "--dry-run").stdout
    assert "Estimated time" in text and "probabilities" in text and "disc" in text
    assert sorted(tmp_path.rglob("*")) == before
