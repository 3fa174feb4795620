"""Objects on a belt, followed from frame to frame."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

_ALONG_REACH = 0.35
"""An object moves at most this share of the belt's visible length between two frames."""

_ACROSS_REACH = 0.12
_FORGET_S = 0.6
"""An object that nobody has seen for so long has gone."""


@dataclass(frozen=True)
class Sighting:
    """Where an object is.

    Attributes:
        along: Its centre along the belt, as a share of the region.
        across: Its centre across the belt, as a share of the region.
        whole: Whether it lies clear of the region's border.
    """

    along: float
    across: float
    whole: bool = True


@dataclass
class Track:
    """One object.

    Attributes:
        now: Where it is.
        seen_at_s: When it was seen last.
        speed: Along the belt, in shares a second.
        before: Whether it has been seen before the line, and on which side: -1, +1, or 0 for not yet.
        shown: Whether it has been shown to the network.
    """

    now: Sighting
    seen_at_s: float
    speed: float = 0.0
    before: int = 0
    shown: bool = False

    def expected(self, now_s: float) -> float:
        """Where along the belt it should be."""
        return self.now.along + self.speed * (now_s - self.seen_at_s)


@dataclass
class Tracks:
    """All objects in sight."""

    tracks: list[Track] = field(default_factory=list)

    def follow(self, sightings: Sequence[Sighting], now_s: float) -> list[Track]:
        """Finds for each sighting the track it continues, nearest pairs first, or begins a new one."""
        pairs = sorted(
            (cost, s, t)
            for s, sighting in enumerate(sightings)
            for t, track in enumerate(self.tracks)
            if (cost := _distance(track, sighting, now_s)) is not None
        )
        seen: dict[int, Track] = {}
        taken: set[int] = set()
        for _, s, t in pairs:
            if s not in seen and t not in taken:
                seen[s] = self.tracks[t]
                taken.add(t)
                _move(self.tracks[t], sightings[s], now_s)
        for s, sighting in enumerate(sightings):
            if s not in seen:
                seen[s] = Track(sighting, now_s)
                self.tracks.append(seen[s])
        self.tracks = [track for track in self.tracks if now_s - track.seen_at_s <= _FORGET_S]
        return [seen[s] for s in range(len(sightings))]


def _distance(track: Track, sighting: Sighting, now_s: float) -> float | None:
    """How badly a sighting fits a track; None where it cannot be the same object."""
    along, across = sighting.along - track.expected(now_s), sighting.across - track.now.across
    if abs(sighting.along - track.now.along) > _ALONG_REACH or abs(across) > _ACROSS_REACH:
        return None
    return math.hypot(along, 2 * across)


def _move(track: Track, sighting: Sighting, now_s: float) -> None:
    elapsed_s = now_s - track.seen_at_s
    if elapsed_s > 0:
        speed = (sighting.along - track.now.along) / elapsed_s
        track.speed = speed if track.speed == 0 else 0.5 * (track.speed + speed)
    track.now, track.seen_at_s = sighting, now_s
