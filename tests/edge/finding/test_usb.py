"""What Linux tells of a plugged-in device."""

import os
from pathlib import Path

import pytest

from sorter.edge.finding.usb import lasting_names, usb_identity, users_of
from tests.edge.finding.trees import plug_in


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return plug_in(tmp_path)


def test_an_arduino_with_a_serial_number(root: Path) -> None:
    found = usb_identity("/dev/ttyACM0", "tty", root)
    assert found is not None
    assert (found.vendor, found.product, found.serial) == ("2341", "0043", "85735313932351D0E1A2")
    assert found.position == "1-1.2" and found.board == "Arduino Uno"


@pytest.mark.parametrize("name", ["/dev/ttyUSB0", "/dev/sorter-arm"])
def test_a_board_without_one_is_known_by_its_place(root: Path, name: str) -> None:
    found = usb_identity(name, "tty", root)
    assert found is not None
    assert (found.serial, found.position, found.name) == ("", "1-1.3", "USB Serial")


def test_a_port_of_the_board_itself_is_no_usb_device(root: Path) -> None:
    assert usb_identity("/dev/ttyS0", "tty", root) is None


def test_names_that_last_come_best_first(root: Path) -> None:
    names = lasting_names("/dev/ttyACM0", ("/dev/serial/by-id", "/dev/serial/by-path"), root)
    assert [name.split("/")[3] for name in names] == ["by-id", "by-path"]
    assert lasting_names("/dev/ttyUSB0", ("/dev/serial/by-id",), root) == ()


def test_who_uses_a_device(tmp_path: Path) -> None:
    device = tmp_path / "device"
    with device.open("w"):
        assert any(f"({os.getpid()})" in user for user in users_of(str(device)))
    assert users_of(str(device)) == ()
