"""Measures candidates: what they are, how good they are, how long they take. The method: ``docs/benchmarks.md``."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from sorter.benchmarks.candidates import Candidate
from sorter.benchmarks.judgement import judge_accuracy
from sorter.benchmarks.picture_file import write_pictures
from sorter.benchmarks.pictures import PhotoSource
from sorter.benchmarks.progress_file import NAME, ProgressFile, make_key
from sorter.benchmarks.timing import Options, is_timed, measure_endurance, measure_rounds
from sorter.benchmarks.workers import Worker
from sorter.cli import progress, warn
from sorter.errors import DatasetError, SorterError

_CHUNK_BYTES = 64_000_000
"""Decoded photos that are handed to the workers at a time."""


class Measurement:
    """One run over some candidates.

    Attributes:
        problems: Why a candidate could not be measured, by its name.

    Args:
        candidates: What to measure.
        photos: Where pictures come from.
        options: How to measure.
        out: Folder in which progress is stored.
        versions: Of the machine and its programs; figures of other versions are not taken up.
        fresh: Take up nothing that was measured before.
    """

    def __init__(
        self, candidates: Sequence[Candidate], photos: PhotoSource, options: Options, out: Path,
        versions: dict[str, Any], fresh: bool = False,
    ) -> None:  # fmt: skip
        self.candidates, self.photos, self.options = list(candidates), photos, options
        self.problems: dict[str, str] = {}
        foreign = options.labels.read_text(errors="replace") if options.labels and options.labels.is_file() else ""
        base = {"data": photos.fingerprint, "labels": foreign, "range": options.input_range, **versions}
        self.model_keys = {c.name: make_key({"file": c.sha256(), "kind": c.kind, **base}) for c in candidates}
        asked = {name: value for name, value in asdict(options).items() if name != "accuracy"}
        self.progress = ProgressFile(out / NAME, make_key({"models": self.model_keys, **asked}), fresh)

    def run(self) -> None:
        """Measures whatever is not known yet."""
        with tempfile.TemporaryDirectory(prefix="sorter-bench-") as folder, ExitStack() as stack:
            frames = write_pictures(Path(folder) / "frames", self.photos.camera_frames())
            crew = self._load(stack, frames)
            self._describe(crew)
            if self.options.accuracy:
                self._measure_accuracy(crew, Path(folder) / "photos")
            self._measure_time(crew)

    @property
    def is_complete(self) -> bool:
        """Whether everything was measured in an earlier run."""
        needed = {"described", "accuracy"} if self.options.accuracy else {"described"}
        names = [self.key(candidate, threads) for candidate in self.candidates for threads in self.options.threads]
        described = all(needed <= self.progress.models.get(key, {}).keys() for key in self.model_keys.values())
        timed = all(
            n in self.progress.loaded and is_timed(self.progress.rounds.get(n, []), self.options) for n in names
        )
        return described and timed and (not self.options.sustain_s or all(n in self.progress.endurance for n in names))

    def key(self, candidate: Candidate, threads: int) -> str:
        """Name of a candidate with a number of threads in the progress file."""
        return f"{self.model_keys[candidate.name]}/{candidate.name}/{threads}"

    def _load(self, stack: ExitStack, frames: dict[str, Any]) -> list[Worker]:
        """Starts the workers, one after the other so that loading times are not each other's."""
        crew: list[Worker] = []
        labels = str(self.options.labels) if self.options.labels else None
        with progress("Loading the models", len(self.candidates)) as advance:
            for candidate in self.candidates:
                with self._in_its_row(candidate):
                    workers = [
                        stack.enter_context(Worker(candidate, threads, self.key(candidate, threads)))
                        for threads in self.options.threads
                    ]
                    for worker in workers:
                        told = worker.load(frames, labels, self.options.input_range)
                        self.photos.require_labels(told["labels"], self.options.accuracy)
                        self.progress.loaded.setdefault(worker.key, told)
                    crew += workers
                advance(1)
        return crew

    @contextmanager
    def _in_its_row(self, candidate: Candidate) -> Iterator[None]:
        try:
            yield
        except SorterError as error:
            self.problems[candidate.name] = error.message
            warn(f"{candidate.name}: {error.message}", error.hint)

    def _first_of_each(self, crew: Sequence[Worker]) -> list[Worker]:
        return [w for w in crew if w.threads == self.options.threads[0] and w.candidate.name not in self.problems]

    def _known(self, worker: Worker) -> dict[str, Any]:
        return self.progress.models.setdefault(self.model_keys[worker.candidate.name], {})

    def _describe(self, crew: Sequence[Worker]) -> None:
        asked = [worker for worker in self._first_of_each(crew) if "described" not in self._known(worker)]
        with progress("Profiling the operators", len(asked)) as advance:
            for worker in asked:
                with self._in_its_row(worker.candidate):
                    self._known(worker)["described"] = worker.ask("describe")
                advance(1)
        self.progress.write()

    def _measure_accuracy(self, crew: Sequence[Worker], file: Path) -> None:
        asked = [worker for worker in self._first_of_each(crew) if "accuracy" not in self._known(worker)]
        if not asked:
            return
        found: dict[str, list[Any]] = {worker.candidate.name: [] for worker in asked}
        truth: list[str] = []
        with progress("Measuring accuracy", self.photos.count) as advance, ThreadPoolExecutor(os.cpu_count()) as pool:
            for chunk in self.photos.chunks(_CHUNK_BYTES):
                written = write_pictures(file, [picture for _, picture in chunk])
                truth += [label for label, _ in chunk]
                alive = [worker for worker in asked if worker.candidate.name not in self.problems]

                def classify(worker: Worker, written: dict[str, Any] = written) -> None:
                    with self._in_its_row(worker.candidate):
                        found[worker.candidate.name] += worker.ask("classify", pictures=written)["probabilities"]

                list(pool.map(classify, alive))
                advance(len(chunk))
        if not truth:
            raise DatasetError(
                f"None of the photos in {self.photos.name} could be used.", "Give a folder with readable photos."
            )
        for worker in self._first_of_each(asked):
            scores = np.array(found[worker.candidate.name], np.float32)
            labels, threshold = worker.loaded["labels"], worker.loaded["threshold"]
            self._known(worker)["accuracy"] = asdict(judge_accuracy(scores, truth, labels, threshold))
        self.progress.write()

    def _measure_time(self, crew: Sequence[Worker]) -> None:
        def failed(worker: Worker, error: SorterError) -> None:
            with self._in_its_row(worker.candidate):
                raise error

        alive = [worker for worker in crew if worker.candidate.name not in self.problems]
        measure_rounds(alive, self.progress, self.options, failed)
        alive = [worker for worker in alive if worker.candidate.name not in self.problems]
        measure_endurance(alive, self.progress, self.options, failed)
