"""Training input, from photos on the disk to augmented batches: the toolkit's, and the two ways that Keras has.

``python -m sorter.benchmarks.input_pipelines DATA --json FILE``. All in one process, epoch by epoch in turns, so that a
busy machine slows all alike; all use every core. What an epoch gives is handed over as a tensor, as ``fit`` wants it.

* *sorter*: photos are decoded once, into a mapped file; every epoch warps and colours from there.
* *ImageDataGenerator*: ``flow_from_directory``; every epoch decodes, warps with SciPy, one thread a core.
* *image_dataset_from_directory*: ``tf.data`` with Keras' preprocessing layers on whole batches; as it is, and with
  ``cache()`` between decoding and layers, as TensorFlow's guide has it.

The list is that of the recipe ``fruit-augmented``. Keras' brightness layer adds where the others multiply.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import click
import numpy as np

from sorter.cli import SorterCommand, track
from sorter.dataset import open_dataset
from sorter.files import translated_storage_errors, write_json
from sorter.image import InputSpec

OURS = "sorter"
_RECIPE = "fruit-augmented"
_BATCH_SIZE = 32

Epoch = Callable[[int], int]
"""Makes all batches of the epoch with a number; gives how many pictures there were."""


@dataclass(frozen=True)
class Photos:
    """What all of them read.

    Attributes:
        folder: One folder a class.
        side_px: Side of the square pictures.
    """

    folder: Path
    side_px: int


def copy_some(data: Path, count: int, folder: Path) -> int:
    """Copies photos of all classes alike, so that each pipeline reads the same ones; gives how many."""
    photos = open_dataset(data).photos
    chosen = [photos[i] for i in np.unique(np.linspace(0, len(photos) - 1, min(count, len(photos))).astype(int))]
    with translated_storage_errors(folder):
        for photo in chosen:
            (folder / photo.label).mkdir(parents=True, exist_ok=True)
            shutil.copy(photo.path, folder / photo.label)
    return len(chosen)


def make_ours(photos: Photos, stack: ExitStack) -> Epoch:
    """The toolkit's; its first epoch begins with decoding."""
    import tensorflow as tf

    from sorter.trainer.batches import Examples, epoch_batches
    from sorter.trainer.cache import picture_cache
    from sorter.trainer.evaluation import class_indices
    from sorter.trainer.recipes import RECIPES

    recipe = RECIPES[_RECIPE].changed(photos.side_px, batch_size=_BATCH_SIZE)
    dataset = open_dataset(photos.folder)
    room = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sorter-bench-")))
    found: list[Examples] = []

    def run(number: int) -> int:
        if not found:
            spec = InputSpec(photos.side_px, photos.side_px)
            cache = stack.enter_context(picture_cache(dataset.photos, spec, room / "cache"))
            classes, rows = class_indices(cache.photos, dataset.labels), np.arange(len(cache.photos))
            found.append(Examples(cache.pixels, rows, classes, len(dataset.labels)))
        batches = epoch_batches(found[0], recipe, 1, number)
        return sum(len(tf.convert_to_tensor(pictures)) for pictures, _ in batches)

    return run


def make_generator(photos: Photos, stack: ExitStack) -> Epoch:
    """Keras' ImageDataGenerator, which decodes anew in every epoch."""
    import tensorflow as tf

    from sorter.benchmarks.augmentation import keras_generator

    flow: Any = keras_generator().flow_from_directory(
        photos.folder, target_size=(photos.side_px, photos.side_px), batch_size=_BATCH_SIZE, seed=1
    )
    pool = stack.enter_context(ThreadPoolExecutor(os.cpu_count()))

    def run(_number: int) -> int:
        batches = pool.map(flow.__getitem__, range(len(flow)))
        total = sum(len(tf.convert_to_tensor(pictures)) for pictures, _ in batches)
        flow.on_epoch_end()
        return total

    return run


def make_layers(photos: Photos, _stack: ExitStack, cached: bool = False) -> Epoch:
    """``image_dataset_from_directory`` and Keras' preprocessing layers.

    Args:
        photos: What to read.
        cached: Whether decoded pictures are kept in memory.
    """
    import tensorflow as tf

    from sorter.trainer.recipes import RECIPES

    options, layers = RECIPES[_RECIPE].augmentation, tf.keras.layers
    low, high = options.zoom
    common = {"fill_mode": options.fill}
    augment = tf.keras.Sequential(
        [
            layers.RandomFlip("horizontal"),
            layers.RandomRotation(options.rotation_deg / 360, **common),
            layers.RandomTranslation(options.shift, options.shift, **common),
            # A negative factor of this layer magnifies.
            layers.RandomZoom((1 - high, 1 - low), **common),
            *([layers.RandomShear(options.shear_deg / 90, options.shear_deg / 90)] if options.shear_deg else []),
            layers.RandomBrightness((options.brightness[0] - 1, options.brightness[1] - 1)),
        ]
    )
    source = tf.keras.utils.image_dataset_from_directory(
        photos.folder, image_size=(photos.side_px, photos.side_px), batch_size=_BATCH_SIZE, seed=1, verbose=False
    )
    if cached:
        source = source.cache()
    batches = source.map(lambda x, y: (augment(x, training=True), y), tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)
    return lambda _number: sum(len(pictures) for pictures, _ in batches)


