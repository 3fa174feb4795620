"""What stands in a ``.tflite``: its operators, their weights and multiply-accumulates. Needs no TensorFlow.

Where the schema is not installed (see ``sorter.flatbuffer``), as with tflite-runtime on 32-bit ARM, nothing is counted.
"""

import copy
import math
from dataclasses import dataclass
from typing import Any

from sorter.flatbuffer import find_schema, names_of, numbers, operator_number, pack_model, unpack_model

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
        schema: Python classes of the schema: see ``sorter.flatbuffer``.
    """

    def __init__(self, flatbuffer: bytes, schema: Any) -> None:
        self._schema = schema
        self._model = unpack_model(flatbuffer)
        self._graph = self._model.subgraphs[0]
        self._names = names_of(schema.BuiltinOperator)

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

    def is_fixed(self, index: int) -> bool:
        """Whether an operator has nothing but constants for its input: interpreters run it once, at loading.

        Half-precision weights are such: a ``DEQUANTIZE`` makes floats of them.
        """
        inputs = [i for i in self._graph.operators[index].inputs if i >= 0]
        return all(self._is_constant(i) for i in inputs)

    def isolate(self, index: int) -> bytes:
        """A network of one operator alone, with what makes its weights: content of a ``.tflite``."""
        wanted = self._graph.operators[index]
        fixed = {op.outputs[0]: op for i, op in enumerate(self._graph.operators) if i != index and self.is_fixed(i)}
        operators = [copy.copy(op) for op in [*(fixed[i] for i in wanted.inputs if i in fixed), wanted]]
        used = dict.fromkeys(i for op in operators for i in (*op.inputs, *op.outputs) if i >= 0)
        tensors, buffers, places = self._copy_tensors(list(used))
        made = {i for op in operators for i in op.outputs}
        inputs = [places[i] for i in dict.fromkeys(wanted.inputs) if i >= 0 and i not in made]
        inputs = [i for i in inputs if not tensors[i].buffer]
        for operator in operators:
            operator.inputs = [places[i] for i in operator.inputs]
            operator.outputs = [places[i] for i in operator.outputs]
        return self._pack(operators, tensors, buffers, inputs)

    def _copy_tensors(self, used: list[int]) -> tuple[list[Any], list[Any], dict[int, int]]:
        """Tensors with new places, the buffers of their constants (0 is that of all others), and their places."""
        tensors: list[Any] = []
        buffers, places = [self._schema.BufferT()], {-1: -1}
        for old in used:
            tensor = copy.copy(self._graph.tensors[old])
            tensor.buffer = 0
            if self._is_constant(old):
                tensor.buffer = len(buffers)
                buffers.append(self._model.buffers[self._graph.tensors[old].buffer])
            places[old] = len(tensors)
            tensors.append(tensor)
        return tensors, buffers, places

    def _pack(self, operators: list[Any], tensors: list[Any], buffers: list[Any], inputs: list[int]) -> bytes:
        graph, model = self._schema.SubGraphT(), self._schema.ModelT()
        graph.tensors, graph.operators, graph.inputs = tensors, operators, inputs
        graph.outputs = operators[-1].outputs
        model.version, model.operatorCodes = self._model.version, self._model.operatorCodes
        model.subgraphs, model.buffers = [graph], buffers
        return pack_model(model)

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
        return self._names.get(operator_number(code), "UNKNOWN")

    def _shape(self, index: int) -> tuple[int, ...]:
        return tuple(numbers(self._graph.tensors[index].shape))

    def _is_constant(self, index: int) -> bool:
        if index < 0:
            return False
        data = self._model.buffers[self._graph.tensors[index].buffer].data
        return data is not None and len(data) > 0


def take_apart(flatbuffer: bytes) -> Network | None:
    """A network taken apart, or None where no schema is installed."""
    schema = find_schema()
    return None if schema is None else Network(flatbuffer, schema)
