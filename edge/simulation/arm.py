"""A simulated arm: a pure state machine that speaks line protocol 1, on a link that can be as bad as one likes.

Time is an argument, never read from a clock, so tests run it as fast as they like and always alike.
"""

import heapq
import random
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import count

from sorter.edge.arms import protocol
from sorter.edge.arms.protocol import LineSplitter, Message
from sorter.edge.simulation.mechanism import Mechanism, Motion
from sorter.errors import ConfigError

_BOOT_S = 0.05
"""How long the arm is deaf after a reset."""


@dataclass(frozen=True)
class SimulatedArmOptions:
    """How a simulated arm and its link behave. Chances are 0 to 1, for each line in either direction.

    Attributes:
        name: What it calls itself.
        bins: Number of bins.
        move_s: Seconds that a motion takes.
        drop: Chance that a line is lost.
        corrupt: Chance that one character of a line is changed.
        duplicate: Chance that a line arrives twice.
        delay: Chance that a line arrives ``delay_s`` late, after lines sent behind it.
        delay_s: By how much.
        reset: Chance that a command, once accepted, is cut off by a reset of the arm.
        jam: Chance that a motion jams.
        silent: Never answers, like a device of another kind.
        seed: Of the chances.
    """

    name: str = "simulated-arm"
    bins: int = 8
    move_s: float = 0.5
    drop: float = 0.0
    corrupt: float = 0.0
    duplicate: float = 0.0
    delay: float = 0.0
    delay_s: float = 0.3
    reset: float = 0.0
    jam: float = 0.0
    silent: bool = False
    seed: int = 1

    def __post_init__(self) -> None:
        chances = (self.drop, self.corrupt, self.duplicate, self.delay, self.reset, self.jam)
        if not all(0 <= chance <= 1 for chance in chances):
            raise ConfigError("A chance of the simulated arm is not between 0 and 1.")
        if not 1 <= self.bins <= 99 or not 0 <= self.move_s <= 600 or not 0 <= self.delay_s <= 600:
            raise ConfigError("The simulated arm needs 1 to 99 bins and times of 0 to 600 seconds.")
        if not re.fullmatch(r"[A-Za-z0-9._-]{1,24}", self.name):
            raise ConfigError(f"{self.name!r} is no name for an arm.", "Use up to 24 letters, digits, dots and dashes.")


class SimulatedArm:
    """The arm on its link: bytes in, bytes out.

    Args:
        options: How it behaves.
        on_sorted: Called with the bin when a SORT is completed.
        on_line: Called with ``"in"`` or ``"out"`` and each line as it passes the link, after drops and damage.
        on_reach: Called when a SORT begins, with the times of its beginning and its end.

    Attributes:
        damage: Lines on the link in both directions, and how many of them were dropped, corrupted and so on.
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
        self.damage: Counter[str] = Counter()
        self._on_line = on_line
        self._random = random.Random(self._options.seed)
        self._splitter = LineSplitter()
        self._order = count()
        self._arriving: list[tuple[float, int, bytes]] = []
        self._leaving: list[tuple[float, int, bytes]] = []
        self._deaf_until_s = float("-inf")
        self._reset_at_s: float | None = None

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
        self._arriving.clear()
        self._reset_at_s = None
        self._deaf_until_s = now_s + _BOOT_S
        self._send([Message(0, "READY", ("sorter-arm", str(protocol.VERSION)))], self._deaf_until_s)

    def receive(self, data: bytes, now_s: float) -> None:
        """Takes bytes from the host."""
        if now_s < self._deaf_until_s or self._options.silent:
            return
        for line in self._splitter.feed(data):
            self._pass_on(self._arriving, line, now_s)

    def poll(self, now_s: float) -> bytes:
        """Does what is due by now and gives the bytes for the host."""
        if self._reset_at_s is not None and self._reset_at_s <= now_s:
            self.reset(self._reset_at_s)
        while self._arriving and self._arriving[0][0] <= now_s:
            _, _, line = heapq.heappop(self._arriving)
            self._on_line("in", line)
            self._obey(line, now_s)
        if self._mechanism.done_at_s is not None and self._mechanism.done_at_s <= now_s:
            self._send(self._mechanism.finish(), now_s)
        output = b""
        while self._leaving and self._leaving[0][0] <= now_s:
            _, _, line = heapq.heappop(self._leaving)
            self._on_line("out", line)
            output += line + b"\n"
        return output

    def next_due_s(self) -> float | None:
        """When ``poll`` will next have something to do; None when not before bytes arrive."""
        due = [queue[0][0] for queue in (self._arriving, self._leaving) if queue]
        due += [at for at in (self._mechanism.done_at_s, self._reset_at_s) if at is not None]
        return min(due, default=None)

    def _obey(self, line: bytes, now_s: float) -> None:
        moved = len(self._mechanism.motions)
        if self._chance(self._options.jam):
            self._mechanism.jam_next = True
        answers = self._mechanism.handle(line, now_s)
        self._send(answers, now_s)
        if len(self._mechanism.motions) > moved and self._chance(self._options.reset):
            self._reset_at_s = now_s + self._random.random() * self._options.move_s

    def _send(self, messages: Iterable[Message], now_s: float) -> None:
        for message in messages:
            self._pass_on(self._leaving, message.encode()[:-1], now_s)

    def _pass_on(self, queue: list[tuple[float, int, bytes]], line: bytes, now_s: float) -> None:
        """Sends a line over the link, which may lose, change, repeat or delay it."""
        self.damage["lines"] += 1
        if self._chance(self._options.drop):
            self.damage["dropped"] += 1
            return
        twice = self._chance(self._options.duplicate)
        self.damage["duplicated"] += twice
        for _ in range(1 + twice):
            late = self._chance(self._options.delay)
            self.damage["delayed"] += late
            late_s = self._options.delay_s if late else 0.0
            heapq.heappush(queue, (now_s + late_s, next(self._order), self._damaged(line)))

    def _damaged(self, line: bytes) -> bytes:
        if not line or not self._chance(self._options.corrupt):
            return line
        self.damage["corrupted"] += 1
        place = self._random.randrange(len(line))
        other = bytes([self._random.choice([c for c in range(32, 127) if c != line[place]])])
        return line[:place] + other + line[place + 1 :]

    def _chance(self, share: float) -> bool:
        # Nothing is drawn for a share of 0, so that one fault can be switched on without changing the others.
        return share > 0 and self._random.random() < share
