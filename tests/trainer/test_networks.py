from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sorter.errors import BundleError, ConfigError, TrainingError
from sorter.trainer.recipes import BACKBONES, HEAD_ONLY, RECIPES

networks: Any = pytest.importorskip("sorter.trainer.networks", reason="needs TensorFlow")

# Keras 3.15 converts variables in a way that NumPy 2 announces to change.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SIZES = {
    ("fruit-baseline", 6): (1_058_950, 1_058_950),
    ("fruit-dropout", 6): (1_058_950, 1_058_950),
    ("fruit-augmented", 6): (1_058_950, 1_058_950),
    ("fruit-tuned", 6): (2_717_542, 2_717_542),
    ("fruit-vgg16", 6): (17_943_366, 3_228_678),
    ("toy-baseline", 5): (1_058_917, 1_058_917),
    ("toy-dropout", 5): (1_058_917, 1_058_917),
    ("toy-augmented", 5): (1_058_917, 1_058_917),
    ("toy-reduce-lr", 5): (1_058_917, 1_058_917),
    ("toy-3conv", 5): (281_733, 281_733),
    ("toy-3conv-64", 5): (553_125, 553_125),
    ("toy-3conv-5x5", 5): (585_893, 585_893),
    ("toy-4conv", 5): (191_781, 191_781),
    ("toy-mobilenetv2", 5): (2_304_261, 43_717),
    ("flowers-cnn", 5): (3_455_173, 3_455_173),
    ("flowers-augmented", 5): (3_455_173, 3_455_173),
    ("flowers-inceptionv3-features", 5): (21_802_784 + 9_440_261, 9_440_261),
    ("flowers-inceptionv3", 5): (22_982_821, 1_180_037),
    # Without a dense layer behind the features, only the last layer depends on the number of classes.
    ("fruit-baseline", 2): (1_058_950 - 4 * 33, 1_058_950 - 4 * 33),
    ("fruit-tuned", 17): (2_717_542 + 11 * 161, 2_717_542 + 11 * 161),
    ("fruit-vgg16", 10): (17_943_366 + 4 * 129, 3_228_678 + 4 * 129),
    ("toy-mobilenetv2", 2): (2_304_261 - 3 * 33, 43_717 - 3 * 33),
    ("flowers-inceptionv3", 10): (22_982_821 + 5 * 65, 1_180_037 + 5 * 65),
}
"""What the studies state for each network: parameters, and those that training changes."""

APPLICATION_SIZES = {
    "vgg16": 14_714_688,
    "vgg19": 20_024_384,
    "inceptionv3": 21_802_784,
    "xception": 20_861_480,
    "resnet50": 23_587_712,
    "mobilenetv2": 2_257_984,
    "mobilenetv3-small": 939_120,
    "mobilenetv3-large": 2_996_352,
    "efficientnetv2-b0": 5_919_312,
}
"""What keras.applications states without the classifier."""


@pytest.mark.parametrize(("name", "classes"), SIZES)
def test_a_study_s_network_has_its_published_size(name: str, classes: int) -> None:
    size = networks.measure_size(RECIPES[name], classes)
    assert (size.parameters, size.trainable) == SIZES[name, classes]


@pytest.mark.parametrize("architecture", ["vgg16", "vgg19", "inceptionv3", "xception", "resnet50"])
def test_a_fine_tuned_network_is_its_backbone_and_a_dense_layer(architecture: str) -> None:
    channels = 512 if architecture.startswith("vgg") else 2048
    head = (channels + 1) * 1024 + 1025 * 7
    recipe = RECIPES[f"study-{architecture}"]
    size = networks.measure_size(recipe, 7)
    assert size.parameters == APPLICATION_SIZES[architecture] + head
    assert networks.measure_size(replace(recipe, unfreeze_from=HEAD_ONLY), 7).trainable == head
    if architecture.startswith("vgg"):
        assert size.trainable == size.parameters
    else:
        assert head < size.trainable < size.parameters


@pytest.mark.parametrize("name", [name for name in BACKBONES if name in RECIPES])
def test_our_networks_are_their_backbone_and_one_layer(name: str) -> None:
    size = networks.measure_size(RECIPES[name], 1000)
    features = {"mobilenetv3-small": 576, "mobilenetv3-large": 960}.get(name, 1280)
    assert size.parameters == APPLICATION_SIZES[name] + (features + 1) * 1000
    assert features * 1000 < size.trainable < size.parameters


def test_the_first_layer_that_changes_is_the_study_s() -> None:
    """Layer 94 of InceptionV3 and Xception, and the 50th last of InceptionV3, as keras.applications counts them."""
    for name, position in (("study-inceptionv3", 94), ("study-xception", 94), ("flowers-inceptionv3-finetuned", -50)):
        recipe = RECIPES[name]
        application = networks.BACKBONES[recipe.architecture].application
        side = recipe.image_size_px
        with networks.keras.StatelessScope(initialize_variables=False):
            network = networks.build_network(recipe, 3)
            original = getattr(networks.keras.applications, application)(
                include_top=False, weights=None, input_shape=(side, side, 3)
            )
        index = [layer.name for layer in network.layers].index(recipe.unfreeze_from)
        # Ours has one layer more at its start: the scaling.
        assert index - 1 == position % len(original.layers)
        assert type(network.layers[index]) is type(original.layers[position])


