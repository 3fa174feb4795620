"""ONNX, made of the float32 file by tf2onnx."""

import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from sorter.bundle import split_content
from sorter.converters.targets.facts import Facts
from sorter.errors import ConversionError

RUNTIME = "onnxruntime"

_OPSET = 17
"""Of 2022; runtimes of the last years all have it."""


def check(facts: Facts) -> None:
    """Refuses where tf2onnx is not installed.

    Raises:
        ConversionError: It is not.
    """
    if importlib.util.find_spec("tf2onnx") is None or importlib.util.find_spec("onnx") is None:
        raise ConversionError("Target onnx needs tf2onnx.", "Run: pip install tf2onnx onnx onnxruntime")


def finish(content: bytes, facts: Facts, path: Path) -> tuple[dict[Path, bytes], dict[str, Any]]:
    """One ``.onnx`` with labels and manifest in its metadata, which takes raw RGB bytes as float (1, h, w, 3).

    Raises:
        ConversionError: tf2onnx cannot convert the network.
    """
    flatbuffer, described = split_content(content, path)
    with tempfile.TemporaryDirectory(prefix="sorter-convert-") as folder:
        source, result = Path(folder) / "network.tflite", Path(folder) / "network.onnx"
        source.write_bytes(flatbuffer)
        command = [sys.executable, "-m", "tf2onnx.convert", "--tflite", str(source), "--output", str(result)]
        done = subprocess.run(
            [*command, "--opset", str(_OPSET)], capture_output=True, text=True, errors="replace", check=False
        )
        if done.returncode or not result.is_file():
            reason = (done.stderr.strip().splitlines() or ["no message"])[-1][:300]
            raise ConversionError(f"tf2onnx cannot convert the network: {reason}.", "Try another version of tf2onnx.")
        described_onnx = _describe(result.read_bytes(), described)
    return {path if path.suffix == ".onnx" else path.with_suffix(".onnx"): described_onnx}, {"opset": _OPSET}


def _describe(content: bytes, described: dict[str, bytes]) -> bytes:
    import onnx

    model = onnx.load_from_string(content)
    onnx.helper.set_model_props(model, {name: text.decode() for name, text in sorted(described.items())})
    return bytes(model.SerializeToString(deterministic=True))
