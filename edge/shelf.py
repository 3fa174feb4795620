"""A folder of pictures that never grows beyond its limits; the oldest make room for the newest."""

import errno
import fcntl
import json
import os
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from sorter.edge.storage import MEGABYTE
from sorter.errors import StorageError
from sorter.files import make_folder, translated_storage_errors, write_bytes
from sorter.photo_names import is_photo_name

RECORDS_NAME: Final = "kept.jsonl"

_STALE_LINES = 200
"""Records of removed pictures that may lie in the file beside those of the present ones, before it is written anew."""


class Shelf:
    """Class folders of pictures, and a JSON line about each in ``kept.jsonl``. Used by one thread.

    Only files that ``sorter.photo_names`` named are counted and removed; whatever else lies there is left alone.

    Args:
        folder: Where; one sorter at a time.
        max_bytes: Of pictures and their records together.
        max_files: Of pictures.
    """

    def __init__(self, folder: Path, max_bytes: int, max_files: int) -> None:
        self.folder = folder
        self._records = folder / RECORDS_NAME
        self._max_bytes, self._max_files = max_bytes, max_files
        self._sizes: OrderedDict[str, int] = OrderedDict()
        self._bytes = 0
        self._lines = 0
        self._lock_handle: int | None = None

    def __len__(self) -> int:
        """How many pictures there are."""
        return len(self._sizes)

    @property
    def size_bytes(self) -> int:
        """Size of the pictures and their records."""
        return self._bytes

    def open(self) -> None:
        """Takes possession of the folder, counts what is there, and tidies up after a crash.

        Raises:
            StorageError: The folder cannot be made or written, or another sorter uses it.
        """
        make_folder(self.folder)
        with translated_storage_errors(self.folder):
            self._lock()
            present = dict(self._scan())
            recorded = self._read_records()
        # The order of the records is the order of writing, also where the clock jumped. What has no record comes from
        # a run that was cut off; nothing better than its name tells its age.
        unrecorded = sorted(present.keys() - recorded.keys())
        self._sizes = OrderedDict((path, present[path]) for path in unrecorded)
        self._sizes.update((path, present[path] + size) for path, size in recorded.items() if path in present)
        self._bytes = sum(self._sizes.values())

    def close(self) -> None:
        """Gives the folder free for others."""
        if self._lock_handle is not None:
            os.close(self._lock_handle)
            self._lock_handle = None

    def put(self, path: str, content: bytes, record: Mapping[str, Any]) -> None:
        """Adds a picture and its record: both or none.

        Args:
            path: Relative to the folder.
            content: Of the file.
            record: What the JSON line says beside ``picture``, the path.

        Raises:
            StorageError: There is no room, or it cannot be written; then nothing of it is there.
        """
        line = json.dumps({"picture": path, **record}, ensure_ascii=False).encode() + b"\n"
        size = len(content) + len(line)
        if size > self._max_bytes:
            raise StorageError(
                f"A picture of {size / MEGABYTE:.1f} MB exceeds the limit of all kept pictures together.",
                "Allow more megabytes.",
            )
        self._make_room(size)
        write_bytes(self.folder / path, content)
        try:
            with translated_storage_errors(self._records):
                self._append(line)
        except StorageError:
            (self.folder / path).unlink(missing_ok=True)
            raise
        self._sizes[path] = size
        self._bytes += size

    def _lock(self) -> None:
        # Two that remove each other's unfinished files would corrupt what they share.
        handle = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise StorageError(
                f"Another running sorter keeps its pictures in {self.folder}.", "Give each a folder of its own."
            ) from None
        except OSError:
            # Some network file systems know no locks.
            pass
        self._lock_handle = handle

    def _scan(self) -> Iterator[tuple[str, int]]:
        """Relative path and size of each picture; removes what was being written when a run was cut off."""
        for folder in self.folder.iterdir():
            if not folder.is_dir() or folder.is_symlink():
                continue
            for file in os.scandir(folder):
                if is_photo_name(file.name):
                    yield f"{folder.name}/{file.name}", file.stat(follow_symlinks=False).st_size
                elif file.name.startswith(".") and is_photo_name(file.name[1:].rsplit(".", 2)[0]):
                    Path(file.path).unlink(missing_ok=True)

    def _read_records(self) -> dict[str, int]:
        """Path and size of each line; cuts off a last line that a power cut left unfinished."""
        try:
            content = self._records.read_bytes()
        except FileNotFoundError:
            return {}
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            os.truncate(self._records, whole)
        lines = content[:whole].splitlines(keepends=True)
        self._lines = len(lines)
        return {path: len(line) for line in lines if (path := _picture_of(line))}

    def _make_room(self, size: int) -> None:
        while self._sizes and (self._bytes + size > self._max_bytes or len(self._sizes) >= self._max_files):
            path, freed = self._sizes.popitem(last=False)
            with translated_storage_errors(self.folder / path):
                (self.folder / path).unlink(missing_ok=True)
            self._bytes -= freed
            with suppress(OSError):
                # A class folder without pictures would stop a training.
                (self.folder / path).parent.rmdir()
        if self._lines > 2 * len(self._sizes) + _STALE_LINES:
            self._drop_stale_records()

    def _drop_stale_records(self) -> None:
        with translated_storage_errors(self._records):
            lines = self._records.read_bytes().splitlines(keepends=True) if self._records.exists() else []
        present = [line for line in lines if _picture_of(line) in self._sizes]
        write_bytes(self._records, b"".join(present))
        self._lines = len(present)

    def _append(self, line: bytes) -> None:
        handle = os.open(self._records, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            before = os.fstat(handle).st_size
            try:
                if os.write(handle, line) < len(line):
                    raise OSError(errno.ENOSPC, "the disk filled up within the line")
                os.fsync(handle)
            except OSError:
                os.ftruncate(handle, before)
                raise
        finally:
            os.close(handle)
        self._lines += 1


def _picture_of(line: bytes) -> str:
    """The path in a record; empty where the line is none."""
    try:
        return str(json.loads(line)["picture"])
    except (ValueError, KeyError, TypeError):
        return ""
