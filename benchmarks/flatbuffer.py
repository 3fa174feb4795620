"""What stands in a ``.tflite``: its operators, their weights and multiply-accumulates. Needs no TensorFlow.

The schema's Python classes come with LiteRT (and with TensorFlow); where neither is installed, as with tflite-runtime
on 32-bit ARM, nothing is counted.
"""

import copy
import importlib
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

_SCHEMAS = ("ai_edge_litert.schema_py_generated", "tensorflow.lite.python.schema_py_generated")

_INT32, _INT64 = 2, 4  # TensorType in schema.fbs: sizes and axes, save as biases
_WITH_BIAS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV")


@dataclass(frozen=True)
class Operator:
    """One operator of a network.

    Attributes:
        index: Its place in the order of execution.
        name: Its kind, as in the schema: ``CONV_2D``.
        output: Shape of what it gives.
        macs: Multiply-accumulates.
    """

    index: int
    name: str
    output: tuple[int, ...]
    macs: int


class Network:
    """A network taken apart.

    Args:
        flatbuffer: Content of a ``.tflite``.
        schema: Python classes of the schema: see ``find_schema``.
    """

    def __init__(self, flatbuffer: bytes, schema: Any) -> None:
        self._schema = schema
        self._model = schema.ModelT.InitFromPackedBuf(flatbuffer, 0)
        self._graph = self._model.subgraphs[0]
        self._names: dict[int, str] = {
            code: name for name, code in vars(schema.BuiltinOperator).items() if not name.startswith("_")
        }

    def operators(self) -> list[Operator]:
        """All operators in the order of their execution."""
        return [self._operator(index) for index in range(len(self._graph.operators))]

    def parameters(self) -> int:
        """Weights and biases. Batch normalisation is mostly part of them, so Keras counts a little more."""
        biases = {
            operator.inputs[2]
            for operator in self._graph.operators
            if self._name(operator) in _WITH_BIAS and len(operator.inputs) > 2
        }
        return sum(
            math.prod(self._shape(index))
            for index, tensor in enumerate(self._graph.tensors)
            if self._is_constant(index) and (tensor.type not in (_INT32, _INT64) or index in biases)
        )

    def isolate(self, index: int) -> bytes:
        """A network of one operator alone, with its weights: content of a ``.tflite``."""
        import flatbuffers

        schema, operator = self._schema, copy.copy(self._graph.operators[index])
        tensors: list[Any] = []
        buffers = [schema.BufferT()]
        places: dict[int, int] = {-1: -1}
        for old in [*operator.inputs, *operator.outputs]:
            if old in places:
                continue
            tensor = copy.copy(self._graph.tensors[old])
            tensor.buffer = 0
            if self._is_constant(old):
                tensor.buffer = len(buffers)
                buffers.append(self._model.buffers[self._graph.tensors[old].buffer])
            places[old] = len(tensors)
            tensors.append(tensor)
        inputs = [places[old] for old in dict.fromkeys(operator.inputs) if old >= 0 and not self._is_constant(old)]
        operator.inputs = [places[old] for old in operator.inputs]
        operator.outputs = [places[old] for old in operator.outputs]
        graph = schema.SubGraphT()
        graph.tensors, graph.operators, graph.inputs, graph.outputs = tensors, [operator], inputs, operator.outputs
        model = schema.ModelT()
        model.version, model.operatorCodes = self._model.version, self._model.operatorCodes
        model.subgraphs, model.buffers = [graph], buffers
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def _operator(self, index: int) -> Operator:
        operator = self._graph.operators[index]
        name, output = self._name(operator), self._shape(operator.outputs[0])
        return Operator(index, name, output, self._macs(name, operator, output))

    def _macs(self, name: str, operator: Any, output: tuple[int, ...]) -> int:
        if name not in (*_WITH_BIAS, "BATCH_MATMUL"):
            return 0
        given, weights = self._shape(operator.inputs[0]), self._shape(operator.inputs[1])
        if name == "CONV_2D":  # weights: (out, rows, columns, in / groups)
            return math.prod(output) * math.prod(weights[1:])
        if name == "DEPTHWISE_CONV_2D":  # weights: (1, rows, columns, out)
            return math.prod(output) * math.prod(weights[1:3])
        if name == "TRANSPOSE_CONV":  # inputs: output shape, weights (out, rows, columns, in), data
            return math.prod(self._shape(operator.inputs[2])) * math.prod(weights[:3])
        if name == "FULLY_CONNECTED":  # weights: (out, in)
            return math.prod(output) * weights[-1]
        return math.prod(output) * given[-1]

    def _name(self, operator: Any) -> str:
        code = self._model.operatorCodes[operator.opcodeIndex]
        # Codes above 127 stand in a newer field; older files have the old one only (schema.fbs, OperatorCode).
        return self._names.get(max(code.builtinCode, code.deprecatedBuiltinCode), "UNKNOWN")

    def _shape(self, index: int) -> tuple[int, ...]:
        shape = self._graph.tensors[index].shape
        return tuple(int(side) for side in np.atleast_1d(shape if shape is not None else ()))

    def _is_constant(self, index: int) -> bool:
        if index < 0:
            return False
        data = self._model.buffers[self._graph.tensors[index].buffer].data
        return data is not None and len(data) > 0


def find_schema() -> Any | None:
    """The module with the schema's Python classes; None where none is installed."""
    for name in _SCHEMAS:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    return None


def take_apart(flatbuffer: bytes) -> Network | None:
    """A network taken apart, or None where no schema is installed."""
    schema = find_schema()
    return None if schema is None else Network(flatbuffer, schema)
