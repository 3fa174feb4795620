"""What the worker is asked for, in terms of networks and pictures."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from sorter.converters.delivery import RULES
from sorter.converters.options import ConversionOptions
from sorter.converters.sources import Source
from sorter.converters.targets.facts import Facts
from sorter.converters.worker_process import WorkerProcess
from sorter.errors import ConversionError
from sorter.image import Pixels
from sorter.metrics import Probabilities


@dataclass(frozen=True)
class StoredPictures:
    """Prepared pictures, and where the worker finds them.

    Attributes:
        pixels: uint8 RGB (n, height, width, 3).
        path: Of the same as ``.npy``.
    """

    pixels: Pixels
    path: str

    @classmethod
    def store(cls, worker: WorkerProcess, pixels: Pixels) -> "StoredPictures":
        """Hands pictures to the worker, once for all requests."""
        return cls(pixels, worker.store(pixels))


@dataclass(frozen=True)
class Converted:
    """A flatbuffer and how it came about.

    Attributes:
        flatbuffer: With TFLite Metadata inside, not yet with the files that belong behind it.
        way: ``direct``, or ``saved_model`` where only the way over an export worked.
        versions: Of the tools that made it.
        facts: What it is made of; None for the target ``litert``, which does not care.
        float_layers: Pairs of layer and operator that int8 left in floating point because there is no integer one.
    """

    flatbuffer: bytes
    way: str
    versions: dict[str, str]
    facts: Facts | None = None
    float_layers: tuple[tuple[str, str], ...] = ()


def convert(
    worker: WorkerProcess, source: Source, options: ConversionOptions, calibration: StoredPictures | None
) -> Converted:
    """Converts a trained network.

    Args:
        worker: Does the work.
        source: The network.
        options: What to make of it.
        calibration: Needed for ``CALIBRATED`` formats.

    Raises:
        ConversionError: TensorFlow is missing, cannot read the network, or cannot convert it; or the target cannot run
            the result.
    """
    manifest = source.manifest
    output = worker.new_path(".tflite")
    reply: dict[str, Any] = worker.ask(
        "convert",
        network=source.to_request(),
        options=options.to_request(),
        pictures=calibration.path if calibration else None,
        name=manifest.name,
        description=f"Names what a picture shows: {', '.join(manifest.labels)}.",
        input=asdict(manifest.input),
        labels=list(manifest.labels),
        output=str(output),
    )
    left = () if options.float_tensors else tuple((layer, operator) for layer, operator in reply["float_layers"])
    if left and options.target == "edgetpu":
        raise ConversionError(
            f"TFLite has no int8 version of {describe_float_layers(left)}, and the Edge TPU takes integers only.",
            "Put ReLU or another layer that has one in its place, and train again.",
        )
    facts = None
    if options.target != "litert":
        facts = Facts.from_reply(worker.ask("inspect", flatbuffer=str(output)))
        RULES[options.target].check(facts)
    return Converted(output.read_bytes(), reply["way"], reply["versions"], facts, left)


def describe_float_layers(left: Iterable[tuple[str, str]]) -> str:
    """In words: each layer with the operator that has no integer version."""
    return ", ".join(dict.fromkeys(f"{layer} ({operator})" for layer, operator in left))


def predict(worker: WorkerProcess, source: Source, pictures: StoredPictures) -> Probabilities:
    """Runs the original network over pictures; gives float32 (n, classes).

    Raises:
        ConversionError: TensorFlow is missing or cannot read the network.
    """
    output = worker.new_path(".npy")
    worker.ask("predict", network=source.to_request(), pictures=pictures.path, output=str(output))
    probabilities: Probabilities = np.load(output)
    return probabilities
