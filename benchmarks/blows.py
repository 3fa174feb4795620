"""What a soak run does to a sorter, and when: drawn from a seed before anything starts."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from sorter.errors import ConfigError

BlowKind = Literal["kill", "reset", "unplug"]


@dataclass(frozen=True)
class Blow:
    """One thing done to the sorter.

    Attributes:
        row: It falls when the journal has so many rows ...
        delay_s: ... and so much time has passed since: any instant of the way of an object.
        kind: ``kill`` (SIGKILL to ``sorter-run``), ``reset`` (of the arm), ``unplug`` (of the arm's port).
    """

    row: int
    delay_s: float
    kind: BlowKind


@dataclass(frozen=True)
class SoakOptions:
    """What is done, how often.

    Attributes:
        objects: Objects that come.
        kills: Times that ``sorter-run`` is killed.
        resets: Resets of the arm.
        unplugs: Times that the arm's port disappears.
        line_fault: Chance, for each line in either direction, to be dropped; and the same chance each to be corrupted,
            to arrive twice, and to arrive late.
        camera_fault: Chance in each second that the camera freezes, and the same that it vanishes.
        seed: Of everything.
        hang_s: A sorter without a new row for so long hangs, unless it waits for a person.
        patience_s: How long an object waits on the platform.
        within_s: The run is ended and judged after so long, however many objects have come.
        longest_delay_s: Longest time from a blow's row to the blow.
    """

    objects: int = 10_000
    kills: int = 100
    resets: int = 60
    unplugs: int = 40
    line_fault: float = 0.1
    camera_fault: float = 0.01
    seed: int = 1
    hang_s: float = 60.0
    patience_s: float = 2.5
    within_s: float = 7200.0
    longest_delay_s: float = field(default=0.15, repr=False)

    def __post_init__(self) -> None:
        if min(self.kills, self.resets, self.unplugs) < 0 or self.objects < 1:
            raise ConfigError("A soak run needs at least one object, and no negative number of faults.")
        if not (0 <= self.line_fault <= 0.3 and 0 <= self.camera_fault <= 1):
            raise ConfigError("Chances of a line's fault lie between 0 and 0.3, of a camera's between 0 and 1.")

    def counts(self) -> Mapping[BlowKind, int]:
        """How often each kind of blow falls."""
        return {"kill": self.kills, "reset": self.resets, "unplug": self.unplugs}


def draw_blows(options: SoakOptions) -> tuple[Blow, ...]:
    """The schedule, in the order of its rows; equal seeds give equal schedules."""
    blows = []
    for kind, count in options.counts().items():
        rng = random.Random(f"{options.seed} {kind}")  # each kind alone: one more kill leaves the resets as they were
        blows += [
            Blow(rng.randint(1, max(1, int(0.95 * options.objects))), rng.random() * options.longest_delay_s, kind)
            for _ in range(count)
        ]
    return tuple(sorted(blows, key=lambda blow: (blow.row, blow.delay_s)))
