"""The trainings that one command asks for: one, several recipes, one recipe in several sizes, or folds."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from sorter.trainer.backend import load_tensorflow
from sorter.trainer.recipes import Recipe, find_recipe
from sorter.trainer.sweep import plan_points

if TYPE_CHECKING:
    from sorter.image import Fit
    from sorter.trainer.hardware import Choice
    from sorter.trainer.jobs import Job


@dataclass(frozen=True)
class SeriesOptions:
    """The options of ``sorter-train`` that say what is trained, by the names that they have there."""

    data: Path
    compare: str | None
    sweep: str | None
    folds: int | None
    model: str
    out: Path | None
    weights: str | None
    split: str
    split_csv: Path | None
    group_by: str | None
    seed: int
    overwrite: bool
    image_size: int | None
    width: float | None
    fit: "Fit | None"
    epochs: int | None
    batch_size: int | None
    resume: bool
    head_only: bool
    tensorboard: bool
    mixed_precision: "Choice"
    xla: "Choice"
    distribute: Literal["none", "mirrored"]


def plan_series(options: SeriesOptions) -> list["Job"]:
    """The trainings that the options ask for; more than one for a comparison, a sweep or folds.

    Raises:
        click.UsageError: The options contradict each other.
        ConfigError: There is no such recipe.
    """
    recipes = _find_recipes(options)
    if options.compare:
        folder = options.out or Path("runs") / "comparison"
        return [_make_job(options, recipe, folder / recipe.name) for recipe in recipes]
    if options.sweep:
        folder = options.out or Path("runs") / f"{recipes[0].name}-sweep"
        points = plan_points(recipes[0], options.sweep, options.weights)
        return [_make_job(replace(options, weights=p.weights), p.recipe, folder / p.name) for p in points]
    folder = options.out or Path("runs") / recipes[0].name
    if folds := options.folds:
        return [_make_job(options, recipes[0], folder / f"fold-{n + 1}", (n, folds)) for n in range(folds)]
    return [_make_job(options, recipes[0], folder)]


def _find_recipes(options: SeriesOptions) -> list[Recipe]:
    names = [name.strip() for name in options.compare.split(",")] if options.compare else [options.model]
    changes = (options.image_size, options.fit, options.epochs, options.batch_size, options.width)
    recipes = [find_recipe(name).changed(*changes) for name in names]
    from_scratch = options.weights == "none" or any(recipe.weights == "none" for recipe in recipes)
    impossible = {
        "--compare names a recipe twice.": len(set(names)) != len(names),
        "Give --compare or --folds, not both.": options.folds and options.compare,
        "Give --sweep, --compare or --folds, one of them.": options.sweep and (options.compare or options.folds),
        "--sweep says sizes and widths; leave --image-size and --width out.": options.sweep
        and (options.image_size or options.width),
        "--folds makes splits of its own; --split-csv cannot be given with it.": options.folds and options.split_csv,
        "--folds needs at least 3: one to test, one to validate, and the others to train.": options.folds == 2,
        "--head-only needs networks that start from pre-trained weights.": options.head_only and from_scratch,
    }
    for message, applies in impossible.items():
        if applies:
            raise click.UsageError(message)
    return recipes


def _make_job(options: SeriesOptions, recipe: Recipe, run: Path, fold: tuple[int, int] | None = None) -> "Job":
    from sorter.trainer.grouping import GroupRule
    from sorter.trainer.split import Shares

    shares = Shares.parse(options.split)
    rule = GroupRule.parse(options.group_by) if options.group_by else None
    load_tensorflow()
    from sorter.trainer.hardware import HardwareOptions
    from sorter.trainer.jobs import Job
    from sorter.trainer.phases import keep_backbone

    return Job(
        data=options.data,
        out=run,
        recipe=keep_backbone(recipe) if options.head_only else recipe,
        weights=options.weights or recipe.weights,
        shares=shares,
        seed=options.seed,
        overwrite=options.overwrite,
        group_rule=rule,
        split_csv=options.split_csv,
        fold=fold,
        resume=options.resume,
        tensorboard=options.tensorboard,
        hardware=HardwareOptions(options.mixed_precision, options.xla, options.distribute),
    )
