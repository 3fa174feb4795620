"""TensorFlow Lite for Microcontrollers: a C array to compile in, its operators, and the arena that it needs."""

import re
from pathlib import Path
from typing import Any

from sorter.bundle import split_content
from sorter.converters.targets.arena import estimate_arena
from sorter.converters.targets.facts import Facts
from sorter.errors import ConversionError

RUNTIME = "tflite-micro"

_NAMES = """
ABS ADD ADD_N ARG_MAX ARG_MIN ASSIGN_VARIABLE AVERAGE_POOL_2D BATCH_MATMUL BATCH_TO_SPACE_ND BROADCAST_ARGS
BROADCAST_TO CALL_ONCE CAST CEIL CONCATENATION CONV_2D COS CUMSUM DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE DIV
DYNAMIC_UPDATE_SLICE ELU EMBEDDING_LOOKUP EQUAL EXP EXPAND_DIMS FILL FLOOR FLOOR_DIV FLOOR_MOD FULLY_CONNECTED GATHER
GATHER_ND GREATER GREATER_EQUAL HARD_SWISH IF L2_NORMALIZATION L2_POOL_2D LEAKY_RELU LESS LESS_EQUAL LOG LOGICAL_AND
LOGICAL_NOT LOGICAL_OR LOGISTIC LOG_SOFTMAX MAXIMUM MAX_POOL_2D MEAN MINIMUM MIRROR_PAD MUL NEG NOT_EQUAL PACK PAD
PADV2 PRELU QUANTIZE READ_VARIABLE REDUCE_ALL REDUCE_MAX REDUCE_MIN RELU RELU6 RESHAPE RESIZE_BILINEAR
RESIZE_NEAREST_NEIGHBOR REVERSE_V2 ROUND RSQRT SELECT_V2 SHAPE SIN SLICE SOFTMAX SPACE_TO_BATCH_ND SPACE_TO_DEPTH
SPLIT SPLIT_V SQRT SQUARE SQUARED_DIFFERENCE SQUEEZE STRIDED_SLICE SUB SUM SVDF TANH TRANSPOSE TRANSPOSE_CONV
UNIDIRECTIONAL_SEQUENCE_LSTM UNPACK VAR_HANDLE WHILE ZEROS_LIKE
"""

_OPERATORS = frozenset(_NAMES.split())
"""Operators with a kernel: those of the interpreter package of October 2026, found by giving it a file for each."""

_RESOLVER_NAMES = {
    "CONV_2D": "Conv2D", "DEPTHWISE_CONV_2D": "DepthwiseConv2D", "MAX_POOL_2D": "MaxPool2D",
    "AVERAGE_POOL_2D": "AveragePool2D", "L2_POOL_2D": "L2Pool2D", "PADV2": "PadV2", "SELECT_V2": "SelectV2",
    "BATCH_MATMUL": "BatchMatMul", "TRANSPOSE_CONV": "TransposeConv",
}  # fmt: skip
"""Names in ``micro_mutable_op_resolver.h`` that do not follow from those of the schema."""

_BYTES_A_LINE = 12


def check(facts: Facts) -> None:
    """Refuses operators without a kernel.

    Raises:
        ConversionError: There is one; it is named.
    """
    for operator in facts.operators:
        if operator.name not in _OPERATORS:
            raise ConversionError(
                f"TensorFlow Lite for Microcontrollers has no {operator.name}.",
                "Train a network of plain convolutions, for example the recipe tiny.",
            )


def finish(content: bytes, facts: Facts, path: Path) -> tuple[dict[Path, bytes], dict[str, Any]]:
    """The ``.tflite``, and beside it C source: ``NAME.cc`` and ``NAME.h``."""
    flatbuffer, _ = split_content(content, path)
    arena = estimate_arena(facts)
    name = re.sub(r"\W", "_", path.stem)
    name = f"model_{name}" if name[0].isdigit() else name
    files = {
        path.with_suffix(".tflite"): content,
        path.with_suffix(".cc"): _source(name, path.stem, flatbuffer).encode(),
        path.with_suffix(".h"): _header(name, facts, arena["total"]).encode(),
    }
    return files, {"operators": facts.count(), "arena_bytes": arena}


def _source(name: str, stem: str, flatbuffer: bytes) -> str:
    lines = [
        "    " + " ".join(f"0x{byte:02x}," for byte in flatbuffer[start : start + _BYTES_A_LINE])
        for start in range(0, len(flatbuffer), _BYTES_A_LINE)
    ]
    body = "\n".join(lines)
    return (
        f'// Made by sorter-convert. The network, to be read where it lies in flash.\n#include "{stem}.h"\n\n'
        f"alignas(16) const unsigned char {name}[] = {{\n{body}\n}};\n"
        f"const unsigned int {name}_size = {len(flatbuffer)};\n"
    )


def _header(name: str, facts: Facts, arena: int) -> str:
    guard = f"{name.upper()}_H_"
    calls = "\n".join(f"//   resolver.Add{resolver_name(op)}();" for op in facts.count())
    return (
        f"// Made by sorter-convert.\n#ifndef {guard}\n#define {guard}\n\n"
        f"// tflite::MicroMutableOpResolver<{len(facts.count())}> resolver;\n{calls}\n\n"
        f"// Estimate for a 32-bit processor with reference kernels; optimised kernels may want scratch memory more.\n"
        f"constexpr unsigned int {name}_arena_size = {arena};\n\n"
        f"extern const unsigned char {name}[];\nextern const unsigned int {name}_size;\n\n#endif  // {guard}\n"
    )


def resolver_name(operator: str) -> str:
    """As TFLM's operator resolver calls it: ``FULLY_CONNECTED`` is ``FullyConnected``."""
    return _RESOLVER_NAMES.get(operator, "".join(part.capitalize() for part in operator.split("_")))
