"""What watching over a camera costs, and how old pictures are: ``python -m sorter.benchmarks.camera``.

Each picture carries the time it was made in black and white squares, goes as JPEG through a real HTTP stream, is
decoded by OpenCV and kept by ``Capture``; the reader takes the newest and compares.
"""

import threading
import time
from pathlib import Path
from statistics import median, quantiles
from timeit import repeat
from typing import Any

import click
import cv2
import numpy as np

from sorter.cli import SorterCommand
from sorter.edge.cameras.guard import Guard, glance
from sorter.edge.cameras.network import NetworkCamera
from sorter.edge.cameras.options import CameraOptions
from sorter.edge.capture import Capture
from sorter.edge.simulation.stream import PictureStream
from sorter.files import write_json
from sorter.image import Pixels

_BITS = 20
_TICKS_PER_S = 10_000


def measure_guard(width: int, height: int) -> float:
    """Microseconds for one frame, in which every byte is noise."""
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    guard = Guard(CameraOptions())
    clock_s = [0.0]

    def judge() -> None:
        clock_s[0] += 0.033
        guard.judge(glance(image, 10), clock_s[0], clock_s[0])

    return min(repeat(judge, number=200, repeat=20)) / 200 * 1e6


def measure_delay(width: int, height: int, fps: float, duration_s: float) -> dict[str, Any]:
    """Delay from a picture's making to its taking from ``Capture``, in milliseconds, and what the process used."""
    stream = PictureStream()
    stream.start()
    ending = threading.Event()
    server = threading.Thread(target=_serve, args=(stream, width, height, fps, ending), daemon=True)
    server.start()
    fresh = threading.Event()
    camera = NetworkCamera(stream.url)
    camera.open()
    capture = Capture(camera, fresh.set)
    capture.start()
    delays_ms: list[float] = []
    began_s, cpu_s = time.monotonic(), time.process_time()
    while time.monotonic() - began_s < duration_s:
        fresh.wait(1)
        fresh.clear()
        frame = capture.take()
        if frame is not None:
            delays_ms.append(_age_ms(frame.image))
    used_s = time.process_time() - cpu_s
    ending.set()
    capture.stop()
    stream.stop()
    cuts = quantiles(delays_ms, n=100)
    return {
        "pictures": len(delays_ms),
        "per_s": round(len(delays_ms) / duration_s, 1),
        "delay_ms": {"p50": round(median(delays_ms), 2), "p95": round(cuts[94], 2), "max": round(max(delays_ms), 2)},
        "cpu_share": round(used_s / duration_s, 3),
        "dropped": capture.dropped,
    }


def _serve(stream: PictureStream, width: int, height: int, fps: float, ending: threading.Event) -> None:
    noise = np.random.default_rng(1).integers(90, 130, (8, height, width, 3), dtype=np.uint8)
    side = width // _BITS
    due_s = time.monotonic()
    number = 0
    while not ending.is_set():
        due_s += 1 / fps
        time.sleep(max(0.0, due_s - time.monotonic()))
        picture = noise[number % 8].copy()
        ticks = int(time.monotonic() * _TICKS_PER_S) % (1 << _BITS)
        for bit in range(_BITS):
            picture[:side, bit * side : (bit + 1) * side] = 255 * (ticks >> bit & 1)
        stream.publish(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes())
        number += 1


def _age_ms(picture: Pixels) -> float:
    side = picture.shape[1] // _BITS
    made = sum(int(picture[side // 2, bit * side + side // 2, 1] > 127) << bit for bit in range(_BITS))
    return (int(time.monotonic() * _TICKS_PER_S) - made) % (1 << _BITS) * 1000 / _TICKS_PER_S


@click.command(cls=SorterCommand)
@click.option("--duration-s", type=click.FloatRange(1), default=10.0, help="For each size.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Also write the figures here.")
def main(duration_s: float, json_path: Path | None) -> None:
    """Measures the guard's cost, and the delay of pictures through an HTTP stream on this machine."""
    figures: dict[str, Any] = {}
    for width, height, fps in ((320, 240, 100.0), (640, 480, 30.0)):
        figures[f"guard {width}x{height} us"] = round(measure_guard(width, height), 1)
        figures[f"stream {width}x{height} at {fps:g}"] = measure_delay(width, height, fps, duration_s)
    for name, value in figures.items():
        click.echo(f"{name}: {value}")
    if json_path is not None:
        write_json(json_path, figures)


if __name__ == "__main__":
    main()