def make_cached_layers(photos: Photos, stack: ExitStack) -> Epoch:
    """The same with ``cache()``."""
    return make_layers(photos, stack, cached=True)


CONTESTANTS: dict[str, Callable[[Photos, ExitStack], Epoch]] = {
    OURS: make_ours,
    "ImageDataGenerator": make_generator,
    "image_dataset_from_directory + layers": make_layers,
    "the same with cache()": make_cached_layers,
}


def compare(photos: Photos, rounds: int) -> dict[str, Any]:
    """Times all of them in turns.

    Args:
        photos: What to read.
        rounds: Epochs of each after the first.

    Returns:
        For each: ``first`` and ``later`` (median) in pictures per second, ``cpu_ms`` of a picture in a later epoch, and
        ``ratio``, how many times as fast as it the toolkit is in later epochs; ``pictures`` of an epoch.
    """
    rng = np.random.default_rng(1)
    found: dict[str, list[_Epoch]] = {name: [] for name in CONTESTANTS}
    with ExitStack() as stack:
        epochs = {name: make(photos, stack) for name, make in CONTESTANTS.items()}
        turns = [(number, str(name)) for number in range(rounds + 1) for name in rng.permutation(list(CONTESTANTS))]
        for number, name in track(turns, "Epochs", len(turns)):
            found[name].append(_time(epochs[name], number))
    ours_s = median(epoch.wall_s for epoch in found[OURS][1:])
    return {name: _summarise(times, ours_s) for name, times in found.items()}


@dataclass(frozen=True)
class _Epoch:
    """Pictures, and seconds on the clock and of CPU for each of them."""

    pictures: int
    wall_s: float
    cpu_s: float


def _time(epoch: Epoch, number: int) -> _Epoch:
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    count = epoch(number)
    return _Epoch(count, (time.perf_counter() - wall_s) / count, (time.process_time() - cpu_s) / count)


def _summarise(epochs: list[_Epoch], ours_s: float) -> dict[str, Any]:
    later = epochs[1:]
    middle_s = median(epoch.wall_s for epoch in later)
    return {
        "ratio": middle_s / ours_s,
        "first": 1 / epochs[0].wall_s,
        "later": 1 / middle_s,
        "all_later": [1 / epoch.wall_s for epoch in later],
        "cpu_ms": 1e3 * median(epoch.cpu_s for epoch in later),
        "pictures": epochs[-1].pictures,
    }


def table(figures: dict[str, Any]) -> Iterator[str]:
    """The figures as a Markdown table, ratios first."""
    yield "| input pipeline | time against `sorter` | pictures/s, later epochs | first epoch | CPU ms a picture |"
    yield "|---|---|---|---|---|"
    for name, told in figures.items():
        yield (
            f"| {name} | {told['ratio']:.2f} | {told['later']:.0f} ({min(told['all_later']):.0f} to "
            f"{max(told['all_later']):.0f}) | {told['first']:.0f} | {told['cpu_ms']:.2f} |"
        )


@click.command(cls=SorterCommand)
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--photos", "count", type=click.IntRange(_BATCH_SIZE), default=640, help="Photos, of all classes alike.")
@click.option("--side-px", type=click.IntRange(32), default=224, help="Side of the square pictures.")
@click.option("--rounds", type=click.IntRange(1), default=5, help="Epochs of each after the first.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Where to store the figures.")
def input_pipelines(data: Path, count: int, side_px: int, rounds: int, json_file: Path | None) -> None:
    """Times training input from the photos of DATA, one folder a class: the toolkit's and Keras' two."""
    from sorter.benchmarks.machine import describe_machine
    from sorter.trainer.backend import load_tensorflow

    load_tensorflow()
    with tempfile.TemporaryDirectory(prefix="sorter-bench-") as folder:
        copied = copy_some(data, count, Path(folder))
        figures = compare(Photos(Path(folder), side_px), rounds)
    machine = describe_machine()
    click.echo(f"{copied} photos of {data.resolve().name} at {side_px}x{side_px}, {machine['processor']}")
    for line in table(figures):
        click.echo(line)
    if json_file:
        write_json(json_file, {"machine": machine, "photos": copied, "side_px": side_px, "pipelines": figures})


if __name__ == "__main__":
    input_pipelines()
