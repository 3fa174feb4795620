"""What the four studies have published: the one place where their figures stand, with where each comes from.

A figure that is not known is None, and the tables say so. Accuracies are shares of the study's own test photos.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sorter.trainer.recipes import Recipe, flowers, fruit, toy, transfer


@dataclass(frozen=True)
class Published:
    """What a study states of one network.

    Attributes:
        parameters: All it has; None where not known.
        accuracy: On the study's test photos, rounded as published; None where not known.
        remark: What to know about either.
    """

    parameters: int | None = None
    accuracy: float | None = None
    remark: str = ""


@dataclass(frozen=True)
class Study:
    """One of the studies.

    Attributes:
        name: As on the command line.
        recipes: Its networks, in the order of its results table.
        source: Where the figures come from.
        photos: What its photos are, and whether figures of other photos can be compared with its own.
        classes: Of its photos; None where it has no fixed number.
        test_photos: On which the accuracies were measured; None where not known.
        figures: By name of the recipe.
    """

    name: str
    recipes: tuple[Recipe, ...]
    source: str
    photos: str
    classes: int | None = None
    test_photos: int | None = None
    figures: Mapping[str, Published] = field(default_factory=dict)

    def find(self, recipe: str) -> Published:
        """The figures of a recipe; those of one without any are not known."""
        return self.figures.get(recipe, Published())


_OTHER_PHOTOS = "Its photos are its own: an accuracy on other photos is of another task."

_TWO_FIGURES = "The post gives two figures, {} in its text and {} in its last list."

STUDIES = {
    "fruit": Study(
        "fruit",
        fruit.RECIPES,
        "'Fruit Classification Using A Convolutional Neural Network', a course project that stands in many portfolios, "
        "for instance https://ibienenwoko.com/projects/fruit-classification-cnn; accuracies as the text that most of "
        "them share gives them, a few copies state others.",
        f"Six kinds of fruit on one platform, before one background. {_OTHER_PHOTOS}",
        6,
        60,
        {
            "fruit-baseline": Published(1_058_950, 0.75),
            "fruit-dropout": Published(1_058_950, 0.85),
            "fruit-augmented": Published(1_058_950, 0.93),
            "fruit-tuned": Published(2_717_542, 0.95),
            "fruit-vgg16": Published(17_943_366, 0.98),
        },
    ),
    "toy": Study(
        "toy",
        toy.RECIPES,
        "S. Shaw, 'Toy Robot: Toy Classification Using CNN', 2025, https://github.com/SammyShaw/Toy-Robot and the post "
        "that belongs to it; accuracies as the section on each network gives them.",
        f"Five kinds of toys at home, 15 test photos of each. {_OTHER_PHOTOS}",
        5,
        75,
        {
            "toy-baseline": Published(1_058_917, 0.747),
            "toy-dropout": Published(1_058_917, 0.80),
            "toy-augmented": Published(1_058_917, 0.773, "The project's own page states 74.7 %."),
            "toy-reduce-lr": Published(1_058_917, 0.76, _TWO_FIGURES.format("76 %", "74 %")),
            "toy-3conv": Published(281_733, 0.773),
            "toy-3conv-64": Published(553_125, 0.733, "The post's summary states 75.7 %, which 75 photos cannot give."),
            "toy-3conv-5x5": Published(585_893, 0.76),
            "toy-4conv": Published(191_781, 0.80),
            "toy-mobilenetv2": Published(2_304_261, 1.0),
        },
    ),
    "transfer": Study(
        "transfer",
        transfer.RECIPES,
        "No figures of this study are known here.",
        "Two to ten classes, not known which.",
    ),
    "flowers": Study(
        "flowers",
        flowers.RECIPES,
        "J. L. Moran, 'Convolutional Neural Networks - The Basics', for the course EDAN95 in Lund, 2019.",
        "Kaggle's Flowers Recognition in an older state: 4,317 photos divided by chance, nearly equal ones not kept "
        "together. Accuracies on other photos of that collection can be compared with its own, with this in mind.",
        5,
        864,
        {
            "flowers-cnn": Published(3_455_173, 0.65),
            "flowers-augmented": Published(3_455_173, 0.62),
            "flowers-inceptionv3-features": Published(9_440_261, 0.82, "Parameters of the head alone."),
            "flowers-inceptionv3": Published(22_982_821, 0.84),
            "flowers-inceptionv3-finetuned": Published(22_982_821, 0.87),
        },
    ),
}
"""All studies by name.

Parameter counts are those that ``tests/trainer/test_networks.py`` holds the recipes to. The fruit study's 60 test
photos follow from its confusion matrices, whose columns are whole tenths.
"""
