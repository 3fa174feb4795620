"""What recipes are made of: layers, augmentation, schedules. Imports nothing heavy.

Every class refuses values that are impossible, so that a recipe that exists can be built.
"""

from dataclasses import dataclass
from typing import Literal

from sorter.errors import ConfigError


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
        require(1 <= self.filters <= 4096, f"A convolution cannot have {self.filters} filters.", "Choose 1 to 4096.")
        require(1 <= self.kernel <= 31, f"A kernel cannot have a side of {self.kernel}.", "Choose 1 to 31.")
        require_share("dropout of a convolution", self.dropout)


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
        require_share("feature_dropout", self.feature_dropout)
        for size in self.dense:
            require(1 <= size <= 65536, f"A dense layer cannot have {size} outputs.", "Choose 1 to 65536.")

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
        require(0 <= self.rotation_deg <= 180, f"A rotation of {self.rotation_deg} degrees is none.", "At most 180.")
        require(0 <= self.shear_deg < 90, f"A shear of {self.shear_deg} degrees is impossible.", "Stay below 90.")
        for name in ("shift", "contrast", "saturation", "tint"):
            value = getattr(self, name)
            require(0 <= value <= 1, f"{name} is {value}, but must be 0 to 1.")
        for name in ("zoom", "brightness"):
            least, most = getattr(self, name)
            require(0 < least <= most, f"{name} is [{least}, {most}].", "Give the smaller factor first, above 0.")


@dataclass(frozen=True)
class Schedule:
    """How the weights are fitted in one phase.

    Attributes:
        epochs: Passes over the training part.
        batch_size: Pictures in one step.
        optimizer: ``adam``, ``adamw`` with weight decay, ``rmsprop``, or ``sgd`` with momentum.
        learning_rate: Its peak.
        early_rate: Learning rate of the first layer that changes, as a share of that of the last one; those between
            lie on a geometric line. 1: all alike.
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
    early_rate: float = 1.0
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
        require(self.epochs >= 0, f"epochs is {self.epochs}, but cannot be negative.")
        require(self.batch_size >= 1, f"batch_size is {self.batch_size}, but must be at least 1.")
        for name in ("learning_rate", "early_rate", "mixup_alpha"):
            value = getattr(self, name)
            require(value > 0, f"{name} is {value}, but must be above 0.")
        for name in ("plateau_patience", "least_learning_rate", "warmup_steps", "weight_decay", "patience"):
            value = getattr(self, name)
            require(value >= 0, f"{name} is {value}, but cannot be negative.")
        for name in ("momentum", "label_smoothing", "average_momentum", "plateau_factor"):
            require_share(name, getattr(self, name))
        for name in ("mixup_share", "cutmix_share", "balance", "prior_correction"):
            value = getattr(self, name)
            require(0 <= value <= 1, f"{name} is {value}, but must be 0 to 1.")
        mixed = self.mixed_share
        require(mixed <= 1, f"mixup_share and cutmix_share sum to {mixed:g}, but a picture is mixed once at most.")

    @property
    def mixed_share(self) -> float:
        """Share of the pictures that are mixed with another one, in either way."""
        return self.mixup_share + self.cutmix_share


def require(possible: bool, message: str, hint: str = "") -> None:
    """Refuses a recipe.

    Raises:
        ConfigError: It is not possible.
    """
    if not possible:
        raise ConfigError(message, hint)


def require_share(name: str, value: float) -> None:
    """Refuses a value that is no share, or a whole.

    Raises:
        ConfigError: It is not from 0 to below 1.
    """
    require(0 <= value < 1, f"{name} is {value}, but must be from 0 to below 1.")
