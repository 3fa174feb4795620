"""The journal is a real SQLite file that another program can read."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from sorter.edge.arms.arm import ArmStatus
from sorter.edge.decision import Decision
from sorter.edge.flight import settle_unfinished
from sorter.edge.journal import Entry, Journal, Unfinished
from sorter.edge.objects import COMPLETED, FAILED, SENT, UNKNOWN
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
        row = journal.record(Entry(1, DECISION, "arm", 17, 16))
        assert rows(path) == [(1, "apple", 1, 17, SENT)]
        journal.acknowledge(row)
        journal.complete(row, COMPLETED)
        assert rows(path) == [(1, "apple", 1, 17, COMPLETED)]
    with sqlite3.connect(path) as database:
        stored = database.execute("SELECT probabilities, acknowledged_at <= completed_at FROM object").fetchone()
    database.close()
    assert json.loads(stored[0]) == [0.91, 0.09] and stored[1] == 1


def test_a_killed_run_leaves_its_command_and_the_next_run_finds_it(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    code = (
        "import os, sys; from pathlib import Path; from sorter.edge.journal import Entry, Journal; "
        "from sorter.edge.decision import Decision; journal = Journal(Path(sys.argv[1]), 'r', 'm'); journal.open(); "
        "journal.record(Entry(1, Decision('apple', 0.9, (0.9, 0.1), 1), 'bench', 5, 4)); "
        f"os.kill(os.getpid(), {int(signal.SIGKILL)})"
    )
    assert subprocess.run([sys.executable, "-c", code, path], env=os.environ).returncode == -signal.SIGKILL
    with Journal(path, "run", "abc") as journal:
        assert journal.unfinished() == [Unfinished(1, 1, "bench", 5, 4)]
        assert not journal.place_was_cleared()


@pytest.mark.parametrize(
    ("status", "arm", "outcome", "cleared"),
    [
        (ArmStatus("IDLE", 5, "DONE"), "bench", COMPLETED, False),
        (ArmStatus("FAULT", 5, "ERR20"), "bench", FAILED, False),
        (ArmStatus("IDLE", 4, "DONE"), "bench", FAILED, True),  # never accepted: the object may be sorted
        (ArmStatus("IDLE", 0, "NONE"), "bench", UNKNOWN, False),  # it was reset
        (ArmStatus("IDLE", 9, "DONE"), "bench", UNKNOWN, False),
        (ArmStatus("IDLE", 5, "DONE"), "another", UNKNOWN, False),
    ],
)
def test_the_arms_memory_settles_what_was_under_way(
    tmp_path: Path, status: ArmStatus, arm: str, outcome: str, cleared: bool
) -> None:
    with Journal(tmp_path / "j.db", "run", "abc") as journal:
        journal.record(Entry(1, DECISION, "bench", 5, 4))
        assert [settled for settled, _ in settle_unfinished(journal, arm, status)] == [outcome]
        assert journal.unfinished() == [] and journal.place_was_cleared() is cleared
        assert journal.contents() == ({} if outcome == FAILED else {1: 1})


def test_bins_are_counted_once_and_emptied(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    with Journal(path, "run", "abc") as journal:
        for number in (1, 2, 3):
            row = journal.record(Entry(number, DECISION, "bench", number))
            journal.complete(row, COMPLETED if number < 3 else FAILED)
            journal.complete(row, UNKNOWN)
        assert journal.contents() == {1: 2}
    with Journal(path, "run", "abc") as journal:
        assert journal.contents() == {1: 2}
        journal.empty_bin(1)
        assert journal.contents() == {}


def test_the_oldest_objects_make_room(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    with Journal(path, "run", "abc", most_objects=1000) as journal:
        first = journal.record(Entry(0, DECISION, "bench", 1))  # still under way: kept, however old
        for number in range(1, 2000):
            journal.complete(journal.record(Entry(number, DECISION, "bench", number)), COMPLETED)
    kept = rows(path)
    assert len(kept) == 1001 and kept[0][0] == 0 and kept[-1][0] == 1999 and first == 1


def test_two_runs_cannot_share_a_journal(tmp_path: Path) -> None:
    in_use = f"in use by another run .process {os.getpid()}."
    with Journal(tmp_path / "j.db", "run", "abc"), pytest.raises(StorageError, match=in_use):
        Journal(tmp_path / "j.db", "run", "abc").open()
    with Journal(tmp_path / "j.db", "run", "abc") as journal:
        assert journal.unfinished() == []


def test_what_the_empty_place_looks_like_is_kept(tmp_path: Path) -> None:
    with Journal(tmp_path / "j.db", "run", "abc") as journal:
        assert journal.empty_place("0") is None
        journal.remember_empty_place("0", b"old")
        journal.remember_empty_place("0", b"new")
        assert journal.empty_place("0") == b"new" and journal.empty_place("1") is None


def test_a_journal_of_version_0_1_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    with sqlite3.connect(path) as database:
        database.execute(
            "CREATE TABLE object (id INTEGER PRIMARY KEY, run TEXT NOT NULL, number INTEGER NOT NULL, decided_at REAL"
            " NOT NULL, label TEXT NOT NULL, probability REAL NOT NULL, probabilities TEXT NOT NULL, bin INTEGER NOT"
            " NULL, rejected TEXT NOT NULL, sequence INTEGER NOT NULL, model_sha256 TEXT NOT NULL, outcome TEXT NOT"
            " NULL, acknowledged_at REAL, completed_at REAL)"
        )
        database.execute("INSERT INTO object VALUES (1,'r',1,0,'apple',0.9,'[]',1,'',7,'m','sent',NULL,NULL)")
    database.close()
    with Journal(path, "run", "abc") as journal:
        assert journal.unfinished() == [Unfinished(1, 1, "", 7, 0)]


def test_a_file_that_is_no_journal(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_text("not a database, but long enough to be taken for one" * 10)
    with pytest.raises(StorageError, match="cannot be written"):
        Journal(tmp_path / "a.db", "run", "abc").open()
    with pytest.raises(StorageError):
        Journal(tmp_path, "run", "abc").open()
