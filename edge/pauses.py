"""Why sorting is paused: there may be several reasons at once, and it goes on when the last one is gone."""

from collections.abc import Callable

from sorter.edge.events import Event, PauseRequested, ResumeRequested


class Pauses:
    """Turns reasons that come and go into events of the loop.

    Args:
        handle: Feeds the loop.
    """

    def __init__(self, handle: Callable[[Event], None]) -> None:
        self._handle = handle
        self._reasons: dict[str, str] = {}

    def reason_of(self, cause: str) -> str:
        """The reason given for a cause; empty when it is none."""
        return self._reasons.get(cause, "")

    def begin(self, cause: str, reason: str) -> None:
        """Sorting has to wait.

        Args:
            cause: A short name by which ``end`` knows it.
            reason: One sentence for people.
        """
        if self._reasons.get(cause) != reason:
            self._reasons[cause] = reason
            self._handle(PauseRequested(self.reason))

    def end(self, cause: str) -> None:
        """One reason is gone; sorting goes on when it was the last."""
        if self._reasons.pop(cause, None) is None:
            return
        self._handle(PauseRequested(self.reason) if self._reasons else ResumeRequested())

    @property
    def reason(self) -> str:
        """All reasons, as sentences for people."""
        return " ".join(self._reasons.values())
