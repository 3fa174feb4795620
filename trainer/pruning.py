"""Magnitude pruning: the weights that matter least become zeros, which pack well and survive every conversion.

The share of zeros grows while the network is trained on, fast at first and then ever more slowly (Zhu and Gupta, "To
prune, or not to prune: exploring the efficacy of pruning for model compression", 2017, equation 1); the rest of the
training is for the weights that are left.
"""

from typing import Any

import numpy as np
import tensorflow as tf

from sorter.errors import TrainingError
from sorter.trainer.compression import chosen_layers

GROWING_SHARE = 0.6
"""Share of the steps in which zeros become more."""

_MASKS = 30
"""How often they become more: each time, the network has some steps to recover, and finding them costs little."""


def sparsity_at(done: float, final: float) -> float:
    """Share of zeros after a share of the steps in which they become more.

    Args:
        done: 0 at the beginning, 1 at the end and after it.
        final: Share of zeros then.
    """
    return final * (1.0 - (1.0 - min(1.0, done)) ** 3)


class Pruning:
    """Zeros in the kernels of a network.

    Args:
        network: Whose layers are frozen as they are to stay.
        sparsity: Share of each chosen kernel that becomes zero.

    Raises:
        TrainingError: There is no kernel to prune.
    """

    def __init__(self, network: Any, sparsity: float) -> None:
        self.variables: list[Any] = network.trainable_variables
        self._final, self._reached, self._masked_at = sparsity, 0.0, -1
        self._kernels = [kernel for _, kernel in chosen_layers(network)]
        if not self._kernels:
            raise TrainingError(
                "The network has no layer that could be pruned.",
                "Its first convolution, its last layer and depthwise convolutions are never pruned.",
            )
        self._masks = {id(kernel): tf.Variable(tf.ones_like(kernel.value), trainable=False) for kernel in self._kernels}

    @property
    def settled(self) -> bool:
        """Whether all zeros are there."""
        return self._reached >= self._final

    def begin_step(self, done: int, total: int) -> None:
        """Makes more zeros, some of the times."""
        share = (done + 1) / max(1.0, GROWING_SHARE * total)
        number = int(share * _MASKS)
        if self.settled or number == self._masked_at:
            return
        self._masked_at = number
        self._reached = sparsity_at(number / _MASKS, self._final)
        for kernel in self._kernels:
            self._mask(kernel)

    def _mask(self, kernel: Any) -> None:
        magnitudes = np.abs(kernel.numpy() * self._masks[id(kernel)].numpy())
        zeros = round(self._reached * magnitudes.size)
        mask = np.ones(magnitudes.size, np.float32)
        mask[np.argpartition(magnitudes.ravel(), max(0, zeros - 1))[:zeros]] = 0.0
        self._masks[id(kernel)].assign(mask.reshape(magnitudes.shape))

    def values(self) -> list[Any]:
        """The weights, those that are pruned as zeros; no gradient reaches these."""
        return [v.value * self._masks[id(v)] if id(v) in self._masks else v.value for v in self.variables]

    def store(self) -> None:
        """Makes zeros of the pruned weights for good; none of them ever comes back."""
        for kernel in self._kernels:
            kernel.assign(kernel.value * self._masks[id(kernel)])

    def describe(self) -> dict[str, Any]:
        """Sparsity as asked for, and the share of zeros among the weights of the chosen kernels."""
        zeros = sum(int((kernel.numpy() == 0).sum()) for kernel in self._kernels)
        weights = sum(int(np.prod(kernel.shape)) for kernel in self._kernels)
        return {"method": "pruning", "sparsity": self._final, "zeros": zeros / weights, "weights": weights}
