"""Starting the worker process, and what it gives back."""

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from sorter._version import __version__
from sorter.bundle import join_content
from sorter.converters.formats import Format
from sorter.converters.run_folder import RunFolder
from sorter.errors import ConversionError, StorageError
from sorter.image import Pixels
from sorter.manifest import LABELS_NAME, MANIFEST_NAME, Manifest
from sorter.metrics import Probabilities


def convert(run: RunFolder, target: Format, calibration: Pixels | None) -> bytes:
    """Converts a trained network.

    Args:
        run: The training run.
        target: Format of the result.
        calibration: Prepared pictures, uint8 (n, height, width, 3); needed for ``CALIBRATED`` formats.

    Returns:
        The flatbuffer with TFLite Metadata inside, not yet with the files that belong behind it.

    Raises:
        ConversionError: TensorFlow is missing, cannot read the network, or cannot convert it.
    """
    manifest = run.manifest
    request = {
        "action": "convert",
        "network": str(run.network.resolve()),
        "format": target,
        "name": manifest.name,
        "description": f"Names what a picture shows: {', '.join(manifest.labels)}.",
        "input": asdict(manifest.input),
        "labels": list(manifest.labels),
    }
    with _worked(request, calibration) as output:
        return output.read_bytes()


def predict(run: RunFolder, pictures: Pixels) -> Probabilities:
    """Runs the Keras network over prepared pictures.

    Args:
        run: The training run.
        pictures: uint8 (n, height, width, 3).

    Returns:
        float32 (n, classes).

    Raises:
        ConversionError: TensorFlow is missing or cannot read the network.
    """
    with _worked({"action": "predict", "network": str(run.network.resolve())}, pictures) as output:
        probabilities: Probabilities = np.load(output)
        return probabilities


def pack(flatbuffer: bytes, manifest: Manifest, target: Format, accuracy: Mapping[str, Any]) -> bytes:
    """Makes the deployable file: the flatbuffer with labels and manifest behind it."""
    described = replace(
        manifest,
        quantization=target,
        accuracy={**manifest.accuracy, **accuracy},
        versions={**manifest.versions, "sorter-toolkit (conversion)": __version__},
        model_sha256=hashlib.sha256(flatbuffer).hexdigest(),
    )
    files = {LABELS_NAME: "\n".join(manifest.labels) + "\n", MANIFEST_NAME: described.to_json()}
    return join_content(flatbuffer, files)


@contextmanager
def _worked(request: dict[str, Any], pictures: Pixels | None) -> Iterator[Path]:
    """Runs one request and gives the file that the worker wrote; it is gone after the block."""
    try:
        with tempfile.TemporaryDirectory(prefix="sorter-convert-") as name:
            folder = Path(name)
            output = folder / "output.npy"
            request["output"] = str(output)
            if pictures is not None:
                request["pictures"] = str(folder / "pictures.npy")
                np.save(request["pictures"], pictures)
            question = folder / "request.json"
            question.write_text(json.dumps(request), encoding="utf-8")
            _run_worker(question)
            yield output
    except OSError as error:
        raise StorageError(
            f"Cannot write to the temporary folder {tempfile.gettempdir()}: {error.strerror}.",
            "Free some space, or name another folder in the environment variable TMPDIR.",
        ) from error


def _run_worker(question: Path) -> None:
    if importlib.util.find_spec("tensorflow") is None:
        raise ConversionError("Conversion needs TensorFlow.", "Run: pip install 'sorter-toolkit[train-cpu]'")
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "TF_ENABLE_ONEDNN_OPTS": "0"}
    command = [sys.executable, "-m", "sorter.converters.worker", str(question)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode == 0:
        return
    last_line = (done.stderr.strip().splitlines() or ["no message"])[-1]
    if done.returncode < 0:
        last_line = f"TensorFlow was ended by signal {-done.returncode}; {last_line}"
    raise ConversionError(
        f"The network could not be converted: {last_line[:400]}.",
        "Layers that TFLite does not know must be replaced; try another format to see whether it is the quantisation.",
    )
