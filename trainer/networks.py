"""Keras networks. Each takes raw RGB bytes as float32 (n, height, width, 3) and gives probabilities (n, classes).

All scaling is a layer of the network, so that whoever feeds it, in Keras or on a device, cannot get it wrong.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
from keras import layers

from sorter.errors import BundleError, TrainingError
from sorter.trainer.backbones import BACKBONES, SCALE_NAME, Backbone
from sorter.trainer.recipes import HEAD_ONLY, Layers, Recipe
from sorter.trainer.weights import load_imagenet

HEAD_NAME = "probabilities"
"""Name of the last layer: dense with softmax, into which calibration folds its temperature."""

FEATURES_NAME = "features"
"""Name of the layer in which a backbone ends: (n, features). What lies behind it is the head."""


@dataclass(frozen=True)
class Size:
    """How large a network is: its parameters, and those that training changes."""

    parameters: int
    trainable: int


def build_network(recipe: Recipe, classes: int, weights: str = "none") -> Any:
    """Builds a network.

    Args:
        recipe: Which one.
        classes: Number of outputs.
        weights: ``none``, ``imagenet``, or the path of a weights file for the part before the head.

    Returns:
        A ``keras.Model``.

    Raises:
        TrainingError: The weights are missing, damaged or made for another network.
    """
    side = recipe.image_size_px
    inputs = keras.Input((side, side, 3), name="pixels")
    try:
        outputs = ARCHITECTURES[recipe.architecture](inputs, recipe, classes)
    except ValueError as error:
        raise TrainingError(
            f"{recipe.name} cannot be built for pictures of {side}x{side} pixels.", "Choose a larger --image-size."
        ) from error
    network = keras.Model(inputs, outputs, name=re.sub(r"\W", "_", recipe.name))
    if weights != "none":
        if recipe.architecture not in BACKBONES:
            raise TrainingError(f"{recipe.name} is trained from scratch and takes no weights.", "Use --weights none.")
        load_imagenet(network.layers[: _head_start(network)], recipe.architecture, weights, width=recipe.width)
    return network


def load_network(path: Path) -> Any:
    """Reads a ``.keras`` file: a ``keras.Model`` that can predict.

    Raises:
        BundleError: It is damaged, or made by an incompatible version.
    """
    try:
        return keras.models.load_model(path, compile=False)
    except Exception as error:
        # Keras raises whatever its ZIP, HDF5 and JSON readers and its layers raise.
        raise BundleError(
            f"{path} cannot be loaded ({' '.join(str(error).split())[:160]}).", "It may be damaged; train again."
        ) from error


def freeze_up_to(network: Any, first_trainable: str) -> None:
    """Freezes the layers before the first one whose name starts so, and the backbone's batch normalisation.

    The statistics of batch normalisation come from a million pictures; small batches of a few hundred photos would
    only spoil them. Batch normalisation in the head has none yet and learns them.

    Args:
        network: A network with a backbone.
        first_trainable: Empty freezes batch normalisation alone; ``HEAD_ONLY`` the whole backbone; ``HEAD_NAME`` all
            but the last layer.

    Raises:
        TrainingError: There is no such layer.
    """
    head = _head_start(network)
    reached = False
    for i, layer in enumerate(network.layers):
        reached = reached or (i >= head if first_trainable == HEAD_ONLY else layer.name.startswith(first_trainable))
        layer.trainable = reached and (i >= head or not isinstance(layer, layers.BatchNormalization))
    if not reached:
        raise TrainingError(f"{network.name} has no layer called {first_trainable}...", "Choose another unfreeze_from.")


def _head_start(network: Any) -> int:
    """Index of the first layer behind the backbone."""
    names = [layer.name for layer in network.layers]
    return names.index(FEATURES_NAME) + 1 if FEATURES_NAME in names else len(names)


def measure_size(recipe: Recipe, classes: int) -> Size:
    """Counts a recipe's parameters, and those that its last phase changes, without making or loading any weights."""
    # Variables without values: random ones for a hundred million weights would take seconds and gigabytes.
    with keras.StatelessScope(initialize_variables=False):
        network = build_network(recipe, classes)
    if recipe.weights == "imagenet":
        freeze_up_to(network, recipe.unfreeze_from)
    return Size(_count(network.weights), _count(network.trainable_weights))


