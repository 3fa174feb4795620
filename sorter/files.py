"""Files that are complete or not there at all."""

import csv
import errno
import json
import os
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sorter.errors import StorageError


@contextmanager
def translated_storage_errors(path: Path) -> Iterator[None]:
    """Turns an ``OSError`` raised inside into a ``StorageError`` about ``path``."""
    try:
        yield
    except OSError as error:
        reasons = {
            errno.ENOSPC: ("the disk is full", "Free some space and run the command again."),
            errno.EDQUOT: ("your disk quota is used up", "Free some space and run the command again."),
            errno.EACCES: ("permission is denied", "Choose a folder that you may write to."),
            errno.EPERM: ("permission is denied", "Choose a folder that you may write to."),
            errno.EROFS: ("the file system is read-only", "Choose a folder that you may write to."),
            errno.ENOTDIR: ("a part of the path is a file, not a folder", "Choose another path."),
            errno.EISDIR: ("it is a folder", "Choose a file name."),
            errno.ENAMETOOLONG: ("the name is too long", "Choose a shorter name."),
        }
        unknown = (error.strerror or str(error) or "the system gives no reason", "Choose another path.")
        reason, hint = reasons.get(error.errno or 0, unknown)
        raise StorageError(f"Cannot write {path}: {reason}.", hint) from error


def make_folder(path: Path) -> Path:
    """Creates a folder and its parents.

    Raises:
        StorageError: It cannot be created.
    """
    with translated_storage_errors(path):
        if path.exists() and not path.is_dir():
            raise StorageError(f"Cannot write {path}: it is a file, and a folder is needed.", "Choose another path.")
        path.mkdir(parents=True, exist_ok=True)
    return path


@contextmanager
def complete_file(path: Path) -> Iterator[Path]:
    """Gives a temporary path beside ``path`` that takes its place when the block ends well.

    The content is flushed to the disk before the rename, so after a power cut the old or the new file is there, never
    a half one. When the block raises, nothing is left behind.

    Raises:
        StorageError: The file cannot be written.
    """
    make_folder(path.parent)
    with translated_storage_errors(path):
        handle, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", suffix=path.suffix, dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            umask = os.umask(0)
            os.umask(umask)
            temporary.chmod(0o666 & ~umask)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def zipped_size(content: bytes) -> int:
    """Bytes that a file becomes as a ZIP, an update or an app store carries it (deflate)."""
    return len(zlib.compress(content, 9))


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a whole file or none (see ``complete_file``)."""
    with complete_file(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Writes a whole UTF-8 file or none (see ``complete_file``)."""
    write_bytes(path, content.encode())


def write_json(path: Path, content: Any) -> None:
    """Writes a JSON file with sorted keys, so that equal contents are equal bytes."""
    write_text(path, json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Writes a CSV file with a header line."""
    with complete_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
