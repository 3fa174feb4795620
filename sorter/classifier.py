"""Camera frame in, probabilities out."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from sorter.bundle import Bundle
from sorter.errors import BundleError, ConfigError
from sorter.image import InputSpec, Pixels, prepare
from sorter.interpreter import Interpreter, load_interpreter
from sorter.metrics import Probabilities

InputRange = Literal["bytes", "0..1", "-1..1"]
"""How a foreign float network wants its pixels: 0..255, 0..1, or -1..1. Networks of this toolkit scale inside."""

_SCALES: dict[str, tuple[float, float]] = {
    "bytes": (1.0, 0.0),
    "0..1": (1 / 255, 0.0),
    "-1..1": (1 / 127.5, -1.0),
}


@dataclass(frozen=True)
class Prediction:
    """What a network says of one picture.

    Attributes:
        label: The most probable class.
        probability: Its probability.
        probabilities: float32 (classes,), in the order of the classifier's labels.
    """

    label: str
    probability: float
    probabilities: Probabilities


class Classifier(Protocol):
    """Anything that names what a picture shows."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names, in the order of the probabilities."""

    def classify(self, frame_bgr: Pixels) -> Prediction:
        """Classifies a uint8 BGR frame (H, W, 3) of any size."""


@runtime_checkable
class TwoStepClassifier(Classifier, Protocol):
    """A classifier that tells when nothing but the network is left to run, which other threads need not wait for."""

    def classify_meanwhile(self, frame_bgr: Pixels, begin: Callable[[], None]) -> Prediction:
        """Classifies as ``classify`` does; calls ``begin`` once the frame is prepared, before the network runs."""


class TFLiteClassifier:
    """A ``.tflite`` network with its preprocessing. Not safe for use by several threads at once.

    Args:
        interpreter: With allocated tensors, one picture in, one list of scores out.
        labels: Class names, one for each output.
        fit: How a frame of another shape becomes the input (see ``InputSpec``).
        input_range: For a network with float input only.
    """

    def __init__(
        self,
        interpreter: Interpreter,
        labels: tuple[str, ...],
        spec: InputSpec,
        input_range: InputRange = "bytes",
    ) -> None:
        self._interpreter = interpreter
        self.labels = labels
        self.spec = spec
        input_detail = interpreter.get_input_details()[0]
        output_detail = interpreter.get_output_details()[0]
        self._input_view = interpreter.tensor(input_detail["index"])
        self._output_view = interpreter.tensor(output_detail["index"])
        self._probability_of = _probability_table(output_detail)
        self._write = self._writer(input_detail, input_range)

    def classify(self, frame_bgr: Pixels) -> Prediction:
        """Classifies a uint8 BGR frame (H, W, 3) of any size."""
        return self._named(self.probabilities(frame_bgr))

    def classify_meanwhile(self, frame_bgr: Pixels, begin: Callable[[], None]) -> Prediction:
        """Classifies a uint8 BGR frame (H, W, 3) of any size; calls ``begin`` just before the network runs.

        The network runs without Python's lock: what ``begin`` has set going in another thread goes on meanwhile.
        """
        self._write(frame_bgr)
        begin()
        return self._named(self._run())

    def probabilities(self, frame_bgr: Pixels) -> Probabilities:
        """Probabilities of all classes for a uint8 BGR frame (H, W, 3): float32 (classes,)."""
        self._write(frame_bgr)
        return self._run()

    def _named(self, probabilities: Probabilities) -> Prediction:
        best = int(probabilities.argmax())
        return Prediction(self.labels[best], float(probabilities[best]), probabilities)

    def _run(self) -> Probabilities:
        self._interpreter.invoke()
        scores: npt.NDArray[Any] = self._output_view()[0]
        return scores.copy() if self._probability_of is None else self._probability_of.take(scores)

    def _writer(self, detail: dict[str, Any], input_range: InputRange) -> Any:
        """Chooses, once, how pixels reach the input tensor."""
        dtype = detail["dtype"]
        if dtype == np.uint8 and _takes_raw_bytes(detail):
            # No copy: the colour conversion writes into the interpreter's own memory.
            return lambda frame: prepare(frame, self.spec, out=self._input_view()[0])
        if dtype == np.float32:
            scale, offset = _SCALES[input_range]
            return lambda frame: self._write_converted(
                prepare(frame, self.spec) * np.float32(scale) + np.float32(offset)
            )
        table = _byte_table(detail, input_range)
        return lambda frame: self._write_converted(table[prepare(frame, self.spec)])

    def _write_converted(self, pixels: npt.NDArray[Any]) -> None:
        self._input_view()[0] = pixels


