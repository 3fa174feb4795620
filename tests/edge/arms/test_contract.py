"""What every arm must do, tried on every arm there is.

``sim:`` and ``sorter-sim arm`` in a process of its own; the reference firmware as a Linux program; and the same
firmware as it is flashed, in an emulated Arduino Uno.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sorter.edge.arms.arm import Arm, ArmFaultError, ArmOutcomeUnknownError
from sorter.edge.arms.line import LineArm, LineOptions
from sorter.edge.arms.ports import make_arm
from sorter.edge.arms.protocol import next_sequence
from sorter.edge.simulation.pty import SimulatedLink
from sorter.edge.simulation.uno import EmulatedUno
from sorter.errors import ConfigError
from tests.edge.firmware.builds import GOLDEN, GOLDEN_INPUTS, built, require_emulator, sorted_bins

QUICK = LineOptions(
    handshake_timeout_s=5, hello_interval_s=0.1, acknowledge_timeout_s=0.1, repeat_interval_s=0.1, motion_timeout_s=8
)
_SIM = "from sorter.edge.sim_cli import sim; sim()"


@dataclass
class Bench:
    """An arm on trial, and what really happened to it."""

    arm: Arm
    sorted_bins: Callable[[], list[int]]
    jam: Callable[[], None]
    reset: Callable[[], None]


@pytest.fixture(params=["sim:", "process", "firmware", "uno"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    if request.param == "sim:":
        yield _bench_in_thread()
    else:
        make = {"process": _bench_in_process, "firmware": _bench_with_firmware, "uno": _bench_with_uno}
        yield from make[request.param](tmp_path)


def _bench_in_thread() -> Bench:
    bins: list[int] = []
    arm = make_arm("sim:?move_s=0.15&bins=4", QUICK, bins.append)
    assert isinstance(arm, LineArm)
    link = arm._link
    assert isinstance(link, SimulatedLink)

    def port(action: str) -> Callable[[], None]:
        return lambda: getattr(link.port, action)()

    return Bench(arm, lambda: list(bins), port("jam"), port("reset"))


def _bench_in_process(folder: Path) -> Iterator[Bench]:
    log, link = folder / "log.txt", folder / "arm"
    command = [sys.executable, "-c", _SIM, "arm", "--link", str(link), "--move-s", "0.15", "--bins", "4", "-v"]
    with log.open("w") as file:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=file, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("/dev/")

    def sorted_bins() -> list[int]:
        return [int(line.split()[-1]) for line in log.read_text().splitlines() if line.startswith("sorted into")]

    try:
        yield Bench(
            make_arm(str(link), QUICK),
            sorted_bins,
            lambda: _signal(process, signal.SIGUSR1, log, "will jam"),
            lambda: _signal(process, signal.SIGUSR2, log, "was reset"),
        )
    finally:
        process.terminate()
        assert process.wait(10) == 0
        process.stdout.close()
    assert not link.is_symlink()


def _bench_with_firmware(folder: Path) -> Iterator[Bench]:
    log = folder / "log.txt"
    with log.open("w") as file:
        command = [str(built("host", GOLDEN_INPUTS)), "-v"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=file, text=True)
    assert process.stdout is not None

    def pulses() -> Iterator[tuple[str, float]]:
        for line in log.read_text().splitlines():
            if line.startswith("pulse "):
                yield ("swivel", "tilt")[int(line.split()[1])], float(line.split()[2])

    try:
        yield Bench(
            make_arm(process.stdout.readline().strip(), QUICK),
            lambda: sorted_bins(list(pulses())),
            lambda: _signal(process, signal.SIGUSR1, log, "will jam"),
            lambda: _signal(process, signal.SIGUSR2, log, "was reset"),
        )
    finally:
        process.terminate()
        assert process.wait(10) == 0
        process.stdout.close()


def _bench_with_uno(folder: Path) -> Iterator[Bench]:
    require_emulator()

    def jam() -> None:
        pytest.skip("QEMU gives the Arduino no inputs, so it cannot notice a jam; the Linux program does")

    with EmulatedUno(built("uno", GOLDEN), folder) as uno:
        yield Bench(
            make_arm(uno.path, QUICK),
            lambda: sorted_bins([(pulse.servo, pulse.width_us) for pulse in uno.pulses()]),
            jam,
            uno.reset,
        )


def _signal(process: "subprocess.Popen[str]", number: signal.Signals, log: Path, confirmation: str) -> None:
    os.kill(process.pid, number)
    while confirmation not in log.read_text():
        time.sleep(0.005)


def test_identity_and_sorting(bench: Bench) -> None:
    acknowledged: list[int] = []
    with bench.arm as arm:
        for sequence, bin_number in enumerate((2, 0, 3), start=1):
            arm.sort(bin_number, sequence, lambda: acknowledged.append(len(bench.sorted_bins())))
        status = arm.status()
        assert (status.state, status.last_sequence, status.last_outcome) == ("IDLE", 3, "DONE")
        assert arm.ping() < 5
        assert arm.last_sequence == 3
    assert bench.sorted_bins() == [2, 0, 3]
    assert acknowledged == [0, 1, 2]  # on receipt, before the motion is over


def test_same_number_never_moves_twice(bench: Bench) -> None:
    with bench.arm as arm:
        arm.sort(1, 5)
        arm.sort(1, 5)
        with pytest.raises(ArmFaultError) as caught:
            arm.sort(2, 5)
        assert caught.value.number == 6 and not caught.value.started
        with pytest.raises(ArmFaultError) as caught:
            arm.sort(1, 4)
        assert caught.value.number == 7
    assert bench.sorted_bins() == [1]


def test_identity_survives_reopening(bench: Bench) -> None:
    with bench.arm as arm:
        arm.sort(1, 65535)
    identity = bench.arm.open()
    assert identity.bins == {0, 1, 2, 3} and identity.version == 1 and identity.last_sequence == 65535
    assert identity.status.state == "IDLE"
    bench.arm.sort(2, next_sequence(identity.last_sequence))
    bench.arm.close()
    bench.arm.close()
    assert bench.sorted_bins() == [1, 2]


def test_home_and_resume_count_on(bench: Bench) -> None:
    with bench.arm as arm:
        arm.sort(1, 10)
        arm.home()
        arm.stop()
        assert arm.status().state == "STOPPED"
        arm.resume()
        assert arm.last_sequence == 12
        arm.sort(2, next_sequence(arm.last_sequence))
    assert bench.sorted_bins() == [1, 2]


def test_stop_from_another_thread(bench: Bench) -> None:
    with bench.arm as arm:
        stopper = threading.Thread(target=arm.stop)
        with pytest.raises(ArmFaultError) as caught:
            arm.sort(1, 1, stopper.start)
        stopper.join(5)
        assert not stopper.is_alive()
        assert caught.value.number == 21 and caught.value.started
        with pytest.raises(ArmFaultError) as caught:
            arm.sort(1, 2)
        assert caught.value.number == 5 and not caught.value.started
    assert bench.sorted_bins() == []


def test_jam_and_recovery(bench: Bench) -> None:
    with bench.arm as arm:
        bench.jam()
        with pytest.raises(ArmFaultError) as caught:
            arm.sort(1, 1)
        assert caught.value.number == 20 and caught.value.started and "jammed" in caught.value.message
        assert arm.status().state == "FAULT"
        with pytest.raises(ArmFaultError) as caught:
            arm.sort(1, 2)
        assert caught.value.number == 10
        arm.resume()
        arm.sort(2, next_sequence(arm.last_sequence))
    assert bench.sorted_bins() == [2]


def test_reset_under_way(bench: Bench) -> None:
    with bench.arm as arm:
        with pytest.raises(ArmOutcomeUnknownError, match="reset"):
            arm.sort(1, 1, bench.reset)
        arm.sort(2, 2)  # greets the arm anew
    assert bench.sorted_bins() == [2]


def test_reset_between_two_commands(bench: Bench) -> None:
    with bench.arm as arm:
        arm.sort(1, 1)
        bench.reset()
        while arm.status().last_sequence:
            time.sleep(0.01)
        arm.sort(2, 2)
    assert bench.sorted_bins() == [1, 2]


def test_leaving_in_the_middle_stops_the_arm(bench: Bench) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), bench.arm as arm:
        arm.sort(1, 1, interrupt)
    assert bench.arm.open().status.state == "STOPPED"
    bench.arm.close()
    assert bench.sorted_bins() == []


def test_refused_command_leaves_the_arm_idle(bench: Bench) -> None:
    with bench.arm as arm:
        arm.sort(1, 9)
        with pytest.raises(ArmFaultError):
            arm.sort(1, 3)
    assert bench.arm.open().status.state == "IDLE"
    bench.arm.close()


def test_impossible_commands_never_leave(bench: Bench) -> None:
    with bench.arm as arm:
        for bin_number, sequence in ((4, 1), (-1, 1), (1, 0), (1, 65536)):
            with pytest.raises(ConfigError):
                arm.sort(bin_number, sequence)
        assert arm.status().last_sequence == 0
