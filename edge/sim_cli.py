"""``sorter-sim``: what stands in for hardware and photographs.

Heavy imports live inside the commands, so that ``--help`` answers at once.
"""

import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from sorter.cli import SorterCommand, inform, track

_LONGEST_DEAF_S = 0.1
"""signal.pause() would be deaf for longer: a signal just before it, or in another thread, does not end it."""


def _read_size(_ctx: click.Context, _param: click.Parameter, value: str) -> tuple[int, int]:
    width, _, height = value.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise click.BadParameter(f"{value!r} is not a size such as 320x240.")
    return int(width), int(height)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def sim() -> None:
    """Simulated arm and rendered demo pictures: try everything with nothing plugged in."""


sim.command_class = SorterCommand


@sim.command()
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to make; one folder a class.")
@click.option("--per-class", type=click.IntRange(1, 99999), default=400, help="Pictures of each fruit.")
@click.option("--seed", type=click.IntRange(0), default=1, help="Equal seeds give equal pictures.")
@click.option("--size", callback=_read_size, metavar="WxH", default="320x240", help="Size of a picture in pixels.")
@click.option("--format", "file_format", type=click.Choice(["jpg", "png"]), default="jpg", help="File format.")
def render(out: Path, per_class: int, seed: int, size: tuple[int, int], file_format: str) -> None:
    """Draws a data set of six fruits: shape, texture, pose, light and ground vary."""
    from typing import Literal, cast

    from sorter.edge.simulation.collection import RenderOptions, write_collection
    from sorter.edge.simulation.fruit import FRUITS

    options = RenderOptions(per_class, seed, *size, cast("Literal['jpg', 'png']", file_format))
    total = per_class * len(FRUITS)
    for _path in track(write_collection(out, options), "Rendering", total):
        pass
    inform(f"{total} pictures of {len(FRUITS)} fruits in {out}.")


@sim.command()
@click.option("--link", type=click.Path(path_type=Path), help="Also keep a symbolic link of this name to the port.")
@click.option("--kind", type=click.Choice(["line", "gcode", "template"]), default="line", help="Kind of arm.")
@click.option("--dialect", type=click.Choice(["marlin", "grbl", "uarm"]), default="marlin", help="Dialect of G-code.")
@click.option("--name", default="simulated-arm", help="What the arm calls itself; kind line.")
@click.option("--bins", type=click.IntRange(1, 99), default=8, help="Number of bins.")
@click.option("--move-s", type=click.FloatRange(0, 600), default=0.5, help="Seconds that a motion takes.")
@click.option("--drop", type=click.FloatRange(0, 1), default=0.0, help="Chance that a line is lost.")
@click.option("--corrupt", type=click.FloatRange(0, 1), default=0.0, help="Chance that a line is damaged.")
@click.option("--duplicate", type=click.FloatRange(0, 1), default=0.0, help="Chance that a line arrives twice.")
@click.option("--delay", type=click.FloatRange(0, 1), default=0.0, help="Chance that a line arrives late.")
@click.option("--delay-s", type=click.FloatRange(0, 600), default=0.3, help="By how many seconds.")
@click.option("--reset", type=click.FloatRange(0, 1), default=0.0, help="Chance that a reset cuts a motion off.")
@click.option("--jam", type=click.FloatRange(0, 1), default=0.0, help="Chance that a motion jams.")
@click.option("--silent", is_flag=True, help="Never answer, like a device of another kind.")
@click.option("--announce-every-s", type=click.FloatRange(0, 3600), default=0.0, help="Its sensor sees objects; line.")
@click.option("--keepalive-s", type=click.FloatRange(0.01, 600), default=2.0, help="Between signs of life; marlin.")
@click.option("--seed", type=int, default=1, help="Of the chances.")
@click.option("-v", "--verbose", is_flag=True, help="Show every line that passes.")
def arm(link: Path | None, verbose: bool, **options: Any) -> None:
    """Simulates an arm on a pseudo-terminal, for --port; prints its path.

    Runs until Ctrl-C or SIGTERM. SIGUSR1 makes the next motion jam, SIGUSR2 resets the arm. One of kind line also has a
    sensor, which sees an object at SIGRTMIN, and a stop button, pressed by SIGRTMIN+1.
    """
    from contextlib import nullcontext, suppress

    from sorter.edge.arms.options import ArmOptions
    from sorter.edge.simulation.bench import describe_bins_of, keep_known, make_simulated_arm
    from sorter.edge.simulation.pty import PtyArm, symbolic_link

    simulated, arm_options = make_simulated_arm(
        keep_known(options),
        ArmOptions(),
        on_sorted=lambda bin_number: inform(f"sorted into bin {bin_number}") if verbose else None,
        on_line=_show_line if verbose else lambda _direction, _line: None,
    )
    with suppress(KeyboardInterrupt), PtyArm(simulated) as port:
        _on_signal(signal.SIGUSR1, port.jam, "the next motion will jam")
        _on_signal(signal.SIGUSR2, port.reset, "the arm was reset")
        _on_signal(signal.SIGRTMIN, port.announce, "an object lies in front of the sensor")
        _on_signal(signal.SIGRTMIN + 1, port.press_stop, "the stop button was pressed")
        with symbolic_link(link, port.path) if link else nullcontext():
            click.echo(port.path)
            inform(f"Simulated arm {simulated.name} with {simulated.bins} bins at {link or port.path}; Ctrl-C ends it.")
            for line in describe_bins_of(arm_options):
                inform(line)
            while True:
                time.sleep(_LONGEST_DEAF_S)


