"""A simulated arm: a pure state machine that speaks line protocol 1, on a link that can be as bad as one likes.

Time is an argument, never read from a clock, so tests run it as fast as they like and always alike.
"""

import random
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sorter.edge.arms import protocol
from sorter.edge.arms.protocol import LineSplitter, Message
from sorter.edge.simulation.badlink import BadLink, FaultyDeviceOptions
from sorter.edge.simulation.mechanism import Mechanism, Motion
from sorter.errors import ConfigError

_BOOT_S = 0.05
"""How long the arm is deaf after a reset."""

_REPEAT_S = 0.5
"""How often what the arm tells unasked is repeated (docs/arm-protocol.md, section 4)."""

_SEEN_S = 1.2
"""How long an object is seen, and how long the stop button is held."""


@dataclass(frozen=True)
class SimulatedArmOptions(FaultyDeviceOptions):
    """How a simulated arm and its link behave.

    Attributes:
        name: What it calls itself.
        announce_every_s: An object lies in front of the arm's sensor this often; 0 for never.
    """

    name: str = "simulated-arm"
    announce_every_s: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.announce_every_s <= 3600:
            raise ConfigError("The simulated arm sees an object every 0 (never) to 3600 seconds.")
        if not re.fullmatch(r"[A-Za-z0-9._-]{1,24}", self.name):
            raise ConfigError(f"{self.name!r} is no name for an arm.", "Use up to 24 letters, digits, dots and dashes.")


class SimulatedArm:
    """The arm on its link: bytes in, bytes out.

    Args:
        options: How it behaves.
        on_sorted: Called with the bin when a SORT is completed.
        on_line: Called with ``"in"`` or ``"out"`` and each line as it passes the link, after drops and damage.
        on_reach: Called when a SORT begins, with the times of its beginning and its end.
    """

    def __init__(
        self,
        options: SimulatedArmOptions | None = None,
        on_sorted: Callable[[int], None] = lambda _bin: None,
        on_line: Callable[[str, bytes], None] = lambda _direction, _line: None,
        on_reach: Callable[[float, float], None] = lambda _begin_s, _end_s: None,
    ) -> None:
        self._options = options or SimulatedArmOptions()
        chosen = self._options
        self._mechanism = Mechanism(chosen.name, chosen.bins, chosen.move_s, on_sorted, on_reach)
        self._link = BadLink(chosen, random.Random(chosen.seed), on_line)
        self._splitter = LineSplitter()
        self._deaf_until_s = float("-inf")
        self._reset_at_s: float | None = None
        self._unasked: list[tuple[float, Message]] = []
        self._objects = 0
        self._next_object_s: float | None = None

    @property
    def name(self) -> str:
        """What it calls itself."""
        return self._options.name

    @property
    def bins(self) -> int:
        """Number of its bins."""
        return self._options.bins

    @property
    def motions(self) -> tuple[Message, ...]:
        """Every command that made the arm move, in order."""
        return tuple(motion.command for motion in self._mechanism.motions)

    @property
    def damage(self) -> Counter[str]:
        """Lines on the link in both directions, and how many of them were dropped, corrupted and so on."""
        return self._link.damage

    @property
    def motion_log(self) -> tuple[Motion, ...]:
        """Every motion, and how it ended."""
        return tuple(self._mechanism.motions)

    def jam(self) -> None:
        """Makes the next motion jam."""
        self._mechanism.jam_next = True

    def reset(self, now_s: float) -> None:
        """Resets the arm, as opening the port does with many boards; a motion under way is cut off."""
        self._mechanism.boot()
        self._splitter.clear()
        self._link.forget_arriving()
        self._reset_at_s = None
        self._unasked.clear()
        self._objects = 0
        self._deaf_until_s = now_s + _BOOT_S
        self._send([Message(0, "READY", ("sorter-arm", str(protocol.VERSION)))], self._deaf_until_s)

    def announce(self, now_s: float) -> None:
        """An object lies in front of the sensor for a while."""
        self._objects = protocol.next_sequence(self._objects)
        self._repeat(Message(0, "OBJECT", (str(self._objects),)), now_s)

    def press_stop(self, now_s: float) -> None:
        """Somebody presses the stop button and holds it for a while; a motion under way is cut short."""
        self._send(self._mechanism.press_stop(), now_s)
        self._repeat(Message(0, "STOPPED"), now_s)

    def receive(self, data: bytes, now_s: float) -> None:
        """Takes bytes from the host."""
        if now_s < self._deaf_until_s or self._options.silent:
            return
        for line in self._splitter.feed(data):
            self._link.take(line, now_s)

    def poll(self, now_s: float) -> bytes:
        """Does what is due by now and gives the bytes for the host."""
        if self._reset_at_s is not None and self._reset_at_s <= now_s:
            self.reset(self._reset_at_s)
        for line in self._link.arrived(now_s):
            self._obey(line, now_s)
        if self._mechanism.done_at_s is not None and self._mechanism.done_at_s <= now_s:
            self._send(self._mechanism.finish(), now_s)
        self._tell(now_s)
        return self._link.output(now_s)

    def next_due_s(self) -> float | None:
        """When ``poll`` will next have something to do; None when not before bytes arrive."""
        candidates = (self._link.next_due_s(), self._mechanism.done_at_s, self._reset_at_s, self._next_object_s)
        due = [at for at in candidates if at is not None]
        due += [at for at, _ in self._unasked]
        return min(due, default=None)

    def _tell(self, now_s: float) -> None:
        """Says what nobody asked for."""
        every_s = self._options.announce_every_s
        if every_s and self._next_object_s is None:
            self._next_object_s = now_s + every_s
        while self._next_object_s is not None and self._next_object_s <= now_s:
            self.announce(self._next_object_s)
            self._next_object_s += every_s
        due = [message for at, message in self._unasked if at <= now_s]
        self._unasked = [(at, message) for at, message in self._unasked if at > now_s]
        self._send(due, now_s)

    def _repeat(self, message: Message, now_s: float) -> None:
        self._unasked += [(now_s + i * _REPEAT_S, message) for i in range(1 + int(_SEEN_S / _REPEAT_S))]

    def _obey(self, line: bytes, now_s: float) -> None:
        moved = len(self._mechanism.motions)
        if self._link.chance(self._options.jam):
            self._mechanism.jam_next = True
        answers = self._mechanism.handle(line, now_s)
        self._send(answers, now_s)
        if len(self._mechanism.motions) > moved and self._link.chance(self._options.reset):
            self._reset_at_s = now_s + self._link.dice.random() * self._options.move_s

    def _send(self, messages: Iterable[Message], now_s: float) -> None:
        for message in messages:
            self._link.send(message.encode()[:-1], now_s)
