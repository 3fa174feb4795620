"""Shortcuts planted in drawn photos: the probe that sees one says so, the others do not."""

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from sorter.dataset import map_photos, open_dataset
from sorter.image import Pixels
from sorter.metrics import wilson_interval
from sorter.trainer.audit.examination import Examined, examine
from sorter.trainer.audit.shortcuts import PROBES, Answer, find_shortcuts, mean_interval, probe_shortcuts
from tests.trainer.audit.conftest import Change, write_scenes


def examine_all(root: Path) -> list[Examined]:
    return [one for one in map_photos(open_dataset(root).photos, examine) if isinstance(one, Examined)]


def ask(examined: list[Examined], groups: npt.NDArray[np.int64], *names: str) -> dict[str, Answer]:
    probes = [probe for probe in PROBES if probe.name in names]
    answers, unanswered = probe_shortcuts(examined, groups, 0, lambda _: None, probes)
    assert not unanswered
    return {answer.probe.name: answer for answer in answers}


def brighter(label: str, picture: Pixels, rng: np.random.Generator) -> Pixels:
    return cv2.convertScaleAbs(picture, beta=110) if label == "disc" else picture  # type: ignore[return-value]


def larger(label: str, picture: Pixels, rng: np.random.Generator) -> Pixels:
    return cv2.resize(picture, None, fx=1.5, fy=1.5) if label == "disc" else picture  # type: ignore[return-value]


def framed(label: str, picture: Pixels, rng: np.random.Generator) -> Pixels:
    # Each class has a table of its own, seen at the edge only, whatever the light.
    level = int(rng.integers(60, 200))
    color = {"cross": (level, 0, 0), "disc": (0, level, 0), "square": (0, 0, level)}[label]
    return cv2.rectangle(picture, (0, 0), (95, 79), color, 7)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("change", "name", "blind"),
    [
        (larger, "file", "colour"),
        (brighter, "brightness", "file"),
        (framed, "border", "file"),
        (framed, "background", "brightness"),
    ],
)
def test_planted_shortcuts_are_found(tmp_path: Path, change: Change, name: str, blind: str) -> None:
    examined = examine_all(write_scenes(tmp_path / "photos", 50, change))
    answers = ask(examined, np.arange(len(examined)), name, blind)
    assert answers[name].verdict in ("largely", "one class")
    assert f"shortcut-{name}" in {finding.kind for finding in find_shortcuts(list(answers.values()))}
    assert answers[blind].verdict in ("no", "hardly")
    if change is not framed:
        assert answers[name].easiest == "disc" and answers[name].recalls["disc"] > 0.9


def test_the_mean_of_shares_lies_in_its_interval() -> None:
    low, high = mean_interval([(9, 10), (40, 100), (0, 5)])
    assert 0 < low < (0.9 + 0.4 + 0) / 3 < high < 1
    assert mean_interval([(7, 10)]) == pytest.approx(wilson_interval(7, 10))
    wide, narrow = mean_interval([(7, 10), (7, 10)]), mean_interval([(70, 100), (70, 100)])
    assert narrow[1] - narrow[0] < (wide[1] - wide[0]) / 2


def test_photos_of_one_object_count_as_one(tmp_path: Path) -> None:
    examined = examine_all(write_scenes(tmp_path / "photos", 30))
    numbers = np.arange(len(examined))
    answers = [ask(examined, groups, "brightness")["brightness"] for groups in (numbers, numbers // 3)]
    widths = [answer.interval[1] - answer.interval[0] for answer in answers]
    assert widths[1] > 1.3 * widths[0]
    _, unanswered = probe_shortcuts(examined, numbers // 10, 0, lambda _: None)
    assert unanswered.startswith("Not judged: Class 'cross' has only 3 different")
