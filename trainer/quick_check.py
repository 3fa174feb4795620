"""What an ImageNet network says about one's photos before it was trained on them, and what that advises.

The transfer study's quick check, with numbers in place of the eye: does the network give the pictures of a class the
same answers, and other classes other ones? Then what it sees already tells the classes apart, and training a new last
layer on it (transfer) goes a long way. Where it does not, its layers must change too (fine-tuning), which takes more
photos.
"""

import json
import socket
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from sorter.cli import inform, print_json, progress
from sorter.dataset import Dataset, Photo, open_dataset
from sorter.errors import ConfigError, DatasetError
from sorter.image import InputSpec, prepare, read_image
from sorter.metrics import Probabilities
from sorter.trainer.backend import load_tensorflow
from sorter.trainer.recipes import BACKBONES, find_recipe

SAMPLES_PER_CLASS = 16
"""Enough to tell chance from knowledge for a handful of classes, in a few seconds."""

FEW_PHOTOS = 100
"""Photos in the smallest class below which changing a backbone's layers is likely to learn the photos by heart."""

GOOD_SHARE = 0.8
"""Share of pictures whose class can be told from the answers, between chance (0) and all (1), that counts as good."""

POOR_SHARE = 0.4
"""The same that counts as poor."""

_SHOWN_ANSWERS = 3

_ANSWERS = 1000

_DOWNLOAD_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class ClassAnswers:
    """What the network says about the pictures of one class.

    Attributes:
        label: The class.
        photos: How many the data set has.
        samples: How many were looked at.
        answers: The most frequent first answers, with their shares of the samples.
        consistency: Share of the samples that got the most frequent answer.
        told_apart: Share of the samples that are nearer to the other samples of their class than to any other class.
    """

    label: str
    photos: int
    samples: int
    answers: tuple[tuple[str, float], ...]
    consistency: float
    told_apart: float


@dataclass(frozen=True)
class QuickCheck:
    """The outcome.

    Attributes:
        network: The ImageNet network that was asked.
        classes: One entry a class.
        told_apart: Mean of the classes' shares.
        chance: What guessing would give.
        advice: ``transfer`` or ``fine-tuning``.
        reasons: Why, and what else to do, in sentences.
    """

    network: str
    classes: tuple[ClassAnswers, ...]
    told_apart: float
    chance: float
    advice: str
    reasons: tuple[str, ...]


def run_quick_check(data: Path, as_json: bool, model: str, weights: str | None, seed: int, **_unused: Any) -> None:
    """Looks at sample pictures and says what it found; the body of ``sorter-train DATA --quick-check``.

    Args:
        data: Folder of photos.
        as_json: Print plain values instead of sentences.
        model: Recipe whose backbone is asked.
        weights: ``imagenet``, or a weights file with the classifier.
        seed: Of the choice of pictures.

    Raises:
        ConfigError: The recipe has no backbone.
        DatasetError: There are too few photos that can be read.
        TrainingError: The weights are missing, or lack the classifier.
    """
    recipe = find_recipe(model)
    if recipe.architecture not in BACKBONES:
        raise ConfigError(
            f"{recipe.name} has no ImageNet network that could be asked.", "Choose --model mobilenetv2, for instance."
        )
    dataset = open_dataset(data)
    load_tensorflow()
    from sorter.trainer.weights import imagenet_classifier

    network = imagenet_classifier(recipe.architecture, weights if weights not in (None, "none") else "imagenet")
    spec = InputSpec(network.input.shape[2], network.input.shape[1], recipe.fit)
    answers = _ask(network, choose_samples(dataset, SAMPLES_PER_CLASS, seed), spec)
    result = judge(recipe.architecture, dataset.count(), answers, answer_names())
    if as_json:
        print_json(asdict(result))
    else:
        click.echo("\n".join(describe(result)))


def choose_samples(dataset: Dataset, per_class: int, seed: int) -> dict[str, list[Photo]]:
    """Draws photos of each class."""
    rng = np.random.default_rng(seed)
    chosen = {}
    for label in dataset.labels:
        photos = [photo for photo in dataset.photos if photo.label == label]
        chosen[label] = [photos[i] for i in rng.permutation(len(photos))[:per_class]]
    return chosen


def _ask(network: Any, samples: Mapping[str, Sequence[Photo]], spec: InputSpec) -> dict[str, Probabilities]:
    """The network's probabilities for the pictures of each class that can be read, float32 (n, 1000)."""
    answers = {}
    with progress("Asking the ImageNet network", sum(map(len, samples.values()))) as advance:
        for label, photos in samples.items():
            pictures = []
            for photo in photos:
                advance(1)
                try:
                    pictures.append(prepare(read_image(photo.path), spec))
                except DatasetError as error:
                    inform(f"Left out: {error.message}")
            if len(pictures) < 2:
                raise DatasetError(
                    f"Class {label} has fewer than two photos that can be read.", "Add photos, or remove the class."
                )
            answers[label] = network.predict(np.stack(pictures).astype(np.float32), batch_size=16, verbose=0)
    return answers


