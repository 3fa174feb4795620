"""One training step: gradients of a batch, on one device or shared among several."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from sorter.trainer.hardware import Hardware
from sorter.trainer.optimizers import graduate, make_optimizer, rate_shares
from sorter.trainer.recipes import Schedule
from sorter.trainer.training_record import Weights


class Stepper:
    """Changes the trainable weights of a network, batch by batch.

    Args:
        network: Whose layers are frozen as they should be, and stay so.
        schedule: Optimizer and label smoothing.
        hardware: That for which the network was built.
    """

    def __init__(self, network: Any, schedule: Schedule, hardware: Hardware) -> None:
        self._network = network
        self._label_smoothing = schedule.label_smoothing
        self._hardware = hardware
        self._variables = network.trainable_variables
        with hardware.scope():
            self._optimizer = inner = make_optimizer(schedule)
            if hardware.precision == "mixed_float16":
                # Small gradients vanish in 16 bits unless the loss is scaled up first.
                self._optimizer = keras.optimizers.LossScaleOptimizer(self._optimizer)
            self._optimizer.build(self._variables)
        if schedule.early_rate != 1:
            graduate(inner, rate_shares(network, schedule.early_rate))
        self._step = tf.function(self._share, jit_compile=hardware.xla or None)

    def step(self, pictures: npt.NDArray[Any], targets: npt.NDArray[Any], rate: float) -> tuple[float, float]:
        """Takes one step; gives mean loss and accuracy of the batch before it.

        Args:
            pictures: float32 (n, ...), what the network takes.
            targets: float32 (n, classes).
            rate: Learning rate.
        """
        self._optimizer.learning_rate = rate
        size = tf.constant(float(len(pictures)))
        loss, right = self._step(self._place(pictures), self._place(targets), size)
        return float(loss), float(right)

    def state(self) -> Weights:
        """Everything that the optimizer remembers."""
        return [variable.value.numpy() for variable in self._optimizer.variables]

    def restore(self, state: Sequence[Any]) -> None:
        """Goes back to an earlier ``state()``."""
        for variable, value in zip(self._optimizer.variables, state, strict=True):
            variable.assign(value)

    def _place(self, array: npt.NDArray[Any]) -> Any:
        """The array as a tensor, or a share of it for each device; shares may differ in size by one."""
        if self._hardware.strategy is None:
            return tf.constant(array)
        shares = np.array_split(array, self._hardware.replicas)
        return self._hardware.strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(shares[context.replica_id_in_sync_group])
        )

    def _share(self, pictures: Any, targets: Any, size: Any) -> tuple[Any, Any]:
        strategy = self._hardware.strategy
        if strategy is None:
            return self._descend(pictures, targets, size)
        loss, right = strategy.run(self._descend, args=(pictures, targets, size))
        total = tf.distribute.ReduceOp.SUM
        return strategy.reduce(total, loss, axis=None), strategy.reduce(total, right, axis=None)

    def _descend(self, pictures: Any, targets: Any, size: Any) -> tuple[Any, Any]:
        """On one device; sums of shares are means of the whole batch, because each divides by the batch's size."""
        with tf.GradientTape() as tape:
            probabilities = self._network(pictures, training=True)
            losses = keras.losses.categorical_crossentropy(
                targets, probabilities, label_smoothing=self._label_smoothing
            )
            loss = tf.reduce_sum(tf.cast(losses, tf.float32)) / size
            if self._network.losses:
                loss += tf.cast(tf.add_n(self._network.losses), tf.float32) / self._hardware.replicas
            scaled = self._optimizer.scale_loss(loss)
        self._optimizer.apply_gradients(zip(tape.gradient(scaled, self._variables), self._variables, strict=True))
        right = tf.equal(tf.argmax(probabilities, -1), tf.argmax(targets, -1))
        return loss, tf.reduce_sum(tf.cast(right, tf.float32)) / size
