"""What happened to every object, in an SQLite file.

A row is written and committed before the command leaves, and completed afterwards. After a crash or power cut the row
tells that a command was on its way, and the arm can be asked what became of it.

Write-ahead logging (WAL) keeps the file consistent at any instant and lets other programs read it meanwhile;
``synchronous=FULL`` makes a committed row survive a power cut (https://www.sqlite.org/pragma.html#pragma_synchronous).
Times are seconds since 1970 for people to read; nothing depends on their order, since a board's clock may jump.
"""

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from sorter.edge.decision import Decision
from sorter.edge.journal_tables import prepare_tables
from sorter.edge.lock import FileLock
from sorter.edge.objects import COUNTED, SENT
from sorter.errors import StorageError
from sorter.files import make_folder

_CHECKPOINT_EVERY = 100
"""Objects between two checkpoints: milliseconds while the place is empty, not while a command waits for its row."""

_LONGEST_LOG_PAGES = 10_000
"""Where nothing is cleared for long, SQLite makes one by itself at some 40 MB."""

_PRUNE_EVERY = 500
"""Objects between two looks at the retention limit."""

NO_BIN = -1
"""The bin of an object whose decision was lost."""


@dataclass(frozen=True)
class Entry:
    """What is known of an object before its command leaves.

    Attributes:
        number: Counted from 1 in each run.
        decision: What was decided.
        arm: Name of the arm.
        sequence: Number of the command.
        previous_sequence: Number of the last command before it that the arm knows; 0 for none.
        classify_s: Time of classifying one frame.
        picture: Where its picture will be kept; empty when it will not.
    """

    number: int
    decision: Decision
    arm: str
    sequence: int
    previous_sequence: int = 0
    classify_s: float = 0.0
    picture: str = ""


@dataclass(frozen=True)
class Unfinished:
    """A command of an earlier run that was on its way when that ended."""

    row: int
    bin: int
    arm: str
    sequence: int
    previous_sequence: int


