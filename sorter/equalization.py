"""Cross-layer equalisation: every channel between two convolutions uses the range that it has.

After fine-tuning, many channels of MobileNetV2 stay far below the 6 at which ReLU6 saturates. The next layer's weights
for them are large in return, and since all weights into one output share one int8 step, they coarsen the step for the
others. Scaling such a channel up in the batch normalisation before the ReLU6, and its weights down in the convolution
behind, changes nothing in float and spreads the weights evenly over the int8 range.

Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", ICCV 2019, section 4.1; there
ranges come from weights and ReLU6 is replaced by ReLU, here they come from calibration pictures and ReLU6 stays.

A depthwise convolution has one int8 step for each channel, so its weights gain nothing; but the activations in front of
it share one step, in which a channel far below the others drowns. So those are equalised as well. A network may have
channels that are off by powers of ten: a repair asks for a larger limit (``widely``).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

_HEADROOM = 1.1
"""A channel may become this much larger than on the calibration pictures before it saturates."""

_MAX_SCALE = 32.0
"""A channel that never fired while calibrating may still fire later, so it is not scaled without limit."""

_WIDE_MAX_SCALE = 4096.0
"""Half a step of an int8 range of 6 is 6 / 512: a channel below 6 / 4096 gives nothing to equalise by."""

_BATCH = 8

_PICTURES = 100
"""Of the calibration pictures; with the headroom, more of them change little and take as long as calibration itself."""


@dataclass(frozen=True)
class Pair:
    """A batch normalisation and the convolution behind it, with nothing but a saturating ReLU between.

    Attributes:
        normalization: The Keras ``BatchNormalization`` layer.
        activation: The Keras ``ReLU`` layer with a ``max_value``.
        convolution: The Keras ``Conv2D`` or ``DepthwiseConv2D`` layer that alone reads the activation.
    """

    normalization: Any
    activation: Any
    convolution: Any

    def divide_by(self, scale: npt.NDArray[np.float32]) -> None:
        """Divides the convolution's weights for each of its input channels (channels,)."""
        kernel, *bias = self.convolution.get_weights()
        # Kernels are (height, width, inputs, outputs) or, of depthwise convolutions, (..., inputs, multiplier).
        self.convolution.set_weights([kernel / scale[np.newaxis, np.newaxis, :, np.newaxis], *bias])


def find_pairs(network: Any) -> list[Pair]:
    """Finds all pairs in a functional Keras network; those inside a nested network are not seen.

    Args:
        network: A functional ``keras.Model``.
    """
    import keras

    kinds = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)
    consumers: dict[int, list[Any]] = {}
    for layer in network.layers:
        for tensor in _inputs(layer):
            consumers.setdefault(id(tensor), []).append(layer)
    pairs = []
    for layer in network.layers:
        if not isinstance(layer, keras.layers.ReLU) or not layer.max_value or layer.negative_slope or layer.threshold:
            continue
        before, after = layer.input._keras_history.operation, consumers.get(id(layer.output), [])
        if len(after) == 1 and isinstance(after[0], keras.layers.ZeroPadding2D):
            # Zeros stay zeros whatever a channel is multiplied by.
            after = consumers.get(id(after[0].output), [])
        alone = len(consumers.get(id(layer.input), [])) == 1 and len(after) == 1
        if alone and isinstance(before, keras.layers.BatchNormalization) and type(after[0]) in kinds:
            pairs.append(Pair(before, layer, after[0]))
    return [p for p in pairs if p.normalization.scale and p.normalization.center and _is_ungrouped(p.convolution)]


def _is_ungrouped(convolution: Any) -> bool:
    """Whether each input channel has weights of its own; a depthwise convolution has, and knows no groups."""
    return getattr(convolution, "groups", 1) == 1


def _inputs(layer: Any) -> list[Any]:
    tensors = getattr(layer, "input", None)
    if tensors is None:
        return []
    return list(tensors) if isinstance(tensors, (list, tuple)) else [tensors]


def equalize(network: Any, pictures: npt.NDArray[np.uint8], widely: bool = False) -> int:
    """Equalises a network in place.

    Args:
        network: A functional ``keras.Model`` that takes raw pixels.
        pictures: Calibration pictures, uint8 (n, height, width, 3).
        widely: Whether channels are scaled by up to 4096 instead of 32.

    Returns:
        How many pairs of layers were equalised.
    """
    pairs = find_pairs(network)
    limit = _WIDE_MAX_SCALE if widely else _MAX_SCALE
    for pair, largest in zip(pairs, _largest_activations(network, pairs, pictures), strict=True):
        scale = np.clip(pair.activation.max_value / np.maximum(largest * _HEADROOM, 1e-6), 1.0, limit)
        gamma, beta, mean, variance = pair.normalization.get_weights()
        pair.normalization.set_weights([gamma * scale, beta * scale, mean, variance])
        pair.divide_by(scale)
    return len(pairs)


def _largest_activations(
    network: Any, pairs: list[Pair], pictures: npt.NDArray[np.uint8]
) -> list[npt.NDArray[np.float32]]:
    """For each pair, the largest activation of each channel (channels,) over all pictures."""
    import keras
    import tensorflow as tf

    if not pairs:
        return []
    probe = keras.Model(network.input, [pair.activation.output for pair in pairs])

    # Called without a graph, Keras keeps every activation until the end: a gigabyte for sixteen pictures.
    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def maxima(batch: Any) -> Any:
        tensors = probe(batch, training=False)
        tensors = tensors if isinstance(tensors, (list, tuple)) else [tensors]
        return [tf.reduce_max(tensor, axis=(0, 1, 2)) for tensor in tensors]

    largest: list[npt.NDArray[np.float32]] = []
    pictures = pictures[:_PICTURES]
    for start in range(0, len(pictures), _BATCH):
        values = [np.asarray(v) for v in maxima(tf.constant(pictures[start : start + _BATCH], tf.float32))]
        largest = [np.maximum(a, b) for a, b in zip(largest, values, strict=True)] if largest else values
    return largest
