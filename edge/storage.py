"""Free space on the disk, and what may still be written."""

import os
from dataclasses import dataclass
from pathlib import Path

from sorter.errors import ConfigError
from sorter.files import translated_storage_errors

_RECOVERED = 1.1
"""What was given up for want of space begins again when there is so many times the limit: a file system that hovers at
the limit must not stop and start the sorter."""

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class StorageLimits:
    """Free space below which something ends.

    Attributes:
        pictures_megabytes: Below this no picture is kept.
        sorting_megabytes: Below this nothing is sorted, while the journal can still be completed.
    """

    pictures_megabytes: float = 500.0
    sorting_megabytes: float = 50.0

    def __post_init__(self) -> None:
        if not 0 <= self.sorting_megabytes <= self.pictures_megabytes:
            raise ConfigError(
                f"Pictures would end below {self.pictures_megabytes:g} MB of free space, but sorting already below "
                f"{self.sorting_megabytes:g} MB.",
                "Pictures must end first: give them the larger limit; none may be negative.",
            )


@dataclass(frozen=True)
class StorageState:
    """What may be written.

    Attributes:
        pictures: Pictures may be kept.
        sorting: Objects may be sorted; each needs a row in the journal.
        reason: One sentence for people where one of them may not; else empty.
    """

    pictures: bool = True
    sorting: bool = True
    reason: str = ""


ROOM = StorageState()


def judge_storage(free: int, limits: StorageLimits, before: StorageState = ROOM) -> StorageState:
    """Low space ends pictures first, then pauses sorting; the journal is never cut off in the middle.

    Args:
        free: Bytes that can still be written (see ``free_bytes``).
        limits: Where pictures and sorting end.
        before: The last answer: what ended then comes back only well above its limit.
    """

    def enough(limit_megabytes: float, still: bool) -> bool:
        return free >= limit_megabytes * MEGABYTE * (1.0 if still else _RECOVERED)

    pictures = enough(limits.pictures_megabytes, before.pictures)
    sorting = enough(limits.sorting_megabytes, before.sorting)
    if pictures and sorting:
        return ROOM
    left = f"Only {free / MEGABYTE:.0f} MB are free on the disk"
    if sorting:
        return StorageState(False, True, f"{left}: no pictures are kept until there is more.")
    return StorageState(False, False, f"{left}: sorting waits until there is more, so that the journal stays complete.")


def free_bytes(path: Path) -> int:
    """Bytes that this user can still write where ``path`` is, or will be, made.

    0 where the file system has run out of file entries (inodes): no new file fits there, whatever its bytes say.

    Raises:
        StorageError: The file system does not tell.
    """
    place = path.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    with translated_storage_errors(path):
        found = os.statvfs(place)
    # Some file systems (btrfs, FAT) make entries as needed and count none.
    if found.f_files > 0 and found.f_favail == 0:
        return 0
    return found.f_bavail * found.f_frsize
