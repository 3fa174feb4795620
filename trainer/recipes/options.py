"""What a recipe can say: which network, with which augmentation, in which schedule. Imports nothing heavy.

Every class refuses values that are impossible, so that a recipe that exists can be built.
"""

import re
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, get_args

from sorter.errors import ConfigError

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
class Convolution:
    """One convolution with ReLU, and the 2x2 max-pooling behind it.

    Attributes:
        filters: Number of outputs.
        kernel: Side of the kernel.
        pool: Whether the sides are halved behind it.
        dropout: Share of the outputs that are dropped behind it.
    """

    filters: int
    kernel: int = 3
    pool: bool = True
    dropout: float = 0.0

    def __post_init__(self) -> None:
        _require(1 <= self.filters <= 4096, f"A convolution cannot have {self.filters} filters.", "Choose 1 to 4096.")
        _require(1 <= self.kernel <= 31, f"A kernel cannot have a side of {self.kernel}.", "Choose 1 to 31.")
        _require_share("dropout of a convolution", self.dropout)


@dataclass(frozen=True)
class Layers:
    """What lies between the input and the last layer of a custom network, or between a backbone and the last layer.

    Attributes:
        padding: Of the convolutions: same keeps the sides, valid takes kernel - 1 from them.
        pooling: How feature maps become features: flatten keeps all places, average takes their mean.
        normalize: Batch normalisation of the features.
        feature_dropout: Share of the features that are dropped.
        dense: Sizes of the dense layers with ReLU behind the features.
        convolutions: Of a custom network, in their order.
    """

    padding: Literal["same", "valid"] = "same"
    pooling: Literal["flatten", "average"] = "flatten"
    normalize: bool = False
    feature_dropout: float = 0.0
    dense: tuple[int, ...] = ()
    convolutions: tuple[Convolution, ...] = ()

    def __post_init__(self) -> None:
        _require_share("feature_dropout", self.feature_dropout)
        for size in self.dense:
            _require(1 <= size <= 65536, f"A dense layer cannot have {size} outputs.", "Choose 1 to 65536.")

    def find_impossible(self, side_px: int) -> str:
        """Why the convolutions cannot be built for an input of this side; empty where they can."""
        for number, layer in enumerate(self.convolutions, start=1):
            after = side_px - layer.kernel + 1 if self.padding == "valid" else side_px
            after = after // 2 if layer.pool else after
            if after < 1:
                return f"nothing is left behind its convolution {number}, which gets {side_px}x{side_px} pixels"
            side_px = after
        return ""


