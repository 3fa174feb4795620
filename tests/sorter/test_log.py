"""Messages for people, for the system's journal, and for programs."""

import json
import os
import socket
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import click
import pytest
from click.testing import CliRunner

from sorter.cli import SorterCommand, inform, warn
from sorter.errors import ArmError
from sorter.log import goes_to_journal


@click.command(cls=SorterCommand)
@click.option("--unforeseen", is_flag=True)
def talk(unforeseen: bool) -> None:
    """Says one of each."""
    inform("Sorting begins.", camera="sim:", bins={"apple": 1})
    warn("It is hot.", "Mend the fan.", celsius=84.5)
    if unforeseen:
        raise RuntimeError("boom")
    raise ArmError("The arm is gone.", "Check its cable.")


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_text_stays_as_people_know_it() -> None:
    result = CliRunner().invoke(talk, [])
    assert result.stderr == (
        "Sorting begins.\nWarning: It is hot.\nHint: Mend the fan.\nError: The arm is gone.\nHint: Check its cable.\n"
    )


@pytest.mark.parametrize("how", ["option", "environment"])
def test_json_is_one_object_a_line(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if how == "environment":
        monkeypatch.setenv("SORTER_LOG", "json")
    result = CliRunner().invoke(talk, ["--log", "json"] if how == "option" else [])
    assert result.exit_code == ArmError.exit_code and result.stdout == ""
    begun, hot, gone = lines(result.stderr)
    assert [m["level"] for m in (begun, hot, gone)] == ["info", "warning", "error"]
    assert begun["camera"] == "sim:" and begun["bins"] == {"apple": 1} and begun["hint"] == ""
    assert hot["message"] == "It is hot." and hot["hint"] == "Mend the fan." and hot["celsius"] == 84.5
    assert gone["exit_code"] == ArmError.exit_code
    told = datetime.fromisoformat(gone["time"])
    assert told.tzinfo == UTC


def test_a_traceback_is_one_object_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["talk", "--debug"])
    *_, explained, traced = lines(CliRunner().invoke(talk, ["--log", "json", "--debug", "--unforeseen"]).stderr)
    assert "RuntimeError: boom" in explained["message"]
    assert "Traceback" in traced["traceback"]


def test_the_next_command_speaks_text_again() -> None:
    CliRunner().invoke(talk, ["--log", "json"])
    assert CliRunner().invoke(talk, []).stderr.startswith("Sorting begins.")


def test_an_unknown_format_is_wrong_usage() -> None:
    assert CliRunner().invoke(talk, ["--log", "xml"]).exit_code == 2


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_the_journal_gets_priorities(log_format: str) -> None:
    """Standard error is a stream socket, as journald makes it, and JOURNAL_STREAM names it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with ours, theirs:
        status = os.fstat(theirs.fileno())
        environment = {**os.environ, "JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        code = "from tests.sorter.test_log import talk; talk()"
        command = [sys.executable, "-c", code, "--log", log_format]
        subprocess.run(command, stderr=theirs.fileno(), env=environment, check=False)
        theirs.close()
        told = ours.makefile().read().splitlines()
    assert [line[:3] for line in told] == (
        ["<6>", "<4>", "<4>", "<3>", "<3>"] if log_format == "text" else ["<6>", "<4>", "<3>"]
    )


def test_a_redirected_service_gets_none() -> None:
    assert not goes_to_journal({"JOURNAL_STREAM": "8:1234"})
    assert not goes_to_journal({})
