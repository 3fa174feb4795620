"""The choice of the TFLite interpreter, made in one place."""

import importlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from sorter.errors import BundleError, ConfigError

_MODULES = {"litert": "ai_edge_litert.interpreter", "tflite-runtime": "tflite_runtime.interpreter"}
"""By preference: tflite-runtime 2.14 is the last of its line, needs numpy 1, refuses newer operator versions and is
many times slower on x86-64; it stays for 32-bit ARM, where LiteRT is not to be had."""

CHOICE_VARIABLE = "SORTER_INTERPRETER"
"""Environment variable that forces one of the interpreters."""


class Interpreter(Protocol):
    """What LiteRT's and tflite-runtime's ``Interpreter`` have in common and this toolkit uses."""

    def allocate_tensors(self) -> None:
        """Reserves the memory of all tensors."""

    def get_input_details(self) -> list[dict[str, Any]]:
        """Shape, dtype and quantisation of each input."""

    def get_output_details(self) -> list[dict[str, Any]]:
        """Shape, dtype and quantisation of each output."""

    def set_tensor(self, tensor_index: int, value: npt.NDArray[Any]) -> None:
        """Copies a value into a tensor."""

    def get_tensor(self, tensor_index: int) -> npt.NDArray[Any]:
        """A copy of a tensor."""

    def tensor(self, tensor_index: int) -> Any:
        """A function that gives a view of a tensor's own memory."""

    def invoke(self) -> None:
        """Runs the network once."""


def _candidates() -> list[str]:
    forced = os.environ.get(CHOICE_VARIABLE)
    if forced is None:
        return list(_MODULES)
    if forced not in _MODULES:
        raise ConfigError(f"{CHOICE_VARIABLE}={forced} is unknown.", f"Choose one of {', '.join(_MODULES)}.")
    return [forced]


def find_interpreter() -> tuple[str, Any]:
    """Name and module of the interpreter in use.

    Raises:
        ConfigError: None is installed.
    """
    for name in _candidates():
        try:
            return name, importlib.import_module(_MODULES[name])
        except ImportError:
            continue
    raise ConfigError(
        f"No TFLite interpreter is installed (looked for {', '.join(_candidates())}).",
        "Run: pip install 'sorter-toolkit[edge]'",
    )


def load_interpreter(flatbuffer: bytes, threads: int = 1, source: str = "the model") -> Interpreter:
    """Loads a network and allocates its tensors.

    Args:
        flatbuffer: Content of a ``.tflite``, with or without attached files.
        threads: CPU threads of one inference.
        source: What to call it in an error.

    Raises:
        BundleError: The interpreter cannot read the network or lacks one of its operators.
        ConfigError: No interpreter is installed.
    """
    name, module = find_interpreter()
    try:
        with _quiet_native_log():
            interpreter: Interpreter = module.Interpreter(model_content=flatbuffer, num_threads=threads)
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise BundleError(
            f"{name} cannot run {source}: {reason}.",
            "The file may be damaged, or made for a newer interpreter.",
        ) from error
    _check_one_picture_in_one_list_out(interpreter, source)
    return interpreter


@contextmanager
def _quiet_native_log() -> Iterator[None]:
    """Keeps the interpreter's INFO lines about delegates, written by C++ straight to stderr, off the screen.

    Only in the main thread: stderr belongs to the whole process, and a network loaded in the background must not
    swallow what the others have to say meanwhile.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    try:
        saved = os.dup(2)
    except OSError:
        yield
        return
    sink = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(sink)


def _check_one_picture_in_one_list_out(interpreter: Interpreter, source: str) -> None:
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    if len(inputs) != 1 or len(outputs) != 1:
        raise BundleError(
            f"{source} has {len(inputs)} inputs and {len(outputs)} outputs; an image classifier has one of each.",
            "Give an image classification model.",
        )
    shape, classes = tuple(inputs[0]["shape"]), tuple(outputs[0]["shape"])
    if len(shape) != 4 or shape[0] != 1 or shape[3] != 3 or len(classes) != 2:
        raise BundleError(
            f"{source} takes {shape} and gives {classes}; (1, height, width, 3) and (1, classes) are needed.",
            "Give an image classification model for one colour picture at a time.",
        )
    for detail in (*inputs, *outputs):
        if detail["dtype"] not in (np.uint8, np.int8, np.float32):
            raise BundleError(
                f"{source} uses {np.dtype(detail['dtype'])}, which is not supported.", "Convert it again."
            )
