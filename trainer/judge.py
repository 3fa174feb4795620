"""A finished network of any kind, ready to judge photos. A ``.tflite`` needs no TensorFlow."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from sorter.bundle import Bundle
from sorter.classifier import InputRange, TFLiteClassifier, classifier_from_bundle
from sorter.errors import BundleError
from sorter.image import InputSpec, Pixels, prepare
from sorter.manifest import MANIFEST_NAME, Manifest
from sorter.metrics import Probabilities
from sorter.trainer.evaluation import predict_rows
from sorter.trainer.runs import Run


class Judge(Protocol):
    """A finished network of any kind."""

    labels: tuple[str, ...]
    manifest: Manifest | None

    def judge(self, pictures_bgr: Sequence[Pixels]) -> Probabilities:
        """Probabilities float32 (n, classes) of uint8 BGR pictures of any size."""


class KerasJudge:
    """The network of a training run.

    Attributes:
        network: The ``keras.Model``.
        labels: Class names, in the order of its outputs.
        spec: Its input.
        manifest: Of its run; None for a network from elsewhere.
    """

    def __init__(
        self, network: Any, labels: tuple[str, ...], spec: InputSpec, manifest: Manifest | None = None
    ) -> None:
        self.network = network
        self.labels = labels
        self.spec = spec
        self.manifest = manifest

    def judge(self, pictures_bgr: Sequence[Pixels]) -> Probabilities:
        """Probabilities float32 (n, classes) of uint8 BGR pictures of any size."""
        pixels = np.stack([prepare(picture, self.spec) for picture in pictures_bgr])
        return predict_rows(self.network, pixels, np.arange(len(pixels)))


class TFLiteJudge:
    """The network of a ``.tflite`` file."""

    def __init__(self, classifier: TFLiteClassifier, manifest: Manifest | None) -> None:
        self._classifier = classifier
        self.labels = classifier.labels
        self.manifest = manifest

    def judge(self, pictures_bgr: Sequence[Pixels]) -> Probabilities:
        """Probabilities float32 (n, classes) of uint8 BGR pictures of any size."""
        return np.stack([self._classifier.probabilities(picture) for picture in pictures_bgr])


def load_run(run: Run) -> KerasJudge:
    """Loads the network of a training run.

    Raises:
        BundleError: It is damaged, or network and manifest contradict each other.
        ConfigError: TensorFlow is not installed.
    """
    from sorter.trainer.backend import load_tensorflow

    load_tensorflow()
    from sorter.trainer.networks import load_network

    network = load_network(run.model)
    if tuple(network.input_shape[1:]) != run.manifest.input.shape:
        raise BundleError(f"{run.model} and its {MANIFEST_NAME} speak of different input sizes.", "Train again.")
    if network.output_shape[-1] != len(run.manifest.labels):
        raise BundleError(f"{run.model} and its {MANIFEST_NAME} speak of different classes.", "Train again.")
    return KerasJudge(network, run.manifest.labels, run.manifest.input, run.manifest)


def load_tflite(model: Path, labels: Path | None, input_range: InputRange | None) -> TFLiteJudge:
    """Loads a ``.tflite`` (see ``load_classifier``)."""
    bundle = Bundle.load(model, labels)
    return TFLiteJudge(classifier_from_bundle(bundle, os.cpu_count() or 1, input_range), bundle.manifest)
