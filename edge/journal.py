"""What happened to every object, in an SQLite file.

A row is written and committed before the command leaves, and completed afterwards. After a crash or power cut the row
tells that a command was on its way. Write-ahead logging (WAL) keeps the file consistent at any instant.
"""

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from sorter.edge.decision import Decision
from sorter.edge.objects import SENT, UNKNOWN
from sorter.errors import StorageError
from sorter.files import make_folder

_SCHEMA = """
CREATE TABLE IF NOT EXISTS object (
    id INTEGER PRIMARY KEY,
    run TEXT NOT NULL,
    number INTEGER NOT NULL,
    decided_at REAL NOT NULL,
    label TEXT NOT NULL,
    probability REAL NOT NULL,
    probabilities TEXT NOT NULL,
    bin INTEGER NOT NULL,
    rejected TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    model_sha256 TEXT NOT NULL,
    outcome TEXT NOT NULL,
    acknowledged_at REAL,
    completed_at REAL
);
CREATE INDEX IF NOT EXISTS object_outcome ON object (outcome);
"""


class Journal:
    """One SQLite file with a row an object. Used by one thread.

    Args:
        path: The file; made when it is missing.
        run: Name of this run, for instance its start time.
        model_sha256: The network in use.

    Attributes:
        unfinished: Commands of earlier runs that were on their way when those ended, found when it was opened.
    """

    def __init__(self, path: Path, run: str, model_sha256: str) -> None:
        self.path = path
        self._run, self._model_sha256 = run, model_sha256
        self.unfinished = 0
        self._database: sqlite3.Connection | None = None

    def open(self) -> None:
        """Opens the file, and marks commands that were on their way when an earlier run ended as ``unknown``.

        Raises:
            StorageError: The file cannot be opened or is no journal.
        """
        make_folder(self.path.parent)
        with self._translated():
            # Not deferred to the first use: a journal that cannot be written must stop the run before the arm moves.
            self._database = sqlite3.connect(self.path, isolation_level=None)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=NORMAL")
            self._database.executescript(_SCHEMA)
            self.unfinished = self._execute("UPDATE object SET outcome=? WHERE outcome=?", UNKNOWN, SENT).rowcount

    def record(self, number: int, decision: Decision, sequence: int) -> int:
        """Writes the row of an object whose command is about to leave, and returns its id."""
        row = self._execute(
            "INSERT INTO object (run, number, decided_at, label, probability, probabilities, bin, rejected, sequence,"
            " model_sha256, outcome) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
            self._run,
            number,
            time.time(),
            decision.label,
            decision.probability,
            json.dumps([round(p, 4) for p in decision.probabilities]),
            decision.bin,
            decision.rejected,
            sequence,
            self._model_sha256,
            SENT,
        )
        return int(row.lastrowid or 0)

    def acknowledge(self, row: int) -> None:
        """Notes that the arm received the command."""
        self._execute("UPDATE object SET acknowledged_at=? WHERE id=?", time.time(), row)

    def complete(self, row: int, outcome: str) -> None:
        """Notes how the command ended."""
        self._execute("UPDATE object SET completed_at=?, outcome=? WHERE id=?", time.time(), outcome, row)

    def close(self) -> None:
        """Closes the file."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def _execute(self, statement: str, *values: object) -> sqlite3.Cursor:
        assert self._database is not None, "the journal is not open"
        with self._translated():
            return self._database.execute(statement, values)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StorageError(
                f"The journal {self.path} cannot be written: {error}.",
                "Free some space, check its permissions, or name another file with --journal.",
            ) from error

    def __enter__(self) -> Self:
        """Opens the file."""
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the file."""
        self.close()
