"""Keys at a real terminal: ``sorter-run`` in the foreground of a pseudo-terminal, and in its background."""

import fcntl
import os
import re
import sqlite3
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sorter.models import find_model

_RUN = "from sorter.edge.cli import run; run()"


class Terminal:
    """A pseudo-terminal with a program that it controls."""

    def __init__(self, journal: Path) -> None:
        self.journal = journal
        self.master, slave = os.openpty()
        arguments = ["--camera", "sim:?speed=2", "--port", "sim:?move_s=0.1", "--journal", str(journal)]
        self.process = subprocess.Popen(
            [sys.executable, "-c", _RUN, *arguments, "--model", str(find_model("fruit-demo-int8"))],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)
        os.set_blocking(self.master, False)
        self.shown = ""

    def wait_for(self, pattern: str, timeout_s: float = 40.0) -> None:
        deadline_s = time.monotonic() + timeout_s
        while re.search(pattern, self.shown) is None:
            assert time.monotonic() < deadline_s, self.shown
            try:
                self.shown += os.read(self.master, 65536).decode()
            except BlockingIOError:
                time.sleep(0.02)

    def press(self, key: str) -> None:
        self.shown = ""
        os.write(self.master, key.encode())

    def outcomes(self) -> list[str]:
        database = sqlite3.connect(self.journal)
        found = [row[0] for row in database.execute("SELECT outcome FROM object ORDER BY id")]
        database.close()
        return found


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    made = Terminal(tmp_path / "j.db")
    yield made
    made.process.kill()
    made.process.wait()
    os.close(made.master)


def test_keys_pause_resume_stop_and_end(terminal: Terminal) -> None:
    terminal.wait_for("Keys: space")
    terminal.wait_for(r"bin\b")
    terminal.press("p")
    terminal.wait_for("paused the sorter")
    terminal.press("r")
    terminal.wait_for("go on")
    terminal.press(" ")
    terminal.wait_for("The keyboard stopped the arm")
    terminal.wait_for("waits for a person")  # it does not end: somebody is here
    assert terminal.process.poll() is None
    terminal.press("r")
    terminal.wait_for("takes commands again")
    terminal.press("q")
    terminal.wait_for("Objects: ")
    assert terminal.process.wait(20) == 0
    assert set(terminal.outcomes()) <= {"completed", "failed"}


def test_in_the_background_it_leaves_the_terminal_alone(tmp_path: Path) -> None:
    """As after ``sorter-run ... &`` in a shell: touching the terminal would stop it."""
    master, slave = os.openpty()
    command = [sys.executable, "-c", _RUN, "--camera", "sim:?speed=2", "--port", "sim:?move_s=0.1", "--objects", "1"]
    command += ["--journal", str(tmp_path / "j.db"), "--model", str(find_model("fruit-demo-int8"))]
    shell = (
        "import fcntl, subprocess, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
        f"sys.exit(subprocess.Popen({command!r}, process_group=0).wait())"
    )
    done = subprocess.run(
        [sys.executable, "-c", shell], stdin=slave, capture_output=True, start_new_session=True, timeout=120
    )
    os.close(slave)
    os.close(master)
    assert done.returncode == 0, done.stderr
    assert b"Keys:" not in done.stderr
