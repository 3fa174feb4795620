"""``sorter.json``: what a network is, where it comes from and how well it did."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, get_args

from sorter.errors import BundleError, SorterError
from sorter.image import Fit, InputSpec

SCHEMA_VERSION = 1

MANIFEST_NAME = "sorter.json"
LABELS_NAME = "labels.txt"

_HINT = "The file was changed by hand or is damaged; make it again with sorter-train or sorter-convert."


@dataclass(frozen=True)
class Manifest:
    """Everything worth knowing about a trained network.

    Attributes:
        name: Name of the run.
        labels: Class names, in the order of the network's outputs.
        input: Size and fit of the pictures it takes.
        temperature: By which the logits were divided so that probabilities can be believed. It is already part of the
            network's last layer: readers must not apply it again.
        threshold: Suggested probability below which an object is rejected, chosen on the validation part.
        quantization: ``none`` for a Keras network; ``float32``, ``int8`` and so on for a ``.tflite``.
        recipe: Name and options of the training recipe.
        dataset: Fingerprint and numbers of photos of the data set and its parts.
        accuracy: Figures on the test part, by kind of file: ``{"float": {"accuracy": ..., "n": ...}, "int8": ...}``.
        versions: Tools that made it.
        conversion: How a ``.tflite`` was made: format, input and output, target, what was calibrated on, and so on.
        known_answer: What a ``.tflite`` said of drawn pictures: probabilities, in the order of the labels, for each of
            ``known_answer.draw``; empty where not known.
        created: Time of the training, ISO 8601 in UTC.
        model_sha256: SHA-256 of the flatbuffer without the files attached to it; empty for a Keras network.
        schema_version: Version of this format.
    """

    name: str
    labels: tuple[str, ...]
    input: InputSpec
    temperature: float = 1.0
    threshold: float = 0.5
    quantization: str = "none"
    recipe: Mapping[str, Any] = field(default_factory=dict)
    dataset: Mapping[str, Any] = field(default_factory=dict)
    accuracy: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    conversion: Mapping[str, Any] = field(default_factory=dict)
    known_answer: tuple[tuple[float, ...], ...] = ()
    created: str = ""
    model_sha256: str = ""
    schema_version: int = SCHEMA_VERSION

    @property
    def data_fingerprint(self) -> str:
        """Of the data set that the network was trained on (``Dataset.fingerprint``); empty where not told."""
        return str(self.dataset.get("fingerprint") or "")

    def to_json(self) -> str:
        """The manifest as JSON text with sorted keys."""
        return json.dumps(asdict(self), indent=2, sort_keys=True, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes, source: str) -> "Manifest":
        """Reads and checks a manifest.

        Args:
            text: Content of a ``sorter.json``.
            source: What to call it in an error.

        Raises:
            BundleError: It is not JSON, lacks something, or has another schema version.
        """
        try:
            content = json.loads(text)
            if content["schema_version"] != SCHEMA_VERSION:
                raise BundleError(
                    f"{source} has schema version {content['schema_version']}; this program reads {SCHEMA_VERSION}.",
                    "Install a matching version of sorter-toolkit, or convert the network again.",
                )
            known = {name: content[name] for name in cls.__dataclass_fields__ if name in content}
            known["input"] = _read_input(content["input"])
            known["labels"] = check_labels(content["labels"], source)
            known["known_answer"] = tuple(tuple(map(float, row)) for row in content.get("known_answer", ()))
            return cls(**known)._checked(source)
        except SorterError:
            raise
        except (ValueError, KeyError, TypeError) as error:
            raise BundleError(f"{source} is not a valid manifest ({error!r}).", _HINT) from error

    def _checked(self, source: str) -> "Manifest":
        if not 0.0 <= self.threshold <= 1.0 or not 0.0 < self.temperature < 1000.0:
            raise BundleError(f"{source} has an impossible threshold or temperature.", _HINT)
        if any(len(row) != len(self.labels) for row in self.known_answer):
            raise BundleError(f"{source} has a known answer for another number of classes.", _HINT)
        return self


def _read_input(content: Mapping[str, Any]) -> InputSpec:
    if content["fit"] not in get_args(Fit):
        raise ValueError(f"fit {content['fit']!r}")
    return InputSpec(int(content["width"]), int(content["height"]), content["fit"])


def check_labels(labels: Sequence[Any], source: str) -> tuple[str, ...]:
    """Checks a list of labels: at least one, all different, each printable text.

    Raises:
        BundleError: They are not.
    """
    texts = tuple(labels)
    if not texts or not all(isinstance(t, str) and t.strip() and t.isprintable() for t in texts):
        raise BundleError(f"{source} has no labels, or labels that are not text.", "One label a line, none empty.")
    if len(set(texts)) != len(texts):
        twice = next(t for t in texts if texts.count(t) > 1)
        raise BundleError(f"{source} has label {twice!r} twice.", "Each class needs a name of its own.")
    return texts


def read_labels(text: str, source: str) -> tuple[str, ...]:
    """Reads the content of a ``labels.txt``: one label a line; empty lines at the end are ignored.

    Raises:
        BundleError: A label is empty or stands there twice.
    """
    return check_labels([line.strip() for line in text.rstrip().splitlines()], source)
