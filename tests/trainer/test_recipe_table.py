"""The tables in docs/recipes.md are those that the code computes."""

from pathlib import Path

import pytest

from sorter.errors import ConfigError
from sorter.trainer.recipes import RECIPES

pytest.importorskip("keras", reason="needs TensorFlow")

from sorter.trainer.recipe_table import GROUPS, fill_tables

PAGE = Path(__file__).parents[2] / "docs" / "recipes.md"


def test_the_docs_agree_with_the_recipes() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert fill_tables(page) == page, "run: make recipe-tables"


def test_every_recipe_is_in_a_table() -> None:
    listed = [recipe.name for module, _ in GROUPS.values() for recipe in module.RECIPES]
    assert sorted(listed) == sorted(RECIPES)


def test_a_page_without_room_is_refused() -> None:
    with pytest.raises(ConfigError, match="no place for corrections"):
        fill_tables("# Recipes\n")
