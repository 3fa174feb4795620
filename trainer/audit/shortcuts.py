"""Can the class be told without looking at the object?

A network takes whatever tells the classes apart in the photos that it is given. When one class was photographed on
another day, with another camera or on another table, that is easier to see than the object, and on the sorter it is
gone. Each probe gives a simple classifier only such side information, and measures by cross-validation how far it
comes. Known since Torralba and Efros, "Unbiased Look at Dataset Bias", CVPR 2011.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sorter.errors import DatasetError
from sorter.metrics import Classes, confusion_matrix, wilson_interval
from sorter.trainer.audit import measures
from sorter.trainer.audit.examination import Examined
from sorter.trainer.audit.findings import Finding, Severity
from sorter.trainer.audit.measures import Features
from sorter.trainer.split import divide_folds

FOLDS = 5
TREES = 60
MOST_PHOTOS = 4000
"""Photos that are judged; more would only narrow the interval, and cost time in proportion."""

LARGELY, PARTLY = 0.4, 0.2
"""Shares of the way from guessing to always right, which the lower end of the interval must reach."""

_ONE_LARGELY, _ONE_PARTLY = 0.85, 0.75
"""Balanced accuracy of one class against all others, where guessing is 0.5: one spoilt class moves the mean little."""


@dataclass(frozen=True)
class Probe:
    """A question about shortcuts: what a classifier is given instead of the photo.

    Attributes:
        name: Fixed, for programs.
        title: What is looked at, in words.
        measure: Features float32 (n, k) of n photos.
        severity: Of the finding, when the classes can largely be told by it; None for the measure of comparison.
        reason: What it means when they can.
        hint: What to do then.
    """

    name: str
    title: str
    measure: Callable[[Sequence[Examined]], Features]
    severity: Severity | None
    reason: str = ""
    hint: str = ""


@dataclass(frozen=True)
class Answer:
    """How well the classes can be told by one probe.

    Attributes:
        probe: Which.
        score: Balanced accuracy: the mean recall of all classes, cross-validated.
        interval: Its 95 % interval.
        chance: Balanced accuracy of guessing.
        easiest: The class that is told best from all others.
        easiest_interval: 95 % interval of the balanced accuracy of that class against all others.
        recalls: Share of each class that was told right.
    """

    probe: Probe
    score: float
    interval: tuple[float, float]
    chance: float
    easiest: str
    easiest_interval: tuple[float, float]
    recalls: Mapping[str, float]

    @property
    def surely(self) -> float:
        """How far the classes can be told at least: 0 for guessing, 1 for always right."""
        return max(0.0, (self.interval[0] - self.chance) / (1 - self.chance))

    @property
    def verdict(self) -> str:
        """One of: largely, one class, partly, hardly, no."""
        if self.surely >= LARGELY:
            return "largely"
        if self.easiest_interval[0] >= _ONE_LARGELY:
            return "one class"
        if self.surely >= PARTLY or self.easiest_interval[0] >= _ONE_PARTLY:
            return "partly"
        return "hardly" if self.interval[0] > self.chance else "no"

    def describe(self) -> str:
        """The verdict in words."""
        return {
            "largely": "Yes, largely.",
            "one class": f"Yes, for one class: {self.easiest}.",
            "partly": f"In part; best for {self.easiest}.",
            "hardly": "Hardly better than guessing.",
            "no": "No better than guessing.",
        }[self.verdict]

    def to_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "name": self.probe.name,
            "balanced_accuracy": self.score,
            "interval_95": list(self.interval),
            "chance": self.chance,
            "verdict": self.verdict,
            "easiest_class": self.easiest,
            "recalls": dict(self.recalls),
        }


PROBES = (
    Probe(
        "file",
        "size, format, compression and camera alone",
        measures.measure_file,
        "serious",
        "The classes come from different sources, and all else that differs between these can be learnt too.",
        "Take all classes from the same sources, or bring them to one size and quality first.",
    ),
    Probe(
        "brightness",
        "brightness and contrast alone",
        measures.measure_brightness,
        "advice",
        "Fine where the objects themselves are that bright; where it is the light, it will not last.",
    ),
    Probe(
        "colour",
        "the mean colour alone",
        measures.measure_colour,
        "advice",
        "Fine where the objects themselves have that colour; where it is light or background, it will not last.",
    ),
    Probe(
        "border",
        "the outermost pixels alone",
        measures.measure_border,
        "serious",
        "There is mostly no object there: the network can learn the place instead of the object.",
    ),
    Probe(
        "background",
        "the background alone, the middle masked out",
        measures.measure_background,
        "serious",
        "Unless the objects fill the whole photo, the network can learn the place instead of the object.",
        "Photograph all classes at one place, with one camera and light, and in mixed order; or cut the photos to the "
        "object. Look with sorter-explain at what the network looks at.",
    ),
    Probe("whole", "for comparison: the whole photo", measures.measure_whole, None),
)


def probe_shortcuts(
    examined: Sequence[Examined],
    groups: npt.NDArray[np.int64],
    seed: int,
    advance: Callable[[int], None],
    probes: Sequence[Probe] = PROBES,
) -> tuple[tuple[Answer, ...], str]:
    """Asks probes.

    Args:
        examined: n readable photos.
        groups: int64 (n,), equal for photos that must stay on one side.
        seed: Of the folds and of the classifier.
        advance: Called with 1 after each probe.
        probes: What to ask.

    Returns:
        The answers, and why there are none where there are none.
    """
    chosen = np.sort(np.random.default_rng(seed).permutation(len(examined))[:MOST_PHOTOS])
    examined, groups = [examined[i] for i in chosen], groups[chosen]
    labels = sorted({one.photo.label for one in examined})
    classes = np.array([labels.index(one.photo.label) for one in examined], np.int64)
    try:
        folds = divide_folds([one.photo for one in examined], groups, FOLDS, seed)
    except DatasetError as error:
        return (), f"Not judged: {error.message}"
    answers = []
    for probe in probes:
        predicted = _cross_validate(probe.measure(examined), classes, folds, seed)
        answers.append(_judge(probe, classes, predicted, groups, labels))
        advance(1)
    return tuple(answers), ""


def _cross_validate(features: Features, classes: Classes, folds: npt.NDArray[np.int64], seed: int) -> Classes:
    """The class of each photo, told by trees that have seen the other folds only."""
    from sklearn.ensemble import ExtraTreesClassifier

    predicted = np.zeros(len(classes), np.int64)
    for fold in range(FOLDS):
        # Trees need no scaling and find any shape of boundary. On two data sets they told more by every probe than
        # logistic regression.
        trees = ExtraTreesClassifier(TREES, min_samples_leaf=3, class_weight="balanced", n_jobs=-1, random_state=seed)
        trees.fit(features[folds != fold], classes[folds != fold])
        predicted[folds == fold] = trees.predict(features[folds == fold])
    return predicted


def _judge(
    probe: Probe, classes: Classes, predicted: Classes, groups: npt.NDArray[np.int64], labels: Sequence[str]
) -> Answer:
    recalls = [_share(predicted == c, classes == c, groups) for c in range(len(labels))]
    others = [_share(predicted != c, classes != c, groups) for c in range(len(labels))]
    alone = [mean_interval([recall, other]) for recall, other in zip(recalls, others, strict=True)]
    easiest = int(np.argmax([interval[0] for interval in alone]))
    hits = confusion_matrix(classes, predicted, len(labels)).diagonal() / np.bincount(classes, minlength=len(labels))
    return Answer(
        probe,
        float(hits.mean()),
        mean_interval(recalls),
        1 / len(labels),
        labels[easiest],
        alone[easiest],
        dict(zip(labels, hits.tolist(), strict=True)),
    )


def _share(
    right: npt.NDArray[np.bool_], members: npt.NDArray[np.bool_], groups: npt.NDArray[np.int64]
) -> tuple[int, int]:
    """How many of the members are right, of how many. A group counts as one: its photos are no independent proof."""
    _, group = np.unique(groups[members], return_inverse=True)
    size = np.bincount(group)
    return round(float((np.bincount(group, weights=right[members]) / size).sum())), len(size)


def mean_interval(shares: Sequence[tuple[int, int]]) -> tuple[float, float]:
    """95 % interval of the mean of independent shares, each as (right, of how many).

    The distances from each share to the ends of its Wilson interval are added as squares (MOVER: Zou and Donner,
    "Construction of confidence limits about effect measures", Statistics in Medicine 27, 2008).
    """
    middle = [right / count for right, count in shares]
    ends = [wilson_interval(right, count) for right, count in shares]
    below = math.sqrt(sum((m - low) ** 2 for m, (low, _) in zip(middle, ends, strict=True)))
    above = math.sqrt(sum((high - m) ** 2 for m, (_, high) in zip(middle, ends, strict=True)))
    mean = sum(middle) / len(middle)
    return mean - below / len(middle), mean + above / len(middle)


def find_shortcuts(answers: Sequence[Answer]) -> list[Finding]:
    """Findings about the probes by which classes can be told."""
    findings = []
    for answer in answers:
        severity = answer.probe.severity
        if severity is None or answer.verdict in ("hardly", "no"):
            continue
        if answer.verdict == "partly":
            severity = "note" if severity == "advice" else "advice"
        whose = f"Class {answer.easiest!r}" if answer.verdict == "one class" else "The class"
        degree = {"largely": "largely ", "partly": "partly "}.get(answer.verdict, "")
        message = (
            f"{whose} can {degree}be told by {answer.probe.title}: balanced accuracy {answer.score:.0%} "
            f"where guessing gives {answer.chance:.0%} (best: {answer.easiest}, {answer.recalls[answer.easiest]:.0%})."
        )
        hint = f"{answer.probe.reason} {answer.probe.hint}".strip()
        findings.append(Finding(f"shortcut-{answer.probe.name}", severity, message, hint))
    return findings
