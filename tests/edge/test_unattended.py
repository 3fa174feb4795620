"""``sorter-run`` alone for a long time: killed and started again, a full disk, a new network, the page, pictures."""

import http.client
import json
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from sorter.edge.cli import run
from sorter.models import find_model
from tests.edge.test_model_watch import variant
from tests.edge.test_recovery import dotted, running

FRUIT, WASTE = find_model("fruit-demo-int8"), find_model("waste-mobilenetv2-int8")


class Program:
    """A program in a process of its own; its standard error is collected in a file."""

    def __init__(self, log: Path, code: str, *arguments: object) -> None:
        self.log = log
        with log.open("w") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE, stderr=file, text=True
            )

    def wait_for(self, pattern: str, timeout_s: float = 40.0) -> "re.Match[str]":
        deadline_s = time.monotonic() + timeout_s
        while (found := re.search(pattern, self.log.read_text())) is None:
            assert time.monotonic() < deadline_s and self.process.poll() is None, self.log.read_text()
            time.sleep(0.02)
        return found

    def end(self) -> str:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        output, _ = self.process.communicate(timeout=60)
        return output


Start = Callable[..., Program]
_RUN = "from sorter.edge.cli import run; run()"
_SIM = "from sorter.edge.sim_cli import sim; sim()"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Program] = []

    def begin(code: str, *arguments: object) -> Program:
        started.append(Program(tmp_path / f"log{len(started)}.txt", code, *arguments))
        return started[-1]

    yield begin
    for program in reversed(started):
        program.end()


def query(journal: Path, statement: str) -> list[Any]:
    database = sqlite3.connect(journal)
    try:
        return database.execute(statement).fetchall()
    finally:
        database.close()


def common(tmp_path: Path, port: str, camera: str = "sim:?speed=2") -> list[object]:
    return ["--camera", camera, "--port", port, "--model", FRUIT, "--journal", tmp_path / "j.db"]


def test_killed_in_the_middle_of_a_motion_the_arm_is_asked_what_became_of_it(tmp_path: Path, start: Start) -> None:
    arm = start(_SIM, "arm", "--link", tmp_path / "arm", "--move-s", "1.5", "-v")
    assert arm.process.stdout is not None
    arm.process.stdout.readline()
    first = start(_RUN, *common(tmp_path, str(tmp_path / "arm")))
    arm.wait_for("SORT")
    first.process.kill()
    first.process.wait()
    again = start(_RUN, *common(tmp_path, str(tmp_path / "arm")), "--objects", "1")
    again.wait_for("under way when an earlier run ended: completed")
    assert again.process.wait(40) == 0
    assert query(tmp_path / "j.db", "SELECT sequence, outcome FROM object") == [(1, "completed"), (2, "completed")]
    assert len(re.findall("sorted into", arm.log.read_text())) == 2


def test_two_runs_on_one_port_or_one_journal_are_refused(tmp_path: Path, start: Start) -> None:
    arm = start(_SIM, "arm", "--link", tmp_path / "arm")
    assert arm.process.stdout is not None
    arm.process.stdout.readline()
    first = start(_RUN, *common(tmp_path, str(tmp_path / "arm")))
    first.wait_for("Rejected below")
    other = [str(part) for part in common(tmp_path, str(tmp_path / "arm"))]
    refused = CliRunner().invoke(run, other)
    assert refused.exit_code == 12 and "in use by another run" in refused.stderr
    refused = CliRunner().invoke(run, [*other[:-1], str(tmp_path / "other.db")])
    assert refused.exit_code == 11 and "in use by another program" in refused.stderr
    assert "Hint:" in refused.stderr


def _read(connection: http.client.HTTPConnection, path: str) -> str:
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read().decode()
    assert answer.status == 200, (path, body)
    return body


def test_the_page_of_a_run(tmp_path: Path, start: Start) -> None:
    program = start(_RUN, *common(tmp_path, "sim:?move_s=0.1"), "--dashboard", "127.0.0.1:0")
    port = int(program.wait_for(r"Operator's page: http://127\.0\.0\.1:(\d+)/")[1])
    deadline_s = time.monotonic() + 120
    while not query(tmp_path / "j.db", "SELECT 1 FROM object WHERE outcome='completed'"):
        assert time.monotonic() < deadline_s
        time.sleep(0.05)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    while not re.search(r'sorter_commands_total\{result="completed"\} [1-9]', _read(connection, "/metrics")):
        assert time.monotonic() < deadline_s  # the snapshot is renewed twice a second
        time.sleep(0.1)
    for path in ("/", "/healthz", "/metrics", "/api/status"):
        body = _read(connection, path)
        if path == "/healthz":
            assert json.loads(body)["healthy"] is True
    connection.close()


def test_uncertain_pictures_are_kept_and_named_in_the_journal(tmp_path: Path) -> None:
    arguments = [str(part) for part in common(tmp_path, "sim:?move_s=0.05")]
    keep = ["--keep-uncertain", str(tmp_path / "doubt"), "--threshold", "1", "--objects", "2"]
    done = CliRunner().invoke(run, [*arguments, *keep])
    assert done.exit_code == 0, done.output
    named = [tmp_path / "doubt" / row[0] for row in query(tmp_path / "j.db", "SELECT picture FROM object")]
    assert len(named) == 2 and all(path.is_file() for path in named)
    assert len((tmp_path / "doubt" / "kept.jsonl").read_text().splitlines()) == 2


def test_a_new_network_is_taken_between_two_objects_and_a_wrong_one_refused(tmp_path: Path) -> None:
    model = tmp_path / "model.tflite"
    model.write_bytes(FRUIT.read_bytes())
    settings = dotted(arm__port="sim:?move_s=0.05", model__file=str(model))
    with running(tmp_path, **settings) as sorter:
        sorter.wait(lambda status: status.sorted_objects >= 1)
        first = sorter.status.model.sha256
        _replace(model, WASTE.read_bytes())
        sorter.wait(lambda status: "has no bin" in status.model.refused)
        assert sorter.status.model.sha256 == first
        _replace(model, variant(FRUIT, threshold=0.97))
        sorter.wait(lambda status: status.model.refused == "" and "was replaced" in sorter.events())
        count = sorter.status.sorted_objects
        sorter.wait(lambda status: status.sorted_objects > count)


def _replace(path: Path, content: bytes) -> None:
    new = path.with_suffix(".new")
    new.write_bytes(content)
    new.replace(path)


def test_a_full_disk_pauses_sorting_and_corrupts_nothing(tmp_path: Path, small_disk: Path) -> None:
    settings = dotted(arm__port="sim:?move_s=0.05", journal__file=small_disk / "j.db", journal__min_free_megabytes=0.0)
    with running(tmp_path, **settings) as sorter:
        sorter.journal = small_disk / "j.db"
        sorter.wait(lambda status: status.sorted_objects >= 1)
        ballast = small_disk / "ballast"
        with ballast.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError:
                pass
        paused = sorter.wait(lambda status: status.phase.value == "paused")
        assert "cannot be written" in paused.reason
        ballast.unlink()
        count = sorter.status.sorted_objects
        sorter.wait(lambda status: status.sorted_objects > count + 1)
    assert query(small_disk / "j.db", "PRAGMA integrity_check") == [("ok",)]
    assert {row[0] for row in query(small_disk / "j.db", "SELECT outcome FROM object")} <= {"completed", "sent"}
    assert sorter.truth()["doubled"] == 0
