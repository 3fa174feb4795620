"""What a network says about photos, and what that is worth. Imports TensorFlow only to run a Keras network."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sorter.dataset import Photo
from sorter.files import write_csv, write_json
from sorter.metrics import Classes, Probabilities, evaluate
from sorter.trainer.cache import release_pages
from sorter.trainer.rejection import reject

METRICS_NAME = "metrics.json"
PREDICTIONS_NAME = "predictions.csv"

PREDICTIONS_HEADER = ("actual_label", "predicted_label", "predicted_probability", "filename", "correct")

_BATCH_SIZE = 64


@dataclass(frozen=True)
class Evaluation:
    """The answers of a network.

    Attributes:
        photos: The n photos.
        labels: Class names.
        actual: int64 (n,) true classes.
        probabilities: float32 (n, classes).
        threshold: The network's suggested reject threshold, chosen on other photos than these; None where it has none.
    """

    photos: tuple[Photo, ...]
    labels: tuple[str, ...]
    actual: Classes
    probabilities: Probabilities
    threshold: float | None = None

    def metrics(self) -> dict[str, Any]:
        """All figures (see ``sorter.metrics.evaluate``), and what the threshold does."""
        metrics = evaluate(self.probabilities, self.actual, self.labels)
        if self.threshold is not None and len(self.actual):
            metrics["rejection"] = asdict(reject(self.probabilities, self.actual, self.threshold))
        return metrics


def class_indices(photos: Sequence[Photo], labels: Sequence[str]) -> Classes:
    """Classes of photos: int64 (n,)."""
    index = {label: i for i, label in enumerate(labels)}
    return np.array([index[photo.label] for photo in photos], np.int64)


def predict_rows(network: Any, pixels: npt.NDArray[Any], rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Runs a Keras network over some rows of an array of pictures (or of features): float32 (n, outputs)."""
    outputs = np.empty((len(rows), network.output_shape[-1]), np.float32)
    for start in range(0, len(rows), _BATCH_SIZE):
        part = rows[start : start + _BATCH_SIZE]
        # TensorFlow builds a new graph for each size of batch, so the last one is filled up.
        full = np.resize(part, min(_BATCH_SIZE, len(rows)))
        answers = np.asarray(network.predict_on_batch(pixels[full].astype(np.float32)), np.float32)
        outputs[start : start + len(part)] = answers[: len(part)]
        # Or the process would come to hold the whole file of pictures.
        release_pages(pixels)
    return outputs


def write_evaluation(evaluation: Evaluation, folder: Path) -> dict[str, Any]:
    """Writes ``metrics.json`` and ``predictions.csv``; gives the metrics.

    Raises:
        StorageError: They cannot be written.
    """
    metrics = evaluation.metrics()
    write_json(folder / METRICS_NAME, metrics)
    predicted = evaluation.probabilities.argmax(axis=1)
    confidence = evaluation.probabilities.max(axis=1)
    write_csv(
        folder / PREDICTIONS_NAME,
        PREDICTIONS_HEADER,
        (
            (photo.label, evaluation.labels[p], f"{c:.6f}", photo.filename, str(bool(p == a)).lower())
            for photo, p, c, a in zip(evaluation.photos, predicted, confidence, evaluation.actual, strict=True)
        ),
    )
    return metrics
