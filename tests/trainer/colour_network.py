"""A network built by hand whose evidence is known: it tells red from blue by the pixels that are red or blue."""

from pathlib import Path
from typing import Any

import numpy as np

from sorter.image import InputSpec
from sorter.manifest import Manifest

SIDE = 64
RED, BLUE = 0, 1


def build_colour_network(nested: bool = False, subclassed: bool = False) -> Any:
    """Answers "red" where there is more red than blue: two 1x1 convolutions keep one colour each."""
    import keras
    from keras import layers

    first = layers.Conv2D(2, 1, activation="relu", name="colours")
    tail = [layers.AveragePooling2D(4, name="pool"), layers.Conv2D(2, 1, name="last", activation="relu")]
    dense = layers.Dense(2, activation="softmax", name="probabilities")
    if nested:
        inner = keras.Sequential([keras.Input((SIDE, SIDE, 3)), first, *tail], name="inner")
        middle = keras.Sequential([keras.Input((SIDE, SIDE, 3)), inner], name="middle")
        network = keras.Sequential(
            [keras.Input((SIDE, SIDE, 3)), layers.Rescaling(1 / 255), middle, layers.GlobalAveragePooling2D(), dense],
        )
    else:
        network = keras.Sequential(
            [
                keras.Input((SIDE, SIDE, 3)),
                layers.Rescaling(1 / 255),
                first,
                *tail,
                layers.GlobalAveragePooling2D(),
                dense,
            ]
        )
    if subclassed:
        network = _wrap(network)
    # Red minus green, blue minus green: grey gives nothing.
    first.set_weights([np.array([[[[1, 0], [-1, -1], [0, 1]]]], np.float32), np.zeros(2, np.float32)])
    tail[1].set_weights([np.eye(2, dtype=np.float32)[None, None], np.zeros(2, np.float32)])
    dense.set_weights([np.array([[40, -40], [-40, 40]], np.float32), np.zeros(2, np.float32)])
    return network


def _wrap(network: Any) -> Any:
    import keras

    class Wrapped(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.inner = network

        def call(self, inputs: Any, training: bool = False) -> Any:
            return self.inner(inputs, training=training)

        @property
        def input_shape(self) -> tuple[None, int, int, int]:
            return (None, SIDE, SIDE, 3)

    return Wrapped()


def write_colour_run(folder: Path) -> None:
    """Writes a finished run with this network."""
    folder.mkdir(parents=True)
    build_colour_network().save(folder / "model.keras")
    manifest = Manifest("colours", ("red", "blue"), InputSpec(SIDE, SIDE), temperature=1.3, threshold=0.62)
    (folder / "sorter.json").write_text(manifest.to_json(), encoding="utf-8")
