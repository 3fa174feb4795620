"""The fruit study: two custom convolutions and what dropout, augmentation, a search and VGG16 add to them.

Six classes, Adam, batches of 32; the epoch with the best validation accuracy is kept.
"""

from dataclasses import replace

from sorter.trainer.recipes.corrections import DROPOUT, VALIDATION
from sorter.trainer.recipes.options import Augmentation, Convolution, Layers, Schedule
from sorter.trainer.recipes.recipe import HEAD_ONLY, Recipe

STUDY_AUGMENTATION = Augmentation(
    rotation_deg=20.0,
    shift=0.2,
    zoom=(0.9, 1.1),
    flip_horizontal=True,
    brightness=(0.5, 1.5),
    fill="nearest",
)

_SCHEDULE = Schedule(epochs=50, decay="constant", keep="accuracy")

BASELINE = Recipe(
    name="fruit-baseline",
    architecture="custom",
    source="fruit study: two 3x3 convolutions of 32, a dense layer of 32",
    image_size_px=128,
    augmentation=Augmentation(),
    schedule=_SCHEDULE,
    layers=Layers(dense=(32,), convolutions=(Convolution(32), Convolution(32))),
    dropout=0.0,
)

RECIPES = (
    BASELINE,
    replace(
        BASELINE,
        name="fruit-dropout",
        source="fruit study: the baseline with dropout 0.5 on the dense layer",
        dropout=0.5,
        note=DROPOUT,
    ),
    replace(
        BASELINE,
        name="fruit-augmented",
        source="fruit study: the baseline with augmentation",
        augmentation=STUDY_AUGMENTATION,
        note=VALIDATION,
    ),
    replace(
        BASELINE,
        name="fruit-tuned",
        source="fruit study: the winner of its search, convolutions of 96, 64 and 64, a dense layer of 160",
        augmentation=STUDY_AUGMENTATION,
        layers=Layers(dense=(160,), convolutions=(Convolution(96), Convolution(64), Convolution(64))),
        dropout=0.5,
        note=f"{DROPOUT} {VALIDATION}",
    ),
    replace(
        BASELINE,
        name="fruit-vgg16",
        architecture="vgg16",
        source="fruit study: frozen VGG16, flattened, two dense layers of 128",
        image_size_px=224,
        schedule=replace(_SCHEDULE, epochs=10),
        warm_start=False,
        layers=Layers(dense=(128, 128)),
        unfreeze_from=HEAD_ONLY,
        weights="imagenet",
    ),
)
