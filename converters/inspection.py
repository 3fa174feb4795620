"""What a flatbuffer is made of, for the checks of targets. Needs TensorFlow, for its classes of the TFLite schema."""

from pathlib import Path
from typing import Any


def inspect(request: dict[str, Any]) -> dict[str, Any]:
    """Reads the ``.tflite`` at ``request["flatbuffer"]``.

    Returns:
        ``operators``: in their order, each with ``name``, ``version``, ``inputs`` and ``outputs`` (numbers of tensors);
        ``tensors``: each with ``name``, ``shape``, ``type`` and ``constant``; ``inputs``, ``outputs``;
        ``subgraphs``: how many.
    """
    from tensorflow.lite.python import schema_py_generated as schema
    from tensorflow.lite.tools import flatbuffer_utils

    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(Path(request["flatbuffer"]).read_bytes()))
    graph = model.subgraphs[0]
    names = _names(schema.BuiltinOperator)
    types = _names(schema.TensorType)
    codes = [_code(code, names) for code in model.operatorCodes]
    return {
        "operators": [
            {
                "name": codes[op.opcodeIndex][0],
                "version": codes[op.opcodeIndex][1],
                "inputs": _numbers(op.inputs),
                "outputs": _numbers(op.outputs),
            }
            for op in graph.operators
        ],
        "tensors": [
            {
                "name": tensor.name.decode(),
                "shape": _numbers(tensor.shape),
                "type": types[tensor.type].lower(),
                "constant": bool(getattr(model.buffers[tensor.buffer], "data", None) is not None),
                "fixed": tensor.shapeSignature is None or min(tensor.shapeSignature, default=1) > 0,
            }
            for tensor in graph.tensors
        ],
        "inputs": _numbers(graph.inputs),
        "outputs": _numbers(graph.outputs),
        "subgraphs": len(model.subgraphs),
    }


def _code(code: Any, names: dict[int, str]) -> tuple[str, int]:
    builtin = max(code.builtinCode, code.deprecatedBuiltinCode)
    name = names.get(builtin, str(builtin))
    if name == "CUSTOM":
        name = f"custom operator {(code.customCode or b'').decode(errors='replace')}"
    return name, int(code.version)


def _names(enumeration: Any) -> dict[int, str]:
    return {value: name for name, value in vars(enumeration).items() if isinstance(value, int)}


def _numbers(values: Any) -> list[int]:
    return [] if values is None else [int(value) for value in values]
