"""Learning rates, as functions of the step and of what came before."""

from dataclasses import replace
from itertools import pairwise

import pytest

from sorter.trainer.recipes import Schedule

# Keras 3.15 converts variables in a way that NumPy 2 announces to change.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

optimizers = pytest.importorskip("sorter.trainer.optimizers", reason="needs TensorFlow")

COSINE = Schedule(epochs=10, learning_rate=0.1, warmup_steps=5)
PLATEAU = Schedule(epochs=20, learning_rate=1.0, decay="plateau", plateau_patience=2, least_learning_rate=0.2)


def test_a_cosine_rises_from_zero_to_its_peak_and_falls_to_zero() -> None:
    rates = [optimizers.rate_at(COSINE, step, 100) for step in range(101)]
    assert rates[0] == 0.0
    assert rates[5] == max(rates) == pytest.approx(0.1)
    assert rates[52] == pytest.approx(0.05, rel=0.02)
    assert rates[100] == pytest.approx(0.0)
    assert all(a >= b for a, b in pairwise(rates[5:]))


def test_a_very_short_training_does_not_end_in_its_warm_up() -> None:
    assert optimizers.rate_at(COSINE, 1, 4) == pytest.approx(0.1)


def test_a_constant_rate_has_its_warm_up_too() -> None:
    constant = replace(COSINE, decay="constant")
    assert optimizers.rate_at(constant, 2, 100) == pytest.approx(0.04)
    assert {optimizers.rate_at(constant, step, 100) for step in range(5, 100)} == {0.1}


def test_a_plateau_halves_the_rate_after_its_patience_and_counts_anew() -> None:
    accuracies = [0.5, 0.6, 0.6, 0.5, 0.6, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7]
    scales = [optimizers.plateau_scale(PLATEAU, accuracies[:n]) for n in range(len(accuracies) + 1)]
    assert scales == [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.2, 0.2]


def test_other_decays_know_no_plateau() -> None:
    assert optimizers.plateau_scale(COSINE, [0.5] * 50) == 1.0


def test_a_plateau_falls_as_in_keras() -> None:
    """Side by side with ReduceLROnPlateau as the toy study used it."""
    import keras
    import numpy as np

    schedule = Schedule(epochs=60, learning_rate=1e-3, decay="plateau", plateau_patience=4)
    callback = keras.callbacks.ReduceLROnPlateau("val_accuracy", mode="max", factor=0.5, patience=4, min_lr=1e-6)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(1e-3), "mse")
    callback.set_model(model)
    callback.on_train_begin()
    accuracies = np.round(np.random.default_rng(0).random(60), 1).tolist()
    for number, accuracy in enumerate(accuracies):
        callback.on_epoch_end(number, {"val_accuracy": accuracy})
        ours = schedule.learning_rate * optimizers.plateau_scale(schedule, accuracies[: number + 1])
        assert ours == pytest.approx(float(model.optimizer.learning_rate), rel=1e-5)


def _changes(early_rate: float) -> list[float]:
    """How far one step of Adam moves each of three layers, the first of which is frozen."""
    import keras
    import numpy as np

    from sorter.trainer.hardware import PLAIN
    from sorter.trainer.steps import Stepper

    keras.utils.set_random_seed(1)
    network = keras.Sequential([keras.Input((4,)), *(keras.layers.Dense(4) for _ in range(4)), keras.layers.Softmax()])
    network.layers[0].trainable = False
    before = network.get_weights()
    rng = np.random.default_rng(0)
    schedule = Schedule(epochs=1, learning_rate=0.01, early_rate=early_rate)
    Stepper(network, schedule, PLAIN).step(
        rng.random((8, 4), np.float32), np.eye(4, dtype=np.float32)[[0, 1, 2, 3] * 2], 0.01
    )
    return [float(np.abs(a - b).max()) for a, b in zip(before[::2], network.get_weights()[::2], strict=True)]


def test_early_layers_may_learn_more_slowly_than_late_ones() -> None:
    plain, graduated = _changes(1.0), _changes(0.04)
    assert plain[0] == graduated[0] == 0
    # A first step of Adam moves each weight by the rate, whatever its gradient.
    assert plain[1:] == pytest.approx([0.01, 0.01, 0.01], rel=1e-3)
    assert graduated[1:] == pytest.approx([0.0004, 0.002, 0.01], rel=1e-3)
