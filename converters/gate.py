"""What a conversion cost, and whether that is allowed."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sorter.bundle import Bundle
from sorter.classifier import classifier_from_bundle
from sorter.errors import AccuracyDropError, BundleError, ConversionError
from sorter.image import InputSpec, Pixels
from sorter.known_answer import draw
from sorter.metrics import Classes, Probabilities, agreement, evaluate


@dataclass(frozen=True)
class Cost:
    """The Keras network and the converted one over the same pictures.

    Attributes:
        n: Number of pictures.
        float_accuracy: Accuracy of the Keras network.
        accuracy: Accuracy of the converted network.
        agreement: Share of pictures with the same top class.
        mean_difference: Mean over pictures of the largest difference of a class's probability.
        worst_difference: The largest of these.
        worst_class_drop: Largest loss of recall of a class.
        worst_class: That class.
        ece: Expected calibration error of the converted network.
        float_ece: The same of the Keras network.
        class_drops: Loss of recall of each class.
        float_file_accuracy: Accuracy of a float32 file of the same network, which tells the loss by quantisation from
            that by conversion; None where it was not measured.
    """

    n: int
    float_accuracy: float
    accuracy: float
    agreement: float
    mean_difference: float
    worst_difference: float
    worst_class_drop: float
    worst_class: str
    ece: float
    float_ece: float = 0.0
    class_drops: Mapping[str, float] = field(default_factory=dict)
    float_file_accuracy: float | None = None

    @property
    def drop(self) -> float:
        """Accuracy lost; negative where the converted network is better."""
        return self.float_accuracy - self.accuracy


def measure(before: Probabilities, after: Probabilities, actual: Classes, labels: tuple[str, ...]) -> Cost:
    """Compares two networks' probabilities, each (n, classes), for pictures of known classes (n,)."""
    difference = np.abs(before - after).max(axis=1)
    first, second = evaluate(before, actual, labels), evaluate(after, actual, labels)
    drops = {label: first["per_class"][label]["recall"] - second["per_class"][label]["recall"] for label in labels}
    worst = max(drops, key=lambda label: drops[label])
    return Cost(
        n=len(actual),
        float_accuracy=first["accuracy"],
        accuracy=second["accuracy"],
        agreement=agreement(before, after),
        mean_difference=float(difference.mean()),
        worst_difference=float(difference.max()),
        worst_class_drop=drops[worst],
        worst_class=worst,
        ece=second["ece"],
        float_ece=first["ece"],
        class_drops=drops,
    )


_CANDIDATE = "candidate.tflite"


def run_converted(
    content: bytes, pictures: Pixels, advance: Callable[[int], None] = lambda steps: None
) -> Probabilities:
    """Runs a packed ``.tflite`` over prepared RGB pictures (n, height, width, 3), with the classifier of the device.

    ``advance`` is called with 1 after each picture.
    """
    with tempfile.TemporaryDirectory(prefix="sorter-convert-") as folder:
        path = Path(folder) / _CANDIDATE
        path.write_bytes(content)
        classifier = classifier_from_bundle(Bundle.load(path))
    # Pictures of the right size pass through prepare() unchanged but for the colour order.
    rows = []
    for picture in pictures:
        rows.append(classifier.probabilities(picture[:, :, ::-1].copy()))
        advance(1)
    return np.stack(rows)


def ask_drawn_pictures(content: bytes, spec: InputSpec) -> tuple[tuple[float, ...], ...]:
    """What a packed ``.tflite`` says of drawn pictures (``known_answer``); nothing where that are no numbers."""
    answers = run_converted(content, np.stack(draw(spec)))
    return tuple(tuple(round(float(p), 3) for p in row) for row in answers) if np.isfinite(answers).all() else ()


def run_once(request: dict[str, Any]) -> dict[str, Any]:
    """Runs the ``.tflite`` at ``request["file"]`` on one black picture, in the worker.

    LiteRT refuses numbers that its integers cannot hold, or aborts on them; that must not end the command.

    Raises:
        ConversionError: It refuses.
    """
    content, shape = Path(request["file"]).read_bytes(), request["shape"]
    try:
        run_converted(content, np.zeros((1, *shape), np.uint8))
    except BundleError as error:
        raise cannot_run(error.message.partition(f"{_CANDIDATE}: ")[2] or error.message) from error
    return {}


def cannot_run(reason: str) -> ConversionError:
    """What the user is told of a file that was made and cannot be used."""
    return ConversionError(
        f"LiteRT cannot run the converted network: {reason.rstrip('.')}.",
        "Most likely some channels are off by powers of ten: train it on with --qat, or try another format.",
    )


def require(cost: Cost, max_drop: float) -> None:
    """Lets a conversion pass, or not.

    Raises:
        AccuracyDropError: It lost more than ``max_drop`` (0.01 = one point of accuracy).
    """
    if cost.drop > max_drop + 1e-9:
        raise AccuracyDropError(
            f"The converted network is right on {cost.accuracy:.1%} of {cost.n} test photos, the original on "
            f"{cost.float_accuracy:.1%}: more than the {max_drop:.1%} allowed is lost "
            f"(most in class {cost.worst_class}); nothing was written.",
            "Try more --samples or --int16x8, or allow more with --max-drop.",
        )


def accuracy_entry(cost: Cost) -> dict[str, Any]:
    """What the manifest keeps of a measurement."""
    return {
        "accuracy": cost.accuracy,
        "n": cost.n,
        "subset": "test",
        "agreement_with_float": cost.agreement,
        "ece": cost.ece,
    }
