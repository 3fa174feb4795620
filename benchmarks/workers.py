"""Starting and asking the processes that measure (see ``worker``)."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from types import TracebackType
from typing import Any

from sorter.benchmarks.candidates import Candidate
from sorter.errors import SorterError

_ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
"""Quiet, and on the CPU like all others."""


class Worker:
    """A process that measures one candidate. A context manager; the process ends with it.

    Args:
        candidate: What it measures.
        threads: CPU threads of one classification.
        key: Its name in the progress file.

    Attributes:
        loaded: What it told when it had loaded the network.

    Raises:
        SorterError: On entering: the process cannot be started.
    """

    def __init__(self, candidate: Candidate, threads: int, key: str) -> None:
        self.candidate = candidate
        self.threads = threads
        self.key = key
        self.loaded: dict[str, Any] = {}

    def __enter__(self) -> "Worker":
        self._said = tempfile.TemporaryFile()
        python = self.candidate.python or sys.executable
        try:
            self._process = subprocess.Popen(
                [python, "-m", "sorter.benchmarks.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._said,
                env={**_ENVIRONMENT, **os.environ},
                text=True,
                # Ctrl-C is for the program that started it, which then ends it.
                start_new_session=True,
            )
        except OSError as error:
            self._said.close()
            raise SorterError(f"{python} cannot be started: {error.strerror}.", "Name a Python.") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            self._process.communicate(timeout=0 if error else 5)
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._said.close()

    @property
    def is_alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def load(self, frames: dict[str, Any], labels: str | None, input_range: str | None) -> dict[str, Any]:
        """Loads the network.

        Args:
            frames: Pictures that timings are taken with: see ``picture_file``.
            labels: A ``labels.txt``.
            input_range: For a foreign float network.

        Raises:
            SorterError: It cannot be used.
        """
        request = {
            "path": str(self.candidate.path),
            "kind": self.candidate.kind,
            "threads": self.threads,
            "labels": labels,
            "input_range": input_range,
            "frames": frames,
        }
        self.loaded = self.ask("load", **request)
        return self.loaded

    def ask(self, do: str, **request: Any) -> dict[str, Any]:
        """Sends a request and waits for its answer.

        Raises:
            SorterError: The answer is an error, or the process has died.
        """
        assert self._process.stdin and self._process.stdout
        try:
            self._process.stdin.write(json.dumps({"do": do, **request}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except OSError:
            line = ""
        if not line:
            raise SorterError(f"{self.candidate.name}: the process that measured it {self._how_it_ended()}.")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise SorterError(answer["error"], answer.get("hint", ""))
        return answer

    def _how_it_ended(self) -> str:
        code = self._process.wait()
        if code == -signal.SIGKILL:
            return "was killed, perhaps because memory ran out"
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").strip().splitlines()
        said = f" ({lines[-1][:160]})" if lines else ""
        return f"ended with signal {-code}{said}" if code < 0 else f"ended with {code}{said}"
