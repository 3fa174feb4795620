"""What the operator is told, and which matter wins."""

from typing import Any

import pytest

from sorter.edge.cameras.health import CameraHealth
from sorter.edge.dashboard.advice import advise
from sorter.edge.loop import Phase
from sorter.edge.monitor import ArmHealth, Status

OK = CameraHealth("ok")
LOST = CameraHealth("lost", "The camera was unplugged.")


@pytest.mark.parametrize("phase", Phase)
def test_every_phase_has_plain_words(phase: Phase) -> None:
    advice = advise(Status(phase=phase, camera=OK))
    assert advice.title and advice.text.endswith(".")
    assert not {"phase", "loop", "state", "frame"} & set(advice.text.lower().split())


@pytest.mark.parametrize(
    ("changes", "tone", "title", "part"),
    [
        ({}, "good", "Ready", "Lay the next object"),
        ({"camera": LOST}, "danger", "The camera gives no usable picture", "was unplugged. Check"),
        ({"camera": LOST, "phase": Phase.FAULT, "reason": "a person stopped it."}, "danger", "Stopped", "A person"),
        ({"arm": ArmHealth(state="STOPPED")}, "danger", "Stopped", "press “Resume”"),
        ({"arm": ArmHealth(state="LOST"), "phase": Phase.FAULT}, "danger", "The arm does not answer", "its power"),
        ({"full": frozenset({3})}, "attention", "Bin 3 is full", "Empty it,"),
        ({"full": frozenset({1, 3, 2}), "phase": Phase.PAUSED}, "attention", "Bins 1, 2 and 3 are full", "Empty them,"),
        ({"phase": Phase.PAUSED, "reason": "A person paused it."}, "attention", "Paused", "A person paused it. Noth"),
    ],
    ids=str,
)
def test_the_most_urgent_matter_wins(changes: dict[str, Any], tone: str, title: str, part: str) -> None:
    advice = advise(Status(**{"camera": OK, **changes}))
    assert (advice.tone, advice.title) == (tone, title) and part in advice.text


def test_troubles_are_told() -> None:
    advice = advise(Status(camera=OK), ("The disk is full.",))
    assert advice.tone == "danger" and advice.text == "The disk is full."
