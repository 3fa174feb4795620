"""Carries out what the state machine wants: frames in, one bin command per object out."""

import queue
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from sorter.classifier import Classifier
from sorter.cli import inform, warn
from sorter.edge.arm_watch import ArmWatch
from sorter.edge.bin_watch import BinWatch
from sorter.edge.cameras.camera import Frame
from sorter.edge.decision import DecisionOptions
from sorter.edge.dispatcher import Dispatcher, Report
from sorter.edge.events import (
    CameraLost,
    Classify,
    CommandNotSent,
    DeviceFailed,
    Event,
    FrameClassified,
    FrameSeen,
    Send,
)
from sorter.edge.eye import Eye
from sorter.edge.flight import Flights
from sorter.edge.journal import Journal
from sorter.edge.loop import ARM_BUSY, WANTS_FRAMES, LoopState, Phase, awaits_classification, step
from sorter.edge.monitor import Monitor
from sorter.edge.objects import COMPLETED, COUNTED, UNKNOWN, SortedObject
from sorter.edge.outgoing import Outgoing
from sorter.edge.pauses import Pauses
from sorter.edge.requests import Announce, EmptyBin, End, LearnEmpty, Pause, Request, Requests, Resume, Stopped
from sorter.edge.runtime_options import RuntimeOptions, loop_options
from sorter.edge.station import Station
from sorter.edge.statistics import StageTimes
from sorter.edge.triggers.trigger import EMPTY
from sorter.errors import ArmError, SorterError, StorageError

_LONG_S = 10.0
_NOT_EMPTY = "Something still lies on the place. Take it away; if the place is empty, say so."


