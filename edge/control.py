"""What a person can ask of a running sorter: from the keyboard, the operator's page, or a program."""

from typing import Protocol


class Control(Protocol):
    """Requests from any thread. None of them waits for the arm, except ``stop``."""

    def pause(self) -> None:
        """No further object is sorted; a motion under way is completed."""

    def resume(self) -> None:
        """Sorting goes on after a pause or a mended fault, once the place has been seen empty."""

    def stop(self, who: str) -> None:
        """Emergency stop: stops the arm at once, ahead of anything else. Lasts until ``resume``.

        Args:
            who: Where it came from, for people and the journal: ``the keyboard``, ``the operator's page``.
        """

    def announce(self) -> None:
        """An object lies ready (trigger ``key``)."""

    def learn_empty(self) -> None:
        """The place is empty now: what it looks like is learned anew."""

    def empty_bin(self, bin_number: int) -> None:
        """The bin was emptied; its count starts again at 0."""
