"""tflite-runtime 2.14, the last of its line: it does not know the newer versions of some operators."""

from pathlib import Path
from typing import Any

from sorter.converters.targets.facts import Facts
from sorter.errors import ConversionError

RUNTIME = "tflite-runtime"

_NEWEST = {
    "ABS": 5,
    "ADD": 5,
    "ARG_MAX": 3,
    "ARG_MIN": 3,
    "AVERAGE_POOL_2D": 3,
    "BATCH_MATMUL": 4,
    "BATCH_TO_SPACE_ND": 4,
    "BIDIRECTIONAL_SEQUENCE_LSTM": 3,
    "BIDIRECTIONAL_SEQUENCE_RNN": 3,
    "BROADCAST_TO": 3,
    "CAST": 5,
    "CONCATENATION": 4,
    "CONV_2D": 7,
    "DEPTHWISE_CONV_2D": 7,
    "DEPTH_TO_SPACE": 2,
    "DEQUANTIZE": 5,
    "DIV": 2,
    "EMBEDDING_LOOKUP": 3,
    "EQUAL": 4,
    "EXP": 2,
    "FAKE_QUANT": 2,
    "FILL": 4,
    "FLOOR_DIV": 3,
    "FLOOR_MOD": 2,
    "FULLY_CONNECTED": 10,
    "GATHER": 6,
    "GATHER_ND": 4,
    "GELU": 2,
    "GREATER": 2,
    "GREATER_EQUAL": 3,
    "L2_NORMALIZATION": 2,
    "LEAKY_RELU": 2,
    "LESS": 3,
    "LESS_EQUAL": 2,
    "LOGISTIC": 3,
    "LOG_SOFTMAX": 2,
    "LSTM": 4,
    "MAXIMUM": 4,
    "MAX_POOL_2D": 3,
    "MEAN": 3,
    "MINIMUM": 4,
    "MIRROR_PAD": 3,
    "MUL": 7,
    "NOT_EQUAL": 3,
    "PACK": 4,
    "PAD": 4,
    "PADV2": 4,
    "QUANTIZE": 3,
    "RANGE": 2,
    "REDUCE_MAX": 3,
    "REDUCE_MIN": 3,
    "REDUCE_PROD": 2,
    "RELU": 3,
    "RELU6": 3,
    "RESIZE_BILINEAR": 4,
    "RESIZE_NEAREST_NEIGHBOR": 4,
    "REVERSE_V2": 3,
    "RNN": 3,
    "RSQRT": 2,
    "SELECT": 4,
    "SELECT_V2": 2,
    "SIGN": 2,
    "SLICE": 6,
    "SOFTMAX": 3,
    "SPACE_TO_BATCH_ND": 4,
    "SPACE_TO_DEPTH": 2,
    "SPARSE_TO_DENSE": 3,
    "SPLIT": 4,
    "SPLIT_V": 2,
    "SQUARED_DIFFERENCE": 2,
    "SQUEEZE": 2,
    "STRIDED_SLICE": 8,
    "SUB": 5,
    "SUM": 2,
    "SVDF": 4,
    "TANH": 3,
    "TILE": 3,
    "TOPK_V2": 3,
    "TRANSPOSE": 6,
    "TRANSPOSE_CONV": 4,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": 4,
    "UNIDIRECTIONAL_SEQUENCE_RNN": 3,
    "UNPACK": 4,
    "WHERE": 2,
}
"""The newest version that 2.14.0 accepts, of operators with more than one. Found by giving the interpreter a file for
each operator and version and seeing whether it loads."""

_NAMES = """
ADD_N ASSIGN_VARIABLE ATAN2 BITCAST BITWISE_XOR BROADCAST_ARGS BUCKETIZE CALL_ONCE CEIL COMPLEX_ABS CONV_3D
CONV_3D_TRANSPOSE COS CUMSUM DENSIFY DYNAMIC_UPDATE_SLICE ELU EMBEDDING_LOOKUP_SPARSE EXPAND_DIMS FLOOR HARD_SWISH
HASHTABLE HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_LOOKUP HASHTABLE_SIZE IF IMAG L2_POOL_2D
LOCAL_RESPONSE_NORMALIZATION LOG LOGICAL_AND LOGICAL_NOT LOGICAL_OR LSH_PROJECTION MATRIX_DIAG MATRIX_SET_DIAG
MULTINOMIAL NEG NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5 ONE_HOT POW PRELU RANDOM_STANDARD_NORMAL RANDOM_UNIFORM
RANK READ_VARIABLE REAL REDUCE_ALL REDUCE_ANY RELU_0_TO_1 RELU_N1_TO_1 RESHAPE REVERSE_SEQUENCE RFFT2D RIGHT_SHIFT
ROUND SCATTER_ND SEGMENT_SUM SHAPE SIN SKIP_GRAM SQRT SQUARE UNIQUE UNSORTED_SEGMENT_MAX UNSORTED_SEGMENT_MIN
UNSORTED_SEGMENT_PROD UNSORTED_SEGMENT_SUM VAR_HANDLE WHILE ZEROS_LIKE
"""

_FIRST_ONLY = frozenset(_NAMES.split())
"""Operators of which it knows the first version only."""


def check(facts: Facts) -> None:
    """Refuses operators that 2.14 does not know.

    Raises:
        ConversionError: There is one; it is named.
    """
    for operator in facts.operators:
        newest = 1 if operator.name in _FIRST_ONLY else _NEWEST.get(operator.name, 0)
        if operator.version > newest:
            known = f"in version {newest} at most" if newest else "not at all"
            raise ConversionError(
                f"tflite-runtime 2.14 knows {operator.name} {known}; this network needs version {operator.version}.",
                "Try another format (--float32 needs the oldest versions), or use LiteRT on the device.",
            )


def finish(content: bytes, facts: Facts, path: Path) -> tuple[dict[Path, bytes], dict[str, Any]]:
    """The file as it is."""
    return {path: content}, {}
