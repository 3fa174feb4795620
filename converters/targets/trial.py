"""Runs a file once with a target's own runtime, in a process of its own: ``python -m sorter.converters.targets.trial``.

Runtimes bring native code that may not even load here, such as tflite-runtime beside NumPy 2; none of that may take the
command down. An environment variable such as ``SORTER_TFLITE_RUNTIME_PYTHON`` names the Python of another environment
that has the runtime; this file is then run there as it is, so it imports nothing of the toolkit.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from sorter.image import Pixels
    from sorter.metrics import Probabilities

TIMEOUT_S = 120
"""An interpreter that has not answered one picture by then hangs."""


@dataclass(frozen=True)
class Trial:
    """How it went.

    Attributes:
        runtime: Name and version; empty when the runtime is not here.
        scores: float32 (classes,); None when it did not run.
        error: Why it did not, in the runtime's own words; empty when it did or is not here.
        figures: What the runtime says of the network beside its scores.
    """

    runtime: str = ""
    scores: "Probabilities | None" = None
    error: str = ""
    figures: dict[str, Any] | None = None


def try_out(runtime: str, content: bytes, picture: "Pixels") -> Trial:
    """Runs one prepared picture, uint8 RGB (height, width, 3), with one of ``RUNTIMES``."""
    with tempfile.TemporaryDirectory(prefix="sorter-convert-") as folder:
        network, pixels = Path(folder) / "network", Path(folder) / "picture.npy"
        network.write_bytes(content)
        np.save(pixels, picture)
        command = [*_python_for(runtime), runtime, str(network), str(pixels)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return Trial(runtime, error=f"no answer within {TIMEOUT_S} s")
        except OSError as error:
            return Trial(runtime, error=f"{command[0]} cannot be started ({error.strerror})")
    try:
        reply = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        return Trial(
            runtime, error=(done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1][:300]
        )
    if "missing" in reply:
        return Trial()
    scores = np.array(reply["scores"], np.float32)
    return Trial(f"{runtime} {reply['version']}", scores, figures=reply.get("figures"))


def python_variable(runtime: str) -> str:
    """The environment variable that names the Python which has a runtime."""
    return f"SORTER_{runtime.upper().replace('-', '_')}_PYTHON"


def _python_for(runtime: str) -> list[str]:
    elsewhere = os.environ.get(python_variable(runtime))
    if elsewhere is None:
        return [sys.executable, "-m", "sorter.converters.targets.trial"]
    # Not by its path: the folder of a script comes first in the search path, and this one has a module called onnx.
    return [elsewhere, "-c", Path(__file__).read_text(encoding="utf-8")]


def _run_tflite_runtime(content: bytes, picture: "Pixels") -> dict[str, Any]:
    from tflite_runtime.interpreter import Interpreter

    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    given, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    interpreter.set_tensor(given["index"], as_input(picture, given["dtype"])[np.newaxis])
    interpreter.invoke()
    scores = as_probabilities(interpreter.get_tensor(result["index"])[0], *result["quantization"])
    return {"scores": scores.tolist(), "version": version("tflite-runtime")}


_ARENA_BYTES = 64 << 20
"""Far more than a microcontroller has. In one that is hardly too small, the interpreter does not refuse but crash."""


def _run_microcontroller(content: bytes, picture: "Pixels") -> dict[str, Any]:
    from tflite_micro import runtime

    interpreter = runtime.Interpreter.from_bytes(content, arena_size=_ARENA_BYTES)
    given, result = interpreter.get_input_details(0), interpreter.get_output_details(0)
    interpreter.set_input(as_input(picture, given["dtype"])[np.newaxis], 0)
    interpreter.invoke()
    parameters = result["quantization_parameters"]
    scale, zero = (
        (float(parameters["scales"][0]), int(parameters["zero_points"][0])) if len(parameters["scales"]) else (0, 0)
    )
    scores = as_probabilities(np.asarray(interpreter.get_output(0))[0], scale, zero)
    figures = {"arena_64_bit": _arena_used(interpreter)}
    return {"scores": scores.tolist(), "version": version("tflite-micro"), "figures": figures}


def _arena_used(interpreter: Any) -> int | None:
    """Bytes of the arena that are taken, which the interpreter tells by its log only; None where it does not."""
    with tempfile.TemporaryFile() as log:
        saved = os.dup(2)
        os.dup2(log.fileno(), 2)
        try:
            interpreter.print_allocations()
        finally:
            os.dup2(saved, 2)
            os.close(saved)
        log.seek(0)
        told = re.search(rb"Arena allocation total (\d+) bytes", log.read())
    return int(told[1]) if told else None


def _run_onnx(content: bytes, picture: "Pixels") -> dict[str, Any]:
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    given = session.get_inputs()[0]
    scores = session.run(None, {given.name: picture[np.newaxis].astype(np.float32)})[0][0]
    return {"scores": np.asarray(scores, np.float32).tolist(), "version": version("onnxruntime")}


RUNTIMES: "dict[str, Callable[[bytes, Pixels], dict[str, Any]]]" = {
    "tflite-runtime": _run_tflite_runtime,
    "tflite-micro": _run_microcontroller,
    "onnxruntime": _run_onnx,
}


def as_input(picture: "Pixels", dtype: Any) -> npt.NDArray[Any]:
    """A picture as the input's type has it: raw bytes, the same less 128, or the same numbers as float."""
    return (picture.astype(np.int16) - 128).astype(np.int8) if dtype == np.int8 else picture.astype(dtype)


def as_probabilities(stored: npt.NDArray[Any], scale: float, zero_point: int) -> "Probabilities":
    """What an output's stored numbers stand for."""
    values = stored.astype(np.float32)
    return values if scale == 0 else (values - np.float32(zero_point)) * np.float32(scale)


def main() -> None:
    """Answers with one line of JSON; what goes wrong is the last line of standard error."""
    runtime, network, pixels = sys.argv[1:]
    try:
        reply = RUNTIMES[runtime](Path(network).read_bytes(), np.load(pixels))
    except ImportError as error:
        reply = {"missing": str(error)}
    print(json.dumps(reply))


if __name__ == "__main__":
    main()
