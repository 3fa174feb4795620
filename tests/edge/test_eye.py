"""The trigger looks at a frame that will most likely be classified while the network runs."""

import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from sorter.classifier import Prediction
from sorter.edge.arms.line import LineArm
from sorter.edge.arms.link import SerialLink
from sorter.edge.cameras.camera import Camera, Frame
from sorter.edge.decision import BinMap
from sorter.edge.eye import Eye
from sorter.edge.loop import LoopOptions, LoopState, Phase, awaits_classification
from sorter.edge.monitor import Monitor
from sorter.edge.runtime_options import RuntimeOptions
from sorter.edge.station import Station
from sorter.edge.statistics import StageTimes
from sorter.edge.triggers.trigger import EMPTY, Observation
from sorter.image import Pixels

LYING = Observation(occupied=True, moving=False, objects=1)


class Namer:
    """Names every frame, and counts."""

    labels = ("apple", "lemon")

    def __init__(self) -> None:
        self.classified = 0

    def classify(self, frame_bgr: Pixels) -> Prediction:
        self.classified += 1
        return Prediction("apple", 0.9, np.array([0.9, 0.1], np.float32))

    def classify_meanwhile(self, frame_bgr: Pixels, begin: Callable[[], None]) -> Prediction:
        begin()
        return self.classify(frame_bgr)


class Teller:
    """A trigger that says what it is told to."""

    settles = True
    says: Observation | Exception = LYING

    def observe(self, frame: Frame) -> Observation:
        if isinstance(self.says, Exception):
            raise self.says
        return self.says


class Frames(Camera):
    """Gives a black frame every millisecond; their time stamps may lie in the past."""

    live, recorded, noisy, name = True, True, False, "frames"

    def __init__(self, age_s: float = 0.0) -> None:
        self._age_s, self._number = age_s, -1

    def open(self) -> None: ...

    def read(self) -> Frame:
        time.sleep(0.001)
        self._number += 1
        return Frame(np.zeros((8, 8, 3), np.uint8), time.monotonic() - self._age_s, self._number)

    def close(self) -> None: ...


class Scene:
    def __init__(self, age_s: float = 0.0) -> None:
        self.namer, self.teller, self.times, self.monitor = Namer(), Teller(), StageTimes(), Monitor()
        station = Station(Frames(age_s), self.teller, LineArm(SerialLink("nowhere")))
        options = RuntimeOptions(BinMap({"apple": 1, "lemon": 2}))
        self.eye = Eye(station, self.namer, options, self.monitor, self.times, lambda: None)

    def look(self, ahead: bool) -> Observation:
        deadline_s = time.monotonic() + 30
        while (seen := self.eye.look_at_newest(ahead)) is None:
            assert time.monotonic() < deadline_s
            time.sleep(0.001)
        return seen


@pytest.fixture
def scene() -> Iterator[Scene]:
    found = Scene()
    found.eye.start()
    yield found
    found.eye.stop()


@pytest.mark.parametrize("ahead", [False, True])
def test_a_frame_is_classified_once(scene: Scene, ahead: bool) -> None:
    assert scene.look(ahead) == LYING
    assert scene.eye.classify() is not None
    assert scene.namer.classified == 1
    assert scene.times.percentiles()["classify"]["n"] == scene.times.percentiles()["trigger"]["n"] == 1


def test_what_was_classified_ahead_is_forgotten_with_its_frame(scene: Scene) -> None:
    scene.teller.says = EMPTY
    assert scene.look(ahead=True) == EMPTY
    view = scene.monitor.view
    assert view is not None and view.label == ""
    scene.teller.says = LYING
    classified = scene.namer.classified
    assert scene.look(ahead=False) == LYING
    assert scene.eye.classify() is not None
    assert scene.namer.classified == classified + 1
    assert scene.times.percentiles()["classify"]["n"] == 1  # one that nobody asked for does not count


def test_a_trigger_that_fails_ahead_fails_as_ever(scene: Scene) -> None:
    scene.teller.says = ValueError("broken")
    with pytest.raises(ValueError, match="broken"):
        scene.look(ahead=True)


def test_old_frames_are_not_classified_ahead_either() -> None:
    scene = Scene(age_s=0.7)
    scene.eye.start()
    try:
        assert scene.look(ahead=True) == LYING
        assert scene.eye.classify() is None and scene.namer.classified == 0 and scene.eye.stale == 1
    finally:
        scene.eye.stop()


@pytest.mark.parametrize(
    ("phase", "since_s", "awaited"),
    [
        (Phase.WAITING, 0.0, False),
        (Phase.SETTLING, 9.9, False),
        (Phase.SETTLING, 9.5, True),
        (Phase.CLASSIFYING, 9.9, True),
        (Phase.MOVING, 0.0, False),
    ],
)
def test_when_a_classification_is_near(phase: Phase, since_s: float, awaited: bool) -> None:
    assert awaits_classification(LoopState(phase, since_s), 10.0, LoopOptions(settle_s=0.15)) is awaited
