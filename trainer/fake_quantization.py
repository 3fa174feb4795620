"""A network that computes in real numbers what its int8 copy will compute in integers, so that it can be trained so.

No library does this for Keras 3 and TFLite: tensorflow-model-optimization needs the legacy Keras, Keras' own
``quantize("int8")`` concerns dense layers and gives no TFLite ranges, hgq2 is for FPGAs. So: activations are rounded
in layers of their own, whose ranges are learned, and kernels in every training step. Gradients pass as if nothing
were rounded (Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
Inference", CVPR 2018, section 3).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from keras import layers

from sorter.channels import readers_of
from sorter.int8_weights import round_weights, step_axes

Range = tuple[float, float]

_SHAPING = (
    layers.ZeroPadding2D,
    layers.MaxPooling2D,
    layers.Flatten,
    layers.Reshape,
    layers.Dropout,
    layers.InputLayer,
)
"""Layers whose output has the range of their input."""

_BATCH = 16


class RoundedActivation(layers.Layer):  # type: ignore[misc]
    """Rounds to the 256 numbers of a range whose two ends are learned; always holds 0 exactly.

    Args:
        initial: Range to begin with.
        **options: Of a Keras layer.
    """

    def __init__(self, initial: Range, **options: Any) -> None:
        super().__init__(**options)
        constant = keras.initializers.Constant
        self.lowest = self.add_weight(shape=(), initializer=constant(min(initial[0], 0.0)), name="lowest")
        self.highest = self.add_weight(shape=(), initializer=constant(max(initial[1], 1e-6)), name="highest")

    def call(self, inputs: Any) -> Any:
        """Values of the same shape."""
        return tf.quantization.fake_quant_with_min_max_vars(inputs, self.lowest, self.highest)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """As it came in."""
        return input_shape

    def scale(self, factor: float) -> None:
        """Multiplies both ends of its range."""
        for end in (self.lowest, self.highest):
            end.assign(end * factor)

    @property
    def range(self) -> Range:
        """Where it ended up."""
        return min(float(self.lowest.numpy()), 0.0), max(float(self.highest.numpy()), 0.0)


def with_logits(network: Any) -> Any:
    """A copy in which the softmax of a last dense layer is a layer of its own, as in the converted network.

    There the logits are a tensor of integers like any other, and the coarsest of all where they decide between two
    classes.
    """
    head = network.layers[-1]
    if not has_softmax(head):
        return network

    def make(layer: Any) -> Any:
        settings = layer.get_config()
        return type(layer).from_config({**settings, "activation": "linear"} if layer is head else settings)

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        output = layer(*args, **kwargs)
        return layers.Softmax(name=f"{head.name}__softmax")(output) if layer.name == head.name else output

    return _clone(network, call, make)


def has_softmax(layer: Any) -> bool:
    """Whether it is a dense layer that gives probabilities."""
    return isinstance(layer, layers.Dense) and layer.activation is keras.activations.softmax


def rounded_layers(network: Any) -> list[str]:
    """Names of the layers behind which a tensor of integers lies in the converted network.

    The converter fuses a convolution or dense layer with the batch normalisation and the ReLU behind it, so only the
    last of them gives one. Probabilities have a fixed range.

    Args:
        network: As ``with_logits`` gives it.
    """
    readers = readers_of(network)
    return [
        layer.name
        for layer in network.layers[:-1]
        if not isinstance(layer, (*_SHAPING, layers.Rescaling)) and not _is_fused(layer, readers)
    ]


def _is_fused(layer: Any, readers: Mapping[int, Sequence[Any]]) -> bool:
    after = readers.get(id(layer.output), [])
    if len(after) != 1 or not isinstance(
        layer, layers.Conv2D | layers.DepthwiseConv2D | layers.Dense | layers.BatchNormalization | layers.Add
    ):
        return False
    linear = getattr(layer, "activation", None) in (None, keras.activations.linear)
    relu = isinstance(after[0], layers.ReLU) or getattr(after[0], "activation", None) is keras.activations.relu
    is_activation = isinstance(after[0], layers.ReLU | layers.Activation)
    folded = isinstance(after[0], layers.BatchNormalization)
    return linear and ((is_activation and relu) or (folded and not isinstance(layer, layers.Add)))


def find_ranges(network: Any, names: Sequence[str], pictures: npt.NDArray[np.uint8]) -> dict[str, Range]:
    """Smallest and largest value that layers give over some pictures, uint8 (n, height, width, 3)."""
    probe = keras.Model(network.input, [network.get_layer(name).output for name in names])
    lowest, highest = np.zeros(len(names)), np.zeros(len(names))
    for start in range(0, len(pictures), _BATCH):
        given = tf.nest.flatten(probe(pictures[start : start + _BATCH].astype(np.float32), training=False))
        lowest = np.minimum(lowest, [float(tf.reduce_min(t)) for t in given])
        highest = np.maximum(highest, [float(tf.reduce_max(t)) for t in given])
    return {name: (float(a), float(b)) for name, a, b in zip(names, lowest, highest, strict=True)}


def round_activations(network: Any, ranges: Mapping[str, Range]) -> Any:
    """A copy of a network with ``RoundedActivation`` behind the layers that ``ranges`` names, and the same weights.

    All its layers may change. It is to be called with ``training=False``: the stored statistics of batch normalisation
    are part of the int8 weights, and only its factors and offsets are trained.
    """

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        output = layer(*args, **kwargs)
        if layer.name not in ranges:
            return output
        return RoundedActivation(ranges[layer.name], name=_rounding_name(layer.name))(output)

    copy = _clone(network, call)
    for layer in network.layers:
        copy.get_layer(layer.name).trainable = True
    return copy


def _clone(network: Any, call: Callable[..., Any], make: Callable[..., Any] | None = None) -> Any:
    """A copy whose layers are made and called in another way, with the same weights."""
    copy = keras.models.clone_model(network, clone_function=make, call_function=call)
    for layer in network.layers:
        copy.get_layer(layer.name).set_weights(layer.get_weights())
    return copy


def rounding_of(copy: Any, layer: str) -> RoundedActivation:
    """The rounding behind a layer of a copy."""
    rounding: RoundedActivation = copy.get_layer(_rounding_name(layer))
    return rounding


def _rounding_name(layer: str) -> str:
    return f"{layer}__rounded"


def learned_ranges(copy: Any) -> dict[str, Range]:
    """The ranges that the rounding layers of a copy have learned, by the layer they belong to."""
    suffix = _rounding_name("")
    return {
        layer.name.removesuffix(suffix): layer.range for layer in copy.layers if isinstance(layer, RoundedActivation)
    }


def take_weights(network: Any, copy: Any) -> None:
    """Gives a network the weights of its copy with rounding layers."""
    for layer in network.layers:
        layer.set_weights(copy.get_layer(layer.name).get_weights())


class RoundedKernels:
    """The kernels of a network, which can be rounded for a while."""

    def __init__(self, network: Any) -> None:
        self._kernels = [(layer.kernel, axes) for layer in network.layers if (axes := step_axes(layer))]

    def round(self) -> list[Any]:
        """Rounds them in place; gives what they were."""
        kept = [tf.identity(kernel.value) for kernel, _ in self._kernels]
        for (kernel, axes), exact in zip(self._kernels, kept, strict=True):
            kernel.assign(round_weights(exact, axes))
        return kept

    def restore(self, kept: Sequence[Any]) -> None:
        """Gives them back what ``round`` took."""
        for (kernel, _), exact in zip(self._kernels, kept, strict=True):
            kernel.assign(exact)

    @contextmanager
    def rounded(self) -> Iterator[None]:
        """Rounded inside the block."""
        kept = self.round()
        try:
            yield
        finally:
            self.restore(kept)
