"""Whether every class has enough photos, and none has far more than the others."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from sorter.dataset import Photo
from sorter.metrics import wilson_interval
from sorter.trainer.audit.findings import Finding, Severity, plural
from sorter.trainer.split import SUBSETS

FEW, VERY_FEW = 50, 20
"""Different photos of a class. A fifth of them judges it: of 50 that is 10, whose recall is known to within some 25
points, and of 20 it is 4."""

UNEVEN, VERY_UNEVEN = 3.0, 10.0
"""How many times larger the largest class is than the smallest. Class-balanced sampling in training bridges the first;
beyond the second, the same few photos are shown over and over."""


def find_imbalance(photos: Sequence[Photo], groups: npt.NDArray[np.int64], labels: Sequence[str]) -> list[Finding]:
    """Findings about the number of photos.

    Args:
        photos: n readable photos.
        groups: int64 (n,), equal for photos of the same object.
        labels: All classes.
    """
    different = {label: 0 for label in labels}
    for label, _ in {(photo.label, int(group)) for photo, group in zip(photos, groups, strict=True)}:
        different[label] += 1
    return [*_few(different), *_uneven(different), *_absent(photos, labels)]


def _few(different: Mapping[str, int]) -> list[Finding]:
    findings = []
    for label, count in different.items():
        if count >= FEW:
            continue
        severity: Severity = "serious" if count < VERY_FEW else "advice"
        tested = max(1, round(count / 5))
        low, high = wilson_interval(round(0.9 * tested), tested)
        findings.append(
            Finding(
                "few-photos",
                severity,
                f"Class {label!r} has only {plural(count, 'different photo')}.",
                f"A fifth of them, {tested}, would judge it: 90 % right could then be anything from {low:.0%} to "
                f"{high:.0%}. Take more, of other objects; a burst counts as one.",
            )
        )
    return findings


def _uneven(different: Mapping[str, int]) -> list[Finding]:
    largest, smallest = max(different, key=lambda k: different[k]), min(different, key=lambda k: different[k])
    ratio = different[largest] / max(1, different[smallest])
    if ratio < UNEVEN:
        return []
    return [
        Finding(
            "imbalance",
            "serious" if ratio >= VERY_UNEVEN else "advice",
            f"Class {largest!r} has {ratio:.1f} times as many different photos as {smallest!r} "
            f"({different[largest]} and {different[smallest]}).",
            f"Take more of {smallest!r}. Look at the recall of each class, not at accuracy alone.",
        )
    ]


def _absent(photos: Sequence[Photo], labels: Sequence[str]) -> list[Finding]:
    """Classes that a given part lacks."""
    present = {(photo.label, photo.subset) for photo in photos}
    findings = []
    for subset in SUBSETS:
        missing = [label for label in labels if (label, subset) not in present]
        if not missing or len(missing) == len(labels):
            continue
        names = ", ".join(missing)
        if subset == "train":
            hint = "It cannot be learnt, and sorter-train refuses. Add photos of it, or take it out of all parts."
            findings.append(Finding("untrained-class", "serious", f"No photo to train on: {names}.", hint))
        else:
            hint = "Nothing can be said about how well it is recognised. Move some photos there."
            findings.append(Finding("untested-class", "advice", f"The {subset} part has no photo of {names}.", hint))
    return findings
