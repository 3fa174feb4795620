"""One recipe in several widths and input sizes: which trainings that are. Imports nothing heavy."""

import re
from dataclasses import dataclass
from itertools import product

from sorter.errors import ConfigError
from sorter.settings import unknown
from sorter.trainer.recipes import BACKBONES, Recipe

_FORM = "Such as --sweep 'width=0.5,1 size=96,128'."


@dataclass(frozen=True)
class Point:
    """One training of a sweep.

    Attributes:
        name: Of its run folder and its file.
        recipe: With width and size.
        weights: What it starts from; None leaves it to the recipe.
    """

    name: str
    recipe: Recipe
    weights: str | None


def plan_points(recipe: Recipe, asked: str, weights: str | None) -> list[Point]:
    """All combinations of the widths and sizes that are asked for, the smallest first.

    Args:
        recipe: Gives everything that is not asked for.
        asked: Such as ``width=0.5,1 size=96,128``.
        weights: As given to ``--weights``; ``{width}`` and ``{size}`` in it stand for those of each training.

    Raises:
        ConfigError: It is written in another way, a value is impossible, or the weights are those of one width only.
    """
    found = {"width": [recipe.width], "size": [float(recipe.image_size_px)], **_read(asked)}
    widths = found["width"]
    is_file = weights not in (None, "none", "imagenet")
    if recipe.architecture in BACKBONES and is_file and "{width}" not in str(weights) and len(set(widths)) > 1:
        raise ConfigError(
            f"{weights} holds the weights of one width, but {len(widths)} widths are to be trained.",
            "Name one file a width, as in --weights 'weights/mobilenet_v2_{width}_no_top.h5' (1 is written 1.0), or "
            "give --weights none to train all of them from random weights.",
        )
    return [_point(recipe, width, side, weights) for width, side in product(sorted(widths), sorted(found["size"]))]


def _point(recipe: Recipe, width: float, side: float, weights: str | None) -> Point:
    if side != int(side):
        raise ConfigError(f"A size of {side:g} pixels is impossible.", _FORM)
    named = weights and weights.replace("{width}", str(width)).replace("{size}", str(int(side)))
    changed = recipe.changed(image_size_px=int(side), width=width)
    return Point(f"{recipe.name}-w{width:g}-{int(side)}px", changed, named)


def _read(asked: str) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for part in asked.split():
        name, equals, values = part.partition("=")
        if name not in ("width", "size"):
            raise unknown("thing to sweep called", name, ("width", "size"))
        if not equals or not re.fullmatch(r"\d+(\.\d+)?(,\d+(\.\d+)?)*", values) or name in found:
            raise ConfigError(f"--sweep cannot be read at {part!r}.", _FORM)
        found[name] = list(dict.fromkeys(float(value) for value in values.split(",")))
    if not found:
        raise ConfigError("--sweep names neither widths nor sizes.", _FORM)
    return found
