"""Saves networks as people have them, in a process of its own, as it needs Keras: ``odd_networks.py FOLDER``."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
from keras import layers


def classifier(shape: tuple[int | None, int | None, int], activation: str | None = "softmax") -> keras.Model:
    """Convolution, average, three classes."""
    inputs = keras.Input(shape)
    tensor = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, activation="relu")(inputs))
    return keras.Model(inputs, layers.Dense(3, activation=activation)(tensor))


def with_activation(layer: Callable[[Any], Any], weights: float = 0.3) -> keras.Model:
    """Convolution, something in its wake, average, three classes."""
    inputs = keras.Input((24, 24, 3))
    start = keras.initializers.RandomNormal(stddev=weights, seed=1)
    tensor = layers.Conv2D(4, 3, kernel_initializer=start, name="first")(layers.Rescaling(1 / 255)(inputs))
    tensor = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, name="second")(layer(tensor)))
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(tensor))


@keras.saving.register_keras_serializable("tests")
class Halve(layers.Layer):  # type: ignore[misc]
    """A layer that no other program knows."""

    def call(self, tensor: object) -> object:
        """Half of it."""
        return tensor * 0.5  # type: ignore[operator]


def main(folder: Path) -> None:
    keras.utils.set_random_seed(3)
    plain = classifier((24, 24, 3))
    plain.save(folder / "plain.keras")
    plain.save(folder / "plain.h5")
    plain.export(folder / "plain", verbose=False)
    classifier((24, 24, 3), activation=None).save(folder / "logits.keras")
    classifier((None, None, 3)).save(folder / "anysize.keras")
    classifier((24, 24, 1)).save(folder / "grey.keras")
    second = keras.Input((24, 24, 3))
    keras.Model([plain.inputs[0], second], plain(layers.Add()([plain.inputs[0], second]))).save(folder / "pair.keras")
    keras.Model(plain.inputs, [plain.output, plain.output]).save(folder / "twofold.keras")
    inputs = keras.Input((24, 24, 3))
    keras.Model(inputs, plain(layers.Lambda(lambda tensor: tensor / 2)(inputs))).save(folder / "lambda.keras")
    keras.Model(inputs, plain(Halve()(inputs))).save(folder / "custom.keras")
    with_activation(layers.ELU(name="odd_one")).save(folder / "elu.keras")
    with_activation(layers.Activation("hard_swish", name="odd_one")).save(folder / "hard_swish.keras")
    with_activation(keras.ops.arcsinh).save(folder / "arcsinh.keras")
    with_activation(layers.ReLU(6.0), weights=1e-7).save(folder / "vanishing.keras")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
