"""The worker, seen from the program that asks it: started when needed, asked, and started again after an abort."""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from sorter.converters.gate import cannot_run
from sorter.errors import ConversionError, StorageError

_HINT = "Layers that TFLite does not know must be replaced; try another format to see whether it is the quantisation."

_ENVIRONMENT = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    # Sums are added up in parts, one for each thread: the same number everywhere, for the same bytes everywhere.
    "TF_NUM_INTRAOP_THREADS": "2",
}


class WorkerProcess:
    """Context manager around a process that has TensorFlow loaded; not to be shared between threads.

    An abort of TensorFlow ends one request, not the program: the next request gets a new process.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._numbers = count()

    def __enter__(self) -> "WorkerProcess":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """Of the process; None while there is none."""
        return self._process.pid if self._process else None

    def close(self) -> None:
        """Ends the process and removes its files."""
        self._end()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def new_path(self, suffix: str) -> Path:
        """A name for a file that worker and program share; it is gone when the block ends."""
        try:
            if self._folder is None:
                self._folder = tempfile.TemporaryDirectory(prefix="sorter-convert-", ignore_cleanup_errors=True)
        except OSError as error:
            raise _cannot_store(error) from error
        return Path(self._folder.name) / f"{next(self._numbers)}{suffix}"

    def store(self, array: npt.NDArray[Any]) -> str:
        """Stores an array for requests; gives its path."""
        path = self.new_path(".npy")
        try:
            np.save(path, array)
        except OSError as error:
            raise _cannot_store(error) from error
        return str(path)

    def ask(self, action: str, **fields: Any) -> Any:
        """Has one of the worker's ``ACTIONS`` carried out.

        Args:
            action: Its name.
            **fields: The rest of the request: what JSON can hold.

        Returns:
            What the action returned.

        Raises:
            ConversionError: TensorFlow is missing, the action failed, or the process ended while at it.
        """
        process = self._running()
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(json.dumps({"action": action, **fields}) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise self._explain_end(action)
        reply = json.loads(line)
        if "error" in reply:
            raise _translate(reply["error"])
        return reply["result"]

    def _running(self) -> "subprocess.Popen[str]":
        if self._process is not None and self._process.poll() is None:
            return self._process
        if importlib.util.find_spec("tensorflow") is None:
            raise ConversionError("Conversion needs TensorFlow.", "Run: pip install 'sorter-toolkit[train-cpu]'")
        log = self._log_path()
        command = [sys.executable, "-m", "sorter.converters.worker", str(log.parent)]
        # Its temporary files, also those of TensorFlow's own making, are gone with its folder.
        environment = {**os.environ, **_ENVIRONMENT, "TMPDIR": str(log.parent)}
        with log.open("w") as errors:
            self._process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                # Ctrl-C reaches this program alone, which then ends the worker in order.
                start_new_session=True,
            )
        return self._process

    def _log_path(self) -> Path:
        return self.new_path("").with_name("worker.log")

    def _explain_end(self, action: str) -> ConversionError:
        assert self._process is not None
        code = self._process.wait()
        log = self._log_path().read_text(errors="replace").strip().splitlines()
        self._end()
        ended = f"was ended by signal {-code}" if code < 0 else f"ended by itself with {code}"
        last = (log or ["no message"])[-1][:300]
        if action == "run":
            return cannot_run(f"it {ended}")
        return ConversionError(f"The network could not be converted: TensorFlow {ended}; {last}.", _HINT)

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        # Whatever it is at, nobody waits for it any more.
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    # A request was still buffered when the process ended.
                    continue


def _translate(error: dict[str, str]) -> ConversionError:
    if "message" in error:
        return ConversionError(error["message"], error["hint"])
    return ConversionError(f"The network could not be converted: {error['reason'][:400]}.", _HINT)


def _cannot_store(error: OSError) -> StorageError:
    return StorageError(
        f"Cannot write to the temporary folder {tempfile.gettempdir()}: {error.strerror}.",
        "Free some space, or name another folder in the environment variable TMPDIR.",
    )
