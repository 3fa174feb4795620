"""What one run of ``sorter-bench`` found, and its file ``report.json``."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sorter.errors import ConfigError
from sorter.files import write_json

SCHEMA_VERSION = 2

_HINT = "Give a report.json that this version of sorter-bench wrote; measure again where there is none."


@dataclass(frozen=True)
class Accuracy:
    """How good a network is on the photos.

    Attributes:
        n: Photos it was measured on.
        accuracy: Share of right answers.
        accuracy_95: Its 95 % interval (Wilson).
        worst_class: The class with the lowest recall.
        worst_class_recall: That recall.
        ece: Expected calibration error.
        recalls: Recall of each class that has photos.
        threshold: Probability below which an object is rejected: the manifest's suggestion; None for a foreign file.
        rejected: Share of photos below the threshold.
        wrong: Share of photos above the threshold with a wrong answer: what lands in a wrong bin.
        correct: One character a photo, ``1`` where it was right, in the data set's order: networks are compared photo
            by photo.
    """

    n: int
    accuracy: float
    accuracy_95: tuple[float, float]
    worst_class: str | None
    worst_class_recall: float | None
    ece: float
    recalls: Mapping[str, float]
    threshold: float | None
    rejected: float | None
    wrong: float | None
    correct: str


@dataclass(frozen=True)
class Timing:
    """How long a network takes with a number of threads.

    Attributes:
        threads: What was asked for.
        n: Timed classifications.
        seconds: Their sum.
        p50_ms: Median of a classification of a 640x480 frame, preprocessing included.
        p50_95_ms: Its 95 % bootstrap interval.
        p90_ms: 90th percentile.
        p99_ms: 99th percentile.
        max_ms: The longest.
        spread: Distance of the quartiles as a share of the median.
        prepare_ms: Median of the preprocessing alone, measured between the others.
        cores_used: CPU time per wall time: the threads that really worked.
        waited: Share of the time in which the thread was ready and another program had its core; None where not told.
        drift: Median of the last third of the rounds over that of the first third.
        rounds_ms: Medians of the rounds, in their order; intervals between reports are drawn from them.
        load_ms: Reading the file and making the interpreter ready, in a new process.
        first_ms: The first classification.
        resident_mb: Memory of the process with this network alone.
        sustained_fps: Classifications a second in the last fifth of an uninterrupted minute; None where not asked for.
        sustained_drop: How much fewer than in the first fifth, as a share.
        energy_mj: Energy of one classification, idle power included; None where the machine does not tell.
        flags: What speaks against the figures; empty when nothing does.
    """

    threads: int
    n: int
    seconds: float
    p50_ms: float
    p50_95_ms: tuple[float, float]
    p90_ms: float
    p99_ms: float
    max_ms: float
    spread: float
    prepare_ms: float
    cores_used: float
    waited: float | None
    drift: float
    rounds_ms: tuple[float, ...]
    load_ms: float
    first_ms: float
    resident_mb: float | None
    sustained_fps: float | None = None
    sustained_drop: float | None = None
    energy_mj: float | None = None
    flags: tuple[str, ...] = ()

    @property
    def fps(self) -> float:
        """Classifications a second, one after the other, while it was measured."""
        return self.n / self.seconds if self.seconds else 0.0


@dataclass(frozen=True)
class ModelResult:
    """One model's figures; what could not be measured is None.

    Attributes:
        model: Its name in the report.
        kind: ``tflite`` or ``keras``.
        format: Quantisation; ``foreign`` where the file does not say.
        sha256: Of the file.
        bytes: Size of the file.
        zipped_bytes: Size as a ZIP or an app store would carry it (deflate).
        input: Size of the input, ``width x height``.
        parameters: Weights and biases in the file.
        macs: Multiply-accumulates of one classification.
        accuracy: On the photos.
        timings: One for each number of threads.
        profile: Which operators cost what: see ``operator_profile``.
        time_line: The way of one sorted object with it: see ``time_line``.
        problem: Why it could not be measured; empty when it could.
    """

    model: str
    kind: str = "tflite"
    format: str = ""
    sha256: str = ""
    bytes: int | None = None
    zipped_bytes: int | None = None
    input: str = ""
    parameters: int | None = None
    macs: int | None = None
    accuracy: Accuracy | None = None
    timings: tuple[Timing, ...] = ()
    profile: Mapping[str, Any] | None = None
    time_line: Mapping[str, Any] | None = None
    problem: str = ""

    @property
    def timing(self) -> Timing | None:
        """The timing with the fewest threads, by which models are compared."""
        return min(self.timings, key=lambda timing: timing.threads, default=None)


@dataclass(frozen=True)
class Results:
    """Everything that one run found.

    Attributes:
        machine: What it ran on: see ``machine.describe_machine``.
        data: ``name``, ``fingerprint``, ``photos`` and ``labels`` of the data set.
        method: Options and numbers of the measurement.
        conditions: The machine's state before, during and after, and what speaks against the figures.
        models: One entry a model, in the order of the command line.
    """

    machine: Mapping[str, Any]
    data: Mapping[str, Any]
    method: Mapping[str, Any]
    conditions: Mapping[str, Any]
    models: tuple[ModelResult, ...] = field(default_factory=tuple)

    def to_dict(self) -> dict[str, Any]:
        """The content of ``report.json``."""
        return {"schema_version": SCHEMA_VERSION, **asdict(self)}

    def write(self, path: Path) -> None:
        """Writes ``report.json``.

        Raises:
            StorageError: It cannot be written.
        """
        write_json(path, self.to_dict())

    @classmethod
    def read(cls, path: Path) -> "Results":
        """Reads a ``report.json``, or the one in a folder.

        Raises:
            ConfigError: It is missing, is none, or has another schema version.
        """
        file = path / "report.json" if path.is_dir() else path
        try:
            content = json.loads(file.read_bytes())
            version = content["schema_version"]
        except OSError as error:
            raise ConfigError(f"Cannot read {file}: {error.strerror}.", _HINT) from error
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{file} is not a report of sorter-bench.", _HINT) from error
        if version != SCHEMA_VERSION:
            raise ConfigError(f"{file} has schema version {version}; this program reads {SCHEMA_VERSION}.", _HINT)
        try:
            models = tuple(_model(model) for model in content["models"])
            return cls(content["machine"], content["data"], content["method"], content["conditions"], models)
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(f"{file} is a damaged report ({error!r}).", _HINT) from error


def _model(content: Mapping[str, Any]) -> ModelResult:
    accuracy = content["accuracy"]
    timings = tuple(read_timing(timing) for timing in content["timings"])
    return ModelResult(**{**content, "accuracy": accuracy and read_accuracy(accuracy), "timings": timings})


def read_accuracy(content: Mapping[str, Any]) -> Accuracy:
    """An accuracy from its JSON."""
    return Accuracy(**{**content, "accuracy_95": _pair(content["accuracy_95"])})


def read_timing(content: Mapping[str, Any]) -> Timing:
    """A timing from its JSON."""
    tuples = {"p50_95_ms": _pair(content["p50_95_ms"])} | {
        name: tuple(content[name]) for name in ("rounds_ms", "flags")
    }
    return Timing(**{**content, **tuples})


def _pair(values: Sequence[float]) -> tuple[float, float]:
    low, high = values
    return (low, high)
