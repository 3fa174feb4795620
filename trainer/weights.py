"""Weights files, read without building the network that they were saved from, and fitted to a backbone.

A file may come from keras.applications (``.h5``, with or without the classifier), from Keras 3 (``.weights.h5``,
``.keras``), or from an earlier run. What does not fit is refused before anything is changed.
"""

import io
import re
import sys
import zipfile
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import numpy.typing as npt

from sorter.errors import TrainingError
from sorter.trainer.backbones import BACKBONES, SCALE_NAME, snake_case

Arrays = list[npt.NDArray[Any]]

_HINT = (
    "Give the weights of this very network, with or without the classifier (file name *_no_top.h5), "
    "or --weights none to start from random ones."
)

_WITH_CLASSIFIER_HINT = "Give the weights with the ImageNet classifier, whose file name has no no_top in it."


@dataclass(frozen=True)
class Saved:
    """What a weights file holds.

    Attributes:
        ordered: The weights of each layer that has any, in the order of the layers; None where the file does not tell
            an order.
        named: The same by Keras' own name in files of version 3: class and number within the class.
        takes_rgb: Whether it was saved from one of our networks, which all take red first.
    """

    ordered: list[Arrays] | None
    named: dict[str, Arrays]
    takes_rgb: bool


def load_imagenet(
    layers: Sequence[Any], architecture: str, weights: str, with_classifier: bool = False, width: float = 1.0
) -> None:
    """Loads ImageNet weights into the layers of a backbone.

    Args:
        layers: Of the backbone in their order, from the input on; after an error they are as they were.
        architecture: Key of ``BACKBONES``.
        weights: ``imagenet`` for those of keras.applications, downloaded where they are not yet there, or a file.
        with_classifier: Whether the layers end with the ImageNet classifier.
        width: Of the backbone.

    Raises:
        TrainingError: The weights are missing, damaged or made for another network.
    """
    if weights == "imagenet":
        saved = _download(architecture, with_classifier, width)
    elif Path(weights).is_file():
        saved = _read(Path(weights))
    else:
        raise TrainingError(f"Weights file {weights} does not exist.", "Check the path given with --weights.")
    wanted = [layer for layer in layers if layer.weights]
    found = _choose(layers, saved)[: len(wanted)]
    for layer, arrays in zip(wanted, found, strict=False):
        _require_shapes(layer, arrays, architecture, weights)
    if len(found) < len(wanted):
        raise TrainingError(
            f"The weights in {weights} do not fit {architecture}: there are none for {wanted[len(found)].name}.",
            _WITH_CLASSIFIER_HINT if with_classifier else _HINT,
        )
    if BACKBONES[architecture].bgr and not saved.takes_rgb:
        found[0] = [found[0][0][:, :, ::-1], *found[0][1:]]
    for layer, arrays in zip(wanted, found, strict=False):
        layer.set_weights(arrays)


def _require_shapes(layer: Any, arrays: Arrays, architecture: str, weights: str) -> None:
    wanted = [tuple(weight.shape) for weight in layer.weights]
    found = [array.shape for array in arrays]
    if wanted != found:
        raise TrainingError(
            f"The weights in {weights} do not fit {architecture}: its layer {layer.name} has shapes "
            f"{_shapes(wanted)}, the file {_shapes(found)}.",
            _HINT,
        )


def _shapes(shapes: list[tuple[int, ...]]) -> str:
    return " and ".join("x".join(map(str, shape)) for shape in shapes[:2]) or "none"


def _choose(layers: Sequence[Any], saved: Saved) -> list[Arrays]:
    """The saved weights for each layer that has any, as far as the file goes, and maybe more behind them."""
    if saved.ordered is not None:
        return saved.ordered
    counts: dict[str, int] = {}
    found: list[Arrays] = []
    for layer in layers:
        kind = snake_case(type(layer).__name__)
        number = counts[kind] = counts.get(kind, -1) + 1
        name = f"{kind}_{number}" if number else kind
        if layer.weights and name not in saved.named:
            break
        if layer.weights:
            found.append(saved.named[name])
    return found


def _read(file: Path) -> Saved:
    try:
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                content: Any = io.BytesIO(archive.read("model.weights.h5"))
        else:
            content = file
        with h5py.File(content, "r") as opened:
            if "layers" in opened:
                return _read_version_3(opened["layers"])
            return _read_version_2(opened.get("model_weights", opened))
    except (OSError, KeyError, ValueError, TypeError, RuntimeError, AttributeError, zipfile.BadZipFile) as error:
        raise TrainingError(
            f"{file} cannot be read as a weights file of Keras ({' '.join(str(error).split())[:120]}).", _HINT
        ) from error


def _read_version_3(group: Any) -> Saved:
    named = {name: [np.array(v) for v in _in_order(layer["vars"])] for name, layer in group.items() if "vars" in layer}
    return Saved(None, {name: arrays for name, arrays in named.items() if arrays}, "rescaling" in group)


def _in_order(variables: Any) -> list[Any]:
    """The variables of a layer, which are called 0, 1, 2 ..."""
    return [variables[name] for name in sorted(variables, key=int)]


def _read_version_2(group: Any) -> Saved:
    names = [name if isinstance(name, str) else name.decode() for name in _attribute(group, "layer_names")]
    ordered = [[np.array(group[layer][name]) for name in _attribute(group[layer], "weight_names")] for layer in names]
    return Saved([arrays for arrays in ordered if arrays], {}, SCALE_NAME in names)


def _attribute(group: Any, name: str) -> list[Any]:
    """An attribute that Keras cuts into numbered ones (layer_names0, layer_names1 ...) where it is long."""
    if name in group.attrs:
        return list(group.attrs[name])
    parts: list[Any] = []
    while f"{name}{len(parts)}" in group.attrs:
        parts.append(group.attrs[f"{name}{len(parts)}"])
    if not parts:
        raise KeyError(f"it has no {name}")
    return [value for part in parts for value in part]


def _download(architecture: str, with_classifier: bool, width: float) -> Saved:
    backbone = BACKBONES[architecture]
    side = backbone.side_px
    try:
        # Keras tells of the download on standard output, which belongs to the results.
        with redirect_stdout(sys.stderr):
            network = backbone.application_with(
                width, weights="imagenet", include_top=with_classifier, input_shape=(side, side, 3)
            )
    except Exception as error:
        # Keras raises a plain Exception, which names the address.
        address = re.search(r"https?://\S+[^\s:.,]", str(error))
        raise TrainingError(
            f"The ImageNet weights of {architecture} could not be downloaded.",
            f"Download {address[0] if address else 'them'} on another machine and give the file with --weights FILE, "
            "or use --weights none.",
        ) from error
    return Saved([layer.get_weights() for layer in network.layers if layer.weights], {}, False)


def imagenet_classifier(architecture: str, weights: str) -> Any:
    """The ImageNet network itself: a ``keras.Model`` from raw bytes to the probabilities of its 1000 classes.

    Raises:
        TrainingError: The weights are missing, damaged, made for another network, or without the classifier.
    """
    backbone = BACKBONES[architecture]
    inputs = keras.Input((backbone.side_px, backbone.side_px, 3), name="pixels")
    network = keras.Model(inputs, backbone.build(inputs, with_classifier=True))
    load_imagenet(network.layers, architecture, weights, with_classifier=True)
    return network
