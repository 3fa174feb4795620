import errno
import sys
import threading
from pathlib import Path

import pytest
import serial

from sorter.edge.arms.arm import ArmFaultError, ArmLostError, ArmNotAcknowledgedError
from sorter.edge.arms.line import LineArm, LineOptions
from sorter.edge.arms.ports import make_arm
from sorter.edge.simulation.arm import SimulatedArm, SimulatedArmOptions
from sorter.edge.simulation.pty import PtyArm, SimulatedLink
from sorter.errors import ArmError, ConfigError

HASTY = LineOptions(
    handshake_timeout_s=20,
    hello_interval_s=0.03,
    acknowledge_timeout_s=0.02,
    attempts=1000,
    repeat_interval_s=0.02,
    motion_timeout_s=60,
)
"""Many short waits, so that losses cost little, and no end of them while the computer is busy."""


@pytest.mark.parametrize(
    "options",
    [
        SimulatedArmOptions(move_s=0.005, drop=0.2),
        SimulatedArmOptions(move_s=0.005, corrupt=0.2),
        SimulatedArmOptions(move_s=0.005, duplicate=0.5),
        SimulatedArmOptions(move_s=0.005, delay=0.3, delay_s=0.05),
        SimulatedArmOptions(move_s=0.005, drop=0.1, corrupt=0.1, duplicate=0.1, delay=0.1, delay_s=0.05, seed=3),
    ],
    ids=["drop", "corrupt", "duplicate", "delay", "all"],
)
def test_bad_link_loses_and_doubles_nothing(options: SimulatedArmOptions) -> None:
    bins: list[int] = []
    link = SimulatedLink(options, bins.append)
    wanted = [(7 * i) % 6 for i in range(30)]
    with LineArm(link, HASTY) as arm:
        for sequence, bin_number in enumerate(wanted, start=65520):
            arm.sort(bin_number, (sequence - 1) % 65535 + 1)
    assert bins == wanted
    assert len(link.simulated_arm.motions) == len(wanted)


def test_arm_that_dies_before_it_acknowledges() -> None:
    link = SimulatedLink(SimulatedArmOptions())
    impatient = LineOptions(acknowledge_timeout_s=0.02, attempts=3)
    with pytest.raises(ArmNotAcknowledgedError, match="3 times"), LineArm(link, impatient) as arm:
        link.simulated_arm._options = SimulatedArmOptions(silent=True)
        arm.sort(1, 1)


def test_reset_whose_banner_is_lost() -> None:
    bins: list[int] = []
    link = SimulatedLink(SimulatedArmOptions(move_s=0.01), bins.append)
    with LineArm(link, HASTY) as arm:
        arm.sort(1, 1)
        link.simulated_arm._mechanism.boot()
        with pytest.raises(ArmFaultError) as caught:
            arm.sort(2, 2)
        assert caught.value.number == 8 and not caught.value.started
        arm.sort(3, 3)
    assert bins == [1, 3]


def test_port_that_disappears() -> None:
    link = SimulatedLink(SimulatedArmOptions(move_s=5))
    with pytest.raises(ArmLostError, match="gone"), LineArm(link) as arm:
        assert link.port is not None
        unplug = threading.Thread(target=link.port.stop)
        arm.sort(1, 1, unplug.start)
    unplug.join()


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("/dev/ttyUSB-none", "does not exist"),
        ("/dev/null", "not a serial port"),
        ("socket://127.0.0.1:9", "does not open"),
        ("loop://", "not in line protocol 1"),
        ("sim:?silent=1", "answered"),
    ],
)
def test_ports_that_do_not_open(address: str, message: str) -> None:
    with pytest.raises(ArmError, match=message) as caught:
        make_arm(address, LineOptions(handshake_timeout_s=0.2)).open()
    assert caught.value.hint


def test_port_in_use() -> None:
    with PtyArm(SimulatedArm()) as port, make_arm(port.path), pytest.raises(ArmError, match="in use"):
        make_arm(port.path).open()


@pytest.mark.parametrize(
    ("number", "message", "hint"),
    [(errno.EACCES, "permission", "usermod"), (errno.EBUSY, "in use", "program"), (errno.EIO, "does not open", "")],
)
def test_refusals_of_the_system(number: int, message: str, hint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_options: object) -> None:
        raise serial.SerialException(number, "could not open port")

    monkeypatch.setattr(serial, "serial_for_url", refuse)
    with pytest.raises(ArmError, match=message) as caught:
        make_arm("/dev/ttyUSB0").open()
    assert hint in caught.value.hint


def test_without_pyserial(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "serial", None)
    with pytest.raises(ConfigError, match="pyserial") as caught:
        make_arm("/dev/ttyUSB0").open()
    assert "pip install" in caught.value.hint


@pytest.mark.parametrize(
    ("address", "message"),
    [("", "No port"), ("sim:?drp=1", "drp"), ("sim:?drop=x", "number"), ("sim:?drop=2", "chance"), ("sim:x", "folder")],
)
def test_wrong_addresses(address: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_arm(address)


def test_unknown_scheme() -> None:
    with pytest.raises(ConfigError, match="not understood"):
        make_arm("carrier-pigeon://roof").open()


def test_constructors_touch_nothing(tmp_path: Path) -> None:
    arm = make_arm(str(tmp_path / "nothing"))
    with pytest.raises(ArmError, match="not open"):
        arm.ping()
    arm.close()
