"""Channels of a Keras network that may be scaled without changing what it computes.

Whatever a batch normalisation multiplies a channel by, the convolutions that read it can divide it by, if nothing
between them minds: a ReLU6 that the channel does not reach, zero padding, or additions. Those join tensors to a stream,
as along the shortcuts of a residual network, whose normalisations and convolutions all have to use the same factors.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Factors = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ScalableChannels:
    """Tensors with the same channels, and what has to change when those are scaled.

    Attributes:
        normalizations: The Keras ``BatchNormalization`` layers that the values come from.
        tensors: Keras tensors (batch, height, width, channels) that hold them.
        convolutions: The Keras ``Conv2D`` and ``DepthwiseConv2D`` layers that alone read them.
        ceiling: Where a ReLU between the two saturates; None where there is none.
    """

    normalizations: tuple[Any, ...]
    tensors: tuple[Any, ...]
    convolutions: tuple[Any, ...]
    ceiling: float | None = None

    def scale(self, factors: Factors) -> None:
        """Multiplies the channels by factors (channels,), and divides the convolutions' weights by them."""
        for normalization in self.normalizations:
            gamma, beta, mean, variance = normalization.get_weights()
            normalization.set_weights([gamma * factors, beta * factors, mean, variance])
        for convolution in self.convolutions:
            kernel, *bias = convolution.get_weights()
            # Kernels are (height, width, inputs, outputs) or, of depthwise convolutions, (..., inputs, multiplier).
            convolution.set_weights([kernel / factors[np.newaxis, np.newaxis, :, np.newaxis], *bias])


def find_scalable_channels(network: Any) -> list[ScalableChannels]:
    """Finds all in a functional Keras network; those inside a nested network are not seen.

    Args:
        network: A functional ``keras.Model``.
    """
    readers = readers_of(network)
    return [*_behind_relu6(network, readers), *_streams(network, readers)]


def readers_of(network: Any) -> dict[int, list[Any]]:
    """The layers that read each tensor, by the ``id`` of the Keras tensor."""
    readers: dict[int, list[Any]] = {}
    for layer in network.layers:
        for tensor in _inputs(layer):
            readers.setdefault(id(tensor), []).append(layer)
    return readers


def _inputs(layer: Any) -> list[Any]:
    tensors = getattr(layer, "input", None)
    if tensors is None:
        return []
    return list(tensors) if isinstance(tensors, (list, tuple)) else [tensors]


def _behind_relu6(network: Any, readers: dict[int, list[Any]]) -> Iterator[ScalableChannels]:
    import keras

    for layer in network.layers:
        if not isinstance(layer, keras.layers.ReLU) or not layer.max_value or layer.negative_slope or layer.threshold:
            continue
        before, after = layer.input._keras_history.operation, _convolutions(layer.output, readers)
        if len(readers.get(id(layer.input), [])) == 1 and _has_factors(before) and after and len(after) == 1:
            yield ScalableChannels((before,), (layer.output,), tuple(after), float(layer.max_value))


def _streams(network: Any, readers: dict[int, list[Any]]) -> Iterator[ScalableChannels]:
    """Groups of normalisations, additions and dropouts that are connected to each other, and read by convolutions."""
    import keras

    passing = (keras.layers.Add, keras.layers.Dropout)
    members = [layer for layer in network.layers if isinstance(layer, (*passing, keras.layers.BatchNormalization))]
    group_of = {id(layer.output): {id(layer.output)} for layer in members}
    sound = set(group_of)
    for layer in members:
        if not isinstance(layer, passing):
            continue
        for tensor in _inputs(layer):
            if id(tensor) not in group_of:
                sound.discard(id(layer.output))
                continue
            joined = group_of[id(tensor)] | group_of[id(layer.output)]
            group_of.update(dict.fromkeys(joined, joined))
    by_output = {id(layer.output): layer for layer in members}
    for group in {id(found): found for found in group_of.values()}.values():
        layers = [layer for output, layer in by_output.items() if output in group]
        stream = _stream(layers, readers, passing) if group <= sound else None
        if stream is not None:
            yield stream


def _stream(layers: list[Any], readers: dict[int, list[Any]], passing: tuple[type, ...]) -> ScalableChannels | None:
    normalizations = [layer for layer in layers if not isinstance(layer, passing)]
    convolutions: list[Any] = []
    for layer in layers:
        after = _convolutions(layer.output, readers, passing)
        if after is None:
            return None
        convolutions += after
    if not convolutions or not all(_has_factors(layer) for layer in normalizations):
        return None
    return ScalableChannels(tuple(normalizations), tuple(layer.output for layer in layers), tuple(convolutions))


def _convolutions(tensor: Any, readers: dict[int, list[Any]], passing: tuple[type, ...] = ()) -> list[Any] | None:
    """The convolutions that read a tensor, zero padding aside; None where others than those and ``passing`` do."""
    import keras

    found: list[Any] = []
    for reader in readers.get(id(tensor), [None]):
        if isinstance(reader, keras.layers.ZeroPadding2D):
            # Zeros stay zeros whatever a channel is multiplied by.
            behind = _convolutions(reader.output, readers)
            if behind is None:
                return None
            found += behind
        elif type(reader) in (keras.layers.Conv2D, keras.layers.DepthwiseConv2D) and _is_ungrouped(reader):
            found.append(reader)
        elif not isinstance(reader, passing):
            return None
    return found


def _is_ungrouped(convolution: Any) -> bool:
    """Whether each input channel has weights of its own; a depthwise convolution has, and knows no groups."""
    return getattr(convolution, "groups", 1) == 1


def _has_factors(layer: Any) -> bool:
    import keras

    return isinstance(layer, keras.layers.BatchNormalization) and bool(layer.scale and layer.center)
