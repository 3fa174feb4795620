"""What triggers cost on an idle frame: ``python -m sorter.benchmarks.trigger --json FILE``.

Each kind looks at the same 640x480 frames of an empty place, in turns with a plain ``cv2.resize`` (INTER_AREA) to the
size that triggers compare at, so that a busy machine slows all of them.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np

from sorter.benchmarks.disturbances import DISTURBANCES, Disturbance, Sensor
from sorter.benchmarks.trigger_scenes import grounds
from sorter.cli import SorterCommand
from sorter.edge.cameras.camera import Frame
from sorter.edge.triggers.kinds import make_trigger
from sorter.edge.triggers.options import Kind, TriggerOptions
from sorter.image import Pixels

_SIZE, _SMALL = (640, 480), (160, 120)
_FPS = 30.0
_PLAIN = "cv2.resize INTER_AREA"
_KINDS: tuple[Kind, ...] = ("motion", "line", "arm", "interval")
_DIFFERENT_FRAMES = 60
_WARM_UP = 30


def draw_frames(disturbance: Disturbance, occupied: bool) -> list[Pixels]:
    """Frames of an empty place, or of one where an object lies in all but the first ones."""
    ground: Any = cv2.resize(next(grounds(1))[0], _SIZE, interpolation=cv2.INTER_LINEAR)
    sensor = Sensor(ground.shape)
    with_object = ground.copy()
    cv2.circle(with_object, (300, 240), 90, (40, 80, 190), -1, cv2.LINE_AA)
    return [
        sensor.expose(with_object if occupied and i >= _WARM_UP // 2 else ground, disturbance(i / _FPS, ground.shape))
        for i in range(_DIFFERENT_FRAMES)
    ]


def measure(frames: list[Pixels], rounds: int) -> dict[str, dict[str, float]]:
    """Median and 99th percentile of the processor time of one call, in ms, for each contestant."""
    triggers = {kind: make_trigger(TriggerOptions(kind=kind), live=True) for kind in _KINDS}
    contestants: dict[str, Callable[[Frame], object]] = {
        _PLAIN: lambda frame: cv2.resize(frame.image, _SMALL, interpolation=cv2.INTER_AREA)
    }
    contestants |= {kind: trigger.observe for kind, trigger in triggers.items()}
    times_ms: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(rounds + _WARM_UP):
        picture = frames[number] if number < len(frames) else frames[_WARM_UP + number % (len(frames) - _WARM_UP)]
        frame = Frame(picture, number / _FPS, number)
        for name, call in contestants.items():
            started = time.thread_time()
            call(frame)
            if number >= _WARM_UP:
                times_ms[name].append((time.thread_time() - started) * 1000)
    plain_ms = float(np.median(times_ms[_PLAIN]))
    return {
        name: {
            "median_ms": float(np.median(values)),
            "p99_ms": float(np.quantile(values, 0.99)),
            "ratio": float(np.median(values)) / plain_ms,
        }
        for name, values in times_ms.items()
    }


@click.command(cls=SorterCommand)
@click.option("--rounds", type=click.IntRange(10), default=2000, help="Timed frames.")
@click.option("--under", type=click.Choice(list(DISTURBANCES)), default="steady", help="Disturbance.")
@click.option("--occupied", is_flag=True, help="With an object that lies there.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Where to store the figures.")
def trigger(rounds: int, under: str, occupied: bool, json_file: Path | None) -> None:
    """Prints what each kind of trigger costs on an idle frame, beside a plain resize."""
    from sorter.benchmarks.machine import describe_machine
    from sorter.files import write_json

    # One thread, so that the processor time is all on this one.
    cv2.setNumThreads(1)
    figures = measure(draw_frames(DISTURBANCES[under], occupied), rounds)
    for name, of_name in figures.items():
        click.echo(
            f"{name:<24} median {of_name['median_ms']:.3f} ms   p99 {of_name['p99_ms']:.3f} ms"
            f"   {of_name['ratio']:.2f} x resize"
        )
    if json_file:
        write_json(json_file, {"machine": describe_machine(), "under": under, "occupied": occupied, "kinds": figures})


if __name__ == "__main__":
    trigger()
