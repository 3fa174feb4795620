"""The flatbuffer of a ``.tflite`` as Python objects. Needs no TensorFlow.

The classes of the schema (https://github.com/google-ai-edge/LiteRT, ``schema.fbs``) come with LiteRT and with
TensorFlow; tflite-runtime brings none.
"""

import importlib
from typing import Any

from sorter.errors import ConfigError

_SCHEMAS = ("ai_edge_litert.schema_py_generated", "tensorflow.lite.python.schema_py_generated")
_IDENTIFIER = b"TFL3"


def find_schema() -> Any | None:
    """The module with the schema's Python classes; None where none is installed."""
    for name in _SCHEMAS:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    return None


def load_schema() -> Any:
    """The module with the schema's Python classes.

    Raises:
        ConfigError: None is installed.
    """
    schema = find_schema()
    if schema is None:
        raise ConfigError("Nothing here knows what a .tflite is made of.", "Install ai-edge-litert.")
    return schema


def unpack_model(flatbuffer: bytes) -> Any:
    """The ``ModelT`` of a ``.tflite``: a tree of objects that may be changed.

    Raises:
        ConfigError: No schema is installed.
    """
    return load_schema().ModelT.InitFromPackedBuf(flatbuffer, 0)


def pack_model(model: Any) -> bytes:
    """The content of a ``.tflite`` with this ``ModelT``."""
    import flatbuffers

    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), _IDENTIFIER)
    return bytes(builder.Output())


def names_of(enumeration: Any) -> dict[int, str]:
    """Names of an enumeration of the schema, such as ``BuiltinOperator``, by number."""
    return {value: name for name, value in vars(enumeration).items() if not name.startswith("_")}


def operator_number(code: Any) -> int:
    """Which of ``BuiltinOperator`` an ``OperatorCodeT`` means.

    Numbers above 127 stand in a newer field; older files have the old one only.
    """
    return int(max(code.builtinCode, code.deprecatedBuiltinCode))


def numbers(values: Any) -> list[int]:
    """A vector of the schema, such as a shape, as whole numbers; empty where it was left out."""
    return [] if values is None else [int(value) for value in values]
