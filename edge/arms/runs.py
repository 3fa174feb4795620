"""One script on its way to a G-code arm: what each answer and each silence means. Pure logic, no port, no clock.

The rule for all dialects: **a motion line is never sent again on doubt.** Only Marlin's line numbers take the doubt
away: it refuses a number that it has had and names the one that it expects, so the same line under the same number
moves it at most once (``numbered.py``). GRBL obeys whatever arrives, but can be asked which line it obeyed last
(``tagged.py``). A uArm obeys whatever arrives and tells nothing; where its answer is lost, the outcome is unknown.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from sorter.edge.arms import protocol
from sorter.edge.arms.arm import ArmFaultError, ArmOutcomeUnknownError
from sorter.edge.arms.dialects import PROBE_TICKET, Answer
from sorter.errors import ArmError

_UNKNOWN_HINT = "Look where the object is before going on; the command must not be repeated blindly."
ERR_OWN_FAULT = 30
"""First of the numbers for an arm's own faults in docs/arm-protocol.md: here, a refused line of a script that had begun
to move."""


@dataclass(frozen=True)
class RunPlan:
    """What is to be done, and how patient to be.

    Attributes:
        arm_name: For messages.
        what: The command, for messages.
        lines: The script.
        closing: Lines after it that tell the motion's end.
        attempts: How often a line is sent, at most, without any progress.
        repeat_interval_s: How long a line that is answered at once may stay unanswered, where it may be sent again.
        silence_timeout_s: How long a working arm may say nothing.
        poll_s: How often an arm that can answer while it moves is asked.
        motion_timeout_s: Longest time for everything.
        on_acknowledged: Called once when the arm has the first line.
    """

    arm_name: str
    what: str
    lines: tuple[str, ...]
    closing: tuple[str, ...]
    attempts: int
    repeat_interval_s: float
    silence_timeout_s: float
    poll_s: float
    motion_timeout_s: float
    on_acknowledged: Callable[[], None]


class ScriptRun(ABC):
    """What the dialects have in common: one line after the other, each sent when the one before has been taken.

    Attributes:
        completed: The motion has ended.
        resends: Lines sent again.
    """

    def __init__(self, plan: RunPlan, now_s: float) -> None:
        self.completed = False
        self.resends = 0
        self._plan = plan
        self._lines = list(plan.lines + plan.closing)
        self._lead = 0  # lines before the script's own that move nothing
        self._taken = 0
        self._sent = 0
        self._acknowledged = False
        self._heard_at_s = now_s
        self._give_up_s = now_s + plan.motion_timeout_s

    def hear(self, answer: Answer, now_s: float) -> None:
        """Takes one line from the arm.

        Raises:
            ArmFaultError: It refused a line, or has stopped.
            ArmOutcomeUnknownError: It was reset.
        """
        self._heard_at_s = now_s
        if answer.kind == "reset":
            raise self._unknown("was reset while it carried out")
        if answer.kind == "alarm":
            raise self._fault(protocol.ERR_JAMMED, answer.text, started=True)
        if answer.kind == "paused":
            raise self._fault(protocol.ERR_INTERRUPTED, "somebody stopped it", started=True)
        self._take(answer, now_s)

    def due(self, now_s: float) -> bytes:
        """What is to be sent now; nothing when it is time to wait.

        Raises:
            ArmNotAcknowledgedError: It was sent often enough, and the arm never had it.
            ArmOutcomeUnknownError: The arm fell silent, or takes too long.
        """
        if self.completed:
            return b""
        if now_s >= self._give_up_s:
            raise self._gave_up(f"did not complete within {self._plan.motion_timeout_s:g} s")
        if now_s - self._heard_at_s >= self._patience_s() and self._sent:
            return self._on_silence(now_s)
        if self._taken == self._sent and self._sent < len(self._lines):
            return self._next(now_s)
        return self._poll(now_s)

    @abstractmethod
    def _take(self, answer: Answer, now_s: float) -> None:
        """An answer has come."""

    @abstractmethod
    def _next(self, now_s: float) -> bytes:
        """The next line to send."""

    def _poll(self, now_s: float) -> bytes:
        return b""

    def _patience_s(self) -> float:
        return self._plan.silence_timeout_s

    def _on_silence(self, now_s: float) -> bytes:
        raise self._gave_up("fell silent while it carried out")

    def _gave_up(self, verb: str) -> ArmError:
        return self._unknown(verb)

    def _acknowledge(self) -> None:
        if not self._acknowledged:
            self._acknowledged = True
            self._plan.on_acknowledged()

    def _refuse(self, answer: Answer) -> ArmFaultError:
        """The error for a refused line; the first one refused means that nothing moved."""
        index = min(self._taken, len(self._lines) - 1)
        started = index > self._lead
        number = ERR_OWN_FAULT if started else protocol.ERR_ARGUMENT
        return self._fault(number, f"{answer.text} (line {self._lines[index]!r})", started=started)

    def _fault(self, number: int, text: str, *, started: bool) -> ArmFaultError:
        hint = "Look at the arm, remove what is in its way, then resume." if started else "Mend the script of this bin."
        message = f"Arm {self._plan.arm_name} reports, at {self._plan.what}: {text}."
        return ArmFaultError(message, hint, number=number, started=started)

    def _unknown(self, verb: str) -> ArmOutcomeUnknownError:
        message = f"Arm {self._plan.arm_name} {verb} {self._plan.what}; how far it came is unknown."
        return ArmOutcomeUnknownError(message, _UNKNOWN_HINT)


class UarmRun(ScriptRun):
    """A uArm answers each line under its ticket. Questions (``P...``) are answered at once, also while it moves."""

    def __init__(self, plan: RunPlan, now_s: float, ticket: int) -> None:
        super().__init__(plan, now_s)
        self.ticket = ticket
        self._poll_at_s = now_s + plan.poll_s
        self._not_before_s = now_s

    def _take(self, answer: Answer, now_s: float) -> None:
        if answer.number == PROBE_TICKET and answer.kind == "ok":
            # It was asked after the first line, and a serial line keeps its order: it has that line.
            self._acknowledge()
            return
        if answer.number != self.ticket or self._taken == self._sent:
            return
        is_last = self._sent == len(self._lines)
        if answer.kind == "refused" and not is_last:
            raise self._refuse(answer)
        if is_last and answer.kind in ("ok", "refused"):
            if answer.text == "V1":
                self._sent -= 1
                self._not_before_s = now_s + self._plan.poll_s
            else:
                self.completed = True
        elif answer.kind == "ok":
            self._taken += 1
            self._acknowledge()

    def _next(self, now_s: float) -> bytes:
        if now_s < self._not_before_s:
            return b""
        line = self._lines[self._sent]
        self._sent += 1
        self.ticket = self.ticket % 60000 + 1
        self._heard_at_s = now_s
        probe = b"#%d P2220\n" % PROBE_TICKET if self._sent == 1 else b""
        return f"#{self.ticket} {line}\n".encode("ascii") + probe

    def _poll(self, now_s: float) -> bytes:
        if now_s < self._poll_at_s:
            return b""
        self._poll_at_s = now_s + self._plan.poll_s
        return b"#%d P2220\n" % PROBE_TICKET