class Runtime:
    """The device's main job.

    Args:
        station: Camera, trigger and arm; opened.
        arm_name: What the arm calls itself.
        classifier: Names what a frame shows.
        journal: An open journal, in which no command of an earlier run is under way any more.
        options: How objects are sorted.

    Attributes:
        control: What people may ask, from any thread.
        monitor: What there is to see, from any thread.
        times: Latencies of each stage.
        pauses: Why sorting is paused.
        keepers: Called a few times a second from the loop's thread, between two frames, with the time.
        completed: Objects whose command the arm carried out.
    """

    def __init__(
        self,
        station: Station,
        arm_name: str,
        classifier: Classifier,
        journal: Journal,
        options: RuntimeOptions,
    ) -> None:
        self._station, self._arm = station, station.arm
        self._journal, self._options = journal, options
        self._loop = loop_options(station, options)
        # What lies there after a start may be the last object of the run before.
        cleared = not station.camera.live or journal.place_was_cleared()
        self._state = LoopState(Phase.WAITING if cleared else Phase.CLEARING, cleared=cleared)
        self._inbox: queue.SimpleQueue[Report | Request | None] = queue.SimpleQueue()
        self.monitor = Monitor()
        self.times = StageTimes()
        self.times.observers.append(self.monitor.tell_duration)
        self._eye = Eye(station, classifier, options, self.monitor, self.times, lambda: self._inbox.put(None))
        self._dispatcher = Dispatcher(station.arm, self._inbox.put, options.dispatcher)
        self._flights = Flights(journal, self.times)
        self._flights.observers.append(self._on_landed)
        send = self._dispatcher.send
        self._outgoing = Outgoing(station.arm, arm_name, self._eye, self._flights, send, options, self.times)
        self._watch = ArmWatch(station.arm, self._dispatcher, self._flights, options.recovery, self.handle, self.tell)
        self._watch.on_object = station.announce
        self._tick_at_s, self._ended = 0.0, False
        self._phase_since_s = time.monotonic()
        self.pauses = Pauses(self.handle)
        self._bins = BinWatch(options.limits, journal, self._flights, self.pauses, self.monitor, self.tell)
        self.control = Requests(station.arm, self._inbox.put)
        self.keepers: list[Callable[[float], object]] = []
        self.completed = 0

    @property
    def flights(self) -> Flights:
        """Objects on their way; its observers are called with each object when its command has ended."""
        return self._flights

    @property
    def on_decided(self) -> list[Callable[[SortedObject, Frame], None]]:
        """Called with each object and its last frame once its command is on its way."""
        return self._outgoing.on_decided

    def run(self) -> None:
        """Sorts until the source ends, the wanted number of objects is sorted, or a fault ends the run.

        However it ends, the arm stands still and the journal tells what became of every object.

        Raises:
            CameraError: The camera failed and was given up.
            ArmError: The arm failed, where faults end the run.
            StorageError: The journal cannot be read or written at the start.
        """
        self._dispatcher.start()
        self._eye.start()
        try:
            self._show()
            self._bins.check()
            while not self._done():
                self._turn()
                self._tick()
        except SorterError as error:
            if self._state.phase is not Phase.FAULT:
                self.handle(DeviceFailed(error.message))
            raise
        finally:
            self._come_to_rest()

    def handle(self, event: Event) -> None:
        """Feeds the state machine, and carries out what it wants."""
        before = self._state
        self._state, actions = step(before, event, time.monotonic(), self._loop)
        if self._state.cleared and not before.cleared:
            self._flights.clear()
        if self._state.missed > before.missed:
            self.tell("An object came and went while the arm was busy; it was not sorted.")
        changed = self._state.phase is not before.phase or self._state.reason != before.reason
        if changed:
            self._phase_since_s = time.monotonic()
        self._outgoing.expect(before.phase, self._state.phase)
        for action in actions:
            if isinstance(action, Classify):
                prediction = self._eye.classify()
                if prediction is not None:
                    self.handle(FrameClassified(prediction.probabilities))
            elif isinstance(action, Send):
                self._send(action)
            else:
                self._stop_arm()
        if changed:
            self.monitor.update(phase=self._state.phase, reason=self._state.reason, arm=self._watch.health)

    def tell(self, text: str, good: bool = False) -> None:
        """Tells people what happened, good or bad, and notes it in the journal."""
        (inform if good else warn)(text)
        with suppress(StorageError):  # a journal that cannot be written says so when a row is to be written
            self._journal.note(text)

    @property
    def between_objects(self) -> bool:
        """Whether no object is being looked at or sorted."""
        looking = self._state.phase in (Phase.SETTLING, Phase.CLASSIFYING, *ARM_BUSY)
        return not looking and self._flights.current is None

    def use(self, classifier: Classifier, decision: DecisionOptions, sha256: str) -> None:
        """Changes the network; call it from a keeper, between two objects."""
        self._eye.classifier, self._outgoing.decision = classifier, decision
        self._options = replace(self._options, decision=decision)
        self._loop = loop_options(self._station, self._options)
        self._journal.model_sha256 = sha256

    def _done(self) -> bool:
        unsettled = self._flights.current and not (self._ended and self._state.phase is Phase.FAULT)
        if self._state.phase in ARM_BUSY or unsettled:
            return False
        enough = self._options.objects is not None and self.completed >= self._options.objects
        return enough or self._ended or self._eye.ended

    def _turn(self) -> None:
        """Handles one report of the arm, one request of a person, or one frame."""
        resting = self._state.phase in (*ARM_BUSY, Phase.PAUSED, Phase.FAULT)
        if not self._eye.live and not resting and self._inbox.empty():
            self._look_at_next()
            return
        try:
            item = self._inbox.get(timeout=self._options.tick_s)
        except queue.Empty:
            return
        if item is None:
            ahead = awaits_classification(self._state, time.monotonic(), self._loop)
            observation = self._eye.look_at_newest(ahead)
            if observation is not None:
                self.handle(FrameSeen(observation))
        elif isinstance(item, Report):
            self._watch.on_report(item)
        else:
            self._on_request(item)

    def _look_at_next(self) -> None:
        if self._state.phase not in WANTS_FRAMES:
            self.handle(FrameSeen(EMPTY))  # between two pictures the place is empty
        elif (observation := self._eye.look_at_next()) is not None:
            self.handle(FrameSeen(observation))

    def _on_request(self, request: Request) -> None:
        match request:
            case Pause():
                self.tell("A person paused the sorter.", good=True)
                self.pauses.begin("person", "A person paused the sorter.")
            case Resume():
                self.tell("A person wants it to go on.", good=True)
                if not self._watch.resume():
                    self.pauses.end("person")
            case Stopped(who=who):
                self._watch.fail(ArmError(f"{who} stopped the arm.", "Resume when it is safe."), by_person=True)
            case Announce():
                if not self._station.announce():
                    self.tell("An object was announced, but nothing waits for that now.")
            case LearnEmpty():
                self._station.learn_empty()
            case EmptyBin(number=number):
                self._bins.empty(number)
            case End():
                self._ended = True

    def _send(self, action: Send) -> None:
        try:
            self._outgoing.send(action)
        except StorageError as error:
            self.handle(CommandNotSent(error.message))
            self._flights.note_later(f"An object could not be sorted: {error.message}")
            self._pause_for_journal(error)

    def _on_landed(self, seen: SortedObject) -> None:
        if seen.outcome == COMPLETED:
            self._station.on_completed(seen.decision.bin)
            self.completed += 1
        if seen.outcome in COUNTED:
            self._bins.add(seen.decision.bin)
        self.monitor.tell_object(seen)

    def _tick(self) -> None:
        """Looks after what is not urgent."""
        now_s = time.monotonic()
        if now_s < self._tick_at_s:
            return
        self._tick_at_s = now_s + self._options.tick_s
        lost = self._eye.was_lost()
        if lost:
            self.tell(self._eye.health.reason)
            self.handle(CameraLost())
        elif lost is False:
            self.tell("The camera gives pictures again.", good=True)
        try:
            self._flights.retry()
            self.pauses.end("storage")
        except StorageError as error:
            self._pause_for_journal(error)
        self._show()
        for keeper in self.keepers:
            keeper(now_s)

    def _pause_for_journal(self, error: StorageError) -> None:
        if not self.pauses.reason_of("storage"):
            warn(error.message, error.hint)
        self.pauses.begin("storage", error.message)

    def _show(self) -> None:
        waits_s = time.monotonic() - self._phase_since_s
        stuck = self._state.phase is Phase.CLEARING and waits_s > _LONG_S
        self.monitor.update(
            reason=_NOT_EMPTY if stuck else self._state.reason or self._eye.trouble,
            turned_at_s=time.monotonic(),
            camera=self._eye.health,
            arm=self._watch.health,
            stale_frames=self._eye.stale,
            missed=self._state.missed + self._station.missed_announcements,
        )

    def _stop_arm(self) -> None:
        try:
            self._arm.stop()
        except ArmError as error:
            # Why it was to be stopped matters more than that the arm could not be told.
            warn(f"{error.message} {error.hint}")

    def _come_to_rest(self) -> None:
        """Leaves the arm at rest, and takes its last word on the command under way."""
        if self._state.phase in ARM_BUSY:
            self._stop_arm()
        self._dispatcher.stop()
        self._eye.stop()
        while not self._inbox.empty():
            self._watch.on_last_report(self._inbox.get())
        self._flights.land(UNKNOWN, "the run ended before the arm reported")
        self._flights.expect(None)