def judge(
    network: str, photos: Mapping[str, int], answers: Mapping[str, Probabilities], names: Sequence[str]
) -> QuickCheck:
    """Draws the conclusion.

    Args:
        network: Name of the ImageNet network.
        photos: Number of photos of each class in the data set.
        answers: Probabilities (n, 1000) of the samples of each class, two or more each.
        names: Of the 1000 answers.
    """
    apart = tell_apart(list(answers.values()))
    classes = []
    for (label, probabilities), share in zip(answers.items(), apart, strict=True):
        first = Counter(probabilities.argmax(axis=1).tolist()).most_common(_SHOWN_ANSWERS)
        shown = tuple((names[answer], count / len(probabilities)) for answer, count in first)
        classes.append(ClassAnswers(label, photos[label], len(probabilities), shown, shown[0][1], share))
    mean, chance = float(np.mean(apart)), 1 / len(apart)
    advice, reasons = advise(mean, chance, min(photos.values()))
    return QuickCheck(network, tuple(classes), mean, chance, advice, (*reasons, *_say_confused(classes, chance)))


def tell_apart(answers: Sequence[Probabilities]) -> list[float]:
    """For each class, the share of its pictures that the answers alone put into the right class.

    Each picture is compared with the mean of the other pictures of its class and with the means of the other classes.
    Answers are compared by the square roots of their probabilities (the Hellinger distance), in which a few sure
    answers do not drown all others.

    Args:
        answers: Probabilities (n, k) for each class.
    """
    roots = [np.sqrt(probabilities.astype(np.float64)) for probabilities in answers]
    means = np.stack([root.mean(axis=0) for root in roots])
    shares = []
    for i, root in enumerate(roots):
        others = (root.sum(axis=0) - root) / (len(root) - 1)
        distances = np.linalg.norm(root[:, None] - means[None], axis=2)
        distances[:, i] = np.linalg.norm(root - others, axis=1)
        shares.append(float((distances.argmin(axis=1) == i).mean()))
    return shares


def advise(told_apart: float, chance: float, fewest_photos: int) -> tuple[str, tuple[str, ...]]:
    """Transfer or fine-tuning, and why.

    Args:
        told_apart: Share of pictures whose class can be told from the network's answers.
        chance: The same for guessing.
        fewest_photos: Photos of the smallest class.
    """
    share = (told_apart - chance) / (1 - chance)
    few = fewest_photos < FEW_PHOTOS
    size = f"The smallest class has {fewest_photos} photos, which is {'few' if few else 'enough to fine-tune on'}."
    if share >= GOOD_SHARE:
        return "transfer", (
            "What the network already sees tells the classes apart.",
            size,
            "Training a new last layer on its features goes a long way (--model toy-mobilenetv2 or fruit-vgg16)"
            + ("." if few else "; fine-tuning (--model mobilenetv2) may win the last few per cent."),
        )
    seen = "tells the classes apart only in part" if share >= POOR_SHARE else "hardly tells the classes apart"
    if few:
        return "transfer", (
            f"What the network already sees {seen}.",
            size,
            f"Start with a new last layer (--model toy-mobilenetv2), and collect {FEW_PHOTOS} or more photos of each "
            "class: then fine-tuning is the way.",
        )
    return "fine-tuning", (
        f"What the network already sees {seen}.",
        size,
        "Let its layers learn these classes (--model mobilenetv2).",
    )


def _say_confused(classes: Sequence[ClassAnswers], chance: float) -> tuple[str, ...]:
    poor = [c.label for c in classes if (c.told_apart - chance) / (1 - chance) < POOR_SHARE]
    if not poor or len(poor) == len(classes):
        return ()
    return (f"Hardest to tell by what it sees: {', '.join(poor)}. More photos of these help most.",)


def describe(result: QuickCheck) -> list[str]:
    """The outcome in lines for people."""
    width = max(len(c.label) for c in result.classes)
    lines = [f"What {result.network} takes your pictures for (share of {SAMPLES_PER_CLASS} samples a class or less):"]
    for c in result.classes:
        answers = ", ".join(f"{name} {share:.0%}" for name, share in c.answers)
        lines.append(f"  {c.label:{width}}  told apart {c.told_apart:4.0%}   {answers}")
    lines.append(f"Classes told apart by these answers alone: {result.told_apart:.0%} (guessing: {result.chance:.0%}).")
    return [*lines, *result.reasons, f"Advice: {result.advice}."]


def answer_names() -> list[str]:
    """Names of the 1000 ImageNet classes where Keras has its list or can download it, else their numbers."""
    import keras
    from keras.src.applications.imagenet_utils import CLASS_INDEX_PATH

    before = socket.getdefaulttimeout()
    # Keras waits for a server without end.
    socket.setdefaulttimeout(_DOWNLOAD_TIMEOUT_S)
    try:
        with redirect_stdout(sys.stderr):
            file = keras.utils.get_file(CLASS_INDEX_PATH.rsplit("/", 1)[1], CLASS_INDEX_PATH, cache_subdir="models")
        content = json.loads(Path(file).read_text(encoding="utf-8"))
        return [content[str(i)][1].replace("_", " ") for i in range(_ANSWERS)]
    except Exception:
        # Whatever stands in the way (no network, a proxy, a damaged file): names are a comfort, not a need.
        inform("The names of the ImageNet classes cannot be had here; numbers stand for them.")
        return [f"class {i}" for i in range(_ANSWERS)]
    finally:
        socket.setdefaulttimeout(before)
