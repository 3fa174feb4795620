"""Carries out what the state machine wants: frames in, one bin command per object out."""

import queue
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from sorter.classifier import Classifier
from sorter.cli import warn
from sorter.edge.arms.arm import ArmFaultError, ArmNotAcknowledgedError
from sorter.edge.arms.protocol import next_sequence
from sorter.edge.cameras.camera import Frame
from sorter.edge.capture import Capture
from sorter.edge.decision import BinMap, DecisionOptions, decide
from sorter.edge.dispatcher import Acknowledged, Command, Completed, Dispatcher, Failed, Report
from sorter.edge.journal import Journal
from sorter.edge.loop import (
    ARM_BUSY,
    STILL_OPTIONS,
    WANTS_FRAMES,
    Classify,
    CommandAcknowledged,
    CommandCompleted,
    DeviceFailed,
    Event,
    FrameClassified,
    FrameSeen,
    LoopOptions,
    LoopState,
    Send,
    step,
)
from sorter.edge.objects import COMPLETED, FAILED, UNKNOWN, SortedObject
from sorter.edge.station import Station
from sorter.edge.statistics import StageTimes
from sorter.edge.triggers.trigger import EMPTY
from sorter.errors import ArmError, CameraError, SorterError


@dataclass(frozen=True)
class RuntimeOptions:
    """How objects are sorted.

    Attributes:
        bins: Which label goes where.
        decision: When a classification is trusted.
        loop: Times of the loop.
        objects: End after so many objects; None for no end.
        max_age_s: A frame older than this is never classified.
        camera_timeout_s: A live camera silent for so long has failed.
    """

    bins: BinMap
    decision: DecisionOptions = field(default_factory=DecisionOptions)
    loop: LoopOptions = field(default_factory=LoopOptions)
    objects: int | None = None
    max_age_s: float = 0.5
    camera_timeout_s: float = 5.0


@dataclass
class _Flight:
    """The command on its way."""

    object: SortedObject
    row: int
    sent_at_s: float
    acknowledged_at_s: float | None = None


