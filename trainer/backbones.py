"""The networks of keras.applications, with their scaling inside and layer names that never vary."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import keras
from keras import layers

SCALE_NAME = "scale"
"""Name of the layer that brings raw bytes into the range that the network wants."""


@dataclass(frozen=True)
class Backbone:
    """One network of keras.applications.

    Attributes:
        application: Its name there.
        scale: Factor for raw bytes, one for all colours or one each for red, green and blue.
        offset: What is added then.
        bgr: Whether its ImageNet weights want blue first. Ours take red first: the first convolution's weights are
            turned round when they are loaded, which costs nothing and converts everywhere.
        side_px: Side of the pictures that its classifier was trained on.
        options: More arguments of the application.
    """

    application: str
    scale: float | list[float] = 1 / 127.5
    offset: float | list[float] = -1.0
    bgr: bool = False
    side_px: int = 224
    options: Mapping[str, Any] = field(default_factory=dict)

    def build(self, tensor: Any, with_classifier: bool = False, width: float = 1.0) -> Any:
        """The network on a tensor of raw pixels (n, height, width, 3), with random weights.

        Returns:
            The output: feature maps, or probabilities of the 1000 ImageNet classes.

        Raises:
            ValueError: The pictures are too small for it.
        """
        scaled = layers.Rescaling(self.scale, self.offset, name=SCALE_NAME)(tensor)
        network = self.application_with(width, input_tensor=scaled, weights=None, include_top=with_classifier)
        _name_by_position(network)
        return network.output

    def application_with(self, width: float = 1.0, **arguments: Any) -> Any:
        """The ``keras.Model`` as keras.applications builds it."""
        if width != 1:
            arguments["alpha"] = width
        return getattr(keras.applications, self.application)(**arguments, **self.options)


_CAFFE_OFFSET = [-123.68, -116.779, -103.939]
"""Mean red, green and blue of ImageNet, as keras.applications.imagenet_utils has them for its mode ``caffe``."""

_TORCH_MEAN, _TORCH_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and deviation of ImageNet for bytes scaled to 0..1, as keras.applications has them for EfficientNetV2."""

_UNSCALED = {"include_preprocessing": False}

BACKBONES: dict[str, Backbone] = {
    "vgg16": Backbone("VGG16", 1.0, _CAFFE_OFFSET, bgr=True),
    "vgg19": Backbone("VGG19", 1.0, _CAFFE_OFFSET, bgr=True),
    "inceptionv3": Backbone("InceptionV3", side_px=299),
    "xception": Backbone("Xception", side_px=299),
    "resnet50": Backbone("ResNet50", 1.0, _CAFFE_OFFSET, bgr=True),
    "mobilenetv2": Backbone("MobileNetV2"),
    "mobilenetv3-small": Backbone("MobileNetV3Small", options=_UNSCALED),
    "mobilenetv3-large": Backbone("MobileNetV3Large", options=_UNSCALED),
    "efficientnetv2-b0": Backbone(
        "EfficientNetV2B0",
        [1 / (255 * deviation) for deviation in _TORCH_DEVIATION],
        [-mean / deviation for mean, deviation in zip(_TORCH_MEAN, _TORCH_DEVIATION, strict=True)],
        options=_UNSCALED,
    ),
}
"""By the names that recipes use."""


def _name_by_position(network: Any) -> None:
    """Gives layers without names of their own, such as conv2d_17, their position instead: conv2d_094.

    Keras counts them over everything built in the process, so a second InceptionV3 would have other names than the
    first, and nothing could be said about a certain layer. Positions are those in the network as keras.applications
    builds it: its input is 0, and our scaling does not count.
    """
    for position, layer in enumerate(network.layers[2:], start=1):
        kind = snake_case(type(layer).__name__)
        if re.fullmatch(rf"{kind}(_\d+)?", layer.name):
            layer.name = f"{kind}_{position:03d}"


def snake_case(name: str) -> str:
    """As Keras names the layers in its files: Conv2D is conv2d, BatchNormalization batch_normalization."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
