"""One command on its way to an arm: what each answer and each silence means. Pure logic, no port, no clock."""

from collections.abc import Callable

from sorter.edge.arms import protocol
from sorter.edge.arms.arm import ArmFaultError, ArmNotAcknowledgedError, ArmOutcomeUnknownError
from sorter.edge.arms.protocol import Message

_BUSY_PAUSE_S = 0.1
_RESUME_HINT = "Look at the arm, remove what is in its way, then resume."
_UNKNOWN_HINT = "Look where the object is before going on; the command must not be repeated blindly."

_HINTS = {
    protocol.ERR_STOPPED: "Resume it when it is safe.",
    protocol.ERR_FAULT: _RESUME_HINT,
    protocol.ERR_JAMMED: _RESUME_HINT,
    protocol.ERR_INTERRUPTED: "Resume it when it is safe.",
    protocol.ERR_HELLO_FIRST: "It was reset, perhaps by a power failure; the command was not carried out.",
}


class Delivery:
    """Stop-and-wait delivery of one command: sent again with the same number until its outcome is known.

    Args:
        message: The command.
        arm_name: For messages.
        attempts: How often it is sent, at most, without any answer.
        motion_timeout_s: Longest time until its outcome.
        on_acknowledged: Called once when the arm has it.

    Attributes:
        acknowledged: The arm has confirmed that it has the command.
        completed: The arm has reported that it is done.
    """

    def __init__(
        self,
        message: Message,
        arm_name: str,
        attempts: int,
        motion_timeout_s: float,
        on_acknowledged: Callable[[], None] | None,
    ) -> None:
        self.acknowledged = False
        self.completed = False
        self._message = message
        self._name = arm_name
        self._attempts = attempts
        self._motion_timeout_s = motion_timeout_s
        self._on_acknowledged = on_acknowledged
        self._transmissions = 0
        self._unanswered = 0
        self._busy = False
        self._due_s = 0.0
        self._give_up_s = float("inf")

    def sent(self, now_s: float, patience_s: float) -> None:
        """Notes that the command has just been sent and may stay unanswered for ``patience_s``."""
        if self._transmissions == 0:
            self._give_up_s = now_s + self._motion_timeout_s
        self._transmissions += 1
        self._unanswered += 1
        self._due_s = now_s + patience_s

    def hear(self, reply: Message, now_s: float, repeat_interval_s: float) -> None:
        """Takes one line from the arm; those that concern other commands are ignored.

        Raises:
            ArmFaultError: The arm refused the command or could not complete it.
            ArmOutcomeUnknownError: The arm was reset.
        """
        if reply.word == "READY":
            raise self._was_reset()
        if reply.sequence == 0 and reply.word == "ERR":
            # The arm received a damaged line, most likely this one: no need to wait.
            self._due_s = now_s
        if reply.sequence != self._message.sequence or self.completed:
            return
        if reply.word == "ERR":
            self._refuse(reply)
        elif reply.word == "BUSY":
            self._unanswered, self._busy, self._due_s = 0, True, now_s + _BUSY_PAUSE_S
        elif reply.word in ("OK", "DONE"):
            self._acknowledge()
            self._unanswered, self._due_s = 0, now_s + repeat_interval_s
            self.completed = reply.word == "DONE"

    def is_due(self, now_s: float) -> bool:
        """Whether the command should be sent again.

        Raises:
            ArmNotAcknowledgedError: It was sent often enough, and the arm never had it.
            ArmOutcomeUnknownError: The arm had it and fell silent, or takes too long.
        """
        if self.completed:
            return False
        if now_s >= self._give_up_s:
            raise self._took_too_long()
        if now_s < self._due_s:
            return False
        if self._unanswered >= self._attempts:
            raise self._fell_silent()
        return True

    def _acknowledge(self) -> None:
        if not self.acknowledged:
            self.acknowledged = True
            if self._on_acknowledged is not None:
                self._on_acknowledged()

    def _refuse(self, reply: Message) -> None:
        error = fault(reply, self._name, self.acknowledged)
        if error.number in (protocol.ERR_CHECKSUM, protocol.ERR_LINE_TOO_LONG):
            return
        if error.number == protocol.ERR_HELLO_FIRST and (self.acknowledged or self._transmissions > 1):
            # It refuses this copy of the command because it was reset; an earlier copy may have been carried out.
            raise self._was_reset()
        raise error

    def _was_reset(self) -> ArmOutcomeUnknownError:
        return ArmOutcomeUnknownError(
            f"Arm {self._name} was reset while it carried out {self._what()}; how far it came is unknown.",
            _UNKNOWN_HINT,
        )

    def _fell_silent(self) -> ArmNotAcknowledgedError | ArmOutcomeUnknownError:
        if self.acknowledged:
            return ArmOutcomeUnknownError(
                f"Arm {self._name} took {self._what()} and then fell silent; its outcome is unknown.", _UNKNOWN_HINT
            )
        return ArmNotAcknowledgedError(
            f"Arm {self._name} did not acknowledge {self._what()}, sent {self._transmissions} times.",
            "Check cable and power.",
        )

    def _took_too_long(self) -> ArmNotAcknowledgedError | ArmOutcomeUnknownError:
        if self.acknowledged:
            return ArmOutcomeUnknownError(
                f"Arm {self._name} did not complete {self._what()} within {self._motion_timeout_s:g} s.", _UNKNOWN_HINT
            )
        reason = "is busy with another motion" if self._busy else "did not acknowledge it"
        return ArmNotAcknowledgedError(
            f"Arm {self._name} would not take {self._what()} within {self._motion_timeout_s:g} s: it {reason}.",
            "Check what the arm is doing.",
        )

    def _what(self) -> str:
        return f"{' '.join((self._message.word, *self._message.arguments))} (number {self._message.sequence})"


def fault(reply: Message, arm_name: str, started: bool) -> ArmFaultError:
    """The error that an ERR line stands for.

    Args:
        reply: The line.
        arm_name: For the message.
        started: Whether the arm had acknowledged the command.
    """
    digits = reply.arguments[0] if reply.arguments else ""
    number = int(digits) if digits.isdecimal() else 0
    text = " ".join(reply.arguments[1:]) or "no reason given"
    hint = _HINTS.get(number, "See docs/arm-protocol.md for the numbers.")
    return ArmFaultError(
        f"Arm {arm_name} reports error {number}: {text}.",
        hint,
        number=number,
        started=started or number >= protocol.FIRST_FAILURE,
    )
