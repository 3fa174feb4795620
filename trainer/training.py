"""The fitting of a network: the head on frozen features first, then phase after phase of gradient descent."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from sorter.cli import warn
from sorter.errors import StorageError, TrainingError
from sorter.trainer.averaging import AveragedWeights
from sorter.trainer.batches import Examples, batch_size_of, epoch_batches, steps_per_epoch
from sorter.trainer.calibration import calibrated_loss
from sorter.trainer.checkpoints import Checkpoint, TrainingState
from sorter.trainer.evaluation import predict_rows
from sorter.trainer.features import fit_head, store_features
from sorter.trainer.hardware import PLAIN, Hardware
from sorter.trainer.optimizers import plateau_scale, rate_at
from sorter.trainer.phases import Phase, freeze_for, has_linear_head, head_of, plan_phases
from sorter.trainer.recipes import Recipe
from sorter.trainer.steps import Stepper
from sorter.trainer.training_record import Epoch, Keep, Progress, Weights

Watch = Callable[[str, int], None]
Parts = tuple[Examples, Examples]


def _ignore_epoch(_epoch: Epoch) -> None:
    pass


@dataclass(frozen=True)
class Surroundings:
    """What a training needs to know apart from network, recipe and pictures.

    Attributes:
        hardware: That for which the network was built.
        checkpoint: Where the state after each epoch is kept; None for nowhere. A state that it holds is taken up.
        note: Called with each epoch, also with those of a state that is taken up.
    """

    hardware: Hardware = PLAIN
    checkpoint: Checkpoint | None = None
    note: Callable[[Epoch], None] = _ignore_epoch


def train_network(
    network: Any,
    recipe: Recipe,
    parts: Parts,
    seed: int,
    watch: Watch,
    has_backbone: bool,
    surroundings: Surroundings | None = None,
) -> Progress:
    """Trains a network and leaves it at its best epoch.

    An interrupt (Ctrl-C, SIGTERM) or a loss that is no number ends the training early and keeps the best so far.

    Args:
        network: Freshly built, with its ImageNet weights if ``has_backbone``.
        recipe: How.
        parts: Train and validation part.
        seed: Of all randomness.
        watch: Called with a line for the user (or an empty one) and the number of steps just done.
        has_backbone: Whether the network starts from pre-trained weights, so that its head is fitted first.
        surroundings: Where it runs and what it leaves behind on the way.

    Raises:
        ConfigError: The checkpoint belongs to a training with other options.
        DatasetError: The checkpoint belongs to a training on other photos.
        TrainingError: Not one epoch gave usable numbers, or memory ran out.
        KeyboardInterrupt: Interrupted before there was anything to keep.
    """
    around = surroundings or Surroundings()
    state = around.checkpoint.load() if around.checkpoint else None
    progress = state.progress if state else Progress()
    training = _Training(network, recipe, parts, seed, watch, around, progress)
    try:
        with translated_memory_errors(batch_size_of(parts[0], recipe)):
            training.run(plan_phases(recipe, has_backbone), has_backbone and recipe.warm_start, state)
    except KeyboardInterrupt:
        if progress.best is None:
            raise
        progress.ending = "interrupted"
    if progress.best is None:
        raise TrainingError("The loss is not a number from the first epoch on.", "Try other --weights.")
    network.set_weights(progress.weights)
    return progress


def count_steps(recipe: Recipe, train: Examples, has_backbone: bool) -> int:
    """Number of steps in all epochs of all phases."""
    phases = plan_phases(recipe, has_backbone)
    return sum(phase.recipe.schedule.epochs * steps_per_epoch(train, phase.recipe) for phase in phases)


@contextmanager
def translated_memory_errors(batch_size: int) -> Iterator[None]:
    """Says what helps when a training with so many photos in a step does not fit into the memory.

    Raises:
        TrainingError: It does not.
    """
    import tensorflow as tf

    try:
        yield
    except (tf.errors.ResourceExhaustedError, MemoryError) as error:
        raise TrainingError(
            f"The memory does not suffice for this training with {batch_size} photos in a step.",
            f"Give --batch-size {batch_size // 2}, or a smaller --image-size."
            if batch_size > 1
            else "Give a smaller --image-size.",
        ) from error


@dataclass
class _Training:
    """A training under way: what all its phases share."""

    network: Any
    recipe: Recipe
    parts: Parts
    seed: int
    watch: Watch
    around: Surroundings
    progress: Progress
    last_epoch: int = 0
    features: Parts | None = None
    warned: bool = False

    def run(self, phases: tuple[Phase, ...], warm_start: bool, state: TrainingState | None) -> None:
        """Goes through the phases, from the beginning or from a stored state."""
        self.last_epoch = phases[-1].last_epoch
        if state is not None:
            self._take_up(phases, state)
        elif warm_start and has_linear_head(self.network):
            self._fit_features()
        for index, phase in enumerate(phases):
            if self.progress.ending == "not a number":
                return
            if state is None or index >= state.phase:
                self._run_phase(index, phase, state if state is not None and index == state.phase else None)

    def _take_up(self, phases: tuple[Phase, ...], state: TrainingState) -> None:
        for epoch in self.progress.history:
            self.around.note(epoch)
        _restore(self.network.variables, state.variables)
        done = self.progress.history[-1].epoch
        for phase in phases:
            epochs = max(0, min(done, phase.last_epoch) - phase.first_epoch + 1)
            self.watch("", epochs * steps_per_epoch(self.parts[0], phase.recipe))
        self.watch(f"Going on after epoch {done} of {self.last_epoch}.", 0)

    def _fit_features(self) -> None:
        started = time.monotonic()
        train, validation = self._features()
        fit_head(self.network, (train.pixels, train.classes), (validation.pixels, validation.classes))
        loss, accuracy = _validate(head_of(self.network), validation)
        seconds = time.monotonic() - started
        epoch = Epoch("features", 0, seconds, 0.0, math.nan, math.nan, loss, accuracy)
        self._note(epoch, self.network.get_weights(), self.recipe.schedule.keep)
        self.watch(f"Frozen features: validation {accuracy:.1%} ({seconds:.0f} s)", 0)
        self._save(TrainingState(self.progress, -1, _values(self.network.variables)))

    def _features(self) -> Parts:
        """What the frozen backbone sees in both parts, computed once."""
        if self.features is None:
            self.watch("Running the frozen backbone once over all photos.", 0)
            train, validation = (store_features(self.network, part) for part in self.parts)
            self.features = train, validation
        return self.features

    def _run_phase(self, index: int, phase: Phase, state: TrainingState | None) -> None:
        schedule = phase.recipe.schedule
        if state is None and self.progress.best is not None:
            self.network.set_weights(self.progress.weights)
        freeze_for(self.network, phase)
        parts = self._features() if phase.uses_stored_features else self.parts
        model = head_of(self.network) if phase.uses_stored_features else self.network
        stepper = Stepper(model, schedule, self.around.hardware)
        average = AveragedWeights(model, schedule.average_momentum)
        first = phase.first_epoch
        if state is not None:
            stepper.restore(state.optimizer)
            average.restore(state.average, state.average_steps)
            first = self.progress.history[-1].epoch + 1
        self.progress.ending = "finished"
        for number in range(first, phase.last_epoch + 1):
            if self.progress.history and self.progress.is_stuck(schedule.patience, phase.first_epoch):
                self.progress.ending = "no more progress"
                return
            if not self._run_epoch(number, phase, parts, stepper, average, model):
                self.progress.ending = "not a number"
                return
            values = (_values(self.network.variables), stepper.state(), average.values(), average.steps)
            self._save(TrainingState(self.progress, index, *values))

    def _run_epoch(
        self, number: int, phase: Phase, parts: Parts, stepper: Stepper, average: AveragedWeights, model: Any
    ) -> bool:
        """One pass over the train part; whether its losses were numbers."""
        schedule, started = phase.recipe.schedule, time.monotonic()
        steps = steps_per_epoch(parts[0], phase.recipe)
        accuracies = [e.validation_accuracy for e in self.progress.history if e.epoch >= phase.first_epoch]
        scale = plateau_scale(schedule, accuracies)
        totals, rate = np.zeros(2), 0.0
        step = (number - phase.first_epoch) * steps
        for pictures, targets in epoch_batches(parts[0], phase.recipe, self.seed, number):
            rate = scale * rate_at(schedule, step, steps * schedule.epochs)
            loss, accuracy = stepper.step(pictures, targets, rate)
            if not math.isfinite(loss):
                return False
            totals += loss, accuracy
            average.update()
            self.watch("", 1)
            step += 1
        with average.in_network():
            validation = _validate(model, parts[1])
            weights = self.network.get_weights()
        train_loss, train_accuracy = (float(total) for total in totals / steps)
        seconds = time.monotonic() - started
        epoch = Epoch(phase.name, number, seconds, rate, train_loss, train_accuracy, *validation)
        self._note(epoch, weights, schedule.keep)
        self.watch(_epoch_line(self.progress, self.last_epoch), 0)
        return True

    def _note(self, epoch: Epoch, weights: Weights, keep: Keep) -> None:
        self.progress.add(epoch, weights, keep)
        self.around.note(self.progress.history[-1])

    def _save(self, state: TrainingState) -> None:
        """Stores the state; a disk that is full must not end hours of training."""
        if self.around.checkpoint is None:
            return
        try:
            self.around.checkpoint.save(state)
        except StorageError as error:
            if not self.warned:
                warn(
                    f"{error.message} The training goes on, but could be resumed from an earlier epoch only.",
                    error.hint,
                )
            self.warned = True


def _values(variables: Sequence[Any]) -> Weights:
    return [variable.value.numpy() for variable in variables]


def _restore(variables: Sequence[Any], values: Sequence[Any]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _epoch_line(progress: Progress, epochs: int) -> str:
    last, best = progress.history[-1], progress.best
    mark = " (best so far)" if last is best else ""
    return f"Epoch {last.epoch}/{epochs}: validation {last.validation_accuracy:.1%}{mark}, {last.seconds:.0f} s"


def _validate(network: Any, validation: Examples) -> tuple[float, float]:
    """Mean negative log likelihood after temperature scaling, which the finished network gets too, and accuracy."""
    probabilities = predict_rows(network, validation.pixels, validation.rows)
    accuracy = float((probabilities.argmax(axis=1) == validation.classes).mean())
    return calibrated_loss(probabilities, validation.classes), accuracy
