"""The toy study: how far a small custom network gets with five classes, and MobileNetV2 beside it.

Where nothing else is known, epochs and augmentation are those of the fruit study, whose baseline it shares.
"""

from dataclasses import replace

from sorter.trainer.recipes import fruit
from sorter.trainer.recipes.corrections import DROPOUT, VALIDATION
from sorter.trainer.recipes.options import Augmentation, Convolution, Layers, Schedule
from sorter.trainer.recipes.recipe import HEAD_ONLY, Recipe

_MILDER = Augmentation(
    rotation_deg=15.0,
    shift=0.15,
    zoom=(0.85, 1.15),
    shear_deg=10.0,
    flip_horizontal=True,
    brightness=(0.8, 1.3),
    fill="nearest",
)

_PLATEAU = replace(
    fruit.BASELINE.schedule, decay="plateau", plateau_factor=0.5, plateau_patience=4, least_learning_rate=1e-6
)

_BASELINE = replace(
    fruit.BASELINE, name="toy-baseline", source="toy study: two 3x3 convolutions of 32, a dense layer of 32"
)


def _convolve(name: str, source: str, *convolutions: Convolution) -> Recipe:
    return replace(
        _BASELINE,
        name=name,
        source=f"toy study: {source}, a dense layer of 32",
        augmentation=_MILDER,
        schedule=replace(_PLATEAU, plateau_patience=5),
        layers=Layers(dense=(32,), convolutions=convolutions),
        dropout=0.25,
        note=f"{DROPOUT} {VALIDATION}",
    )


RECIPES = (
    _BASELINE,
    replace(
        _BASELINE, name="toy-dropout", source="toy study: the baseline with dropout 0.5", dropout=0.5, note=DROPOUT
    ),
    replace(
        _BASELINE,
        name="toy-augmented",
        source="toy study: the baseline with augmentation",
        augmentation=fruit.STUDY_AUGMENTATION,
        note=VALIDATION,
    ),
    replace(
        _BASELINE,
        name="toy-reduce-lr",
        source="toy study: dropout 0.5, augmentation, and a learning rate that is halved on plateaus",
        augmentation=fruit.STUDY_AUGMENTATION,
        schedule=_PLATEAU,
        dropout=0.5,
        note=f"{DROPOUT} {VALIDATION}",
    ),
    _convolve("toy-3conv", "three 3x3 convolutions of 32", Convolution(32), Convolution(32), Convolution(32)),
    _convolve("toy-3conv-64", "3x3 convolutions of 32, 32 and 64", Convolution(32), Convolution(32), Convolution(64)),
    _convolve(
        "toy-3conv-5x5",
        "3x3 convolutions of 32 and 32, a 5x5 one of 64",
        Convolution(32),
        Convolution(32),
        Convolution(64, kernel=5),
    ),
    _convolve(
        "toy-4conv",
        "3x3 convolutions of 16, 32, 64 and 64",
        Convolution(16),
        Convolution(32),
        Convolution(64),
        Convolution(64),
    ),
    Recipe(
        name="toy-mobilenetv2",
        architecture="mobilenetv2",
        source="toy study: frozen MobileNetV2, batch normalisation, a dense layer of 32",
        image_size_px=128,
        augmentation=Augmentation(),
        schedule=Schedule(epochs=20, decay="constant", keep="accuracy"),
        warm_start=False,
        layers=Layers(pooling="average", normalize=True, dense=(32,)),
        dropout=0.5,
        unfreeze_from=HEAD_ONLY,
        weights="imagenet",
        note=DROPOUT,
    ),
)