@dataclass(frozen=True)
class Augmentation:
    """How far a training picture may stray from its photo. All ranges are uniform and zero means off.

    Attributes:
        rotation_deg: Largest angle, either way.
        shift: Largest displacement, as a share of the side, along each axis.
        zoom: Smallest and largest magnification.
        shear_deg: Largest angle, either way, by which upright lines are slanted.
        flip_horizontal: Mirror half of the pictures left to right.
        flip_vertical: Mirror half of the pictures top to bottom; for a camera that looks down.
        brightness: Smallest and largest factor of the brightness.
        contrast: Largest relative change of the contrast, around the picture's middle grey.
        saturation: Largest relative change of the colourfulness.
        tint: Largest relative change of each colour channel by itself, as other lamps cause.
        fill: What is seen beyond the photo's edge: its mirror image, or its outermost (nearest) pixels drawn out.
    """

    rotation_deg: float = 0.0
    shift: float = 0.0
    zoom: tuple[float, float] = (1.0, 1.0)
    shear_deg: float = 0.0
    flip_horizontal: bool = False
    flip_vertical: bool = False
    brightness: tuple[float, float] = (1.0, 1.0)
    contrast: float = 0.0
    saturation: float = 0.0
    tint: float = 0.0
    fill: Literal["reflect", "nearest"] = "reflect"

    def __post_init__(self) -> None:
        _require(0 <= self.rotation_deg <= 180, f"A rotation of {self.rotation_deg} degrees is none.", "At most 180.")
        _require(0 <= self.shear_deg < 90, f"A shear of {self.shear_deg} degrees is impossible.", "Stay below 90.")
        for name in ("shift", "contrast", "saturation", "tint"):
            value = getattr(self, name)
            _require(0 <= value <= 1, f"{name} is {value}, but must be 0 to 1.")
        for name in ("zoom", "brightness"):
            least, most = getattr(self, name)
            _require(0 < least <= most, f"{name} is [{least}, {most}].", "Give the smaller factor first, above 0.")


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
        cutmix_share: Share of the pictures into which a rectangle of another one is laid.
        average_momentum: Of the exponential moving average of the weights that is kept as the result; 0 turns it off.
        balance: How far rare classes are drawn more often: 0 as the photos come, 1 all classes equally often.
        prior_correction: How far the finished network is made to expect all classes equally often: 0 as often as they
            are among the photos, 1 equally. The exponent of ``calibration.correct_priors``.
        patience: Epochs without a better validation result after which training stops; 0 turns it off.
        keep: Which epoch's weights are the result: that of the smallest ``loss`` on the validation photos after
            temperature scaling, of the best ``accuracy`` there, as in the studies, or the ``last``.
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
    cutmix_share: float = 0.0
    average_momentum: float = 0.0
    balance: float = 0.0
    prior_correction: float = 0.0
    patience: int = 0
    keep: Literal["loss", "accuracy", "last"] = "loss"

    def __post_init__(self) -> None:
        _require(self.epochs >= 0, f"epochs is {self.epochs}, but cannot be negative.")
        _require(self.batch_size >= 1, f"batch_size is {self.batch_size}, but must be at least 1.")
        for name in ("learning_rate", "mixup_alpha"):
            value = getattr(self, name)
            _require(value > 0, f"{name} is {value}, but must be above 0.")
        for name in ("plateau_patience", "least_learning_rate", "warmup_steps", "weight_decay", "patience"):
            value = getattr(self, name)
            _require(value >= 0, f"{name} is {value}, but cannot be negative.")
        for name in ("momentum", "label_smoothing", "average_momentum", "plateau_factor"):
            _require_share(name, getattr(self, name))
        for name in ("mixup_share", "cutmix_share", "balance", "prior_correction"):
            value = getattr(self, name)
            _require(0 <= value <= 1, f"{name} is {value}, but must be 0 to 1.")
        mixed = self.mixed_share
        _require(mixed <= 1, f"mixup_share and cutmix_share sum to {mixed:g}, but a picture is mixed once at most.")

    @property
    def mixed_share(self) -> float:
        """Share of the pictures that are mixed with another one, in either way."""
        return self.mixup_share + self.cutmix_share


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
        _require(readable is not None, f"{self.name!r} cannot name a recipe.", "Use letters, digits, dots and dashes.")
        side = self.image_size_px
        _require(8 <= side <= 4096, f"image_size_px is {side}, but must be 8 to 4096.")
        _require_share("dropout", self.dropout)
        _require(0.05 <= self.width <= 4, f"A width of {self.width:g} is impossible.", "Choose 0.05 to 4.")
        _require(
            self.width == 1 or self.architecture in WIDENED,
            f"{self.name} exists in one width only, and not in {self.width:g} times that.",
            f"Choose a network that has others: {', '.join(WIDENED)}.",
        )
        impossible = self.layers.find_impossible(side)
        _require(
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
        _require(not layers.convolutions, f"{self.name} has a backbone and convolutions.", "Use architecture 'custom'.")
        _require(
            not (self.warm_start and (layers.normalize or layers.dense)),
            f"{self.name} has layers between backbone and last layer, whose start cannot be computed.",
            "Say warm_start = false.",
        )

    def _check_own_layers(self) -> None:
        _require(
            self.weights == "none" and self.transfer is None and not self.unfreeze_from,
            f"{self.name} is trained from scratch: it has no weights, no transfer phase and nothing to unfreeze.",
            f"Leave them out, or choose a backbone: {', '.join(BACKBONES)}.",
        )
        if self.architecture == "custom":
            _require(bool(self.layers.convolutions), f"{self.name} has no convolutions.", "Give layers.convolutions.")

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


def _require(possible: bool, message: str, hint: str = "") -> None:
    if not possible:
        raise ConfigError(message, hint)


def _require_share(name: str, value: float) -> None:
    _require(0 <= value < 1, f"{name} is {value}, but must be from 0 to below 1.")
