"""The verdict on a file that has no name yet: passed, diagnosed, repaired, or refused."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from sorter.cli import inform
from sorter.converters import gate
from sorter.converters.diagnosis import LayerError, diagnose, worst
from sorter.converters.options import ConversionOptions
from sorter.converters.pipeline import Candidate, Materials, UnusableFileError, make_candidate
from sorter.converters.repair import Repair
from sorter.converters.worker_process import WorkerProcess
from sorter.errors import AccuracyDropError, ConversionError

_NAMED = 8
"""Layers that a diagnosis shows."""


@dataclass(frozen=True)
class Rules:
    """What is asked of a conversion.

    Attributes:
        max_drop: Accuracy that may be lost; 0.01 is one point.
        diagnose: Whether to show what each layer loses, also where all is well.
        repair: Whether to look for a remedy when too much is lost.
        data: Photos that the network was trained on; None where none were named.
        seed: Of photos that are drawn.
        compare_float: Whether a float32 file is measured beside each, also where all is well.
    """

    max_drop: float
    diagnose: bool = False
    repair: bool = False
    data: Path | None = None
    seed: int = 1
    compare_float: bool = False


class Judge:
    """Judges all files of one command.

    Args:
        worker: Converts.
        materials: What the files are made of.
        rules: What is asked of them.
    """

    def __init__(self, worker: WorkerProcess, materials: Materials, rules: Rules) -> None:
        self._worker, self._materials, self._rules = worker, materials, rules
        self._float_file: float | None = None

    def __call__(self, candidate: Candidate) -> Candidate:
        """Gives the candidate that may have its name; see ``judge``."""
        cost = candidate.cost
        if cost is not None and (self._rules.compare_float or cost.drop > self._rules.max_drop):
            accuracy = self._measure_float_file(candidate)
            candidate = replace(candidate, cost=replace(cost, float_file_accuracy=accuracy))
            inform(
                f"Right on test photos: Keras {cost.float_accuracy:.1%}, float32 file {accuracy:.1%}, "
                f"{candidate.options.format} file {cost.accuracy:.1%}."
            )
        return judge(self._worker, self._materials, candidate, self._rules)

    def rescue(self, options: ConversionOptions, error: UnusableFileError) -> Candidate:
        """Looks for a remedy where LiteRT cannot run the plain file, if that is allowed; else raises the error."""
        rules, materials = self._rules, self._materials
        measurable = options.needs_calibration and materials.calibration is not None and materials.test is not None
        if not measurable or rules.data is None:
            raise error
        if not rules.repair:
            raise ConversionError(error.message, f"{error.hint} Or give --repair to try remedies.") from error
        inform(error.message)
        return _repaired(self._worker, materials, options, rules)

    def _measure_float_file(self, candidate: Candidate) -> float:
        if candidate.options.format == "float32" and candidate.cost is not None:
            return candidate.cost.accuracy
        if self._float_file is None:
            made = make_candidate(self._worker, self._materials, ConversionOptions("float32"))
            assert made.cost is not None
            self._float_file = made.cost.accuracy
        return self._float_file


def judge(worker: WorkerProcess, materials: Materials, candidate: Candidate, rules: Rules) -> Candidate:
    """Lets a candidate pass, or one that was repaired in its place.

    Raises:
        AccuracyDropError: Too much is lost; the layers that lose most have been named.
        ConversionError: No remedy helped.
    """
    diagnosable = candidate.options.needs_calibration and materials.calibration is not None
    diagnosed: Sequence[LayerError] = ()
    if rules.diagnose and diagnosable:
        diagnosed = show_diagnosis(worker, materials, candidate)
    if candidate.cost is None:
        return candidate
    try:
        gate.require(candidate.cost, rules.max_drop)
        return replace(candidate, diagnosis=tuple(asdict(error) for error in diagnosed))
    except AccuracyDropError as error:
        if not diagnosable:
            raise
        inform(error.message)
        diagnosed = diagnosed or show_diagnosis(worker, materials, candidate)
        if not rules.repair or rules.data is None:
            raise AccuracyDropError(error.message, _advise(diagnosed)) from error
    repaired = _repaired(worker, materials, candidate.options, rules)
    return replace(repaired, diagnosis=tuple(asdict(error) for error in diagnosed))


def _repaired(worker: WorkerProcess, materials: Materials, options: ConversionOptions, rules: Rules) -> Candidate:
    assert rules.data is not None

    def find_errors(tried: Candidate, used: Materials) -> Sequence[LayerError]:
        return find_layer_errors(worker, used, tried)

    inform("Trying remedies:")
    repaired = Repair(worker, rules.data, rules.max_drop, find_errors, rules.seed).run(materials, options)
    assert repaired.cost is not None
    gate.require(repaired.cost, rules.max_drop)
    return repaired


def find_layer_errors(worker: WorkerProcess, materials: Materials, candidate: Candidate) -> list[LayerError]:
    """What each layer of a candidate loses, measured on calibration pictures.

    Raises:
        ConversionError: The installed interpreter cannot show single layers.
    """
    assert materials.calibration is not None
    output = worker.new_path(".tflite")
    reply: dict[str, Any] = worker.ask(
        "record",
        network=materials.source.to_request(),
        options=candidate.options.to_request(),
        pictures=materials.calibration.path,
        output=str(output),
    )
    # Interpreters read a file from its front, where the flatbuffer is.
    return diagnose(output.read_bytes(), candidate.content, materials.calibration.pixels, reply["layers"])


def show_diagnosis(worker: WorkerProcess, materials: Materials, candidate: Candidate) -> Sequence[LayerError]:
    """Measures what each layer loses, and says which lose most; an interpreter that cannot is no failure."""
    try:
        errors = find_layer_errors(worker, materials, candidate)
    except ConversionError as error:
        inform(f"No diagnosis: {error.message}")
        return ()
    inform("\n".join(diagnosis_lines(errors)))
    return errors


def diagnosis_lines(errors: Sequence[LayerError]) -> list[str]:
    """A table of the layers that lose most by themselves."""
    lines = [f"{'layers that lose most':38}{'lost':>8}{'rounding':>11}{'in all':>10}{'range used':>12}"]
    for error in worst(errors, _NAMED):
        lines.append(
            f"{error.layer[:37]:38}{error.loss:8.1%}{error.rounding_db:8.1f} dB{error.snr_db:7.1f} dB"
            f"{error.range_use:12.1%}"
        )
    return lines


def _advise(errors: Sequence[LayerError]) -> str:
    names = ", ".join(error.layer for error in worst(errors, 3))
    return f"Layers that lose most: {names}. Give --repair to try remedies, or try --int16x8." if names else ""
