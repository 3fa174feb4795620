"""The transfer study: two custom networks against ImageNet networks, first as they are, then fine-tuned.

Two to ten classes. The transfer phase trains the head behind the frozen backbone with RMSprop, the fine-tuning phase
goes on with SGD. Sizes are chosen here: backbones get those that their authors used, the custom networks 64x64,
because a dense layer of 1024 behind larger pictures has hundreds of millions of weights.
"""

from dataclasses import replace

from sorter.trainer.recipes.corrections import DROPOUT
from sorter.trainer.recipes.options import Augmentation, Convolution, Layers, Schedule
from sorter.trainer.recipes.recipe import Architecture, Recipe

_TRANSFER = Schedule(epochs=20, optimizer="rmsprop", decay="constant", keep="accuracy")

_FINE_TUNING = replace(_TRANSFER, optimizer="sgd", learning_rate=1e-4, momentum=0.9)

_CNN1 = Recipe(
    name="study-cnn1",
    architecture="custom",
    source="transfer study: one 3x3 convolution of 32, a dense layer of 1024",
    image_size_px=64,
    augmentation=Augmentation(),
    schedule=_TRANSFER,
    layers=Layers(dense=(1024,), convolutions=(Convolution(32),)),
    dropout=0.5,
    note=DROPOUT,
)

_CNN6_LAYERS = Layers(
    dense=(512,),
    convolutions=tuple(
        convolution
        for filters in (32, 64, 128)
        for convolution in (Convolution(filters, pool=False), Convolution(filters, dropout=0.2))
    ),
)


def _tune(architecture: Architecture, title: str, side_px: int, unfreeze_from: str, note: str = "") -> Recipe:
    return Recipe(
        name=f"study-{architecture}",
        architecture=architecture,
        source=f"transfer study: {title}, a dense layer of 1024",
        image_size_px=side_px,
        augmentation=Augmentation(),
        schedule=_FINE_TUNING,
        transfer=_TRANSFER,
        warm_start=False,
        layers=Layers(pooling="average", dense=(1024,)),
        dropout=0.0,
        unfreeze_from=unfreeze_from,
        weights="imagenet",
        note=note,
    )


RECIPES = (
    _CNN1,
    replace(
        _CNN1,
        name="study-cnn6",
        source="transfer study: two 3x3 convolutions each of 32, 64 and 128, a dense layer of 512",
        layers=_CNN6_LAYERS,
    ),
    _tune("vgg16", "VGG16, then all of it", 224, ""),
    _tune("vgg19", "VGG19, then all of it", 224, ""),
    # Layer 94 of the backbone, counted from its input; batch normalisation keeps its statistics all the same.
    _tune("inceptionv3", "InceptionV3, then from layer 94 on", 299, "conv2d_094"),
    _tune("xception", "Xception, then from layer 94 on", 299, "block10_sepconv3_bn"),
    _tune(
        "resnet50",
        "ResNet50, then its last stage",
        224,
        "conv5_block1_1_conv",
        note="The study left this network open; its last stage is tuned, which holds two thirds of the weights.",
    ),
)