def _count(variables: list[Any]) -> int:
    return sum(math.prod(variable.shape) for variable in variables)


def _head(tensor: Any, recipe: Recipe, classes: int) -> Any:
    """From features (n, f) to probabilities, over the dense layers that the recipe asks for."""
    if recipe.layers.normalize:
        tensor = layers.BatchNormalization(name="normalize")(tensor)
    if recipe.layers.feature_dropout:
        tensor = layers.Dropout(recipe.layers.feature_dropout, name="feature_dropout")(tensor)
    # The width of a backbone is that of its own layers, as for its authors.
    wide = recipe.filters if recipe.architecture == "custom" else int
    for i, size in enumerate(recipe.layers.dense, start=1):
        tensor = layers.Dense(wide(size), activation="relu", name=f"dense{i}")(tensor)
    if recipe.dropout:
        tensor = layers.Dropout(recipe.dropout, name="dropout")(tensor)
    return layers.Dense(classes, activation="softmax", name=HEAD_NAME)(tensor)


def _pool(tensor: Any, options: Layers, name: str) -> Any:
    if options.pooling == "average":
        return layers.GlobalAveragePooling2D(name=name)(tensor)
    return layers.Flatten(name=name)(tensor)


def _on_backbone(backbone: Backbone) -> Callable[[Any, Recipe, int], Any]:
    def build(inputs: Any, recipe: Recipe, classes: int) -> Any:
        return _head(_pool(backbone.build(inputs, width=recipe.width), recipe.layers, FEATURES_NAME), recipe, classes)

    return build


def _custom(inputs: Any, recipe: Recipe, classes: int) -> Any:
    tensor = layers.Rescaling(1 / 255, name=SCALE_NAME)(inputs)
    for i, layer in enumerate(recipe.layers.convolutions, start=1):
        convolution = layers.Conv2D(
            recipe.filters(layer.filters),
            layer.kernel,
            padding=recipe.layers.padding,
            activation="relu",
            name=f"conv{i}",
        )
        tensor = convolution(tensor)
        if layer.pool:
            tensor = layers.MaxPooling2D(name=f"pool{i}")(tensor)
        if layer.dropout:
            tensor = layers.Dropout(layer.dropout, name=f"dropout{i}")(tensor)
    return _head(_pool(tensor, recipe.layers, recipe.layers.pooling), recipe, classes)


_TINY_FIRST_FILTERS = 16
_TINY_BLOCKS = ((24, 1), (32, 2), (32, 1), (48, 2), (48, 1), (80, 2), (80, 1), (112, 2), (112, 1))
"""Outputs and stride of each separable convolution. Together they stay below 100 kB as int8, scales included, and the
largest two tensors that must exist at once below 100 kB for an input of 96x96."""


def _tiny(inputs: Any, recipe: Recipe, classes: int) -> Any:
    tensor = layers.Rescaling(1 / 127.5, -1.0, name=SCALE_NAME)(inputs)
    tensor = layers.Conv2D(recipe.filters(_TINY_FIRST_FILTERS), 3, 2, padding="same", use_bias=False, name="conv")(
        tensor
    )
    tensor = _normalized(tensor, "conv")
    for i, (filters, stride) in enumerate(_TINY_BLOCKS, start=1):
        tensor = layers.DepthwiseConv2D(3, stride, padding="same", use_bias=False, name=f"block{i}_depth")(tensor)
        tensor = _normalized(tensor, f"block{i}_depth")
        tensor = layers.Conv2D(recipe.filters(filters), 1, use_bias=False, name=f"block{i}_point")(tensor)
        tensor = _normalized(tensor, f"block{i}_point")
    return _head(layers.GlobalAveragePooling2D(name="average")(tensor), recipe, classes)


def _normalized(tensor: Any, name: str) -> Any:
    # Keras' momentum of 0.99 needs more steps than a training on a few hundred photos has.
    tensor = layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(tensor)
    return layers.ReLU(6.0, name=f"{name}_relu")(tensor)


ARCHITECTURES: dict[str, Callable[[Any, Recipe, int], Any]] = {
    "custom": _custom,
    "tiny": _tiny,
    **{name: _on_backbone(backbone) for name, backbone in BACKBONES.items()},
}
"""Builders by name: (input tensor, recipe, classes) to output tensor."""
