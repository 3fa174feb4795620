"""How long an arm takes to answer: PING written and read by hand, and through ``LineArm.ping``.

``python -m sorter.benchmarks.ping --json FILE``. Arms: the simulated one, in a process of its own, and the firmware in
an emulated Arduino Uno, where that can be built and run. Every way of asking takes its turn in short blocks, so that
whatever else the machine does hits all of them alike.
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

import click

from sorter.benchmarks.latency import Latency, percentiles
from sorter.cli import SorterCommand, warn

_BLOCK = 20
"""Questions in a row before the next candidate's turn."""

_PATIENCE_S = 5.0

Ask = Callable[[], float]
"""Asks once; gives the seconds until the answer."""


@click.command(cls=SorterCommand)
@click.option("--rounds", type=click.IntRange(1), default=25, help=f"Blocks of {_BLOCK} questions for each candidate.")
@click.option(
    "--also",
    multiple=True,
    type=click.Path(path_type=Path, exists=True),
    help="Another program for the emulated Arduino, an ELF file, to compare with.",
)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Where to store the figures.")
def ping(rounds: int, also: tuple[Path, ...], json_file: Path | None) -> None:
    """Prints how long a PING takes, by hand and through the program, on a simulated and on an emulated arm."""
    from dataclasses import asdict

    from sorter.benchmarks.machine import describe_machine
    from sorter.files import write_json

    with tempfile.TemporaryDirectory() as folder:
        timed = measure(dict(_arms(Path(folder), also)), rounds)
    for name, latency in timed.items():
        click.echo(
            f"{name:<32} p50 {latency.p50_ms:6.2f} ms   p90 {latency.p90_ms:6.2f} ms   p99 {latency.p99_ms:6.2f} ms"
        )
    if json_file:
        figures = {name: asdict(latency) for name, latency in timed.items()}
        write_json(json_file, {"machine": describe_machine(), "latency": figures})


def measure(arms: Mapping[str, Callable[[], AbstractContextManager[str]]], rounds: int) -> dict[str, Latency]:
    """Times each arm by hand and through ``LineArm``, in turns.

    Args:
        arms: By name, what runs an arm and gives the path of its port. Only one runs at a time: an emulated Arduino
            never rests, and two would take the processor away from each other.
        rounds: Blocks of questions for each.
    """
    ways = {"by hand": _by_hand, "LineArm.ping": _by_arm}
    times_ms: dict[str, list[float]] = {f"{name}, {way}": [] for name in arms for way in ways}
    for _ in range(rounds):
        for name, running in arms.items():
            with running() as port:
                for way, opened in ways.items():
                    with opened(port) as ask:
                        ask()  # the first one pays for what opening the port has left to do
                        times_ms[f"{name}, {way}"] += [ask() * 1e3 for _ in range(_BLOCK)]
    return {name: percentiles(times) for name, times in times_ms.items()}


def _arms(folder: Path, also: tuple[Path, ...]) -> Iterator[tuple[str, Callable[[], AbstractContextManager[str]]]]:
    from sorter.edge.simulation.firmware import build_firmware, missing_programs
    from sorter.edge.simulation.uno import is_emulator_installed

    yield "simulated arm", partial(_simulated, folder)
    if not is_emulator_installed() or missing_programs("uno"):
        warn("The firmware cannot be built or emulated here; it is left out.")
        return
    yield "emulated Uno", partial(_emulated, build_firmware("uno", folder))
    for program in also:
        yield f"Uno {program.stem}", partial(_emulated, program)


@contextmanager
def _simulated(folder: Path) -> Iterator[str]:
    from sorter.benchmarks.wire import FarEnd

    with FarEnd(folder) as arm:
        yield arm.port


@contextmanager
def _emulated(program: Path) -> Iterator[str]:
    from sorter.edge.simulation.uno import EmulatedUno

    with EmulatedUno(program) as uno:
        yield uno.path


@contextmanager
def _by_hand(path: str) -> Iterator[Ask]:
    """As little as possible between the question and its answer."""
    import serial

    from sorter.edge.arms.protocol import Message
    from sorter.errors import DeviceError

    question = Message(7, "PING").encode()
    with serial.Serial(path, 115200, timeout=_PATIENCE_S) as port:

        def ask() -> float:
            started_s = time.monotonic()
            port.write(question)
            while b"PONG" not in (line := port.readline()):  # what opening the port left of an earlier line
                if not line:
                    raise DeviceError(f"The arm at {path} does not answer PING.")
            return time.monotonic() - started_s

        yield ask


@contextmanager
def _by_arm(path: str) -> Iterator[Ask]:
    from sorter.edge.arms.ports import make_arm

    with make_arm(path) as arm:
        yield arm.ping


if __name__ == "__main__":
    ping()
