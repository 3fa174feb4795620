"""The fitting of a network: frozen features first, then all layers that the recipe sets free."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from sorter.errors import TrainingError
from sorter.trainer.batches import Examples, epoch_batches, steps_per_epoch
from sorter.trainer.calibration import fit_temperature, sharpen
from sorter.trainer.evaluation import predict_rows
from sorter.trainer.features import extract_features, fit_head
from sorter.trainer.networks import freeze_up_to
from sorter.trainer.recipes import Recipe, Schedule
from sorter.trainer.training_record import Epoch, Progress, Weights


class AveragedWeights:
    """The exponential moving average of a network's weights, which does better than where the last step ended.

    The momentum is lower in the first steps, min(momentum, (1 + t) / (10 + t)), so that the start is soon forgotten
    (https://www.tensorflow.org/api_docs/python/tf/train/ExponentialMovingAverage).
    """

    def __init__(self, network: Any, momentum: float) -> None:
        self._network = network
        self._momentum = momentum
        self._steps = 0
        self._average: Weights = [np.array(w) for w in network.get_weights()]

    def update(self) -> None:
        """Takes in the weights after a step."""
        self._steps += 1
        momentum = min(self._momentum, (1 + self._steps) / (10 + self._steps))
        for average, weight in zip(self._average, self._network.get_weights(), strict=True):
            average += (1.0 - momentum) * (weight - average)

    @contextmanager
    def in_network(self) -> Iterator[Weights]:
        """Puts the average into the network for the length of a block; gives a copy of it."""
        present = self._network.get_weights()
        self._network.set_weights(self._average)
        try:
            yield [average.copy() for average in self._average]
        finally:
            self._network.set_weights(present)


def train_network(
    network: Any,
    recipe: Recipe,
    parts: tuple[Examples, Examples],
    seed: int,
    watch: Callable[[str, int], None],
    has_backbone: bool,
) -> Progress:
    """Trains a network and leaves it at its best epoch.

    An interrupt (Ctrl-C, SIGTERM) or a loss that is no number ends the training early and keeps the best so far.

    Args:
        network: Freshly built, with its ImageNet weights if ``has_backbone``.
        recipe: How.
        parts: Train and validation part.
        seed: Of all randomness.
        watch: Called with a line for the user (or an empty one) and the number of steps just done.
        has_backbone: Whether to fit the head on frozen features first and keep early layers as they are.

    Raises:
        TrainingError: Not one epoch gave usable numbers, or memory ran out.
        KeyboardInterrupt: Interrupted before there was anything to keep.
    """
    progress = Progress()
    try:
        with _translated_errors():
            if has_backbone:
                _fit_features(network, parts, progress, watch)
                freeze_up_to(network, recipe.unfreeze_from)
            _fine_tune(network, recipe, parts, seed, progress, watch)
    except KeyboardInterrupt:
        if progress.best is None:
            raise
        progress.ending = "interrupted"
    if progress.best is None:
        raise TrainingError("The loss is not a number from the first epoch on.", "Try other --weights.")
    network.set_weights(progress.weights)
    return progress


def count_steps(recipe: Recipe, train: Examples) -> int:
    """Number of steps in all epochs."""
    return recipe.schedule.epochs * steps_per_epoch(train, recipe)


@contextmanager
def _translated_errors() -> Iterator[None]:
    import tensorflow as tf

    try:
        yield
    except (tf.errors.ResourceExhaustedError, MemoryError) as error:
        raise TrainingError(
            "The memory does not suffice for this training.", "Choose a smaller --batch-size or --image-size."
        ) from error


def _fit_features(
    network: Any, parts: tuple[Examples, Examples], progress: Progress, watch: Callable[[str, int], None]
) -> None:
    started = time.monotonic()
    watch("Running the frozen backbone once over all photos.", 0)
    train, validation = ((extract_features(network, p), p.classes) for p in parts)
    fit_head(network, train, validation)
    loss, accuracy = _validate(network, parts[1])
    seconds = time.monotonic() - started
    epoch = Epoch("features", 0, seconds, 0.0, math.nan, math.nan, loss, accuracy)
    progress.add(epoch, network.get_weights())
    watch(f"Frozen features: validation {accuracy:.1%} ({seconds:.0f} s)", 0)


def _fine_tune(
    network: Any,
    recipe: Recipe,
    parts: tuple[Examples, Examples],
    seed: int,
    progress: Progress,
    watch: Callable[[str, int], None],
) -> None:
    schedule, train = recipe.schedule, parts[0]
    _compile(network, schedule, steps_per_epoch(train, recipe))
    average = AveragedWeights(network, schedule.average_momentum)
    for number in range(1, schedule.epochs + 1):
        started = time.monotonic()
        totals = np.zeros(2)
        for pictures, targets in epoch_batches(train, recipe, seed, number):
            loss, accuracy = (float(x) for x in network.train_on_batch(pictures, targets))
            if not math.isfinite(loss):
                progress.ending = "not a number"
                return
            totals += loss, accuracy
            average.update()
            watch("", 1)
        with average.in_network() as weights:
            validation = _validate(network, parts[1])
        seconds, rate = time.monotonic() - started, float(network.optimizer.learning_rate)
        train_loss, train_accuracy = totals / steps_per_epoch(train, recipe)
        progress.add(Epoch("fine-tuning", number, seconds, rate, train_loss, train_accuracy, *validation), weights)
        watch(_epoch_line(progress, schedule.epochs), 0)
        if progress.is_stuck(schedule.patience):
            progress.ending = "no more progress"
            return


def _epoch_line(progress: Progress, epochs: int) -> str:
    last, best = progress.history[-1], progress.best
    mark = " (best so far)" if last is best else ""
    return f"Epoch {last.epoch}/{epochs}: validation {last.validation_accuracy:.1%}{mark}, {last.seconds:.0f} s"


def _validate(network: Any, validation: Examples) -> tuple[float, float]:
    """Mean negative log likelihood after temperature scaling, which the finished network gets too, and accuracy."""
    probabilities = predict_rows(network, validation.pixels, validation.rows)
    accuracy = float((probabilities.argmax(axis=1) == validation.classes).mean())
    if not np.isfinite(probabilities).all():
        return math.nan, accuracy
    calibrated = sharpen(probabilities, fit_temperature(probabilities, validation.classes))
    right = calibrated[np.arange(len(calibrated)), validation.classes]
    return -float(np.log(np.maximum(right, 1e-7)).mean()), accuracy


def _compile(network: Any, schedule: Schedule, steps: int) -> None:
    optimizers = {
        "adam": lambda rate: keras.optimizers.Adam(rate),
        "adamw": lambda rate: keras.optimizers.AdamW(rate, weight_decay=schedule.weight_decay),
    }
    network.compile(
        optimizer=optimizers[schedule.optimizer](_learning_rate(schedule, steps * schedule.epochs)),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=schedule.label_smoothing),
        metrics=["accuracy"],
    )


def _learning_rate(schedule: Schedule, steps: int) -> Any:
    if schedule.decay == "constant":
        return schedule.learning_rate
    # Very short trainings must not end before the rate has risen.
    warmup = min(schedule.warmup_steps, steps // 4)
    if warmup == 0:
        return keras.optimizers.schedules.CosineDecay(schedule.learning_rate, steps)
    return keras.optimizers.schedules.CosineDecay(
        0.0, max(1, steps - warmup), warmup_target=schedule.learning_rate, warmup_steps=warmup
    )
