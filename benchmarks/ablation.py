"""What each part of the default recipe is worth: ``python -m sorter.benchmarks.ablation DATA --json FILE``.

The test part of the default split is set aside and never looked at. The other photos are divided again, by class and
with near-duplicates together, into 70 % to train on and 30 % to judge by. Each row is a training with one thing
changed; its last epoch is judged. The answers are stored too, so that two trainings can be compared photo by photo.
Rows that the file already holds are not trained again.
"""

import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import numpy as np

from sorter.cli import SorterCommand, inform
from sorter.files import write_json
from sorter.trainer.recipes import Recipe, find_recipe

CHANGES: dict[str, dict[str, Any]] = {
    "as it is": {},
    "without mixup": {"schedule.mixup_share": 0.0},
    "cutmix instead of mixup": {"schedule.mixup_share": 0.0, "schedule.cutmix_share": 0.5},
    "mixup and cutmix": {"schedule.mixup_share": 0.5, "schedule.cutmix_share": 0.25},
    "photos cropped": {"fit": "crop"},
    "photos padded": {"fit": "pad"},
    "all layers": {"unfreeze_from": ""},
    "from block 6": {"unfreeze_from": "block_6_"},
    "head alone": {"unfreeze_from": "head"},
    "without label smoothing": {"schedule.label_smoothing": 0.0},
    "without averaging": {"schedule.average_momentum": 0.0},
    "photos as they come": {"schedule.balance": 0.0},
    "classes equally often": {"schedule.balance": 1.0},
    "head from chance": {"warm_start": False},
    "without changes of colour": {
        "augmentation.brightness": (1.0, 1.0),
        "augmentation.contrast": 0.0,
        "augmentation.saturation": 0.0,
        "augmentation.tint": 0.0,
    },
    "without rotation": {"augmentation.rotation_deg": 0.0},
    "twice the epochs": {"schedule.epochs": 2.0},
    "constant rate": {"schedule.decay": "constant"},
    "early layers at a tenth of the rate": {"schedule.early_rate": 0.1},
    "weight decay 0.05": {"schedule.weight_decay": 0.05},
    "batches of 16": {"schedule.batch_size": 16},
}
"""Each row of the table: fields of the recipe and their values there; for ``epochs`` a factor."""


@dataclass(frozen=True)
class Trial:
    """One training of the table: what is changed, and the seed of its randomness."""

    change: str
    seed: int

    @property
    def key(self) -> str:
        """Its name in the file."""
        return f"{self.change}, seed {self.seed}"


def change_recipe(recipe: Recipe, changes: dict[str, Any]) -> Recipe:
    """A recipe with other values in some fields; ``schedule.epochs`` is a factor."""
    for field, value in changes.items():
        owner, _, name = field.rpartition(".")
        if field == "schedule.epochs":
            value = round(recipe.schedule.epochs * value)
        if owner:
            part = replace(getattr(recipe, owner), **{name: value})
            recipe = replace(recipe, **{owner: part})
        else:
            recipe = replace(recipe, **{name: value})
    return recipe


@contextmanager
def _parts(data: Path, recipe: Recipe) -> Iterator[tuple[Any, Any]]:
    """Opens the photos and gives train and judging part, for as long as the block lasts."""
    from sorter.dataset import open_dataset
    from sorter.image import InputSpec
    from sorter.trainer.batches import Examples
    from sorter.trainer.cache import picture_cache
    from sorter.trainer.evaluation import class_indices
    from sorter.trainer.grouping import group_photos
    from sorter.trainer.split import Shares, divide_folds, split_photos

    dataset = open_dataset(data)
    spec = InputSpec(recipe.image_size_px, recipe.image_size_px, recipe.fit)
    with (
        tempfile.TemporaryDirectory() as folder,
        picture_cache(dataset.photos, spec, Path(folder) / "cache") as cache,
    ):
        groups = group_photos(cache.photos, cache.thumbnails)
        divided = split_photos(cache.photos, groups, Shares.parse("70/10/20"), 0)
        rows = np.array([i for i, photo in enumerate(divided) if photo.subset != "test"])
        folds = divide_folds([cache.photos[i] for i in rows], groups[rows], 10, 1)
        classes = class_indices(cache.photos, dataset.labels)
        chosen = (rows[folds >= 3], rows[folds < 3])
        train, judging = (Examples(cache.pixels, part, classes[part], len(dataset.labels)) for part in chosen)
        yield train, judging


