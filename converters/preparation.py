"""Everything that a conversion needs, gathered and checked before the first file is made."""

import errno
import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sorter.cli import inform, warn
from sorter.converters import conversion
from sorter.converters.calibration import FEW, CalibrationSet, gather_calibration, require_enough
from sorter.converters.conversion import StoredPictures
from sorter.converters.options import CalibrationOptions, ConversionOptions
from sorter.converters.pipeline import Materials, TestSet
from sorter.converters.representative import Parts, divide, load_pictures
from sorter.converters.sources import ForeignOptions, Source, complete_source, open_source
from sorter.converters.worker_process import WorkerProcess
from sorter.dataset import open_dataset
from sorter.errors import ConfigError
from sorter.files import make_folder, translated_storage_errors


@dataclass(frozen=True)
class Wishes:
    """What the user named.

    Attributes:
        run: The network.
        representative: Photos to calibrate on.
        check: Photos to test on; None takes the run's test part.
        calibration: How many photos, and which.
        foreign: What a network from elsewhere does not say of itself.
    """

    run: Path
    representative: Path | None
    check: Path | None
    calibration: CalibrationOptions
    foreign: ForeignOptions


def gather(worker: WorkerProcess, wishes: Wishes, wanted: Sequence[ConversionOptions]) -> Materials:
    """Reads the network and the photos.

    Raises:
        SorterError: Something is missing, or does not fit together.
    """
    data = wishes.representative or wishes.check
    data_labels = open_dataset(data).labels if data else ()
    source = open_source(wishes.run, wishes.foreign, data_labels)
    parts, tested = _find_photos(source, wishes)
    calibrated = any(options.needs_calibration for options in wanted)
    if calibrated and parts is None:
        raise ConfigError(
            "Integer formats need photos to calibrate on.",
            "Give the folder that the network was trained on with --representative.",
        )
    if calibrated and parts is not None:
        require_enough(len(parts.calibration.photos), parts.calibration.root)
    with ThreadPoolExecutor(1) as pool:
        # TensorFlow takes seconds to load; the photos of a run, whose size is known, are read meanwhile.
        described = pool.submit(worker.ask, "describe", network=source.to_request())
        early = _read_calibration(source, parts, wishes.calibration) if calibrated and parts and source.known else None
        source = complete_source(source, described.result())
    if source.softmax:
        warn("The network gives scores, not probabilities: a softmax was put behind it.")
    asked = wishes.check is not None
    if not calibrated or parts is None:
        return Materials(source, test=_load_test(worker, source, tested, asked))
    read = early or _read_calibration(source, parts, wishes.calibration)
    chosen, stored = _settle_calibration(worker, source, read, wishes.calibration)
    test = _load_test(worker, source, tested, asked)
    return Materials(source, stored, test, {"calibration": chosen.record(wishes.calibration.seed)}, chosen)


def require_writable(path: Path) -> None:
    """Finds out before the work, not after it, whether a file can be written.

    Raises:
        StorageError: It cannot.
    """
    make_folder(path.parent)
    with translated_storage_errors(path):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with tempfile.TemporaryFile(dir=path.parent):
            pass


def _find_photos(source: Source, wishes: Wishes) -> tuple[Parts | None, Parts | None]:
    def open_parts(data: Path | None) -> Parts | None:
        return divide(data, source.manifest.labels, source.split_csv) if data else None

    parts = open_parts(wishes.representative)
    return parts, parts if wishes.check in (None, wishes.representative) else open_parts(wishes.check)


def _read_calibration(source: Source, parts: Parts, options: CalibrationOptions) -> CalibrationSet:
    return gather_calibration(parts.calibration, source.manifest.labels, source.manifest.input, options)


def _settle_calibration(
    worker: WorkerProcess, source: Source, chosen: CalibrationSet, options: CalibrationOptions
) -> tuple[CalibrationSet, StoredPictures]:
    stored = StoredPictures.store(worker, chosen.pixels)
    if options.samples is None and len(chosen.photos) > FEW:
        inform("Looking how many photos the ranges need ...")
        needed = worker.ask("settle", network=source.to_request(), pictures=stored.path)
        if needed < len(chosen.photos):
            chosen = chosen.shortened(needed)
            stored = StoredPictures.store(worker, chosen.pixels)
        inform(f"Calibrating on {len(chosen.photos)} photos.")
    return chosen, stored


def _load_test(worker: WorkerProcess, source: Source, parts: Parts | None, asked: bool) -> TestSet | None:
    photos = () if parts is None else parts.test.photos
    if not photos and parts is not None and asked:
        # The run never saw this folder, so all of it is a fair test.
        photos = parts.calibration.photos
    if not photos:
        warn("No test photos: what the conversion costs is not measured. Give some with --check.")
        return None
    kept, pixels = load_pictures(photos, source.manifest.input, "Reading photos to test on")
    actual = np.array([source.manifest.labels.index(photo.label) for photo in kept])
    pictures = StoredPictures.store(worker, pixels)
    inform("Running the original network on the test photos ...")
    return TestSet(pictures, actual, conversion.predict(worker, source, pictures))
