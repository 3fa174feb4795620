"""The port itself, on real pseudo-terminals: exclusive, found again, and never waited for without end."""

import os
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sorter.edge.arms.arm import ArmLostError
from sorter.edge.arms.devices import PortInfo, find_port, list_ports, stable_name
from sorter.edge.arms.line import LineArm
from sorter.edge.arms.link import SerialLink
from sorter.edge.simulation.arm import SimulatedArm, SimulatedArmOptions
from sorter.edge.simulation.pty import PtyArm
from sorter.errors import ArmError

_ARDUINO = PortInfo("", "2341:0043", "95530343", "1-1.4", "Arduino Uno")


class Hub:
    """USB sockets: names of devices are links to pseudo-terminals."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports: list[PortInfo] = []

    def plug(self, name: str, terminal: str, info: PortInfo = _ARDUINO) -> str:
        path = self.folder / name
        path.symlink_to(terminal)
        self.ports.append(replace(info, device=str(path)))
        return str(path)

    def unplug(self, name: str) -> None:
        (self.folder / name).unlink()
        self.ports = [port for port in self.ports if not port.device.endswith(name)]

    def list_ports(self) -> list[PortInfo]:
        return list(self.ports)


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    return Hub(tmp_path)


@pytest.fixture
def terminal() -> Iterator[tuple[int, str]]:
    """A pseudo-terminal behind which nobody reads."""
    master, slave = os.openpty()
    try:
        yield master, os.ttyname(slave)
    finally:
        os.close(slave)
        os.close(master)


def _arm(hub: Hub, name: str) -> LineArm:
    return LineArm(SerialLink(name, lister=hub.list_ports))


def test_arm_is_found_under_another_name(hub: Hub) -> None:
    bins: list[int] = []
    device = SimulatedArm(SimulatedArmOptions(move_s=0.3), bins.append)
    first = PtyArm(device)
    arm = _arm(hub, hub.plug("ttyUSB0", first.start()))
    arm.open()
    unplug = threading.Thread(target=first.stop)
    with pytest.raises(ArmLostError):
        arm.sort(1, 1, unplug.start)
    unplug.join()
    hub.unplug("ttyUSB0")
    with pytest.raises(ArmError, match="not plugged in"):
        arm.open()
    with PtyArm(device) as second, PtyArm(SimulatedArm()) as stranger:
        hub.plug("ttyUSB0", stranger.path, replace(_ARDUINO, serial_number="other"))
        hub.plug("ttyUSB1", second.path)
        identity = arm.open()
        assert arm.name.endswith("ttyUSB1")
        assert identity.last_sequence == 1  # the same arm: it remembers
        arm.close()


def test_arm_that_comes_back_under_its_name_keeps_it(hub: Hub) -> None:
    with PtyArm(SimulatedArm()) as port:
        arm = _arm(hub, hub.plug("ttyUSB0", port.path))
        for _ in range(2):
            arm.open()
            assert arm.name.endswith("ttyUSB0")
            arm.close()


@pytest.mark.parametrize(
    ("known", "seen", "same"),
    [
        (_ARDUINO, replace(_ARDUINO, device="x", location="1-2"), True),
        (_ARDUINO, replace(_ARDUINO, serial_number="1"), False),
        (_ARDUINO, replace(_ARDUINO, product="1a86:7523"), False),
        (replace(_ARDUINO, serial_number=""), replace(_ARDUINO, serial_number=""), True),
        (replace(_ARDUINO, serial_number=""), replace(_ARDUINO, serial_number="", location="1-2"), False),
        (replace(_ARDUINO, serial_number=""), _ARDUINO, False),
        (PortInfo("/dev/ttyS0"), PortInfo("/dev/ttyS0"), False),
    ],
)
def test_which_device_is_the_same(known: PortInfo, seen: PortInfo, same: bool) -> None:
    assert known.is_same_device(seen) is same


def test_stable_names(tmp_path: Path) -> None:
    (tmp_path / "usb-Arduino_95530343-if00").symlink_to("/dev/ttyACM7")
    assert stable_name("/dev/ttyACM7", tmp_path) == str(tmp_path / "usb-Arduino_95530343-if00")
    assert stable_name("/dev/ttyACM8", tmp_path) is None
    assert stable_name(str(tmp_path / "usb-Arduino_95530343-if00"), tmp_path) is None
    assert stable_name("/dev/ttyACM7", tmp_path / "none") is None


def test_better_name_is_suggested_once(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    monkeypatch.setattr("sorter.edge.arms.link.stable_name", lambda _name: "/dev/serial/by-id/usb-Arduino")
    with PtyArm(SimulatedArm()) as port:
        link = SerialLink(hub.plug("ttyUSB0", port.path), lister=hub.list_ports, on_warning=warnings.append)
        for _ in range(2):
            link.open()
            link.close()
    assert len(warnings) == 1 and "use /dev/serial/by-id/usb-Arduino instead" in warnings[0]


def test_system_lists_its_ports() -> None:
    ports = list_ports()
    assert all(port.device for port in ports)
    assert find_port("/dev/there-is-none", ports) is None


def test_restart_does_not_reset_the_board(terminal: tuple[int, str]) -> None:
    settings = termios.tcgetattr(terminal[0])
    settings[2] |= termios.HUPCL
    termios.tcsetattr(terminal[0], termios.TCSANOW, settings)
    link = SerialLink(terminal[1])
    link.open()
    link.close()
    assert not termios.tcgetattr(terminal[0])[2] & termios.HUPCL


def test_two_programs_cannot_share_a_port(terminal: tuple[int, str]) -> None:
    link = SerialLink(terminal[1])
    link.open()
    program = (
        "import sys\nfrom sorter.edge.arms.link import SerialLink\nfrom sorter.errors import ArmError\n"
        "try: SerialLink(sys.argv[1]).open()\nexcept ArmError as error: print(error.message)"
    )
    other = subprocess.run([sys.executable, "-c", program, terminal[1]], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == f"Port {terminal[1]} is in use by another program."
    link.close()
    other = subprocess.run([sys.executable, "-c", program, terminal[1]], capture_output=True, text=True, check=True)
    assert other.stdout == ""


def test_device_that_takes_no_data_does_not_hang(terminal: tuple[int, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sorter.edge.arms.link._WRITE_TIMEOUT_S", 0.2)
    link = SerialLink(terminal[1])
    link.open()
    with pytest.raises(ArmLostError, match="takes no data"):
        for _ in range(1000):
            link.write(b"x" * 1000)
    link.close()


def test_port_without_reset_line_says_so(terminal: tuple[int, str]) -> None:
    link = SerialLink(terminal[1])
    with pytest.raises(ArmLostError):
        link.reset()
    link.open()
    assert not link.reset()
    link.close()