class Journal:
    """One SQLite file with a row an object. Used by one thread at a time; other programs may read it meanwhile.

    Args:
        path: The file; made when it is missing.
        run: Name of this run, for instance its start time.
        model_sha256: The network in use.
        most_objects: The oldest objects and events beyond this number are deleted.

    Attributes:
        model_sha256: The network in use; may change during a run.
    """

    def __init__(self, path: Path, run: str, model_sha256: str, most_objects: int = 1_000_000) -> None:
        self.path = path
        self.model_sha256 = model_sha256
        self._run, self._most_objects = run, most_objects
        self._lock = FileLock(path.with_name(path.name + ".lock"), f"The journal {path}")
        self._database: sqlite3.Connection | None = None
        self._flushes = True

    def open(self) -> None:
        """Opens the file for this program alone.

        Raises:
            StorageError: The file cannot be opened, is no journal, or another run writes to it.
        """
        make_folder(self.path.parent)
        if self.path.is_dir():
            raise StorageError(f"The journal {self.path} is a folder.", "Name a file with --journal.")
        self._lock.acquire()
        try:
            # At once: a journal that cannot be written must end the run before the arm moves.
            self._database = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=FULL")
            self._flushes = True
            self._database.execute(f"PRAGMA wal_autocheckpoint={_LONGEST_LOG_PAGES}")
            prepare_tables(self._database)
        except BaseException as error:
            self.close()
            if isinstance(error, sqlite3.Error):
                raise self._storage_error(error) from error
            raise

    def record(self, entry: Entry, flushed: bool = True) -> int:
        """Writes the row of an object whose command is about to leave, and returns its id.

        Args:
            entry: What is known of the object.
            flushed: Whether the row must be on the disk at once. Else the next thing written takes it there; until
                then it survives a killed program, but not a power cut.
        """
        decision = entry.decision
        row = self._write(
            flushed,
            "INSERT INTO object (run, number, decided_at, label, probability, probabilities, bin, rejected, sequence,"
            " model_sha256, outcome, arm, previous_sequence, classify_s, picture)"
            " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            self._run,
            entry.number,
            time.time(),
            decision.label,
            decision.probability,
            json.dumps([round(p, 4) for p in decision.probabilities]),
            decision.bin,
            decision.rejected,
            entry.sequence,
            self.model_sha256,
            SENT,
            entry.arm,
            entry.previous_sequence,
            entry.classify_s,
            entry.picture,
        )
        identity = int(row.lastrowid or 0)
        if identity % _PRUNE_EVERY == 0:
            self._prune(identity)
        return identity

    def expect_unflushed(self) -> None:
        """Makes ready for a ``record`` that need not be flushed, so that it takes less time when it comes."""
        self._flush_writes(False)

    def acknowledge(self, row: int) -> None:
        """Notes that the arm received the command."""
        self._execute("UPDATE object SET acknowledged_at=? WHERE id=?", time.time(), row)

    def complete(self, row: int, outcome: str, note: str = "") -> None:
        """Notes how a command ended, and counts the object in its bin; doing so twice counts it once."""
        with self._transaction():
            changed = self._execute(
                "UPDATE object SET completed_at=?, outcome=?, note=? WHERE id=? AND outcome=?",
                time.time(),
                outcome,
                note,
                row,
                SENT,
            )
            if changed.rowcount and outcome in COUNTED:
                self._execute(
                    "INSERT INTO bin SELECT bin, 1 FROM object WHERE id=? AND bin<>? ON CONFLICT(number) DO UPDATE"
                    " SET objects = objects + 1",
                    row,
                    NO_BIN,
                )

    def clear(self, row: int) -> None:
        """Notes that the place was seen empty after the object."""
        self._execute("UPDATE object SET cleared_at=? WHERE id=?", time.time(), row)
        if row % _CHECKPOINT_EVERY == 0:
            self._execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def note(self, text: str) -> None:
        """Notes something that happened: a fault, a pause, a change of the network."""
        self._execute("INSERT INTO event (run, at, text) VALUES (?,?,?)", self._run, time.time(), text)

    def unfinished(self) -> list[Unfinished]:
        """Commands of earlier runs that were on their way when those ended, oldest first."""
        rows = self._execute("SELECT id, bin, arm, sequence, previous_sequence FROM object WHERE outcome=?", SENT)
        return [Unfinished(*row) for row in rows]

    def last_row(self) -> int:
        """Id of the newest object; 0 for none."""
        return int(self._execute("SELECT max(id) FROM object").fetchone()[0] or 0)

    def has_command(self, sequence: int, after_row: int) -> bool:
        """Whether one of the newer objects has a command of this number."""
        found = self._execute("SELECT 1 FROM object WHERE id>? AND sequence=?", after_row, sequence)
        return found.fetchone() is not None

    def place_was_cleared(self) -> bool:
        """Whether the place was seen empty after the last object."""
        last = self._execute("SELECT cleared_at FROM object ORDER BY id DESC LIMIT 1").fetchone()
        return last is None or last[0] is not None

    def contents(self) -> dict[int, int]:
        """Objects in each bin since it was last emptied."""
        return dict(self._execute("SELECT number, objects FROM bin").fetchall())

    def empty_bin(self, number: int) -> None:
        """Notes that a bin was emptied."""
        self._execute("DELETE FROM bin WHERE number=?", number)
        self.note(f"bin {number} was emptied")

    def remember_empty_place(self, camera: str, picture: bytes) -> None:
        """Stores what the empty place looks like, for the next start."""
        self._execute("INSERT OR REPLACE INTO empty_place VALUES (?,?,?)", camera, time.time(), picture)

    def empty_place(self, camera: str) -> bytes | None:
        """What the empty place of this camera looked like; None when nobody knows."""
        found = self._execute("SELECT picture FROM empty_place WHERE camera=?", camera).fetchone()
        return bytes(found[0]) if found else None

    def remember(self, name: str, value: str, flushed: bool = True) -> None:
        """Stores a fact about this sorter for the next start (``flushed``: see ``record``)."""
        self._write(flushed, "INSERT OR REPLACE INTO memory VALUES (?,?)", name, value)

    def recall(self, name: str) -> str:
        """A fact that was stored; empty when none was."""
        found = self._execute("SELECT value FROM memory WHERE name=?", name).fetchone()
        return str(found[0]) if found else ""

    def close(self) -> None:
        """Closes the file; closing twice does nothing."""
        if self._database is not None:
            self._database.close()
            self._database = None
        self._lock.release()

    def _prune(self, newest: int) -> None:
        self._execute("DELETE FROM object WHERE id <= ? AND outcome<>?", newest - self._most_objects, SENT)
        self._execute("DELETE FROM event WHERE id <= (SELECT max(id) FROM event) - ?", self._most_objects)

    def _write(self, flushed: bool, statement: str, *values: object) -> sqlite3.Cursor:
        self._flush_writes(flushed)
        return self._run_statement(statement, *values)

    def _execute(self, statement: str, *values: object) -> sqlite3.Cursor:
        return self._write(True, statement, *values)

    def _flush_writes(self, flushed: bool) -> None:
        """Sets whether what is written from now on must be on the disk at once."""
        if flushed != self._flushes:
            self._run_statement(f"PRAGMA synchronous={'FULL' if flushed else 'NORMAL'}")
            self._flushes = flushed

    def _run_statement(self, statement: str, *values: object) -> sqlite3.Cursor:
        assert self._database is not None, "the journal is not open"
        try:
            return self._database.execute(statement, values)
        except sqlite3.Error as error:
            raise self._storage_error(error) from error

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._execute("BEGIN IMMEDIATE")
        try:
            yield
            self._execute("COMMIT")
        except BaseException:
            # A full disk has rolled it back already.
            if self._database is not None and self._database.in_transaction:
                self._execute("ROLLBACK")
            raise

    def _storage_error(self, error: sqlite3.Error) -> StorageError:
        return StorageError(
            f"The journal {self.path} cannot be written: {error}.",
            "Free some space, check its permissions, or name another file with --journal.",
        )

    def __enter__(self) -> Self:
        """Opens the file."""
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the file."""
        self.close()
