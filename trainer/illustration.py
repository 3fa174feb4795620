"""Pictures of what a network's answers rest on: the work of ``sorter-explain``."""

import difflib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from sorter.cli import inform, track, warn
from sorter.dataset import PICTURE_SUFFIXES
from sorter.errors import BundleError, ConfigError, DatasetError, StorageError
from sorter.files import make_folder, write_bytes, write_csv
from sorter.image import InputSpec, Pixels, prepare, read_image
from sorter.manifest import MANIFEST_NAME, read_labels
from sorter.trainer.judge import KerasJudge, load_run
from sorter.trainer.object_mask import estimate_object
from sorter.trainer.overlay import draw_overlay, lay_side_by_side, show_as_seen
from sorter.trainer.runs import open_run

EXPLANATIONS_NAME = "explanations.csv"
EXPLANATIONS_HEADER = (
    "filename",
    "predicted_label",
    "predicted_probability",
    "explained_label",
    "explained_probability",
    "background_share",
    "background_area",
    "picture",
)


@dataclass(frozen=True)
class Wish:
    """What is to be explained.

    Attributes:
        model: A run folder, or a ``.keras`` file in or outside of one.
        images: Pictures, and folders of them.
        out: Where the pictures go.
        layer: Whose feature maps are looked at; None for the last convolution.
        label: Class whose evidence is shown; None for the predicted one of each picture.
        labels: ``labels.txt`` for a ``.keras`` outside of a run.
        overwrite: Whether earlier results in ``out`` may be replaced.
    """

    model: Path
    images: tuple[Path, ...]
    out: Path
    layer: str | None = None
    label: str | None = None
    labels: Path | None = None
    overwrite: bool = False


@dataclass(frozen=True)
class Illustration:
    """One explained picture.

    Attributes:
        predicted: Index of the most probable class.
        explained: Index of the class whose evidence is shown.
        probabilities: float32 (classes,).
        background_share: Share of the attention that lies outside the object as ``estimate_object`` finds it; None
            where it finds none, or where nothing speaks for the class.
        background_area: Share of the picture that is background, which attention without a preference would give; None
            where no object is found.
        picture_bgr: What the network saw beside the same with the heat map, uint8.
    """

    predicted: int
    explained: int
    probabilities: np.ndarray[Any, np.dtype[np.float32]]
    background_share: float | None
    background_area: float | None
    picture_bgr: Pixels


def illustrate(explainer: Any, photo_bgr: Pixels, spec: InputSpec, chosen: int | None = None) -> Illustration:
    """Explains the answer to one photo.

    Args:
        explainer: An ``Explainer``.
        photo_bgr: uint8 BGR, of any size.
        spec: Input of the network.
        chosen: Class to explain; None for the predicted one.
    """
    pixels = prepare(photo_bgr, spec)[None]
    (explanation,) = explainer.explain(pixels, None if chosen is None else [chosen])
    seen = show_as_seen(photo_bgr, spec)
    mask = estimate_object(seen)
    return Illustration(
        predicted=explanation.predicted,
        explained=explanation.explained,
        probabilities=explanation.probabilities,
        background_share=None if mask is None else explanation.share_outside(mask),
        background_area=None if mask is None else float(1.0 - mask.mean()),
        picture_bgr=lay_side_by_side(seen, draw_overlay(seen, explanation.heat, mask)),
    )


def explain_pictures(wish: Wish) -> dict[str, Any]:
    """Explains pictures, writes the results and gives a summary.

    Raises:
        BundleError: The model cannot be used, for instance because it is a ``.tflite``.
        ConfigError: There is no such layer or class.
        DatasetError: There are no pictures, or none can be read.
        StorageError: The results cannot be written.
    """
    if (wish.out / EXPLANATIONS_NAME).exists() and not wish.overwrite:
        raise StorageError(
            f"{wish.out} already has an {EXPLANATIONS_NAME}.", "Choose another folder for --out, or give --overwrite."
        )
    pictures = find_pictures(wish.images)
    network = _load_network(wish)
    chosen = None if wish.label is None else _find_class(network.labels, wish.label)
    from sorter.trainer.explanation import Explainer

    explainer = Explainer(network.network, wish.layer)
    inform(f"Looking at layer {explainer.layer_name}.")
    results = _explain_all(explainer, pictures, network.spec, chosen, make_folder(wish.out))
    rows = [_row(pictures[name], name, result, network.labels) for name, result in results.items()]
    write_csv(wish.out / EXPLANATIONS_NAME, EXPLANATIONS_HEADER, rows)
    found = [result for result in results.values() if result.background_share is not None]
    return {
        "layer": explainer.layer_name,
        "pictures": len(results),
        "skipped": len(pictures) - len(results),
        "objects_found": len(found),
        "mean_background_share": float(np.mean([result.background_share for result in found])) if found else None,
        "mean_background_area": float(np.mean([result.background_area for result in found])) if found else None,
        "out": str(wish.out),
    }


