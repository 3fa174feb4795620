"""Equalises networks whose channels are badly scaled; prints JSON. In a process of its own, as it needs Keras."""

import json

import keras
import numpy as np

from sorter.channels import find_scalable_channels
from sorter.equalization import equalize

SCALE = np.logspace(-0.9, 0.4, 8).astype(np.float32)


def make_network() -> keras.Model:
    """Depthwise → batch norm → ReLU6 → pointwise, with channels that use from a twentieth to all of the range."""
    inputs = keras.Input((16, 16, 3))
    tensor = keras.layers.Rescaling(1 / 255)(inputs)
    tensor = keras.layers.Conv2D(8, 3, name="first")(tensor)
    tensor = keras.layers.BatchNormalization(name="unpaired")(tensor)
    tensor = keras.layers.Activation("sigmoid")(tensor)
    tensor = keras.layers.DepthwiseConv2D(3)(tensor)
    tensor = keras.layers.BatchNormalization(name="norm")(tensor)
    tensor = keras.layers.ReLU(6.0)(tensor)
    tensor = keras.layers.Conv2D(4, 1, name="pointwise")(tensor)
    network = keras.Model(inputs, keras.layers.Softmax()(keras.layers.GlobalAveragePooling2D()(tensor)))
    scale(network, ["norm"], ["pointwise"])
    return network


def make_residual_network(leaky: bool = False) -> keras.Model:
    """Two blocks with a shortcut; the second is read by a convolution, or, ``leaky``, by something else besides."""
    inputs = keras.Input((16, 16, 3))
    tensor = keras.layers.Conv2D(8, 3)(keras.layers.Rescaling(1 / 255)(inputs))
    tensor = shortcut = keras.layers.BatchNormalization(name="stem")(tensor)
    tensor = keras.layers.Conv2D(8, 1, name="expand", activation="sigmoid")(tensor)
    tensor = keras.layers.BatchNormalization(name="project")(keras.layers.Conv2D(8, 1)(tensor))
    tensor = keras.layers.Add()([shortcut, keras.layers.Dropout(0.1)(tensor)])
    last = keras.layers.Conv2D(4, 3, name="pointwise")(keras.layers.ZeroPadding2D()(tensor))
    outputs = [keras.layers.GlobalAveragePooling2D()(t) for t in ((last, tensor) if leaky else (last,))]
    tensor = keras.layers.Concatenate()(outputs) if leaky else outputs[0]
    network = keras.Model(inputs, keras.layers.Softmax()(tensor))
    scale(network, ["stem", "project"], ["expand", "pointwise"])
    return network


def scale(network: keras.Model, norms: list[str], convolutions: list[str]) -> None:
    """Scales channels badly, without a change of what the network computes."""
    for norm in map(network.get_layer, norms):
        gamma, beta, mean, variance = norm.get_weights()
        norm.set_weights([gamma * SCALE, beta + 0.2 * SCALE, mean, variance])
    for convolution in map(network.get_layer, convolutions):
        kernel, bias = convolution.get_weights()
        convolution.set_weights([kernel / SCALE[None, None, :, None], bias])


def coarseness(network: keras.Model) -> float:
    """Largest weight over the median one: how unevenly the int8 steps are used."""
    kernel = np.abs(network.get_layer("pointwise").get_weights()[0])
    return float(kernel.max() / np.median(kernel))


def examine(network: keras.Model, widely: bool) -> dict[str, object]:
    """What equalising finds in a network and does to it."""
    pictures = np.random.default_rng(1).integers(0, 256, (40, 16, 16, 3)).astype(np.uint8)
    before, unevenness = np.asarray(network(pictures.astype(np.float32))), coarseness(network)
    found = [[n.name for n in channels.normalizations] for channels in find_scalable_channels(network)]
    count = equalize(network, pictures, widely)
    after = np.asarray(network(pictures.astype(np.float32)))
    return {
        "normalizations": found,
        "count": count,
        "difference": float(np.abs(before - after).max()),
        "unevenness": [unevenness, coarseness(network)],
    }


keras.utils.set_random_seed(2)
results = {
    "relu6": examine(make_network(), widely=False),
    "stream": examine(make_residual_network(), widely=True),
    "stream, not widely": examine(make_residual_network(), widely=False),
    "leaky": examine(make_residual_network(leaky=True), widely=True),
}
print(json.dumps(results))