def test_layers_have_the_same_names_however_often_a_network_is_built() -> None:
    with networks.keras.StatelessScope(initialize_variables=False):
        first, second = (networks.build_network(RECIPES["study-inceptionv3"], 3) for _ in range(2))
    assert [layer.name for layer in first.layers] == [layer.name for layer in second.layers]


ONE_EACH = ["tiny", "small", "mobilenetv2", "study-cnn6", "fruit-vgg16"]


@pytest.mark.parametrize("name", ONE_EACH)
def test_every_network_takes_raw_bytes_and_gives_probabilities(name: str) -> None:
    network = networks.build_network(replace(RECIPES[name], image_size_px=64), 3)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3)).astype(np.float32)
    probabilities = np.asarray(network(pixels))
    assert probabilities.shape == (2, 3)
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert [layer.name for layer in network.layers][1] == "scale"
    last = network.layers[-1]
    assert last.name == networks.HEAD_NAME and last.activation.__name__ == "softmax"


def test_dropout_never_acts_on_the_logits() -> None:
    for recipe in RECIPES.values():
        if not recipe.dropout:
            continue
        with networks.keras.StatelessScope(initialize_variables=False):
            network = networks.build_network(recipe, 3)
        kinds = [type(layer).__name__ for layer in network.layers]
        assert kinds[-2:] == ["Dropout", "Dense"], recipe.name


def test_freezing_keeps_early_layers_and_batch_normalisation() -> None:
    network = networks.build_network(replace(RECIPES["mobilenetv2"], image_size_px=64), 3)
    networks.freeze_up_to(network, "block_3_")
    states = {layer.name: layer.trainable for layer in network.layers}
    assert not states["block_2_expand"] and states["block_3_expand"] and not states["block_3_expand_BN"]
    assert states["probabilities"]
    networks.freeze_up_to(network, HEAD_ONLY)
    assert [layer.name for layer in network.layers if layer.trainable and layer.weights] == ["probabilities"]
    with pytest.raises(TrainingError, match="no layer called block_99"):
        networks.freeze_up_to(network, "block_99")


def test_batch_normalisation_in_the_head_learns() -> None:
    network = networks.build_network(replace(RECIPES["toy-mobilenetv2"], image_size_px=64), 3)
    networks.freeze_up_to(network, HEAD_ONLY)
    changing = [layer.name for layer in network.layers if layer.trainable and layer.weights]
    assert changing == ["normalize", "dense1", "probabilities"]


def test_a_picture_too_small_for_the_network_is_a_clear_error() -> None:
    with pytest.raises(ConfigError, match="8x8 pixels: nothing is left behind its convolution 4"):
        replace(RECIPES["toy-4conv"], image_size_px=8)
    with pytest.raises(TrainingError, match="16x16 pixels"):
        networks.build_network(replace(RECIPES["study-vgg16"], image_size_px=16), 3)


def test_a_damaged_network_file_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "model.keras").write_bytes(b"PK\x03\x04 half a file")
    with pytest.raises(BundleError, match="cannot be loaded"):
        networks.load_network(tmp_path / "model.keras")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Statistics for quantized inputs:UserWarning")
def test_tiny_stays_below_100_kilobytes_and_within_what_microcontrollers_know() -> None:
    import tensorflow as tf

    recipe = RECIPES["tiny"]
    network = networks.build_network(recipe, 10)
    side = recipe.image_size_px
    rng = np.random.default_rng(0)
    converter = tf.lite.TFLiteConverter.from_keras_model(network)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([rng.uniform(0, 255, (1, side, side, 3)).astype("f4")] for _ in "abc")
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.uint8
    flatbuffer = converter.convert()
    assert len(flatbuffer) < 100_000
    from ai_edge_litert.interpreter import Interpreter

    used = {op["op_name"] for op in Interpreter(model_content=flatbuffer)._get_ops_details()} - {"DELEGATE"}
    # tensorflow/lite/micro/micro_mutable_op_resolver.h has them all.
    assert used <= {"QUANTIZE", "MUL", "ADD", "CONV_2D", "DEPTHWISE_CONV_2D", "MEAN", "FULLY_CONNECTED", "SOFTMAX"}


@pytest.mark.parametrize("name", ["mobilenetv2", "mobilenetv3-small"])
def test_a_narrow_backbone_is_that_of_its_authors(name: str) -> None:
    keras: Any = pytest.importorskip("keras")
    from sorter.trainer.backbones import BACKBONES as KNOWN

    narrow = RECIPES[name].changed(width=0.75)
    with keras.StatelessScope(initialize_variables=False):
        theirs = getattr(keras.applications, KNOWN[name].application)(alpha=0.75, weights=None, include_top=False)
        features = theirs.output.shape[-1]
        expected = theirs.count_params() + 4 * (features + 1)
    assert networks.measure_size(narrow, 4).parameters == expected < networks.measure_size(RECIPES[name], 4).parameters


def test_half_the_width_of_an_own_network_is_a_quarter_of_its_weights() -> None:
    for name, least, most in (("tiny", 0.25, 0.36), ("toy-4conv", 0.25, 0.27)):
        whole, half = (networks.measure_size(RECIPES[name].changed(width=width), 5).parameters for width in (1.0, 0.5))
        assert least < half / whole < most