def judge(recipe: Recipe, data: Path, weights: str, seed: int) -> dict[str, Any]:
    """Trains on one part and judges the last epoch by the other."""
    import keras

    from sorter.trainer.calibration import fit_temperature, sharpen
    from sorter.trainer.evaluation import predict_rows
    from sorter.trainer.networks import build_network
    from sorter.trainer.training import train_network

    started_s = time.process_time()
    recipe = replace(recipe, schedule=replace(recipe.schedule, keep="last"))
    with _parts(data, recipe) as (train, judging):
        keras.utils.set_random_seed(seed)
        network = build_network(recipe, train.class_count, weights)

        def watch(line: str, _steps: int) -> None:
            if line:
                inform(line)

        train_network(network, recipe, (train, judging), seed, watch, weights != "none")
        answers = predict_rows(network, judging.pixels, judging.rows)
    actual = judging.classes
    calibrated = sharpen(answers, fit_temperature(answers, actual))
    right = calibrated.argmax(axis=1) == actual
    likelihood = np.maximum(calibrated[np.arange(len(actual)), actual], 1e-7)
    return {
        "accuracy": float(right.mean()),
        "n": len(actual),
        "loss": -float(np.log(likelihood).mean()),
        "recalls": [float(right[actual == c].mean()) for c in range(train.class_count)],
        "core_seconds": time.process_time() - started_s,
        "shares": (np.bincount(train.classes) / len(train.classes)).tolist(),
        "actual": actual.tolist(),
        "probabilities": np.round(answers.astype(float), 6).tolist(),
    }


@click.command(cls=SorterCommand)
@click.argument("data", type=click.Path(path_type=Path, exists=True))
@click.option("--model", default="mobilenetv2", help="Recipe.")
@click.option("--weights", default="imagenet", help="Weights to start from.")
@click.option("--image-size", type=click.IntRange(8), default=160, help="Smaller than the recipe's, to save time.")
@click.option("--epochs", type=click.IntRange(1), default=16, help="Fewer than the recipe's, to save time.")
@click.option("--change", "wanted", multiple=True, type=click.Choice(list(CHANGES)), help="Rows [all].")
@click.option("--seed", "seeds", multiple=True, type=int, default=(1,), help="Trainings of each row.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), required=True, help="Where the figures are kept.")
def ablation(
    data: Path,
    model: str,
    weights: str,
    image_size: int,
    epochs: int,
    wanted: tuple[str, ...],
    seeds: tuple[int, ...],
    json_file: Path,
) -> None:
    """Trains a recipe on DATA with one thing changed at a time."""
    from sorter.benchmarks.machine import describe_machine
    from sorter.trainer.backend import load_tensorflow

    load_tensorflow()
    recipe = find_recipe(model).changed(image_size_px=image_size, epochs=epochs)
    known = json.loads(json_file.read_text())["rows"] if json_file.exists() else {}
    for trial in (Trial(change, seed) for seed in seeds for change in wanted or CHANGES):
        if trial.key not in known:
            inform(f"{trial.key} ...")
            known[trial.key] = judge(change_recipe(recipe, CHANGES[trial.change]), data, weights, trial.seed)
            write_json(json_file, {"machine": describe_machine(), "recipe": recipe.describe(), "rows": known})
        row = known[trial.key]
        click.echo(
            f"{trial.key:<36} {row['accuracy']:6.1%} of {row['n']}  loss {row['loss']:.3f}  "
            f"mean recall {np.mean(row['recalls']):.1%}  least {min(row['recalls']):.0%}  {row['core_seconds']:.0f} s"
        )


if __name__ == "__main__":
    ablation()
