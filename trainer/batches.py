"""Training batches, made in the background while the network computes."""

import math
import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sorter.metrics import Classes
from sorter.trainer.augmentation import change_batch, draw_changes
from sorter.trainer.cache import release_pages
from sorter.trainer.recipes import Augmentation, Recipe, Schedule

Batch = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]
"""Pictures float32 (n, H, W, 3) of 0..255, and targets float32 (n, classes)."""


_BATCHES_BETWEEN_RELEASES = 64
"""Batches after which the mapped pictures are let go, so that the process stays small however many there are."""


@dataclass(frozen=True)
class Examples:
    """Pictures with known classes.

    Attributes:
        pixels: uint8 RGB (m, H, W, 3), all pictures of the data set; or float32 (m, features), what a backbone that
            does not change sees in them.
        rows: int64 (n,), the rows of ``pixels`` that belong to these examples.
        classes: int64 (n,), their classes.
        class_count: Number of classes there are.
    """

    pixels: npt.NDArray[Any]
    rows: npt.NDArray[np.int64]
    classes: Classes
    class_count: int


def choose_examples(
    classes: Classes, class_count: int, total: int, balance: float, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Draws the examples of one epoch in random order.

    Args:
        classes: int64 (n,) class of each example.
        class_count: Number of classes.
        total: How many to draw.
        balance: Exponent: a class with share s of the photos is drawn in proportion to s^(1 - balance).
        rng: Source of all randomness.

    Returns:
        int64 (total,), indices into ``classes``. Within a class, every photo is drawn once before one is drawn again.
    """
    counts = np.bincount(classes, minlength=class_count)
    weights = np.where(counts > 0, counts.astype(float) ** (1.0 - balance), 0.0)
    # Rounding the running sum instead of each number makes the sum exact.
    ends = np.rint(np.cumsum(weights) / weights.sum() * total).astype(int)
    wanted = np.diff(ends, prepend=0)
    chosen = []
    for c in np.flatnonzero(wanted):
        members = np.flatnonzero(classes == c)
        rounds = -(-wanted[c] // len(members))
        chosen.append(np.concatenate([rng.permutation(members) for _ in range(rounds)])[: wanted[c]])
    return rng.permutation(np.concatenate(chosen))


def batch_size_of(examples: Examples, recipe: Recipe) -> int:
    """The recipe's batch size, or less where there are fewer examples."""
    return min(recipe.schedule.batch_size, len(examples.rows))


def steps_per_epoch(examples: Examples, recipe: Recipe) -> int:
    """Number of batches in an epoch. All are of one size, because TensorFlow builds a new graph for each size."""
    return max(1, round(len(examples.rows) / batch_size_of(examples, recipe)))


def epoch_batches(examples: Examples, recipe: Recipe, seed: int, epoch: int) -> Iterator[Batch]:
    """All batches of one epoch, each made while the network computes on the one before.

    The same seed and epoch always give the same batches.
    """
    rng = np.random.default_rng((seed, epoch))
    steps = steps_per_epoch(examples, recipe)
    total = steps * batch_size_of(examples, recipe)
    order = choose_examples(examples.classes, examples.class_count, total, recipe.schedule.balance, rng)
    # One thread draws, in a fixed order, and waits for others that warp; in one pool they would lock each other up.
    with ThreadPoolExecutor(os.cpu_count() or 1) as warpers, ThreadPoolExecutor(1) as maker:
        following: Future[Batch] | None = None
        for number, part in enumerate(np.split(order, steps)):
            if number % _BATCHES_BETWEEN_RELEASES == 0:
                release_pages(examples.pixels)
            ready, following = following, maker.submit(_make_batch, examples, part, recipe, rng, warpers)
            if ready is not None:
                yield ready.result()
        if following is not None:
            yield following.result()


def _make_batch(
    examples: Examples,
    part: npt.NDArray[np.int64],
    recipe: Recipe,
    rng: np.random.Generator,
    pool: ThreadPoolExecutor,
) -> Batch:
    changed: npt.NDArray[Any] = examples.pixels[examples.rows[part]]
    if recipe.augmentation != Augmentation():
        changes = draw_changes(recipe.augmentation, len(part), recipe.image_size_px, rng)
        changed = change_batch(changed, changes, pool)
    pictures = changed.astype(np.float32, copy=False)
    targets = np.eye(examples.class_count, dtype=np.float32)[examples.classes[part]]
    return mix(pictures, targets, recipe.schedule, rng)


def mix(
    pictures: npt.NDArray[np.float32], targets: npt.NDArray[np.float32], schedule: Schedule, rng: np.random.Generator
) -> Batch:
    """Mixes some pictures of a batch, and their targets, with others of it.

    Blended: Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR 2018, with the blend drawn for each
    picture. Laid in: Yun et al., "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable
    Features", ICCV 2019, with an area drawn evenly from none to half of the picture. Every picture stays mostly itself.

    Args:
        pictures: float32 (n, H, W, 3), or (n, features) where nothing is laid in.
        targets: float32 (n, classes).
        schedule: How many pictures are mixed, and in which way.
        rng: Source of all randomness.
    """
    if schedule.mixed_share == 0.0:
        return pictures, targets
    alpha, count = schedule.mixup_alpha, len(pictures)
    blend = rng.beta(alpha, alpha, count)
    lot = rng.random(count)
    blend = (np.minimum(blend, 1.0 - blend) * (lot < schedule.mixup_share)).astype(np.float32)
    partner = rng.permutation(count)
    mixed = pictures + blend[:, None, None, None] * (pictures[partner] - pictures)
    chosen = np.flatnonzero((lot >= schedule.mixup_share) & (lot < schedule.mixed_share))
    for i in chosen:
        rows, columns = _draw_rectangle(mixed.shape[1:3], rng)
        mixed[i, rows, columns] = pictures[partner[i], rows, columns]
        blend[i] = (rows.stop - rows.start) * (columns.stop - columns.start) / math.prod(mixed.shape[1:3])
    return mixed, targets + blend[:, None] * (targets[partner] - targets)


def _draw_rectangle(shape: tuple[int, ...], rng: np.random.Generator) -> tuple[slice, slice]:
    """A rectangle of the picture's own proportions somewhere in it: rows and columns."""
    side = math.sqrt(rng.uniform(0.0, 0.5))
    sizes = [int(side * length) for length in shape]
    starts = [int(rng.integers(0, length - size + 1)) for length, size in zip(shape, sizes, strict=True)]
    rows, columns = (slice(start, start + size) for start, size in zip(starts, sizes, strict=True))
    return rows, columns
