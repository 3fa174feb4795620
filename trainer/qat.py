"""Quantisation-aware fine-tuning: a finished run is trained on a little with what int8 will do to it in view."""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from sorter.cli import inform, progress
from sorter.dataset import Dataset, apply_split, open_dataset, require_labels, write_split
from sorter.errors import TrainingError
from sorter.files import translated_storage_errors, write_json, write_text
from sorter.manifest import LABELS_NAME, MANIFEST_NAME
from sorter.trainer import runs
from sorter.trainer.batches import Examples, epoch_batches, steps_per_epoch
from sorter.trainer.cache import picture_cache
from sorter.trainer.evaluation import Evaluation, class_indices, predict_rows, write_evaluation
from sorter.trainer.fake_quantization import (
    Range,
    RoundedKernels,
    find_ranges,
    learned_ranges,
    round_activations,
    rounded_layers,
    take_weights,
)
from sorter.trainer.networks import load_network
from sorter.trainer.recipes import DEFAULT_RECIPE, RECIPES, Recipe

RANGES_NAME = "ranges.json"
"""In a run folder: the learned range of each layer, which ``sorter-convert`` quantises with."""

_CACHE_NAME = "pictures.cache"
_RANGE_PICTURES = 100
_FIGURES = ("accuracy", "accuracy_95", "n", "worst_class", "worst_class_recall", "ece")


@dataclass(frozen=True)
class QatOptions:
    """How a run is fine-tuned.

    Attributes:
        data: Photos that it was trained on.
        run: The finished run.
        out: Run folder to write.
        epochs: Passes over the training part.
        learning_rate: At the beginning; it falls to zero along a cosine.
        seed: Of all randomness.
        overwrite: Whether an earlier run in ``out`` may be replaced.
    """

    data: Path
    run: Path
    out: Path
    epochs: int = 3
    learning_rate: float = 1e-4
    seed: int = 0
    overwrite: bool = False


@dataclass(frozen=True)
class QatOutcome:
    """What came of it. Accuracies are those of the network with everything rounded, on the validation part.

    Attributes:
        before: Without any training.
        after: Of the best epoch.
        epoch: Which one; 0 where training did not help.
        metrics: Of the rounded network on the test part.
    """

    before: float
    after: float
    epoch: int
    metrics: dict[str, Any]


def fine_tune(options: QatOptions) -> QatOutcome:
    """Fine-tunes a run and writes the new run folder.

    Raises:
        BundleError: ``run`` is no finished run.
        DatasetError: The photos are not those of the run.
        StorageError: ``out`` cannot be written.
        TrainingError: The network is of a kind that cannot be rounded.
    """
    run = runs.open_run(options.run)
    runs.check_output(options.out, options.overwrite)
    dataset = apply_split(open_dataset(options.data), run.split_csv)
    require_labels(dataset, run.manifest.labels)
    keras.utils.set_random_seed(options.seed)
    network = load_network(run.model)
    with runs.unfinished_run(options.out) as folder:
        with picture_cache(dataset.photos, run.manifest.input, folder / _CACHE_NAME) as cache:
            usable = Dataset(dataset.root, run.manifest.labels, cache.photos)
            train, validation, test = (_examples(cache.pixels, usable, s) for s in ("train", "validation", "test"))
            fitting = _Fitting(network, _recipe_of(run), options, train, validation)
            before, after, epoch = fitting.run()
            metrics = _write(folder, run, fitting, test, usable, (before, after, epoch), options)
        write_split(folder / runs.SPLIT_NAME, usable.photos)
    return QatOutcome(before, after, epoch, metrics)


def _examples(pixels: Any, usable: Dataset, subset: str) -> Examples:
    rows = np.array([i for i, photo in enumerate(usable.photos) if photo.subset == subset], np.int64)
    return Examples(pixels, rows, class_indices(usable.photos, usable.labels)[rows], len(usable.labels))


def _recipe_of(run: runs.Run) -> Recipe:
    """The run's recipe, for its augmentation; without mixed pictures, which a few epochs are too short for."""
    recipe = RECIPES.get(str(run.manifest.recipe.get("name")), RECIPES[DEFAULT_RECIPE])
    return replace(recipe, schedule=replace(recipe.schedule, mixup_share=0.0, cutmix_share=0.0))


