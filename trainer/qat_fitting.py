"""The fine-tuning itself: gradient descent through a network whose kernels and activations are rounded as int8 will.

The rounded network is taught to answer as the finished one does, not what the photos show: that is what int8 is to
keep, soft answers say more than labels, and a network that is already right on nearly all of its training photos learns
little from those (Hinton et al., "Distilling the Knowledge in a Neural Network", 2015; for rounded networks Mishra and
Marr, "Apprentice", ICLR 2018).
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from sorter.cli import inform, progress
from sorter.errors import TrainingError
from sorter.metrics import Probabilities
from sorter.trainer.batches import Examples, batch_size_of, epoch_batches, steps_per_epoch
from sorter.trainer.calibration import fit_temperature, sharpen, suggest_threshold
from sorter.trainer.evaluation import predict_rows
from sorter.trainer.fake_quantization import (
    Range,
    RoundedKernels,
    find_ranges,
    has_softmax,
    learned_ranges,
    round_activations,
    rounded_layers,
    rounding_of,
    take_weights,
    with_logits,
)
from sorter.trainer.recipes import Recipe
from sorter.trainer.training import translated_memory_errors
from sorter.trainer.training_record import AS_IT_WAS, Epoch, Progress

_RANGE_PICTURES = 100

_LEAST = 1e-7
"""Probabilities are taken for at least this, in logarithms."""


@dataclass(frozen=True)
class Plan:
    """How a network is fine-tuned.

    Attributes:
        recipe: Its augmentation, batch size and balance of the classes are used.
        epochs: Passes over the training part.
        learning_rate: At the beginning; it falls to zero along a cosine.
        seed: Of all randomness.
        note: Called with each epoch.
    """

    recipe: Recipe
    epochs: int
    learning_rate: float
    seed: int
    note: Callable[[Epoch], None] = lambda _epoch: None


class Fitting:
    """A fine-tuning under way.

    Args:
        network: A finished Keras network; gets the trained weights at the end.
        plan: How.
        train: What is learned from.
        validation: What the best epoch is chosen on: that whose answers are the closest to the finished network's.
        unscaled: The network's weights before its channels were equalised. A step of Adam is as large for a weight that
            equalising made a thousand times smaller as for any other, and would take it apart; so each weight moves
            by as much, relative to its size, as it would have before.

    Raises:
        TrainingError: The network is of a kind that cannot be rounded.
    """

    def __init__(
        self, network: Any, plan: Plan, train: Examples, validation: Examples, unscaled: Sequence[Any]
    ) -> None:
        self.network, self._plan = network, plan
        self._wanted = predict_rows(network, validation.pixels, validation.rows)
        self._train, self._validation = train, validation
        self.copy = _make_rounded(network, train)
        self._kernels = RoundedKernels(self.copy)
        self._optimizer = keras.optimizers.Adam(plan.learning_rate)
        self._variables = self.copy.trainable_variables
        self._optimizer.build(self._variables)
        scales = _scales(network, unscaled)
        self._scales = [tf.constant(scales.get(_key(v), 1.0), tf.float32) for v in self._variables]
        self._step = tf.function(self._descend)
        self.record = Progress()

    def run(self) -> Progress:
        """Trains and leaves both networks at the best epoch, with rounded weights; epoch 0 is the network as it came.

        An interrupt (Ctrl-C, SIGTERM) or a loss that is no number ends it early and keeps the best so far.

        Raises:
            TrainingError: The rounded network gives no numbers from the start, or memory ran out.
        """
        self._note(AS_IT_WAS, 0, time.monotonic(), 0.0, (math.nan, math.nan))
        if self.record.best is None:
            raise TrainingError(
                "The network gives no numbers (NaN or infinite) once it is rounded to int8.",
                "Train it again; fine-tuning cannot mend that.",
            )
        try:
            with translated_memory_errors(batch_size_of(self._train, self._plan.recipe)):
                self._run_epochs()
        except KeyboardInterrupt:
            self.record.ending = "interrupted"
        self.copy.set_weights(self.record.weights)
        # They stay rounded: what they were before has answers of its own, which nothing has looked at.
        self._kernels.round()
        take_weights(self.network, self.copy)
        return self.record

    def _run_epochs(self) -> None:
        steps = steps_per_epoch(self._train, self._plan.recipe)
        with progress("Fine-tuning", steps * self._plan.epochs) as advance:
            for number in range(1, self._plan.epochs + 1):
                if not self._run_epoch(number, steps, advance):
                    self.record.ending = "not a number"
                    return

    def _run_epoch(self, number: int, steps: int, advance: Callable[[int], None]) -> bool:
        """One pass over the training part; whether its losses were numbers."""
        plan, started = self._plan, time.monotonic()
        totals, rate = np.zeros(2), 0.0
        batches = epoch_batches(self._train, plan.recipe, plan.seed, number)
        for done, (pictures, _) in enumerate(batches, start=(number - 1) * steps):
            rate = plan.learning_rate * 0.5 * (1 + math.cos(math.pi * done / (steps * plan.epochs)))
            self._optimizer.learning_rate = rate
            loss, agreeing = self._step(tf.constant(pictures))
            if not math.isfinite(float(loss)):
                return False
            totals += float(loss), float(agreeing)
            advance(1)
        self._note("rounded", number, started, rate, tuple(float(total) for total in totals / steps))
        return True

    def _note(self, phase: str, number: int, started: float, rate: float, trained: tuple[float, ...]) -> None:
        distance, accuracy, agreement = self._validate()
        seconds = time.monotonic() - started
        epoch = Epoch(phase, number, seconds, rate, trained[0], trained[1], distance, accuracy)
        self.record.add(epoch, self.copy.get_weights())
        self._plan.note(self.record.history[-1])
        words = f"Epoch {number}/{self._plan.epochs}" if number else "Rounded to int8, untrained"
        mark = " (best so far)" if number and self.record.history[-1].best else ""
        inform(f"{words}: validation {accuracy:.1%}, {agreement:.1%} as before rounding{mark}, {seconds:.0f} s")

    def _descend(self, pictures: Any) -> tuple[Any, Any]:
        wanted = self.network(pictures, training=False)
        exact = self._kernels.round()
        with tf.GradientTape() as tape:
            # With training=True, Keras would put batch statistics in the place of the stored ones, whatever the layers
            # were asked for when the network was built; that takes pre-trained features apart.
            probabilities = self.copy(pictures, training=False)
            loss = tf.reduce_mean(keras.losses.kl_divergence(wanted, probabilities))
        gradients = tape.gradient(loss, self._variables)
        self._kernels.restore(exact)
        before = [tf.identity(variable.value) for variable in self._variables]
        self._optimizer.apply_gradients(zip(gradients, self._variables, strict=True))
        for variable, old, scale in zip(self._variables, before, self._scales, strict=True):
            variable.assign(old + scale * (variable - old))
        agreeing = tf.equal(tf.argmax(probabilities, -1), tf.argmax(wanted, -1))
        return loss, tf.reduce_mean(tf.cast(agreeing, tf.float32))

    def _validate(self) -> tuple[float, float, float]:
        """How the rounded network answers to the validation part.

        Returns:
            Distance from the finished network's answers (mean Kullback-Leibler divergence in nats), share of right
            answers, share of the same top class.
        """
        part, wanted = self._validation, self._wanted
        given = self.predict(part)
        distances = (wanted * np.log(np.maximum(wanted, _LEAST) / np.maximum(given, _LEAST))).sum(axis=1)
        named = given.argmax(axis=1)
        agreement = float((named == wanted.argmax(axis=1)).mean())
        return float(distances.mean()), float((named == part.classes).mean()), agreement

    def predict(self, part: Examples) -> Probabilities:
        """Probabilities of the rounded network: float32 (n, classes)."""
        with self._kernels.rounded():
            return predict_rows(self.copy, part.pixels, part.rows)

    def calibrate(self) -> tuple[float, float]:
        """Folds a temperature into the last layer of both networks; gives it, and the threshold that it suggests.

        Both come from the rounded network's answers, because that is the one that a device will run. A last layer that
        is not dense with a softmax is left as it is.
        """
        probabilities, part = self.predict(self._validation), self._validation
        head, temperature = self.network.layers[-1], 1.0
        if has_softmax(head):
            temperature = fit_temperature(probabilities, part.classes)
            copied = self.copy.get_layer(head.name)
            copied.set_weights([values / temperature for values in copied.get_weights()])
            rounding_of(self.copy, head.name).scale(1 / temperature)
            take_weights(self.network, self.copy)
        return temperature, suggest_threshold(sharpen(probabilities, temperature), part.classes)

    @property
    def ranges(self) -> dict[str, Range]:
        """What the rounding layers have learned, by the name of the layer before them."""
        return learned_ranges(self.copy)


def _scales(network: Any, unscaled: Sequence[Any]) -> dict[str, npt.NDArray[np.float32]]:
    """By how much equalising scaled each weight, by the name of the variable."""
    scales = {}
    for variable, old in zip(network.weights, unscaled, strict=True):
        new = np.asarray(variable.value)
        known = (old != 0) & (new != 0)
        scales[_key(variable)] = np.where(known, new / np.where(known, old, 1), 1).astype(np.float32)
    return scales


def _key(variable: Any) -> str:
    """The same for a network's variable and that of its copy: names of layer and weight."""
    return "/".join(variable.path.split("/")[-2:])


def _make_rounded(network: Any, train: Examples) -> Any:
    try:
        explicit = with_logits(network)
        return round_activations(explicit, find_ranges(explicit, rounded_layers(explicit), choose_pictures(train)))
    except (AttributeError, TypeError, ValueError) as error:
        raise TrainingError(
            f"The network cannot be trained for int8: {' '.join(str(error).split())[:200]}.",
            "Only networks whose layers form one plain graph can; those of sorter-train do.",
        ) from error


def choose_pictures(train: Examples) -> npt.NDArray[np.uint8]:
    """Some pictures of the training part, evenly spread: the classes lie in it one after the other."""
    chosen: npt.NDArray[np.uint8] = train.pixels[np.sort(train.rows[:: max(1, len(train.rows) // _RANGE_PICTURES)])]
    return chosen