def _explain_all(
    explainer: Any, pictures: Mapping[str, Path], spec: InputSpec, chosen: int | None, out: Path
) -> dict[str, Illustration]:
    """Explains pictures and writes what is seen; gives what came out for those that could be read."""
    results = {}
    for name, path in track(pictures.items(), "Explaining", len(pictures)):
        try:
            photo = read_image(path)
        except DatasetError as error:
            warn(f"Skipped: {error.message}")
            continue
        results[name] = illustrate(explainer, photo, spec, chosen)
        _write_picture(out / name, results[name].picture_bgr)
    if not results:
        raise DatasetError("None of the pictures can be read.", "Check the files.")
    return results


def find_pictures(paths: Sequence[Path]) -> dict[str, Path]:
    """Finds the pictures: their paths by the name that each result gets, with the folders below a given folder.

    Raises:
        DatasetError: A path does not exist, or there is no picture.
    """
    found: list[tuple[Path, Path]] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.suffix.lower() in PICTURE_SUFFIXES and p.is_file())
            found += [(p.relative_to(path), p) for p in inside if not p.name.startswith(".")]
        elif path.is_file():
            found.append((Path(path.name), path))
        else:
            raise DatasetError(f"{path} does not exist.", "Give pictures, or folders with pictures.")
    if not found:
        raise DatasetError(
            f"There are no pictures in {', '.join(map(str, paths))}.",
            f"Give pictures, or folders with pictures ({', '.join(sorted(PICTURE_SUFFIXES))}).",
        )
    return _name_results(found)


def _name_results(found: Sequence[tuple[Path, Path]]) -> dict[str, Path]:
    wanted = [relative.with_suffix(".jpg").as_posix() for relative, _ in found]
    counts = Counter(wanted)
    named: dict[str, Path] = {}
    for name, (relative, path) in zip(wanted, found, strict=True):
        if counts[name] > 1:
            name = f"{relative.as_posix()}.jpg"
        number = 2
        unique = name
        while unique in named:
            unique, number = f"{name[:-4]}-{number}.jpg", number + 1
        named[unique] = path
    return named


def _load_network(wish: Wish) -> KerasJudge:
    if wish.model.suffix == ".tflite":
        raise BundleError(
            f"{wish.model} cannot be explained: a .tflite file gives answers, but no gradients.",
            "Give the run folder that it was converted from.",
        )
    if wish.model.suffix == ".keras" and wish.model.is_file() and not (wish.model.parent / MANIFEST_NAME).exists():
        return _load_foreign(wish)
    return load_run(open_run(wish.model))


def _load_foreign(wish: Wish) -> KerasJudge:
    from sorter.trainer.backend import load_tensorflow

    load_tensorflow()
    from sorter.trainer.networks import load_network

    network = load_network(wish.model)
    shape, classes = network.input_shape, network.output_shape[-1]
    if not isinstance(shape, tuple) or len(shape) != 4 or shape[3] != 3 or len(network.output_shape) != 2:
        raise BundleError(f"{wish.model} is no classifier of colour pictures.", "Give a network of another kind.")
    labels = tuple(f"class {i}" for i in range(classes))
    if wish.labels is not None:
        try:
            labels = read_labels(wish.labels.read_text(encoding="utf-8"), str(wish.labels))
        except (OSError, UnicodeDecodeError) as error:
            raise BundleError(f"{wish.labels} cannot be read.", "Give a text file with one label a line.") from error
    if len(labels) != classes:
        raise BundleError(f"{wish.labels} has {len(labels)} labels for {classes} outputs.", "Give its own labels.")
    warn(f"{wish.model} comes without {MANIFEST_NAME}: it is given raw RGB bytes (0..255), stretched to its input.")
    side = 224
    return KerasJudge(network, labels, InputSpec(shape[2] or side, shape[1] or side))


def _find_class(labels: Sequence[str], label: str) -> int:
    if label not in labels:
        near = difflib.get_close_matches(label, labels, 5, 0.0)
        raise ConfigError(f"The network knows no class {label!r}.", f"It knows, among others: {', '.join(near)}.")
    return labels.index(label)


def _write_picture(path: Path, picture_bgr: Pixels) -> None:
    _, encoded = cv2.imencode(".jpg", picture_bgr, [cv2.IMWRITE_JPEG_QUALITY, 90])
    write_bytes(path, encoded.tobytes())


def _row(path: Path, name: str, result: Illustration, labels: Sequence[str]) -> tuple[object, ...]:
    return (
        path,
        labels[result.predicted],
        f"{result.probabilities[result.predicted]:.6f}",
        labels[result.explained],
        f"{result.probabilities[result.explained]:.6f}",
        *("" if share is None else f"{share:.4f}" for share in (result.background_share, result.background_area)),
        name,
    )
