"""The tables in ``docs/recipes.md``, computed from the recipes: ``python -m sorter.trainer.recipe_table FILE``."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import click

from sorter.cli import SorterCommand
from sorter.errors import ConfigError
from sorter.files import write_text
from sorter.trainer.backend import load_tensorflow
from sorter.trainer.recipes import HEAD_ONLY, Recipe, Schedule, flowers, fruit, own, toy, transfer
from sorter.trainer.recipes.corrections import EVERYWHERE

GROUPS = {"own": (own, 6), "fruit": (fruit, 6), "toy": (toy, 5), "transfer": (transfer, 10), "flowers": (flowers, 5)}
"""Where the recipes of each table are, and for how many classes their sizes are given."""

_HEADER = "| recipe | what it is | input | parameters | trained | schedule | note |\n|---|---|---|---|---|---|---|\n"


def draw_table(group: str) -> str:
    """One table in Markdown, for a key of ``GROUPS``; needs TensorFlow."""
    module, classes = GROUPS[group]
    return _HEADER + "".join(_row(recipe, classes) for recipe in module.RECIPES)


def fill_tables(page: str) -> str:
    """Puts each table between its marks ``<!-- recipes: GROUP -->`` and ``<!-- end -->``; corrections likewise.

    Raises:
        ConfigError: The page lacks such marks.
    """
    page = _fill(page, "corrections", lambda: "".join(f"- {sentence}\n" for sentence in EVERYWHERE))
    for group in GROUPS:
        page = _fill(page, f"recipes: {group}", partial(draw_table, group))
    return page


def _fill(page: str, place: str, draw: Callable[[], str]) -> str:
    before, mark, rest = page.partition(f"<!-- {place} -->\n")
    _, end, after = rest.partition("<!-- end -->")
    if not end:
        raise ConfigError(f"The page has no place for {place}.", f"Add <!-- {place} --> and <!-- end -->.")
    return before + mark + draw() + end + after


def _row(recipe: Recipe, classes: int) -> str:
    from sorter.trainer.networks import measure_size

    size = measure_size(recipe, classes)
    side = recipe.image_size_px
    cells = (
        f"`{recipe.name}`",
        recipe.source,
        f"{side}x{side}",
        f"{size.parameters:,}",
        f"{size.trainable:,}",
        _phases(recipe),
        recipe.note,
    )
    return f"| {' | '.join(cells)} |\n"


def _phases(recipe: Recipe) -> str:
    last = _phase(recipe.schedule)
    if recipe.unfreeze_from == HEAD_ONLY:
        last = f"head: {last}"
    elif recipe.unfreeze_from:
        last = f"from `{recipe.unfreeze_from}` on: {last}"
    if recipe.transfer:
        last = f"head: {_phase(recipe.transfer)}; then {last}"
    return f"computed head; {last}" if recipe.weights == "imagenet" and recipe.warm_start else last


def _phase(schedule: Schedule) -> str:
    decay = {"constant": "", "cosine": ", cosine", "plateau": f", halved after {schedule.plateau_patience} epochs"}
    rate = f"{schedule.learning_rate:g}{decay[schedule.decay]}"
    return f"{schedule.epochs} epochs {schedule.optimizer} {rate}"


@click.command(cls=SorterCommand)
@click.argument("page", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def recipe_table(page: Path) -> None:
    """Brings the tables in PAGE up to date."""
    load_tensorflow()
    write_text(page, fill_tables(page.read_text(encoding="utf-8")))


if __name__ == "__main__":
    recipe_table()
