"""Low disk space: pictures end first (see ``keeping``), then sorting pauses; the journal is never cut off."""

from pathlib import Path

from sorter.edge.pauses import Pauses
from sorter.edge.storage import ROOM, StorageLimits, free_bytes, judge_storage
from sorter.errors import StorageError

_LOOK_EVERY_S = 5.0


class DiskWatch:
    """Pauses sorting while the journal's disk is nearly full.

    Args:
        folder: On that disk.
        limits: When.
        pauses: Where sorting is paused.
    """

    def __init__(self, folder: Path, limits: StorageLimits, pauses: Pauses) -> None:
        self._folder, self._limits, self._pauses = folder, limits, pauses
        self._state = ROOM
        self._look_at_s = float("-inf")

    def look(self, now_s: float) -> None:
        """Looks at the disk now and then."""
        if now_s < self._look_at_s:
            return
        self._look_at_s = now_s + _LOOK_EVERY_S
        try:
            self._state = judge_storage(free_bytes(self._folder), self._limits, self._state)
        except StorageError as error:
            self._pauses.begin("disk", error.message)
            return
        if self._state.sorting:
            self._pauses.end("disk")
        else:
            self._pauses.begin("disk", self._state.reason)
