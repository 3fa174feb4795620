"""The simulated platform: objects come, rest, are taken away, and the truth about them is kept.

A simulated camera looks at it and a simulated (or real) arm acts on it. Time is an argument, so tests run hours of it
in a second.
"""

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np

from sorter.edge.simulation.exhibit import Exhibit
from sorter.edge.simulation.texture import white
from sorter.edge.simulation.weather import Weather
from sorter.edge.simulation.world_options import WorldOptions as WorldOptions
from sorter.image import Pixels

Phase = Literal["empty", "arriving", "resting", "leaving", "finished"]


@dataclass(frozen=True)
class Visit:
    """The truth about one object.

    Attributes:
        number: Counts up from 1.
        label: What it was.
        name: Its file name; empty for a rendered object.
        arrived_at_s: When it began to slide in.
        bins: Bins to which the arm moved for it; the first one took it, any others came too late.
        left_at_s: When it was taken or began to slide away; None while it is there.
    """

    number: int
    label: str
    name: str
    arrived_at_s: float
    bins: tuple[int, ...] = ()
    left_at_s: float | None = None

    @property
    def bin(self) -> int | None:
        """Where it is now; None when nobody took it."""
        return self.bins[0] if self.bins else None

    @property
    def missed(self) -> bool:
        """Whether it left without being taken."""
        return self.left_at_s is not None and not self.bins

    @property
    def doubled(self) -> bool:
        """Whether the arm moved again for it."""
        return len(self.bins) > 1


