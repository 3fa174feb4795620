"""Remedies for a conversion that loses too much, tried in the order of what they cost on the device.

Choosing is done on photos of the validation part; the test part gives the verdict on what was chosen, and nothing else.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sorter.cli import inform
from sorter.converters import conversion
from sorter.converters.calibration import POOL, gather_calibration
from sorter.converters.conversion import StoredPictures
from sorter.converters.diagnosis import LayerError, worst
from sorter.converters.gate import Cost
from sorter.converters.options import CalibrationOptions, ConversionOptions
from sorter.converters.pipeline import Candidate, Materials, TestSet, UnusableFileError, make_candidate
from sorter.converters.representative import choose, divide, load_pictures
from sorter.converters.sources import Source
from sorter.converters.worker_process import WorkerProcess
from sorter.dataset import Dataset, apply_split, open_dataset
from sorter.errors import ConversionError, DatasetError

PERCENTILE = 99.99
"""Common in post-training quantisation: of 100,000 values, five at each end may be cut off."""

_FLOAT_LAYERS = (4, 12)
"""Numbers of layers that are left in floating point, fewest first: each costs size and time."""

_ENOUGH = 300
"""Photos that choosing among remedies is done on, at most."""

_OTHER_SEED = 1_000_003
"""Added to the seed where photos other than those of the calibration are to be drawn."""

_BEFORE = "as it was"

Diagnose = Callable[[Candidate, Materials], Sequence[LayerError]]


@dataclass(frozen=True)
class Trial:
    """A remedy that was tried.

    Attributes:
        remedy: What was done, in words.
        options: The options that do it.
        size_bytes: Of the file.
        cost: Measured on the validation part.
        pictures: Number of calibration pictures.
    """

    remedy: str
    options: ConversionOptions
    size_bytes: int
    cost: Cost
    pictures: int

    def to_row(self) -> dict[str, Any]:
        """For the manifest and ``--json``."""
        return {
            "remedy": self.remedy,
            "bytes": self.size_bytes,
            "drop": self.cost.drop,
            "agreement": self.cost.agreement,
            "n": self.cost.n,
        }

    @property
    def rank(self) -> tuple[float, float]:
        """Better trials have larger ones: what is lost first, in whole tenths of a point, then agreement."""
        return -round(max(0.0, self.cost.drop), 3), self.cost.agreement


class Repair:
    """Looks for the smallest file that loses no more than allowed.

    Args:
        worker: Converts.
        data: Folder with the photos that the network was trained on.
        max_drop: Accuracy that may be lost.
        diagnose: Gives what the layers of a candidate lose.
        seed: Of photos that are drawn.
    """

    def __init__(self, worker: WorkerProcess, data: Path, max_drop: float, diagnose: Diagnose, seed: int = 1) -> None:
        self._worker = worker
        self._data = data
        self._max_drop = max_drop
        self._diagnose = diagnose
        self._seed = seed
        self.trials: list[Trial] = []

    def run(self, materials: Materials, options: ConversionOptions) -> Candidate:
        """Tries remedies until one passes on the validation part, and measures that on the test part.

        Args:
            materials: With calibration pictures and a test set.
            options: Those that failed: too much was lost, or LiteRT cannot run the file.

        Returns:
            A candidate measured on the test part, whose verdict is the caller's to make.

        Raises:
            ConversionError: No remedy passes.
        """
        chosen_on = self._load_validation(materials)
        passed = self._first_that_passes(options, materials, chosen_on)
        if passed is None:
            raise ConversionError(self._describe_failure(), _advise_training(materials.source, self._data))
        trial, used = passed
        inform(f"Chosen: {trial.remedy}. Measuring it on the test photos ...")
        kept = make_candidate(self._worker, used, trial.options)
        return replace(kept, trials=tuple(t.to_row() for t in self.trials))

    def _first_that_passes(
        self, options: ConversionOptions, materials: Materials, chosen_on: TestSet
    ) -> tuple[Trial, Materials] | None:
        before = best = self._try(_BEFORE, options, replace(materials, test=chosen_on))
        used = materials
        for stage in (self._integer_remedies, self._float_layer_remedies, self._wide_remedies):
            for remedy, changed_options, changed in stage(best.options if best else options, used):
                trial = self._try(remedy, changed_options, replace(changed, test=chosen_on))
                if trial is not None and (best is None or trial.rank > best.rank):
                    best, used = trial, replace(changed, test=materials.test)
            # All files of a stage have about one size, so the best of them is taken and not the first.
            if best is not None and best is not before and best.cost.drop <= self._max_drop:
                return best, used
        return None

    def _describe_failure(self) -> str:
        tried = [trial for trial in self.trials if trial.remedy != _BEFORE]
        if not tried:
            return "None of the remedies gives a file that can be run."
        best = max(self.trials, key=lambda trial: trial.rank)
        return (
            f"None of {len(tried)} remedies brings the loss below {self._max_drop:.1%}; the best, "
            f"{best.remedy}, loses {best.cost.drop:.1%} of the validation photos."
        )

    def _try(self, remedy: str, options: ConversionOptions, materials: Materials) -> Trial | None:
        try:
            candidate = make_candidate(self._worker, materials, options)
        except ConversionError as error:
            inform(f"  {remedy}: not possible ({error.message[:120]})")
            return None
        assert candidate.cost is not None and materials.calibration is not None
        pictures = len(materials.calibration.pixels)
        trial = Trial(remedy, options, len(candidate.content), candidate.cost, pictures)
        self.trials.append(trial)
        inform(
            f"  {remedy}: loses {trial.cost.drop:.1%} of {trial.cost.n} validation photos, "
            f"agrees on {trial.cost.agreement:.1%}, {trial.size_bytes / 1e6:.2f} MB"
        )
        return trial

    def _integer_remedies(
        self, best: ConversionOptions, materials: Materials
    ) -> Iterator[tuple[str, ConversionOptions, Materials]]:
        """Remedies that change neither size nor speed: other ranges and weights."""
        more = self._more_pictures(materials)
        if more is not None:
            yield f"{len(more.calibration.pixels) if more.calibration else 0} calibration photos", best, more
        for wide in (False, True):
            equalised = replace(best, equalize=True, equalize_widely=wide)
            words = "channels equalised without limit" if wide else "channels equalised"
            if equalised != best:
                yield words, equalised, materials
            yield (
                f"{words}, ranges at the {PERCENTILE}th percentile",
                replace(equalised, percentile=PERCENTILE),
                materials,
            )

    def _float_layer_remedies(
        self, best: ConversionOptions, materials: Materials
    ) -> Iterator[tuple[str, ConversionOptions, Materials]]:
        """The worst layers of the best so far stay in floating point."""
        if best.format != "int8" or best.target in ("edgetpu", "microcontroller"):
            return
        try:
            candidate = make_candidate(self._worker, replace(materials, test=None), best)
        except UnusableFileError:
            return
        errors = self._diagnose(candidate, materials)
        # Bytes go in and come out, so the first and the last layer cannot be left out.
        ends = {errors[0].tensor, errors[-1].tensor} if errors else set()
        for count in _FLOAT_LAYERS:
            bad = worst((error for error in errors if error.tensor not in ends), count)
            # Its readers too, or its output would be rounded to integers for them.
            wanted = dict.fromkeys(tensor for error in bad for tensor in (error.tensor, *error.readers))
            tensors = [tensor for tensor in wanted if tensor not in ends]
            names = ", ".join(error.layer for error in bad[:3])
            yield (
                f"{count} worst layers in float ({names}, ...)",
                replace(best, float_tensors=tuple(tensors)),
                materials,
            )

    def _wide_remedies(
        self, best: ConversionOptions, materials: Materials
    ) -> Iterator[tuple[str, ConversionOptions, Materials]]:
        """Activations of 16 bits."""
        if best.target in ("edgetpu", "microcontroller"):
            return
        wide = replace(best, format="int16x8", percentile=None, float_tensors=())
        yield "activations of 16 bits", wide, materials

    def _more_pictures(self, materials: Materials) -> Materials | None:
        manifest, source = materials.source.manifest, materials.source
        assert materials.calibration is not None
        dataset = divide(self._data, manifest.labels, source.split_csv).calibration
        used = len(materials.calibration.pixels)
        if used >= min(POOL, len(dataset.photos)) * 0.9:
            return None
        chosen = gather_calibration(dataset, manifest.labels, manifest.input, CalibrationOptions(POOL, self._seed))
        stored = StoredPictures.store(self._worker, chosen.pixels)
        record = {**materials.record, "calibration": chosen.record(self._seed)}
        return replace(materials, calibration=stored, record=record, chosen=chosen)

    def _load_validation(self, materials: Materials) -> TestSet:
        source = materials.source
        dataset = _validation_part(self._data, source.manifest.labels, source.split_csv)
        photos = choose(dataset, _ENOUGH, self._seed + _OTHER_SEED)
        kept, pixels = load_pictures(photos, source.manifest.input, "Reading photos to choose a remedy on")
        actual = np.array([source.manifest.labels.index(photo.label) for photo in kept])
        pictures = StoredPictures.store(self._worker, pixels)
        return TestSet(pictures, actual, conversion.predict(self._worker, source, pictures))


def _advise_training(source: Source, data: Path) -> str:
    """What is left when no remedy helps; only a run knows its photos well enough to be trained on."""
    if source.split_csv is None:
        return "Allow more with --max-drop, or train a network with sorter-train, which can train it for int8 (--qat)."
    run = source.split_csv.parent
    tuned = run.with_name(f"{run.name}-qat")
    return f"Train it for int8: sorter-train {data} --qat {run} --out {tuned}, then convert {tuned} instead."


def _validation_part(data: Path, labels: Sequence[str], split_csv: Path | None) -> Dataset:
    """The validation part; where there is none, the photos that calibration draws from."""
    dataset = open_dataset(data)
    if split_csv is not None:
        try:
            dataset = apply_split(dataset, split_csv)
        except DatasetError:
            return divide(data, labels, split_csv).calibration
    validation = dataset.select("validation")
    return validation if validation.photos else divide(data, labels, split_csv).calibration
