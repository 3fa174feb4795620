"""From a network and photos to files that are allowed to have their names: convert, gate, pack, write."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from sorter.cli import warn
from sorter.converters import conversion, gate
from sorter.converters.calibration import CalibrationSet
from sorter.converters.conversion import Converted, StoredPictures
from sorter.converters.delivery import Delivery, deliver, require_finite
from sorter.converters.gate import Cost
from sorter.converters.options import ConversionOptions
from sorter.converters.packing import pack
from sorter.converters.sources import Source
from sorter.converters.worker_process import WorkerProcess
from sorter.errors import ConversionError, SorterError
from sorter.files import zipped_size
from sorter.image import Pixels
from sorter.manifest import Manifest
from sorter.metrics import Classes, Probabilities

Advance = Callable[[int], None]
"""Called with the number of steps just done."""

CONVERSION_STEPS = 50
"""What a conversion counts for on the progress bar; a test picture counts for one."""


@dataclass(frozen=True)
class TestSet:
    """Pictures that neither training nor calibration saw.

    Attributes:
        pictures: Prepared.
        actual: Class of each: int64 (n,).
        before: What the original network says: float32 (n, classes).
    """

    pictures: StoredPictures
    actual: Classes
    before: Probabilities


@dataclass(frozen=True)
class Materials:
    """What all files of one command are made of.

    Attributes:
        source: The network.
        calibration: Pictures for integer formats; None where no format needs them.
        test: Pictures to measure on; None leaves everything unmeasured.
        record: How calibration pictures were chosen, for the manifest.
        chosen: These pictures, for the list beside the files.
    """

    source: Source
    calibration: StoredPictures | None = None
    test: TestSet | None = None
    record: dict[str, Any] = field(default_factory=dict)
    chosen: CalibrationSet | None = None

    @property
    def picture(self) -> Pixels:
        """One prepared picture to try files out with: a real one where there is one."""
        for known in (self.test.pictures if self.test else None, self.calibration):
            if known is not None:
                picture: Pixels = known.pixels[0]
                return picture
        return np.random.default_rng(0).integers(0, 256, self.source.manifest.input.shape).astype(np.uint8)


@dataclass(frozen=True)
class Job:
    """One file to be made."""

    options: ConversionOptions
    path: Path


@dataclass(frozen=True)
class Candidate:
    """A file that has no name yet.

    Attributes:
        options: What it was made for.
        content: All its bytes, description included.
        cost: What it lost; None where there is no test set.
        converted: What it was packed from.
        trials: Remedies that were tried on the way, as rows; see ``repair``.
        diagnosis: What each layer loses, as rows; empty where nobody asked.
    """

    options: ConversionOptions
    content: bytes
    cost: Cost | None
    converted: Converted
    trials: tuple[dict[str, Any], ...] = ()
    diagnosis: tuple[dict[str, Any], ...] = ()


class UnusableFileError(ConversionError):
    """A file was made, but LiteRT refuses it, or aborts on it."""


class Judge(Protocol):
    """Decides which file may have its name."""

    def __call__(self, candidate: Candidate) -> Candidate:
        """Gives the candidate that may have its name, or raises."""

    def rescue(self, options: ConversionOptions, error: UnusableFileError) -> Candidate:
        """Gives a candidate in the place of one that cannot be run, or raises the error."""


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Attributes:
        job: Which one.
        candidate: What was written; None when it failed.
        delivery: The files that were written.
        error: Why it failed.
    """

    job: Job
    candidate: Candidate | None = None
    delivery: Delivery | None = None
    error: SorterError | None = None

    def to_row(self) -> dict[str, Any]:
        """For ``--json``."""
        options = self.candidate.options if self.candidate else self.job.options
        row: dict[str, Any] = {"file": str(self.job.path), **options.to_request()}
        if self.error is not None:
            return row | {"error": self.error.message}
        assert self.candidate is not None and self.delivery is not None
        for name in ("trials", "diagnosis"):
            if getattr(self.candidate, name):
                row[name] = list(getattr(self.candidate, name))
        cost = self.candidate.cost
        measured = asdict(cost) | {"drop": cost.drop} if cost else {}
        paths = list(self.delivery.files)
        row |= {"file": str(paths[0]), "files": [str(path) for path in paths], **self.delivery.figures, **measured}
        content = self.delivery.files[paths[0]]
        return row | {
            "bytes": len(content),
            "zipped_bytes": zipped_size(content),
            "way": self.candidate.converted.way,
        }


