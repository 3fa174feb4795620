"""The phases of a training, and what is frozen in each."""

from dataclasses import dataclass, replace
from typing import Any, Literal

import keras
from keras import layers

from sorter.trainer.networks import FEATURES_NAME, HEAD_NAME, freeze_up_to
from sorter.trainer.recipes import HEAD_ONLY, Augmentation, Recipe

PhaseName = Literal["transfer", "fine-tuning", "training"]


@dataclass(frozen=True)
class Phase:
    """One phase of gradient descent.

    Attributes:
        name: ``transfer`` (backbone frozen), ``fine-tuning``, or ``training`` of a network that starts from scratch.
        recipe: Whose schedule is that of this phase.
        first_epoch: Epochs are numbered through all phases, from 1.
    """

    name: PhaseName
    recipe: Recipe
    first_epoch: int

    @property
    def last_epoch(self) -> int:
        """The last epoch, if the training does not stop early."""
        return self.first_epoch + self.recipe.schedule.epochs - 1

    @property
    def uses_stored_features(self) -> bool:
        """Whether the backbone sees the same pictures in every epoch, so that once is enough."""
        return self.name == "transfer" and not self.recipe.alters_pictures


def plan_phases(recipe: Recipe, has_backbone: bool) -> tuple[Phase, ...]:
    """The phases of a recipe.

    Args:
        recipe: Which one.
        has_backbone: Whether the network starts from pre-trained weights. Random ones are not worth keeping, so
            without them nothing is frozen and there is one phase.
    """
    if not has_backbone:
        return (Phase("training", recipe, 1),)
    if recipe.transfer is None:
        return (_last_phase(recipe, 1),)
    transfer = Phase("transfer", replace(recipe, schedule=recipe.transfer), 1)
    return transfer, _last_phase(recipe, transfer.last_epoch + 1)


def _last_phase(recipe: Recipe, first_epoch: int) -> Phase:
    return Phase("transfer" if recipe.unfreeze_from == HEAD_ONLY else "fine-tuning", recipe, first_epoch)


def keep_backbone(recipe: Recipe) -> Recipe:
    """The recipe reduced to its quickest part: the head alone, on features computed once, without augmentation."""
    schedule = recipe.transfer or recipe.schedule
    return replace(
        recipe,
        schedule=replace(schedule, mixup_share=0.0, cutmix_share=0.0),
        transfer=None,
        unfreeze_from=HEAD_ONLY,
        augmentation=Augmentation(),
    )


def freeze_for(network: Any, phase: Phase) -> None:
    """Freezes what a phase leaves as it is, and nothing else."""
    if phase.name == "transfer":
        freeze_up_to(network, HEAD_ONLY)
    elif phase.name == "fine-tuning":
        freeze_up_to(network, phase.recipe.unfreeze_from)


def head_of(network: Any) -> Any:
    """The layers after the features, as a model of its own that shares them: (n, features) to (n, classes)."""
    return keras.Model(network.get_layer(FEATURES_NAME).output, network.output, name=f"{network.name}_head")


def has_linear_head(network: Any) -> bool:
    """Whether nothing but dropout lies between the features and the last layer, so that regression can fit it."""
    names = [layer.name for layer in network.layers]
    if FEATURES_NAME not in names or HEAD_NAME not in names:
        return False
    between = network.layers[names.index(FEATURES_NAME) + 1 : names.index(HEAD_NAME)]
    return all(isinstance(layer, layers.Dropout) for layer in between)
