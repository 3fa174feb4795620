"""From a file that passed the gate to the files that its target needs, tried out with the target's own runtime."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from sorter.cli import warn
from sorter.converters import gate
from sorter.converters.formats import Target
from sorter.converters.targets import edgetpu, microcontroller, onnx, tflite_runtime
from sorter.converters.targets.facts import Facts
from sorter.converters.targets.trial import Trial, python_variable, try_out
from sorter.errors import ConversionError
from sorter.files import write_bytes
from sorter.image import Pixels
from sorter.metrics import Probabilities

RULES: dict[Target, ModuleType] = {
    "tflite-runtime": tflite_runtime,
    "edgetpu": edgetpu,
    "microcontroller": microcontroller,
    "onnx": onnx,
}
"""By target. ``litert`` runs whatever TensorFlow's converter makes."""

_ALIKE = 0.05
"""Kernels round differently; a probability that differs by more is another result."""


@dataclass(frozen=True)
class Delivery:
    """All that is to be written for one file.

    Attributes:
        files: Content by path.
        figures: Of the target, for the user.
    """

    files: Mapping[Path, bytes]
    figures: Mapping[str, Any] = field(default_factory=dict)

    def write(self) -> None:
        """Writes the files, each whole or not at all.

        Raises:
            StorageError: One cannot be written.
        """
        for path, content in self.files.items():
            write_bytes(path, content)


def deliver(target: Target, content: bytes, facts: Facts | None, path: Path, picture: Pixels) -> Delivery:
    """Makes a target's files and runs them once.

    Args:
        target: Which.
        content: The packed ``.tflite``.
        facts: What it is made of; None for ``litert``.
        path: Where the user wants it.
        picture: Prepared, uint8 RGB (height, width, 3).

    Raises:
        ConversionError: The target cannot run it, or runs it to another result.
    """
    expected = gate.run_converted(content, picture[np.newaxis])[0]
    require_finite(expected)
    if facts is None:
        return Delivery({path: content})
    rules = RULES[target]
    files, figures = rules.finish(content, facts, path)
    if not rules.RUNTIME:
        return Delivery(files, figures)
    tried = try_out(rules.RUNTIME, _run_by(target, files, content), picture)
    return Delivery(files, {**figures, **(tried.figures or {}), "tried": _judge(rules.RUNTIME, tried, expected)})


def _run_by(target: Target, files: Mapping[Path, bytes], content: bytes) -> bytes:
    return next(iter(files.values())) if target == "onnx" else content


def _judge(runtime: str, tried: Trial, expected: Probabilities) -> str:
    if tried.error:
        raise ConversionError(f"{runtime} cannot run the file: {tried.error}.", "Try another format or target.")
    if tried.scores is None:
        warn(
            f"{runtime} is not installed here: the file was not tried out with it.",
            f"If it cannot be installed beside TensorFlow, set {python_variable(runtime)} to the Python that has it.",
        )
        return f"no: {runtime} is not installed"
    require_finite(tried.scores)
    difference = float(np.abs(tried.scores - expected).max())
    if difference > _ALIKE:
        raise ConversionError(
            f"{tried.runtime} gives other probabilities than LiteRT, by up to {difference:.3f}.",
            "Please report it with the network; another format may do.",
        )
    return f"{tried.runtime}, probabilities within {difference:.4f} of LiteRT's"


def require_finite(scores: Probabilities) -> None:
    """Refuses scores that are no numbers.

    Raises:
        ConversionError: One is not.
    """
    if not np.isfinite(scores).all():
        raise ConversionError(
            "The converted network gives no numbers (NaN or infinite).",
            "Try another format; with --float32 it shows whether the network itself does.",
        )
