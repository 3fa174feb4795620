"""What every arm offers, and how it can fail.

::

    ArmError                          sorter.errors
     ├── ArmNotAcknowledgedError      no answer to the command: as far as is known the arm did not start
     ├── ArmOutcomeUnknownError       the command may have been carried out, in full or in part: ask a person
     ├── ArmFaultError                the arm refused the command or could not complete it, and says why
     └── ArmLostError                 the port is gone
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Protocol, Self

from sorter.edge.arms import protocol
from sorter.errors import ArmError, ConfigError

ArmState = Literal["IDLE", "MOVING", "STOPPED", "FAULT"]


class ArmNotAcknowledgedError(ArmError):
    """No answer came, however often the command was sent; as far as is known the arm did not start."""


class ArmOutcomeUnknownError(ArmError):
    """The arm fell silent or was reset after the command may have started; repeating it could move the arm twice."""


class ArmFaultError(ArmError):
    """The arm itself says that it refused a command or could not complete it.

    Attributes:
        number: As numbered in docs/arm-protocol.md.
        started: Whether the arm had begun to move.
    """

    def __init__(self, message: str, hint: str = "", *, number: int, started: bool) -> None:
        super().__init__(message, hint)
        self.number = number
        self.started = started


class ArmLostError(ArmError):
    """The port disappeared: unplugged, or the other end closed it."""


@dataclass(frozen=True)
class ArmStatus:
    """What an arm says about itself.

    Attributes:
        state: ``STOPPED`` and ``FAULT`` last until ``resume``.
        last_sequence: Number of the last command it accepted; 0 when none since it was switched on.
        last_outcome: What became of that command: ``NONE``, ``MOVING``, ``DONE``, or ``ERR20`` and so on.
    """

    state: ArmState
    last_sequence: int
    last_outcome: str


@dataclass(frozen=True)
class ArmIdentity:
    """Who answers at the other end.

    Attributes:
        name: The arm's own name.
        version: Protocol version that both sides speak.
        bins: The bins that it can reach.
        status: State when it was opened.
    """

    name: str
    version: int
    bins: frozenset[int]
    status: ArmStatus

    @property
    def last_sequence(self) -> int:
        """Number of the last command that the arm accepted; 0 when none since it was switched on."""
        return self.status.last_sequence


def describe_bins(bins: frozenset[int]) -> str:
    """The bins of an arm for people: ``bins 0 to 7``, or ``bins 1, 2, 5``."""
    numbers = sorted(bins)
    if len(numbers) > 2 and numbers == list(range(numbers[0], numbers[-1] + 1)):
        return f"bins {numbers[0]} to {numbers[-1]}"
    return f"bins {', '.join(map(str, numbers))}"


def require_command(identity: ArmIdentity, port: str, bin_number: int, sequence: int) -> None:
    """Checks that a command is possible, before anything is sent.

    Raises:
        ConfigError: The arm has no such bin, or the number cannot be a sequence number.
    """
    if bin_number not in identity.bins:
        raise ConfigError(
            f"Arm {identity.name} at {port} has no bin {bin_number}.", f"It has {describe_bins(identity.bins)}."
        )
    if not 1 <= sequence <= protocol.MAX_SEQUENCE:
        raise ConfigError(f"Sequence number {sequence} is not between 1 and {protocol.MAX_SEQUENCE}.")


ArmEvent = Literal["object", "stopped", "reset"]
"""What an arm tells unasked: its sensor sees a new object; its own stop button was pressed; it was reset."""


class Arm(Protocol):
    """Something that moves an object into a bin. Constructors touch no hardware; ``open`` does.

    One thread gives commands; ``stop`` may be called from any thread at any time.

    Attributes:
        name: What to call it in messages, for example ``/dev/ttyUSB0``.
        last_sequence: Number of the last command that this program sent or that the arm reported. The next command
            takes ``next_sequence(last_sequence)``.
        resends: Lines sent again because no answer came, or because the arm asked for them.
        damaged_lines: Lines received that could not be read.
        sent_lines: Lines sent, those sent again included.
    """

    name: str
    last_sequence: int
    resends: int = 0
    damaged_lines: int = 0
    sent_lines: int = 0

    def open(self) -> ArmIdentity:
        """Opens the port and asks who is there; nothing moves. After the port was lost it is opened anew.

        Raises:
            ArmError: The port does not open, or nothing that speaks the protocol answers.
        """

    def sort(self, bin_number: int, sequence: int, on_acknowledged: Callable[[], None] | None = None) -> None:
        """Moves the object into a bin and waits until the arm reports that it is done.

        Args:
            bin_number: One of the bins of its identity.
            sequence: 1 to 65535. A number used before never moves the arm again.
            on_acknowledged: Called once when the arm acknowledges that it received the command.

        Raises:
            ArmNotAcknowledgedError: The arm never answered.
            ArmOutcomeUnknownError: The arm may have moved, and nobody can tell how far.
            ArmFaultError: The arm refused, jammed, or was stopped.
            ArmLostError: The port is gone.
        """

    def begin(self, bin_number: int, sequence: int) -> bool:
        """Sends a ``sort`` at once and does not wait for the arm; ``sort`` with the same numbers must follow.

        Spares a command the way to the thread that sees it through. May be called from another thread than that.

        Returns:
            Whether it was sent. False where the arm cannot do that, or not just now; then ``sort`` sends it.

        Raises:
            ArmLostError: The port is gone; ``sort`` need not follow.
        """
        return False

    def home(self) -> None:
        """Moves the arm to its rest position; raises like ``sort``."""

    def resume(self) -> None:
        """Clears a stop or a fault so that the arm takes commands again; nothing moves. Raises like ``sort``."""

    def status(self) -> ArmStatus:
        """Asks the arm for its state; raises like ``sort``.

        An arm that remembers no command numbers (G-code, template) says what this program sent since the port was
        opened or the arm was last reset; before that, ``last_sequence`` is 0 and ``last_outcome`` ``NONE``.
        """

    def heartbeat(self) -> ArmStatus:
        """Asks an idle arm whether it is still there; to be called regularly while no command is given.

        Raises:
            ArmLostError: It has fallen silent, or the port is gone.
        """
        return self.status()

    def listen(self, timeout_s: float) -> ArmEvent | None:
        """Waits for something that the arm tells unasked; None when nothing came. Called while no command is given.

        With a time of 0 it only looks at what has arrived already.

        Raises:
            ArmLostError: The port is gone.
        """

    def ping(self) -> float:
        """Asks whether the arm is there: seconds until it answered. Raises like ``sort``."""

    def stop(self) -> None:
        """Stops the arm at once, ahead of anything else; safe to call from any thread.

        Raises:
            ArmError: The arm did not confirm. The command was sent all the same.
        """

    def close(self) -> None:
        """Releases the port; an arm that is not known to be idle is stopped first. Closing twice does nothing."""

    def __enter__(self) -> Self:
        """Opens the arm."""
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the arm."""
        self.close()
