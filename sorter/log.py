"""Messages on standard error: for people, for the system's journal, or one JSON object a line for programs.

Results go to standard output and never pass through here.
"""

import json
import os
import stat
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Literal, get_args

import click

Level = Literal["info", "warning", "error"]
LogFormat = Literal["text", "json"]
LOG_FORMATS: tuple[str, ...] = get_args(LogFormat)

_PRIORITIES: Mapping[Level, str] = {"error": "<3>", "warning": "<4>", "info": "<6>"}
"""What the journal takes off the start of a line as its priority: sd-daemon(3)."""

_LABELS: Mapping[Level, str] = {"error": "Error: ", "warning": "Warning: ", "info": ""}

# One format for all threads of the program, as there is one standard error.
_format: LogFormat = "text"
_writing = threading.Lock()


@contextmanager
def logging_as(log_format: LogFormat) -> Iterator[None]:
    """Writes messages in a format until the block ends."""
    global _format
    previous, _format = _format, log_format
    try:
        yield
    finally:
        _format = previous


def write(level: Level, message: str, hint: str = "", **fields: Any) -> None:
    """Writes one message to standard error.

    Args:
        level: How grave it is.
        message: One sentence or more.
        hint: What to do about it.
        **fields: What a program may want to know of it; shown in JSON only. A value that JSON does not know is
            written as its text.
    """
    if _format == "json":
        lines = [_as_json(level, message, hint, fields)]
    else:
        lines = (_LABELS[level] + message).split("\n")
        lines += [f"Hint: {hint}"] if hint else []
    priority = _PRIORITIES[level] if goes_to_journal() else ""
    text = "\n".join(priority + line for line in lines)
    with _writing:  # a line of another thread must not begin in the middle of this one
        click.echo(text, err=True)


def write_traceback() -> None:
    """Writes the traceback of the exception that is being handled, as one object in JSON."""
    import traceback

    if _format == "json":
        write("error", "Traceback.", traceback=traceback.format_exc())
    else:
        traceback.print_exc()


def goes_to_journal(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether standard error is systemd's journal: it is the stream that ``JOURNAL_STREAM`` names (systemd.exec(5)).

    The variable alone says little: whoever redirects standard error of a service inherits it.
    """
    named = environment.get("JOURNAL_STREAM", "")
    if not named:
        return False
    try:
        status = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):  # closed, or no file at all
        return False
    return stat.S_ISSOCK(status.st_mode) and named == f"{status.st_dev}:{status.st_ino}"


def _as_json(level: Level, message: str, hint: str, fields: Mapping[str, Any]) -> str:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    content = {**fields, "time": now, "level": level, "message": message.strip(), "hint": hint}
    return json.dumps(content, ensure_ascii=False, default=str)
