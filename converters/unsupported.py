"""Operators that TFLite or a number format does not have, and the layers that they belong to. Needs TensorFlow.

The converter knows no layers: it names operators, and int8 it leaves in floating point, without a word, whatever has
no int8 version.
"""

import re
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sorter.converters.diagnosis import layer_of
from sorter.converters.inspection import inspect
from sorter.converters.networks import Network
from sorter.converters.options import ConversionOptions
from sorter.errors import ConversionError

_NO_OPERATOR = re.compile(r"'tf\.(\w+)' op is neither a custom op nor a flex op")
_NO_WIDE_OPERATOR = re.compile(r"16x8-bit not yet supported for op: '(\w+)'")

_CHANGING_TYPES = ("QUANTIZE", "DEQUANTIZE")

_NAMED = 3


def explain(
    error: Exception, network: Network, options: ConversionOptions, float_file: Callable[[], bytes]
) -> ConversionError:
    """What the converter's error means for the person who has the network.

    Args:
        error: Of the converter.
        network: Which it could not convert.
        options: To what.
        float_file: A function that gives the network as a float32 flatbuffer, for the names of its operators.
    """
    reason = " ".join(str(error).split())
    if missing := _NO_OPERATOR.search(reason):
        needed_by = name_layers(_layers_in_graph(network, missing[1]))
        return ConversionError(
            f"TFLite has no operator for {missing[1]}, which {needed_by}.",
            "Replace it by a layer of common operators (convolution, ReLU, pooling, dense) and train again.",
        )
    if missing := _NO_WIDE_OPERATOR.search(reason):
        needed_by = name_layers(_layers_in_file(float_file(), network, missing[1]))
        return ConversionError(
            f"TensorFlow has no {missing[1]} with activations of 16 bits, which {needed_by}.",
            "Try --int8, or --dynamic where int8 loses too much; with ReLU or ReLU6 in its place it converts.",
        )
    return ConversionError(
        f"The network could not be converted to {options.format}: {type(error).__name__}: {reason[:400]}.",
        "Layers that TFLite does not know must be replaced; try another format to see whether it is the quantisation.",
    )


def find_float_layers(flatbuffer: bytes, network: Callable[[], Network]) -> list[tuple[str, str]]:
    """Layers of an integer flatbuffer that stayed in floating point: the name of each, and its operator.

    Args:
        flatbuffer: The file.
        network: Reads the network that it was made from; only called where names are needed.
    """
    facts = _inspect(flatbuffer)
    left = [
        (facts["tensors"][number]["name"], operator["name"])
        for operator in facts["operators"]
        for number in operator["outputs"]
        if operator["name"] not in _CHANGING_TYPES and facts["tensors"][number]["type"] == "float32"
    ]
    names = layer_names(network()) if left else []
    return [(layer_of(tensor, names), operator) for tensor, operator in left]


def name_layers(layers: Sequence[str]) -> str:
    """Who needs it, in words: a few by name; nobody where an operation belongs to no layer."""
    known = list(dict.fromkeys(layers))
    if not known:
        return "the network uses"
    more = f" and {len(known) - _NAMED} more" if len(known) > _NAMED else ""
    return f"layer {known[0]} needs" if len(known) == 1 else f"layers {', '.join(known[:_NAMED])}{more} need"


def layer_names(network: Network) -> list[str]:
    """Of a Keras network; none of a SavedModel."""
    if network.keras is None:
        return []
    return [layer.name for layer in network.keras._flatten_layers(include_self=False)]


def _layers_in_graph(network: Network, kind: str) -> list[str]:
    import tensorflow as tf

    specification = tf.TensorSpec((1, *network.shape), tf.float32)
    graph = tf.function(network.call, input_signature=[specification]).get_concrete_function().graph
    names = layer_names(network)
    found = [layer_of(operation.name, names) for operation in graph.get_operations() if operation.type == kind]
    return [name for name in found if name in names]


def _layers_in_file(flatbuffer: bytes, network: Network, kind: str) -> list[str]:
    facts, names = _inspect(flatbuffer), layer_names(network)
    found = [operator["outputs"][0] for operator in facts["operators"] if operator["name"] == kind]
    return [layer_of(facts["tensors"][number]["name"], names) for number in found]


def _inspect(flatbuffer: bytes) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.tflite"
        path.write_bytes(flatbuffer)
        return inspect({"flatbuffer": str(path)})
