"""Grad-CAM: which places of a picture a Keras network's answer rests on.

Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", ICCV 2017.

The feature maps are taken down while the network runs, not by cutting its graph, so models inside models, subclassed
models and any backbone work alike.
"""

import difflib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import cv2
import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from keras import layers

from sorter.errors import ConfigError
from sorter.metrics import Probabilities

_CONVOLUTIONS = (layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D, layers.Conv2DTranspose)

_TRIAL_SIDE_PX = 224
"""Side of the trial picture for a network that takes any size."""

_NAMED = 5
"""How many similar names are suggested for a layer that is not there."""


@dataclass(frozen=True)
class Explanation:
    """Why a network answers what it answers.

    Attributes:
        probabilities: float32 (classes,).
        explained: Index of the class whose evidence the heat map shows.
        heat: float32 (H, W) of the network's input size, 0..1; all 0 where nothing speaks for the class.
    """

    probabilities: Probabilities
    explained: int
    heat: npt.NDArray[np.float32]

    @property
    def predicted(self) -> int:
        """Index of the most probable class."""
        return int(self.probabilities.argmax())

    def share_outside(self, mask: npt.NDArray[np.bool_]) -> float | None:
        """Share of the heat that lies outside a mask of the same picture, of any size; None where there is no heat."""
        size = (self.heat.shape[1], self.heat.shape[0])
        # By area, so that a pixel that the outline crosses counts in part.
        inside = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        total = float(self.heat.sum())
        return float((self.heat * (1.0 - inside)).sum()) / total if total > 0 else None


@dataclass(frozen=True)
class _Place:
    """A layer, where it is, and what it gave in a trial run: its output's shape without the batch."""

    path: str
    layer: Any
    shape: tuple[int, ...]

    @property
    def is_spatial(self) -> bool:
        return len(self.shape) == 3 and self.shape[0] * self.shape[1] > 1


class Explainer:
    """Explains the answers of one network.

    Args:
        network: A built ``keras.Model``: pictures (n, H, W, 3) in, probabilities (n, classes) out.
        layer: Name of the layer whose feature maps are looked at, ``inner/name`` for one inside another model. None
            for the last convolution that still has spatial extent, with the normalisation, addition and activation
            behind it.

    Raises:
        ConfigError: There is no such layer, or it has no spatial extent.
    """

    def __init__(self, network: Any, layer: str | None = None) -> None:
        self._network = network
        places = _run_on_trial(network)
        place = _choose_last_convolution(places, network) if layer is None else _find_layer(places, layer, network)
        self._layer = place.layer
        self.layer_name = place.path

    def explain(self, pixels: npt.NDArray[Any], classes: Sequence[int] | None = None) -> tuple[Explanation, ...]:
        """Explains a batch.

        Args:
            pixels: (n, H, W, 3) as the network takes them.
            classes: The class to explain for each picture; None for the one that the network predicts.

        Raises:
            ConfigError: The answer does not depend on the chosen layer.
        """
        inputs = tf.convert_to_tensor(pixels, tf.float32)
        maps: list[Any] = []
        logits: list[Any] = []
        with tf.GradientTape(watch_accessed_variables=False) as tape:

            def take_down(_layer: Any, output: Any) -> None:
                tape.watch(output)
                maps.append(output)

            with _noting_outputs([self._layer], take_down), _noting_logits(self._network, logits):
                probabilities = self._network(inputs, training=False)
            # The paper differentiates what goes into softmax: behind it, a network that is sure has no slope left.
            scores = logits[-1] if logits else tf.math.log(probabilities + 1e-12)
            chosen = tf.argmax(probabilities, axis=1) if classes is None else tf.constant(list(classes), tf.int64)
            score = tf.reduce_sum(tf.gather(scores, chosen, axis=1, batch_dims=1))
        gradients = tape.gradient(score, maps[-1])
        if gradients is None:
            raise ConfigError(f"The answer does not depend on layer {self.layer_name}.", "Choose another layer.")
        heat = _weigh(maps[-1].numpy(), gradients.numpy())
        size = (int(inputs.shape[2]), int(inputs.shape[1]))
        answers = np.asarray(probabilities, np.float32)
        return tuple(
            Explanation(answer, int(c), _enlarge(one, size))
            for answer, c, one in zip(answers, chosen.numpy(), heat, strict=True)
        )


