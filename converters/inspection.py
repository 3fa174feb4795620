"""What a flatbuffer is made of, for the checks of targets."""

from pathlib import Path
from typing import Any

from sorter.flatbuffer import load_schema, names_of, numbers, operator_number, unpack_model


def inspect(request: dict[str, Any]) -> dict[str, Any]:
    """Reads the ``.tflite`` at ``request["flatbuffer"]``.

    Returns:
        ``operators``: in their order, each with ``name``, ``version``, ``inputs`` and ``outputs`` (numbers of tensors);
        ``tensors``: each with ``name``, ``shape``, ``type`` and ``constant``; ``inputs``, ``outputs``;
        ``subgraphs``: how many.
    """
    schema, model = load_schema(), unpack_model(Path(request["flatbuffer"]).read_bytes())
    graph = model.subgraphs[0]
    names = names_of(schema.BuiltinOperator)
    types = names_of(schema.TensorType)
    codes = [_code(code, names) for code in model.operatorCodes]
    return {
        "operators": [
            {
                "name": codes[op.opcodeIndex][0],
                "version": codes[op.opcodeIndex][1],
                "inputs": numbers(op.inputs),
                "outputs": numbers(op.outputs),
            }
            for op in graph.operators
        ],
        "tensors": [
            {
                "name": tensor.name.decode(),
                "shape": numbers(tensor.shape),
                "type": types[tensor.type].lower(),
                "constant": bool(getattr(model.buffers[tensor.buffer], "data", None) is not None),
                "fixed": tensor.shapeSignature is None or min(tensor.shapeSignature, default=1) > 0,
            }
            for tensor in graph.tensors
        ],
        "inputs": numbers(graph.inputs),
        "outputs": numbers(graph.outputs),
        "subgraphs": len(model.subgraphs),
    }


def _code(code: Any, names: dict[int, str]) -> tuple[str, int]:
    builtin = operator_number(code)
    name = names.get(builtin, str(builtin))
    if name == "CUSTOM":
        name = f"custom operator {(code.customCode or b'').decode(errors='replace')}"
    return name, int(code.version)
