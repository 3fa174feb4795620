"""What recipes refuse, and that recipe files say the same as the recipes written to them."""

import json
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

import sorter.image
from sorter.errors import ConfigError
from sorter.trainer.recipe_file import read_recipe, write_recipe
from sorter.trainer.recipes import BACKBONES, HEAD_ONLY, RECIPES, Convolution, Layers, Recipe, find_recipe
from sorter.trainer.recipes.description import read_description
from sorter.trainer.recipes.recipe import Fit

SHORT = """
name = "boxes"
architecture = "custom"
image_size_px = 64
[layers]
dense = [16]
convolutions = [{ filters = 8 }, { filters = 12, kernel = 5, pool = false }]
[schedule]
epochs = 3
"""


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "boxes.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_recipes_know_the_same_fits_as_the_preprocessing() -> None:
    assert get_args(Fit) == get_args(sorter.image.Fit)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_written_recipe_reads_back_the_same(recipe: Recipe, tmp_path: Path) -> None:
    write_recipe(recipe, tmp_path / "recipe.toml")
    assert read_recipe(tmp_path / "recipe.toml") == recipe
    assert find_recipe(str(tmp_path / "recipe.toml")) == recipe


def test_a_short_file_is_enough(tmp_path: Path) -> None:
    recipe = read_recipe(write(tmp_path, SHORT))
    assert recipe.layers == Layers(dense=(16,), convolutions=(Convolution(8), Convolution(12, 5, pool=False)))
    assert recipe.schedule.epochs == 3 and recipe.transfer is None and recipe.source == "recipe file boxes.toml"


@pytest.mark.parametrize(
    ("old", "new", "message", "hint"),
    [
        ("epochs", "epoch", "no setting in [schedule] called 'epoch'", "epochs"),
        ("[schedule]", "[scedule]", "no setting called 'scedule'", "schedule"),
        ("kernel", "kernal", "no setting in [layers.convolutions 2] called 'kernal'", "kernel"),
        ("dense", "convolution", "no setting in [layers] called 'convolution'", "convolutions"),
        ("epochs = 3", "", "schedule.epochs is missing", "Passes"),
        ('name = "boxes"', "", "name is missing", "--model"),
        ("epochs = 3", 'epochs = "many"', "schedule.epochs is 'many', but must be a whole number", "recipes.md"),
        ("epochs = 3", "epochs = true", "schedule.epochs is True", "recipes.md"),
        ("dense = [16]", "dense = 16", "layers.dense is 16, but must be a list", "recipes.md"),
        ("filters = 8", "filters = 0", "0 filters", "1 to 4096"),
        ("convolutions = [", "convolutions = [3, ", "must be a list of tables", "filters"),
        ("[layers]", "layers = 3\n[augmentation]", "layers is not a section", "[layers]"),
        ('"custom"', '"custum"', "architecture is 'custum', but must be one of custom, tiny", "recipes.md"),
        ('"custom"', '"vgg16"', "backbone and convolutions", "custom"),
        ("epochs = 3", "epochs = 3\nlearning_rate = 0", "[schedule] learning_rate is 0.0", "recipes.md"),
        ("[layers]", "[augmentation]\nzoom = [0.9]\n[layers]", "must be a list of 2", "recipes.md"),
        ("[layers]", "[augmentation]\nzoom = [1.2, 0.9]\n[layers]", "zoom is [1.2, 0.9]", "smaller"),
        ("[layers]", 'weights = "imagenet"\n[layers]', "trained from scratch", "vgg16"),
        ("[layers]", "dropout = 1.0\n[layers]", "dropout is 1.0", "recipes.md"),
        ("epochs = 3", "epochs =", "is not TOML", "quotes"),
        ('"boxes"', '"a/b"', "'a/b' cannot name a recipe", "letters"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(tmp_path: Path, old: str, new: str, message: str, hint: str) -> None:
    assert old in SHORT
    with pytest.raises(ConfigError) as caught:
        read_recipe(write(tmp_path, SHORT.replace(old, new, 1)))
    assert message in caught.value.message and "boxes.toml" in caught.value.message
    assert hint in caught.value.hint


def test_a_network_of_which_nothing_is_left_is_refused_in_one_sentence(tmp_path: Path) -> None:
    many = ", ".join(["{ filters = 8 }"] * 7)
    with pytest.raises(ConfigError, match="nothing is left behind its convolution 7, which gets 1x1 pixels") as caught:
        read_recipe(write(tmp_path, SHORT.replace("{ filters = 8 }", many)))
    assert "larger image size" in caught.value.hint
    with pytest.raises(ConfigError, match="convolution 1, which gets 8x8"):
        replace(RECIPES["flowers-cnn"], image_size_px=8, layers=Layers("valid", convolutions=(Convolution(8, 9),)))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        find_recipe(str(tmp_path / "nowhere.toml"))


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(ConfigError, match="fruit-basline") as caught:
        find_recipe("fruit-basline")
    assert "fruit-baseline" in caught.value.hint


def test_recipes_agree_with_themselves() -> None:
    for name, recipe in RECIPES.items():
        assert recipe.name == name
        assert (recipe.weights == "imagenet") == (recipe.architecture in BACKBONES)
        # Augmented pictures have features of their own each time, so only plain ones can be computed once.
        if "features" in name:
            assert recipe.unfreeze_from == HEAD_ONLY and recipe.augmentation == type(recipe.augmentation)()


@pytest.mark.parametrize("name", RECIPES)
def test_a_run_says_with_which_recipe_it_was_trained(name: str) -> None:
    told = json.loads(json.dumps(RECIPES[name].describe() | {"seed": 3}))
    assert read_description(told, "sorter.json") == RECIPES[name]
    # Runs of older versions do not tell their width.
    del told["width"]
    assert read_description(told, "sorter.json") == RECIPES[name]


def test_a_run_from_elsewhere_says_no_recipe() -> None:
    with pytest.raises(ConfigError, match="does not say with which recipe"):
        read_description({"name": "boxes"}, "sorter.json")


def test_filters_come_in_eights_and_are_never_much_fewer_than_asked_for() -> None:
    for width in (0.35, 0.5, 1.4):
        recipe = RECIPES["tiny"].changed(width=width)
        for count in (16, 24, 80, 112):
            assert recipe.filters(count) % 8 == 0 and recipe.filters(count) >= 0.9 * width * count
    assert RECIPES["tiny"].filters(13) == 13
