"""The journal is a real SQLite file that another program can read."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from sorter.edge.decision import Decision
from sorter.edge.journal import Journal
from sorter.edge.objects import COMPLETED, SENT, UNKNOWN
from sorter.errors import StorageError

DECISION = Decision("apple", 0.91, (0.91, 0.09), 1)


def rows(path: Path) -> list[tuple[object, ...]]:
    with sqlite3.connect(path) as database:
        found = database.execute("SELECT number, label, bin, sequence, outcome FROM object ORDER BY id").fetchall()
    database.close()
    return found


def test_a_row_before_the_command_and_completed_after(tmp_path: Path) -> None:
    path = tmp_path / "new" / "journal.db"
    with Journal(path, "run", "abc") as journal:
        row = journal.record(1, DECISION, 17)
        assert rows(path) == [(1, "apple", 1, 17, SENT)]
        journal.acknowledge(row)
        journal.complete(row, COMPLETED)
        assert rows(path) == [(1, "apple", 1, 17, COMPLETED)]
    with sqlite3.connect(path) as database:
        stored = database.execute("SELECT probabilities, acknowledged_at <= completed_at FROM object").fetchone()
    database.close()
    assert json.loads(stored[0]) == [0.91, 0.09] and stored[1] == 1


def test_a_killed_run_leaves_its_command_and_the_next_run_says_so(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    code = (
        "import os, sys; from pathlib import Path; from sorter.edge.journal import Journal; "
        "from sorter.edge.decision import Decision; journal = Journal(Path(sys.argv[1]), 'r', 'm'); journal.open(); "
        f"journal.record(1, Decision('apple', 0.9, (0.9, 0.1), 1), 5); os.kill(os.getpid(), {int(signal.SIGKILL)})"
    )
    assert subprocess.run([sys.executable, "-c", code, path], env=os.environ).returncode == -signal.SIGKILL
    journal = Journal(path, "run", "abc")
    journal.open()
    assert journal.unfinished == 1
    assert rows(path) == [(1, "apple", 1, 5, UNKNOWN)]
    journal.close()


def test_a_file_that_is_no_journal(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_text("not a database, but long enough to be taken for one" * 10)
    with pytest.raises(StorageError, match="cannot be written"):
        Journal(tmp_path / "a.db", "run", "abc").open()
    with pytest.raises(StorageError):
        Journal(tmp_path, "run", "abc").open()
