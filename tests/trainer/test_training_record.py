"""Which epoch's network is kept."""

import math
from pathlib import Path

import numpy as np

from sorter.trainer.training_record import Epoch, Progress, find_best, write_history


def epoch(number: int, loss: float, accuracy: float) -> Epoch:
    return Epoch("fine-tuning", number, 1.0, 1e-3, 0.5, 0.8, loss, accuracy)


def test_the_smallest_validation_loss_is_kept_not_the_luckiest_accuracy() -> None:
    progress = Progress()
    for number, loss, accuracy in ((1, 0.40, 0.85), (2, 0.37, 0.91), (3, 0.32, 0.89), (4, 0.33, 0.90)):
        progress.add(epoch(number, loss, accuracy), [np.full(1, number, np.float32)])
    assert progress.best is not None
    assert progress.best.epoch == 3
    assert progress.weights[0] == 3


def test_a_loss_that_is_no_number_is_never_kept() -> None:
    progress = Progress()
    progress.add(epoch(1, math.nan, 0.99), [])
    assert progress.best is None
    progress.add(epoch(2, 0.5, 0.8), [])
    progress.add(epoch(3, math.nan, 0.99), [])
    assert progress.best is not None
    assert progress.best.epoch == 2


def test_stuck_means_no_better_epoch_for_as_many_as_patience() -> None:
    progress = Progress()
    for number, loss in ((1, 0.4), (2, 0.5), (3, 0.6)):
        progress.add(epoch(number, loss, 0.9), [])
    assert progress.is_stuck(2)
    assert not progress.is_stuck(3)
    assert not progress.is_stuck(0)


def test_the_best_accuracy_is_kept_where_that_is_wanted_and_ties_go_to_the_loss() -> None:
    progress = Progress()
    for number, loss, accuracy in ((1, 0.40, 0.85), (2, 0.37, 0.91), (3, 0.32, 0.89), (4, 0.36, 0.91), (5, 0.39, 0.91)):
        progress.add(epoch(number, loss, accuracy), [np.full(1, number, np.float32)], "accuracy")
    assert progress.best is not None
    assert progress.best.epoch == 4
    assert progress.weights[0] == 4
    assert [e.best for e in progress.history] == [True, True, False, True, False]
    assert find_best(progress.history).epoch == 4


def test_patience_starts_anew_with_each_phase() -> None:
    progress = Progress()
    for number, loss in ((1, 0.4), (2, 0.5), (3, 0.6), (4, 0.6)):
        progress.add(epoch(number, loss, 0.9), [])
    assert progress.is_stuck(3)
    assert not progress.is_stuck(3, first_epoch=3)
    assert progress.is_stuck(2, first_epoch=3)


def test_history_tells_which_epoch_was_kept(tmp_path: Path) -> None:
    progress = Progress()
    for number, loss in ((1, 0.4), (2, 0.5)):
        progress.add(epoch(number, loss, 0.9), [])
    write_history(tmp_path / "history.csv", progress.history)
    lines = (tmp_path / "history.csv").read_text().splitlines()
    assert [line.rpartition(",")[2] for line in lines] == ["best", "true", "false"]
