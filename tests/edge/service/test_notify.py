"""Notifications, received by a real socket."""

import os
import shutil
import subprocess
import uuid
from pathlib import Path

import pytest

from sorter.edge.service.notify import Notifier, make_notifier, watchdog_timeout_s
from tests.edge.service.manager import Manager


@pytest.fixture(params=["path", "abstract"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "notify") if request.param == "path" else f"@sorter-{uuid.uuid4()}"


def test_the_manager_is_told(address: str) -> None:
    with Manager(address) as manager:
        notifier = make_notifier({"NOTIFY_SOCKET": address})
        assert notifier.ready("Sorting.") and notifier.show("Bin 2 is full.")
        assert notifier.feed_watchdog() and notifier.feed_watchdog("Sorting.") and notifier.stopping()
        assert manager.told() == [
            {"READY": "1", "STATUS": "Sorting."},
            {"STATUS": "Bin 2 is full."},
            {"WATCHDOG": "1"},
            {"WATCHDOG": "1", "STATUS": "Sorting."},
            {"STOPPING": "1"},
        ]


def test_a_message_cannot_smuggle_assignments(address: str) -> None:
    with Manager(address) as manager:
        Notifier(address).show("Camera says:\nMAINPID=1")
        assert manager.told() == [{"STATUS": "Camera says: MAINPID=1"}]


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1"}])
def test_nobody_listens(environment: dict[str, str]) -> None:
    assert not make_notifier(environment).ready()


def test_a_manager_that_went_away_does_no_harm(address: str) -> None:
    with Manager(address):
        notifier = Notifier(address)
    assert not notifier.feed_watchdog()


def test_a_manager_that_never_reads_does_not_hold_up_the_loop(address: str) -> None:
    with Manager(address):
        notifier = Notifier(address)
        told = [notifier.feed_watchdog("x" * 1000) for _ in range(3000)]
        assert told[0] and not told[-1]


@pytest.mark.parametrize(
    ("environment", "timeout_s"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "20000000"}, 20.0),
        ({"WATCHDOG_USEC": "20000000", "WATCHDOG_PID": "77"}, 20.0),
        ({"WATCHDOG_USEC": "20000000", "WATCHDOG_PID": "78"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_how_long_the_manager_waits(environment: dict[str, str], timeout_s: float | None) -> None:
    assert watchdog_timeout_s(environment, pid=77) == timeout_s


def test_the_same_bytes_as_systemd_notify(tmp_path: Path) -> None:
    program = shutil.which("systemd-notify")
    if program is None:
        pytest.skip("systemd-notify is not installed here")
    address = str(tmp_path / "notify")
    with Manager(address) as manager:
        # It would wait until a manager has read what it sent; here nobody reads before it has ended.
        subprocess.run(
            [program, "--no-block", "--ready", "--status=Sorting."],
            env={**os.environ, "NOTIFY_SOCKET": address},
            check=True,
        )
        (theirs,) = (t for t in manager.told() if "READY" in t)
        Notifier(address).ready("Sorting.")
        (ours,) = manager.told()
    assert ours == {name: value for name, value in theirs.items() if name in ("READY", "STATUS")}
