"""A recipe: which network, with which augmentation, in which schedule. Imports nothing heavy."""

import re
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, get_args

from sorter.trainer.recipes.options import Augmentation, Layers, Schedule, require, require_share

Fit = Literal["stretch", "crop", "pad"]
"""The same as ``sorter.image.Fit``, which cannot be imported without OpenCV."""

Architecture = Literal[
    "custom",
    "tiny",
    "vgg16",
    "vgg19",
    "inceptionv3",
    "xception",
    "resnet50",
    "mobilenetv2",
    "mobilenetv3-small",
    "mobilenetv3-large",
    "efficientnetv2-b0",
]
"""Networks that can be built; the ``BACKBONES`` among them can start from ImageNet weights."""

BACKBONES = get_args(Architecture)[2:]

WIDENED = ("custom", "tiny", "mobilenetv2", "mobilenetv3-small", "mobilenetv3-large")
"""Networks that exist in other widths. The widths of MobileNets are called alpha by Keras."""

HEAD_ONLY = "head"
"""As ``Recipe.unfreeze_from``: no layer of the backbone changes."""


@dataclass(frozen=True)
class Recipe:
    """Everything that makes a training repeatable, apart from the photos and the seed.

    Attributes:
        name: As given to ``--model``.
        architecture: ``custom`` for what ``layers`` describes, ``tiny``, or a backbone.
        source: Where the network comes from.
        image_size_px: Side of the square input.
        augmentation: For the training part.
        schedule: For the last phase: fine-tuning, or the only phase there is.
        transfer: For a phase before that in which the backbone is frozen and the head is trained by gradient descent;
            None where there is none.
        warm_start: Fit a linear head on frozen features by logistic regression before anything else, where the
            network starts from ImageNet weights.
        fit: How a photo of another shape becomes the input: stretch, crop or pad.
        layers: Of the network, or behind its backbone.
        dropout: Share dropped before the last layer.
        unfreeze_from: First layer that the last phase changes, by prefix of its name; layers before it keep their
            ImageNet weights. Empty: all of them change. ``head``: the backbone stays frozen throughout.
        width: Factor for the number of filters in every layer of a network that exists in other widths, and for the
            dense layers of a custom one.
        weights: ``imagenet`` when the recipe starts from ImageNet weights by default, else ``none``.
        note: What was put right against the source, or why the recipe is as it is.
    """

    name: str
    architecture: Architecture
    source: str
    image_size_px: int
    augmentation: Augmentation
    schedule: Schedule
    transfer: Schedule | None = None
    warm_start: bool = True
    fit: Fit = "stretch"
    layers: Layers = field(default_factory=Layers)
    dropout: float = 0.2
    unfreeze_from: str = ""
    width: float = 1.0
    weights: Literal["imagenet", "none"] = "none"
    note: str = ""

    def __post_init__(self) -> None:
        readable = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", self.name)
        require(readable is not None, f"{self.name!r} cannot name a recipe.", "Use letters, digits, dots and dashes.")
        side = self.image_size_px
        require(8 <= side <= 4096, f"image_size_px is {side}, but must be 8 to 4096.")
        require_share("dropout", self.dropout)
        require(0.05 <= self.width <= 4, f"A width of {self.width:g} is impossible.", "Choose 0.05 to 4.")
        require(
            self.width == 1 or self.architecture in WIDENED,
            f"{self.name} exists in one width only, and not in {self.width:g} times that.",
            f"Choose a network that has others: {', '.join(WIDENED)}.",
        )
        impossible = self.layers.find_impossible(side)
        require(
            not impossible,
            f"{self.name} cannot be built for pictures of {side}x{side} pixels: {impossible}.",
            "Choose a larger image size, fewer convolutions, smaller kernels, or padding = 'same'.",
        )
        if self.architecture in BACKBONES:
            self._check_head()
        else:
            self._check_own_layers()

    def _check_head(self) -> None:
        layers = self.layers
        require(not layers.convolutions, f"{self.name} has a backbone and convolutions.", "Use architecture 'custom'.")
        require(
            not (self.warm_start and (layers.normalize or layers.dense)),
            f"{self.name} has layers between backbone and last layer, whose start cannot be computed.",
            "Say warm_start = false.",
        )

    def _check_own_layers(self) -> None:
        require(
            self.weights == "none" and self.transfer is None and not self.unfreeze_from,
            f"{self.name} is trained from scratch: it has no weights, no transfer phase and nothing to unfreeze.",
            f"Leave them out, or choose a backbone: {', '.join(BACKBONES)}.",
        )
        if self.architecture == "custom":
            require(bool(self.layers.convolutions), f"{self.name} has no convolutions.", "Give layers.convolutions.")

    @property
    def alters_pictures(self) -> bool:
        """Whether the network sees other pictures in every epoch: augmented ones, or mixtures."""
        return self.augmentation != Augmentation() or self.schedule.mixed_share > 0.0

    def describe(self) -> dict[str, Any]:
        """All options as plain values, for the manifest."""
        return asdict(self)

    def changed(
        self,
        image_size_px: int | None = None,
        fit: Fit | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        width: float | None = None,
    ) -> "Recipe":
        """The recipe with some options replaced; None leaves one as it is."""
        schedule = replace(
            self.schedule,
            epochs=self.schedule.epochs if epochs is None else epochs,
            batch_size=batch_size or self.schedule.batch_size,
        )
        return replace(
            self,
            image_size_px=image_size_px or self.image_size_px,
            fit=fit or self.fit,
            schedule=schedule,
            width=width or self.width,
        )

    def filters(self, count: int) -> int:
        """How many filters a layer of ``count`` has in this width.

        A multiple of 8, which kernels are made for, and no less than 90 % of what was asked for; the rule of
        MobileNetV2 (``_make_divisible`` in keras.applications).
        """
        wanted = count * self.width
        rounded = max(8, int(wanted + 4) // 8 * 8)
        return count if self.width == 1 else rounded if rounded >= 0.9 * wanted else rounded + 8
