"""Networks as the worker sees them: read, checked, made to take raw pixels, and run. Needs TensorFlow."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sorter.errors import ConversionError

_BATCH = 32


@dataclass(frozen=True)
class Network:
    """A network that takes raw pixels and gives probabilities, wherever it comes from.

    Attributes:
        call: From float32 (n, height, width, 3) in 0..255 to float32 (n, classes).
        keras: The ``keras.Model`` behind it; None for a SavedModel.
        owner: Keeps the weights alive; for a SavedModel the loaded object, else the model itself.
        shape: (height, width, 3).
    """

    call: Callable[[Any], Any]
    keras: Any | None
    owner: Any
    shape: tuple[int, int, int]


_loaded: dict[str, Network] = {}
"""The last network that was read, by its place and the time of its file."""


def open_network(place: Mapping[str, Any], fresh: bool = False) -> Network:
    """Reads a network, or gives the one that was read before.

    Args:
        place: What ``Source.to_request`` gives.
        fresh: Whether the caller is going to change its weights, and so needs one of its own.

    Raises:
        ConversionError: It cannot be read, or is no network for one colour picture at a time.
    """
    read = _open_saved_model if place["kind"] == "saved_model" else _open_keras
    key = f"{json.dumps(place, sort_keys=True)} {Path(place['path']).stat().st_mtime_ns}"
    if key not in _loaded:
        _loaded.clear()
        _loaded[key] = read(place)
    # One that is going to be changed is given away: whoever wants the original next reads it again.
    return _loaded.pop(key) if fresh else _loaded[key]


def _open_keras(place: Mapping[str, Any]) -> Network:
    import keras

    model = _load_keras(place)
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise _not_one(len(model.inputs), len(model.outputs))
    shape = _fixed_shape(model.inputs[0].shape, model.outputs[0].shape, place)
    scale, offset = place["scale"]
    if (scale, offset) != (1.0, 0.0) or tuple(model.inputs[0].shape[1:]) != shape:
        pixels = keras.Input(shape, name="pixels")
        model = keras.Model(pixels, model(keras.layers.Rescaling(scale, offset, name="input_range")(pixels)))
    if place["softmax"]:
        model = keras.Model(model.inputs, keras.layers.Softmax(name="softmax")(model.outputs[0]))
    return Network(lambda pictures: model(pictures, training=False), model, model, shape)


def _load_keras(place: Mapping[str, Any]) -> Any:
    import keras

    try:
        # safe_mode: a file from elsewhere must not run code of its own (Lambda layers are unpickled otherwise).
        return keras.models.load_model(place["path"], compile=False, safe_mode=not place["trust"])
    except Exception as error:
        # Keras raises whatever its ZIP, HDF5 and JSON readers and its layers raise.
        raise _explain_unreadable(place, " ".join(str(error).split())) from error


def _explain_unreadable(place: Mapping[str, Any], reason: str) -> ConversionError:
    name = Path(place["path"]).name
    if "ambda" in reason and ("safe_mode" in reason or "unsafe" in reason or "deserializ" in reason):
        return ConversionError(
            f"{name} has a Lambda layer: Python code that would be run on reading it.",
            "Give --trust if you know where the file comes from, or replace the layer.",
        )
    if "Could not locate class" in reason or "Unknown layer" in reason or "not registered" in reason:
        return ConversionError(
            f"{name} has a layer of its own that Keras does not know: {reason[:200]}.",
            "Save it as a SavedModel with model.export(FOLDER) where the layer is known, and convert that folder.",
        )
    return ConversionError(f"{name} cannot be read: {reason[:250]}.", "It may be damaged; save or train it again.")


def _open_saved_model(place: Mapping[str, Any]) -> Network:
    import tensorflow as tf

    try:
        loaded = tf.saved_model.load(place["path"])
    except Exception as error:
        raise _explain_unreadable(place, " ".join(str(error).split())) from error
    signature = loaded.signatures.get("serving_default") or next(iter(loaded.signatures.values()), None)
    if signature is None:
        raise ConversionError(f"{place['path']} has no signature to call.", "Save it with model.export(FOLDER).")
    inputs, outputs = signature.structured_input_signature[1], signature.structured_outputs
    if len(inputs) != 1 or len(outputs) != 1:
        raise _not_one(len(inputs), len(outputs))
    (name, given), (wanted, result) = next(iter(inputs.items())), next(iter(outputs.items()))
    shape = _fixed_shape(tuple(given.shape), tuple(result.shape), place)
    scale, offset = place["scale"]

    def call(pictures: Any) -> Any:
        # Times one and plus nothing would stay in the file as operators.
        scaled = pictures if (scale, offset) == (1.0, 0.0) else pictures * scale + offset
        scores = signature(**{name: scaled})[wanted]
        return tf.nn.softmax(scores) if place["softmax"] else scores

    return Network(call, None, loaded, shape)


def _not_one(inputs: int, outputs: int) -> ConversionError:
    return ConversionError(
        f"The network has {inputs} inputs and {outputs} outputs; an image classifier has one of each.",
        "Make a network of one picture and one list of probabilities, for example keras.Model(inputs[0], outputs[0]).",
    )


def _fixed_shape(
    given: tuple[int | None, ...], result: tuple[int | None, ...], place: Mapping[str, Any]
) -> tuple[int, int, int]:
    if len(given) != 4 or len(result) != 2 or result[1] is None:
        raise ConversionError(
            f"The network takes {given} and gives {result}; (None, height, width, 3) and (None, classes) are needed.",
            "Give an image classification network.",
        )
    if given[3] != 3:
        raise ConversionError(
            f"The network takes pictures of {given[3]} channels; cameras here give three (red, green, blue).",
            "A greyscale network needs a first layer that makes grey of colour; put it in front and save it again.",
        )
    asked = place.get("size")
    height, width = (asked[1], asked[0]) if asked else given[1:3]
    if height is None or width is None:
        raise ConversionError(
            f"The network takes pictures of any size ({given}); on a device the size is fixed.",
            "Give the size with --image-size, for example --image-size 224.",
        )
    for fixed, side in zip(given[1:3], (height, width), strict=True):
        if fixed is not None and fixed != side:
            raise ConversionError(
                f"The network takes {given[2]}x{given[1]} pixels, not {width}x{height}.",
                "Leave --image-size out, or convert again from the folder that sorter-train wrote.",
            )
    return (height, width, 3)


def describe(request: dict[str, Any]) -> dict[str, Any]:
    """Says what a network takes and gives: ``height``, ``width``, ``classes``, and whether it gives probabilities."""
    import tensorflow as tf

    network = open_network(request["network"])
    rng = np.random.default_rng(0)
    # Two pictures are not worth a graph.
    tried = np.asarray(network.call(tf.constant(rng.integers(0, 256, (2, *network.shape)), tf.float32)))
    probable = bool((tried >= -1e-6).all() and np.allclose(tried.sum(axis=1), 1, atol=1e-3))
    return {
        "height": network.shape[0],
        "width": network.shape[1],
        "classes": int(tried.shape[1]),
        "probabilities": probable,
        "kind": request["network"]["kind"],
    }


def predict(request: dict[str, Any]) -> None:
    """Writes the network's probabilities for prepared pictures, float32 (n, classes), to the output."""
    network = open_network(request["network"])
    np.save(request["output"], _run(network, np.load(request["pictures"], mmap_mode="r")))


def _run(network: Network, pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    import tensorflow as tf

    # A graph costs a second to make, and saves more over a test part than it costs.
    call = tf.function(network.call, input_signature=[tf.TensorSpec((None, *network.shape), tf.float32)])
    batches = [
        np.asarray(call(tf.constant(pictures[start : start + _BATCH], tf.float32)))
        for start in range(0, len(pictures), _BATCH)
    ]
    return np.concatenate(batches)
