"""Time and memory of a conversion to int8 beside TensorFlow's converter alone.

``python -m sorter.benchmarks.conversion RUN --data PHOTOS``. Both read the same number of photos, load the network and
convert it, each in a process of its own, in turn. The bare one does nothing else; ``sorter-convert`` also equalises
channels, describes the file, and tries it out. Neither measures accuracy, which has no counterpart in the bare one: the
run is given without its test part.
"""

import csv
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click

from sorter.benchmarks.machine import describe_machine, resident_mb
from sorter.cli import SorterCommand, inform
from sorter.errors import ConversionError
from sorter.files import write_json

_INTERVAL_S = 0.1

_BARE = """
import os, sys
os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
from pathlib import Path
import keras
import numpy as np
import tensorflow as tf
from sorter.image import InputSpec, prepare, read_image
network, photos, out = sys.argv[1:]
model = keras.models.load_model(network, compile=False)
spec = InputSpec(model.input_shape[2], model.input_shape[1])
pictures = [prepare(read_image(Path(name)), spec) for name in Path(photos).read_text().splitlines()]
converter = tf.lite.TFLiteConverter.from_keras_model(model)
converter.optimizations = [tf.lite.Optimize.DEFAULT]
converter.representative_dataset = lambda: ([picture[np.newaxis].astype(np.float32)] for picture in pictures)
converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
converter.inference_input_type = converter.inference_output_type = tf.uint8
Path(out).write_bytes(converter.convert())
"""

_OURS = "from sorter.converters.cli import convert; convert()"


def without_test(run: Path, folder: Path) -> Path:
    """Copies a run, its ``split.csv`` reduced to the training part."""
    folder.mkdir()
    for name in ("model.keras", "sorter.json"):
        shutil.copy(run / name, folder / name)
    with (run / "split.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with (folder / "split.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(row for row in rows if row["subset"] == "train")
    return folder


def measure(command: list[str]) -> tuple[float, float]:
    """Seconds of a command, and the peak of memory of all its processes together, in MB.

    Raises:
        ConversionError: It failed.
    """
    started, peak = time.perf_counter(), 0.0
    with tempfile.TemporaryFile() as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        while process.poll() is None:
            peak = max(peak, sum(resident_mb(pid) for pid in _family(process.pid)))
            time.sleep(_INTERVAL_S)
        seconds = time.perf_counter() - started
        log.seek(0)
        if process.returncode:
            raise ConversionError(f"A conversion failed: {log.read().decode(errors='replace')[-300:]}")
    return seconds, peak


def _family(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        children = []
    return [pid, *(member for child in children for member in _family(int(child)))]


@click.command(cls=SorterCommand)
@click.argument("run", type=click.Path(path_type=Path, exists=True))
@click.option("--data", type=click.Path(path_type=Path, exists=True), required=True, help="Its photos.")
@click.option("--photos", type=click.IntRange(10), default=200, help="To calibrate on.")
@click.option("--repeats", type=click.IntRange(1), default=3, help="Of each, in turn.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Where to store the figures.")
def conversion(run: Path, data: Path, photos: int, repeats: int, json_file: Path | None) -> None:
    """Measures sorter-convert RUN --int8 beside TensorFlow's converter alone."""
    figures: dict[str, list[tuple[float, float]]] = {"bare": [], "sorter-convert": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source, ours = without_test(run, folder / "run"), folder / "ours.tflite"
        options = ["--int8", "--representative", str(data), "--samples", str(photos), "--out", str(ours), "--json"]
        chosen = folder / "photos.txt"
        bare = [sys.executable, "-c", _BARE, str(source / "model.keras"), str(chosen), str(folder / "bare.tflite")]
        for i in range(repeats):
            inform(f"Repeat {i + 1} of {repeats}")
            figures["sorter-convert"].append(measure([sys.executable, "-c", _OURS, str(source), *options]))
            with (folder / "ours-calibration.csv").open(newline="", encoding="utf-8") as file:
                chosen.write_text("\n".join(str(data / row["filename"]) for row in csv.DictReader(file)))
            figures["bare"].append(measure(bare))
        sizes = {"bare": (folder / "bare.tflite").stat().st_size, "sorter-convert": ours.stat().st_size}
    report = make_report(figures, sizes)
    click.echo(json.dumps(report, indent=2))
    if json_file:
        write_json(json_file, {"machine": describe_machine(), "photos": photos, **report})


def make_report(figures: dict[str, list[tuple[float, float]]], sizes: dict[str, int]) -> dict[str, Any]:
    """Medians of each, and the median of the ratios of neighbours."""
    pairs = zip(figures["sorter-convert"], figures["bare"], strict=True)
    rows = {
        name: {
            "seconds": round(statistics.median(seconds for seconds, _ in values), 2),
            "peak_mb": round(max(mb for _, mb in values)),
            "bytes": sizes[name],
        }
        for name, values in figures.items()
    }
    return {**rows, "ratio": round(statistics.median(ours[0] / bare[0] for ours, bare in pairs), 3)}


if __name__ == "__main__":
    conversion()
