"""Saturation that a network never reaches, taken out where it keeps a runtime from loading the file."""

from typing import Any

_LARGEST = 2**31 - 1


def drop_idle_relu6(flatbuffer: bytes) -> bytes:
    """Makes a ReLU of each ReLU6 whose 6 the integers of its output cannot reach anyway. Needs TensorFlow.

    LiteRT brings the 6 to the scale of the output and refuses the file where that overflows 32 bits: with 16-bit
    activations, where a layer's largest output was below 0.0001 on the calibration photos, which happens to layers that
    learned nothing. The result is the same to the bit, since the largest integer stands for less than 6.
    """
    from tensorflow.lite.python import schema_py_generated as schema
    from tensorflow.lite.tools import flatbuffer_utils

    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(flatbuffer))
    kinds = schema.ActivationFunctionType
    changed = False
    for graph in model.subgraphs:
        for operator in graph.operators:
            options = operator.builtinOptions
            saturates = getattr(options, "fusedActivationFunction", None) == kinds.RELU6
            if saturates and _overflows(graph.tensors[operator.outputs[0]]):
                options.fusedActivationFunction, changed = kinds.RELU, True
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model)) if changed else flatbuffer


def _overflows(tensor: Any) -> bool:
    scales = tensor.quantization.scale if tensor.quantization is not None else None
    return scales is not None and len(scales) == 1 and 6 / float(scales[0]) > _LARGEST
