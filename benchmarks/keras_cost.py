"""Multiply-accumulates of a TensorFlow function."""

import math
from typing import Any


def count_macs(function: Any) -> int:
    """Multiply-accumulates of one call: of convolutions and matrix products, as in ``flatbuffer``.

    Args:
        function: A ``tf.function`` with one input signature.
    """
    graph = function.get_concrete_function().graph
    return sum(_macs(operation) for operation in _operations(graph))


def _operations(graph: Any) -> list[Any]:
    return [*graph.get_operations()]


def _macs(operation: Any) -> int:
    if operation.type not in ("Conv2D", "DepthwiseConv2dNative", "MatMul"):
        return 0
    output: list[int] = [side or 1 for side in operation.outputs[0].shape.as_list()]
    weights: list[int] = operation.inputs[1].shape.as_list()
    if operation.type == "Conv2D":  # weights: (rows, columns, in / groups, out)
        return math.prod(output) * math.prod(weights[:3])
    if operation.type == "DepthwiseConv2dNative":  # weights: (rows, columns, in, multiplier)
        return math.prod(output) * math.prod(weights[:2])
    inner = weights[1] if operation.get_attr("transpose_b") else weights[0]
    return math.prod(output) * inner
