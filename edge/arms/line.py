"""An arm that speaks line protocol 1 (docs/arm-protocol.md) over a serial port."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from sorter.edge.arms import protocol
from sorter.edge.arms.arm import Arm, ArmEvent, ArmFaultError, ArmIdentity, ArmLostError, ArmStatus, require_command
from sorter.edge.arms.delivery import Delivery, fault
from sorter.edge.arms.events import EventQueue
from sorter.edge.arms.handshake import no_answer, read_identity, read_status
from sorter.edge.arms.link import Link
from sorter.edge.arms.options import LineOptions as LineOptions
from sorter.edge.arms.protocol import DamagedLineError, LineSplitter, Message, next_sequence
from sorter.errors import ArmError


class LineArm(Arm):
    """An arm behind a link. See ``Arm`` for what its methods promise.

    Args:
        link: Where the arm is.
        options: How patient to be.

    Attributes:
        name: The link's name.
        last_sequence: Number of the last command sent or reported by the arm.
        resends: Lines sent again because no answer came.
        damaged_lines: Lines received that could not be read.
        sent_lines: Lines sent, those sent again included.
    """

    def __init__(self, link: Link, options: LineOptions | None = None) -> None:
        self.name = link.name
        self.last_sequence = 0
        self.resends = 0
        self.damaged_lines = 0
        self.sent_lines = 0
        self._link = link
        self._options = options or LineOptions()
        self._splitter = LineSplitter()
        self._identity: ArmIdentity | None = None
        self._greeted = False
        self._idle = True
        self._begun: Message | None = None
        self._early: list[Message] = []
        self._tag = 0
        self._events = EventQueue()
        # Who holds this reads the port. stop() never waits for it.
        self._reading = threading.Lock()
        self._writing = threading.Lock()
        self._stopped = threading.Event()

    def open(self) -> ArmIdentity:
        """Opens the port and asks who is there; nothing moves.

        Raises:
            ArmError: The port does not open, or nothing that speaks the protocol answers.
            ConfigError: pyserial is missing, or the port's name is not understood.
        """
        self._link.open()
        self.name = self._link.name
        try:
            with self._reading:
                self._splitter.clear()
                damaged_lines = self.damaged_lines
                identity = self._greet()
                # That opening the port reset it is no news, nor that it cut a line in two.
                self._events.clear()
                self.damaged_lines = damaged_lines
                return identity
        except BaseException:
            self._link.close()
            raise

    def sort(self, bin_number: int, sequence: int, on_acknowledged: Callable[[], None] | None = None) -> None:
        """Moves the object into a bin and waits until it is done (see ``Arm.sort``).

        Raises:
            ConfigError: The arm has no such bin, or the number cannot be a sequence number.
        """
        require_command(self._require_open(), self.name, bin_number, sequence)
        self._deliver(Message(sequence, "SORT", (str(bin_number),)), on_acknowledged)

    def begin(self, bin_number: int, sequence: int) -> bool:
        """Sends a SORT at once where the line is free and silent (see ``Arm.begin``).

        Raises:
            ArmLostError: The port is gone.
        """
        identity = self._identity
        if identity is None or bin_number not in identity.bins or not self._reading.acquire(blocking=False):
            return False
        try:
            if not self._idle or not self._greeted or self._begun is not None or self._link.waiting():
                return False
            message = Message(sequence, "SORT", (str(bin_number),))
            self._begun, self._idle, self.last_sequence = message, False, sequence
            self._write(message)
            return True
        finally:
            self._reading.release()

    def home(self) -> None:
        """Moves the arm to its rest position (see ``Arm.home``)."""
        self._require_open()
        self._deliver(Message(next_sequence(self.last_sequence), "HOME"), None)

    def resume(self) -> None:
        """Clears a stop or a fault (see ``Arm.resume``)."""
        self._require_open()
        self._deliver(Message(next_sequence(self.last_sequence), "RESUME"), None)

    def status(self) -> ArmStatus:
        """Asks the arm for its state (see ``Arm.status``)."""
        self._require_open()
        with self._reading:
            status = read_status(self._ask("STATUS").arguments)
        if status is None:
            raise ArmError(f"Arm {self.name} gave a status that is not of line protocol 1.", "Update its firmware.")
        return status

    def heartbeat(self) -> ArmStatus:
        """Asks an idle arm for its state (see ``Arm.heartbeat``)."""
        self._require_open()
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
            self._ask("PING", "PONG")
        return time.monotonic() - started_s

    def listen(self, timeout_s: float) -> ArmEvent | None:
        """Waits for something that the arm tells unasked (see ``Arm.listen``)."""
        self._require_open()
        deadline_s = time.monotonic() + timeout_s
        with self._reading:
            while not self._events and (self._link.waiting() or time.monotonic() < deadline_s):
                for _ in self._messages(self._link.read()):
                    pass
            return self._events.popleft() if self._events else None

    def stop(self) -> None:
        """Stops the arm at once; safe to call from any thread (see ``Arm.stop``)."""
        self._stopped.clear()
        for _ in range(self._options.attempts):
            self._write(Message(self._next_tag(), "STOP"))
            if self._wait_for_stop(time.monotonic() + self._options.acknowledge_timeout_s):
                return
        raise ArmError(f"Arm {self.name} did not confirm that it stopped.", "Cut its power.")

    def close(self) -> None:
        """Releases the port; an arm that is not known to be idle is stopped first."""
        if self._identity is None:
            return
        try:
            if not self._idle:
                with suppress(ArmError):
                    self.stop()
        finally:
            self._identity, self._greeted = None, False
            self._begun, self._early = None, []
            self._link.close()

    def _require_open(self) -> ArmIdentity:
        if self._identity is None:
            raise ArmError(f"Arm {self.name} is not open.")
        return self._identity

    def _greet(self) -> ArmIdentity:
        """Says HELLO until the arm answers; its banner, or its boot loader, may come first."""
        heard = b""
        deadline_s = time.monotonic() + self._options.handshake_timeout_s
        while (now_s := time.monotonic()) < deadline_s:
            self._write(Message(self._next_tag(), "HELLO", (str(protocol.VERSION),)))
            again_s = min(deadline_s, now_s + self._options.hello_interval_s)
            while time.monotonic() < again_s:
                data = self._link.read()
                heard = (heard + data)[:40]
                for message in self._messages(data):
                    if message.word == "READY":
                        again_s = 0.0
                    elif (identity := read_identity(message, self.name)) is not None:
                        return self._adopt(identity)
        raise no_answer(self.name, heard, self._options.handshake_timeout_s)

    def _adopt(self, identity: ArmIdentity) -> ArmIdentity:
        self._identity, self._greeted = identity, True
        # An arm that was reset has forgotten its last number, and then takes any.
        self.last_sequence = identity.last_sequence or self.last_sequence
        self._idle = identity.status.state != "MOVING"
        return identity

    def _deliver(self, message: Message, on_acknowledged: Callable[[], None] | None) -> None:
        with self._reading:
            begun, self._begun = self._begun == message, None
            early, self._early = self._early, []
            if not begun:
                self._catch_up()
            options = self._options
            delivery = Delivery(message, self.name, options.attempts, options.motion_timeout_s, on_acknowledged)
            was_idle, self._idle, self.last_sequence = begun or self._idle, False, message.sequence
            try:
                self._see_through(delivery, message, early if begun else None)
                self._idle = True
            except ArmFaultError as error:
                # A command that was refused leaves the arm as it was.
                self._idle = was_idle and not error.started
                raise

    def _see_through(self, delivery: Delivery, message: Message, early: list[Message] | None) -> None:
        """Sends a command, and again where necessary, until it is completed.

        Args:
            delivery: What is known of it.
            message: The command.
            early: What the arm has said since ``begin`` sent it; None where that has not.
        """
        options = self._options
        if early is None:
            self._write(message)
        delivery.sent(time.monotonic(), options.acknowledge_timeout_s)
        for reply in early or ():
            delivery.hear(reply, time.monotonic(), options.repeat_interval_s)
        while not delivery.completed:
            for reply in self._messages(self._link.read()):
                delivery.hear(reply, time.monotonic(), options.repeat_interval_s)
            if delivery.is_due(time.monotonic()):
                self.resends += 1
                self._write(message)
                delivery.sent(time.monotonic(), options.acknowledge_timeout_s)

    def _catch_up(self) -> None:
        """Reads what came while nobody listened; an arm that was reset meanwhile is greeted anew."""
        while self._link.waiting():
            for _ in self._messages(self._link.read()):
                pass
        if not self._greeted:
            self._greet()

    def _ask(self, word: str, answer: str | None = None) -> Message:
        """Sends a query until its answer comes."""
        for _ in range(self._options.attempts):
            tag = self._next_tag()
            self._write(Message(tag, word))
            deadline_s = time.monotonic() + self._options.acknowledge_timeout_s
            while time.monotonic() < deadline_s:
                for message in self._messages(self._link.read()):
                    if message.word == (answer or word) and message.sequence == tag:
                        return message
                    if message.word == "ERR" and message.sequence == tag:
                        raise fault(message, self.name, started=False)
        raise ArmError(f"Arm {self.name} does not answer {word}.", "Check cable and power.")

    def _messages(self, data: bytes) -> Iterator[Message]:
        for line in self._splitter.feed(data):
            try:
                message = protocol.decode_reply(line)
            except DamagedLineError:
                self.damaged_lines += 1
                continue
            if message.tells_of_reset:
                self._greeted = False
            elif message.word == "STOPPED":
                self._stopped.set()
            self._events.take(message)
            if self._begun is not None:
                self._early.append(message)
            yield message

    def _wait_for_stop(self, deadline_s: float) -> bool:
        while not self._stopped.is_set() and time.monotonic() < deadline_s:
            if self._reading.acquire(blocking=False):
                try:
                    for _ in self._messages(self._link.read()):
                        pass
                finally:
                    self._reading.release()
            else:
                self._stopped.wait(0.01)
        return self._stopped.is_set()

    def _write(self, message: Message) -> None:
        line = message.encode()
        with self._writing:
            self.sent_lines += 1
            self._link.write(line)

    def _next_tag(self) -> int:
        """A number for a query, by which its answer is known; the arm does not remember it."""
        self._tag = next_sequence(self._tag)
        return self._tag
