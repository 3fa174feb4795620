"""Options and the choice of a trigger."""

import tomllib
from dataclasses import asdict, fields

import pytest

from sorter.edge.triggers.announced import AnnouncedTrigger
from sorter.edge.triggers.interval import IntervalTrigger
from sorter.edge.triggers.kinds import make_trigger
from sorter.edge.triggers.line import LineTrigger
from sorter.edge.triggers.motion import MotionTrigger
from sorter.edge.triggers.options import Kind, TriggerOptions
from sorter.edge.triggers.trigger import LearningTrigger, StillTrigger
from sorter.errors import ConfigError


@pytest.mark.parametrize(
    ("kind", "made", "settles"),
    [
        ("motion", MotionTrigger, True),
        ("line", LineTrigger, False),
        ("arm", AnnouncedTrigger, False),
        ("key", AnnouncedTrigger, False),
        ("interval", IntervalTrigger, False),
    ],
)
def test_every_kind(kind: Kind, made: type, settles: bool) -> None:
    trigger = make_trigger(TriggerOptions(kind=kind), live=True)
    assert type(trigger) is made and trigger.settles is settles
    assert isinstance(trigger, LearningTrigger) and not isinstance(StillTrigger(), LearningTrigger)


def test_pictures_from_a_folder_lie_still() -> None:
    for kind in ("motion", "still"):
        assert isinstance(make_trigger(TriggerOptions(kind=kind), live=False), StillTrigger)


@pytest.mark.parametrize(("kind", "live"), [("line", False), ("arm", False), ("still", True)])
def test_what_does_not_go_together_is_refused(kind: Kind, live: bool) -> None:
    with pytest.raises(ConfigError) as refused:
        make_trigger(TriggerOptions(kind=kind), live)
    assert refused.value.hint


@pytest.mark.parametrize(
    "wrong",
    [
        'kind = "sound"',
        'direction = "north"',
        "line = 1.5",
        "least_area = 0",
        "interval_s = -1",
        "width_px = 4",
        'line = "left"',
        "width_px = 160.5",
        "check_empty = 1",
        "gap = nan",
    ],
)
def test_impossible_options_are_refused_in_one_sentence(wrong: str) -> None:
    with pytest.raises(ConfigError) as refused:
        TriggerOptions(**tomllib.loads(wrong))
    assert "\n" not in refused.value.message and refused.value.hint


def test_options_are_flat_and_survive_toml() -> None:
    text = "\n".join(f"{key} = {value!r}".replace("True", "true") for key, value in asdict(TriggerOptions()).items())
    assert TriggerOptions(**tomllib.loads(text)) == TriggerOptions()
    assert all(field.type in (int, float, bool, Kind) or field.name == "direction" for field in fields(TriggerOptions))
