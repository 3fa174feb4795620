"""What a search looks through, and how its candidates are judged. Imports neither Keras nor Keras Tuner.

The space is that of the fruit study: 1 to 4 convolutions of 32 to 256 filters, 1 to 4 dense layers of 32 to 256 units,
with or without dropout, Adam or RMSprop. Every candidate is a recipe, so what wins can be trained like any other.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from sorter.trainer.recipes import Convolution, Layers, Recipe
from sorter.trainer.recipes.fruit import BASELINE, STUDY_AUGMENTATION
from sorter.trainer.split import Shares

Algorithm = Literal["random", "hyperband", "bayesian"]

DEPTHS = (1, 4)
"""Fewest and most convolutions, and dense layers."""

WIDTHS = (32, 256, 32)
"""Smallest, largest and step of the filters of a convolution, and of the units of a dense layer."""

RECIPE_NAME = "tuned"
"""Name of the winner's recipe, and so of its run folder, where no other is given."""

DROPOUT = 0.5
OPTIMIZERS = ("adam", "rmsprop")

_WORST_SCORE = -100.0


@dataclass(frozen=True)
class Limits:
    """What the device allows a candidate, as int8.

    Attributes:
        kilobytes: Size of the file, in 1000 bytes; None for any.
        milliseconds: Latency of one picture on one core of the machine that searches; None for any.
    """

    kilobytes: float | None = None
    milliseconds: float | None = None

    @property
    def any(self) -> bool:
        """Whether there is a limit at all."""
        return self.kilobytes is not None or self.milliseconds is not None

    def excess(self, cost: "Cost") -> float:
        """By which factor a candidate is beyond the limits: 1 and less is within."""
        pairs = ((cost.kilobytes, self.kilobytes), (cost.milliseconds, self.milliseconds))
        return max((has / limit for has, limit in pairs if has is not None and limit is not None), default=0.0)


@dataclass(frozen=True)
class Cost:
    """What a candidate costs as int8; None for what was not measured."""

    kilobytes: float | None = None
    milliseconds: float | None = None


@dataclass(frozen=True)
class Search:
    """A search, as asked for.

    Attributes:
        data: Folder of photos.
        out: Where the search and its winner are written.
        algorithm: How the next candidate is chosen.
        trials: How many candidates; Hyperband plans its own.
        epochs: That a candidate is trained for; with Hyperband, the most.
        image_size_px: Side of the input.
        batch_size: Pictures in one step.
        shares: Sizes of the parts.
        seed: Of the photos' split, the candidates and their training.
        limits: What the device allows.
        overwrite: Whether an earlier search in ``out`` is forgotten.
    """

    data: Path
    out: Path
    algorithm: Algorithm
    trials: int
    epochs: int
    image_size_px: int
    batch_size: int
    shares: Shares
    seed: int
    limits: Limits
    overwrite: bool = False

    def identity(self) -> dict[str, Any]:
        """What must be the same when a search is taken up again."""
        return {
            "algorithm": self.algorithm,
            "epochs": self.epochs,
            "image_size_px": self.image_size_px,
            "batch_size": self.batch_size,
            "split": f"{self.shares.train}/{self.shares.validation}/{self.shares.test}",
            "seed": self.seed,
            "max_kb": self.limits.kilobytes,
            "max_ms": self.limits.milliseconds,
        }


def make_recipe(values: Mapping[str, Any], search: Search, epochs: int | None = None) -> Recipe:
    """The candidate that some values describe.

    Args:
        values: ``convolutions``, ``filters_1`` and so on, ``dense``, ``units_1`` and so on, ``dropout``, ``optimizer``.
        search: Input size, batch size, and epochs.
        epochs: Other ones than the search's.

    Raises:
        ConfigError: Nothing would be left of a picture behind so many convolutions.
    """
    filters = [int(values[f"filters_{i}"]) for i in range(1, int(values["convolutions"]) + 1)]
    units = [int(values[f"units_{i}"]) for i in range(1, int(values["dense"]) + 1)]
    return replace(
        BASELINE,
        name=RECIPE_NAME,
        source=f"found by a {search.algorithm} search over the fruit study's space",
        image_size_px=search.image_size_px,
        augmentation=STUDY_AUGMENTATION,
        schedule=replace(
            BASELINE.schedule,
            epochs=epochs or search.epochs,
            batch_size=search.batch_size,
            optimizer=values["optimizer"],
        ),
        layers=Layers(dense=tuple(units), convolutions=tuple(Convolution(f) for f in filters)),
        dropout=DROPOUT if values["dropout"] else 0.0,
    )


def describe(recipe: Recipe) -> str:
    """A candidate in one line."""
    filters = "-".join(str(c.filters) for c in recipe.layers.convolutions)
    dense = "-".join(map(str, recipe.layers.dense))
    dropout = f"dropout {recipe.dropout}" if recipe.dropout else "no dropout"
    return f"convolutions {filters}, dense {dense}, {dropout}, {recipe.schedule.optimizer}"


def infeasible_score(excess: float) -> float:
    """The score of a candidate beyond the limits: below zero, and lower the farther it is beyond."""
    return max(_WORST_SCORE, min(-1e-6, 1.0 - excess))


def least_kilobytes(parameters: int) -> float:
    """What an int8 file with so many parameters has at least: a byte for each."""
    return parameters / 1000
