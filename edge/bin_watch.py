"""Keeps count of the bins, and pauses sorting while one is full."""

from collections.abc import Callable

from sorter.edge.bins import BinLimits, Bins
from sorter.edge.flight import Flights
from sorter.edge.journal import Journal
from sorter.edge.monitor import Monitor
from sorter.edge.pauses import Pauses


class BinWatch:
    """How full the bins are. Used by the loop's thread.

    Args:
        limits: How many objects each holds.
        journal: Remembers the counts over restarts.
        flights: Repeats what could not be written.
        pauses: Where sorting is paused.
        monitor: Shows the counts.
        tell: Tells people, and the journal, that a bin is full.
    """

    def __init__(
        self,
        limits: BinLimits,
        journal: Journal,
        flights: Flights,
        pauses: Pauses,
        monitor: Monitor,
        tell: Callable[[str], None],
    ) -> None:
        self._bins = Bins(limits, journal.contents())
        self._journal, self._flights, self._pauses = journal, flights, pauses
        self._monitor, self._tell = monitor, tell

    def add(self, number: int) -> None:
        """One more object lies in a bin; the journal has counted it already."""
        self._bins.add(number)
        self.check()

    def empty(self, number: int) -> None:
        """A bin was emptied."""
        self._flights.write(lambda: self._journal.empty_bin(number))
        self._bins.empty(number)
        self.check()

    def check(self) -> None:
        """Pauses where a bin is full, goes on where none is."""
        complaint = self._bins.complaint()
        if complaint:
            if complaint != self._pauses.reason_of("bins"):
                self._tell(complaint)
            self._pauses.begin("bins", complaint)
        else:
            self._pauses.end("bins")
        self._monitor.update(contents=self._bins.contents, full=self._bins.full)
