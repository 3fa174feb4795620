"""``sorter-find arms`` with real arms on terminals."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sorter.edge.arms.arm import ArmIdentity, ArmStatus
from sorter.edge.arms.line import LineArm
from sorter.edge.arms.link import SerialLink
from sorter.edge.find_cli import find
from sorter.edge.finding.arms import FoundPort, ask_ports
from sorter.edge.finding.usb import UsbIdentity
from sorter.edge.simulation.arm import SimulatedArm, SimulatedArmOptions
from sorter.edge.simulation.pty import PtyArm


@pytest.fixture
def start_arm() -> Iterator[Callable[..., str]]:
    """Gives a function that starts ``sorter-sim arm`` as a program of its own, and returns its port."""
    started: list[subprocess.Popen[str]] = []

    def start(*options: str) -> str:
        command = [sys.executable, "-c", "from sorter.edge.sim_cli import sim; sim()", "arm", *options]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        started.append(process)
        assert process.stdout is not None
        return process.stdout.readline().strip()

    yield start
    for process in started:
        process.terminate()
        process.communicate(timeout=60)


def look(*arguments: str) -> Result:
    return CliRunner().invoke(find, ["arms", *arguments])


def named(result: Result, port: str) -> dict[str, Any]:
    return next(found for found in json.loads(result.stdout) if found["device"] == port)


def test_an_arm_tells_who_it_is(start_arm: Callable[..., str]) -> None:
    port = start_arm("--name", "left-arm", "--bins", "6")
    shown = look(port)
    assert shown.exit_code == 0, shown.output
    assert "left-arm, bins 0 to 5, IDLE" in shown.stdout and f"--port {port}" in shown.stdout
    told = named(look(port, "--json"), port)
    assert told["arm"] == {
        "name": "left-arm", "version": 1, "state": "IDLE", "bins": [0, 1, 2, 3, 4, 5], "last_sequence": 0
    }  # fmt: skip


def test_not_asked(start_arm: Callable[..., str]) -> None:
    port = start_arm()
    told = named(look(port, "--no-probe", "--json"), port)
    assert told["arm"] is None and told["trouble"] == ""


def test_something_else_answers_nothing(start_arm: Callable[..., str]) -> None:
    told = named(look(port := start_arm("--silent"), "--json"), port)
    assert told["arm"] is None and "Nothing at" in told["trouble"] and told["hint"]


def test_a_name_that_is_no_port(tmp_path: Path) -> None:
    told = named(look(missing := str(tmp_path / "nothing"), "--json"), missing)
    assert "does not exist" in told["trouble"]


def test_an_arm_in_use_is_not_disturbed(start_arm: Callable[..., str]) -> None:
    port = start_arm()
    with LineArm(SerialLink(port)) as arm:
        told = named(look(port, "--json"), port)
        assert "in use by another program" in told["trouble"]
        assert arm.status().state == "IDLE"


def test_an_arm_that_moves_keeps_moving() -> None:
    """Nobody holds the port, but a motion is under way: looking must not stop it."""
    lines: list[tuple[str, bytes]] = []
    arm = SimulatedArm(SimulatedArmOptions(move_s=60), on_line=lambda way, line: lines.append((way, line)))
    with PtyArm(arm) as pty:
        link = SerialLink(pty.path)
        mover = LineArm(link)
        mover.open()
        link.write(b"1 SORT 2*????\n")
        while b"OK" not in link.read():
            pass
        link.close()
        told = named(look(pty.path, "--json"), pty.path)
        assert told["arm"]["state"] == "MOVING"
        again = named(look(pty.path, "--json"), pty.path)
        assert again["arm"]["state"] == "MOVING"
        assert not [line for way, line in lines if way == "in" and b"STOP" in line]


def test_only_free_usb_ports_are_asked_unasked() -> None:
    usb = UsbIdentity("2341", "0043", "", "1-1", "")
    ports = (FoundPort("/dev/x0", usb=usb), FoundPort("/dev/x1", usb=usb, users=("minicom (7)",)), FoundPort("/dev/x2"))
    asked = []

    def ask(port: str) -> ArmIdentity:
        asked.append(port)
        return ArmIdentity("arm", 1, frozenset({0}), ArmStatus("IDLE", 0, "NONE"))

    free, used, console = ask_ports(ports, ask=ask)
    assert asked == ["/dev/x0"] and free.identity is not None
    assert "minicom (7)" in used.trouble and "no USB port" in console.trouble
    ask_ports(ports, ["/dev/x1", "/dev/x2"], ask=ask)
    assert sorted(asked[1:]) == ["/dev/x0", "/dev/x1", "/dev/x2"]
