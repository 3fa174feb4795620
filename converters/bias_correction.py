"""What rounding the weights moves the outputs of a layer by, on average, is taken off its bias.

Behind a ReLU all inputs of a convolution are positive, so rounding its weights shifts each output channel by about as
much for every picture. In MobileNetV2 that is most of what int8 changes, more than rounding the activations; and it can
be had back at no cost.

Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", ICCV 2019, section 4.2; there
the expected inputs come from batch normalisation, here from calibration pictures.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sorter.channels import readers_of
from sorter.int8_weights import round_weights, step_axes

_PICTURES = 100

_BATCH = 10


def correct_biases(network: Any, pictures: npt.NDArray[np.uint8], dense_per_channel: bool = True) -> int:
    """Corrects the biases of a network in place, those of a batch normalisation where a layer has none.

    Args:
        network: A functional ``keras.Model`` that takes raw pixels; what is inside a nested network is left alone.
        pictures: Calibration pictures, uint8 (n, height, width, 3).
        dense_per_channel: See ``step_axes``.

    Returns:
        How many layers were corrected.
    """
    readers = readers_of(network)
    layers = [layer for layer in network.layers if step_axes(layer) and _takes_correction(layer, readers)]
    errors = [_rounding_error(layer, dense_per_channel) for layer in layers]
    for layer, shift in zip(layers, _mean_shifts(network, layers, errors, pictures[:_PICTURES]), strict=True):
        if layer.use_bias:
            kernel, bias = layer.get_weights()
            layer.set_weights([kernel, bias - shift])
        else:
            normalization = readers[id(layer.output)][0]
            *factors, mean, variance = normalization.get_weights()
            normalization.set_weights([*factors, mean + shift, variance])
    return len(layers)


def _takes_correction(layer: Any, readers: dict[int, list[Any]]) -> bool:
    import keras

    # What a layer that is used twice sees is not known from its first use.
    if len(layer._inbound_nodes) != 1 or getattr(layer, "data_format", "channels_last") != "channels_last":
        return False
    after = readers.get(id(layer.output), [])
    normalised = len(after) == 1 and isinstance(after[0], keras.layers.BatchNormalization)
    return layer.use_bias or (normalised and layer.activation is keras.activations.linear)


def _rounding_error(layer: Any, dense_per_channel: bool) -> npt.NDArray[np.float32]:
    kernel = np.asarray(layer.kernel.value)
    error: npt.NDArray[np.float32] = np.asarray(round_weights(kernel, step_axes(layer, dense_per_channel))) - kernel
    return error


def _mean_shifts(
    network: Any, layers: Sequence[Any], errors: Sequence[Any], pictures: npt.NDArray[np.uint8]
) -> list[npt.NDArray[np.float32]]:
    """For each layer, what the errors of its weights add to its outputs: mean of each channel (channels,)."""
    import keras
    import tensorflow as tf

    if not layers:
        return []
    probe = keras.Model(network.inputs[0], [layer.input for layer in layers])

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def sums(batch: Any) -> Any:
        inputs = tf.nest.flatten(probe(batch, training=False))
        outputs = [_apply(layer, x, error) for layer, x, error in zip(layers, inputs, errors, strict=True)]
        count = tf.cast(tf.shape(batch)[0], tf.float32)
        return [tf.reduce_mean(tf.reshape(y, (-1, y.shape[-1])), axis=0) * count for y in outputs]

    totals: list[Any] = [np.float32(0)] * len(layers)
    for start in range(0, len(pictures), _BATCH):
        given = sums(tf.constant(pictures[start : start + _BATCH], tf.float32))
        totals = [total + np.asarray(part) for total, part in zip(totals, given, strict=True)]
    return [total / len(pictures) for total in totals]


def _apply(layer: Any, inputs: Any, kernel: Any) -> Any:
    """What a layer without bias and activation would give with another kernel."""
    import keras

    if isinstance(layer, keras.layers.Dense):
        return keras.ops.matmul(inputs, kernel)
    depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
    convolve = keras.ops.depthwise_conv if depthwise else keras.ops.conv
    return convolve(inputs, kernel, strides=layer.strides, padding=layer.padding, dilation_rate=layer.dilation_rate)