class Runtime:
    """The device's main job.

    Args:
        station: Camera, trigger and arm; opened.
        first_sequence: Sequence number of the first command.
        classifier: Names what a frame shows.
        journal: An open journal.
        options: How objects are sorted.

    Attributes:
        observers: Called with each object when its command has ended.
        times: Latencies of each stage.
        completed: Objects whose command the arm carried out.
        stale: Frames not classified because they were too old.
    """

    def __init__(
        self,
        station: Station,
        first_sequence: int,
        classifier: Classifier,
        journal: Journal,
        options: RuntimeOptions,
    ) -> None:
        self._camera, self._trigger, self._arm = station.camera, station.trigger, station.arm
        self._classifier, self._journal, self._options = classifier, journal, options
        self._on_completed = station.on_completed
        live = station.camera.live
        self._loop = replace(options.loop, votes=options.decision.votes) if live else STILL_OPTIONS
        self._sequence = first_sequence
        self._state = LoopState()
        self._inbox: queue.SimpleQueue[Report | None] = queue.SimpleQueue()
        self._capture = Capture(station.camera, lambda: self._inbox.put(None))
        self._dispatcher = Dispatcher(station.arm, self._inbox.put)
        self._flight: _Flight | None = None
        self._frame: Frame | None = None
        self._classify_times_s: list[float] = []
        self._ended = False
        self.observers: list[Callable[[SortedObject], None]] = []
        self.times = StageTimes()
        self.completed = 0
        self.stale = 0

    def run(self) -> None:
        """Sorts until the source ends, the wanted number of objects is sorted, or something fails.

        However it ends, the arm stands still and the journal tells what became of every object.

        Raises:
            CameraError: The camera failed.
            ArmError: The arm failed, or the outcome of a command is unknown.
            StorageError: The journal cannot be written.
        """
        self._dispatcher.start()
        if self._camera.live:
            self._capture.start()
        try:
            while not self._done():
                self._turn()
        except SorterError as error:
            self._handle(DeviceFailed(error.message))
            raise
        finally:
            self._come_to_rest()

    def _done(self) -> bool:
        if self._state.phase in ARM_BUSY:
            return False
        enough = self._options.objects is not None and self.completed >= self._options.objects
        return enough or self._ended

    def _turn(self) -> None:
        """Handles one report of the arm, or one frame."""
        if not self._camera.live and self._inbox.empty() and self._state.phase not in ARM_BUSY:
            self._look_at_still()
            return
        try:
            report = self._inbox.get(timeout=self._options.camera_timeout_s)
        except queue.Empty:
            if not self._camera.live:
                return
            raise CameraError(
                f"{self._camera.name} has given no picture for {self._options.camera_timeout_s:g} s.",
                "Check its cable.",
            ) from None
        if report is None:
            self._look_at_newest()
        else:
            self._on_report(report)

    def _look_at_still(self) -> None:
        if self._state.phase not in WANTS_FRAMES:
            # Between two pictures the place is empty.
            self._handle(FrameSeen(EMPTY))
            return
        frame = self._camera.read()
        if frame is None:
            self._ended = True
        else:
            self._look_at(frame)

    def _look_at_newest(self) -> None:
        frame = self._capture.take()
        if frame is not None:
            self._look_at(frame)
        elif self._capture.ended:
            self._ended = True

    def _look_at(self, frame: Frame) -> None:
        self._frame = frame
        started_s = time.monotonic()
        observation = self._trigger.observe(frame)
        self.times.add("trigger", time.monotonic() - started_s)
        self._handle(FrameSeen(observation))

    def _handle(self, event: Event) -> None:
        """Feeds the state machine, and carries out what it wants."""
        self._state, actions = step(self._state, event, time.monotonic(), self._loop)
        for action in actions:
            if isinstance(action, Classify):
                self._classify()
            elif isinstance(action, Send):
                self._send(action)
            else:
                self._stop_arm()

    def _classify(self) -> None:
        assert self._frame is not None
        started_s = time.monotonic()
        age_s = started_s - self._frame.captured_at_s
        if age_s > self._options.max_age_s and self._camera.live:
            self.stale += 1
            return
        prediction = self._classifier.classify(self._frame.image)
        self._classify_times_s.append(time.monotonic() - started_s)
        self.times.add("capture age", age_s)
        self.times.add("classify", self._classify_times_s[-1])
        self._handle(FrameClassified(prediction.probabilities))

    def _send(self, action: Send) -> None:
        assert self._frame is not None
        started_s = time.monotonic()
        options = self._options
        decision = decide(action.votes, action.objects, self._classifier.labels, options.bins, options.decision)
        command = Command(decision.bin, self._sequence)
        decided_at = time.time()
        row = self._journal.record(action.object_number, decision, command.sequence)
        sent_at_s = time.monotonic()
        self._dispatcher.send(command)
        votes = self._classify_times_s[-len(action.votes) :]
        command_s = sent_at_s - self._frame.captured_at_s
        sorted_object = SortedObject(
            action.object_number,
            row,
            self._frame.number,
            self._frame.name,
            decision,
            command.sequence,
            decided_at,
            sum(votes) / len(votes),
            command_s,
        )
        self._flight = _Flight(sorted_object, row, sent_at_s)
        self._classify_times_s.clear()
        self._sequence = next_sequence(self._sequence)
        self.times.add("decide", sent_at_s - started_s)
        self.times.add("frame to command", command_s)

    def _on_report(self, report: Report) -> None:
        flight = self._flight
        assert flight is not None
        now_s = time.monotonic()
        if isinstance(report, Acknowledged):
            flight.acknowledged_at_s = now_s
            self.times.add("acknowledge", now_s - flight.sent_at_s)
            self._journal.acknowledge(flight.row)
            self._handle(CommandAcknowledged())
        elif isinstance(report, Completed):
            if flight.acknowledged_at_s is not None:
                self.times.add("move", now_s - flight.acknowledged_at_s)
            self._on_completed(report.command.bin)
            self._land(COMPLETED)
            self.completed += 1
            self._handle(CommandCompleted())
        elif isinstance(report, Failed):
            certain = isinstance(report.error, (ArmFaultError, ArmNotAcknowledgedError))
            self._land(FAILED if certain else UNKNOWN)
            raise report.error

    def _land(self, outcome: str) -> None:
        """Completes the row of the command in flight and tells about the object."""
        flight, self._flight = self._flight, None
        if flight is None:
            return
        self._journal.complete(flight.row, outcome)
        acknowledge_s = (flight.acknowledged_at_s or flight.sent_at_s) - flight.sent_at_s
        seen = replace(flight.object, outcome=outcome, acknowledge_s=acknowledge_s)
        for observer in self.observers:
            observer(seen)

    def _stop_arm(self) -> None:
        try:
            self._arm.stop()
        except ArmError as error:
            # Why the run ends matters more than that the arm could not be told.
            warn(f"{error.message} {error.hint}")

    def _come_to_rest(self) -> None:
        if self._state.phase in ARM_BUSY:
            self._stop_arm()
        self._dispatcher.stop()
        self._capture.stop()
        self._land(UNKNOWN)
