"""Times the toolkit's augmentation against Keras' ImageDataGenerator: ``python -m sorter.benchmarks.augmentation``.

Both get the same pictures and the same list, that of the recipe ``fruit-augmented`` (rotation, shift, zoom, mirroring,
brightness), and each makes whole batches on all cores. They take turns in the same process, so that a busy machine
slows both.
"""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

import click
import cv2
import numpy as np
import numpy.typing as npt

from sorter.cli import SorterCommand
from sorter.files import write_json
from sorter.image import Pixels

_BATCH_SIZE = 32
_RECIPE = "fruit-augmented"


def draw_pictures(count: int, side_px: int) -> Pixels:
    """Smooth random pictures: uint8 RGB (count, side, side, 3)."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (count, 12, 12, 3), dtype=np.uint8)
    resized = [cv2.resize(c, (side_px, side_px), interpolation=cv2.INTER_CUBIC) for c in coarse]
    return np.stack(resized).astype(np.uint8)


def make_ours(pictures: Pixels, pool: ThreadPoolExecutor) -> Callable[[], int]:
    """One pass of the toolkit's augmentation, up to the floats that a network takes; gives the number of pictures."""
    from sorter.trainer.augmentation import change_batch, draw_changes
    from sorter.trainer.recipes import RECIPES

    options = RECIPES[_RECIPE].augmentation
    rng = np.random.default_rng(1)

    def run() -> int:
        for start in range(0, len(pictures), _BATCH_SIZE):
            part = pictures[start : start + _BATCH_SIZE]
            changes = draw_changes(options, len(part), pictures.shape[1], rng)
            change_batch(part, changes, pool).astype(np.float32)
        return len(pictures)

    return run


def keras_generator() -> Any:
    """An ImageDataGenerator with the recipe's list."""
    import tensorflow as tf

    from sorter.trainer.recipes import RECIPES

    options = RECIPES[_RECIPE].augmentation
    return tf.keras.preprocessing.image.ImageDataGenerator(
        rotation_range=options.rotation_deg,
        width_shift_range=options.shift,
        height_shift_range=options.shift,
        zoom_range=options.zoom,
        shear_range=options.shear_deg,
        horizontal_flip=options.flip_horizontal,
        brightness_range=options.brightness,
        fill_mode=options.fill,
    )


def make_keras(pictures: Pixels, pool: ThreadPoolExecutor) -> Callable[[], int]:
    """One pass of ImageDataGenerator over the same pictures, with as many threads; gives the number of pictures."""
    floats: npt.NDArray[np.float32] = pictures.astype(np.float32)
    batches: Any = keras_generator().flow(floats, batch_size=_BATCH_SIZE, seed=1)

    def run() -> int:
        return sum(len(batch) for batch in pool.map(batches.__getitem__, range(len(batches))))

    return run


def compare(count: int, side_px: int, rounds: int) -> dict[str, Any]:
    """Times both in turns; gives images per second (median of the rounds) and their ratio."""
    pictures = draw_pictures(count, side_px)
    threads = os.cpu_count() or 1
    with ThreadPoolExecutor(threads) as pool:
        contestants = {"sorter": make_ours(pictures, pool), "keras": make_keras(pictures, pool)}
        rates: dict[str, list[float]] = {name: [] for name in contestants}
        for round_number in range(rounds + 1):
            for name, run in contestants.items():
                started = time.perf_counter()
                done = run()
                if round_number:  # the first round warms up
                    rates[name].append(done / (time.perf_counter() - started))
    middle = {name: median(of_name) for name, of_name in rates.items()}
    return {
        "images_per_second": middle,
        "all_rounds": rates,
        "ratio": middle["sorter"] / middle["keras"],
        "pictures": count,
        "side_px": side_px,
        "threads": threads,
        "list": f"augmentation of {_RECIPE}",
    }


@click.command(cls=SorterCommand)
@click.option("--pictures", type=click.IntRange(32), default=512, help="Pictures in a round.")
@click.option("--side-px", type=click.IntRange(16), default=224, help="Side of the square pictures.")
@click.option("--rounds", type=click.IntRange(1), default=5, help="Timed rounds of each.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Where to store the figures.")
def augmentation(pictures: int, side_px: int, rounds: int, json_file: Path | None) -> None:
    """Times augmentation against Keras' ImageDataGenerator, in turns."""
    from sorter.benchmarks.machine import describe_machine
    from sorter.trainer.backend import load_tensorflow

    load_tensorflow()
    figures = compare(pictures, side_px, rounds)
    for name, rate in figures["images_per_second"].items():
        click.echo(f"{name:<8} {rate:>7.0f} images/s")
    click.echo(f"ratio    {figures['ratio']:>7.1f}   ({figures['list']})")
    if json_file:
        write_json(json_file, {"machine": describe_machine(), **figures})


if __name__ == "__main__":
    augmentation()
