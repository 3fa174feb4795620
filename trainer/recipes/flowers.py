"""The flowers study: a custom network, augmentation, then InceptionV3 in three ways. Five classes, 150x150.

Where nothing else is known: 20 epochs, augmentation, and for fine-tuning the rate of ``flowers-augmented``.
"""

from dataclasses import replace

from sorter.trainer.recipes.corrections import DROPOUT, VALIDATION
from sorter.trainer.recipes.options import Augmentation, Convolution, Layers, Schedule
from sorter.trainer.recipes.recipe import HEAD_ONLY, Recipe

_SHEAR_DEG = 11.5
"""0.2 radians. The study says 0.2, which Keras reads as degrees, so that next to nothing was sheared."""

_AUGMENTATION = Augmentation(
    rotation_deg=40.0, shift=0.2, zoom=(0.8, 1.2), shear_deg=_SHEAR_DEG, flip_horizontal=True, fill="nearest"
)

_SHEAR_NOTE = "Shear 0.2 is taken as radians, not as Keras' degrees."

_SCHEDULE = Schedule(epochs=20, optimizer="rmsprop", decay="constant", keep="accuracy")

_CNN = Recipe(
    name="flowers-cnn",
    architecture="custom",
    source="flowers study: valid 3x3 convolutions of 32, 64, 128 and 128, a dense layer of 512",
    image_size_px=150,
    augmentation=Augmentation(),
    schedule=_SCHEDULE,
    layers=Layers(
        padding="valid",
        dense=(512,),
        convolutions=(Convolution(32), Convolution(64), Convolution(128), Convolution(128)),
    ),
    dropout=0.0,
)

_INCEPTION = replace(
    _CNN,
    name="flowers-inceptionv3",
    architecture="inceptionv3",
    source="flowers study: frozen InceptionV3, flattened, dropout 0.2, a dense layer of 64",
    augmentation=_AUGMENTATION,
    warm_start=False,
    layers=Layers(feature_dropout=0.2, dense=(64,)),
    unfreeze_from=HEAD_ONLY,
    weights="imagenet",
    note=f"{VALIDATION} {_SHEAR_NOTE}",
)

RECIPES = (
    _CNN,
    replace(
        _CNN,
        name="flowers-augmented",
        source="flowers study: the same network with dropout 0.2, augmentation and a small learning rate",
        augmentation=_AUGMENTATION,
        schedule=replace(_SCHEDULE, epochs=100, learning_rate=1e-5),
        dropout=0.2,
        note=f"{DROPOUT} {VALIDATION} {_SHEAR_NOTE}",
    ),
    replace(
        _INCEPTION,
        name="flowers-inceptionv3-features",
        source="flowers study: InceptionV3's features, computed once, and a dense layer of 512",
        augmentation=Augmentation(),
        layers=Layers(dense=(512,)),
        dropout=0.5,
        note=DROPOUT,
    ),
    _INCEPTION,
    replace(
        _INCEPTION,
        name="flowers-inceptionv3-finetuned",
        source="flowers study: the same network, then the last 50 layers of InceptionV3",
        schedule=replace(_SCHEDULE, learning_rate=1e-5),
        transfer=_SCHEDULE,
        unfreeze_from="conv2d_261",
    ),
)
