"""What the arm reports, turned into events of the loop; its faults and the way back from them."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from sorter.edge.arms import protocol
from sorter.edge.arms.arm import Arm, ArmEvent, ArmFaultError, ArmStatus
from sorter.edge.dispatcher import (
    Acknowledged,
    Completed,
    Dispatcher,
    Failed,
    Found,
    Heard,
    Lost,
    Report,
    Revived,
    Said,
)
from sorter.edge.events import (
    CommandAcknowledged,
    CommandCompleted,
    CommandNotStarted,
    DeviceFailed,
    Event,
    ResumeRequested,
)
from sorter.edge.flight import Flights
from sorter.edge.monitor import ArmCondition, ArmHealth
from sorter.edge.objects import COMPLETED, FAILED
from sorter.edge.recovery import Recovery, RecoveryOptions
from sorter.errors import ArmError

_BY_PERSON = (protocol.ERR_STOPPED, protocol.ERR_INTERRUPTED)


class Tell(Protocol):
    """Tells people, and the journal, what happened."""

    def __call__(self, text: str, good: bool = False) -> None: ...  # noqa: D102


class ArmWatch:
    """Keeps account of the arm. Used by the loop's thread.

    Args:
        arm: An open arm.
        dispatcher: Talks to it.
        flights: The command under way.
        options: What to do about faults.
        handle: Feeds the loop.
        tell: Tells people, and the journal, what happened.

    Attributes:
        health: How the arm is doing.
        on_object: Called when the arm's sensor sees an object.
    """

    def __init__(
        self,
        arm: Arm,
        dispatcher: Dispatcher,
        flights: Flights,
        options: RecoveryOptions,
        handle: Callable[[Event], None],
        tell: Tell,
    ) -> None:
        self._arm, self._dispatcher, self._flights = arm, dispatcher, flights
        self._options, self._recovery = options, Recovery(options)
        self._handle, self._tell = handle, tell
        self._health = ArmHealth(name=arm.name, heard_at_s=time.monotonic())
        self.on_object: Callable[[], object] = lambda: None

    @property
    def health(self) -> ArmHealth:
        """How the arm is doing."""
        arm = self._arm
        return replace(
            self._health,
            name=arm.name,
            resends=arm.resends,
            damaged_lines=arm.damaged_lines,
            reconnected=self._dispatcher.reconnected,
            # While it carries out a command, its thread asks it all the time and reports any silence.
            heard_at_s=time.monotonic() if self._flights.current else self._health.heard_at_s,
        )

    def on_report(self, report: Report) -> None:
        """Takes one report.

        Raises:
            ArmError: A fault, where faults end the run.
        """
        if not isinstance(report, Lost):
            self._health = replace(self._health, heard_at_s=time.monotonic())
        match report:
            case Acknowledged():
                self._health = replace(self._health, state="MOVING")
                self._flights.acknowledge()
                self._handle(CommandAcknowledged())
            case Completed():
                self._health = replace(self._health, state="IDLE")
                self._recovery.succeed()
                self._flights.land(COMPLETED)
                self._handle(CommandCompleted())
            case Failed(error=error):
                self._on_failed(error)
            case Lost(error=error):
                self.fail(error)
            case Heard(status=status):
                self._on_heard(status)
            case Said(event=event):
                self._on_said(event)
            case Found(status=status):
                self._on_found(status)
            case Revived():
                self._on_revived()

    def on_last_report(self, report: object) -> None:
        """Takes a report that came after the run's end: only what became of the command under way still matters."""
        if isinstance(report, Completed):
            self._flights.land(COMPLETED)
        elif isinstance(report, Failed) and isinstance(report.error, ArmFaultError):
            self._flights.land(FAILED, report.error.message)

    def fail(self, error: ArmError, by_person: bool = False) -> None:
        """The arm failed or was stopped: stops it, and does what the options say.

        Raises:
            ArmError: The same, where faults end the run.
        """
        self._recovery.fail(by_person)
        self._flights.remember_stop("person" if by_person else "sorter")
        state: ArmCondition = "FAULT" if isinstance(error, ArmFaultError) else "LOST"
        self._health = replace(self._health, state="STOPPED" if by_person else state, reason=error.message)
        self._tell(error.message)
        self._handle(DeviceFailed(error.message))
        if self._options.on_fault == "exit":
            raise error
        self._dispatcher.find()

    def resume(self) -> bool:
        """A person wants to go on; says whether there is a fault that is now being mended."""
        if not self._recovery.faulty:
            return False
        if self._recovery.ask():
            self._dispatcher.revive()
        return True

    def _on_failed(self, error: ArmError) -> None:
        untouched = False
        if isinstance(error, ArmFaultError):
            self._flights.land(FAILED, error.message)
            if not error.started:
                untouched = True
        if not self._recovery.faulty:
            self.fail(error, by_person=isinstance(error, ArmFaultError) and error.number in _BY_PERSON)
        if untouched:
            self._handle(CommandNotStarted())

    def _on_heard(self, status: ArmStatus) -> None:
        if status.state in ("STOPPED", "FAULT"):
            if not self._recovery.faulty:
                what = "was stopped" if status.state == "STOPPED" else "reports a fault"
                self.fail(ArmError(f"Arm {self._arm.name} {what}."), by_person=status.state == "STOPPED")
        else:
            self._health = replace(self._health, state=status.state)

    def _on_said(self, event: ArmEvent) -> None:
        if event == "object":
            self.on_object()
        elif event == "reset":
            self._tell(f"Arm {self._arm.name} was reset while it was idle.")
        elif not self._recovery.faulty:
            self.fail(ArmError(f"The stop button of arm {self._arm.name} was pressed."), by_person=True)

    def _on_found(self, status: ArmStatus) -> None:
        verdict = self._flights.land_by(status)
        if verdict == "not_started":
            self._handle(CommandNotStarted())
        self._health = replace(self._health, state=status.state, reason="")
        if self._recovery.find():
            self._dispatcher.revive(self._options.delay_s)
        elif self._recovery.faulty:
            self._tell(f"Arm {self._arm.name} answers. It waits for a person to resume.")

    def _on_revived(self) -> None:
        self._recovery.mend()
        self._flights.remember_stop("")
        self._health = replace(self._health, state="IDLE", reason="")
        self._tell(f"Arm {self._arm.name} takes commands again.", good=True)
        self._handle(ResumeRequested())
