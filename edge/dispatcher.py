"""Everything said to the arm, from a thread of its own: the camera's frames go on being watched meanwhile."""

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from sorter.edge.arms.arm import Arm, ArmEvent, ArmStatus
from sorter.errors import ArmError


@dataclass(frozen=True)
class Command:
    """One bin command.

    Attributes:
        bin: Where the object goes.
        sequence: Number under which the arm remembers it.
    """

    bin: int
    sequence: int


@dataclass(frozen=True)
class Acknowledged:
    """The arm has received a command."""

    command: Command


@dataclass(frozen=True)
class Completed:
    """The arm has carried out a command."""

    command: Command


@dataclass(frozen=True)
class Failed:
    """A command failed, or its outcome is unknown."""

    command: Command
    error: ArmError


@dataclass(frozen=True)
class Heard:
    """The idle arm answered the heartbeat."""

    status: ArmStatus


@dataclass(frozen=True)
class Said:
    """The idle arm told something unasked."""

    event: ArmEvent


@dataclass(frozen=True)
class Lost:
    """The idle arm does not answer any more, or could not be made to take commands again."""

    error: ArmError


@dataclass(frozen=True)
class Found:
    """The arm answers again after ``find``, and stands still."""

    status: ArmStatus


@dataclass(frozen=True)
class Revived:
    """After ``revive`` the arm takes commands again."""


Report = Acknowledged | Completed | Failed | Heard | Said | Lost | Found | Revived


@dataclass(frozen=True)
class DispatcherOptions:
    """How the arm is looked after.

    Attributes:
        heartbeat_s: An idle arm is asked for its state this often.
        retry_min_s: First pause between two attempts to reach a lost arm; doubled each time.
        retry_max_s: Longest pause between two attempts.
    """

    heartbeat_s: float = 2.0
    retry_min_s: float = 0.5
    retry_max_s: float = 10.0


_LISTEN_EVERY_S = 0.02
"""How often an idle arm's line is looked at. A command does not wait for it: it wakes the thread at once."""


@dataclass(frozen=True)
class _Revive:
    delay_s: float


_Job = Command | _Revive | Literal["find", "end"]


class Dispatcher:
    """Hands commands to the arm, watches it while it is idle, finds it again when it was lost.

    Args:
        arm: An open arm.
        report: Called from the thread with each report.
        options: How the arm is looked after.

    Attributes:
        reconnected: How often the arm's port was opened again.
    """

    def __init__(self, arm: Arm, report: Callable[[Report], None], options: DispatcherOptions | None = None) -> None:
        self._arm, self._report = arm, report
        self._options = options or DispatcherOptions()
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._ending = threading.Event()
        # How many jobs the thread was given, and how many it has done with: equal while it only watches.
        self._given = self._done = 0
        self._answering = True
        self._heartbeat_at_s = 0.0
        self._thread = threading.Thread(target=self._work, name="arm", daemon=True)
        self.reconnected = 0

    def start(self) -> None:
        """Starts the thread."""
        self._heartbeat_at_s = time.monotonic() + self._options.heartbeat_s
        self._thread.start()

    def send(self, command: Command) -> None:
        """Hands over one command; the previous one must have been completed.

        Its first bytes leave from this thread where the arm allows it: waking the other one takes a moment. Not while
        the other one still has something to tell the arm, whose number would be the newer one.
        """
        if self._given == self._done:
            try:
                self._arm.begin(command.bin, command.sequence)
            except Exception as error:  # whatever it was, the loop must hear of it
                self._report(Failed(command, self._failure(error)))
                return
        self._give(command)

    def find(self) -> None:
        """Asks the arm for its state, and opens its port again for as long as it does not answer."""
        self._give("find")

    def revive(self, delay_s: float = 0.0) -> None:
        """Clears a stop or a fault after a while, so that the arm takes commands again; nothing moves."""
        self._give(_Revive(delay_s))

    def stop(self, timeout_s: float = 5.0) -> None:
        """Ends the thread, waiting for a command in flight at most ``timeout_s``."""
        self._ending.set()
        self._jobs.put("end")
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _give(self, job: _Job) -> None:
        self._given += 1
        self._jobs.put(job)

    def _work(self) -> None:
        while True:
            try:
                job = self._jobs.get(timeout=_LISTEN_EVERY_S)
            except queue.Empty:
                self._watch()
                continue
            if job == "end":
                return
            outcome: Report | None = None
            if job == "find":
                self._find()
            elif isinstance(job, _Revive):
                self._ending.wait(job.delay_s)
                self._attempt(self._revive)
            else:
                outcome = self._carry_out(job)
            # Before the report, upon which the loop may send the next command.
            self._done += 1
            if outcome is not None:
                self._report(outcome)
            self._heartbeat_at_s = time.monotonic() + self._options.heartbeat_s

    def _carry_out(self, command: Command) -> Report:
        def acknowledged() -> None:
            self._report(Acknowledged(command))

        try:
            self._arm.sort(command.bin, command.sequence, acknowledged)
        except Exception as error:  # whatever it was, the loop must hear of it
            return Failed(command, self._failure(error))
        return Completed(command)

    def _watch(self) -> None:
        """Listens to the idle arm, and asks for its state from time to time."""
        if self._answering:
            self._attempt(self._listen)

    def _listen(self) -> None:
        event = self._arm.listen(0.0)
        if event is not None:
            self._report(Said(event))
        if time.monotonic() >= self._heartbeat_at_s:
            self._report(Heard(self._arm.heartbeat()))
            self._heartbeat_at_s = time.monotonic() + self._options.heartbeat_s

    def _revive(self) -> None:
        self._arm.resume()
        self._report(Revived())

    def _attempt(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:  # whatever it was, the loop must hear of it
            self._lose(self._failure(error))

    def _failure(self, error: Exception) -> ArmError:
        if isinstance(error, ArmError):
            return error
        return ArmError(f"{self._arm.name} failed: {error}.", "Look at the arm, then start again.")

    def _lose(self, error: ArmError) -> None:
        self._answering = False
        self._report(Lost(error))

    def _find(self) -> None:
        pause_s = self._options.retry_min_s
        while not self._ending.is_set():
            try:
                status = self._status()
            except Exception:  # of whatever kind: it is tried again until somebody ends it
                self._ending.wait(pause_s)
                pause_s = min(2 * pause_s, self._options.retry_max_s)
                continue
            if status.state != "MOVING":
                self._answering = True
                self._report(Found(status))
                return
            self._ending.wait(0.1)

    def _status(self) -> ArmStatus:
        """The arm's state, through its port as it is or opened again."""
        try:
            return self._arm.status()
        except ArmError:
            self._arm.close()
        status = self._arm.open().status
        self.reconnected += 1
        return status
