"""What every layer of a ``.tflite`` gives for a picture, as real numbers whatever its integers stand for."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sorter.errors import ConversionError
from sorter.image import Pixels
from sorter.interpreter import find_interpreter

Activations = dict[str, npt.NDArray[np.float32]]
"""What layers give, by the name of the tensor: float32 (height, width, channels) or (features,)."""


@dataclass(frozen=True)
class Grid:
    """Equally spaced numbers: those that integers can stand for."""

    step: float
    lowest: float
    highest: float

    def snap(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The nearest of these numbers to each value."""
        clipped = np.clip(values, self.lowest, self.highest)
        return np.asarray(np.rint(clipped / self.step) * self.step, np.float32)


@dataclass(frozen=True)
class Probe:
    """A network whose inner tensors can be looked at.

    Attributes:
        interpreter: Keeps all tensors; more than the ``Interpreter`` protocol is used of it.
        tensors: Names of the tensors that operators compute, in their order.
        sources: For each of them, the names of the computed tensors that it is computed from.
    """

    interpreter: Any
    tensors: tuple[str, ...]
    sources: dict[str, tuple[str, ...]]

    def grids(self) -> dict[str, Grid]:
        """The numbers that the integers of each tensor stand for; tensors of real numbers have none."""
        found = {}
        for detail in self.interpreter.get_tensor_details():
            scale, zero = detail["quantization"]
            if scale and detail["name"] in self.sources:
                limits = np.iinfo(detail["dtype"])
                found[detail["name"]] = Grid(scale, (limits.min - zero) * scale, (limits.max - zero) * scale)
        return found

    def look(self, picture: Pixels) -> Activations:
        """Runs a prepared picture, uint8 (height, width, 3), and gives what every layer made of it."""
        given = self.interpreter.get_input_details()[0]
        self.interpreter.set_tensor(given["index"], picture[np.newaxis].astype(given["dtype"]))
        self.interpreter.invoke()
        details = {d["name"]: d for d in self.interpreter.get_tensor_details()}
        return {name: self._real(details[name]) for name in self.tensors}

    def _real(self, detail: dict[str, Any]) -> npt.NDArray[np.float32]:
        values = self.interpreter.get_tensor(detail["index"])[0].astype(np.float32)
        scale, zero = detail["quantization"]
        return np.asarray((values - zero) * scale if scale else values, np.float32)


def open_probe(flatbuffer: bytes) -> Probe:
    """Opens a network that takes raw pixels as uint8, or as float32.

    Raises:
        ConversionError: The interpreter that is installed cannot show inner tensors, or cannot run the network.
    """
    name, module = find_interpreter()
    if not hasattr(module, "OpResolverType"):
        raise ConversionError(
            f"{name} cannot show what single layers give.", "Run: pip install 'sorter-toolkit[train-cpu]'"
        )
    try:
        with warnings.catch_warnings():
            # It warns of the memory that keeping all tensors costs.
            warnings.simplefilter("ignore")
            interpreter = module.Interpreter(
                model_content=flatbuffer,
                experimental_preserve_all_tensors=True,
                experimental_op_resolver_type=module.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            )
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise ConversionError(f"{name} cannot run the network: {' '.join(str(error).split())[:200]}.") from error
    return Probe(interpreter, *_read_graph(interpreter))


def _read_graph(interpreter: Any) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
    details = {d["index"]: d for d in interpreter.get_tensor_details()}
    sources: dict[str, tuple[str, ...]] = {}
    for operator in interpreter._get_ops_details():
        before = tuple(details[i]["name"] for i in operator["inputs"] if i in details)
        for index in operator["outputs"]:
            if details[index]["dtype"] in (np.int8, np.uint8, np.int16, np.float32):
                sources[details[index]["name"]] = tuple(name for name in before if name in sources)
    return tuple(sources), sources
