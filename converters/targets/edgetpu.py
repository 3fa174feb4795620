"""Coral's Edge TPU: full integer networks of certain operators, compiled by Google's compiler.

Requirements and operators: https://coral.ai/docs/edgetpu/models-intro/. The compiler moves operators to the Edge TPU up
to the first that it does not know; from there on everything runs on the CPU, many times slower and without a word.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from sorter.converters.targets.facts import Facts
from sorter.errors import ConversionError

RUNTIME = ""

COMPILER = "edgetpu_compiler"

_NAMES = """
ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D EXPAND_DIMS FULLY_CONNECTED L2_NORMALIZATION LOGISTIC LSTM
MAXIMUM MAX_POOL_2D MEAN MINIMUM MUL PACK PAD PRELU QUANTIZE REDUCE_MAX REDUCE_MIN RELU RELU6 RELU_N1_TO_1 RESHAPE
RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR RSQRT SLICE SOFTMAX SPACE_TO_DEPTH SPLIT SQUARED_DIFFERENCE SQUEEZE
STRIDED_SLICE SUB SUM TANH TRANSPOSE TRANSPOSE_CONV UNIDIRECTIONAL_SEQUENCE_LSTM
"""

_OPERATORS = frozenset(_NAMES.split())


def check(facts: Facts) -> None:
    """Refuses what would not run on the Edge TPU.

    Raises:
        ConversionError: An operator, a float tensor, or a shape that is not fixed; it is named.
    """
    for operator in facts.operators:
        if operator.name not in _OPERATORS:
            raise ConversionError(
                f"The Edge TPU has no {operator.name}; all from there on would run on the CPU.",
                "Train a network of plain convolutions, for example mobilenetv2, which it runs completely.",
            )
        for number in (*operator.inputs, *operator.outputs):
            tensor = facts.tensors[number] if number >= 0 else None
            if tensor and tensor.type.startswith("float"):
                raise ConversionError(
                    f"The Edge TPU takes integers only; {operator.name} works on {tensor.type}.", "Convert with --int8."
                )
            if tensor and not tensor.fixed:
                raise ConversionError(
                    f"The Edge TPU needs fixed shapes; one of {operator.name} is not.",
                    "Give the size with --image-size.",
                )


def finish(content: bytes, facts: Facts, path: Path) -> tuple[dict[Path, bytes], dict[str, Any]]:
    """The file, and beside it the compiled one where the compiler is installed.

    Raises:
        ConversionError: The compiler refused it.
    """
    compiler = shutil.which(COMPILER)
    if compiler is None:
        return {path: content}, {"compiled": f"no: {COMPILER} is not installed"}
    with tempfile.TemporaryDirectory(prefix="sorter-convert-") as folder:
        source = Path(folder) / "network.tflite"
        source.write_bytes(content)
        done = subprocess.run(
            [compiler, "-s", "-o", folder, str(source)], capture_output=True, text=True, errors="replace", check=False
        )
        compiled = Path(folder) / "network_edgetpu.tflite"
        if done.returncode or not compiled.is_file():
            reason = " ".join((done.stderr or done.stdout).split())[-300:]
            raise ConversionError(f"{COMPILER} refused the network: {reason}.", "Install its newest version.")
        files = {path: content, path.with_name(f"{path.stem}_edgetpu{path.suffix}"): compiled.read_bytes()}
    return files, {"compiled": "yes", "report": done.stdout.strip()[-2000:]}
