"""An arm that remembers no command numbers, and for which the host keeps the books: G-code, template."""

import threading
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import suppress

from sorter.edge.arms import protocol
from sorter.edge.arms.arm import (
    Arm,
    ArmEvent,
    ArmFaultError,
    ArmIdentity,
    ArmLostError,
    ArmOutcomeUnknownError,
    ArmState,
    ArmStatus,
    require_command,
)
from sorter.edge.arms.link import Link
from sorter.edge.arms.memory import CommandMemory
from sorter.edge.arms.options import ArmOptions
from sorter.edge.arms.protocol import LineSplitter, next_sequence
from sorter.errors import ArmError, ConfigError


class BookkeptArm(Arm):
    """What G-code and template arms have in common. See ``Arm`` for what the methods promise.

    A stop or a fault lasts until ``resume`` in this object, whatever the arm itself remembers of it, also when its port
    is closed and opened between.

    Args:
        link: Where the arm is.
        options: What to send, and how patient to be.
        bins: The bins that it is told how to reach.
    """

    def __init__(self, link: Link, options: ArmOptions, bins: frozenset[int]) -> None:
        self.name = link.name
        self.last_sequence = self.resends = self.damaged_lines = self.sent_lines = 0
        self._link, self._options, self._bins = link, options, bins
        self._splitter = LineSplitter()
        self._memory = CommandMemory()
        # Whether what the memory holds is still true of the arm: nobody can tell once the port was opened anew.
        self._continuous = False
        self._identity: ArmIdentity | None = None
        self._idle = True
        self._state: ArmState = "IDLE"
        self._event: ArmEvent | None = None
        # Who holds this reads the port. stop() takes it only after the thread that moves the arm has let go.
        self._reading = threading.Lock()
        # Who holds this writes. A motion line is never written after stop() has begun to.
        self._writing = threading.Lock()
        self._stopping = threading.Event()

    def open(self) -> ArmIdentity:
        """Opens the port and asks who is there; nothing moves."""
        self._link.open()
        self.name = self._link.name
        self._continuous = False
        try:
            with self._reading:
                self._splitter.clear()
                name = self._meet()
        except BaseException:
            self._link.close()
            raise
        self._idle = True
        self._identity = ArmIdentity(name, 0, self._bins, ArmStatus(self._state, 0, "NONE"))
        return self._identity

    def sort(self, bin_number: int, sequence: int, on_acknowledged: Callable[[], None] | None = None) -> None:
        """Moves the object into a bin and waits until it is done (see ``Arm.sort``)."""
        require_command(self._require_open(), self.name, bin_number, sequence)
        acknowledge = on_acknowledged or (lambda: None)
        what = f"SORT {bin_number} (number {sequence})"
        with self._reading:
            if not self._memory.admit(sequence, what, self.name):
                acknowledge()
                return
            self._carry_out(sequence, what, lambda: self._sort(bin_number, what, acknowledge))

    def home(self) -> None:
        """Moves the arm to its rest position; raises ConfigError where it was not told how."""
        self._require_open()
        if not self._can_park():
            raise ConfigError(f"Arm {self.name} was not told how to reach its rest position.", "Give it a park script.")
        sequence = next_sequence(self.last_sequence)
        with self._reading:
            self._carry_out(sequence, f"HOME (number {sequence})", self._park)

    def resume(self) -> None:
        """Clears a stop or a fault; nothing moves (see ``Arm.resume``)."""
        self._require_open()
        sequence = next_sequence(self.last_sequence)
        with self._reading:
            self._stopping.clear()
            self._wake()
            if self._stopping.is_set():
                raise self._interrupted("RESUME")  # somebody stopped it again meanwhile: that counts
            self.last_sequence = sequence
            self._memory.begin(sequence, "RESUME")
            self._memory.end()
            self._continuous, self._idle, self._state = True, True, "IDLE"

    def status(self) -> ArmStatus:
        """State and last command (see ``Arm.status``); a stopped arm or one at fault is not asked, it may be mute."""
        self._require_open()
        with self._reading:
            self._catch_up()
            if self._state in ("STOPPED", "FAULT"):
                self._link.waiting()  # the port may have gone meanwhile
            else:
                self._state = self._ask_state()
        if not self._continuous:
            return ArmStatus(self._state, 0, "NONE")
        return ArmStatus(self._state, self._memory.sequence, self._memory.outcome)

    def heartbeat(self) -> ArmStatus:
        """Asks an idle arm for a sign of life (see ``Arm.heartbeat``)."""
        try:
            return self.status()
        except ArmLostError:
            raise
        except ArmError as error:
            raise ArmLostError(f"Arm {self.name} has fallen silent.", error.hint) from error

    def ping(self) -> float:
        """Seconds until the arm answered (see ``Arm.ping``)."""
        self._require_open()
        started_s = time.monotonic()
        with self._reading:
            self._ask_state()
        return time.monotonic() - started_s

    def listen(self, timeout_s: float) -> ArmEvent | None:
        """Waits for something that the arm tells unasked (see ``Arm.listen``)."""
        self._require_open()
        deadline_s = time.monotonic() + timeout_s
        with self._reading:
            while self._event is None and (self._link.waiting() or time.monotonic() < deadline_s):
                self._hear_idle()
            event, self._event = self._event, None
        return event

    def stop(self) -> None:
        """Stops the arm at once; safe to call from any thread (see ``Arm.stop``)."""
        self._stopping.set()
        self._state = "STOPPED"
        self._halt()

    def close(self) -> None:
        """Releases the port; an arm that is not known to be idle is stopped first."""
        if self._identity is None:
            return
        try:
            if not self._idle and self._state != "STOPPED":
                with suppress(ArmError):
                    self.stop()
        finally:
            self._identity = None
            self._link.close()

    def _carry_out(self, sequence: int, what: str, work: Callable[[], None]) -> None:
        """Does one motion and keeps the books about it. The caller holds ``_reading``."""
        self.last_sequence = sequence
        self._catch_up()
        self._refuse_when_standing()
        self._memory.begin(sequence, what)
        self._continuous, was_idle, self._idle = True, self._idle, False
        try:
            work()
        except ArmError as error:
            self._memory.end(error)
            self._after_failure(error, was_idle)
            raise
        except BaseException:
            self._memory.end(ArmOutcomeUnknownError(f"Arm {self.name} was left alone while it carried out {what}."))
            raise
        self._memory.end()
        self._idle = True

    def _after_failure(self, error: ArmError, was_idle: bool) -> None:
        if isinstance(error, ArmFaultError):
            if not error.started:
                self._idle = was_idle
            elif error.number == protocol.ERR_INTERRUPTED:
                self._state = "STOPPED"
            else:
                self._state = "FAULT"

    def _refuse_when_standing(self) -> None:
        if self._state == "STOPPED":
            raise ArmFaultError(
                f"Arm {self.name} is stopped.",
                "Resume it when it is safe.",
                number=protocol.ERR_STOPPED,
                started=False,
            )
        if self._state == "FAULT":
            raise ArmFaultError(
                f"Arm {self.name} has a fault that was not cleared.",
                "Look at the arm, remove what is in its way, then resume.",
                number=protocol.ERR_FAULT,
                started=False,
            )

    def _interrupted(self, what: str) -> ArmFaultError:
        return ArmFaultError(
            f"Arm {self.name} was stopped while it carried out {what}.",
            "Resume it when it is safe.",
            number=protocol.ERR_INTERRUPTED,
            started=True,
        )

    def _require_open(self) -> ArmIdentity:
        if self._identity is None:
            raise ArmError(f"Arm {self.name} is not open.")
        return self._identity

    def _send(self, data: bytes) -> None:
        """Sends what may set the arm in motion: nothing, once it was stopped."""
        with self._writing:
            if not self._stopping.is_set():
                self.sent_lines += data.count(b"\n")
                self._link.write(data)

    def _text_lines(self) -> Iterator[str]:
        for line in self._splitter.feed(self._link.read()):
            try:
                yield line.decode("ascii").strip()
            except UnicodeDecodeError:
                self.damaged_lines += 1

    # What each kind does in its own way. The caller holds _reading, except for _halt.

    @abstractmethod
    def _meet(self) -> str:
        """Asks who is there, sets ``_state`` where the arm tells it, and gives the arm's name."""

    @abstractmethod
    def _sort(self, bin_number: int, what: str, acknowledge: Callable[[], None]) -> None:
        """Moves the object into a bin, and waits until that is done."""

    @abstractmethod
    def _can_park(self) -> bool:
        """Whether it knows a rest position."""

    @abstractmethod
    def _park(self) -> None:
        """Moves to the rest position."""

    @abstractmethod
    def _halt(self) -> None:
        """Stops the arm and waits for its confirmation; raises ArmError without one."""

    @abstractmethod
    def _wake(self) -> None:
        """Clears a stop or a fault."""

    @abstractmethod
    def _ask_state(self) -> ArmState:
        """Asks an arm that is neither stopped nor at fault; raises ArmError without an answer."""

    @abstractmethod
    def _catch_up(self) -> None:
        """Reads what came while nobody listened."""

    @abstractmethod
    def _hear_idle(self) -> None:
        """Reads once, and sets ``_event``."""
