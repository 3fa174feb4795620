"""How int8 rounds the weights of a Keras network: TFLite quantisation specification, symmetric, without -128."""

from typing import Any

_LEVELS = 127
"""Weights become -127..127 times a step."""

_SMALLEST_STEP = 1e-12


def step_axes(layer: Any, dense_per_channel: bool = True) -> tuple[int, ...] | None:
    """The axes of a layer's kernel whose weights share one step; None for a layer without such a kernel.

    Each output channel has a step of its own. Whatever a batch normalisation multiplies that channel by later
    multiplies the step too, so rounding before folding is rounding after it.

    Args:
        layer: A Keras layer.
        dense_per_channel: False where all weights of a dense layer share one, as tflite-runtime 2.14 needs it.
    """
    from keras import layers

    if isinstance(layer, layers.DepthwiseConv2D):
        return (0, 1)
    if isinstance(layer, layers.Conv2D):
        return (0, 1, 2)
    if isinstance(layer, layers.Dense):
        return (0,) if dense_per_channel else (0, 1)
    return None


def round_weights(kernel: Any, axes: tuple[int, ...] | None) -> Any:
    """The weights that int8 makes of a kernel, as real numbers: a tensor of the same shape.

    Args:
        kernel: Array or tensor.
        axes: See ``step_axes``.
    """
    from keras import ops

    step = ops.maximum(ops.max(ops.abs(kernel), axis=axes, keepdims=True) / _LEVELS, _SMALLEST_STEP)
    return ops.round(kernel / step) * step
