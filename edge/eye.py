"""Looks: takes frames, says whether an object lies ready, names it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from sorter.classifier import Classifier, Prediction, TwoStepClassifier
from sorter.edge.cameras.camera import Frame
from sorter.edge.cameras.health import CameraHealth
from sorter.edge.cameras.options import CameraOptions
from sorter.edge.capture import Capture
from sorter.edge.lookout import Lookout, Sight
from sorter.edge.monitor import Monitor, View
from sorter.edge.station import Station
from sorter.edge.statistics import StageTimes
from sorter.edge.triggers.trigger import EMPTY, Observation
from sorter.image import Pixels


class EyeOptions(Protocol):
    """When frames and camera can be trusted.

    Attributes:
        max_age_s: A frame older than this is never classified.
        camera: When the camera counts as failed.
    """

    @property
    def max_age_s(self) -> float: ...  # noqa: D102
    @property
    def camera(self) -> CameraOptions: ...  # noqa: D102


@dataclass(frozen=True)
class _Named:
    """A classification, and how old its frame was when it began."""

    prediction: Prediction
    age_s: float
    duration_s: float


class Eye:
    """Camera, trigger and network of a station. Used by the loop's thread.

    Args:
        station: Its camera is open.
        classifier: Names what a frame shows; may be replaced between two objects.
        options: When frames and camera can be trusted.
        monitor: Shows what is seen.
        times: Collects the latencies.
        notify: Called from the camera's thread when there is something to look at, or the camera's health has changed.

    Attributes:
        frame: The frame looked at last.
        ended: The source has no more frames.
        stale: Frames not classified because they were too old.
    """

    def __init__(
        self,
        station: Station,
        classifier: Classifier,
        options: EyeOptions,
        monitor: Monitor,
        times: StageTimes,
        notify: Callable[[], None],
    ) -> None:
        self._camera, self._lookout = station.camera, Lookout(station.trigger)
        self._monitor, self._times, self._max_age_s = monitor, times, options.max_age_s
        self._capture = Capture(station.camera, notify, options.camera)
        self._classify_times_s: list[float] = []
        self._shown: tuple[str, float] = ("", 0.0)
        self._ahead: _Named | None = None
        self._was_ok = True
        self._classifier, self._two_step = classifier, _two_step(classifier)
        self.frame: Frame | None = None
        self.ended = False
        self.stale = 0

    @property
    def classifier(self) -> Classifier:
        """Names what a frame shows."""
        return self._classifier

    @classifier.setter
    def classifier(self, classifier: Classifier) -> None:
        self._classifier, self._two_step = classifier, _two_step(classifier)

    @property
    def live(self) -> bool:
        """Whether frames come by themselves."""
        return self._camera.live

    @property
    def health(self) -> CameraHealth:
        """How the camera is doing."""
        return self._capture.health

    @property
    def trouble(self) -> str:
        """Why the trigger cannot tell what it sees; empty while it can."""
        view = self._monitor.view
        return view.observation.trouble if view else ""

    def start(self) -> None:
        """Begins to take frames."""
        if self.live:
            self._lookout.start()
            self._capture.start()

    def stop(self) -> None:
        """Takes no more frames."""
        self._capture.stop()
        self._lookout.stop()

    def look_at_newest(self, ahead: bool = False) -> Observation | None:
        """What the newest frame of a live camera shows; None where it was looked at before.

        Args:
            ahead: Classify it at the same time. Worth while where the trigger will say, most likely, that an object
                still lies there; where it does not, nobody asks what the network made of it.
        """
        frame = self._capture.take()
        if frame is None:
            self.ended = self._capture.ended
            return None
        return self._observe(frame, ahead)

    def look_at_next(self) -> Observation | None:
        """What the next picture of a folder shows; None after the last."""
        frame = self._camera.read()
        if frame is None:
            self.ended = True
            return None
        return self._observe(frame)

    def was_lost(self) -> bool | None:
        """Whether the camera has just failed (True) or come back (False); None when nothing has changed."""
        state = self.health.state
        if state == "opening" or (state == "ok") == self._was_ok:
            return None
        self._was_ok = state == "ok"
        return not self._was_ok

    def classify(self) -> Prediction | None:
        """Names what the frame looked at last shows; None when it is too old."""
        assert self.frame is not None
        named, self._ahead = self._ahead or self._name(self.frame, self._classifier.classify), None
        if named is None:
            self.stale += 1
            return None
        self._classify_times_s.append(named.duration_s)
        self._times.add("capture age", named.age_s)
        self._times.add("classify", named.duration_s)
        self._shown = (named.prediction.label, named.prediction.probability)
        return named.prediction

    def classify_time_s(self, votes: int) -> float:
        """Mean time of the last so many classifications; forgets them."""
        times_s = self._classify_times_s[-votes:]
        self._classify_times_s.clear()
        return sum(times_s) / max(1, len(times_s))

    def _observe(self, frame: Frame, ahead: bool = False) -> Observation:
        self.frame, self._ahead = frame, None
        beside = self._two_step if ahead and self._lookout.ready else None
        sight = self._look_and_name(frame, beside) if beside is not None else self._lookout.look(frame)
        self._times.add("trigger", sight.duration_s)
        if sight.observation == EMPTY:
            self._shown = ("", 0.0)
        self._monitor.show(View(frame, sight.observation, *self._shown))
        return sight.observation

    def _look_and_name(self, frame: Frame, classifier: TwoStepClassifier) -> Sight:
        """Has the trigger look while the network runs."""
        begun = False

        def begin() -> None:
            nonlocal begun
            begun = True
            self._lookout.begin(frame)

        try:
            self._ahead = self._name(frame, lambda image: classifier.classify_meanwhile(image, begin))
        finally:
            # Whatever became of the network, the trigger must be at rest again.
            sight = self._lookout.finish() if begun else None
        return sight or self._lookout.look(frame)

    def _name(self, frame: Frame, classify: Callable[[Pixels], Prediction]) -> _Named | None:
        """Classifies a frame, unless it is too old."""
        started_s = time.monotonic()
        age_s = started_s - frame.captured_at_s
        if age_s > self._max_age_s and self.live:
            return None
        prediction = classify(frame.image)
        return _Named(prediction, age_s, time.monotonic() - started_s)


def _two_step(classifier: Classifier) -> TwoStepClassifier | None:
    return classifier if isinstance(classifier, TwoStepClassifier) else None
