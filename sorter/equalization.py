"""Cross-layer equalisation: every channel between two convolutions uses the range that it has.

All channels of an activation share one int8 step, in which a channel far below the others drowns; and the next layer's
weights for it are large in return, so that they coarsen the step of all weights into the same output. Scaling such a
channel up in the batch normalisation that it comes from, and its weights down in the convolutions behind, changes
nothing in float and makes better use of the integers: until channels that a ReLU6 cuts off nearly reach its 6.

Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", ICCV 2019, section 4.1; there
ranges come from weights and ReLU6 is replaced by ReLU, here they come from calibration pictures and ReLU6 stays.

A network may have channels that are off by powers of ten. So a repair asks for more (``widely``): a larger limit, and
the channels of residual streams, which nothing cuts off, made equally large. A sound network gains nothing by those.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from sorter.channels import Factors, ScalableChannels, find_scalable_channels

_HEADROOM = 2.0
"""A channel may become this much larger than on the calibration pictures before it saturates. Less leaves finer steps,
and cuts off what other photos show: at 1.1, an ImageNet network lost more by that than by rounding."""

_MAX_SCALE = 32.0
"""A channel that never fired while calibrating may still fire later, so it is not scaled without limit."""

_WIDE_MAX_SCALE = 4096.0
"""Half a step of an int8 range of 6 is 6 / 512: a channel below 6 / 4096 gives nothing to equalise by."""

_SMALLEST = 1e-6

_BATCH = 8

_PICTURES = 100
"""Of the calibration pictures; with the headroom, more of them change little and take as long as calibration itself."""


def equalize(network: Any, pictures: npt.NDArray[np.uint8], widely: bool = False) -> int:
    """Equalises a network in place.

    Args:
        network: A functional ``keras.Model`` that takes raw pixels.
        pictures: Calibration pictures, uint8 (n, height, width, 3).
        widely: Whether channels are scaled by up to 4096 instead of 32, and those of residual streams, too.

    Returns:
        How many groups of channels were equalised.
    """
    groups = [found for found in find_scalable_channels(network) if widely or found.ceiling is not None]
    limit = _WIDE_MAX_SCALE if widely else _MAX_SCALE
    for channels, largest in zip(groups, _largest_values(network, groups, pictures), strict=True):
        channels.scale(_factors(largest, channels.ceiling, limit))
    return len(groups)


def _factors(largest: Factors, ceiling: float | None, limit: float) -> Factors:
    wanted = largest.max() if ceiling is None else ceiling / _HEADROOM
    factors: Factors = np.clip(wanted / np.maximum(largest, _SMALLEST), 1.0, limit)
    return factors


def _largest_values(network: Any, groups: list[ScalableChannels], pictures: npt.NDArray[np.uint8]) -> list[Factors]:
    """For each group, the largest absolute value of each channel (channels,) in its tensors, over all pictures."""
    import keras
    import tensorflow as tf

    if not groups:
        return []
    probe = keras.Model(network.inputs[0], [tensor for group in groups for tensor in group.tensors])

    # Called without a graph, Keras keeps every activation until the end: a gigabyte for sixteen pictures.
    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def largest_of(batch: Any) -> Any:
        values = iter(tf.nest.flatten(probe(batch, training=False)))
        of_tensors = [[tf.reduce_max(tf.abs(next(values)), axis=(0, 1, 2)) for _ in group.tensors] for group in groups]
        return [tf.reduce_max(maxima, axis=0) for maxima in of_tensors]

    largest: list[Factors] = []
    pictures = pictures[:_PICTURES]
    for start in range(0, len(pictures), _BATCH):
        values = [np.asarray(v) for v in largest_of(tf.constant(pictures[start : start + _BATCH], tf.float32))]
        largest = [np.maximum(a, b) for a, b in zip(largest, values, strict=True)] if largest else values
    return largest
