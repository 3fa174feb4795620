"""Times the toolkit's augmentation against Keras' ImageDataGenerator: ``python -m sorter.benchmarks.augmentation``.

Both get the same pictures and the same list (rotation, shift, zoom, mirroring, brightness), and each makes whole
batches on all cores. They take turns in the same process, so that a busy machine slows both.
"""

import argparse
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from sorter.cli import inform, print_json
from sorter.files import write_json
from sorter.image import Pixels

_BATCH_SIZE = 32
_ROTATION_DEG, _SHIFT, _ZOOM, _BRIGHTNESS = 20.0, 0.1, (0.8, 1.2), 0.2


def draw_pictures(count: int, side_px: int) -> Pixels:
    """Smooth random pictures: uint8 RGB (count, side, side, 3)."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (count, 12, 12, 3), dtype=np.uint8)
    resized = [cv2.resize(c, (side_px, side_px), interpolation=cv2.INTER_CUBIC) for c in coarse]
    return np.stack(resized).astype(np.uint8)


def make_ours(pictures: Pixels, pool: ThreadPoolExecutor) -> Callable[[], int]:
    """One pass of the toolkit's augmentation, up to the floats that a network takes; gives the number of pictures."""
    from sorter.trainer.augmentation import change_batch, draw_changes
    from sorter.trainer.recipes import Augmentation

    options = Augmentation(
        rotation_deg=_ROTATION_DEG, shift=_SHIFT, zoom=_ZOOM, flip_horizontal=True, brightness=_BRIGHTNESS
    )
    rng = np.random.default_rng(1)

    def run() -> int:
        for start in range(0, len(pictures), _BATCH_SIZE):
            part = pictures[start : start + _BATCH_SIZE]
            changes = draw_changes(options, len(part), pictures.shape[1], rng)
            change_batch(part, changes, pool).astype(np.float32)
        return len(pictures)

    return run


def make_keras(pictures: Pixels, pool: ThreadPoolExecutor) -> Callable[[], int]:
    """One pass of ImageDataGenerator over the same pictures, with as many threads; gives the number of pictures."""
    import tensorflow as tf

    generator = tf.keras.preprocessing.image.ImageDataGenerator(
        rotation_range=_ROTATION_DEG,
        width_shift_range=_SHIFT,
        height_shift_range=_SHIFT,
        zoom_range=_ZOOM,
        horizontal_flip=True,
        brightness_range=(1 - _BRIGHTNESS, 1 + _BRIGHTNESS),
        fill_mode="reflect",
    )
    floats: npt.NDArray[np.float32] = pictures.astype(np.float32)
    batches: Any = generator.flow(floats, batch_size=_BATCH_SIZE, seed=1)

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
        "list": "rotation 20 degrees, shift 10 %, zoom 0.8-1.2, horizontal flip, brightness 20 %",
    }


def main() -> None:
    """Compares, prints and stores the figures."""
    parser = argparse.ArgumentParser(description="Times augmentation against Keras' ImageDataGenerator.")
    parser.add_argument("--out", type=Path, default=Path("augmentation.json"), help="JSON file to write")
    parser.add_argument("--pictures", type=int, default=512)
    parser.add_argument("--side-px", type=int, default=224)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    from sorter.trainer.backend import load_tensorflow

    load_tensorflow()
    figures = compare(options.pictures, options.side_px, options.rounds)
    write_json(options.out, figures)
    inform(f"Written to {options.out}.")
    print_json(figures)


if __name__ == "__main__":
    main()
