"""The same ``.tflite`` through other libraries, each as its users write it. Runs in a worker (see ``worker``).

Each takes a uint8 BGR frame of any size and gives the probabilities of all classes. Preprocessing is a plain linear
resize and a change of the colours' order, as the libraries' examples have it; MediaPipe does its own.
"""

import importlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from sorter.benchmarks.machine import package_version
from sorter.bundle import Bundle
from sorter.errors import BundleError, ConfigError
from sorter.image import InputSpec, Pixels
from sorter.metrics import Probabilities

PEERS = {
    "bare": "LiteRT",
    "tflite-runtime": "tflite-runtime",
    "mediapipe": "MediaPipe Tasks",
    "opencv": "OpenCV DNN",
    "onnxruntime": "ONNX Runtime",
}
"""Kinds of candidates, and what the report calls them."""

_MODULES = {
    "bare": ("ai_edge_litert.interpreter", "ai-edge-litert"),
    "tflite-runtime": ("tflite_runtime.interpreter", "tflite-runtime"),
    "mediapipe": ("mediapipe", "mediapipe"),
    "opencv": ("cv2", "opencv-python-headless"),
    "onnxruntime": ("onnxruntime", "onnxruntime"),
}
"""What is imported, and the package it comes from."""

Classify = Callable[[Pixels], Probabilities]


class PeerNetwork:
    """A network in another library's hands.

    Attributes:
        labels: Class names.
        spec: Its input.
        format: Its quantisation.
        trained_on: Fingerprint of its data set; empty where not told.
        version: Of the library.
        import_ms: How long the library took to be imported.

    Args:
        kind: One of ``PEERS``.
        path: The ``.tflite``; ONNX Runtime takes the ``.onnx`` beside it.
        threads: CPU threads of one classification.

    Raises:
        ConfigError: The library is not installed.
        BundleError: The file is none that it can run.
    """

    def __init__(self, kind: str, path: Path, threads: int) -> None:
        bundle = Bundle.load(path)
        if bundle.manifest is None:
            raise BundleError(f"{path} does not say what it takes.", "Give a .tflite that sorter-convert made.")
        self.labels, self.spec, self.format = bundle.labels, bundle.manifest.input, bundle.manifest.quantization
        self.trained_on = bundle.manifest.data_fingerprint
        name, package = _MODULES[kind]
        started_s = time.perf_counter()
        try:
            module = importlib.import_module(name)
        except ImportError as error:
            raise ConfigError(f"{PEERS[kind]} is not installed here.", f"{error}") from error
        self.import_ms = (time.perf_counter() - started_s) * 1e3
        self.version = package_version(package)
        self.probabilities: Classify = _LOADERS[kind](module, path, threads, self.spec)


def _rgb(frame: Pixels, spec: InputSpec) -> Any:
    return cv2.cvtColor(cv2.resize(frame, (spec.width, spec.height)), cv2.COLOR_BGR2RGB)


def _interpreter(module: Any, path: Path, threads: int, spec: InputSpec) -> Classify:
    interpreter = module.Interpreter(model_path=str(path), num_threads=threads)
    interpreter.allocate_tensors()
    taken, given = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    scale, zero_point = given["quantization"]

    def classify(frame: Pixels) -> Probabilities:
        interpreter.set_tensor(taken["index"], _rgb(frame, spec)[np.newaxis].astype(taken["dtype"]))
        interpreter.invoke()
        scores = interpreter.get_tensor(given["index"])[0].astype(np.float32)
        return (scores - zero_point) * scale if scale else scores  # type: ignore[no-any-return]

    return classify


def _mediapipe(module: Any, path: Path, _threads: int, _spec: InputSpec) -> Classify:
    vision = module.tasks.vision
    base = module.tasks.BaseOptions(model_asset_path=str(path))
    classifier = vision.ImageClassifier.create_from_options(vision.ImageClassifierOptions(base_options=base))

    def classify(frame: Pixels) -> Probabilities:
        image = module.Image(image_format=module.ImageFormat.SRGB, data=cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
        found = classifier.classify(image).classifications[0].categories
        scores = np.zeros(len(found), np.float32)
        for category in found:
            scores[category.index] = category.score
        return scores

    return classify


def _opencv(module: Any, path: Path, threads: int, spec: InputSpec) -> Classify:
    module.setNumThreads(threads)
    try:
        network = module.dnn.readNetFromTFLite(str(path))
    except module.error as error:
        raise BundleError(f"OpenCV DNN cannot read it: {error.err or 'no reason given'}.") from error

    def classify(frame: Pixels) -> Probabilities:
        network.setInput(module.dnn.blobFromImage(frame, 1.0, (spec.width, spec.height), swapRB=True))
        scores: Probabilities = network.forward()[0]
        return scores

    return classify


def _onnxruntime(module: Any, path: Path, threads: int, spec: InputSpec) -> Classify:
    file = path.with_suffix(".onnx")
    if not file.is_file():
        raise BundleError(f"There is no {file.name}: tf2onnx is not installed, or could not convert the network.")
    options = module.SessionOptions()
    options.intra_op_num_threads = threads
    session = module.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    taken = session.get_inputs()[0]
    dtype = np.uint8 if "uint8" in taken.type else np.float32

    def classify(frame: Pixels) -> Probabilities:
        (scores,) = session.run(None, {taken.name: _rgb(frame, spec)[np.newaxis].astype(dtype)})
        # A byte of a quantised output is 1/256 of a probability.
        return scores[0].astype(np.float32) / (1.0 if scores.dtype == np.float32 else 256.0)  # type: ignore[no-any-return]

    return classify


_LOADERS: dict[str, Callable[[Any, Path, int, InputSpec], Classify]] = {
    "bare": _interpreter,
    "tflite-runtime": _interpreter,
    "mediapipe": _mediapipe,
    "opencv": _opencv,
    "onnxruntime": _onnxruntime,
}
