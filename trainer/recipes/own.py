"""The toolkit's own recipes, for photos taken by a sorter's camera."""

from dataclasses import replace

from sorter.trainer.recipes.options import Augmentation, Convolution, Layers, Schedule
from sorter.trainer.recipes.recipe import Architecture, Recipe

_FROM_ABOVE = Augmentation(
    rotation_deg=180.0,
    shift=0.05,
    zoom=(0.75, 1.15),
    flip_horizontal=True,
    flip_vertical=True,
    brightness=(0.8, 1.2),
    contrast=0.15,
    saturation=0.2,
    tint=0.05,
)
"""A sorter's camera looks down on objects that lie at any angle, so no direction is special."""

_FROM_SCRATCH = replace(_FROM_ABOVE, zoom=(0.85, 1.15), brightness=(0.85, 1.15), saturation=0.1, tint=0.03)

_FINE_TUNING = Schedule(
    epochs=28,
    optimizer="adamw",
    learning_rate=3e-4,
    warmup_steps=50,
    weight_decay=1e-4,
    label_smoothing=0.05,
    mixup_share=0.5,
    average_momentum=0.99,
    balance=0.5,
    prior_correction=0.3,
)


def _tune(architecture: Architecture, source: str, unfreeze_from: str) -> Recipe:
    return Recipe(
        name=architecture,
        architecture=architecture,
        source=f"{source} (keras.applications)",
        image_size_px=224,
        augmentation=_FROM_ABOVE,
        schedule=_FINE_TUNING,
        layers=Layers(pooling="average"),
        unfreeze_from=unfreeze_from,
        weights="imagenet",
    )


RECIPES = (
    _tune(
        "mobilenetv2",
        "Sandler et al., MobileNetV2: Inverted Residuals and Linear Bottlenecks, CVPR 2018",
        "block_3_",
    ),
    _tune("mobilenetv3-small", "Howard et al., Searching for MobileNetV3, ICCV 2019", "expanded_conv_2_"),
    _tune("mobilenetv3-large", "Howard et al., Searching for MobileNetV3, ICCV 2019", "expanded_conv_3_"),
    _tune("efficientnetv2-b0", "Tan and Le, EfficientNetV2: Smaller Models and Faster Training, ICML 2021", "block2a_"),
    Recipe(
        name="tiny",
        architecture="tiny",
        source="depthwise separable convolutions as in Howard et al., MobileNets, 2017; for microcontrollers",
        image_size_px=96,
        augmentation=_FROM_SCRATCH,
        schedule=Schedule(
            epochs=100, learning_rate=4e-3, warmup_steps=100, balance=0.5, average_momentum=0.98, label_smoothing=0.05
        ),
        dropout=0.1,
        note="Below 100 kB as int8 .tflite, of operators that TensorFlow Lite for Microcontrollers has.",
    ),
    Recipe(
        name="small",
        architecture="custom",
        source="the network of toy-4conv, trained from scratch with this toolkit's augmentation and schedule",
        image_size_px=128,
        augmentation=_FROM_SCRATCH,
        schedule=Schedule(
            epochs=60, learning_rate=2e-3, warmup_steps=100, balance=0.5, average_momentum=0.98, patience=12
        ),
        layers=Layers(dense=(32,), convolutions=(Convolution(16), Convolution(32), Convolution(64), Convolution(64))),
    ),
)