@sim.command()
@click.option("--camera", default="sim:", help="Platform and camera: sim:?OPTIONS or sim:FOLDER?OPTIONS.")
@click.option("--arm", "arm_address", default="sim:", help="The arm: sim:?OPTIONS, as for sorter-run --port.")
@click.option("--host", default="127.0.0.1", help="Address at which pictures are served.")
@click.option("--http-port", type=click.IntRange(0, 65535), default=0, help="Port for it; 0 takes a free one.")
@click.option("--link", type=click.Path(path_type=Path), help="Keep a symbolic link of this name to the arm's port.")
@click.option("--bin", "assignments", multiple=True, metavar="LABEL=N", help="Bin of a label, for the score.")
@click.option("--reject-bin", type=click.IntRange(0), default=0, help="Bin for objects that cannot be told.")
@click.option("--truth", type=click.Path(path_type=Path), help="JSON file for what really happened.")
@click.option("--grace", type=click.FloatRange(0), default=1.0, help="Seconds without objects when a sorter comes.")
@click.option("--unplug-s", type=click.FloatRange(0.01, 3600), default=1.0, help="How long SIGRTMIN pulls the cable.")
@click.option("--truth-interval", type=click.FloatRange(0.05), default=1.0, help="Seconds between two writings of it.")
def platform(
    camera: str,
    arm_address: str,
    host: str,
    http_port: int,
    link: Path | None,
    assignments: tuple[str, ...],
    reject_bin: int,
    truth: Path | None,
    truth_interval: float,
    grace: float,
    unplug_s: float,
) -> None:
    r"""Runs a platform with camera and arm for a sorter in another program.

    Prints the camera's URL and the arm's port, each on a line. Lives on while sorters come, are killed, and come again:

    \b
    sorter-sim platform --http-port 8090 --link /tmp/arm --truth truth.json
    sorter-run --camera http://127.0.0.1:8090/ --port /tmp/arm --model fruit-demo-int8

    Runs until Ctrl-C or SIGTERM. SIGHUP writes the truth at once, SIGUSR1 makes the next motion jam, SIGUSR2 resets the
    arm, SIGRTMIN pulls the arm's cable for a while.
    """
    from contextlib import nullcontext, suppress

    from sorter.edge.decision import make_bin_map, parse_assignments
    from sorter.edge.simulation.address import read_options, split_address
    from sorter.edge.simulation.arm import SimulatedArmOptions
    from sorter.edge.simulation.camera import make_simulation
    from sorter.edge.simulation.platform import SimulatedPlatform
    from sorter.edge.simulation.pty import symbolic_link
    from sorter.edge.simulation.stream import PictureStream

    simulation = make_simulation(camera, endless=True)
    arm_options = read_options(SimulatedArmOptions, split_address(arm_address)[1])
    bins = make_bin_map(simulation.labels, parse_assignments(assignments), reject_bin)
    stream = PictureStream(host, http_port)
    running = SimulatedPlatform(simulation, arm_options, bins, stream, truth, truth_interval, grace)
    with suppress(KeyboardInterrupt), running:
        _on_signal(signal.SIGHUP, running.want_truth, "the truth is written")
        _on_signal(signal.SIGUSR1, running.port.jam, "the next motion will jam")
        _on_signal(signal.SIGUSR2, running.port.reset, "the arm was reset")
        _on_signal(signal.SIGRTMIN, lambda: running.port.unplug(unplug_s), "the arm's cable was pulled")
        with symbolic_link(link, running.port.path) if link else nullcontext() as point:
            if point is not None:
                running.port.on_path = point
            click.echo(stream.url)
            click.echo(link or running.port.path)
            inform(f"{bins.describe()}. Ctrl-C ends it.")
            while True:
                time.sleep(_LONGEST_DEAF_S)


def _on_signal(number: int, action: Callable[[], None], message: str) -> None:
    def act() -> None:
        action()
        inform(message)

    # In a thread of its own: a handler interrupts this program anywhere, also while it holds the locks that these need.
    signal.signal(number, lambda _number, _frame: threading.Thread(target=act).start())


def _show_line(direction: str, line: bytes) -> None:
    arrow = ">" if direction == "in" else "<"
    inform(f"{arrow} {line.decode('ascii', 'backslashreplace')}")
