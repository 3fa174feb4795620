"""udev rules and the installation into an image."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from sorter.edge.finding.usb import BOARDS
from sorter.edge.service.udev import identify, render_rules
from sorter.edge.service_cli import service
from sorter.errors import ConfigError
from tests.edge.finding.trees import plug_in

_TOKEN = re.compile(
    r'(ACTION|SUBSYSTEMS?|KERNELS?|ATTRS?\{\w+\}|ENV\{\w+\}|GROUP|MODE|SYMLINK|GOTO|LABEL)(==|!=|\+=|=)"[^"]*"'
)


def rules(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


@pytest.fixture(params=["common", "named"])
def text(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "common":
        return render_rules()
    root = plug_in(tmp_path)
    return render_rules(identify("/dev/ttyUSB0", "tty", root), identify("/dev/video0", "video4linux", root))


def test_each_line_is_a_rule(text: str) -> None:
    """The grammar of udev(7): matches and assignments, separated by commas."""
    for line in rules(text):
        assert all(_TOKEN.fullmatch(token) for token in line.split(", ")), line


def test_udev_accepts_them(text: str, tmp_path: Path) -> None:
    program = shutil.which("udevadm")
    if program is None or subprocess.run([program, "verify", "--help"], capture_output=True, check=False).returncode:
        pytest.skip("no udevadm with 'verify' here (needs systemd 254)")
    path = tmp_path / "60-sorter.rules"
    path.write_text(text)
    done = subprocess.run([program, "verify", "--no-style", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_all_common_boards_are_named() -> None:
    for vendor, product in BOARDS:
        assert f'ENV{{ID_VENDOR_ID}}=="{vendor}", ENV{{ID_MODEL_ID}}=="{product}"' in render_rules()


def test_exactly_this_arm_and_this_camera(tmp_path: Path) -> None:
    root = plug_in(tmp_path)
    arduino, adapter = identify("/dev/ttyACM0", "tty", root), identify("/dev/ttyUSB0", "tty", root)
    by_serial, by_place = render_rules(arduino), render_rules(adapter)
    assert 'ENV{ID_SERIAL_SHORT}=="85735313932351D0E1A2", ENV{SORTER_ARM}="1"' in by_serial
    assert 'ENV{ID_MODEL_ID}=="7523", KERNELS=="1-1.3", ENV{SORTER_ARM}="1"' in by_place
    assert sum('ENV{SORTER_ARM}="1"' in line for line in rules(by_serial)) == 1
    camera = render_rules(camera=identify("/dev/video0", "video4linux", root))
    assert 'ENV{ID_SERIAL_SHORT}=="5AB4F7C0", ATTR{index}=="0"' in camera


def test_a_device_that_is_not_there() -> None:
    result = CliRunner().invoke(service, ["udev", "--arm", "/dev/ttyUSB97"])
    assert result.exit_code == ConfigError.exit_code
    assert "/dev/ttyUSB97" in result.stderr and "sorter-find" in result.stderr


def test_into_an_image(tmp_path: Path) -> None:
    program = ["--program", "/opt/sorter/bin/sorter-run"]
    result = CliRunner().invoke(service, ["install", "--root", str(tmp_path), *program])
    assert result.exit_code == 0, result.output
    unit = (tmp_path / "etc/systemd/system/sorter-run.service").read_text()
    assert "ExecStart=/opt/sorter/bin/sorter-run --config /etc/sorter/sorter.toml\n" in unit
    assert (tmp_path / "etc/udev/rules.d/60-sorter.rules").read_text() == render_rules()
    assert "sorter.toml does not exist yet" in result.stderr
    assert "On that system, run: useradd" in result.stderr
    # Again, where the user and the configuration are there.
    (tmp_path / "etc/sorter").mkdir()
    (tmp_path / "etc/sorter/sorter.toml").touch()
    (tmp_path / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nsorter:x:998:998::/var/lib/sorter:/bin/false\n")
    again = CliRunner().invoke(service, ["install", "--root", str(tmp_path), *program])
    assert "useradd" not in again.stderr and "does not exist" not in again.stderr


def test_without_root_nothing_is_written() -> None:
    if os.geteuid() != 0:
        result = CliRunner().invoke(service, ["install"])
        assert result.exit_code == ConfigError.exit_code and "sudo" in result.stderr
        return
    command = [sys.executable, "-c", "from sorter.edge.service_cli import service; service()", "install"]
    try:
        done = subprocess.run(command, user=65534, capture_output=True, text=True, check=False)
    except PermissionError:
        pytest.skip("this Python cannot be run by another user here")
    if "Error:" not in done.stderr:
        pytest.skip("this Python cannot be run by another user here")
    assert done.returncode == ConfigError.exit_code and "sudo" in done.stderr
