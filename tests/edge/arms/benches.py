"""Arms on trial for the contract suite: every kind, and what really happened to each."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from sorter.edge.arms.arm import Arm
from sorter.edge.arms.line import LineArm
from sorter.edge.arms.options import ArmOptions
from sorter.edge.arms.ports import make_arm
from sorter.edge.simulation.bench import complete_options
from sorter.edge.simulation.pty import PtyLink
from sorter.edge.simulation.uno import EmulatedUno
from tests.edge.firmware.builds import GOLDEN, GOLDEN_INPUTS, built, require_emulator
from tests.edge.firmware.builds import sorted_bins as bins_of_pulses

QUICK = ArmOptions(
    handshake_timeout_s=20,
    hello_interval_s=0.2,
    acknowledge_timeout_s=1.0,
    repeat_interval_s=1.0,
    motion_timeout_s=60,
    silence_timeout_s=5.0,
    poll_s=0.05,
)
"""Quick where nothing is lost, as here; patient with a computer so busy that an emulated processor stands still."""

BRIEF = replace(QUICK, handshake_timeout_s=2, motion_timeout_s=3)
"""For arms that have no boot loader, and of which some are silent: their time is spent in full."""

MOVE_S = 0.15
SLOW_MOVE_S = 0.7
"""For motions that something must cut short before they end, also while the computer is busy."""

_SIM = "from sorter.edge.sim_cli import sim; sim()"

CONTROLLERS = {
    "marlin": ("gcode", "marlin"),
    "grbl": ("gcode", "grbl"),
    "uarm": ("gcode", "uarm"),
    "template": ("template", "marlin"),
}
"""Arms that remember nothing: kind and dialect."""


@dataclass
class Bench:
    """An arm on trial.

    Attributes:
        arm: The arm.
        sorted_bins: Where objects really went.
        jam: Makes the next motion jam.
        reset: Resets the arm.
        remembers: It knows command numbers itself. Another one says, after its port was opened anew, that nothing is
            known, and the host alone sees to it that no number moves it twice.
        tells_reset: It can tell that it was reset. Another one only falls silent.
        needs_button: After an emergency stop it is mute until somebody presses its reset button.
        process: The program that simulates it, where there is one.
    """

    arm: Arm
    sorted_bins: Callable[[], list[int]]
    jam: Callable[[], None]
    reset: Callable[[], None]
    remembers: bool = True
    tells_reset: bool = True
    needs_button: bool = False
    process: "subprocess.Popen[str] | None" = None


def make_bench(name: str, folder: Path, move_s: float = MOVE_S) -> Iterator[Bench]:
    """Sets up a bench and takes it down; the firmware takes its own time, about a second."""
    if name == "sim:":
        yield bench_in_thread("line", "marlin", move_s)
    elif name == "process":
        yield from bench_in_process("line", "marlin", folder, move_s)
    elif name == "firmware":
        yield from _bench_with_firmware(folder)
    elif name == "uno":
        yield from _bench_with_uno(folder)
    else:
        where, _, controller = name.partition(" ")
        if where == "sim:":
            yield bench_in_thread(*CONTROLLERS[controller], move_s)
        else:
            yield from bench_in_process(*CONTROLLERS[controller], folder, move_s)


NAMES = ["sim:", "process", "firmware", "uno", *(f"{where} {c}" for where in ("sim:", "process") for c in CONTROLLERS)]


def bench_in_thread(kind: str, dialect: str, move_s: float) -> Bench:
    """An arm at ``sim:``."""
    bins: list[int] = []
    which = "" if kind == "line" else f"&kind={kind}&dialect={dialect}&keepalive_s=0.1"
    arm = make_arm(f"sim:?move_s={move_s}&bins=4{which}", QUICK if kind == "line" else BRIEF, bins.append)
    link = arm._link  # type: ignore[attr-defined]
    assert isinstance(link, PtyLink)
    assert isinstance(arm, LineArm) == (kind == "line")

    def port(action: str) -> Callable[[], None]:
        return lambda: getattr(link.port, action)()

    return Bench(arm, lambda: list(bins), port("jam"), port("reset"), kind == "line", kind != "template")


def bench_in_process(kind: str, dialect: str, folder: Path, move_s: float = MOVE_S) -> Iterator[Bench]:
    """An arm of ``sorter-sim arm``, in a process of its own, behind a symbolic link."""
    log, link = folder / "log.txt", folder / "arm"
    command = [sys.executable, "-c", _SIM, "arm", "--link", str(link), "--move-s", str(move_s), "--bins", "4", "-v"]
    command += ["--kind", kind, "--dialect", dialect, "--keepalive-s", "0.1"]
    with log.open("w") as file:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=file, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("/dev/")

    def sorted_bins() -> list[int]:
        return [int(line.split()[-1]) for line in log.read_text().splitlines() if line.startswith("sorted into")]

    patience = QUICK if kind == "line" else BRIEF
    options = ArmOptions(**{**vars(patience), "kind": kind, "dialect": dialect})
    try:
        yield Bench(
            make_arm(str(link), complete_options(options, 4)),
            sorted_bins,
            lambda: send_signal(process, signal.SIGUSR1, log, "will jam"),
            lambda: send_signal(process, signal.SIGUSR2, log, "was reset"),
            needs_button=(kind, dialect) == ("gcode", "marlin"),
            process=process,
            remembers=kind == "line",
            tells_reset=kind != "template",
        )
    finally:
        process.terminate()
        assert process.wait(60) == 0
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
            lambda: bins_of_pulses(list(pulses())),
            lambda: send_signal(process, signal.SIGUSR1, log, "will jam"),
            lambda: send_signal(process, signal.SIGUSR2, log, "was reset"),
        )
    finally:
        process.terminate()
        assert process.wait(60) == 0
        process.stdout.close()


def _bench_with_uno(folder: Path) -> Iterator[Bench]:
    require_emulator()

    def jam() -> None:
        pytest.skip("QEMU gives the Arduino no inputs, so it cannot notice a jam; the Linux program does")

    with EmulatedUno(built("uno", GOLDEN), folder) as uno:
        yield Bench(
            make_arm(uno.path, QUICK),
            lambda: bins_of_pulses([(pulse.servo, pulse.width_us) for pulse in uno.pulses()]),
            jam,
            uno.reset,
        )


def send_signal(process: "subprocess.Popen[str]", number: int, log: Path, confirmation: str) -> None:
    """Sends a signal and waits until the process has said so."""
    seen = log.read_text().count(confirmation)
    os.kill(process.pid, number)
    while log.read_text().count(confirmation) == seen:
        time.sleep(0.005)