def _probability_table(detail: dict[str, Any]) -> Probabilities | None:
    """The probability that each byte of a quantised output stands for: float32 (256,); None for a float output.

    A signed byte is its index too: below zero it counts from the end.
    """
    if detail["dtype"] == np.float32:
        return None
    scale, zero_point = detail["quantization"]
    stored = np.arange(256, dtype=np.uint8).view(detail["dtype"]).astype(np.float32)
    return (stored - np.float32(zero_point)) * np.float32(scale or 1.0)  # type: ignore[no-any-return]


def _takes_raw_bytes(detail: dict[str, Any]) -> bool:
    # Whatever its scale, a quantised input that spans the whole byte range means "lowest is darkest, highest is
    # brightest". Ours have scale 1; foreign ones mostly 1/127.5 or 1/255.
    scale, zero_point = detail["quantization"]
    if detail["dtype"] == np.int8:
        zero_point += 128
    return scale == 0 or any(
        abs(scale * steps - 1) < 0.02 and abs(zero_point - zero) <= 1
        for steps, zero in ((1.0, 0), (255.0, 0), (127.5, 128), (127.5, 127))
    )


def _byte_table(detail: dict[str, Any], input_range: InputRange) -> npt.NDArray[Any]:
    """For each pixel value 0..255, the number that an input quantised in another way stores for it."""
    limits = np.iinfo(detail["dtype"])
    if _takes_raw_bytes(detail):
        return np.arange(limits.min, limits.max + 1).astype(detail["dtype"])
    factor, offset = _SCALES[input_range]
    scale, zero_point = detail["quantization"]
    stored = np.rint((np.arange(256) * factor + offset) / scale) + zero_point
    table: npt.NDArray[Any] = np.clip(stored, limits.min, limits.max).astype(detail["dtype"])
    return table


def load_classifier(
    path: Path, labels: Path | None = None, threads: int = 1, input_range: InputRange | None = None
) -> TFLiteClassifier:
    """Loads a ``.tflite`` and checks that network, labels and manifest fit together.

    Args:
        path: The file.
        labels: A ``labels.txt`` for a file without labels.
        threads: CPU threads of one inference.
        input_range: How a foreign network with float input wants its pixels.

    Raises:
        BundleError: The file is damaged or contradicts itself.
        ConfigError: No interpreter is installed, or a foreign float network comes without ``input_range``.
    """
    bundle = Bundle.load(path, labels)
    return classifier_from_bundle(bundle, threads, input_range)


def classifier_from_bundle(bundle: Bundle, threads: int = 1, input_range: InputRange | None = None) -> TFLiteClassifier:
    """Like ``load_classifier``, from a bundle that is already read."""
    interpreter = load_interpreter(bundle.flatbuffer, threads, str(bundle.path))
    input_detail = interpreter.get_input_details()[0]
    classes = int(interpreter.get_output_details()[0]["shape"][1])
    _, height, width, _ = (int(n) for n in input_detail["shape"])
    if classes != len(bundle.labels):
        raise BundleError(
            f"{bundle.path} gives {classes} scores, but there are {len(bundle.labels)} labels.",
            "Give the labels that the network was trained with, one a line.",
        )
    spec = bundle.input or InputSpec(width, height)
    if (spec.width, spec.height) != (width, height):
        raise BundleError(
            f"{bundle.path} takes {width}x{height} pixels, but its manifest says {spec}.", "Convert again."
        )
    if bundle.manifest is None and input_range is None and input_detail["dtype"] == np.float32:
        raise ConfigError(
            f"{bundle.path} takes float pixels and does not say of which range.",
            "Give --input-range: bytes (0..255), 0..1 or -1..1, as the network was trained.",
        )
    return TFLiteClassifier(interpreter, bundle.labels, spec, input_range or "bytes")
