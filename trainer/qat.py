"""Quantisation-aware fine-tuning: a finished run is trained on a little with what int8 will do to it in view."""

import hashlib
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import keras

from sorter.cli import inform, warn
from sorter.dataset import Dataset, Subset, apply_split, open_dataset, require_labels, write_split
from sorter.equalization import equalize
from sorter.errors import ConfigError, DatasetError
from sorter.files import write_json
from sorter.manifest import Manifest
from sorter.trainer import runs
from sorter.trainer.batches import Examples
from sorter.trainer.cache import picture_cache
from sorter.trainer.evaluation import Evaluation, predict_rows
from sorter.trainer.judge import load_run
from sorter.trainer.pipeline import ENDINGS, MANIFEST_FIGURES, Outcome, make_examples, tool_versions, write_run
from sorter.trainer.qat_fitting import Fitting, Plan, choose_pictures
from sorter.trainer.recipes import DEFAULT_RECIPE, RECIPES, Augmentation, Recipe
from sorter.trainer.skipping import report_skipped, write_skipped
from sorter.trainer.split import SUBSETS
from sorter.trainer.tensorboard import event_files

EPOCHS = 3
"""Passes over the training part unless the user says otherwise."""

LEARNING_RATE = 1e-5
"""For weights of the size that they had before channels were equalised; at 3e-5 MobileNetV2 became worse."""

_CACHE_NAME = "pictures.cache"


@dataclass(frozen=True)
class QatOptions:
    """How a run is fine-tuned.

    Attributes:
        data: Photos that it was trained on.
        run: The finished run.
        out: Run folder to write.
        epochs: Passes over the training part.
        batch_size: Pictures in one step; None takes that of the run's recipe.
        learning_rate: At the beginning; it falls to zero along a cosine.
        seed: Of all randomness.
        overwrite: Whether an earlier run in ``out`` may be replaced.
        tensorboard: Whether to write event files.
    """

    data: Path
    run: Path
    out: Path
    epochs: int = EPOCHS
    batch_size: int | None = None
    learning_rate: float = LEARNING_RATE
    seed: int = 0
    overwrite: bool = False
    tensorboard: bool = False


def fine_tune(options: QatOptions) -> Outcome:
    """Fine-tunes a run and writes the new run folder.

    Its figures are those of the float network in it, as of any run; those of the rounded one are in the manifest under
    ``recipe.quantisation_aware``.

    Raises:
        BundleError: ``run`` is no finished run.
        ConfigError: ``out`` is the run itself, or the run is pruned or clustered.
        DatasetError: The photos are not those of the run.
        StorageError: ``out`` cannot be written.
        TrainingError: The network is of a kind that cannot be rounded.
        KeyboardInterrupt: Interrupted before there was anything to keep; nothing is left behind.
    """
    started = time.monotonic()
    run = _open_run(options)
    dataset = apply_split(open_dataset(options.data), run.split_csv)
    require_labels(dataset, run.manifest.labels)
    keras.utils.set_random_seed(options.seed)
    network = load_run(run).network
    with runs.unfinished_run(options.out) as folder:
        with picture_cache(dataset.photos, run.manifest.input, folder / _CACHE_NAME) as cache:
            report_skipped(cache.skipped, dataset)
            usable = Dataset(dataset.root, run.manifest.labels, cache.photos)
            _require_same_photos(usable, run)
            parts = {s: make_examples(cache, usable, s) for s in SUBSETS}
            fitting = _fit(network, parts, run, options, folder)
            temperature, threshold = fitting.calibrate()
            exact, rounded = _evaluate(fitting, parts["test"], usable, threshold)
        recipe = _describe(run, fitting, rounded, options, time.monotonic() - started)
        manifest = _make_manifest(run, usable, exact, recipe, temperature, options.out.resolve().name)
        write_run(folder, network, exact, manifest, fitting.record)
        write_json(folder / runs.RANGES_NAME, {name: list(ends) for name, ends in fitting.ranges.items()})
        write_split(folder / runs.SPLIT_NAME, usable.photos)
        write_skipped(folder, cache.skipped)
    return Outcome(manifest, exact.metrics(), fitting.record, time.monotonic() - started)


def _open_run(options: QatOptions) -> runs.Run:
    run = runs.open_run(options.run)
    if options.out.resolve() == run.folder.resolve():
        raise ConfigError(f"{options.out} is the run that is to be fine-tuned.", "Choose another folder for --out.")
    if run.manifest.recipe.get("compression"):
        raise ConfigError(
            f"{options.run} is pruned or clustered, which fine-tuning for int8 would undo.",
            "Give the run that it was made from; the two do not go together.",
        )
    runs.check_output(options.out, options.overwrite)
    return run


