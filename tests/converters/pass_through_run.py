"""Copies a run with blocks that change nothing in float and lose everything in int8: ``pass_through_run.py RUN OUT N``.

Each block makes all channels 20,000 times smaller and, behind a ReLU without a limit, as much larger again; one gets a
constant in between, so that all drown in its range. Nothing equalises them, as no batch normalisation is before them.
"""

import shutil
import sys
from pathlib import Path

import keras
import numpy as np

FACTOR = 1 / 20_000
CONSTANT = 5.0


def main(run: Path, out: Path, blocks: int) -> None:
    network = keras.models.load_model(run / "model.keras", compile=False)
    tensor = keras.Input(network.input_shape[1:])
    inputs = tensor
    for layer in network.layers:
        if isinstance(layer, keras.layers.GlobalAveragePooling2D):
            for number in range(blocks):
                tensor = pass_through(tensor, number)
        tensor = layer(tensor)
    out.mkdir()
    keras.Model(inputs, tensor).save(out / "model.keras")
    for name in ("sorter.json", "split.csv"):
        shutil.copy(run / name, out / name)


def pass_through(tensor: keras.KerasTensor, number: int) -> keras.KerasTensor:
    channels = tensor.shape[-1]
    scale, constant = np.full(channels, FACTOR, np.float32), np.zeros(channels, np.float32)
    scale[0], constant[0] = 1.0, CONSTANT
    shrink = keras.layers.Conv2D(channels, 1, activation="relu", name=f"shrink{number}")
    grow = keras.layers.DepthwiseConv2D(1, activation="relu", name=f"grow{number}")
    tensor = grow(shrink(tensor))
    shrink.set_weights([np.diag(scale)[None, None], constant])
    grow.set_weights([1 / scale[None, None, :, None], -constant])
    return tensor


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
