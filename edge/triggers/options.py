"""What a user may choose about triggers: one flat record, as it stands in a configuration file."""

from dataclasses import dataclass
from typing import Literal, get_args

from sorter.errors import ConfigError

Kind = Literal["motion", "line", "arm", "interval", "key", "still"]
Direction = Literal["any", "left", "right", "up", "down"]


@dataclass(frozen=True)
class TriggerOptions:
    """When an object lies ready.

    Attributes:
        kind: ``motion`` (an object comes into the region and rests), ``line`` (it crosses a line on a moving belt),
            ``arm`` (the arm's sensor announces it), ``key`` (a person or a program announces it), ``interval`` (one
            look every few seconds), ``still`` (every picture is an object).
        difference: Difference of a colour channel (0..255) from the empty place that may belong to an object. Where
            the picture is noisy the trigger asks for more by itself.
        least_area: Share of the region that an object covers at least.
        part: An object smaller than this share of the largest one is counted as a part of it.
        gap: Pieces closer together than this share of the region's height are one object.
        width_px: Frames are compared at this width; noise averages out and the comparison costs little.
        motion_difference: Difference of a colour channel between two moments that is motion.
        least_motion_area: Share of the region that moves at least.
        motion_s: Distance of the two moments compared for motion; far enough apart to see slow motion too.
        adapt_s: How long the picture of the empty place takes to follow slow changes.
        relearn_s: How long the picture must be steady after the light has changed before it is taken as the new one.
        line: Where the line lies along the belt, as a share of the region: 0 left or top, 1 right or bottom.
        direction: Where the belt runs to; ``any`` takes a crossing to either side, along the longer side of the
            region.
        zone: Objects closer to the line than this share of the region when one crosses it lie together; twice as far
            behind the line an object has gone.
        show_s: How long ``line``, ``arm``, ``key`` and ``interval`` show an object to the network at most; long enough
            for its votes.
        interval_s: Seconds between two looks of ``interval``.
        check_empty: Whether ``arm``, ``key`` and ``interval`` compare with the empty place, to count objects;
            ``interval`` then waits where nothing lies.
    """

    kind: Kind = "motion"
    difference: float = 14.0
    least_area: float = 0.008
    part: float = 0.2
    gap: float = 0.06
    width_px: int = 160
    motion_difference: float = 14.0
    least_motion_area: float = 0.004
    motion_s: float = 0.1
    adapt_s: float = 2.0
    relearn_s: float = 1.5
    line: float = 0.5
    direction: Direction = "any"
    zone: float = 0.06
    show_s: float = 0.3
    interval_s: float = 2.0
    check_empty: bool = True

    def __post_init__(self) -> None:
        _require_choice("trigger", self.kind, get_args(Kind))
        _require_choice("direction", self.direction, get_args(Direction))
        for name, (low, high) in _LIMITS.items():
            value = getattr(self, name)
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not number or not low <= value <= high:
                raise ConfigError(f"A trigger's {name} of {value!r} is impossible.", f"Choose {low:g} to {high:g}.")
        if not isinstance(self.width_px, int):
            raise ConfigError(f"A trigger's width_px of {self.width_px!r} is impossible.", "Choose a whole number.")
        if not isinstance(self.check_empty, bool):
            raise ConfigError(f"A trigger's check_empty of {self.check_empty!r} is impossible.", "Say true or false.")


_LIMITS = {
    "difference": (2, 250),
    "least_area": (0.0005, 0.9),
    "part": (0, 1),
    "gap": (0, 0.5),
    "width_px": (32, 1280),
    "motion_difference": (2, 250),
    "least_motion_area": (0.0005, 0.9),
    "motion_s": (0.01, 5),
    "adapt_s": (0.1, 3600),
    "relearn_s": (0.1, 600),
    "line": (0.05, 0.95),
    "zone": (0.005, 0.4),
    "show_s": (0.01, 60),
    "interval_s": (0.05, 86400),
}


def _require_choice(what: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ConfigError(f"There is no {what} {value!r}.", f"Choose one of {', '.join(choices)}.")
