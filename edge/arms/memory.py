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

    def __init__(self, arm_name: str) -> None:
        self.sequence = 0
        self.outcome = "NONE"
        self._name = arm_name
        self._command = ""
        self._error: ArmError | None = None

    def admit(self, sequence: int, command: str) -> bool:
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
            raise self._refusal(protocol.ERR_SEQUENCE_REUSED)
        if not protocol.is_newer(sequence, self.sequence):
            raise self._refusal(protocol.ERR_SEQUENCE_OLD)
        return True

    def begin(self, sequence: int, command: str) -> None:
        """Notes that a command is about to be sent."""
        self.sequence, self.outcome, self._command, self._error = sequence, "MOVING", command, None

    def end(self, error: ArmError | None = None) -> None:
        """Notes what became of it."""
        self._error = error
        if error is None:
            self.outcome = "DONE"
        else:
            self.outcome = f"ERR{error.number}" if isinstance(error, ArmFaultError) else "UNKNOWN"

    def _refusal(self, number: int) -> ArmFaultError:
        return ArmFaultError(
            f"Command refused for arm {self._name}: {protocol.ERROR_TEXTS[number]}.",
            f"Take the number after {self.sequence}.",
            number=number,
            started=False,
        )
