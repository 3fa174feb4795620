"""A recipe file of one's own trains like a recipe in the box."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from sorter.trainer.cli import train
from sorter.trainer.recipe_file import write_recipe
from sorter.trainer.recipes import Augmentation, Convolution, Layers, Recipe, Schedule

pytest.importorskip("keras", reason="needs TensorFlow")

pytestmark = [
    pytest.mark.slow,
    # Keras 3.15 converts variables in a way that NumPy 2 announces to change.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


def test_a_recipe_file_is_trained(
    make_photos: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = Recipe(
        "winner",
        "custom",
        "found by a search",
        32,
        Augmentation(rotation_deg=20.0, shear_deg=5.0, brightness=(0.8, 1.3), fill="nearest"),
        Schedule(2, batch_size=8),
        layers=Layers("valid", dense=(8,), convolutions=(Convolution(8, 5), Convolution(8, pool=False, dropout=0.1))),
    )
    write_recipe(recipe, tmp_path / "found.toml")
    photos = make_photos(disc=9, square=9)
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(train, [str(photos), "--model", "found.toml"])
    assert result.exit_code == 0, result.output
    described = json.loads((tmp_path / "runs" / "winner" / "sorter.json").read_text())["recipe"]
    assert described["name"] == "winner" and described["layers"]["convolutions"][0]["kernel"] == 5


def test_a_picture_size_that_leaves_nothing_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    result = CliRunner().invoke(train, [str(tmp_path / "nowhere"), "--model", "flowers-cnn", "--image-size", "16"])
    assert result.exit_code == 3 and "nothing is left behind its convolution" in result.stderr
