"""Which ImageNet weights are at hand for which backbone: those named with ``--weights``, and those Keras has stored."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click

from sorter.trainer.recipes import BACKBONES

_FILE_STARTS = {
    "vgg16": "vgg16_weights_",
    "vgg19": "vgg19_weights_",
    "inceptionv3": "inception_v3_weights_",
    "xception": "xception_weights_",
    "resnet50": "resnet50_weights_",
    # Other widths than 1.0 are other networks; other sizes of pictures are not.
    "mobilenetv2": "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_",
}
"""How keras.applications names the files."""

_GENERAL = ("none", "imagenet")


@dataclass(frozen=True)
class Weights:
    """What the backbones start from.

    Attributes:
        files: By backbone.
        general: For all others: ``none``, ``imagenet`` (Keras may download them), or empty: what Keras has stored.
    """

    files: Mapping[str, Path] = field(default_factory=dict)
    general: str = ""

    @classmethod
    def parse(cls, values: Sequence[str]) -> "Weights":
        """Reads the values of ``--weights``: ``none``, ``imagenet``, ``FILE``, ``FOLDER`` or ``BACKBONE=FILE``.

        Raises:
            click.BadParameter: A file is missing, or its name does not say which backbone it is for.
        """
        general = [value for value in values if value in _GENERAL]
        if len(set(general)) > 1:
            raise click.BadParameter("Give none or imagenet, not both.")
        files: dict[str, Path] = {}
        for value in (value for value in values if value not in _GENERAL):
            files |= _read_value(value)
        return cls(files, general[0] if general else "")

    def find(self, backbone: str) -> str:
        """What ``sorter-train --weights`` takes for a backbone; empty where nothing is at hand."""
        if backbone in self.files:
            return str(self.files[backbone])
        return self.general or str(_recognize(_keras_folder()).get(backbone, ""))


def _read_value(value: str) -> dict[str, Path]:
    name, equals, path = value.partition("=")
    if equals and name in BACKBONES:
        return {name: _require_file(Path(path))}
    given = Path(value)
    found = _recognize(given) if given.is_dir() else _name_file(_require_file(given))
    if not found:
        raise click.BadParameter(
            f"{value} does not tell which backbone its weights are for; write BACKBONE=FILE, with one of "
            f"{', '.join(BACKBONES)}."
        )
    return found


def _require_file(path: Path) -> Path:
    if not path.is_file():
        raise click.BadParameter(f"{path} does not exist or is no file.")
    return path.resolve()


def _recognize(folder: Path) -> dict[str, Path]:
    """The weights files in a folder; of two for one backbone the smaller, which lacks the classifier."""
    files = sorted(folder.glob("*.h5"), key=lambda file: -file.stat().st_size) if folder.is_dir() else []
    return {name: path for file in files for name, path in _name_file(file).items()}


def _name_file(file: Path) -> dict[str, Path]:
    return {name: file.resolve() for name, start in _FILE_STARTS.items() if file.name.startswith(start)}


def _keras_folder() -> Path:
    home = os.environ.get("KERAS_HOME")
    return (Path(home) if home else Path.home() / ".keras") / "models"
