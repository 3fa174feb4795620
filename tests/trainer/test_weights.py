"""ImageNet weights from files of every kind, compared with what keras.applications itself computes."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sorter.errors import TrainingError
from sorter.trainer.recipes import HEAD_ONLY, RECIPES, Augmentation, Layers, Recipe, Schedule
from tests.conftest import SHARED

networks: Any = pytest.importorskip("sorter.trainer.networks", reason="needs TensorFlow")
weights: Any = pytest.importorskip("sorter.trainer.weights", reason="needs TensorFlow")

# Keras 3.15 converts variables in a way that NumPy 2 announces to change.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SIDE = 96

PREPROCESSING = {
    "vgg16": "vgg16",
    "vgg19": "vgg19",
    "inceptionv3": "inception_v3",
    "xception": "xception",
    "resnet50": "resnet50",
    "mobilenetv2": "mobilenet_v2",
    # These two have theirs inside, unless told otherwise.
    "mobilenetv3-small": "mobilenet_v3",
    "mobilenetv3-large": "mobilenet_v3",
    "efficientnetv2-b0": "efficientnet_v2",
}


def recipe_for(architecture: str) -> Recipe:
    return Recipe(
        architecture,
        architecture,  # type: ignore[arg-type]
        "test",
        SIDE,
        Augmentation(),
        Schedule(1),
        layers=Layers(pooling="average"),
        unfreeze_from=HEAD_ONLY,
        weights="imagenet",
    )


def original(architecture: str, top: bool = False) -> Any:
    """The network of keras.applications with random weights, also where zeros would hide mistakes."""
    keras = networks.keras
    application = getattr(keras.applications, networks.BACKBONES[architecture].application)
    network = application(include_top=top, weights=None, input_shape=(SIDE, SIDE, 3))
    rng = np.random.default_rng(7)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.8, 1.2, w.shape) for w in layer.get_weights()])
    return network


def features_of(network: Any, pixels: Any) -> Any:
    model = networks.keras.Model(network.input, network.get_layer(networks.FEATURES_NAME).output)
    return np.asarray(model(pixels))


SAVERS: dict[str, Callable[[Any, Path], None]] = {
    "legacy.h5": lambda network, file: network.save(file),
    "new.weights.h5": lambda network, file: network.save_weights(file),
    "new.keras": lambda network, file: network.save(file),
}


@pytest.mark.parametrize(
    ("architecture", "file", "top"),
    [
        ("mobilenetv2", "legacy.h5", True),
        ("mobilenetv2", "new.weights.h5", False),
        ("mobilenetv3-small", "legacy.h5", False),
        ("mobilenetv3-small", "new.weights.h5", True),
        ("vgg16", "new.keras", False),
        pytest.param("mobilenetv3-large", "new.keras", True, marks=pytest.mark.slow),
        pytest.param("vgg19", "legacy.h5", False, marks=pytest.mark.slow),
        pytest.param("resnet50", "new.weights.h5", True, marks=pytest.mark.slow),
        pytest.param("inceptionv3", "legacy.h5", True, marks=pytest.mark.slow),
        pytest.param("xception", "legacy.h5", False, marks=pytest.mark.slow),
        pytest.param("efficientnetv2-b0", "legacy.h5", False, marks=pytest.mark.slow),
    ],
)
@pytest.mark.filterwarnings("ignore:.*:UserWarning")
def test_a_network_with_loaded_weights_sees_what_the_original_sees(
    architecture: str, file: str, top: bool, tmp_path: Path
) -> None:
    source = original(architecture, top)
    SAVERS[file](source, tmp_path / file)
    network = networks.build_network(recipe_for(architecture), 3, str(tmp_path / file))
    pixels = np.random.default_rng(0).integers(0, 256, (2, SIDE, SIDE, 3)).astype(np.float32)
    module = getattr(networks.keras.applications, PREPROCESSING[architecture])
    maps = source.output
    if top:
        # Before the last pooling; those in squeeze-and-excitation blocks come earlier.
        maps = [layer for layer in source.layers if "GlobalAveragePooling2D" in type(layer).__name__][-1].input
    expected = np.asarray(networks.keras.Model(source.input, maps)(module.preprocess_input(pixels.copy())))
    seen = features_of(network, pixels)
    assert np.allclose(seen, expected.mean(axis=(1, 2)), rtol=1e-3, atol=1e-3 * np.abs(expected).mean())


@pytest.mark.parametrize(
    ("architecture", "file"),
    [
        ("mobilenetv3-small", "model.keras"),
        # Blue first in keras.applications, red first here.
        pytest.param("resnet50", "model.weights.h5", marks=pytest.mark.slow),
    ],
)
def test_an_earlier_run_s_network_is_a_start_too(architecture: str, file: str, tmp_path: Path) -> None:
    recipe = recipe_for(architecture)
    first = networks.build_network(recipe, 4)
    SAVERS["new.keras" if file.endswith("keras") else "new.weights.h5"](first, tmp_path / file)
    second = networks.build_network(replace(recipe, image_size_px=128), 3, str(tmp_path / file))
    for before, after in zip(first.layers[:-2], second.layers[:-2], strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(before.get_weights(), after.get_weights(), strict=True))


def test_weights_of_another_network_are_refused_and_change_nothing(tmp_path: Path) -> None:
    file = tmp_path / "small.weights.h5"
    original("mobilenetv3-small").save_weights(file)
    for architecture in ("mobilenetv2", "mobilenetv3-large", "vgg16"):
        network = networks.build_network(recipe_for(architecture), 3)
        before = network.get_weights()
        with pytest.raises(TrainingError, match=f"do not fit {architecture}") as caught:
            weights.load_imagenet(network.layers[:-2], architecture, str(file))
        assert "no_top" in caught.value.hint
        assert all(np.array_equal(a, b) for a, b in zip(before, network.get_weights(), strict=True))


def test_weights_of_a_custom_network_are_refused(tmp_path: Path) -> None:
    networks.build_network(RECIPES["small"], 3).save_weights(tmp_path / "small.weights.h5")
    with pytest.raises(TrainingError, match="do not fit mobilenetv2"):
        networks.build_network(recipe_for("mobilenetv2"), 3, str(tmp_path / "small.weights.h5"))


def test_weights_that_are_not_there_are_a_clear_error() -> None:
    with pytest.raises(TrainingError, match="does not exist"):
        networks.build_network(recipe_for("mobilenetv2"), 3, "nowhere.h5")


def test_weights_of_another_kind_of_file_are_a_clear_error(tmp_path: Path) -> None:
    for name, content in {"a.h5": b"no weights", "b.txt": b"", "c.weights.h5": b"PK\x03\x04 half"}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(TrainingError, match="cannot be read as a weights file") as caught:
            networks.build_network(recipe_for("mobilenetv2"), 3, str(tmp_path / name))
        assert "no_top" in caught.value.hint


def test_an_hdf5_file_of_something_else_is_a_clear_error(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    for name, fill in {"empty": {}, "other": {"layers": [1, 2]}, "table": {"x": [1.0]}}.items():
        with h5py.File(tmp_path / name, "w") as file:
            file.update(fill)
        with pytest.raises(TrainingError, match=r"cannot be read|do not fit"):
            networks.build_network(recipe_for("mobilenetv2"), 3, str(tmp_path / name))


def test_a_network_from_scratch_takes_no_weights() -> None:
    with pytest.raises(TrainingError, match="from scratch"):
        networks.build_network(RECIPES["toy-4conv"], 3, "imagenet")


def test_weights_that_cannot_be_downloaded_are_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    address = "https://storage.example/mobilenet_v2_no_top.h5"

    def fail(*_args: object, **_kwargs: object) -> str:
        raise Exception(f"URL fetch failure on {address}: None -- no route to host")

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", fail)
    with pytest.raises(TrainingError, match="could not be downloaded") as caught:
        networks.build_network(recipe_for("mobilenetv2"), 3, "imagenet")
    assert "--weights FILE" in caught.value.hint and address in caught.value.hint


@pytest.mark.parametrize("kind", ["_no_top", ""])
def test_shared_imagenet_weights_fit_with_and_without_their_classifier(kind: str) -> None:
    file = SHARED / "weights" / f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224{kind}.h5"
    if not file.is_file():
        pytest.skip(f"the shared weights are not here ({file.name})")
    network = networks.build_network(recipe_for("mobilenetv2"), 3, str(file))
    reference = networks.keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(SIDE, SIDE, 3))
    reference.load_weights(str(file).replace("224.h5", "224_no_top.h5"))
    loaded = [layer.get_weights() for layer in network.layers[:-3]]
    for ours, theirs in zip(loaded[2:], reference.layers[1:], strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(ours, theirs.get_weights(), strict=True))
