"""Whether MediaPipe, which only knows TFLite Metadata, answers as this toolkit does: on all test photos of a run.

``python -m sorter.benchmarks.media_pipe FILE.tflite RUN DATA``. Both get the same prepared pixels.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import numpy as np

from sorter.bundle import Bundle
from sorter.classifier import classifier_from_bundle
from sorter.cli import SorterCommand
from sorter.dataset import apply_split, open_dataset
from sorter.errors import BundleError, ConfigError
from sorter.image import Pixels, prepare, read_image

_PATH = click.Path(path_type=Path, exists=True)


@click.command(cls=SorterCommand)
@click.argument("file", type=_PATH)
@click.argument("run", type=_PATH)
@click.argument("data", type=_PATH)
def media_pipe(file: Path, run: Path, data: Path) -> None:
    """Runs FILE over the test part of RUN in DATA, with LiteRT and with MediaPipe's ImageClassifier."""
    click.echo(json.dumps(compare(file, run, data), indent=2))


def compare(file: Path, run: Path, data: Path) -> dict[str, Any]:
    """Number of photos, on how many the top classes agree, and the largest difference of a probability.

    Raises:
        BundleError: The file does not say how large its pictures are.
        ConfigError: MediaPipe is not installed.
    """
    bundle = Bundle.load(file)
    if bundle.manifest is None:
        raise BundleError(f"{file} has no description.", "Convert it with sorter-convert.")
    ours, same, worst = classifier_from_bundle(bundle), 0, 0.0
    photos = apply_split(open_dataset(data), run / "split.csv").select("test").photos
    with open_media_pipe(file) as classify:
        for photo in photos:
            pixels = prepare(read_image(photo.path), bundle.manifest.input)
            expected, scores = ours.probabilities(pixels[:, :, ::-1].copy()), classify(pixels)
            same += max(scores, key=lambda label: scores[label]) == bundle.labels[int(expected.argmax())]
            found = np.array([scores[label] for label in bundle.labels])
            worst = max(worst, float(np.abs(found - expected).max()))
    return {"file": file.name, "photos": len(photos), "same_top_class": same, "worst_difference": worst}


@contextmanager
def open_media_pipe(file: Path) -> Iterator[Callable[[Pixels], dict[str, float]]]:
    """Gives a function from prepared pixels to MediaPipe's score of each label.

    Raises:
        ConfigError: MediaPipe is not installed.
    """
    try:
        import mediapipe
    except ImportError as error:
        raise ConfigError("MediaPipe is not installed.", "Run: pip install mediapipe") from error
    tasks, image = mediapipe.tasks, mediapipe.Image
    base = tasks.BaseOptions(model_asset_path=str(file))
    with tasks.vision.ImageClassifier.create_from_options(tasks.vision.ImageClassifierOptions(base)) as classifier:

        def classify(pixels: Pixels) -> dict[str, float]:
            answer = classifier.classify(image(image_format=mediapipe.ImageFormat.SRGB, data=pixels))
            return {category.category_name: category.score for category in answer.classifications[0].categories}

        yield classify


if __name__ == "__main__":
    media_pipe()
