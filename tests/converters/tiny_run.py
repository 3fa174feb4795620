"""Makes a small finished training run, in a process of its own, as it needs Keras: ``tiny_run.py PHOTOS RUN``."""

import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from sorter.dataset import open_dataset, write_split
from sorter.image import InputSpec, prepare, read_image
from sorter.manifest import Manifest


def main(photos: Path, run: Path) -> None:
    keras.utils.set_random_seed(1)
    spec = InputSpec(32, 32)
    dataset = open_dataset(photos)
    parted = [
        replace(p, subset="test" if i % 4 == 0 else "validation" if i % 4 == 1 else "train")
        for i, p in enumerate(dataset.photos)
    ]
    model = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Conv2D(8, 3, activation="relu"),
            keras.layers.BatchNormalization(momentum=0.7),
            keras.layers.DepthwiseConv2D(3, activation="relu"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(len(dataset.labels), activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.03), "sparse_categorical_crossentropy", metrics=["accuracy"])
    train = [p for p in parted if p.subset == "train"]
    pictures = np.stack([prepare(read_image(p.path), spec) for p in train]).astype(np.float32)
    model.fit(pictures, np.array([dataset.labels.index(p.label) for p in train]), epochs=40, verbose=0)
    run.mkdir()
    model.save(run / "model.keras")
    known = {"fingerprint": dataset.fingerprint()}
    manifest = Manifest("tiny", dataset.labels, spec, threshold=0.6, dataset=known)
    (run / "sorter.json").write_text(manifest.to_json(), encoding="utf-8")
    write_split(run / "split.csv", parted)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
