"""Looks: takes frames, says whether an object lies ready, names it."""

import time
from collections.abc import Callable
from typing import Protocol

from sorter.classifier import Classifier, Prediction
from sorter.edge.cameras.camera import Frame
from sorter.edge.cameras.health import CameraHealth
from sorter.edge.cameras.options import CameraOptions
from sorter.edge.capture import Capture
from sorter.edge.monitor import Monitor, View
from sorter.edge.station import Station
from sorter.edge.statistics import StageTimes
from sorter.edge.triggers.trigger import EMPTY, Observation


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
        classifier: Names what a frame shows.
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
        self._camera, self._trigger = station.camera, station.trigger
        self._monitor, self._times, self._max_age_s = monitor, times, options.max_age_s
        self._capture = Capture(station.camera, notify, options.camera)
        self._classify_times_s: list[float] = []
        self._named: tuple[str, float] = ("", 0.0)
        self._was_ok = True
        self.classifier = classifier
        self.frame: Frame | None = None
        self.ended = False
        self.stale = 0

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
            self._capture.start()

    def stop(self) -> None:
        """Takes no more frames."""
        self._capture.stop()

    def look_at_newest(self) -> Observation | None:
        """What the newest frame of a live camera shows; None where it was looked at before."""
        frame = self._capture.take()
        if frame is None:
            self.ended = self._capture.ended
            return None
        return self._observe(frame)

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
        started_s = time.monotonic()
        age_s = started_s - self.frame.captured_at_s
        if age_s > self._max_age_s and self.live:
            self.stale += 1
            return None
        prediction = self.classifier.classify(self.frame.image)
        self._classify_times_s.append(time.monotonic() - started_s)
        self._times.add("capture age", age_s)
        self._times.add("classify", self._classify_times_s[-1])
        self._named = (prediction.label, prediction.probability)
        return prediction

    def classify_time_s(self, votes: int) -> float:
        """Mean time of the last so many classifications; forgets them."""
        times_s = self._classify_times_s[-votes:]
        self._classify_times_s.clear()
        return sum(times_s) / max(1, len(times_s))

    def _observe(self, frame: Frame) -> Observation:
        self.frame = frame
        started_s = time.monotonic()
        observation = self._trigger.observe(frame)
        self._times.add("trigger", time.monotonic() - started_s)
        if observation == EMPTY:
            self._named = ("", 0.0)
        self._monitor.show(View(frame, observation, *self._named))
        return observation
