"""Our classify() on a 640x480 frame against the bare interpreter, and MediaPipe where it is installed.

``python -m sorter.benchmarks.overhead MODEL --data PHOTOS --json FILE``; the candidates take turns in one process.
"""

from pathlib import Path
from typing import Any

import click

from sorter.cli import SorterCommand


@click.command(cls=SorterCommand)
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Photos, one folder a class.")
@click.option("--rounds", type=int, default=1000, help="Timed calls of each candidate.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Where to store the figures.")
def overhead(model: Path, data: Path, rounds: int, json_file: Path | None) -> None:
    """Prints the ratio of our classify() to the bare interpreter's invoke, both on one thread."""
    from dataclasses import asdict

    from sorter.benchmarks.latency import measure
    from sorter.benchmarks.machine import describe_machine
    from sorter.benchmarks.pictures import camera_frames
    from sorter.bundle import Bundle
    from sorter.classifier import classifier_from_bundle
    from sorter.dataset import open_dataset
    from sorter.files import write_json
    from sorter.interpreter import load_interpreter

    bundle = Bundle.load(model)
    ours, bare = classifier_from_bundle(bundle), load_interpreter(bundle.flatbuffer)
    candidates: dict[str, Any] = {"classify": ours.classify, "bare invoke": lambda frame: bare.invoke()}
    with_media_pipe(model, candidates)
    timed = measure(candidates, camera_frames(open_dataset(data)), rounds)
    ratios = {name: latency.p50_ms / timed["bare invoke"].p50_ms for name, latency in timed.items()}
    for name, latency in timed.items():
        click.echo(f"{name:<14} {ratios[name]:.3f} x bare   p50 {latency.p50_ms:.3f} ms   p99 {latency.p99_ms:.3f} ms")
    if json_file:
        figures = {name: asdict(latency) for name, latency in timed.items()}
        write_json(json_file, {"machine": describe_machine(), "ratios": ratios, "latency": figures})


def with_media_pipe(model: Path, candidates: dict[str, Any]) -> None:
    """Adds MediaPipe's ImageClassifier, from a BGR frame to categories as its users write it."""
    try:
        import cv2
        import mediapipe
    except ImportError:
        click.echo("MediaPipe is not installed; it is left out.", err=True)
        return
    vision = mediapipe.tasks.vision
    base = mediapipe.tasks.BaseOptions(model_asset_path=str(model))
    classifier = vision.ImageClassifier.create_from_options(vision.ImageClassifierOptions(base_options=base))

    def classify(frame: Any) -> object:
        rgb = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        return classifier.classify(mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=rgb))

    candidates["MediaPipe"] = classify


if __name__ == "__main__":
    overhead()
