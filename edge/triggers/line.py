"""Objects cross a line on a moving belt."""

from dataclasses import dataclass, field

import cv2
import numpy as np

from sorter.edge.cameras.camera import Frame
from sorter.edge.triggers.belt import Belt
from sorter.edge.triggers.blobs import Blob, find_objects
from sorter.edge.triggers.light import mean_colour, too_dark
from sorter.edge.triggers.options import TriggerOptions
from sorter.edge.triggers.thumbnail import shrink
from sorter.edge.triggers.tracks import Sighting, Track, Tracks
from sorter.edge.triggers.trigger import EMPTY, Observation
from sorter.image import Pixels


@dataclass
class _Show:
    """Objects being shown to the network: those that crossed the line together."""

    since_s: float
    tracks: list[Track] = field(default_factory=list)


class LineTrigger:
    """Follows objects on a belt and shows each once, just after its centre has crossed the line.

    Objects within ``zone`` of the line at that moment count as lying together. Between two shows there is at least
    one frame in which nothing is ready.
    """

    settles = False

    def __init__(self, options: TriggerOptions | None = None) -> None:
        self._options = options or TriggerOptions(kind="line")
        self._belt: Belt | None = None
        self._tracks = Tracks()
        self._show: _Show | None = None
        self._axis = 0
        self._seen_at_s = 0.0
        self._wants_empty = False

    @property
    def reference(self) -> Pixels | None:
        """The empty belt, to be remembered over a restart: uint8 BGR (h, w, 3); None before the first frame."""
        return None if self._belt is None else self._belt.picture.copy()

    def recall(self, reference: Pixels) -> None:
        """Takes a remembered picture as the empty belt."""
        self._begin(reference)

    def learn_empty(self) -> None:
        """Takes the next picture as the empty belt."""
        self._wants_empty = True

    def observe(self, frame: Frame) -> Observation:
        """Looks at a frame; calls must come in the order of the frames."""
        small = shrink(frame.image, self._options.width_px)
        if self._belt is None or self._wants_empty or self._belt.picture.shape != small.shape:
            self._begin(small)
        elapsed_s, self._seen_at_s = frame.captured_at_s - self._seen_at_s, frame.captured_at_s
        if too_dark(mean_colour(small)):
            return Observation(occupied=True, moving=True, objects=0, trouble="It is too dark to see anything.")
        tracks = self._tracks.follow(self._find(small, elapsed_s), self._seen_at_s)
        return self._present(tracks)

    def _begin(self, small: Pixels) -> None:
        direction = self._options.direction
        along_columns = direction in ("left", "right") or (direction == "any" and small.shape[1] >= small.shape[0])
        self._axis = 0 if along_columns else 1
        self._belt, self._tracks, self._show, self._wants_empty = Belt(small, self._axis), Tracks(), None, False

    def _find(self, small: Pixels, elapsed_s: float) -> list[Sighting]:
        belt, options = self._belt, self._options
        assert belt is not None
        quiet = 0.25 * options.least_area
        seen = belt.compare(small, options.difference, quiet)
        if seen.share < quiet:
            belt.follow(seen, elapsed_s, options.adapt_s, None)
            return []
        change = find_objects(seen, belt.picture, belt.limit(options.difference), options)
        covered = cv2.dilate(change.mask, np.ones((9, 9), np.uint8))
        belt.follow(seen, elapsed_s, options.adapt_s, cv2.bitwise_not(covered))  # type: ignore[arg-type]
        least_px = options.least_area * small.shape[0] * small.shape[1]
        return [self._sighting(blob, small.shape) for blob in change.objects if blob.area_px >= least_px]

    def _sighting(self, blob: Blob, shape: tuple[int, ...]) -> Sighting:
        """Where a blob is; ``along`` grows in the direction of the belt."""
        sides = (shape[1], shape[0])
        along, across = ((blob.centre[a] + 0.5) / sides[a] for a in (self._axis, 1 - self._axis))
        start, length = blob.box[self._axis], blob.box[2 + self._axis]
        whole = start > 0 and start + length < sides[self._axis]
        backwards = self._options.direction in ("left", "up")
        return Sighting(1 - along if backwards else along, across, whole)

    @property
    def _line(self) -> float:
        return 1 - self._options.line if self._options.direction in ("left", "up") else self._options.line

    def _present(self, tracks: list[Track]) -> Observation:
        crossed = [track for track in tracks if self._crosses(track)]
        if self._show is not None:
            if self._continues(self._show):
                self._show.tracks += crossed
            else:
                # One frame of nothing, so that the next object is another one; it is shown in the frame after.
                self._show = _Show(self._seen_at_s, crossed) if crossed else None
                return EMPTY
        elif crossed:
            self._show = _Show(self._seen_at_s, crossed)
        if self._show is None:
            return EMPTY
        for track in tracks:
            near = abs(track.now.along - self._line) <= self._options.zone
            if near and track.before and track not in self._show.tracks:
                self._show.tracks.append(track)
        for track in self._show.tracks:
            track.shown = True
        return Observation(occupied=True, moving=False, objects=len(self._show.tracks))

    def _crosses(self, track: Track) -> bool:
        """Whether a track has just come over the line for the first time."""
        beyond = track.now.along - self._line
        side = 1 if beyond >= 0 else -1
        if track.shown:
            return False
        if track.before == 0:
            if side < 0 or self._options.direction == "any":
                track.before = side
            return False
        return side == -track.before

    def _continues(self, show: _Show) -> bool:
        in_time = self._seen_at_s - show.since_s < self._options.show_s
        near = (
            track.seen_at_s == self._seen_at_s and abs(track.now.along - self._line) <= 2 * self._options.zone
            for track in show.tracks
        )
        return in_time and any(near)