def _require_same_photos(usable: Dataset, run: runs.Run) -> None:
    counts = Counter(photo.subset for photo in usable.photos)
    for subset in SUBSETS:
        if not counts[subset]:
            raise DatasetError(
                f"{usable.root} has no photo of the {subset} part of {run.folder}.",
                "Give the folder that the run was trained on.",
            )
    known = run.manifest.data_fingerprint
    if known and known != usable.fingerprint():
        warn(f"The photos in {usable.root} are not quite those that {run.folder} was trained on.")


def _fit(network: Any, parts: Mapping[Subset, Examples], run: runs.Run, options: QatOptions, folder: Path) -> Fitting:
    train = parts["train"]
    unscaled = network.get_weights()
    equalize(network, choose_pictures(train), widely=True)
    plan = Plan(recipe_of(run.manifest, options.batch_size), options.epochs, options.learning_rate, options.seed)
    events = event_files(folder / runs.TENSORBOARD_NAME) if options.tensorboard else nullcontext(None)
    with events as note:
        plan = replace(plan, note=note) if note else plan
        fitting = Fitting(network, plan, train, parts["validation"], unscaled)
        inform(ENDINGS[fitting.run().ending])
    return fitting


def recipe_of(manifest: Manifest, batch_size: int | None = None) -> Recipe:
    """What a run says of its recipe, as far as fine-tuning goes by it: augmentation, balance, sizes.

    Pictures are not mixed, which a few epochs are too short for. A run that says nothing gets the default recipe's.
    """
    described: Mapping[str, Any] = manifest.recipe
    recipe = RECIPES.get(str(described.get("name")), RECIPES[DEFAULT_RECIPE])
    augmentation, schedule = recipe.augmentation, recipe.schedule
    if described.get("augmentation") is not None:
        known = {f.name for f in fields(Augmentation)}
        given: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in described["augmentation"].items() if k in known
        }
        augmentation = Augmentation(**given)
    stored = described.get("schedule", {})
    schedule = replace(
        schedule,
        batch_size=batch_size or stored.get("batch_size", schedule.batch_size),
        balance=stored.get("balance", schedule.balance),
        mixup_share=0.0,
        cutmix_share=0.0,
    )
    return replace(recipe, augmentation=augmentation, schedule=schedule, image_size_px=manifest.input.width)


def _evaluate(fitting: Fitting, test: Examples, usable: Dataset, threshold: float) -> tuple[Evaluation, Evaluation]:
    """The answers of the float network and of the rounded one on the test part."""
    photos = tuple(usable.photos[row] for row in test.rows)
    exact = predict_rows(fitting.network, test.pixels, test.rows)
    evaluation = Evaluation(photos, usable.labels, test.classes, exact, threshold)
    return evaluation, replace(evaluation, probabilities=fitting.predict(test))


def _describe(
    run: runs.Run, fitting: Fitting, rounded: Evaluation, options: QatOptions, seconds: float
) -> dict[str, Any]:
    """The run's recipe, and what became of its network since."""
    record, name = fitting.record, run.manifest.name
    assert record.best is not None
    figures = rounded.metrics()
    tuned = {
        "from": name,
        "from_model_sha256": hashlib.sha256(run.model.read_bytes()).hexdigest(),
        "epochs": options.epochs,
        "learning_rate": options.learning_rate,
        "validation_before": record.history[0].validation_accuracy,
        "validation_after": record.best.validation_accuracy,
        "test": {key: figures[key] for key in MANIFEST_FIGURES},
        "seconds": round(seconds, 1),
    }
    return {
        "name": name,
        "source": "not known",
        **run.manifest.recipe,
        "weights": f"those of run {name}",
        "seed": options.seed,
        "ending": record.ending,
        "kept_epoch": record.best.epoch,
        "quantisation_aware": tuned,
    }


def _make_manifest(
    run: runs.Run, usable: Dataset, exact: Evaluation, recipe: dict[str, Any], temperature: float, name: str
) -> Manifest:
    counts, metrics = Counter(photo.subset for photo in usable.photos), exact.metrics()
    assert exact.threshold is not None
    return replace(
        run.manifest,
        name=name,
        temperature=round(temperature, 6),
        threshold=exact.threshold,
        recipe=recipe,
        dataset={
            **run.manifest.dataset,
            "fingerprint": usable.fingerprint(),
            "photos": len(usable.photos),
            "classes": dict(usable.count()),
            **{s: counts[s] for s in SUBSETS},
        },
        accuracy={"float": {key: metrics[key] for key in MANIFEST_FIGURES}},
        versions=tool_versions(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
