"""One program at a time: an advisory lock that the system releases when its holder ends, however it ends."""

import fcntl
import os
from pathlib import Path

from sorter.errors import StorageError
from sorter.files import translated_storage_errors


class FileLock:
    """A lock file. It is left behind, since removing it while another program waits for it would give two holders.

    Args:
        path: The lock file; made when it is missing.
        what: What it guards, at the start of a sentence: ``The journal sorter.db``.
    """

    def __init__(self, path: Path, what: str) -> None:
        self._path, self._what = path, what
        self._handle: int | None = None

    def acquire(self) -> None:
        """Takes the lock.

        Raises:
            StorageError: Another program holds it, or the file cannot be made.
        """
        with translated_storage_errors(self._path):
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(handle, 32).decode("ascii", "replace").strip()
            os.close(handle)
            raise StorageError(
                f"{self._what} is in use by another run" + (f" (process {holder})." if holder else "."),
                "End the other run first, or name another file.",
            ) from error
        os.ftruncate(handle, 0)
        os.write(handle, f"{os.getpid()}\n".encode())
        self._handle = handle

    def release(self) -> None:
        """Gives the lock back; releasing twice does nothing."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
