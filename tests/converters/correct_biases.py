"""Rounds the weights of a network with and without corrected biases; prints JSON. In a process of its own for Keras."""

import json

import keras
import numpy as np

from sorter.converters.bias_correction import correct_biases
from sorter.int8_weights import step_axes


def make_network() -> keras.Model:
    """A layer of each kind: with batch normalisation behind it, with a bias, dense; and two that are left alone."""
    inputs = keras.Input((16, 16, 3))
    tensor = keras.layers.Rescaling(1 / 255)(inputs)
    tensor = keras.layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(tensor)
    tensor = keras.layers.ReLU(6.0)(keras.layers.BatchNormalization()(tensor))
    tensor = keras.layers.DepthwiseConv2D(3, padding="same", use_bias=False)(tensor)
    tensor = keras.layers.ReLU(6.0)(keras.layers.BatchNormalization(scale=False)(tensor))
    tensor = keras.layers.Conv2D(8, 3, dilation_rate=2, activation="relu")(tensor)
    tensor = keras.layers.Conv2D(8, 1, use_bias=False, activation="relu", name="without_bias")(tensor)
    tensor = keras.layers.BatchNormalization()(tensor)
    twice = keras.layers.Conv2D(8, 1, name="used_twice")
    tensor = keras.layers.GlobalAveragePooling2D()(twice(twice(tensor)))
    return keras.Model(inputs, keras.layers.Dense(3, name="scores")(tensor))


def round_weights(network: keras.Model) -> None:
    for layer in network.layers:
        # The two that are not corrected are not rounded either, so that all that is left is what was missed.
        if (axes := step_axes(layer)) and layer.name not in ("without_bias", "used_twice"):
            kernel, *bias = layer.get_weights()
            step = np.abs(kernel).max(axis=axes, keepdims=True) / 127
            layer.set_weights([np.rint(kernel / step) * step, *bias])


def shift(exact: keras.Model, rounded: keras.Model, pictures: np.ndarray) -> float:
    """How far the mean scores are off."""
    difference = np.asarray(rounded(pictures)) - np.asarray(exact(pictures))
    return float(np.abs(difference.mean(axis=0)).max())


keras.utils.set_random_seed(2)
exact, plain, corrected = make_network(), make_network(), make_network()
for copy in (plain, corrected):
    copy.set_weights(exact.get_weights())
pictures = np.random.default_rng(1).integers(0, 256, (60, 16, 16, 3)).astype(np.uint8)
count = correct_biases(corrected, pictures)
for copy in (plain, corrected):
    round_weights(copy)
shown = pictures.astype(np.float32)
print(json.dumps({"count": count, "before": shift(exact, plain, shown), "after": shift(exact, corrected, shown)}))
