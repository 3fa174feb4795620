"""The whole audit of a data set, from its folder to the findings."""

import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sorter.cli import progress
from sorter.dataset import Dataset, apply_split, map_photos, open_dataset
from sorter.errors import DatasetError
from sorter.image import Pixels
from sorter.trainer.audit.balance import find_imbalance
from sorter.trainer.audit.examination import Examined, Unreadable, examine
from sorter.trainer.audit.findings import SEVERITIES, Finding, sort_findings
from sorter.trainer.audit.oddities import find_oddities, find_unused
from sorter.trainer.audit.repeats import find_repeats
from sorter.trainer.audit.shortcuts import PROBES, Answer, find_shortcuts, probe_shortcuts
from sorter.trainer.duplicates import find_near_pairs, group_pairs
from sorter.trainer.grouping import GroupRule, join_known


@dataclass(frozen=True)
class Question:
    """What is to be audited.

    Attributes:
        data: Folder of photos, or a CSV list.
        split_csv: A split whose parts are to be compared.
        group_rule: What in the photos' names says which object they show.
        seed: Of the folds.
    """

    data: Path
    split_csv: Path | None = None
    group_rule: GroupRule | None = None
    seed: int = 0


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Attributes:
        name: Of the folder or list.
        dataset: What was audited.
        examined: The readable photos.
        groups: int64 (len(examined),), equal for photos of the same object.
        findings: The worst first.
        answers: How far the classes can be told without the object.
        unanswered: Why there are no answers; empty where there are.
        seconds: Time it took.
    """

    name: str
    dataset: Dataset
    examined: tuple[Examined, ...]
    groups: npt.NDArray[np.int64]
    findings: tuple[Finding, ...]
    answers: tuple[Answer, ...]
    unanswered: str
    seconds: float

    def count(self) -> dict[str, int]:
        """Number of findings of each severity."""
        return {s: sum(finding.severity == s for finding in self.findings) for s in SEVERITIES}

    def average_pictures(self) -> Mapping[str, Pixels]:
        """The mean of each class's photos, uint8 RGB (48, 48, 3)."""
        means = {}
        for label in self.dataset.labels:
            of_label = [one.small for one in self.examined if one.photo.label == label]
            if of_label:
                means[label] = np.mean(of_label, axis=0).round().astype(np.uint8)
        return means

    def to_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "name": self.name,
            "data": str(self.dataset.root),
            "photos": len(self.dataset.photos),
            "readable": len(self.examined),
            "different": len(np.unique(self.groups)),
            "classes": dict(self.dataset.count()),
            "counts": self.count(),
            "findings": [finding.to_json() for finding in self.findings],
            "shortcuts": [answer.to_json() for answer in self.answers],
            "shortcuts_not_judged": self.unanswered,
            "seconds": round(self.seconds, 1),
        }


def audit_dataset(question: Question) -> Audit:
    """Examines a data set.

    Raises:
        DatasetError: There is none, or no photo is readable.
        ConfigError: The group rule matches nothing.
    """
    started = time.monotonic()
    dataset = open_dataset(question.data)
    if question.split_csv:
        dataset = apply_split(dataset, question.split_csv)
    examined, unreadable = _examine_all(dataset)
    if not examined:
        raise DatasetError(f"None of the {len(unreadable)} photos can be read: {unreadable[0].reason}")
    photos = [one.photo for one in examined]
    pairs = find_near_pairs(np.stack([one.thumbnail for one in examined]))
    groups = join_known(photos, group_pairs(pairs, len(photos)), question.group_rule)
    with progress("Looking for shortcuts", len(PROBES)) as advance:
        answers, unanswered = probe_shortcuts(examined, groups, question.seed, advance)
    findings = [
        *find_oddities(examined, unreadable),
        *find_repeats(examined, pairs),
        *find_shortcuts(answers),
        *find_imbalance(photos, groups, dataset.labels),
        *find_unused(dataset, question.data),
    ]
    seconds = time.monotonic() - started
    return Audit(
        question.data.resolve().name,
        dataset,
        tuple(examined),
        groups,
        sort_findings(findings),
        answers,
        unanswered,
        seconds,
    )


def _examine_all(dataset: Dataset) -> tuple[list[Examined], list[Unreadable]]:
    examined: list[Examined] = []
    unreadable: list[Unreadable] = []
    with progress("Reading photos", len(dataset.photos)) as advance, warnings.catch_warnings():
        # Pillow warns of damaged EXIF; what can be read of it is taken.
        warnings.simplefilter("ignore")
        for result in map_photos(dataset.photos, examine):
            if isinstance(result, Unreadable):
                unreadable.append(result)
            else:
                examined.append(result)
            advance(1)
    return examined, unreadable
