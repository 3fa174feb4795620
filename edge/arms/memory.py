"""The memory of command numbers, kept by the host for arms that have none."""

from sorter.edge.arms import protocol
from sorter.edge.arms.arm import ArmFaultError
from sorter.errors import ArmError


class CommandMemory:
    """The last command sent and what became of it: by the rules of docs/arm-protocol.md, section 3.

    Attributes:
        sequence: Number of the last command sent; 0 when none.
        outcome: What became of it, as in ``ArmStatus.last_outcome``; ``UNKNOWN`` when nobody can tell.
    """

    def __init__(self) -> None:
        self.sequence = 0
        self.outcome = "NONE"
        self._command = ""
        self._error: ArmError | None = None
        self._before: tuple[int, str, str, ArmError | None] = (0, "NONE", "", None)

    def admit(self, sequence: int, command: str, arm_name: str) -> bool:
        """Whether a command may be carried out; False when it has been, and must not move the arm again.

        Raises:
            ArmFaultError: The number belongs to another command, or is too old.
            ArmError: The command has failed before, with this error.
        """
        if sequence == self.sequence and command == self._command:
            if self._error is not None:
                raise self._error
            return False
        if sequence == self.sequence:
            raise _refusal(protocol.ERR_SEQUENCE_REUSED, arm_name)
        if not protocol.is_newer(sequence, self.sequence):
            raise _refusal(protocol.ERR_SEQUENCE_OLD, arm_name)
        return True

    def begin(self, sequence: int, command: str) -> None:
        """Notes that a command is about to be sent."""
        self._before = (self.sequence, self.outcome, self._command, self._error)
        self.sequence, self.outcome, self._command, self._error = sequence, "MOVING", command, None

    def end(self, error: ArmError | None = None) -> None:
        """Notes what became of it; a command that was refused is not remembered."""
        if error is None:
            self.outcome = "DONE"
        elif isinstance(error, ArmFaultError) and not error.started:
            self.sequence, self.outcome, self._command, self._error = self._before
        else:
            self._error = error
            self.outcome = f"ERR{error.number}" if isinstance(error, ArmFaultError) else "UNKNOWN"


def _refusal(number: int, arm_name: str) -> ArmFaultError:
    text = protocol.ERROR_TEXTS[number]
    return ArmFaultError(
        f"Arm {arm_name} was not sent the command: {text}.", "Take the next number.", number=number, started=False
    )
