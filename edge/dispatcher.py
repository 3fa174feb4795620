"""Commands to the arm, one in flight, from a thread of their own: the camera's frames go on being watched meanwhile."""

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass

from sorter.edge.arms.arm import Arm
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


Report = Acknowledged | Completed | Failed


class Dispatcher:
    """Hands commands to the arm and reports what becomes of them.

    Args:
        arm: An open arm.
        report: Called from the thread with each report.
    """

    def __init__(self, arm: Arm, report: Callable[[Report], None]) -> None:
        self._arm, self._report = arm, report
        self._commands: queue.SimpleQueue[Command | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="arm", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def send(self, command: Command) -> None:
        """Hands over one command; the previous one must have been completed."""
        self._commands.put(command)

    def stop(self, timeout_s: float = 5.0) -> None:
        """Ends the thread, waiting for a command in flight at most ``timeout_s``."""
        self._commands.put(None)
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _work(self) -> None:
        while (command := self._commands.get()) is not None:
            self._report(self._carry_out(command))

    def _carry_out(self, command: Command) -> Report:
        def acknowledged() -> None:
            self._report(Acknowledged(command))

        try:
            self._arm.sort(command.bin, command.sequence, acknowledged)
        except ArmError as error:
            return Failed(command, error)
        except Exception as error:  # whatever it was, the loop must hear of it
            return Failed(command, ArmError(f"{self._arm.name} failed: {error}.", "Look at the arm, then start again."))
        return Completed(command)
