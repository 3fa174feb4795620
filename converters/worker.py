"""The TensorFlow work, in a process of its own: TensorFlow's converter can abort the whole interpreter.

Started as ``python -m sorter.converters.worker REQUEST.json``. The request names files only; nothing is imported from
the parent, and what goes wrong comes back as the last line on standard error.
"""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sorter.converters.equalization import equalize
from sorter.converters.metadata import attach_metadata, build_metadata
from sorter.image import InputSpec


def convert(request: dict[str, Any]) -> None:
    """Converts a Keras network and writes the flatbuffer, metadata inside, to ``request["output"]``."""
    import tensorflow as tf

    model = _load_network(request["network"])
    if "pictures" in request:
        equalize(model, np.load(request["pictures"], mmap_mode="r"))
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    _FORMATS[request["format"]](converter, tf, request)
    flatbuffer = converter.convert()
    spec = InputSpec(**request["input"])
    metadata = build_metadata(request["name"], request["description"], spec, len(request["labels"]))
    Path(request["output"]).write_bytes(attach_metadata(flatbuffer, metadata))


def predict(request: dict[str, Any]) -> None:
    """Writes the Keras network's probabilities for prepared pictures, float32 (n, classes), to the output."""
    model = _load_network(request["network"])
    pictures = np.load(request["pictures"], mmap_mode="r")
    batches = [
        np.asarray(model(pictures[start : start + 32].astype(np.float32), training=False))
        for start in range(0, len(pictures), 32)
    ]
    np.save(request["output"], np.concatenate(batches))


def _load_network(path: str) -> Any:
    import keras

    # safe_mode: a file from elsewhere must not run code of its own (Lambda layers are unpickled otherwise).
    return keras.models.load_model(path, compile=False, safe_mode=True)


def _float32(converter: Any, tf: Any, request: dict[str, Any]) -> None:
    """Nothing to set: weights and activations stay as they are."""


def _float16(converter: Any, tf: Any, request: dict[str, Any]) -> None:
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]


def _dynamic(converter: Any, tf: Any, request: dict[str, Any]) -> None:
    converter.optimizations = [tf.lite.Optimize.DEFAULT]


def _int8(converter: Any, tf: Any, request: dict[str, Any]) -> None:
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: representative_batches(np.load(request["pictures"], mmap_mode="r"))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.uint8
    converter.inference_output_type = tf.uint8


def _int16x8(converter: Any, tf: Any, request: dict[str, Any]) -> None:
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: representative_batches(np.load(request["pictures"], mmap_mode="r"))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8]


_FORMATS: dict[str, Callable[[Any, Any, dict[str, Any]], None]] = {
    "float32": _float32,
    "float16": _float16,
    "dynamic": _dynamic,
    "int8": _int8,
    "int16x8": _int16x8,
}


def representative_batches(pictures: npt.NDArray[np.uint8]) -> Iterator[list[npt.NDArray[np.float32]]]:
    """Gives pictures one by one as the converter wants them: lists of one float32 (1, height, width, 3) array.

    One pixel of the first is made black and one white. The input's range is then 0..255 and its scale exactly 1, so
    that raw bytes are the network's input whatever the calibration pictures hold.
    """
    for i, picture in enumerate(pictures):
        sample = picture[np.newaxis].astype(np.float32)
        if i == 0:
            sample[0, 0, 0], sample[0, 0, -1] = 0.0, 255.0
        yield [sample]


def main() -> int:
    """Carries out one request; the exit code is 0 when its output was written."""
    request = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    try:
        {"convert": convert, "predict": predict}[request["action"]](request)
    except Exception as error:
        reason = " ".join(str(error).split())[:500]
        print(f"{type(error).__name__}: {reason}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
