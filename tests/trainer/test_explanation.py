"""Grad-CAM on networks that are built by hand, so that it is known where their evidence lies."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from sorter.errors import ConfigError
from sorter.image import InputSpec
from tests.trainer.colour_network import BLUE, RED, SIDE, build_colour_network

explanation: Any = pytest.importorskip("sorter.trainer.explanation", reason="needs TensorFlow")

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def draw_patches(red: tuple[int, int] | None, blue: tuple[int, int] | None) -> npt.NDArray[np.uint8]:
    """RGB patches of 12 pixels with their upper left corner at (x, y), on grey."""
    picture = np.full((SIDE, SIDE, 3), 110, np.uint8)
    for place, colour in ((red, (230, 20, 20)), (blue, (20, 20, 230))):
        if place is not None:
            x, y = place
            picture[y : y + 12, x : x + 12] = colour
    return picture


def inside(place: tuple[int, int]) -> npt.NDArray[np.bool_]:
    mask = np.zeros((SIDE, SIDE), bool)
    mask[place[1] : place[1] + 12, place[0] : place[0] + 12] = True
    return mask


NETWORKS = {
    "flat": lambda: build_colour_network(),
    "nested": lambda: build_colour_network(nested=True),
    "subclassed": lambda: build_colour_network(subclassed=True),
}


@pytest.fixture(params=list(NETWORKS))
def network(request: pytest.FixtureRequest) -> Any:
    return NETWORKS[request.param]()


@pytest.mark.parametrize("place", [(4, 8), (40, 12), (24, 44)])
def test_the_heat_lies_on_the_evidence(network: Any, place: tuple[int, int]) -> None:
    (answer,) = explanation.Explainer(network).explain(draw_patches(place, None)[None])
    assert answer.predicted == answer.explained == RED
    y, x = np.unravel_index(answer.heat.argmax(), answer.heat.shape)
    assert inside(place)[y, x]
    assert answer.heat.max() == pytest.approx(1.0, abs=0.05) and answer.heat.shape == (SIDE, SIDE)


def test_each_class_has_its_own_evidence(network: Any) -> None:
    """Both colours are there; the map follows the class that is asked for, also one that is hardly probable."""
    pixels = np.stack([draw_patches((4, 4), (44, 44))] * 2)
    red, blue = explanation.Explainer(network).explain(pixels, [RED, BLUE])
    assert red.share_outside(inside((4, 4))) < 0.25 and red.share_outside(inside((44, 44))) > 0.99
    assert blue.share_outside(inside((44, 44))) < 0.25 and blue.share_outside(inside((4, 4))) > 0.99


def test_the_share_on_the_background_is_that_of_a_known_place() -> None:
    explainer = explanation.Explainer(build_colour_network(), "colours")
    (answer,) = explainer.explain(draw_patches((20, 20), None)[None])
    assert answer.share_outside(inside((20, 20))) == pytest.approx(0.0, abs=1e-3)
    assert answer.share_outside(~inside((20, 20))) == pytest.approx(1.0, abs=1e-3)
    assert answer.share_outside(np.ones((2 * SIDE, 2 * SIDE), bool)) == pytest.approx(0.0)
    left = np.zeros((SIDE, SIDE), bool)
    left[:, :26] = True
    assert answer.share_outside(left) == pytest.approx(0.5, abs=0.01)


def test_a_network_that_is_sure_still_has_evidence() -> None:
    """Behind a saturated softmax there is no gradient; the map must not need one."""
    network = build_colour_network()
    network.layers[-1].set_weights([w * 1e4 for w in network.layers[-1].get_weights()])
    (answer,) = explanation.Explainer(network).explain(draw_patches((20, 20), None)[None])
    assert answer.probabilities.max() == 1.0
    assert answer.heat.max() > 0.9


def test_without_evidence_there_is_no_heat() -> None:
    (answer,) = explanation.Explainer(build_colour_network()).explain(draw_patches(None, None)[None])
    assert not answer.heat.any()
    assert answer.share_outside(inside((0, 0))) is None


def test_explaining_leaves_the_network_as_it_was() -> None:
    network = build_colour_network(nested=True)
    pixels = draw_patches((4, 4), (40, 40))[None].astype(np.float32)
    before, activation = np.asarray(network(pixels)), network.layers[-1].activation
    explainer = explanation.Explainer(network)
    first, second = explainer.explain(pixels)[0], explainer.explain(pixels)[0]
    assert np.array_equal(before, np.asarray(network(pixels))) and network.layers[-1].activation is activation
    assert np.array_equal(first.heat, second.heat)
    assert all("call" not in vars(layer) for _, layer in explanation._all_layers(network))


def test_the_last_convolution_is_found_with_what_follows_it() -> None:
    import keras
    from keras import layers

    inputs = keras.Input((32, 32, 3))
    x = layers.Conv2D(4, 3, name="early")(inputs)
    x = layers.Conv2D(4, 3, padding="same", name="late")(x)
    x = layers.Add(name="sum")([x, layers.BatchNormalization()(x)])
    x = layers.ReLU(name="activated")(x)
    x = layers.MaxPooling2D(name="pool")(x)
    x = layers.GlobalAveragePooling2D(keepdims=True)(x)
    x = layers.Conv2D(8, 1, name="squeezed")(x)
    network = keras.Model(inputs, layers.Dense(2, activation="softmax")(layers.Flatten()(x)))
    assert explanation.Explainer(network).layer_name == "activated"


def test_layers_by_name() -> None:
    nested = build_colour_network(nested=True)
    assert explanation.Explainer(nested).layer_name == "middle/inner/last"
    assert explanation.Explainer(nested, "colours").layer_name == "middle/inner/colours"
    assert explanation.Explainer(nested, "middle/inner/pool").layer_name == "middle/inner/pool"
    with pytest.raises(ConfigError, match="no layer called 'coulors'") as caught:
        explanation.Explainer(nested, "coulors")
    assert "middle/inner/colours" in caught.value.hint
    with pytest.raises(ConfigError, match="no height and width") as caught:
        explanation.Explainer(nested, "probabilities")
    assert "middle/inner/last" in caught.value.hint


def test_a_network_without_convolutions_is_a_clear_error() -> None:
    import keras
    from keras import layers

    network = keras.Sequential([keras.Input((8, 8, 3)), layers.Flatten(), layers.Dense(2, activation="softmax")])
    with pytest.raises(ConfigError, match="no convolution"):
        explanation.Explainer(network)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("MobileNetV2", "out_relu"),
        ("ResNet50", "conv5_block3_out"),
        ("VGG16", "block5_conv3"),
        ("EfficientNetV2B0", "top_activation"),
        ("InceptionV3", "mixed10"),
    ],
)
def test_backbones_inside_a_model_are_explained(name: str, layer: str) -> None:
    import keras
    from keras import layers

    backbone = getattr(keras.applications, name)(include_top=False, weights=None, input_shape=(160, 160, 3))
    network = keras.Sequential(
        [keras.Input((160, 160, 3)), backbone, layers.GlobalAveragePooling2D(), layers.Dense(3, activation="softmax")]
    )
    explainer = explanation.Explainer(network)
    assert explainer.layer_name == f"{backbone.name}/{layer}"
    (answer,) = explainer.explain(np.random.default_rng(0).integers(0, 256, (1, 160, 160, 3)), [1])
    assert answer.explained == 1 and answer.heat.shape == (160, 160)


@pytest.mark.parametrize(("where", "low", "high"), [("object", 0.0, 0.2), ("background", 0.8, 1.0)])
def test_attention_on_object_and_background_of_a_photo(where: str, low: float, high: float) -> None:
    """A green object, and a red mark that is the evidence: on the object, or on the ground beside it."""
    from sorter.trainer.illustration import illustrate

    photo = np.full((240, 240, 3), 200, np.uint8)
    cv2.circle(photo, (150, 150), 60, (40, 150, 40), -1)
    # Beside so much larger an object, a mark on the ground counts as ground.
    x, y = (140, 140) if where == "object" else (12, 12)
    cv2.rectangle(photo, (x, y), (x + 24, y + 24), (90, 90, 230), -1)
    result = illustrate(explanation.Explainer(build_colour_network()), photo, InputSpec(SIDE, SIDE), RED)
    assert result.background_share is not None and low <= result.background_share <= high
    height, width = result.picture_bgr.shape[:2]
    assert width > 2 * height
