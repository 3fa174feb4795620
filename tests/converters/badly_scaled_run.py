"""A small run with badly scaled channels, in a process of its own: ``badly_scaled_run.py PHOTOS RUN FACTOR``."""

import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from sorter.dataset import open_dataset, write_split
from sorter.image import InputSpec, prepare, read_image
from sorter.manifest import Manifest


def make_network(classes: int) -> keras.Model:
    inputs = keras.Input((32, 32, 3), name="pixels")
    tensor = keras.layers.Rescaling(1 / 127.5, -1, name="scale")(inputs)
    for i, filters in enumerate((16, 16), start=1):
        tensor = keras.layers.Conv2D(filters, 3, 2, use_bias=False, name=f"expand{i}")(tensor)
        tensor = keras.layers.BatchNormalization(momentum=0.7, name=f"expand{i}_norm")(tensor)
        tensor = keras.layers.ReLU(6.0, name=f"expand{i}_relu")(tensor)
        tensor = keras.layers.DepthwiseConv2D(3, padding="same", use_bias=False, name=f"depth{i}")(tensor)
        tensor = keras.layers.BatchNormalization(momentum=0.7, name=f"depth{i}_norm")(tensor)
        tensor = keras.layers.ReLU(6.0, name=f"depth{i}_relu")(tensor)
    tensor = keras.layers.GlobalAveragePooling2D(name="features")(tensor)
    return keras.Model(inputs, keras.layers.Dense(classes, activation="softmax", name="probabilities")(tensor))


def scale_badly(network: keras.Model, factor: float) -> None:
    """Makes all channels but one in front of the second depthwise convolution too small for one common step."""
    norm, depth = network.get_layer("expand2_norm"), network.get_layer("depth2")
    gamma, beta, mean, variance = norm.get_weights()
    scale = np.full(len(gamma), factor, np.float32)
    scale[0] = 1.0
    norm.set_weights([gamma * scale, beta * scale, mean, variance])
    depth.set_weights([depth.get_weights()[0] / scale[None, None, :, None]])


def main(photos: Path, run: Path, factor: float) -> None:
    keras.utils.set_random_seed(3)
    spec = InputSpec(32, 32)
    dataset = open_dataset(photos)
    parts = ("test", "validation", "train", "train")
    parted = [replace(p, subset=parts[i % 4]) for i, p in enumerate(dataset.photos)]  # type: ignore[arg-type]
    model = make_network(len(dataset.labels))
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    train = [p for p in parted if p.subset == "train"]
    pictures = np.stack([prepare(read_image(p.path), spec) for p in train]).astype(np.float32)
    model.fit(pictures, np.array([dataset.labels.index(p.label) for p in train]), epochs=60, verbose=0)
    scale_badly(model, factor)
    run.mkdir()
    model.save(run / "model.keras")
    (run / "sorter.json").write_text(Manifest("small", dataset.labels, spec, threshold=0.6).to_json(), encoding="utf-8")
    write_split(run / "split.csv", parted)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]))
