"""What every simulated device on a serial line offers to the terminal that serves it."""

from typing import Protocol


class SimulatedDevice(Protocol):
    """A device as a pure state machine: bytes in, bytes out, time as an argument.

    Attributes:
        name: What it calls itself.
        bins: Number of its bins.
    """

    @property
    def name(self) -> str:
        """What it calls itself."""

    @property
    def bins(self) -> int:
        """Number of its bins."""

    def receive(self, data: bytes, now_s: float) -> None:
        """Takes bytes from the host."""

    def poll(self, now_s: float) -> bytes:
        """Does what is due by now and gives the bytes for the host."""

    def next_due_s(self) -> float | None:
        """When ``poll`` will next have something to do; None when not before bytes arrive."""

    def reset(self, now_s: float) -> None:
        """Resets it, as its button or a power failure does."""

    def jam(self) -> None:
        """Makes the next motion jam."""

    def announce(self, now_s: float) -> None:
        """Its sensor sees an object for a moment; a device without one does nothing."""

    def press_stop(self, now_s: float) -> None:
        """Somebody presses its stop button; a device without one does nothing."""
