"""Our classify() on a 640x480 frame against the bare interpreter, and MediaPipe where it is installed.

``python -m sorter.benchmarks.overhead MODEL --data PHOTOS --json FILE``; the candidates take turns in one process, call
by call, all on one thread. The interpreters of both are made from the same bytes and so have the same kernels.
"""

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from sorter.cli import SorterCommand

BARE = "bare invoke"
_ROUND = 16


@click.command(cls=SorterCommand)
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Photos, one folder a class.")
@click.option("--rounds", type=click.IntRange(64), default=1024, help="Timed calls of each candidate.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Where to store the figures.")
def overhead(model: Path, data: Path, rounds: int, json_file: Path | None) -> None:
    """Prints the ratio of our classify() to the bare interpreter's invoke, with its 95 % interval."""
    import cv2

    from sorter.benchmarks.machine import describe_machine
    from sorter.benchmarks.pictures import camera_frames
    from sorter.dataset import open_dataset
    from sorter.files import write_json

    cv2.setNumThreads(1)
    figures = measure(model, camera_frames(open_dataset(data)), rounds)
    for name, found in figures["candidates"].items():
        ratio = f"{found['ratio']:.3f} x bare ({found['ratio_95'][0]:.3f} to {found['ratio_95'][1]:.3f})"
        click.echo(f"{name:<14} {ratio}   p50 {found['p50_ms']:.3f} ms   p99 {found['p99_ms']:.3f} ms")
    click.echo(f"{figures['cores_used']:.2f} cores used")
    for warning in figures["warnings"]:
        click.echo(warning)
    if json_file:
        write_json(json_file, {"machine": describe_machine(), **figures})


def measure(model: Path, frames: Any, rounds: int, peers: bool = True) -> dict[str, Any]:
    """Times all candidates.

    Args:
        model: A ``.tflite`` with its labels inside.
        frames: uint8 BGR pictures.
        rounds: Calls of each candidate.
        peers: Whether to measure MediaPipe, too, where it is installed.

    Returns:
        ``candidates`` with percentiles and the ratio to the bare interpreter, ``cores_used``, ``warnings``.

    Raises:
        BundleError: The model cannot be used.
    """
    from dataclasses import asdict

    from sorter.benchmarks.conditions import Watch
    from sorter.benchmarks.intervals import compare_medians
    from sorter.benchmarks.latency import percentiles, take_times
    from sorter.bundle import Bundle
    from sorter.classifier import classifier_from_bundle
    from sorter.interpreter import load_interpreter

    bundle = Bundle.load(model)
    ours, bare = classifier_from_bundle(bundle), load_interpreter(bundle.flatbuffer)
    candidates: dict[str, Any] = {"classify": ours.classify, BARE: lambda frame: bare.invoke()}
    with ExitStack() as stack:
        if peers:
            with_media_pipe(model, candidates, stack)
        cpu_s, started_s = time.process_time(), time.monotonic()
        watch = Watch(cpu_s, started_s)
        times_ms = take_times(candidates, frames, rounds)
        cores_used = (time.process_time() - cpu_s) / (time.monotonic() - started_s)
    found = {}
    for name, times in times_ms.items():
        ratio = compare_medians(_rounds(times), _rounds(times_ms[BARE]), paired=True)
        found[name] = {**asdict(percentiles(times)), "ratio": ratio.value, "ratio_95": (ratio.low, ratio.high)}
    conditions = watch.finish(time.process_time(), time.monotonic(), None)
    return {"candidates": found, "cores_used": cores_used, "warnings": conditions["warnings"]}


def _rounds(times_ms: list[float]) -> list[float]:
    """Medians of the rounds."""
    import numpy as np

    whole = len(times_ms) // _ROUND * _ROUND
    return [float(ms) for ms in np.median(np.reshape(times_ms[:whole], (-1, _ROUND)), axis=1)]


def with_media_pipe(model: Path, candidates: dict[str, Any], stack: ExitStack) -> None:
    """Adds MediaPipe's ImageClassifier, from a BGR frame to categories as its users write it; closed by the stack."""
    try:
        import cv2
        import mediapipe
    except ImportError:
        click.echo("MediaPipe is not installed; it is left out.", err=True)
        return
    vision = mediapipe.tasks.vision
    base = mediapipe.tasks.BaseOptions(model_asset_path=str(model))
    options = vision.ImageClassifierOptions(base_options=base)
    classifier = stack.enter_context(vision.ImageClassifier.create_from_options(options))

    def classify(frame: Any) -> object:
        rgb = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        return classifier.classify(mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=rgb))

    candidates["MediaPipe"] = classify


if __name__ == "__main__":
    overhead()
