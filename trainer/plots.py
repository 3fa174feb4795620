"""Pictures of a training and of an evaluation, as PNG. Needs matplotlib; draws without a display."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from sorter.files import complete_file
from sorter.metrics import confusion_matrix
from sorter.trainer.evaluation import Evaluation
from sorter.trainer.rejection import reject, rejection_curve
from sorter.trainer.training_record import AS_IT_WAS, Epoch, find_best

CONFUSION_NAME = "confusion.png"
TRAINING_NAME = "training.png"
RELIABILITY_NAME = "reliability.png"
REJECTION_NAME = "rejection.png"

_DPI = 110
_BLUE, _ORANGE, _GREY = "#2b6cb0", "#dd6b20", "#a0aec0"
_RELIABILITY_BINS = 10
_LONGEST_NAME = 18

_MARKED_PERCENT = (50, 60, 70, 80, 90)
"""Thresholds that the rejection curve names."""


def _save(figure: Figure, path: Path) -> None:
    with complete_file(path) as temporary, warnings.catch_warnings():
        # Class names may have letters that matplotlib's font lacks; boxes in a plot must not end a training.
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        figure.savefig(temporary, dpi=_DPI, format="png")


def _short(label: str) -> str:
    return label if len(label) <= _LONGEST_NAME else label[: _LONGEST_NAME - 1] + "…"


def _clean(axes: Any) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)
    axes.grid(alpha=0.25)


def plot_confusion(evaluation: Evaluation, path: Path) -> None:
    """Draws how often each actual class (across) was taken for each predicted class (down)."""
    labels = [_short(label) for label in evaluation.labels]
    predicted = evaluation.probabilities.argmax(axis=1)
    counts = confusion_matrix(evaluation.actual, predicted, len(labels)).T
    share = counts / np.maximum(counts.sum(axis=0, keepdims=True), 1)
    side = min(24.0, 2.6 + 0.72 * len(labels))
    figure = Figure(figsize=(side + 0.8, side), layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(share, cmap="Blues", vmin=0.0, vmax=1.0)
    axes.set_xticks(range(len(labels)), labels, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(labels)), labels)
    axes.set_xlabel("actual")
    axes.set_ylabel("predicted")
    for (row, column), count in np.ndenumerate(counts):
        if count:
            colour = "white" if share[row, column] > 0.55 else "black"
            text = f"{count}\n{share[row, column]:.0%}"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)
    bar = figure.colorbar(image, ax=axes, shrink=0.8)
    bar.set_label("share of the actual class")
    axes.set_title(f"{evaluation.metrics()['accuracy']:.1%} of {len(evaluation.actual)} photos right")
    _save(figure, path)


def plot_reliability(evaluation: Evaluation, path: Path) -> None:
    """Draws how often the network is right when it claims a certain probability, and how often it claims it."""
    confidence = evaluation.probabilities.max(axis=1)
    right = evaluation.probabilities.argmax(axis=1) == evaluation.actual
    index = np.minimum((confidence * _RELIABILITY_BINS).astype(int), _RELIABILITY_BINS - 1)
    figure = Figure(figsize=(5.2, 5.6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    above.plot([0, 1], [0, 1], color=_GREY, linestyle="--", label="perfect")
    used = [b for b in range(_RELIABILITY_BINS) if (index == b).any()]
    claimed = [confidence[index == b].mean() for b in used]
    true = [right[index == b].mean() for b in used]
    above.plot(claimed, true, marker="o", color=_BLUE, label="this network")
    above.set_ylabel("share of right answers")
    above.set_ylim(0, 1.03)
    above.legend(loc="upper left", frameon=False)
    above.set_title(f"expected calibration error {evaluation.metrics()['ece']:.3f}")
    below.hist(confidence, bins=np.linspace(0, 1, _RELIABILITY_BINS + 1), color=_BLUE, rwidth=0.92)
    below.set_xlabel("probability of the best class")
    below.set_ylabel("photos")
    below.set_xlim(0, 1)
    for axes in (above, below):
        _clean(axes)
    _save(figure, path)


def plot_rejection(evaluation: Evaluation, path: Path) -> None:
    """Draws the share of wrong answers that pass against the share of rejected photos, for every threshold."""
    curve = rejection_curve(evaluation.probabilities, evaluation.actual)
    figure = Figure(figsize=(5.6, 4.2), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([p.rejected for p in curve], [p.wrong or 0.0 for p in curve], color=_BLUE)
    for point in curve:
        if round(point.threshold * 100) in _MARKED_PERCENT:
            axes.plot(point.rejected, point.wrong or 0.0, "o", color=_BLUE, markersize=4)
            place, name = (point.rejected, point.wrong or 0.0), f"{point.threshold:.1f}"
            axes.annotate(name, place, (4, 4), textcoords="offset points", fontsize=8, color="#4a5568")
    if evaluation.threshold is not None:
        chosen = reject(evaluation.probabilities, evaluation.actual, evaluation.threshold)
        label = f"suggested threshold {chosen.threshold:.2f} (from validation)"
        axes.plot(chosen.rejected, chosen.wrong or 0.0, "D", color=_ORANGE, markersize=8, label=label)
        axes.legend(loc="upper right", frameon=False)
    axes.set_xlabel("share of the photos rejected")
    axes.set_ylabel("share wrong of the answers that pass")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0, decimals=None))
    axes.set_xlim(left=-0.01)
    axes.set_ylim(bottom=0.0)
    _clean(axes)
    _save(figure, path)


def plot_training(history: Sequence[Epoch], path: Path) -> None:
    """Draws loss and accuracy of each epoch; of a training for int8, the distance from the float network's answers."""
    taught = history[0].phase == AS_IT_WAS
    figure = Figure(figsize=(9.0, 3.8), layout="constrained")
    loss, accuracy = figure.subplots(1, 2)
    epochs = [e.epoch for e in history]
    best = find_best(history)
    marker = "o" if len(epochs) < 3 else None
    loss.plot(epochs, [e.train_loss for e in history], color=_ORANGE, marker=marker, label="train (augmented)")
    loss.plot(epochs, [e.validation_loss for e in history], color=_BLUE, marker=marker, label="validation")
    loss.plot(best.epoch, best.validation_loss, "o", color=_BLUE, label=f"kept: epoch {best.epoch}")
    loss.set_ylabel("divergence from the float answers" if taught else "loss")
    train_label = "train: same class as in float" if taught else None
    accuracy.plot(epochs, [e.train_accuracy for e in history], color=_ORANGE, marker=marker, label=train_label)
    accuracy.plot(epochs, [e.validation_accuracy for e in history], color=_BLUE, marker=marker)
    accuracy.plot(best.epoch, best.validation_accuracy, "o", color=_BLUE, label=f"{best.validation_accuracy:.1%}")
    accuracy.legend(loc="center right" if taught else "lower right", frameon=False)
    accuracy.set_ylabel("accuracy")
    zero = "rounded, untrained" if taught else "frozen features"
    for axes in (loss, accuracy):
        axes.set_xlabel(f"epoch (0: {zero})" if 0 in epochs else "epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        _clean(axes)
    loss.legend(frameon=False)
    _save(figure, path)
