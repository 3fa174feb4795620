"""The moving average of a network's weights, kept beside the network on its device."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import tensorflow as tf

from sorter.trainer.training_record import Weights


class AveragedWeights:
    """The exponential moving average of a network's weights, which does better than where the last step ended.

    The momentum is lower in the first steps, min(momentum, (1 + t) / (10 + t)), so that the start is soon forgotten
    (https://www.tensorflow.org/api_docs/python/tf/train/ExponentialMovingAverage).

    Args:
        network: Whose weights.
        momentum: Of the average; 0 for none, which costs nothing.
    """

    def __init__(self, network: Any, momentum: float) -> None:
        self._network = network
        self._momentum = momentum
        self.steps = 0
        self._averages = [tf.Variable(w, trainable=False) for w in network.get_weights()] if momentum else []
        self._blend = tf.function(self._blend_weights)

    def update(self) -> None:
        """Takes in the weights after a step."""
        self.steps += 1
        momentum = min(self._momentum, (1 + self.steps) / (10 + self.steps))
        if self._averages:
            self._blend(tf.constant(1.0 - momentum, tf.float32))

    def _blend_weights(self, share: Any) -> None:
        for average, weight in zip(self._averages, self._network.weights, strict=True):
            if average.dtype.is_floating:
                average.assign_add(tf.cast(share, average.dtype) * (weight.value - average))
            else:
                average.assign(weight.value)

    def values(self) -> Weights:
        """A copy of the average; empty where none is kept."""
        return [average.numpy() for average in self._averages]

    def restore(self, values: Sequence[Any], steps: int) -> None:
        """Goes back to an earlier ``values()``."""
        self.steps = steps
        for average, value in zip(self._averages, values, strict=True):
            average.assign(value)

    @contextmanager
    def in_network(self) -> Iterator[None]:
        """Puts the average into the network for the length of a block."""
        if not self._averages:
            yield
            return
        present = self._network.get_weights()
        self._network.set_weights(self.values())
        try:
            yield
        finally:
            self._network.set_weights(present)
