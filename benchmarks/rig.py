"""A sorter and a simulated platform as the programs that users start, for benchmarks that look at whole processes."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sorter.errors import DeviceError

_PLATFORM = "from sorter.edge.sim_cli import sim; sim()"
_SORTER = "from sorter.edge.cli import run; run()"
_START_S = 60.0
_END_S = 20.0


class Program:
    """One of the toolkit's commands in a process of its own.

    Args:
        code: Python code that runs it.
        arguments: Its arguments.
        log: File to which everything that it says is added.
    """

    def __init__(self, code: str, arguments: Sequence[str], log: Path) -> None:
        self.log = log
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-c", code, *arguments], stdout=out, stderr=out, env=environment
            )

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def said(self) -> str:
        """Everything that it has said."""
        return self.log.read_text(errors="replace")

    def end(self, number: int = signal.SIGTERM, within_s: float = _END_S) -> int | None:
        """Sends a signal and waits; the exit code, or None where it had to be killed."""
        if self.running:
            self.process.send_signal(number)
        try:
            return self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return None

    def cpu_s(self) -> float:
        """CPU time that it has taken, user and system, its threads included."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def waited_s(self) -> float:
        """How long its main thread was ready to run and had no core; 0 where the system does not tell."""
        try:
            return int(Path(f"/proc/{self.process.pid}/schedstat").read_text().split()[1]) / 1e9
        except (OSError, IndexError):
            return 0.0

    def resident_mb(self) -> float:
        """Resident memory in megabytes (MiB)."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


class Platform:
    """``sorter-sim platform`` in a process of its own.

    Args:
        camera: Its ``sim:`` address.
        arm: Its ``sim:`` address.
        folder: For its link, its truth and what it says.
        options: Further arguments.

    Attributes:
        port: The arm's port.
        url: The camera's address, once it runs.
    """

    def __init__(self, camera: str, arm: str, folder: Path, *options: str) -> None:
        self.port, self.url = folder / "arm", ""
        self._truth, self._log = folder / "truth.json", folder / "platform.log"
        self._arguments = ("platform", "--camera", camera, "--arm", arm, "--link", str(self.port), *options)

    def __enter__(self) -> Self:
        """Starts it, and waits until it serves."""
        self._log.unlink(missing_ok=True)
        self._truth.unlink(missing_ok=True)
        self.program = Program(
            _PLATFORM, [*self._arguments, "--truth", str(self._truth), "--truth-interval", "86400"], self._log
        )
        deadline_s = time.monotonic() + _START_S
        while "http://" not in (said := self.program.said()) or not self.port.is_symlink():
            if not self.program.running or time.monotonic() > deadline_s:
                self.program.end(signal.SIGKILL)
                raise DeviceError(f"The simulated platform does not start: {said.strip()[-300:]}")
            time.sleep(0.02)
        self.url = next(line for line in said.splitlines() if line.startswith("http://"))
        return self

    def truth(self) -> dict[str, Any]:
        """What really happened so far."""
        before = self._truth.stat().st_mtime_ns if self._truth.exists() else 0
        self.program.process.send_signal(signal.SIGHUP)
        deadline_s = time.monotonic() + _START_S
        while not self._truth.exists() or self._truth.stat().st_mtime_ns == before:
            if not self.program.running:
                raise DeviceError("The simulated platform has ended.", f"See {self._log}.")
            if time.monotonic() > deadline_s:
                raise DeviceError("The simulated platform does not answer.", f"See {self._log}.")
            time.sleep(0.01)
        return dict(json.loads(self._truth.read_text()))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends it."""
        self.program.end()


def start_sorter(arguments: Mapping[str, object], log: Path, *flags: str) -> Program:
    """Starts ``sorter-run``.

    Args:
        arguments: Values by option, without the dashes.
        log: File to which everything that it says is added.
        flags: Options without values.
    """
    pairs = [word for name, value in arguments.items() for word in (f"--{name}", str(value))]
    return Program(_SORTER, [*pairs, *flags], log)


class JournalView:
    """Reads the journal of a sorter that runs.

    Args:
        path: Its file; need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._database: sqlite3.Connection | None = None

    def rows(self) -> int:
        """Objects in it so far."""
        found = self.read("SELECT max(id) FROM object")
        return int(found[0][0] or 0) if found else 0

    def read(self, query: str) -> list[tuple[Any, ...]]:
        """Rows of a query; none while the file is not there or not readable just now."""
        try:
            if self._database is None:
                if not self._path.exists():
                    return []
                self._database = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, timeout=5.0)
            return self._database.execute(query).fetchall()
        except sqlite3.OperationalError:
            self.close()
            return []

    def close(self) -> None:
        """Lets go of the file."""
        if self._database is not None:
            self._database.close()
            self._database = None
