"""What people ask of a running sorter, on its way to the loop's thread."""

from collections.abc import Callable
from dataclasses import dataclass

from sorter.edge.arms.arm import Arm
from sorter.edge.control import Control
from sorter.errors import ArmError


@dataclass(frozen=True)
class Pause:
    """No further object is to be sorted."""


@dataclass(frozen=True)
class Resume:
    """Sorting is to go on."""


@dataclass(frozen=True)
class Stopped:
    """The arm was told to stop.

    Attributes:
        who: By whom.
    """

    who: str


@dataclass(frozen=True)
class Announce:
    """An object lies ready."""


@dataclass(frozen=True)
class LearnEmpty:
    """The place is empty now."""


@dataclass(frozen=True)
class EmptyBin:
    """A bin was emptied.

    Attributes:
        number: Which.
    """

    number: int


@dataclass(frozen=True)
class End:
    """The run is to end, as after its last object."""


Request = Pause | Resume | Stopped | Announce | LearnEmpty | EmptyBin | End


class Requests(Control):
    """Passes requests on; the emergency stop goes to the arm first, from the thread that asks.

    Args:
        arm: What ``stop`` stops.
        post: Hands a request to the loop.
    """

    def __init__(self, arm: Arm, post: Callable[[Request], None]) -> None:
        self._arm, self._post = arm, post

    def pause(self) -> None:
        """See ``Control.pause``."""
        self._post(Pause())

    def resume(self) -> None:
        """See ``Control.resume``."""
        self._post(Resume())

    def stop(self, who: str) -> None:
        """See ``Control.stop``.

        Raises:
            ArmError: The arm did not confirm that it stopped; the loop takes it for stopped all the same.
        """
        try:
            self._arm.stop()
        except ArmError as error:
            raise ArmError(f"The arm was told to stop, but did not confirm it: {error.message}", error.hint) from error
        finally:
            self._post(Stopped(who))

    def announce(self) -> None:
        """See ``Control.announce``."""
        self._post(Announce())

    def learn_empty(self) -> None:
        """See ``Control.learn_empty``."""
        self._post(LearnEmpty())

    def empty_bin(self, bin_number: int) -> None:
        """See ``Control.empty_bin``."""
        self._post(EmptyBin(bin_number))

    def end(self) -> None:
        """Ends the run when no command is under way."""
        self._post(End())
