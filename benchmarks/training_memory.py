"""Memory of a training, by number of photos: ``python -m sorter.benchmarks.training_memory``.

Each training runs in a process of its own on photos drawn for it. Two figures are told apart: what the process needs
for itself (anonymous pages), and what it has mapped of files (its libraries, and the pictures), which the system takes
back when others need it.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np

from sorter.cli import SorterCommand, inform, track
from sorter.errors import TrainingError
from sorter.files import write_json

_FIELDS = {"VmRSS": "resident", "RssAnon": "own", "RssFile": "mapped"}

_INTERVAL_S = 0.1


@contextmanager
def drawn_photos(count: int, side_px: int) -> Iterator[Path]:
    """Gives a folder with two classes of photos, smooth and of one main colour, no two alike."""
    with tempfile.TemporaryDirectory() as folder:
        rng = np.random.default_rng(0)
        for label in ("blue", "red"):
            (Path(folder) / label).mkdir()
        for i in track(range(count), "Drawing photos", count):
            coarse = rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)
            coarse[:, :, 2 * (i % 2)] //= 3
            picture = cv2.resize(coarse, (side_px, side_px), interpolation=cv2.INTER_CUBIC)
            cv2.imencode(".jpg", picture)[1].tofile(Path(folder) / ("red" if i % 2 == 0 else "blue") / f"{i}.jpg")
        yield Path(folder)


def measure_memory(command: list[str]) -> dict[str, float]:
    """Runs a command to its end; gives the peaks of its memory in MB and its seconds.

    Raises:
        TrainingError: It failed.
    """
    peaks = dict.fromkeys(_FIELDS.values(), 0.0)
    started = time.monotonic()
    with tempfile.TemporaryFile() as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        while process.poll() is None:
            for name, megabytes in _read_memory(process.pid).items():
                peaks[name] = max(peaks[name], megabytes)
            time.sleep(_INTERVAL_S)
        log.seek(0)
        if process.returncode:
            raise TrainingError(f"A training failed: {log.read().decode(errors='replace')[-300:]}")
    return {**peaks, "seconds": time.monotonic() - started}


def _read_memory(pid: int) -> dict[str, float]:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return {}
    values = dict(line.split(":", 1) for line in lines)
    return {name: int(values[field].split()[0]) / 1024 for field, name in _FIELDS.items() if field in values}


@click.command(cls=SorterCommand)
@click.option("--photos", "counts", default="2500,10000,20000", help="Numbers of photos to train on.")
@click.option("--side-px", type=click.IntRange(32), default=224, help="Side of the photos and of the input.")
@click.option("--model", default="toy-4conv", help="Recipe.")
@click.option("--options", default="--epochs 1 --weights none", help="More options of sorter-train.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Where to store the figures.")
def training_memory(counts: str, side_px: int, model: str, options: str, json_file: Path | None) -> None:
    """Measures the memory of a training for several numbers of photos."""
    from sorter.benchmarks.machine import describe_machine

    rows: list[dict[str, Any]] = []
    click.echo(
        f"{'photos':>8}{'resident MB':>13}{'own MB':>9}{'mapped MB':>11}{'seconds':>9}   ({model}, {side_px} px)"
    )
    for count in (int(text) for text in counts.split(",")):
        inform(f"{count} photos")
        with drawn_photos(count, side_px) as folder, tempfile.TemporaryDirectory() as out:
            code = "from sorter.trainer.cli import train; train()"
            arguments = [str(folder), "--model", model, "--image-size", str(side_px), "--out", str(Path(out) / "run")]
            peaks = measure_memory([sys.executable, "-c", code, *arguments, *options.split()])
        rows.append({"photos": count, **peaks})
        click.echo(
            f"{count:>8}{peaks['resident']:>13.0f}{peaks['own']:>9.0f}{peaks['mapped']:>11.0f}{peaks['seconds']:>9.0f}"
        )
    if json_file:
        write_json(json_file, {"machine": describe_machine(), "model": model, "side_px": side_px, "rows": rows})


if __name__ == "__main__":
    training_memory()
