"""After how many calibration pictures the ranges of a network's activations no longer change. Needs TensorFlow."""

from typing import Any

import numpy as np
import numpy.typing as npt

from sorter.converters.networks import Network, open_network

USUAL = 200
"""Pictures for a network whose inside cannot be looked into."""

_STEP = 20
_WINDOW = 60
_GROWTH = 0.005
"""Ranges have settled when the last 60 pictures widened them by less than half a percent, on average over layers: a
hundredth of what one lost bit would cost."""


def settle(request: dict[str, Any]) -> int:
    """How many of the pictures are needed, from the first on; all when the ranges are still growing at the last."""
    pictures = np.load(request["pictures"], mmap_mode="r")
    probe = _make_probe(open_network(request["network"]))
    if probe is None:
        return min(USUAL, len(pictures))
    lowest: list[npt.NDArray[np.float32]] = []
    highest: list[npt.NDArray[np.float32]] = []
    for start in range(0, len(pictures), _STEP):
        low, high = probe(pictures[start : start + _STEP])
        lowest.append(np.minimum(low, lowest[-1]) if lowest else low)
        highest.append(np.maximum(high, highest[-1]) if highest else high)
        if has_settled(np.array(lowest), np.array(highest)):
            return min(start + _STEP, len(pictures))
    return len(pictures)


def has_settled(lowest: npt.NDArray[np.float32], highest: npt.NDArray[np.float32]) -> bool:
    """Whether the last steps changed little.

    Args:
        lowest: Least activation of each layer after each step: (steps, layers).
        highest: Largest.
    """
    window = _WINDOW // _STEP
    if len(lowest) <= window:
        return False
    width = np.maximum(highest - lowest, 1e-9)
    return bool(np.mean((width[-1] - width[-1 - window]) / width[-1]) < _GROWTH)


def _make_probe(network: Network) -> Any:
    """A function from pictures to least and largest activation of each layer; None where there is no way to look."""
    import keras
    import tensorflow as tf

    if network.keras is None:
        return None
    outputs = [
        layer.output
        for layer in network.keras.layers
        if not isinstance(layer, (keras.layers.InputLayer, keras.Model)) and hasattr(layer.output, "shape")
    ]
    if len(outputs) < 3:
        return None
    inner = keras.Model(network.keras.inputs, outputs)

    @tf.function(input_signature=[tf.TensorSpec((None, *network.shape), tf.float32)])  # type: ignore[untyped-decorator]
    def extremes(pictures: Any) -> Any:
        values = inner(pictures, training=False)
        return tf.stack([tf.reduce_min(v) for v in values]), tf.stack([tf.reduce_max(v) for v in values])

    def probe(pictures: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        low, high = extremes(pictures.astype(np.float32))
        return np.asarray(low), np.asarray(high)

    return probe
