"""The one object whose command is under way: from its row in the journal to what became of it."""

import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal

from sorter.edge.arms.arm import ArmStatus
from sorter.edge.arms.reconciliation import Outcome, outcome_of
from sorter.edge.cameras.camera import Frame
from sorter.edge.dispatcher import Command
from sorter.edge.journal import Entry, Journal
from sorter.edge.objects import COMPLETED, FAILED, UNKNOWN, SortedObject
from sorter.edge.reservation import Reservation, drop_reservation, restore_lost_row, write_reservation
from sorter.edge.statistics import StageTimes
from sorter.errors import StorageError

_NOTES = {
    "completed": (COMPLETED, ""),
    "failed": (FAILED, "the arm reported that it could not complete it"),
    "not_started": (FAILED, "the arm never accepted it"),
    "moving": (UNKNOWN, "the arm was still moving"),
    "unknown": (UNKNOWN, "the arm does not remember it"),
}


STOPPED_BY = "stopped_by"
StoppedBy = Literal["sorter", "person", ""]


@dataclass
class _Flight:
    seen: SortedObject
    previous_sequence: int
    sent_at_s: float
    acknowledged_at_s: float | None = None


class Flights:
    """Keeps the journal and the latencies of one object after the other.

    Writes that fail because the disk is full are repeated later (``retry``); the row before the command never is: no
    row, no command.

    Args:
        journal: An open journal.
        times: Collects the latencies.

    Attributes:
        current: Whether a command is under way, or its outcome not yet known.
        observers: Called with each object when its command has ended.
        picture_of: Says where the picture of an object will be kept; empty where it will not.
    """

    def __init__(self, journal: Journal, times: StageTimes) -> None:
        self._journal, self._times = journal, times
        self._flight: _Flight | None = None
        self._last_row: int | None = None
        self._reserved: Reservation | None = None
        self._unwritten: deque[Callable[[], None]] = deque()
        self.observers: list[Callable[[SortedObject], None]] = []
        self.picture_of: Callable[[SortedObject], str] = lambda _seen: ""

    @property
    def current(self) -> SortedObject | None:
        """The object whose command is under way, or whose outcome is not yet known."""
        return self._flight.seen if self._flight else None

    def expect(self, reservation: Reservation | None) -> None:
        """An object may be sorted soon (see ``reservation``), or will not be after all (None)."""
        before, self._reserved = self._reserved, None
        with suppress(StorageError):  # then its row must be on the disk before its command leaves
            if reservation is not None:
                write_reservation(self._journal, reservation)
                self._journal.expect_unflushed()
                self._reserved = reservation
            elif before is not None:
                drop_reservation(self._journal)

    def launch(self, entry: Entry, frame: Frame, send: Callable[[Command], None]) -> SortedObject:
        """Writes the row, then hands over the command.

        Raises:
            StorageError: The row cannot be written; the command was not handed over.
        """
        seen = SortedObject(
            entry.number,
            0,
            frame.number,
            frame.name,
            entry.decision,
            entry.sequence,
            time.time(),
            entry.classify_s,
            0.0,
        )
        reserved, self._reserved = self._reserved, None
        flushed = reserved is None or not reserved.covers(entry)
        row = self._journal.record(replace(entry, picture=self.picture_of(seen)), flushed)
        sent_at_s = time.monotonic()
        send(Command(entry.decision.bin, entry.sequence))
        seen = replace(seen, row=row, command_s=sent_at_s - frame.captured_at_s)
        self._last_row = row
        self._flight = _Flight(seen, entry.previous_sequence, sent_at_s)
        return seen

    def acknowledge(self) -> None:
        """The arm has the command."""
        flight = self._flight
        if flight is None or flight.acknowledged_at_s is not None:
            return
        flight.acknowledged_at_s = time.monotonic()
        self._times.add("acknowledge", flight.acknowledged_at_s - flight.sent_at_s)
        self.write(lambda: self._journal.acknowledge(flight.seen.row))

    def land(self, outcome: str, note: str = "") -> None:
        """The command has ended, or nobody will ever know how."""
        flight, self._flight = self._flight, None
        if flight is None:
            return
        row = flight.seen.row
        self.write(lambda: self._journal.complete(row, outcome, note))
        received_at_s = flight.acknowledged_at_s
        acknowledge_s = received_at_s - flight.sent_at_s if received_at_s else 0.0
        move_s = time.monotonic() - received_at_s if received_at_s and outcome == COMPLETED else 0.0
        if move_s:
            self._times.add("move", move_s)
        seen = replace(flight.seen, outcome=outcome, acknowledge_s=acknowledge_s, move_s=move_s)
        for observer in self.observers:
            observer(seen)

    def land_by(self, status: ArmStatus) -> Outcome | None:
        """Lands by what the arm remembers, where the outcome is not known yet."""
        flight = self._flight
        if flight is None:
            return None
        verdict = outcome_of(flight.seen.sequence, status, flight.previous_sequence)
        self.land(*_NOTES[verdict])
        return verdict

    def clear(self) -> None:
        """The place was seen empty after the last object."""
        row, self._last_row = self._last_row, None
        if row is not None:
            self.write(lambda: self._journal.clear(row))

    def retry(self) -> None:
        """Writes what could not be written before.

        Raises:
            StorageError: It still cannot.
        """
        while self._unwritten:
            self._unwritten[0]()
            self._unwritten.popleft()

    def remember_stop(self, by: StoppedBy) -> None:
        """Notes for the next start who stopped the arm; nobody, once it takes commands again."""
        self.write(lambda: self._journal.remember(STOPPED_BY, by))

    def note_later(self, text: str) -> None:
        """Notes something as soon as the journal can be written again; until then ``retry`` fails."""
        self.write(lambda: self._journal.note(text))

    def write(self, action: Callable[[], None]) -> None:
        """Writes something to the journal, now or as soon as that is possible again; the order is kept."""
        self._unwritten.append(action)
        try:
            self.retry()
        except StorageError:
            return


def settle_unfinished(journal: Journal, arm_name: str, status: ArmStatus) -> list[tuple[str, str]]:
    """Asks the arm's memory about commands that were on their way when an earlier run ended, and completes their rows.

    Args:
        journal: An open journal.
        arm_name: What the arm calls itself; another arm knows nothing about them.
        status: What the arm says now; it stands still.

    Returns:
        Outcome and note of each.
    """
    settled = []
    restore_lost_row(journal)
    for command in journal.unfinished():
        if command.arm == arm_name:
            verdict: Outcome = outcome_of(command.sequence, status, command.previous_sequence)
            outcome, note = _NOTES[verdict]
        else:
            verdict, outcome, note = "unknown", UNKNOWN, f"another arm ({arm_name}) is connected now"
        journal.complete(command.row, outcome, note)
        if verdict == "not_started":
            journal.clear(command.row)  # the object lies where it was, and may be sorted
        settled.append((outcome, note))
    return settled
