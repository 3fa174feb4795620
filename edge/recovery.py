"""What follows a fault of the arm: pure code that knows no device and no clock."""

from dataclasses import dataclass
from typing import Literal

from sorter.errors import ConfigError

OnFault = Literal["exit", "wait", "recover"]


@dataclass(frozen=True)
class RecoveryOptions:
    """What to do when the arm fails; it is stopped in any case.

    Attributes:
        on_fault: ``exit`` ends the run; ``wait`` waits for a person to resume; ``recover`` reaches the arm again and
            goes on by itself, unless a person stopped it.
        delay_s: Pause before the arm is used again without a person.
        attempts: Automatic recoveries in a row without one completed object; then a person is needed after all.
    """

    on_fault: OnFault = "exit"
    delay_s: float = 1.0
    attempts: int = 5

    def __post_init__(self) -> None:
        if not 0 <= self.delay_s <= 3600 or self.attempts < 1:
            raise ConfigError("Recovery needs a delay of 0 to 3600 seconds and at least one attempt.")


class Recovery:
    """Remembers whether the arm may be used again after a fault.

    Attributes:
        faulty: A fault has not been mended yet.
        reachable: The arm has answered since the fault.
        resume_wanted: It is to go on as soon as the arm can be reached.
    """

    def __init__(self, options: RecoveryOptions) -> None:
        self._options = options
        self._attempts_left = options.attempts
        self.faulty = False
        self.reachable = False
        self.resume_wanted = False

    def fail(self, by_person: bool) -> None:
        """A fault has happened; ``by_person`` when somebody stopped the arm on purpose."""
        self.faulty, self.reachable = True, False
        automatic = self._options.on_fault == "recover" and not by_person
        self.resume_wanted = automatic and self._attempts_left > 0
        self._attempts_left -= automatic

    def ask(self) -> bool:
        """A person wants to go on; says whether the arm can be revived at once."""
        self._attempts_left = self._options.attempts
        self.resume_wanted = self.faulty
        return self.faulty and self.reachable

    def find(self) -> bool:
        """The arm answers again; says whether it is to be revived now."""
        self.reachable = True
        return self.faulty and self.resume_wanted

    def mend(self) -> None:
        """The arm takes commands again."""
        self.faulty = self.resume_wanted = False

    def succeed(self) -> None:
        """An object was sorted."""
        self._attempts_left = self._options.attempts
