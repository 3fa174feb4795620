from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sorter.errors import BundleError, TrainingError
from sorter.trainer.recipes import RECIPES
from tests.conftest import SHARED

networks: Any = pytest.importorskip("sorter.trainer.networks", reason="needs TensorFlow")

# Keras 3.15 converts variables in a way that NumPy 2 announces to change.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SMALL = {name: replace(recipe, image_size_px=64) for name, recipe in RECIPES.items()}


def test_the_toy_network_has_its_published_size() -> None:
    size = networks.measure_size(RECIPES["toy-4conv"], 5)
    assert (size.parameters, size.trainable) == (191_781, 191_781)


def test_mobilenetv2_has_its_published_size() -> None:
    size = networks.measure_size(RECIPES["mobilenetv2"], 1000)
    # 3,538,984 with its classifier for 1000 classes, as keras.applications states.
    assert size.parameters == 3_538_984
    assert 0 < size.trainable < size.parameters


@pytest.mark.parametrize("name", RECIPES)
def test_every_network_takes_raw_bytes_and_gives_probabilities(name: str) -> None:
    network = networks.build_network(SMALL[name], 3)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3)).astype(np.float32)
    probabilities = np.asarray(network(pixels))
    assert probabilities.shape == (2, 3)
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert [layer.name for layer in network.layers][1] == "scale"
    assert type(network.layers[-1]).__name__ == "Dense" and network.layers[-1].activation.__name__ == "softmax"


def test_freezing_keeps_early_layers_and_batch_normalisation() -> None:
    network = networks.build_network(SMALL["mobilenetv2"], 3)
    networks.freeze_up_to(network, "block_3_")
    states = {layer.name: layer.trainable for layer in network.layers}
    assert not states["block_2_expand"] and states["block_3_expand"] and not states["block_3_expand_BN"]
    assert states["probabilities"]


def test_weights_that_are_not_there_are_a_clear_error() -> None:
    with pytest.raises(TrainingError, match="does not exist"):
        networks.build_network(SMALL["mobilenetv2"], 3, "nowhere.h5")


def test_weights_of_another_kind_of_file_are_a_clear_error(tmp_path: Path) -> None:
    for name in ("weights.h5", "weights.txt", "weights.weights.h5"):
        (tmp_path / name).write_text("no weights")
        with pytest.raises(TrainingError, match="do not fit mobilenetv2") as caught:
            networks.build_network(SMALL["mobilenetv2"], 3, str(tmp_path / name))
        assert "no_top" in caught.value.hint


def test_weights_of_another_network_are_a_clear_error(tmp_path: Path) -> None:
    networks.build_network(SMALL["toy-4conv"], 3).save_weights(tmp_path / "toy.weights.h5")
    with pytest.raises(TrainingError, match="do not fit mobilenetv2"):
        networks.build_network(SMALL["mobilenetv2"], 3, str(tmp_path / "toy.weights.h5"))


def test_a_network_from_scratch_takes_no_weights() -> None:
    with pytest.raises(TrainingError, match="from scratch"):
        networks.build_network(SMALL["toy-4conv"], 3, "imagenet")


def test_weights_that_cannot_be_downloaded_are_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object, **_kwargs: object) -> str:
        raise Exception("URL fetch failure: no route to host")

    monkeypatch.setattr(networks.keras.utils, "get_file", fail)
    with pytest.raises(TrainingError, match="could not be downloaded") as caught:
        networks.build_network(SMALL["mobilenetv2"], 3, "imagenet")
    assert "--weights FILE" in caught.value.hint


def test_a_picture_too_small_for_the_network_is_a_clear_error() -> None:
    with pytest.raises(TrainingError, match="8x8 pixels"):
        networks.build_network(replace(RECIPES["toy-4conv"], image_size_px=8), 3)


def test_a_damaged_network_file_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "model.keras").write_bytes(b"PK\x03\x04 half a file")
    with pytest.raises(BundleError, match="cannot be loaded"):
        networks.load_network(tmp_path / "model.keras")


@pytest.mark.parametrize("name", ["_no_top", ""])
def test_shared_imagenet_weights_fit_only_without_their_classifier(name: str) -> None:
    file = SHARED / "weights" / f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224{name}.h5"
    if not file.is_file():
        pytest.skip(f"the shared weights are not here ({file.name})")
    if name:
        network = networks.build_network(SMALL["mobilenetv2"], 3, str(file))
        assert np.abs(network.get_layer("Conv1").get_weights()[0]).mean() > 0
    else:
        with pytest.raises(TrainingError, match="do not fit"):
            networks.build_network(SMALL["mobilenetv2"], 3, str(file))
