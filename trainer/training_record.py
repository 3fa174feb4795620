"""What a training went through, and the best it came to. NumPy only, so that plots need no TensorFlow."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, field, fields, replace
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from sorter.files import write_csv

AS_IT_WAS = "as it was"
"""Phase of epoch 0 where a finished run is trained for int8: its network, rounded."""

Weights = list[npt.NDArray[np.float32]]

Ending = Literal["finished", "no more progress", "interrupted", "not a number"]

Keep = Literal["loss", "accuracy", "last"]
"""What makes one epoch better than another (see ``recipes.Schedule.keep``)."""


@dataclass(frozen=True)
class Epoch:
    """One row of ``history.csv``.

    Attributes:
        phase: ``features`` (the head fitted on frozen features), ``transfer`` (backbone frozen), ``fine-tuning``, or
            ``training`` from scratch; ``as it was`` and ``rounded`` where a run is trained for int8.
        epoch: 0 for the features, then from 1 through all phases.
        seconds: Time it took.
        learning_rate: At its last step.
        train_loss: Mean over its batches, with augmentation and label smoothing; NaN for the features.
        train_accuracy: Mean over its batches, with augmentation; NaN for the features.
        validation_loss: Mean negative log likelihood in nats, after temperature scaling. Where a run is trained for
            int8, both losses are the mean divergence from its float answers, and the training accuracy is the share
            of the same top class.
        validation_accuracy: Share of right answers.
        best: Whether it was the best so far; the last such epoch is the one that was kept.
    """

    phase: str
    epoch: int
    seconds: float
    learning_rate: float
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    best: bool = False

    def is_better_than(self, other: "Epoch | None", keep: Keep = "loss") -> bool:
        """Whether this is the network to keep, judged on the validation part.

        The largest of many accuracies on a few hundred photos is mostly luck; the loss weighs how sure each answer was.
        The studies kept the best accuracy; of two that are equal, the smaller loss decides.
        """
        if not math.isfinite(self.validation_loss):
            return False
        if other is None or keep == "last":
            return True
        if keep == "accuracy" and self.validation_accuracy != other.validation_accuracy:
            return self.validation_accuracy > other.validation_accuracy
        return self.validation_loss < other.validation_loss


def find_best(history: Sequence[Epoch]) -> Epoch:
    """The epoch that was kept, of a history that has one whose loss is a number."""
    marked = [epoch for epoch in history if epoch.best]
    if marked:
        return marked[-1]
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

    def add(self, epoch: Epoch, weights: Weights, keep: Keep = "loss") -> None:
        """Notes an epoch and keeps its weights if it is the best."""
        better = epoch.is_better_than(self.best, keep)
        noted = replace(epoch, best=better)
        self.history.append(noted)
        if better:
            self.best, self.weights = noted, weights

    def is_stuck(self, patience: int, first_epoch: int = 0) -> bool:
        """Whether the last ``patience`` epochs were no better than the best before.

        Args:
            patience: 0 for never.
            first_epoch: Of the present phase; what was before does not count.
        """
        if patience == 0 or self.best is None:
            return False
        return self.history[-1].epoch - max(self.best.epoch, first_epoch - 1) >= patience


def write_history(path: Path, history: Iterable[Epoch]) -> None:
    """Writes ``history.csv``, one line for each epoch; what does not apply to an epoch is left empty.

    Raises:
        StorageError: It cannot be written.
    """
    rows = [[_cell(value) for value in astuple(epoch)] for epoch in history]
    write_csv(path, [f.name for f in fields(Epoch)], rows)


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, float):
        return value
    return "" if math.isnan(value) else f"{value:.6g}"