def _weigh(maps: npt.NDArray[np.float32], gradients: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Equations 1 and 2 of the paper for (n, h, w, channels): float32 (n, h, w), the largest of each 1 or 0."""
    weights = gradients.mean(axis=(1, 2), keepdims=True)
    heat = np.maximum((weights * maps).sum(axis=3), 0.0)
    peaks = heat.max(axis=(1, 2), keepdims=True)
    return np.asarray(np.divide(heat, peaks, out=np.zeros_like(heat), where=peaks > 0), np.float32)


def _enlarge(heat: npt.NDArray[np.float32], size: tuple[int, int]) -> npt.NDArray[np.float32]:
    return np.asarray(cv2.resize(heat, size, interpolation=cv2.INTER_LINEAR), np.float32)


@contextmanager
def _noting_outputs(watched: Sequence[Any], note: Callable[[Any, Any], None]) -> Iterator[None]:
    """While the block runs, every call of one of the layers is noted with its output."""

    def noting(layer: Any, call: Callable[..., Any]) -> Callable[..., Any]:
        def call_and_note(*args: Any, **kwargs: Any) -> Any:
            output = call(*args, **kwargs)
            note(layer, output)
            return output

        return call_and_note

    try:
        for layer in watched:
            # Past Keras's own attribute tracking, which would take the function for a part of the network.
            object.__setattr__(layer, "call", noting(layer, layer.call))
        yield
    finally:
        for layer in watched:
            vars(layer).pop("call", None)


@contextmanager
def _noting_logits(network: Any, logits: list[Any]) -> Iterator[None]:
    """While the block runs, what goes into the network's last activation is noted, where there is one."""
    last = _last_layer(network)
    activation = getattr(last, "activation", None)
    if not callable(activation):
        yield
        return

    def activate(tensor: Any, *args: Any, **kwargs: Any) -> Any:
        logits.append(tensor)
        return activation(tensor, *args, **kwargs)

    last.activation = activate
    try:
        yield
    finally:
        last.activation = activation


def _last_layer(network: Any) -> Any:
    outputs = getattr(network, "outputs", None)
    if not outputs:
        return None
    operation = outputs[0]._keras_history.operation
    return _last_layer(operation) if isinstance(operation, keras.Model) else operation


def _all_layers(network: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for layer in network.layers:
        yield prefix + layer.name, layer
        if isinstance(layer, keras.Model):
            yield from _all_layers(layer, f"{prefix}{layer.name}/")


def _run_on_trial(network: Any) -> tuple[_Place, ...]:
    """All layers that take part, in the order in which they are done."""
    paths = {id(layer): path for path, layer in _all_layers(network)}
    places: list[_Place] = []

    def note(layer: Any, output: Any) -> None:
        shape = tuple(output.shape[1:]) if hasattr(output, "shape") else ()
        places.append(_Place(paths[id(layer)], layer, shape))

    side = [size or _TRIAL_SIDE_PX for size in network.input_shape[1:3]]
    with _noting_outputs([layer for _, layer in _all_layers(network)], note):
        network(tf.zeros((1, *side, 3)), training=False)
    return tuple(places)


def _choose_last_convolution(places: Sequence[_Place], network: Any) -> _Place:
    convolutions = [i for i, p in enumerate(places) if p.is_spatial and isinstance(p.layer, _CONVOLUTIONS)]
    if not convolutions:
        raise ConfigError(
            f"{network.name} has no convolution with spatial extent, so it cannot say where it looks.",
            "Give --layer with a layer whose output has height and width, if there is one.",
        )
    last = places[convolutions[-1]]
    behind = [p for p in places[convolutions[-1] :] if p.is_spatial and p.shape[:2] == last.shape[:2]]
    # A model that holds the layer ends with it; the layer itself is the better name.
    return [p for p in behind if not isinstance(p.layer, keras.Model)][-1]


def _find_layer(places: Sequence[_Place], name: str, network: Any) -> _Place:
    found = [p for p in places if p.path == name] or [p for p in places if p.path.rpartition("/")[2] == name]
    spatial = [p.path for p in places if p.is_spatial]
    if not found:
        near = ", ".join(_nearest(name, [p.path for p in places]))
        raise ConfigError(f"{network.name} has no layer called {name!r}.", f"The nearest names: {near}.")
    if len({p.path for p in found}) > 1:
        paths = ", ".join(dict.fromkeys(p.path for p in found))
        raise ConfigError(f"{network.name} has several layers called {name!r}.", f"Choose one of: {paths}.")
    if not found[-1].is_spatial:
        raise ConfigError(
            f"Layer {name} gives {found[-1].shape}, which has no height and width.",
            f"Choose a layer before it, for example {', '.join(spatial[-_NAMED:])}.",
        )
    return found[-1]


def _nearest(name: str, paths: Sequence[str]) -> list[str]:
    def likeness(path: str) -> float:
        compared = path if "/" in name else path.rpartition("/")[2]
        return difflib.SequenceMatcher(None, name.lower(), compared.lower()).ratio()

    return sorted(dict.fromkeys(paths), key=likeness, reverse=True)[:_NAMED]
