"""What a training went through, and the best it came to. NumPy only, so that plots need no TensorFlow."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, field, fields
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from sorter.files import write_csv

Weights = list[npt.NDArray[np.float32]]

Ending = Literal["finished", "no more progress", "interrupted", "not a number"]


@dataclass(frozen=True)
class Epoch:
    """One row of ``history.csv``.

    Attributes:
        phase: ``features`` (frozen backbone) or ``fine-tuning``.
        epoch: 0 for the features, then from 1.
        seconds: Time it took.
        learning_rate: At its last step.
        train_loss: Mean over its batches, with augmentation and label smoothing; NaN for the features.
        train_accuracy: Mean over its batches, with augmentation; NaN for the features.
        validation_loss: Mean negative log likelihood in nats, after temperature scaling.
        validation_accuracy: Share of right answers.
    """

    phase: str
    epoch: int
    seconds: float
    learning_rate: float
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float

    def is_better_than(self, other: "Epoch | None") -> bool:
        """Whether this is the network to keep: by the loss on the validation part.

        The largest of many accuracies on a few hundred photos is mostly luck; the loss weighs how sure each answer was.
        """
        if not math.isfinite(self.validation_loss):
            return False
        return other is None or self.validation_loss < other.validation_loss


def find_best(history: Sequence[Epoch]) -> Epoch:
    """The epoch to keep, of a history that has one whose loss is a number."""
    return min((epoch for epoch in history if epoch.is_better_than(None)), key=lambda epoch: epoch.validation_loss)


@dataclass
class Progress:
    """How far a training has come, and its best network; what an interrupted training leaves.

    Attributes:
        history: All epochs so far.
        best: The best of them; None before the first.
        weights: Of the network at its best.
        ending: Why it ended.
    """

    history: list[Epoch] = field(default_factory=list)
    best: Epoch | None = None
    weights: Weights = field(default_factory=list)
    ending: Ending = "finished"

    def add(self, epoch: Epoch, weights: Weights) -> None:
        """Notes an epoch and keeps its weights if it is the best."""
        self.history.append(epoch)
        if epoch.is_better_than(self.best):
            self.best, self.weights = epoch, weights

    def is_stuck(self, patience: int) -> bool:
        """Whether the last ``patience`` epochs were no better than the best before."""
        return patience > 0 and self.best is not None and self.history[-1].epoch - self.best.epoch >= patience


def write_history(path: Path, history: Iterable[Epoch]) -> None:
    """Writes ``history.csv``, one line for each epoch; what does not apply to an epoch is left empty.

    Raises:
        StorageError: It cannot be written.
    """
    rows = [[_cell(value) for value in astuple(epoch)] for epoch in history]
    write_csv(path, [f.name for f in fields(Epoch)], rows)


def _cell(value: object) -> object:
    if not isinstance(value, float):
        return value
    return "" if math.isnan(value) else f"{value:.6g}"
