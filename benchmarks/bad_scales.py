"""A hard case for int8, made on purpose: a MobileNetV2 that computes the same and quantises badly.

Half of the channels between the first convolution of a block and its depthwise convolution are made up to 3,000 times
smaller, and the depthwise weights larger in return. All channels of a tensor share one int8 step, in which the small
ones drown. Channels that reach 6, where ReLU6 saturates, stay as they are, so that nothing changes in float.
"""

import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

_BLOCKS = range(1, 17)
_SHARE = 0.5
_EXPONENTS = (-3.5, -0.5)
_SATURATED = 5.9
_BATCH = 16


def scale_badly(network: Any, pictures: npt.NDArray[np.uint8], seed: int = 0) -> None:
    """Changes a Keras MobileNetV2 in place.

    Args:
        network: With the layer names of keras.applications.
        pictures: To see which channels saturate, uint8 (n, height, width, 3).
        seed: Of the factors.
    """
    rng = np.random.default_rng(seed)
    for block, largest in zip(_BLOCKS, _largest(network, pictures), strict=True):
        norm, depth = network.get_layer(f"block_{block}_expand_BN"), network.get_layer(f"block_{block}_depthwise")
        gamma, beta, mean, variance = norm.get_weights()
        drawn = np.where(rng.random(len(gamma)) < _SHARE, 10 ** rng.uniform(*_EXPONENTS, len(gamma)), 1.0)
        factors = np.where(largest > _SATURATED, 1.0, drawn).astype(np.float32)
        norm.set_weights([gamma * factors, beta * factors, mean, variance])
        kernel, *bias = depth.get_weights()
        depth.set_weights([kernel / factors[np.newaxis, np.newaxis, :, np.newaxis], *bias])


def _largest(network: Any, pictures: npt.NDArray[np.uint8]) -> list[npt.NDArray[np.float32]]:
    import keras

    outputs = [network.get_layer(f"block_{block}_expand_relu").output for block in _BLOCKS]
    probe = keras.Model(network.input, [keras.layers.GlobalMaxPooling2D()(output) for output in outputs])
    found: list[npt.NDArray[np.float32]] = [np.zeros(1, np.float32)] * len(outputs)
    for start in range(0, len(pictures), _BATCH):
        given = probe(pictures[start : start + _BATCH].astype(np.float32), training=False)
        found = [np.maximum(a, np.asarray(b).max(axis=0)) for a, b in zip(found, given, strict=True)]
    return found


def main(run: Path, data: Path, out: Path) -> None:
    """Copies a run with its network scaled badly."""
    import keras

    from sorter.dataset import apply_split, open_dataset, read_photos
    from sorter.errors import DatasetError
    from sorter.image import prepare
    from sorter.manifest import Manifest

    manifest = Manifest.from_json((run / "sorter.json").read_bytes(), "sorter.json")
    photos = apply_split(open_dataset(data), run / "split.csv").select("train").photos
    read = [p for _, p in read_photos(photos[:: max(1, len(photos) // 100)]) if not isinstance(p, DatasetError)]
    network = keras.models.load_model(run / "model.keras", compile=False)
    scale_badly(network, np.stack([prepare(picture, manifest.input) for picture in read]))
    out.mkdir(parents=True, exist_ok=True)
    for name in ("sorter.json", "labels.txt", "split.csv"):
        shutil.copy(run / name, out / name)
    network.save(out / "model.keras")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
