"""Starts the toolkit's own programs, passes on what they say, and reads their JSON.

``sorter-train`` and ``sorter-convert`` may not know each other, and each network gets fresh processes: one that
TensorFlow or the system ends costs the others nothing.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sorter.cli import INTERRUPTED

_STARTS = {
    "sorter-train": "from sorter.trainer.cli import train; train()",
    "sorter-convert": "from sorter.converters.cli import convert; convert()",
    "sorter-bench": "from sorter.benchmarks.cli import bench; bench()",
}
"""By import, so that they are found however the toolkit is installed."""

_ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "3"}

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Ended:
    """How a program ended.

    Attributes:
        code: Its exit code, negative for a signal.
        answer: Its JSON; None where it printed none.
        reason: What it said was wrong, as one line; empty where nothing was.
    """

    code: int
    answer: Any
    reason: str


def run_program(name: str, arguments: Sequence[object], tell: Tell) -> Ended:
    """Runs a program to its end.

    Args:
        name: One of the toolkit's.
        arguments: Its own; ``--json`` and ``--log json`` are added.
        tell: Gets each message that it has for people.

    Raises:
        KeyboardInterrupt: It was interrupted, or this program was; then the other one has ended by itself.
    """
    command = [sys.executable, "-c", _STARTS[name], *map(str, arguments), "--json", "--log", "json"]
    with tempfile.TemporaryFile() as printed:
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.PIPE,
            env={**_ENVIRONMENT, **os.environ},
            text=True,
            errors="replace",
            # Ctrl-C reaches it once, from here; a second one would cut short how it stores its work.
            start_new_session=True,
        ) as process:
            try:
                reason, last = _listen(process, tell)
                code = process.wait()
            except BaseException:
                process.terminate()
                process.communicate()
                raise
        printed.seek(0)
        answer = _read_json(printed.read())
    if code in (INTERRUPTED, -signal.SIGINT, -signal.SIGTERM):
        raise KeyboardInterrupt
    return Ended(code, answer, reason or ("" if code == 0 else _explain(name, code, last)))


def _listen(process: "subprocess.Popen[str]", tell: Tell) -> tuple[str, str]:
    """The error that the program named, and its last line that was no message."""
    reason = last = ""
    for line in process.stderr or ():
        message = _read_json(line)
        if not isinstance(message, dict) or "message" not in message:
            last = line.strip() or last
        elif message.get("level") == "error":
            reason = " ".join(str(message["message"]).split())
        else:
            tell(str(message["message"]))
    return reason, last


def _read_json(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _explain(name: str, code: int, last: str) -> str:
    if code == -signal.SIGKILL:
        return f"{name} was killed, perhaps because memory ran out"
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    return f"{name} ended with {how}" + (f" ({last[:160]})" if last else "")
