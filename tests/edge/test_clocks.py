"""The wall clock may jump: a Raspberry Pi has none of its own and starts in the past until the network helps."""

import ast
import itertools
import sqlite3
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from sorter.edge.cli import run
from tests.conftest import ROOT

_WALL_CLOCK = {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "datetime.today"}


def reads_wall_clock(node: ast.AST) -> bool:
    return any(isinstance(part, ast.Call) and ast.unparse(part.func) in _WALL_CLOCK for part in ast.walk(node))


def order_dependent(source: str) -> list[int]:
    """Lines that compare the time of day, or take a difference of it: durations belong to ``time.monotonic``."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if (isinstance(node, ast.Compare) or (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub)))
        and reads_wall_clock(node)
    ]


@pytest.mark.parametrize("path", sorted((ROOT / "edge").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_measured_with_the_wall_clock(path: Path) -> None:
    assert order_dependent(path.read_text(encoding="utf-8")) == []


def test_the_audit_sees_what_it_should() -> None:
    bad = "import time\na = time.time() - started\nif time.time() < deadline: pass\nb = time.time()\n"
    assert order_dependent(bad) == [2, 3]


def test_a_clock_that_runs_backwards_sorts_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Setting the real clock would hit everything else on this machine: here it jumps for the program alone."""
    readings = itertools.count(2e9, -3600.0)
    monkeypatch.setattr(time, "time", lambda: next(readings))
    arguments = ["--camera", "sim:?speed=2", "--port", "sim:?move_s=0.1", "--model", "fruit-demo-int8"]
    journal = tmp_path / "journal.db"
    result = CliRunner().invoke(run, [*arguments, "--objects", "2", "--journal", str(journal)])
    assert result.exit_code == 0, result.output
    database = sqlite3.connect(journal)
    rows = database.execute("SELECT number, outcome FROM object ORDER BY id").fetchall()
    database.close()
    assert rows == [(1, "completed"), (2, "completed")]
