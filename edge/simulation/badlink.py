"""A serial link as bad as one likes: lines are lost, damaged, doubled and delayed."""

import heapq
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count

from sorter.errors import ConfigError


@dataclass(frozen=True)
class FaultyDeviceOptions:
    """A simulated device that can fail, on a link that can. Chances are 0 to 1; those of the link for each line.

    Attributes:
        bins: Number of bins.
        move_s: Seconds that a motion takes.
        drop: Chance that a line is lost.
        corrupt: Chance that one character of a line is changed.
        duplicate: Chance that a line arrives twice.
        delay: Chance that a line arrives ``delay_s`` late, after lines sent behind it.
        delay_s: By how much.
        reset: Chance that a motion is cut off by a reset of the device.
        jam: Chance that a motion jams.
        silent: Never answers, like a device of another kind.
        seed: Of the chances.
    """

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


class LineQueue:
    """Lines on their way in one direction, by the time at which they arrive."""

    def __init__(self) -> None:
        self._lines: list[tuple[float, int, bytes]] = []
        self._order = count()

    def put(self, line: bytes, arrives_at_s: float) -> None:
        """Sends a line off."""
        heapq.heappush(self._lines, (arrives_at_s, next(self._order), line))

    def arrived(self, now_s: float) -> Iterator[bytes]:
        """Takes out the lines that have arrived by now, also those put in meanwhile."""
        while self._lines and self._lines[0][0] <= now_s:
            yield heapq.heappop(self._lines)[2]

    def next_due_s(self) -> float | None:
        """When the next one arrives."""
        return self._lines[0][0] if self._lines else None

    def clear(self) -> None:
        """Loses them all."""
        self._lines.clear()


class BadLink:
    """Both directions of a link.

    Args:
        faults: How bad it is.
        dice: Of the chances.
        on_line: Called with ``"in"`` or ``"out"`` and each line as it arrives, after drops and damage.

    Attributes:
        dice: Of the chances.
        damage: How many lines there were in both directions, and how many of them were dropped, corrupted and so on.
    """

    def __init__(self, faults: FaultyDeviceOptions, dice: random.Random, on_line: Callable[[str, bytes], None]) -> None:
        self.dice = dice
        self.damage: Counter[str] = Counter()
        self._faults, self._on_line = faults, on_line
        self._arriving, self._leaving = LineQueue(), LineQueue()

    def take(self, line: bytes, now_s: float) -> None:
        """A line from the host sets out."""
        self._pass_on(self._arriving, line, now_s)

    def send(self, line: bytes, now_s: float) -> None:
        """A line to the host sets out."""
        self._pass_on(self._leaving, line, now_s)

    def arrived(self, now_s: float) -> Iterator[bytes]:
        """Lines from the host that have arrived by now."""
        for line in self._arriving.arrived(now_s):
            self._on_line("in", line)
            yield line

    def output(self, now_s: float) -> bytes:
        """The bytes for the host that have arrived there by now."""
        output = b""
        for line in self._leaving.arrived(now_s):
            self._on_line("out", line)
            output += line + b"\n"
        return output

    def forget_arriving(self) -> None:
        """Loses what was on its way from the host, as a reset does."""
        self._arriving.clear()

    def next_due_s(self) -> float | None:
        """When the next line arrives at either end."""
        due = [at for at in (self._arriving.next_due_s(), self._leaving.next_due_s()) if at is not None]
        return min(due, default=None)

    def chance(self, share: float) -> bool:
        """Whether something of this probability happens now."""
        # Nothing is drawn for a share of 0, so that one fault can be switched on without changing the others.
        return share > 0 and self.dice.random() < share

    def _pass_on(self, queue: LineQueue, line: bytes, now_s: float) -> None:
        faults = self._faults
        self.damage["lines"] += 1
        if self.chance(faults.drop):
            self.damage["dropped"] += 1
            return
        twice = self.chance(faults.duplicate)
        self.damage["duplicated"] += twice
        for _ in range(1 + twice):
            late = self.chance(faults.delay)
            self.damage["delayed"] += late
            late_s = faults.delay_s if late else 0.0
            queue.put(self._damaged(line), now_s + late_s)

    def _damaged(self, line: bytes) -> bytes:
        if not line or not self.chance(self._faults.corrupt):
            return line
        self.damage["corrupted"] += 1
        place = self.dice.randrange(len(line))
        other = bytes([self.dice.choice([c for c in range(32, 127) if c != line[place]])])
        return line[:place] + other + line[place + 1 :]
