"""A simulated device that takes a message for each bin: a relay board, a pneumatic gate."""

import random
import re
from collections.abc import Callable, Mapping

from sorter.edge.simulation.badlink import BadLink
from sorter.edge.simulation.controller import ControllerOptions

_BOOT_S = 0.05


class GateController:
    """Knows the messages that it was given, and does nothing for any other bytes.

    Args:
        options: How it behaves; ``dialect`` and ``keepalive_s`` do not matter.
        messages: The bytes for each bin.
        on_sorted: Called with the bin when the gate has moved.
        on_line: Called with ``"in"`` or ``"out"`` and each message as it arrives.

    Attributes:
        motions: The bins to which it moved, in order.
    """

    def __init__(
        self,
        options: ControllerOptions,
        messages: Mapping[int, bytes],
        on_sorted: Callable[[int], None] = lambda _bin: None,
        on_line: Callable[[str, bytes], None] = lambda _direction, _line: None,
    ) -> None:
        self.motions: list[int] = []
        self._options, self._on_sorted = options, on_sorted
        self._known = {message: bin_number for bin_number, message in messages.items()}
        words = sorted((*self._known, b"ID?\n", b"HOME\n", b"STOP\n"), key=len, reverse=True)
        self._pattern = re.compile(b"|".join(re.escape(word) for word in words))
        self._link = BadLink(options, random.Random(options.seed), on_line)
        self._heard = b""
        self._moving: tuple[float, int | None] | None = None
        self._jam_next = False
        self._deaf_until_s = float("-inf")

    @property
    def name(self) -> str:
        """What it calls itself."""
        return "gate-box"

    @property
    def bins(self) -> int:
        """Number of its bins."""
        return len(self._known)

    def jam(self) -> None:
        """Makes the next motion jam."""
        self._jam_next = True

    def announce(self, now_s: float) -> None:
        """Does nothing: it has no sensor."""

    def press_stop(self, now_s: float) -> None:
        """Does nothing: it has no button."""

    def reset(self, now_s: float) -> None:
        """Resets it; it does not tell."""
        self._moving, self._heard = None, b""
        self._link.forget_arriving()
        self._deaf_until_s = now_s + _BOOT_S

    def receive(self, data: bytes, now_s: float) -> None:
        """Takes bytes from the host, and picks the messages out of them."""
        if now_s < self._deaf_until_s or self._options.silent:
            return
        self._heard += data
        end = 0
        for match in self._pattern.finditer(self._heard):
            self._link.take(match[0], now_s)
            end = match.end()
        self._heard = self._heard[end:][-256:]

    def poll(self, now_s: float) -> bytes:
        """Does what is due by now and gives the bytes for the host."""
        for message in self._link.arrived(now_s):
            self._obey(message, now_s)
        if self._moving is not None and self._moving[0] <= now_s:
            _, bin_number = self._moving
            self._moving = None
            self._arrive(bin_number, now_s)
        return self._link.output(now_s)

    def next_due_s(self) -> float | None:
        """When ``poll`` will next have something to do; None when not before bytes arrive."""
        due = [at for at in (self._link.next_due_s(), self._moving[0] if self._moving else None) if at is not None]
        return min(due, default=None)

    def _obey(self, message: bytes, now_s: float) -> None:
        if message == b"STOP\n":
            self._moving = None
        elif message == b"ID?\n":
            self._link.send(b"I am gate-box", now_s)
        elif message == b"HOME\n" or message in self._known:
            bin_number = self._known.get(message)
            if bin_number is not None:
                self.motions.append(bin_number)
            self._moving = (now_s + self._options.move_s, bin_number)

    def _arrive(self, bin_number: int | None, now_s: float) -> None:
        jams, self._jam_next = self._jam_next or self._link.chance(self._options.jam), False
        if jams:
            self._link.send(b"FAIL", now_s)
            return
        if bin_number is not None:
            self._on_sorted(bin_number)
        self._link.send(b"DONE", now_s)
