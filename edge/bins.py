"""How full the bins are."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sorter.errors import ConfigError


@dataclass(frozen=True)
class BinLimits:
    """How many objects a bin holds.

    Attributes:
        each: Limit of every bin without one of its own; 0 for none.
        own: Limits by bin; 0 for none.
    """

    each: int = 0
    own: Mapping[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.each < 0 or any(limit < 0 for limit in self.own.values()):
            raise ConfigError("A bin's limit is a negative number.", "0 means that it is never full.")

    def of(self, number: int) -> int:
        """The limit of a bin; 0 for none."""
        return self.own.get(number, self.each)


class Bins:
    """Counts the objects in each bin since it was last emptied.

    Args:
        limits: How many each holds.
        contents: What they hold now.
    """

    def __init__(self, limits: BinLimits, contents: Mapping[int, int]) -> None:
        self._limits = limits
        self._contents = dict(contents)

    @property
    def contents(self) -> dict[int, int]:
        """Objects by bin."""
        return dict(self._contents)

    @property
    def full(self) -> frozenset[int]:
        """Bins that take no more."""
        return frozenset(n for n, held in self._contents.items() if 0 < self._limits.of(n) <= held)

    def add(self, number: int) -> None:
        """One more object lies in a bin."""
        self._contents[number] = self._contents.get(number, 0) + 1

    def empty(self, number: int) -> None:
        """The bin was emptied."""
        self._contents.pop(number, None)

    def complaint(self) -> str:
        """One sentence about the bins that are full; empty when none is."""
        full = sorted(self.full)
        if not full:
            return ""
        if len(full) == 1:
            return f"Bin {full[0]} is full ({self._contents[full[0]]} objects). Empty it, and say so."
        return f"Bins {', '.join(map(str, full))} are full. Empty them, and say so."
