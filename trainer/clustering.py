"""Weight clustering: each kernel gets along with few different values, which pack well.

Values are found by k-means and then trained on, every weight staying in its cluster (Han, Mao and Dally, "Deep
Compression", ICLR 2016, section 3). There a layer shares its values as they are, and int8 would undo that: each output
channel has a step of its own, so one value becomes a different integer in every channel. Here a layer shares what the
integers will be: every channel is divided by its largest weight first, values are multiples of 1/127, and 1 and -1 are
always among them, so that the converter finds the same steps again. A cluster at 0 keeps the zeros of a pruned run.
"""

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from sorter.errors import TrainingError
from sorter.trainer.compression import chosen_layers

LEVELS = 127
"""int8 weights are symmetric: -127..127 (TFLite quantisation specification)."""

FIXED = (-LEVELS, 0, LEVELS)
"""Levels that never move."""


def find_levels(counts: npt.NDArray[np.int64], clusters: int) -> npt.NDArray[np.float64]:
    """The best levels to stand for all those of a histogram: k-means in one dimension, exactly.

    In one dimension clusters are neighbouring levels, so the best division into k of them follows from those into k - 1
    (Wang and Song, "Ckmeans.1d.dp: Optimal k-means Clustering in One Dimension by Dynamic Programming", The R Journal,
    2011). A cluster with one of the fixed levels has that one for its centre.

    Args:
        counts: How many weights there are of each level from -127 to 127: (255,).
        clusters: How many levels to find.

    Returns:
        Levels in rising order: (clusters,).
    """
    centres, errors = _segments(counts)
    best = errors[0]
    starts = []
    for _ in range(1, clusters):
        # What it costs to end at level j with a last cluster that begins at i.
        costs = np.concatenate([[np.inf], best[:-1]])[:, None] + errors
        starts.append(costs.argmin(axis=0))
        best = costs.min(axis=0)
    end, found = len(counts) - 1, []
    for begins in reversed(starts):
        start = int(begins[end])
        found.append(centres[start, end])
        end = start - 1
    return np.array([*reversed([*found, centres[0, end]])])


def _segments(counts: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Centre and squared error of each cluster from level i to level j: (255, 255) each; infinite if impossible."""
    levels = np.arange(-LEVELS, LEVELS + 1, dtype=np.float64)
    # A trace of every level gives clusters without weights a centre too.
    shares = counts + 1e-9
    sums = [np.concatenate([[0.0], np.cumsum(shares * levels**power)]) for power in range(3)]
    weight, first, second = (total[None, 1:] - total[:-1, None] for total in sums)
    inside = [(levels[:, None] <= level) & (levels[None, :] >= level) for level in FIXED]
    with np.errstate(divide="ignore", invalid="ignore"):
        centres = np.select(inside, FIXED, first / weight)
    errors = second - 2 * centres * first + centres**2 * weight
    impossible = (levels[:, None] > levels[None, :]) | (np.sum(inside, axis=0) > 1)
    return centres, np.where(impossible, np.inf, np.maximum(errors, 0.0))


class _Kernel:
    """One kernel as clusters: which cluster each weight is in, the level of each, and the scale of each channel."""

    def __init__(self, kernel: Any, clusters: int) -> None:
        self.kernel = kernel
        weights = kernel.numpy()
        largest = np.abs(weights).max(axis=tuple(range(weights.ndim - 1)))
        largest = np.where(largest > 0, largest, 1.0).astype(np.float32)
        levels = weights / largest * LEVELS
        counts = np.bincount(np.rint(levels).astype(np.int64).ravel() + LEVELS, minlength=2 * LEVELS + 1)
        centres = find_levels(counts, clusters)
        fixed = np.isin(centres, FIXED)
        boundaries = (centres[1:] + centres[:-1]) / 2
        self._members = tf.constant(np.digitize(levels, boundaries).astype(np.int32))
        self._start, self._movable = tf.constant(centres, tf.float32), tf.constant(~fixed, tf.float32)
        # Moved in units of the whole range, so that one learning rate suits levels and weights.
        self.moved = keras.Variable(np.zeros(len(centres), np.float32), name="moved")
        self.scale = keras.Variable(largest, name="scale")

    def value(self) -> Any:
        """The kernel as it is to be computed with."""
        levels = self._start / LEVELS + self.moved.value * self._movable
        return tf.gather(levels, self._members) * self.scale.value

    def store(self) -> None:
        """Puts the kernel into the network, its levels rounded."""
        levels = self._start / LEVELS + self.moved.value * self._movable
        rounded = tf.round(tf.clip_by_value(levels, -1.0, 1.0) * LEVELS) / LEVELS
        self.kernel.assign(tf.gather(rounded, self._members) * self.scale.value)


class Clustering:
    """Kernels of few values.

    Args:
        network: Whose layers are frozen as they are to stay.
        clusters: Values that the channels of a kernel share.

    Raises:
        TrainingError: There is no kernel to cluster.
    """

    settled = True

    def __init__(self, network: Any, clusters: int) -> None:
        self._clusters = clusters
        self._trainable: list[Any] = network.trainable_variables
        self._kernels = {id(kernel): _Kernel(kernel, clusters) for _, kernel in chosen_layers(network)}
        if not self._kernels:
            raise TrainingError(
                "The network has no layer that could be clustered.",
                "Its first convolution, its last layer and depthwise convolutions are left as they are.",
            )
        others = [variable for variable in self._trainable if id(variable) not in self._kernels]
        self.variables = [*others, *(v for kernel in self._kernels.values() for v in (kernel.moved, kernel.scale))]

    def begin_step(self, done: int, total: int) -> None:
        """Nothing: clusters are found before the first step."""

    def values(self) -> list[Any]:
        """The weights, clustered kernels made of their clusters."""
        return [self._kernels[id(v)].value() if id(v) in self._kernels else v.value for v in self._trainable]

    def store(self) -> None:
        """Puts the kernels into the network."""
        for kernel in self._kernels.values():
            kernel.store()

    def describe(self) -> dict[str, Any]:
        """Clusters as asked for, and how many weights share them."""
        weights = sum(int(np.prod(kernel.kernel.shape)) for kernel in self._kernels.values())
        return {"method": "clustering", "clusters": self._clusters, "weights": weights}
