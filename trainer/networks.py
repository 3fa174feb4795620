"""Keras networks. Each takes raw RGB bytes as float32 (n, height, width, 3) and gives probabilities (n, classes).

All scaling is a layer of the network, so that whoever feeds it, in Keras or on a device, cannot get it wrong.
"""

import sys
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
from keras import layers

from sorter.errors import BundleError, TrainingError
from sorter.trainer.recipes import HEAD_ONLY, Recipe

HEAD_NAME = "probabilities"
"""Name of the last layer: dense with softmax, into which calibration folds its temperature."""

FEATURES_NAME = "features"
"""Name of the layer that the head of a network with ImageNet weights reads: (n, features)."""

_OTHER_WEIGHTS_HINT = (
    "Give the weights without the classifier (file name *_no_top.h5) of this very network, "
    "or --weights none to start from random ones."
)


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
    network = keras.Model(inputs, outputs, name=recipe.name.replace("-", "_"))
    if weights != "none":
        _load_weights(network, recipe, weights)
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
    """Freezes the layers before the first one whose name starts so, and every batch normalisation.

    The statistics of batch normalisation come from a million pictures; small batches of a few hundred photos would
    only spoil them. An empty name freezes batch normalisation alone; ``HEAD_ONLY`` all that is not after the features.
    """
    reached = in_head = False
    for layer in network.layers:
        reached = reached or in_head or (first_trainable != HEAD_ONLY and layer.name.startswith(first_trainable))
        layer.trainable = reached and (in_head or not isinstance(layer, layers.BatchNormalization))
        in_head = in_head or layer.name == FEATURES_NAME
    if not reached:
        raise TrainingError(f"{network.name} has no layer called {first_trainable}...", "Choose another recipe.")


def measure_size(recipe: Recipe, classes: int) -> Size:
    """Counts a recipe's parameters without loading any weights."""
    network = build_network(recipe, classes)
    if recipe.weights == "imagenet":
        freeze_up_to(network, recipe.unfreeze_from)
    trainable = sum(int(v.value.numpy().size) for v in network.trainable_variables)
    return Size(network.count_params(), trainable)


def _head(tensor: Any, recipe: Recipe, classes: int) -> Any:
    tensor = layers.Dropout(recipe.dropout, name="dropout")(tensor)
    return layers.Dense(classes, activation="softmax", name=HEAD_NAME)(tensor)


def _mobilenetv2(inputs: Any, recipe: Recipe, classes: int) -> Any:
    scaled = layers.Rescaling(1 / 127.5, -1.0, name="scale")(inputs)
    backbone = keras.applications.MobileNetV2(input_tensor=scaled, include_top=False, weights=None)
    pooled = layers.GlobalAveragePooling2D(name=FEATURES_NAME)(backbone.output)
    return _head(pooled, recipe, classes)


def _toy_4conv(inputs: Any, recipe: Recipe, classes: int) -> Any:
    tensor = layers.Rescaling(1 / 255, name="scale")(inputs)
    for i, filters in enumerate((16, 32, 64, 64), start=1):
        tensor = layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"conv{i}")(tensor)
        tensor = layers.MaxPooling2D(name=f"pool{i}")(tensor)
    tensor = layers.Flatten(name="flatten")(tensor)
    tensor = layers.Dense(32, activation="relu", name="dense")(tensor)
    return _head(tensor, recipe, classes)


ARCHITECTURES: dict[str, Callable[[Any, Recipe, int], Any]] = {
    "mobilenetv2": _mobilenetv2,
    "toy-4conv": _toy_4conv,
}
"""Builders by name: (input tensor, recipe, classes) to output tensor."""

_IMAGENET_FILES = {
    "mobilenetv2": (
        "https://storage.googleapis.com/tensorflow/keras-applications/mobilenet_v2/",
        "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
    ),
}
"""Where keras.applications has its weights. The convolutions do not depend on the size of the pictures, so the file
for 224 serves all sizes."""


def _load_weights(network: Any, recipe: Recipe, weights: str) -> None:
    if recipe.architecture not in _IMAGENET_FILES:
        raise TrainingError(f"{recipe.name} is trained from scratch and takes no weights.", "Use --weights none.")
    file = _imagenet_file(recipe) if weights == "imagenet" else Path(weights)
    if not file.is_file():
        raise TrainingError(f"Weights file {file} does not exist.", "Check the path given with --weights.")
    backbone = keras.Model(network.input, network.get_layer(FEATURES_NAME).output)
    try:
        with warnings.catch_warnings():
            # Of a file that lacks some layers Keras only warns, and leaves them random.
            warnings.simplefilter("error", UserWarning)
            backbone.load_weights(str(file))
    except (ValueError, OSError, KeyError, TypeError, RuntimeError, UserWarning) as error:
        raise TrainingError(
            f"The weights in {file} do not fit {recipe.name} ({' '.join(str(error).split())[:160]}).",
            _OTHER_WEIGHTS_HINT,
        ) from error


def _imagenet_file(recipe: Recipe) -> Path:
    folder, name = _IMAGENET_FILES[recipe.architecture]
    try:
        # Keras tells of the download on standard output, which belongs to the results.
        with redirect_stdout(sys.stderr):
            return Path(keras.utils.get_file(name, folder + name, cache_subdir="models"))
    except Exception as error:
        raise TrainingError(
            f"The ImageNet weights of {recipe.name} could not be downloaded.",
            f"Download {name} on another machine and give it with --weights FILE, or use --weights none.",
        ) from error
