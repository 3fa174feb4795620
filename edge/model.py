"""A network made ready to work: read, checked against the bins, warmed up."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sorter.bundle import Bundle
from sorter.classifier import Classifier, InputRange, classifier_from_bundle
from sorter.edge.decision import BinMap, DecisionOptions
from sorter.errors import BundleError, ConfigError
from sorter.image import Pixels
from sorter.known_answer import MOST_DIFFERENCE, ask, difference

FitBins = Callable[[tuple[str, ...]], BinMap]
"""Gives each of a network's labels its bin; raises ``ConfigError`` where one has none, or the arm lacks the bin."""

_REPLACED_HINT = "Copy it under another name first, then rename it."


@dataclass(frozen=True)
class ModelOptions:
    """Which network, and what of it the user has fixed.

    Attributes:
        path: The ``.tflite``.
        labels: A ``labels.txt`` for a file without labels inside.
        threads: CPU threads of one inference.
        input_range: How a foreign network with float input wants its pixels.
        threshold: Lowest probability that is not rejected; None for what the file suggests.
    """

    path: Path
    labels: Path | None = None
    threads: int = 1
    input_range: InputRange | None = None
    threshold: float | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """All files that the network is read from."""
        return (self.path,) if self.labels is None else (self.path, self.labels)


@dataclass(frozen=True)
class LoadedModel:
    """A network ready to work.

    Attributes:
        name: Its file's name.
        sha256: Of the network alone, as in the journal.
        fingerprint: SHA-256 over its files: other labels or another threshold make another one.
        classifier: Has classified one picture already.
        bins: Where its labels belong.
        threshold: Lowest probability that is not rejected: the user's, else the file's own.
        loaded_at: Seconds since 1970.
    """

    name: str
    sha256: str
    fingerprint: str
    classifier: Classifier
    bins: BinMap
    threshold: float
    loaded_at: float


FileState = tuple[int, ...]


def file_states(options: ModelOptions) -> tuple[FileState, ...]:
    """What changes when one of a network's files is replaced or written; empty for one that is not there.

    The time of the last status change (ctime) betrays a copy that brought size and modification time along.
    """

    def state(path: Path) -> FileState:
        try:
            found = path.stat()
        except OSError:
            return ()
        return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)

    return tuple(state(path) for path in options.files)


def fingerprint(options: ModelOptions) -> str:
    """SHA-256 over a network's files; empty where one of them cannot be read."""
    digests = []
    try:
        for path in options.files:
            with path.open("rb") as file:
                digests.append(hashlib.file_digest(file, "sha256").digest())
    except OSError:
        return ""
    return hashlib.sha256(b"".join(digests)).hexdigest()


def load_model(options: ModelOptions, fit_bins: FitBins, picture: Pixels | None = None) -> LoadedModel:
    """Reads a network, checks it, and lets it classify one picture.

    Args:
        options: Which one.
        fit_bins: Gives its labels their bins.
        picture: uint8 BGR (H, W, 3) to warm up with; a grey one when None.

    Raises:
        BundleError: The file is damaged, contradicts itself, does not run, is computed wrongly here, or changed while
            it was read.
        ConfigError: Its labels do not fit the bins, or it lacks something that the user must say.
    """
    before = file_states(options)
    content = fingerprint(options)
    bundle = Bundle.load(options.path, options.labels)
    if file_states(options) != before:
        raise BundleError(f"{options.path} was written to while it was read.", _REPLACED_HINT)
    # Before the interpreter is built: labels that do not fit cost nothing yet.
    bins = fit_bins(bundle.labels)
    classifier = classifier_from_bundle(bundle, options.threads, options.input_range)
    # The first inference allocates and packs weights; the first object must not wait for that.
    warm_up = picture if picture is not None else np.full((480, 640, 3), 127, np.uint8)
    if not np.isfinite(classifier.classify(warm_up).probabilities).all():
        raise BundleError(f"{options.path} gives probabilities that are not numbers.", "Convert the network again.")
    _require_known_answer(classifier, bundle)
    suggested = bundle.manifest.threshold if bundle.manifest else DecisionOptions().threshold
    threshold = suggested if options.threshold is None else options.threshold
    return LoadedModel(bundle.path.name, bundle.sha256, content, classifier, bins, threshold, time.time())


def _require_known_answer(classifier: Classifier, bundle: Bundle) -> None:
    """Asks a network what its file knows the answer to: a wrong kernel does not fail, it sends objects anywhere."""
    manifest = bundle.manifest
    if manifest is None or not manifest.known_answer:
        return
    moved = difference(ask(classifier, manifest.input), manifest.known_answer)
    if moved > MOST_DIFFERENCE:
        raise BundleError(
            f"This machine computes {bundle.path} wrongly: of a drawn picture it says something else than where the "
            f"file was made ({moved:.0%} of the probability lies on other classes).",
            "Install another version of the interpreter, for example: pip install 'ai-edge-litert==2.0.2'; then "
            "compare with sorter-evaluate on photos.",
        )


def keep_bins(bins: BinMap) -> FitBins:
    """Lets a new network replace one whose labels have these bins: each label must be known, and keeps its bin.

    Bins counted anew from the new labels' order would send apples to the lemons without a word.
    """

    def fit(labels: tuple[str, ...]) -> BinMap:
        homeless = [label for label in labels if label not in bins.bins]
        if homeless:
            raise ConfigError(
                f"Label {homeless[0]!r} of the new network has no bin.",
                "Start the sorter again with a bin for it, or convert a network with the same labels.",
            )
        return BinMap({label: bins.bins[label] for label in labels}, bins.reject)

    return fit
