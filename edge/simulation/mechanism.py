"""The mechanism of the simulated arm: what docs/arm-protocol.md demands of firmware, and no more."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from sorter.edge.arms import protocol
from sorter.edge.arms.protocol import DamagedLineError, Message


@dataclass(frozen=True)
class Motion:
    """One motion of the arm.

    Attributes:
        boot: How often the arm had been switched on or reset by then; numbers of commands begin anew each time.
        command: What made it move.
        began_at_s: When, on the clock of the caller.
        ending: How it ended: ``done``, or cut off by a jam, by STOP, or by a reset.
    """

    boot: int
    command: Message
    began_at_s: float
    ending: Literal["moving", "done", "jammed", "stopped", "reset"] = "moving"


class Mechanism:
    """What firmware does: lines in, lines out, one motion at a time.

    Args:
        name: What it calls itself.
        bins: Number of bins.
        move_s: Seconds that a motion takes.
        on_sorted: Called with the bin when a SORT is completed.
        on_reach: Called when a SORT begins, with the times of its beginning and its end.

    Attributes:
        jam_next: Makes the next motion jam.
        motions: Every motion, in order.
        done_at_s: When the motion in progress ends; None while nothing moves.
    """

    def __init__(
        self,
        name: str,
        bins: int,
        move_s: float,
        on_sorted: Callable[[int], None],
        on_reach: Callable[[float, float], None] = lambda _begin_s, _end_s: None,
    ) -> None:
        self._name = name
        self._bins = bins
        self._move_s = move_s
        self._on_sorted = on_sorted
        self._on_reach = on_reach
        self._boots = 0
        self.jam_next = False
        self.motions: list[Motion] = []
        self.done_at_s: float | None = None
        self.boot()

    def boot(self) -> None:
        """Forgets everything, as a reset does."""
        self._end_motion("reset")
        self._boots += 1
        self._state = "IDLE"
        self._last = Message(0, "NONE")
        self._outcome = "NONE"
        self._greeted = False
        self._jamming = False
        self.done_at_s = None

    def handle(self, line: bytes, now_s: float) -> list[Message]:
        """Obeys one line and gives the answers."""
        try:
            command = protocol.decode_command(line)
        except DamagedLineError as error:
            stopped = self._stop() if protocol.asks_to_stop(line) else []
            return [*stopped, _error(0, error.number)]
        query = {"HELLO": self._hello, "PING": self._ping, "STATUS": self._status, "STOP": self._stop_query}
        if command.word in query:
            return query[command.word](command)
        return self._command(command, now_s)

    def _hello(self, command: Message) -> list[Message]:
        versions = command.arguments[:1] or ("1",)
        if not versions[0].isdecimal() or int(versions[0]) < 1:
            return [_error(command.sequence, protocol.ERR_ARGUMENT)]
        self._greeted = True
        about = (str(protocol.VERSION), self._name, str(self._bins))
        return [Message(command.sequence, "HELLO", (*about, *self._report()))]

    def _ping(self, command: Message) -> list[Message]:
        return [Message(command.sequence, "PONG")]

    def _status(self, command: Message) -> list[Message]:
        return [Message(command.sequence, "STATUS", self._report())]

    def _report(self) -> tuple[str, str, str]:
        return (self._state, str(self._last.sequence), self._outcome)

    def _stop_query(self, command: Message) -> list[Message]:
        return [*self._stop(), Message(command.sequence, "STOPPED")]

    def _stop(self) -> list[Message]:
        interrupted = self._state == "MOVING"
        self._end_motion("stopped")
        self._state, self.done_at_s = "STOPPED", None
        return self._fail(protocol.ERR_INTERRUPTED) if interrupted else []

    def press_stop(self) -> list[Message]:
        """Stops as the arm's own button does; gives the end of a motion that it cut short."""
        return self._stop()

    def _fail(self, number: int) -> list[Message]:
        self._outcome = f"ERR{number}"
        return [_error(self._last.sequence, number)]

    def _command(self, command: Message, now_s: float) -> list[Message]:
        if command.sequence and command == self._last:
            return [self._outcome_of_last()]
        refusal = self._refusal(command)
        if refusal is not None:
            return [refusal]
        self._last = command
        if command.word == "RESUME":
            self._state, self._outcome = "IDLE", "DONE"
            return [Message(command.sequence, "DONE")]
        self.motions.append(Motion(self._boots, command, now_s))
        if command.word == "SORT":
            self._on_reach(now_s, now_s + self._move_s)
        self._state, self._outcome = "MOVING", "MOVING"
        self._jamming, self.jam_next = self.jam_next, False
        self.done_at_s = now_s + self._move_s
        return [Message(command.sequence, "OK")]

    def _refusal(self, command: Message) -> Message | None:
        """Why a command must not be obeyed; None when it may. The order is that of docs/arm-protocol.md."""
        number = None
        if command.word not in ("SORT", "HOME", "RESUME"):
            number = protocol.ERR_UNKNOWN_VERB
        elif command.sequence == 0 or not _has_right_arguments(command):
            number = protocol.ERR_ARGUMENT
        elif not self._greeted:
            number = protocol.ERR_HELLO_FIRST
        elif command.sequence == self._last.sequence:
            number = protocol.ERR_SEQUENCE_REUSED
        elif not protocol.is_newer(command.sequence, self._last.sequence):
            number = protocol.ERR_SEQUENCE_OLD
        elif command.word == "SORT" and int(command.arguments[0]) >= self._bins:
            number = protocol.ERR_NO_SUCH_BIN
        elif self._state == "MOVING":
            return Message(command.sequence, "BUSY")
        elif self._state != "IDLE" and command.word != "RESUME":
            number = protocol.ERR_STOPPED if self._state == "STOPPED" else protocol.ERR_FAULT
        return None if number is None else _error(command.sequence, number)

    def _outcome_of_last(self) -> Message:
        if self._outcome.startswith("ERR"):
            return _error(self._last.sequence, int(self._outcome[3:]))
        return Message(self._last.sequence, "OK" if self._outcome == "MOVING" else "DONE")

    def finish(self) -> list[Message]:
        """Ends the motion in progress."""
        self._end_motion("jammed" if self._jamming else "done")
        self.done_at_s = None
        if self._jamming:
            self._state = "FAULT"
            return self._fail(protocol.ERR_JAMMED)
        self._state, self._outcome = "IDLE", "DONE"
        if self._last.word == "SORT":
            self._on_sorted(int(self._last.arguments[0]))
        return [Message(self._last.sequence, "DONE")]

    def _end_motion(self, ending: Literal["done", "jammed", "stopped", "reset"]) -> None:
        if self.done_at_s is not None:
            self.motions[-1] = replace(self.motions[-1], ending=ending)


def _has_right_arguments(command: Message) -> bool:
    if command.word != "SORT":
        return not command.arguments
    return len(command.arguments) == 1 and command.arguments[0].isdecimal() and len(command.arguments[0]) <= 3


def _error(sequence: int, number: int) -> Message:
    return Message(sequence, "ERR", (str(number), *protocol.ERROR_TEXTS[number].split()))
