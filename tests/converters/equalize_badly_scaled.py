"""Equalises a network whose channels are badly scaled; prints JSON. In a process of its own, as it needs Keras."""

import json

import keras
import numpy as np

from sorter.equalization import equalize, find_pairs


def make_network() -> keras.Model:
    """Depthwise → batch norm → ReLU6 → pointwise, with channels that use from a twentieth to all of the range."""
    inputs = keras.Input((16, 16, 3))
    tensor = keras.layers.Rescaling(1 / 255)(inputs)
    tensor = keras.layers.Conv2D(8, 3, name="first")(tensor)
    tensor = keras.layers.BatchNormalization(name="unpaired")(tensor)
    tensor = keras.layers.DepthwiseConv2D(3)(tensor)
    tensor = keras.layers.BatchNormalization(name="norm")(tensor)
    tensor = keras.layers.ReLU(6.0)(tensor)
    tensor = keras.layers.Conv2D(4, 1, name="pointwise")(tensor)
    network = keras.Model(inputs, keras.layers.Softmax()(keras.layers.GlobalAveragePooling2D()(tensor)))
    scale = np.logspace(-0.9, 0.4, 8).astype(np.float32)
    norm, pointwise = network.get_layer("norm"), network.get_layer("pointwise")
    gamma, beta, mean, variance = norm.get_weights()
    norm.set_weights([gamma * scale, beta + 0.2 * scale, mean, variance])
    kernel, bias = pointwise.get_weights()
    pointwise.set_weights([kernel / scale[None, None, :, None], bias])
    return network


def coarseness(network: keras.Model) -> float:
    """Largest weight over the median one: how unevenly the int8 steps are used."""
    kernel = np.abs(network.get_layer("pointwise").get_weights()[0])
    return float(kernel.max() / np.median(kernel))


keras.utils.set_random_seed(2)
network = make_network()
pictures = np.random.default_rng(1).integers(0, 256, (40, 16, 16, 3)).astype(np.uint8)
before, unevenness = np.asarray(network(pictures.astype(np.float32))), coarseness(network)
count = equalize(network, pictures)
after = np.asarray(network(pictures.astype(np.float32)))
print(
    json.dumps(
        {
            "pairs": [p.normalization.name for p in find_pairs(network)],
            "count": count,
            "difference": float(np.abs(before - after).max()),
            "unevenness": [unevenness, coarseness(network)],
        }
    )
)
