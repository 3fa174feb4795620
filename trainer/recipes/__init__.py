"""All recipes by name. Imports nothing heavy.

``recipe`` says what a recipe is and ``options`` what it is made of; ``own`` has the toolkit's recipes, ``fruit``,
``toy``, ``transfer`` and ``flowers`` those of the studies that it grows from, ``corrections`` what was put right in
them. To add a recipe, add a ``Recipe`` to one of these; where it needs a new network, add its builder to
``networks.ARCHITECTURES``.
"""

from sorter.trainer.recipes import flowers, fruit, own, toy, transfer
from sorter.trainer.recipes.options import Augmentation, Convolution, Layers, Schedule
from sorter.trainer.recipes.recipe import BACKBONES, HEAD_ONLY, Architecture, Recipe

__all__ = [
    "BACKBONES",
    "DEFAULT_RECIPE",
    "HEAD_ONLY",
    "RECIPES",
    "Architecture",
    "Augmentation",
    "Convolution",
    "Layers",
    "Recipe",
    "Schedule",
    "find_recipe",
]

RECIPES = {
    recipe.name: recipe
    for recipes in (own.RECIPES, fruit.RECIPES, toy.RECIPES, transfer.RECIPES, flowers.RECIPES)
    for recipe in recipes
}
"""All recipes by name, in the order in which they are listed."""

DEFAULT_RECIPE = "mobilenetv2"


def find_recipe(name: str) -> Recipe:
    """Looks a recipe up, or reads it from a file whose name ends in ``.toml``.

    Raises:
        ConfigError: There is none of this name, or the file describes none.
    """
    if name.endswith(".toml"):
        from pathlib import Path

        from sorter.trainer.recipe_file import read_recipe

        return read_recipe(Path(name))
    if name not in RECIPES:
        from sorter.settings import unknown

        raise unknown("recipe called", name, RECIPES)
    return RECIPES[name]
