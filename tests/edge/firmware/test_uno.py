"""The firmware as it is flashed, in an emulated Arduino Uno on a real pseudo-terminal."""

import json
import re
import time
from pathlib import Path

import pytest
import serial
from click.testing import CliRunner

from sorter.edge.arms.ports import make_arm
from sorter.edge.cli import run
from sorter.edge.simulation.uno import EmulatedUno, Pulse
from sorter.errors import ArmError, ConfigError
from sorter.models import find_model
from tests.edge.firmware.builds import GOLDEN, built, require_emulator, sorted_bins

_PONG = b"7 PONG*BD3E\n"


@pytest.fixture(autouse=True)
def emulator() -> None:
    require_emulator()


def ends_at_rest(pulses: list[Pulse]) -> bool:
    return {p.servo: p.width_us for p in pulses} == {"swivel": 1500, "tilt": 1500}


def test_pulses_are_in_the_limits_and_end_at_rest(tmp_path: Path) -> None:
    with EmulatedUno(built("uno", GOLDEN), tmp_path) as uno, make_arm(uno.path) as arm:
        assert uno.pulses() == []  # after a reset nothing moves
        for sequence, bin_number in enumerate((3, 0, 1, 2), start=1):
            arm.sort(bin_number, sequence)
        # The answer to the last command leaves before the frame of the last pulse.
        deadline_s = time.monotonic() + 30
        while not ends_at_rest(uno.pulses()) and time.monotonic() < deadline_s:
            time.sleep(0.05)
        pulses = uno.pulses()
    limits_us = {"swivel": (700, 2300), "tilt": (1000, 1900)}
    assert all(limits_us[p.servo][0] <= p.width_us <= limits_us[p.servo][1] for p in pulses)
    assert sorted_bins([(p.servo, p.width_us) for p in pulses]) == [3, 0, 1, 2]
    assert ends_at_rest(pulses)


def test_no_match_ever_falls_on_0(tmp_path: Path) -> None:
    """QEMU's timer would never see it: with even matches, the servos stood still after 1024 frames."""
    with EmulatedUno(built("uno", GOLDEN), tmp_path) as uno, make_arm(uno.path) as arm:
        arm.sort(1, 1)
        low_bytes = re.findall(r"addr:(?:8|10) value:(\d+)", (tmp_path / "1.txt").read_text())
    assert len(low_bytes) > 50 and all(int(value) % 2 for value in low_bytes)


def test_a_reset_is_announced_and_moves_nothing(tmp_path: Path) -> None:
    with EmulatedUno(built("uno", GOLDEN), tmp_path) as uno:
        with make_arm(uno.path) as arm:
            arm.sort(1, 1)
        before = len(uno.pulses())
        uno.reset()
        with make_arm(uno.path) as arm:
            assert arm.status().last_sequence == 0
        assert len(uno.pulses()) == before


def test_a_flood_of_lines_costs_answers_but_never_half_of_one() -> None:
    said, deadline_s = b"", time.monotonic() + 60
    with EmulatedUno(built("uno", GOLDEN)) as uno, serial.Serial(uno.path, 115200, timeout=0.5) as port:
        port.write(b"STATUS\n" * 500)
        while _PONG not in said:
            assert time.monotonic() < deadline_s, said
            port.write(b"7 PING\n")  # again, since there may be no room for it
            said += port.read(4096)
    # The first line may be what opening the port left of the banner.
    answers = {line for line in said.splitlines(keepends=True)[1:] if line.endswith(b"\n")}
    # Bytes that found no room leave a damaged line behind, never another line.
    assert b"0 STATUS IDLE 0 NONE*9BAC\n" in answers
    assert answers <= {b"0 STATUS IDLE 0 NONE*9BAC\n", b"0 ERR 1 bad checksum*DE84\n", _PONG}


def test_the_sorter_runs_with_it(tmp_path: Path) -> None:
    with EmulatedUno(built("uno")) as uno:
        arguments = [
            "--camera",
            "sim:?speed=2&patience_s=300&first_s=2",
            "--port",
            uno.path,
            "--model",
            str(find_model("fruit-demo-int8")),
        ]
        arguments += ["--objects", "5", "--json", "--journal", str(tmp_path / "journal.db")]
        result = CliRunner().invoke(run, arguments)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["outcomes"] == {"completed": 5}
    assert told["truth"]["seen"] == 5 and told["truth"]["doubled"] == told["truth"]["missed"] == 0


def test_what_is_no_program_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArmError, match=r"nothing\.elf") as caught:
        EmulatedUno(tmp_path / "nothing.elf").start()
    assert caught.value.hint


def test_without_the_emulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="qemu-system-avr") as caught:
        EmulatedUno(tmp_path / "any.elf").start()
    assert "apt install" in caught.value.hint