class World:
    """A platform, what lies on it, and the ledger. Safe for use by several threads.

    Args:
        ground: uint8 BGR (H, W, 3), the empty platform.
        exhibits: What comes, one after the other.
        options: How it behaves.
        seed: Of the sensor's noise.
    """

    def __init__(
        self, ground: Pixels, exhibits: Iterable[Exhibit], options: WorldOptions | None = None, seed: int = 1
    ) -> None:
        self._options = options or WorldOptions()
        self._exhibits: Iterator[Exhibit] = iter(exhibits)
        self._ground = ground
        self._exhibit: Exhibit | None = None
        self._visits: list[Visit] = []
        self._empty_takes: list[int] = []
        self._takes: list[int] = []
        self._reached: int | None = None
        self._held_until_s = float("-inf")
        self._phase: Phase = "empty"
        self._since_s: float | None = None
        self._still: Pixels | None = None
        self._rng = np.random.default_rng([seed, 3])
        self._noise = _noise_bank(ground.shape[:2], self._options.noise)
        self._weather = Weather(self._options, ground.shape[:2])
        self._lock = threading.Lock()

    @property
    def noisy(self) -> bool:
        """Whether each picture differs from the one before."""
        return self._options.noise > 0

    @property
    def ledger(self) -> tuple[Visit, ...]:
        """The truth about every object that has come so far."""
        with self._lock:
            return tuple(self._visits)

    @property
    def empty_takes(self) -> tuple[int, ...]:
        """Bins to which the arm moved although the platform was empty and no object had been taken before."""
        with self._lock:
            return tuple(self._empty_takes)

    @property
    def takes(self) -> tuple[int, ...]:
        """For each completed motion of the arm, the number of the object that it took; 0 for none."""
        with self._lock:
            return tuple(self._takes)

    @property
    def phase(self) -> Phase:
        """What is happening, as of the last frame."""
        with self._lock:
            return self._phase

    @property
    def finished(self) -> bool:
        """Whether the last object has gone and the platform has been empty for a while."""
        return self.phase == "finished"

    def frame(self, now_s: float) -> Pixels:
        """What a camera sees.

        Args:
            now_s: On any clock that only runs forwards.

        Returns:
            uint8 BGR (H, W, 3), a new array.
        """
        with self._lock:
            self._advance(now_s)
            return self._expose(self._scene(now_s), now_s)

    def advance(self, now_s: float) -> None:
        """Lets time pass without looking."""
        with self._lock:
            self._advance(now_s)

    def hold(self, now_s: float) -> None:
        """Keeps an empty platform empty: the next object comes no sooner than ``empty_s`` from now."""
        with self._lock:
            self._advance(now_s)
            if self._phase == "empty":
                self._since_s = now_s

    def reach(self, now_s: float, until_s: float) -> None:
        """The arm reaches for what lies there, which then does not slide away under its hand.

        A ``take`` after it takes this object, or nothing where none lay there; without it, whatever lies there then.

        Args:
            now_s: When its motion begins.
            until_s: When it ends, if nothing goes wrong.
        """
        with self._lock:
            self._advance(now_s)
            self._reached = self._visits[-1].number if self._has_object() else 0
            self._held_until_s = until_s + _GRIP_S

    def take(self, bin_number: int, now_s: float) -> None:
        """The arm has completed its way to a bin: what rests or arrives on the platform is taken away."""
        with self._lock:
            self._advance(now_s)
            reached, self._reached, self._held_until_s = self._reached, None, float("-inf")
            if self._options.every_s and reached and self._has_gone(reached):
                # The belt went on while the arm carried it.
                self._takes.append(reached)
                self._visits[reached - 1] = replace(self._visits[reached - 1], bins=(bin_number,))
                return
            if self._has_object() and reached in (None, self._visits[-1].number):
                self._takes.append(self._visits[-1].number)
                self._amend(bins=(bin_number,), left_at_s=now_s)
                self._enter("empty", now_s)
                return
            self._takes.append(0)
            if self._has_object():
                self._empty_takes.append(bin_number)
            elif self._visits and self._visits[-1].bins:
                self._amend(bins=(*self._visits[-1].bins, bin_number))
            else:
                self._empty_takes.append(bin_number)

    def _has_object(self) -> bool:
        return self._phase in ("arriving", "resting", "leaving") and not self._visits[-1].bins

    def _has_gone(self, number: int) -> bool:
        return not self._visits[number - 1].bins and not (self._has_object() and self._visits[-1].number == number)

    def _amend(self, **changes: object) -> None:
        self._visits[-1] = replace(self._visits[-1], **changes)  # type: ignore[arg-type]

    def _enter(self, phase: Phase, at_s: float) -> None:
        self._phase, self._since_s, self._still = phase, at_s, None

    def _advance(self, now_s: float) -> None:
        """Runs through every phase that has ended by now."""
        if self._since_s is None:
            self._since_s = now_s
        while self._phase != "finished" and now_s >= (end_s := self._since_s + self._duration_s()):
            if self._phase == "empty":
                self._admit(end_s)
            elif self._phase == "arriving":
                self._enter("resting", end_s)
            elif self._phase == "resting":
                self._amend(left_at_s=end_s)
                # From a belt that moves on the arm lifts what it has reached for.
                lifted = self._options.every_s and self._reached == self._visits[-1].number
                self._enter("empty" if lifted else "leaving", end_s)
            else:
                self._enter("empty", end_s)

    def _duration_s(self) -> float:
        options, since_s = self._options, self._since_s or 0.0
        first_s = 0.0 if self._visits else options.first_s
        due_s = self._visits[-1].arrived_at_s + options.every_s - since_s if self._visits else 0.0
        held_s = 0.0 if options.every_s else self._held_until_s - since_s
        return {
            "empty": max(options.empty_s / options.speed, first_s, due_s if options.every_s else 0.0),
            "arriving": options.arrive_s / options.speed,
            "resting": max(options.rest_s, held_s),
            "leaving": options.arrive_s / options.speed,
        }[self._phase]

    def _admit(self, at_s: float) -> None:
        wanted = not self._options.objects or len(self._visits) < self._options.objects
        self._exhibit = next(self._exhibits, None) if wanted else None
        if self._exhibit is None:
            self._enter("finished", at_s)
            return
        self._visits.append(Visit(len(self._visits) + 1, self._exhibit.label, self._exhibit.name, at_s))
        self._enter("arriving", at_s)

    def _scene(self, now_s: float) -> Pixels:
        """The platform without noise; drawn anew only while something moves."""
        if self._still is not None:
            return self._still
        if self._exhibit is None or self._phase in ("empty", "finished"):
            picture = self._still = self._blurred(self._ground)
        elif self._phase == "resting":
            picture = self._still = self._blurred(self._exhibit.draw(self._ground, 1.0))
        else:
            since_s = now_s if self._since_s is None else self._since_s
            share = (now_s - since_s) / max(1e-9, self._duration_s())
            picture = self._blurred(self._exhibit.draw(self._ground, self._arrived(share)))
        return picture

    def _arrived(self, share: float) -> float:
        """Where an object is after a share of its way in or out: 0 outside, 1 in its place, 2 outside again."""
        arriving = self._phase == "arriving"
        if self._options.moving:
            return share if arriving else 1 + share
        # Quick at first, slow at the end, as things do that slide to rest.
        return 1 - (1 - share) ** 2 if arriving else 1 - share**2

    def _blurred(self, picture: Pixels) -> Pixels:
        sigma = self._options.blur_px
        return cv2.GaussianBlur(picture, (0, 0), sigma) if sigma > 0.25 else picture  # type: ignore[return-value]

    def _expose(self, picture: Pixels, now_s: float) -> Pixels:
        seen = self._weather.disturb(picture, now_s)
        brighter, darker = self._noise
        height, width = picture.shape[:2]
        row, column = self._rng.integers(0, _NOISE_ROOM_PX, 2)
        place = (slice(row, row + height), slice(column, column + width))
        return cv2.subtract(cv2.add(seen, brighter[place]), darker[place])  # type: ignore[return-value]


_NOISE_ROOM_PX = 48

_GRIP_S = 1.0
"""The simulated arm may notice the end of its motion so much late on a busy machine."""


def _noise_bank(shape: tuple[int, ...], strength: float) -> tuple[Pixels, Pixels]:
    """Noise to add and noise to subtract, somewhat larger than a frame (height, width).

    Drawing fresh normal numbers for each frame would cost more than all the rest of the simulation; a random part of
    one large noise picture looks the same.
    """
    height, width = shape[0] + _NOISE_ROOM_PX, shape[1] + _NOISE_ROOM_PX
    tile = np.resize(white(), height * width * 3).reshape(height, width, 3) * np.float32(strength)
    return np.clip(tile + 0.5, 0, 255).astype(np.uint8), np.clip(-tile + 0.5, 0, 255).astype(np.uint8)