class _Fitting:
    """A fine-tuning under way."""

    def __init__(
        self, network: Any, recipe: Recipe, options: QatOptions, train: Examples, validation: Examples
    ) -> None:
        self.network, self._recipe, self._options = network, recipe, options
        self._train, self._validation = train, validation
        try:
            names = rounded_layers(network)
            few = train.pixels[np.sort(train.rows[:: max(1, len(train.rows) // _RANGE_PICTURES)])]
            self.copy = round_activations(network, find_ranges(network, names, few))
        except (AttributeError, TypeError, ValueError) as error:
            raise TrainingError(
                f"{options.run} cannot be trained for quantisation: {' '.join(str(error).split())[:200]}.",
                "Only networks whose layers form one plain graph can; those of sorter-train do.",
            ) from error
        self._kernels = RoundedKernels(self.copy)
        self._optimizer = keras.optimizers.Adam(options.learning_rate)
        self._variables = self.copy.trainable_variables
        self._optimizer.build(self._variables)
        self._step = tf.function(self._descend)

    def run(self) -> tuple[float, float, int]:
        """Trains and keeps the best epoch; gives its accuracy before, after, and which it was."""
        before = best = self._validate()
        weights, kept = self.copy.get_weights(), 0
        inform(f"Rounded to int8 without training: validation {before:.1%}")
        steps = steps_per_epoch(self._train, self._recipe)
        total = steps * self._options.epochs
        with progress("Fine-tuning", total) as advance:
            for epoch in range(1, self._options.epochs + 1):
                batches = epoch_batches(self._train, self._recipe, self._options.seed, epoch)
                for done, (pictures, targets) in enumerate(batches, start=(epoch - 1) * steps):
                    rate = self._options.learning_rate * 0.5 * (1 + math.cos(math.pi * done / total))
                    self._optimizer.learning_rate = rate
                    self._step(tf.constant(pictures), tf.constant(targets))
                    advance(1)
                accuracy = self._validate()
                inform(f"Epoch {epoch}/{self._options.epochs}: validation {accuracy:.1%}")
                if accuracy >= best:
                    best, weights, kept = accuracy, self.copy.get_weights(), epoch
        self.copy.set_weights(weights)
        take_weights(self.network, self.copy)
        return before, best, kept

    def _descend(self, pictures: Any, targets: Any) -> None:
        exact = self._kernels.round()
        with tf.GradientTape() as tape:
            probabilities = self.copy(pictures, training=True)
            loss = tf.reduce_mean(keras.losses.categorical_crossentropy(targets, probabilities))
        gradients = tape.gradient(loss, self._variables)
        self._kernels.restore(exact)
        self._optimizer.apply_gradients(zip(gradients, self._variables, strict=True))

    def _validate(self) -> float:
        part = self._validation
        return float((self.predict(part).argmax(axis=1) == part.classes).mean())

    def predict(self, part: Examples) -> Any:
        """Probabilities of the rounded network: float32 (n, classes)."""
        with self._kernels.rounded():
            return predict_rows(self.copy, part.pixels, part.rows)

    @property
    def ranges(self) -> dict[str, Range]:
        """What the rounding layers have learned."""
        return learned_ranges(self.copy)


def _write(
    folder: Path,
    run: runs.Run,
    fitting: _Fitting,
    test: Examples,
    usable: Dataset,
    accuracies: tuple[float, float, int],
    options: QatOptions,
) -> dict[str, Any]:
    photos = tuple(usable.photos[row] for row in test.rows)
    manifest, network = run.manifest, fitting.network
    exact = predict_rows(network, test.pixels, test.rows)
    metrics = write_evaluation(Evaluation(photos, manifest.labels, test.classes, exact, manifest.threshold), folder)
    rounded = Evaluation(photos, manifest.labels, test.classes, fitting.predict(test)).metrics()
    tuned = {
        "from": manifest.name,
        "epochs": options.epochs,
        "learning_rate": options.learning_rate,
        "seed": options.seed,
        "validation_before": accuracies[0],
        "validation_after": accuracies[1],
        "kept_epoch": accuracies[2],
        "test_rounded": rounded["accuracy"],
    }
    described = replace(
        manifest,
        name=options.out.resolve().name,
        accuracy={"float": {key: metrics[key] for key in _FIGURES}},
        recipe={**manifest.recipe, "quantisation_aware": tuned},
    )
    with translated_storage_errors(folder / runs.MODEL_NAME):
        network.save(folder / runs.MODEL_NAME)
    write_json(folder / RANGES_NAME, {name: list(ends) for name, ends in fitting.ranges.items()})
    write_text(folder / LABELS_NAME, "".join(f"{label}\n" for label in manifest.labels))
    write_text(folder / MANIFEST_NAME, described.to_json())
    return rounded | {"float_accuracy": metrics["accuracy"]}