def make_candidate(
    worker: WorkerProcess, materials: Materials, options: ConversionOptions, advance: Advance = lambda steps: None
) -> Candidate:
    """Converts and measures, and writes nothing.

    Raises:
        ConversionError: The network cannot be converted so.
        UnusableFileError: It can, but not to a file that LiteRT runs.
    """
    source = materials.source
    calibration = materials.calibration if options.needs_calibration else None
    converted = conversion.convert(worker, source, options, calibration)
    advance(CONVERSION_STEPS)
    record = {"way": converted.way, **(materials.record if calibration else {})}
    if converted.float_layers:
        record["float_layers"] = dict(converted.float_layers)
    content = pack(converted.flatbuffer, source.manifest, options, {}, record, converted.versions)
    file = worker.new_path(".tflite")
    file.write_bytes(content)
    try:
        worker.ask("run", file=str(file), shape=source.manifest.input.shape)
    except ConversionError as error:
        raise UnusableFileError(error.message, error.hint) from error
    manifest = replace(source.manifest, known_answer=gate.ask_drawn_pictures(content, source.manifest.input))
    cost, accuracy = None, {}
    if (test := materials.test) is not None:
        after = gate.run_converted(content, test.pictures.pixels, advance)
        require_finite(after)
        cost = gate.measure(test.before, after, test.actual, manifest.labels)
        accuracy = {str(options.format): gate.accuracy_entry(cost)}
    content = pack(converted.flatbuffer, manifest, options, accuracy, record, converted.versions)
    return Candidate(options, content, cost, converted)


def keep_clusters(options: ConversionOptions, manifest: Manifest) -> ConversionOptions:
    """Options that leave the channels of a clustered run as they are.

    Equalising would give every weight a value of its own, and the file would no longer pack. A repair may still do it.
    """
    done = manifest.recipe.get("compression", [])
    clustered = any(step["method"] == "clustering" for step in done)
    return replace(options, equalize=False) if clustered else options


def run_job(
    worker: WorkerProcess, materials: Materials, job: Job, judge: Judge, advance: Advance = lambda steps: None
) -> Outcome:
    """Makes one file with what its target needs beside it, and gives it its name only if the judge lets it pass.

    Raises:
        AccuracyDropError: It loses more than allowed.
        ConversionError: The network cannot be converted so.
        StorageError: It cannot be written.
    """
    options = keep_clusters(job.options, materials.source.manifest)
    try:
        candidate = judge(make_candidate(worker, materials, options, advance))
    except UnusableFileError as error:
        candidate = judge.rescue(options, error)
    options = candidate.options
    delivery = deliver(options.target, candidate.content, candidate.converted.facts, job.path, materials.picture)
    delivery.write()
    if left := candidate.converted.float_layers:
        _warn_of_float_layers(left)
    if options.needs_calibration and materials.chosen is not None:
        materials.chosen.write(job.path.with_name(f"{job.path.stem}-calibration.csv"))
    return Outcome(job, candidate, delivery)


def _warn_of_float_layers(left: Sequence[tuple[str, str]]) -> None:
    names = conversion.describe_float_layers(left)
    warn(
        f"TFLite has no int8 version of {names}: computed in floating point, which accelerators refuse.",
        "Where that matters, put ReLU or another layer that has one in its place and train again.",
    )


def run_jobs(
    worker: WorkerProcess, materials: Materials, jobs: Sequence[Job], judge: Judge, advance: Advance
) -> list[Outcome]:
    """Makes all files; one that fails leaves the others alone.

    Raises:
        SorterError: There is one job only, and it failed.
    """
    outcomes = []
    for job in jobs:
        try:
            outcomes.append(run_job(worker, materials, job, judge, advance))
        except SorterError as error:
            if len(jobs) == 1:
                raise
            outcomes.append(Outcome(job, error=error))
    return outcomes
