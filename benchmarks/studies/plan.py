"""What is to be trained for a study, and what is left out and why."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sorter.benchmarks.studies.published import Study
from sorter.benchmarks.studies.weights import Weights
from sorter.errors import ConfigError
from sorter.settings import unknown
from sorter.trainer.recipes import HEAD_ONLY, Recipe


@dataclass(frozen=True)
class Wishes:
    """What the user asked for.

    Attributes:
        data: The photos.
        weights: For the backbones.
        epochs: Longest last phase; None leaves each recipe its own.
        split: Per cent for the three parts, as ``sorter-train`` takes them.
        group_by: What in a file's name says which object it shows.
        seed: Of all randomness.
        quick: Whether a first look at the latency is enough.
        fresh: Whether what an earlier run has left is done again.
    """

    data: Path
    weights: Weights = field(default_factory=Weights)
    epochs: int | None = None
    split: str = "70/10/20"
    group_by: str | None = None
    seed: int = 0
    quick: bool = False
    fresh: bool = False

    def settings(self) -> dict[str, object]:
        """What all networks of one table share."""
        return {"epochs": self.epochs, "split": self.split, "group by": self.group_by, "seed": self.seed}


@dataclass(frozen=True)
class Network:
    """One network of a study, as it is to be trained.

    Attributes:
        recipe: Its recipe, which is not changed.
        weights: What ``sorter-train --weights`` gets; ``none`` for a network that is trained from scratch.
        epochs: Of its last phase.
        skipped: Why it is not trained; empty where it is.
    """

    recipe: Recipe
    weights: str
    epochs: int
    skipped: str = ""

    @property
    def name(self) -> str:
        """Name of the recipe."""
        return self.recipe.name

    @property
    def is_shortened(self) -> bool:
        """Whether it gets fewer epochs than its recipe says."""
        return self.epochs < self.recipe.schedule.epochs

    @property
    def lacks_weights(self) -> bool:
        """Whether it starts from random weights although its recipe wants those of ImageNet."""
        return self.recipe.weights == "imagenet" and self.weights == "none"

    @property
    def passes(self) -> int:
        """How often the whole network sees the training photos.

        Without pre-trained weights there is one phase (``trainer.phases``). With them, a frozen backbone sees photos
        that are not altered once only.
        """
        recipe = self.recipe
        if self.weights == "none":
            return self.epochs
        altered = recipe.alters_pictures
        first = recipe.transfer.epochs if recipe.transfer and altered else 1 if recipe.transfer else 0
        last = 1 if recipe.unfreeze_from == HEAD_ONLY and not altered else self.epochs
        return first + last

    def options(self) -> list[str]:
        """Its own options for ``sorter-train``."""
        given = ["--weights", self.weights] if self.recipe.weights == "imagenet" else []
        return [*given, "--epochs", str(self.epochs)] if self.is_shortened else given


def plan_study(study: Study, wishes: Wishes, wanted: Sequence[str] = ()) -> tuple[Network, ...]:
    """The networks of a study.

    Args:
        study: Which one.
        wishes: What the user asked for.
        wanted: Names of recipes; none for all of them.

    Raises:
        ConfigError: The study has no recipe of such a name, or one is named twice.
    """
    known = {recipe.name: recipe for recipe in study.recipes}
    for name in wanted:
        if name not in known:
            raise unknown(f"recipe of the {study.name} study called", name, known)
    if len(set(wanted)) < len(wanted):
        raise ConfigError("--recipes names a recipe twice.")
    return tuple(_plan(known[name], wishes) for name in known if name in wanted or not wanted)


def _plan(recipe: Recipe, wishes: Wishes) -> Network:
    epochs = min(recipe.schedule.epochs, wishes.epochs or recipe.schedule.epochs)
    if recipe.weights == "none":
        return Network(recipe, "none", epochs)
    weights = wishes.weights.find(recipe.architecture)
    if weights:
        return Network(recipe, weights, epochs)
    reason = (
        f"no ImageNet weights of {recipe.architecture} at hand; give their file with --weights, or let Keras download "
        "them with --weights imagenet"
    )
    return Network(recipe, "", epochs, reason)
