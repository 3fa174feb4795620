"""What is converted: a run that ``sorter-train`` left behind, or a Keras network from elsewhere."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from sorter.errors import ConfigError, ConversionError, StorageError
from sorter.image import Fit, InputSpec
from sorter.manifest import MANIFEST_NAME, Manifest, read_labels

KERAS_NAME = "model.keras"
SPLIT_NAME = "split.csv"

Kind = Literal["keras", "h5", "saved_model"]

_SAVED_MODEL_FILES = ("saved_model.pb", "saved_model.pbtxt")

SCALES: dict[str, tuple[float, float]] = {
    "bytes": (1.0, 0.0),
    "0..1": (1 / 255, 0.0),
    "-1..1": (1 / 127.5, -1.0),
}
"""Factor and offset that bring a byte into the range that a network from elsewhere was trained on."""


@dataclass(frozen=True)
class ForeignOptions:
    """What a network without ``sorter.json`` does not say of itself.

    Attributes:
        labels: A ``labels.txt``; without it the class folders of the photos name the outputs.
        input_range: A key of ``SCALES``; None when the user did not say.
        fit: How pictures of another shape become the input.
        image_size: (width, height) for a network that takes any; None leaves it to the network.
        trust: Whether Python code inside the file may be run.
    """

    labels: Path | None = None
    input_range: str | None = None
    fit: Fit = "stretch"
    image_size: tuple[int, int] | None = None
    trust: bool = False


@dataclass(frozen=True)
class Source:
    """A network to convert.

    Attributes:
        path: As the user named it.
        network: The file, or the folder of a SavedModel.
        kind: How it was saved.
        manifest: Its ``sorter.json``, or one made up of what is known.
        split_csv: Its run's ``split.csv``; None when there is none.
        scale: Factor and offset to be put in front so that it takes raw bytes.
        image_size: (width, height) to fix; None takes the network's own.
        softmax: Whether it gives scores that a softmax has to make probabilities of.
        trust: Whether Python code inside the file may be run.
    """

    path: Path
    network: Path
    kind: Kind
    manifest: Manifest
    split_csv: Path | None = None
    scale: tuple[float, float] = (1.0, 0.0)
    image_size: tuple[int, int] | None = None
    softmax: bool = False
    trust: bool = False

    @property
    def known(self) -> bool:
        """Whether a ``sorter.json`` says how large its pictures are."""
        return bool(self.manifest.recipe) or self.split_csv is not None

    def to_request(self) -> dict[str, Any]:
        """As the worker gets it."""
        return {
            "path": str(self.network.resolve()),
            "kind": self.kind,
            "scale": list(self.scale),
            "size": list(self.image_size) if self.image_size else None,
            "softmax": self.softmax,
            "trust": self.trust,
        }


def find_network(path: Path) -> tuple[Path, Kind]:
    """The network that a path means: a run folder, a SavedModel's folder, a ``.keras`` or a legacy ``.h5`` file.

    Raises:
        ConversionError: It means none.
    """
    if path.is_dir():
        if any((path / name).is_file() for name in _SAVED_MODEL_FILES):
            return path, "saved_model"
        path = path / KERAS_NAME
        missing = f"{path.parent} is not a finished training run: {KERAS_NAME} is missing."
    else:
        missing = f"{path} is not a finished training run or network: it does not exist."
    if not path.is_file():
        raise ConversionError(missing, "Give the folder that sorter-train wrote with --out.")
    kinds: dict[str, Kind] = {".keras": "keras", ".h5": "h5", ".hdf5": "h5"}
    if path.suffix.lower() not in kinds:
        raise ConversionError(
            f"{path} is no Keras network by its name.", "Give a run folder, a .keras, an .h5 or a SavedModel folder."
        )
    return path, kinds[path.suffix.lower()]


def open_source(path: Path, foreign: ForeignOptions, data_labels: tuple[str, ...] = ()) -> Source:
    """Finds a network and what is known of it; reads no weights.

    Args:
        path: See ``find_network``.
        foreign: For a network without ``sorter.json``; what is given is checked against one that has it.
        data_labels: Class folders of the photos, for a network without labels.

    Raises:
        ConversionError: There is no network.
        ConfigError: It does not say how it wants its pixels, or what its outputs mean, and nobody else does.
        BundleError: Its ``sorter.json`` is damaged.
    """
    network, kind = find_network(path)
    folder = network if kind == "saved_model" else network.parent
    manifest_file = folder / MANIFEST_NAME
    if manifest_file.is_file():
        manifest = Manifest.from_json(_read(manifest_file), str(manifest_file))
        size = (manifest.input.width, manifest.input.height)
        split = folder / SPLIT_NAME
        known = split if split.is_file() else None
        return Source(path, network, kind, manifest, known, image_size=size, trust=foreign.trust)
    return _foreign_source(path, network, kind, foreign, data_labels)


def _foreign_source(
    path: Path, network: Path, kind: Kind, foreign: ForeignOptions, data_labels: tuple[str, ...]
) -> Source:
    if foreign.input_range is None:
        raise ConfigError(
            f"{network} has no {MANIFEST_NAME} beside it, so nothing says which pixels it was trained on.",
            "Give --input-range: bytes (0..255, scaling inside, as MobileNetV3 of Keras has it), 0..1, or -1..1.",
        )
    if foreign.labels is not None:
        labels = read_labels(_read(foreign.labels).decode("utf-8-sig", "replace"), str(foreign.labels))
    elif data_labels:
        labels = data_labels
    else:
        raise ConfigError(
            f"{network} has no {MANIFEST_NAME} beside it, so nothing says what its outputs mean.",
            "Give --labels labels.txt, one label a line, in the order of the outputs.",
        )
    # The size is only known once the worker has read the network; until then it is what the user gave, or the least.
    width, height = foreign.image_size or (8, 8)
    manifest = Manifest(network.stem, labels, InputSpec(width, height, foreign.fit))
    return Source(
        path, network, kind, manifest, None, SCALES[foreign.input_range], foreign.image_size, trust=foreign.trust
    )


def complete_source(source: Source, described: dict[str, Any]) -> Source:
    """Adds what only the network itself could tell (see ``networks.describe``), and checks that it fits.

    Raises:
        ConfigError: There is not one label for each output.
    """
    labels = source.manifest.labels
    if described["classes"] != len(labels):
        raise ConfigError(
            f"The network gives {described['classes']} scores, but there are {len(labels)} labels "
            f"({', '.join(labels[:4])}{', ...' if len(labels) > 4 else ''}).",
            "Give --labels with one label for each output, in their order.",
        )
    spec = InputSpec(described["width"], described["height"], source.manifest.input.fit)
    return replace(source, manifest=replace(source.manifest, input=spec), softmax=not described["probabilities"])


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StorageError(f"Cannot read {path}: {error.strerror}.", "Check the path and its permissions.") from error
