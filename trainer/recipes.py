"""Training recipes: which network, with which augmentation, in which schedule. Imports nothing heavy.

To add a recipe, add a ``Recipe`` to ``RECIPES``; where it needs a new network, add its builder to
``networks.ARCHITECTURES``.
"""

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from sorter.errors import ConfigError

if TYPE_CHECKING:
    from sorter.image import Fit


HEAD_ONLY = "head"
"""As ``Recipe.unfreeze_from``: no layer of the backbone changes."""


@dataclass(frozen=True)
class Augmentation:
    """How far a training picture may stray from its photo. All ranges are uniform and zero means off.

    Attributes:
        rotation_deg: Largest angle, either way.
        shift: Largest displacement, as a share of the side, along each axis.
        zoom: Smallest and largest magnification.
        flip_horizontal: Mirror half of the pictures left to right.
        flip_vertical: Mirror half of the pictures top to bottom; for a camera that looks down.
        brightness: Largest relative change of the brightness.
        contrast: Largest relative change of the contrast, around the picture's middle grey.
        saturation: Largest relative change of the colourfulness.
        tint: Largest relative change of each colour channel by itself, as other lamps cause.
    """

    rotation_deg: float = 0.0
    shift: float = 0.0
    zoom: tuple[float, float] = (1.0, 1.0)
    flip_horizontal: bool = False
    flip_vertical: bool = False
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    tint: float = 0.0


@dataclass(frozen=True)
class Schedule:
    """How the weights are fitted in one phase.

    Attributes:
        epochs: Passes over the training part.
        batch_size: Pictures in one step.
        optimizer: ``adam``, ``adamw`` with weight decay, ``rmsprop``, or ``sgd`` with momentum.
        learning_rate: Its peak.
        momentum: For ``sgd``.
        decay: ``cosine`` to zero at the last step, ``constant``, or ``plateau``: multiplied by ``plateau_factor`` after
            ``plateau_patience`` epochs without a better validation accuracy, down to ``least_learning_rate``.
        plateau_factor: See ``decay``.
        plateau_patience: See ``decay``.
        least_learning_rate: See ``decay``.
        warmup_steps: Steps in which the learning rate rises from zero to its peak.
        weight_decay: For ``adamw``.
        label_smoothing: Share of each target that is spread over all classes.
        mixup_share: Share of the pictures that are blended with another one.
        mixup_alpha: Parameter of the beta distribution that draws the blend.
        average_momentum: Of the exponential moving average of the weights that is kept as the result; 0 turns it off.
        balance: How far rare classes are drawn more often: 0 as the photos come, 1 all classes equally often.
        patience: Epochs without a better validation result after which training stops; 0 turns it off.
        keep: Which epoch's weights are the result: that of the smallest ``loss`` on the validation photos after
            temperature scaling, or of the best ``accuracy`` there, as in the studies.
    """

    epochs: int
    batch_size: int = 32
    optimizer: Literal["adam", "adamw", "rmsprop", "sgd"] = "adam"
    learning_rate: float = 1e-3
    momentum: float = 0.0
    decay: Literal["cosine", "constant", "plateau"] = "cosine"
    plateau_factor: float = 0.5
    plateau_patience: int = 4
    least_learning_rate: float = 1e-6
    warmup_steps: int = 0
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    mixup_share: float = 0.0
    mixup_alpha: float = 0.2
    average_momentum: float = 0.0
    balance: float = 0.0
    patience: int = 0
    keep: Literal["loss", "accuracy"] = "loss"


@dataclass(frozen=True)
class Recipe:
    """Everything that makes a training repeatable, apart from the photos and the seed.

    Attributes:
        name: As given to ``--model``.
        architecture: Key of ``networks.ARCHITECTURES``.
        source: Where the network comes from.
        image_size_px: Side of the square input.
        augmentation: For the training part.
        schedule: For the last phase: fine-tuning, or the only phase there is.
        transfer: For a phase before that in which the backbone is frozen and the head is trained by gradient descent;
            None where there is none.
        warm_start: Fit a linear head on frozen features by logistic regression before anything else, where the
            network starts from ImageNet weights.
        fit: How a photo of another shape becomes the input.
        dropout: Before the last layer.
        unfreeze_from: First layer that the last phase changes, by prefix of its name; layers before it keep their
            ImageNet weights. Empty: all of them change. ``HEAD_ONLY``: the backbone stays frozen throughout.
        weights: ``imagenet`` when the recipe starts from ImageNet weights by default, else ``none``.
    """

    name: str
    architecture: str
    source: str
    image_size_px: int
    augmentation: Augmentation
    schedule: Schedule
    transfer: Schedule | None = None
    warm_start: bool = True
    fit: "Fit" = "stretch"
    dropout: float = 0.2
    unfreeze_from: str = ""
    weights: Literal["imagenet", "none"] = "none"

    def describe(self) -> dict[str, Any]:
        """All options as plain values, for the manifest."""
        return asdict(self)

    def changed(
        self,
        image_size_px: int | None = None,
        fit: "Fit | None" = None,
        epochs: int | None = None,
        batch_size: int | None = None,
    ) -> "Recipe":
        """The recipe with some options replaced; None leaves one as it is."""
        schedule = replace(
            self.schedule,
            epochs=self.schedule.epochs if epochs is None else epochs,
            batch_size=batch_size or self.schedule.batch_size,
        )
        return replace(self, image_size_px=image_size_px or self.image_size_px, fit=fit or self.fit, schedule=schedule)


_FROM_ABOVE = Augmentation(
    rotation_deg=180.0,
    shift=0.05,
    zoom=(0.75, 1.15),
    flip_horizontal=True,
    flip_vertical=True,
    brightness=0.2,
    contrast=0.15,
    saturation=0.2,
    tint=0.05,
)
"""A sorter's camera looks down on objects that lie at any angle, so no direction is special."""

_RECIPES = (
    Recipe(
        name="mobilenetv2",
        architecture="mobilenetv2",
        source="Sandler et al., MobileNetV2: Inverted Residuals and Linear Bottlenecks, CVPR 2018 (keras.applications)",
        image_size_px=224,
        augmentation=_FROM_ABOVE,
        schedule=Schedule(
            epochs=28,
            optimizer="adamw",
            learning_rate=3e-4,
            warmup_steps=50,
            weight_decay=1e-4,
            label_smoothing=0.05,
            mixup_share=0.5,
            average_momentum=0.99,
            balance=0.5,
        ),
        unfreeze_from="block_3_",
        weights="imagenet",
    ),
    Recipe(
        name="toy-4conv",
        architecture="toy-4conv",
        source="four 3x3 convolutions of 16, 32, 64 and 64 filters and a dense layer of 32, trained from scratch",
        image_size_px=128,
        augmentation=replace(_FROM_ABOVE, zoom=(0.85, 1.15), brightness=0.15, saturation=0.1, tint=0.03),
        schedule=Schedule(
            epochs=60, learning_rate=2e-3, warmup_steps=100, balance=0.5, average_momentum=0.98, patience=12
        ),
    ),
)

RECIPES = {recipe.name: recipe for recipe in _RECIPES}
"""All recipes by name, in the order in which they are listed."""

DEFAULT_RECIPE = "mobilenetv2"


def find_recipe(name: str) -> Recipe:
    """Looks a recipe up.

    Raises:
        ConfigError: There is none of this name.
    """
    if name not in RECIPES:
        raise ConfigError(f"There is no recipe called {name!r}.", f"Choose one of {', '.join(RECIPES)}.")
    return RECIPES[name]
