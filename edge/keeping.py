"""Pictures of sorted objects, kept for people and for the next training; bounded, and outside the loop."""

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sorter.cli
from sorter.edge.decision import Decision, DecisionOptions
from sorter.edge.keep_options import KeepOptions
from sorter.edge.objects import SortedObject
from sorter.edge.pictures import Picture
from sorter.edge.priority import lower_priority
from sorter.edge.shelf import Shelf
from sorter.edge.storage import MEGABYTE, ROOM, StorageLimits, free_bytes, judge_storage
from sorter.errors import StorageError
from sorter.image import Pixels
from sorter.photo_names import class_folder, new_run_mark, photo_name

_WAITING = 4
"""Pictures waiting to be written; more are left out rather than slow the loop or fill the memory."""

_RETRY_S = 10.0
"""After a failure the disk is left in peace for so long."""


@dataclass(frozen=True)
class Origin:
    """What the decisions of a run rest on, for the records.

    Attributes:
        run: Name of the run, as in the journal.
        model_sha256: The network, as in the journal.
        labels: Its labels, in the order of the probabilities.
        decision: When its classifications are trusted.
    """

    run: str
    model_sha256: str
    labels: tuple[str, ...]
    decision: DecisionOptions


def is_uncertain(decision: Decision, options: DecisionOptions, near: float) -> bool:
    """Whether the network was unsure, or nearly so.

    Two objects at once are no matter of certainty: the network may be sure of one of them.
    """
    best, second, *_ = (*sorted(decision.probabilities, reverse=True), 0.0)
    # A hair's breadth more, because 0.7 + 0.1 is less than 0.8 in binary.
    return best < options.threshold + near + 1e-6 or best - second < options.margin + near + 1e-6


class PictureKeeper:
    """Keeps pictures of objects as ``FOLDER/<predicted label>/<time>_<run>_<number>.jpg``.

    People check them, move what is right into a data set and train again. ``kept.jsonl`` beside the folders tells of
    each picture what was thought of it. The folder is usable as a data set; what is moved out of it is not counted.

    Args:
        options: Which, where and how many.
        origin: What the decisions rest on; set the attribute anew when the network changes.
        clock: Of the pauses after a failure.
        warn: Told once when pictures can no longer be kept.

    Attributes:
        trouble: Why no pictures are kept at present; one sentence, else empty.
        kept: Pictures written in this run.
        dropped: Pictures wanted but left out: the disk was too slow, full or broken.
    """

    def __init__(
        self,
        options: KeepOptions,
        origin: Origin,
        clock: Callable[[], float] = time.monotonic,
        warn: Callable[[str], None] = sorter.cli.warn,
    ) -> None:
        self.origin = origin
        self.trouble = ""
        self.kept = 0
        self.dropped = 0
        self._options, self._clock, self._warn = options, clock, warn
        self._shelf = Shelf(options.folder, int(options.max_megabytes * MEGABYTE), options.max_files)
        self._limits = StorageLimits(options.min_free_megabytes, 0)
        self._space = ROOM
        self._opened = False
        self._retry_at_s = 0.0
        self._run_mark = new_run_mark()
        self._count_lock = threading.Lock()
        self._queue: queue.Queue[tuple[str, Picture, dict[str, Any]] | None] = queue.Queue(_WAITING)
        self._thread = threading.Thread(target=self._work, name="keeper", daemon=True)

    def start(self) -> None:
        """Opens the folder and starts the thread that writes.

        Raises:
            StorageError: The folder cannot be used at all. A disk that is merely full is ``trouble``, not an error.
        """
        if self._options.what == "none":
            return
        try:
            self._open()
        except StorageError as error:
            if free_bytes(self._options.folder) > 0:
                raise
            self._give_up(error)
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Writes what is waiting, and ends the thread."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join(timeout_s)
        self._shelf.close()

    def wants(self, seen: SortedObject) -> bool:
        """Whether the picture of an object is one of those to be kept."""
        if self._options.what == "uncertain":
            return is_uncertain(seen.decision, self.origin.decision, self._options.near)
        return self._options.what == "all"

    def path_for(self, seen: SortedObject) -> str | None:
        """Where the picture of an object will lie, relative to the folder; None where none is to be kept.

        Known before it is written, so that the journal's row can hold it; depends on number, decision and time alone.
        The file may be missing all the same: the disk was full, or the picture has made room for a newer one.
        """
        if not self.wants(seen):
            return None
        return f"{class_folder(seen.decision.label)}/{photo_name(seen.decided_at, self._run_mark, seen.number)}"

    def add(self, seen: SortedObject, image: Pixels | Picture) -> None:
        """Hands over the picture of an object; returns at once.

        Args:
            seen: The object, with its row in the journal.
            image: uint8 BGR (H, W, 3), or a ``Picture`` that others get too.
        """
        path = self.path_for(seen)
        if path is None:
            return
        picture = image if isinstance(image, Picture) else Picture(image, self._options.quality)
        try:
            self._queue.put_nowait((path, picture, _record(seen, self.origin)))
        except queue.Full:
            self._drop()

    def _work(self) -> None:
        lower_priority()
        while (item := self._queue.get()) is not None:
            if self.trouble and self._clock() < self._retry_at_s:
                self._drop()
                continue
            try:
                self._keep(*item)
            except StorageError as error:
                self._drop()
                self._give_up(error)

    def _keep(self, path: str, picture: Picture, record: dict[str, Any]) -> None:
        content = picture.jpeg()
        if content is None:
            self._drop()
            return
        self._space = judge_storage(free_bytes(self._options.folder), self._limits, self._space)
        if not self._space.pictures:
            raise StorageError(self._space.reason)
        if not self._opened:
            self._open()
        self._shelf.put(path, content, record)
        self.kept += 1
        self.trouble = ""

    def _open(self) -> None:
        self._shelf.open()
        self._opened = True

    def _give_up(self, error: StorageError) -> None:
        if not self.trouble:
            self._warn(f"No pictures are kept for the time being: {error.message}")
        self.trouble = error.message
        self._retry_at_s = self._clock() + _RETRY_S

    def _drop(self) -> None:
        with self._count_lock:
            self.dropped += 1


def _record(seen: SortedObject, origin: Origin) -> dict[str, Any]:
    """What the JSON line tells of a picture."""
    decision = seen.decision
    return {
        "label": decision.label,
        "probability": round(decision.probability, 4),
        "probabilities": {label: round(p, 4) for label, p in zip(origin.labels, decision.probabilities, strict=False)},
        "bin": decision.bin,
        "rejected": decision.rejected,
        "model_sha256": origin.model_sha256,
        "run": origin.run,
        "number": seen.number,
        "row": seen.row,
        "sequence": seen.sequence,
        "decided_at": seen.decided_at,
        "frame": seen.picture,
        "name": seen.name,
    }
