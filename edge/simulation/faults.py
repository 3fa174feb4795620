"""When a simulated camera fails, and how: drawn from a seed, the same each time."""

from dataclasses import dataclass, fields
from typing import Literal, get_args

import numpy as np

from sorter.errors import ConfigError

FaultKind = Literal["freeze", "vanish", "black", "stall"]


@dataclass(frozen=True)
class CameraFaultOptions:
    """What goes wrong with a simulated camera. Chances hold for each second without a fault.

    Attributes:
        freeze: Chance that it repeats its last picture; opening it again cures it.
        freeze_s: For how long otherwise.
        vanish: Chance that it is unplugged: it fails, and does not open.
        vanish_s: Until it is plugged in again.
        black: Chance that the light fails.
        black_s: For how long.
        stall: Chance that no pictures come. They are queued, and come all at once afterwards.
        stall_s: For how long.
        queue: Most pictures that are queued; the oldest go first.
    """

    freeze: float = 0.0
    freeze_s: float = 10.0
    vanish: float = 0.0
    vanish_s: float = 3.0
    black: float = 0.0
    black_s: float = 3.0
    stall: float = 0.0
    stall_s: float = 1.0
    queue: int = 30

    def __post_init__(self) -> None:
        for kind in get_args(FaultKind):
            if not 0 <= self.chance(kind) <= 1:
                raise ConfigError(f"The chance of {kind} of a simulated camera is not between 0 and 1.")
        if not all(0 <= getattr(self, f.name) <= 3600 for f in fields(self)):
            raise ConfigError("The times of a simulated camera's faults lie between 0 and 3600 seconds.")

    def chance(self, kind: FaultKind) -> float:
        """Chance of a fault in each second."""
        return float(getattr(self, kind))

    def duration_s(self, kind: FaultKind) -> float:
        """How long a fault lasts."""
        return float(getattr(self, f"{kind}_s"))


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        kind: What is wrong.
        starts_s: Since the camera was opened for the first time.
        ends_s: On the same clock.
    """

    kind: FaultKind
    starts_s: float
    ends_s: float


class FaultPlan:
    """The faults of a camera, one after the other.

    Args:
        options: What may go wrong.
        seed: Equal seeds give equal faults.

    Attributes:
        queue: Most pictures that are queued during a stall.
    """

    def __init__(self, options: CameraFaultOptions, seed: int) -> None:
        self._options = options
        self.queue = options.queue
        self._rng = np.random.default_rng([seed, 5])
        self._fault: Fault | None = None
        self._drawn_to_s = 0.0

    def at(self, time_s: float) -> Fault | None:
        """What is wrong at a moment; moments come in order.

        Args:
            time_s: Since the camera was opened for the first time.
        """
        while self._drawn_to_s <= time_s:
            self._draw()
        fault = self._fault
        return fault if fault is not None and fault.starts_s <= time_s < fault.ends_s else None

    def _draw(self) -> None:
        """Draws the next second, and with it the time of a fault that begins there."""
        start_s = self._drawn_to_s
        self._drawn_to_s += 1.0
        for kind in get_args(FaultKind):
            # Numbers are drawn for each kind in any case: switching one fault on leaves the others as they were.
            lot, share = self._rng.random(2)
            if lot < self._options.chance(kind) and self._drawn_to_s == start_s + 1.0:
                begin_s = start_s + float(share)
                self._fault = Fault(kind, begin_s, begin_s + self._options.duration_s(kind))
                self._drawn_to_s = max(self._drawn_to_s, self._fault.ends_s)
