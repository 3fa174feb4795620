"""Optimizers and learning rates. Every step's rate is a pure function, so a resumed training needs no state of it."""

import math
from collections.abc import Sequence
from typing import Any

import keras

from sorter.trainer.recipes import Schedule


def make_optimizer(schedule: Schedule) -> Any:
    """The optimizer that a schedule names. Its learning rate is set before every step, from ``rate_at``."""
    rate = schedule.learning_rate
    makers = {
        "adam": lambda: keras.optimizers.Adam(rate),
        "adamw": lambda: keras.optimizers.AdamW(rate, weight_decay=schedule.weight_decay),
        "rmsprop": lambda: keras.optimizers.RMSprop(rate),
        "sgd": lambda: keras.optimizers.SGD(rate, momentum=schedule.momentum),
    }
    return makers[schedule.optimizer]()


def graduate(optimizer: Any, shares: Sequence[float]) -> None:
    """Gives each variable a share of the learning rate, so that early layers change less than late ones.

    Args:
        optimizer: Built for as many trainable variables.
        shares: Of each of them, in their order.
    """
    # Scaled gradients would not do: Adam divides by their size. No public way leads to a rate for each variable.
    plain, index_of = optimizer.update_step, optimizer._get_variable_index

    def update_step(gradient: Any, variable: Any, learning_rate: Any) -> None:
        plain(gradient, variable, learning_rate * shares[index_of(variable)])

    optimizer.update_step = update_step


def rate_shares(network: Any, early_rate: float) -> list[float]:
    """What share of the learning rate each trainable variable gets, in their order.

    Howard and Ruder, "Universal Language Model Fine-tuning for Text Classification", ACL 2018, section 3.2.

    Args:
        network: A Keras network whose layers are frozen as they should be.
        early_rate: Share of the first layer that changes; the last one gets 1, those between lie on a geometric line.
    """
    layers = [layer for layer in network.layers if layer.trainable_variables]
    last = max(1, len(layers) - 1)
    number_of = {id(variable): i for i, layer in enumerate(layers) for variable in layer.trainable_variables}
    return [early_rate ** (1 - number_of[id(variable)] / last) for variable in network.trainable_variables]


def rate_at(schedule: Schedule, step: int, steps: int) -> float:
    """The learning rate of one step, without what ``plateau_scale`` takes off it.

    Args:
        schedule: Which decay; its warm-up applies to all of them.
        step: From 0.
        steps: In all epochs of the phase.
    """
    # Very short trainings must not end before the rate has risen.
    warmup = min(schedule.warmup_steps, steps // 4)
    if step < warmup:
        return schedule.learning_rate * step / warmup
    if schedule.decay != "cosine":
        return schedule.learning_rate
    # Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR 2017, one period.
    done = (step - warmup) / max(1, steps - warmup)
    return schedule.learning_rate * 0.5 * (1.0 + math.cos(math.pi * min(1.0, done)))


def plateau_scale(schedule: Schedule, accuracies: Sequence[float]) -> float:
    """By what the learning rate is multiplied after some epochs of a phase whose decay is ``plateau``; else 1.

    After ``plateau_patience`` epochs in a row without a better validation accuracy it falls by ``plateau_factor``, but
    no lower than to ``least_learning_rate``; counting then starts again (as Keras' ReduceLROnPlateau does).

    Args:
        schedule: With its patience, factor and least rate.
        accuracies: Validation accuracy of every epoch of the phase so far.
    """
    scale, best, waited = 1.0, -math.inf, 0
    if schedule.decay != "plateau":
        return scale
    # A least rate above the schedule's own must not make the rate rise.
    least = min(1.0, schedule.least_learning_rate / schedule.learning_rate)
    for accuracy in accuracies:
        if accuracy > best:
            best, waited = accuracy, 0
            continue
        waited += 1
        if waited >= schedule.plateau_patience:
            scale, waited = max(scale * schedule.plateau_factor, least), 0
    return scale
