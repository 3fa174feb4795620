"""What simulated G-code controllers have in common: a planner of motions on a bad link. Time is an argument."""

import random
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sorter.edge.arms.options import DialectName
from sorter.edge.arms.protocol import LineSplitter
from sorter.edge.simulation.badlink import BadLink, FaultyDeviceOptions
from sorter.errors import ConfigError

_BOOT_S = 0.05
"""How long the controller is deaf after a reset."""

_MOST_EXECUTED = 64
"""Lines remembered to tell which script has been carried out."""

Scripts = Mapping[int, tuple[str, ...]]


@dataclass(frozen=True)
class ControllerOptions(FaultyDeviceOptions):
    """How a simulated controller or template device and its link behave.

    Attributes:
        dialect: Which firmware it is; for G-code only.
        keepalive_s: How often Marlin says that it is busy.
    """

    dialect: DialectName = "marlin"
    keepalive_s: float = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0.01 <= self.keepalive_s <= 600:
            raise ConfigError("The simulated arm's keep-alive comes every 0.01 to 600 seconds.")


@dataclass
class _Motion:
    line: str
    done_at_s: float
    jams: bool


class Controller(ABC):
    """A planner of motions behind a serial line; the dialects say how it talks.

    Args:
        options: How it behaves.
        scripts: Which lines sort into which bin: the controller itself knows nothing of bins, but who watches does.
        on_sorted: Called with the bin when its script has been carried out.
        on_line: Called with ``"in"`` or ``"out"`` and each line as it arrives.

    Attributes:
        motions: Every line that made it move, in order.
        state: ``Idle``, ``Run``, or what the dialect calls a standstill.
    """

    title = "controller"
    realtime = b""
    is_motion: Callable[[str], bool]

    def __init__(
        self,
        options: ControllerOptions,
        scripts: Scripts,
        on_sorted: Callable[[int], None] = lambda _bin: None,
        on_line: Callable[[str, bytes], None] = lambda _direction, _line: None,
    ) -> None:
        self.options = options
        self.motions: list[str] = []
        self._scripts, self._on_sorted = scripts, on_sorted
        self._link = BadLink(options, random.Random(options.seed), on_line)
        self._splitter = LineSplitter()
        self._planned: deque[_Motion] = deque()
        self._executed: list[str] = []
        self._jam_next = False
        self._deaf_until_s = float("-inf")
        self._reset_at_s: float | None = None
        self.boot()

    @property
    def name(self) -> str:
        """What it calls itself."""
        return f"simulated {self.title}"

    @property
    def bins(self) -> int:
        """Number of bins for which there is a script."""
        return len(self._scripts)

    def jam(self) -> None:
        """Makes the next motion jam."""
        self._jam_next = True

    def announce(self, now_s: float) -> None:  # noqa: B027 - most dialects have nothing to do here
        """Does nothing: G-code knows no objects."""

    def press_stop(self, now_s: float) -> None:  # noqa: B027 - most dialects have nothing to do here
        """Does nothing: most controllers' buttons cut the power."""

    def reset(self, now_s: float) -> None:
        """Resets it, as its button does; a motion under way is cut off."""
        self._planned.clear()
        self._executed.clear()
        self._splitter.clear()
        self._link.forget_arriving()
        self._reset_at_s = None
        self._deaf_until_s = now_s + _BOOT_S
        self.boot()
        for line in self.banner():
            self._say(line, self._deaf_until_s)

    def receive(self, data: bytes, now_s: float) -> None:
        """Takes bytes from the host; some are obeyed before any line that is still waiting."""
        if now_s < self._deaf_until_s or self.options.silent:
            return
        for byte in data:
            if byte in self.realtime:
                self.obey_at_once(byte, now_s)
        for line in self._splitter.feed(bytes(byte for byte in data if byte not in self.realtime)):
            self._link.take(line, now_s)

    def poll(self, now_s: float) -> bytes:
        """Does what is due by now and gives the bytes for the host."""
        if self._reset_at_s is not None and self._reset_at_s <= now_s:
            self.reset(self._reset_at_s)
        for line in self._link.arrived(now_s):
            self.obey(line.decode("ascii", "replace").strip(), now_s)
        while self._planned and self._planned[0].done_at_s <= now_s:
            motion = self._planned.popleft()
            if motion.jams:
                self._planned.clear()
                self._executed.clear()
                self.on_jam(now_s)
            else:
                self._recognize()
        self.go_on(now_s)
        return self._link.output(now_s)

    def next_due_s(self) -> float | None:
        """When ``poll`` will next have something to do; None when not before bytes arrive."""
        candidates = [self._link.next_due_s(), self._reset_at_s, self.due_s()]
        if self._planned:
            candidates.append(self._planned[0].done_at_s)
        return min((at for at in candidates if at is not None), default=None)

    @property
    def moving(self) -> bool:
        """Whether a motion is under way."""
        return bool(self._planned)

    def execute(self, line: str, now_s: float) -> None:
        """Obeys a line of a script."""
        self._executed = [*self._executed[-_MOST_EXECUTED:], line]
        if self.is_motion(line):
            begins_at_s = self._planned[-1].done_at_s if self._planned else now_s
            jams, self._jam_next = self._jam_next or self._link.chance(self.options.jam), False
            self._planned.append(_Motion(line, begins_at_s + self.options.move_s, jams))
            self.motions.append(line)
            if self._link.chance(self.options.reset):
                self._reset_at_s = now_s + self._link.dice.random() * self.options.move_s
        self._recognize()

    def halt(self) -> None:
        """Forgets all motions."""
        self._planned.clear()
        self._executed.clear()

    def _say(self, line: str, now_s: float) -> None:
        self._link.send(line.encode("ascii"), now_s)

    def _recognize(self) -> None:
        """Notices that a script has been carried out to its end."""
        if self._planned:
            return
        for bin_number, script in self._scripts.items():
            if tuple(self._executed[-len(script) :]) == tuple(script):
                self._executed.clear()
                self._on_sorted(bin_number)
                return

    # What the dialects do in their own ways.

    @abstractmethod
    def boot(self) -> None:
        """Forgets what a reset makes it forget."""

    @abstractmethod
    def banner(self) -> tuple[str, ...]:
        """What it says after a reset."""

    @abstractmethod
    def obey(self, line: str, now_s: float) -> None:
        """Takes one line from the host."""

    def obey_at_once(self, byte: int, now_s: float) -> None:  # noqa: B027 - most dialects have nothing to do here
        """Takes a byte that passes every queue."""

    @abstractmethod
    def on_jam(self, now_s: float) -> None:
        """A motion has hit something."""

    def go_on(self, now_s: float) -> None:  # noqa: B027 - most dialects have nothing to do here
        """Does what time alone makes due."""

    def due_s(self) -> float | None:
        """When ``go_on`` will have something to do."""
        return None


def moves(line: str) -> bool:
    """Whether a line of G-code moves something."""
    return line.split(" ")[0].upper() in {"G0", "G1", "G2", "G3", "G28", "G2201", "G2202", "G2204", "$H"}
