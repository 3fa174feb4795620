"""Networks whose files pack smaller: a finished run is trained on a little while its kernels are pruned or clustered.

No maintained library does this for Keras 3: tensorflow-model-optimization needs the legacy Keras, Keras itself has
neither (its ``quantize`` is about the number of bits), and what prunes for FPGAs has layers of its own that TFLite does
not know. ``pruning`` and ``clustering`` say what becomes of the kernels; this module trains them and writes the run.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import keras
import tensorflow as tf
from keras import layers

from sorter.cli import inform, progress
from sorter.dataset import Dataset, apply_split, open_dataset, require_labels, write_split
from sorter.errors import ConfigError, TrainingError
from sorter.files import translated_storage_errors, write_text
from sorter.manifest import LABELS_NAME, MANIFEST_NAME, Manifest
from sorter.trainer import calibration, runs
from sorter.trainer.batches import Examples, epoch_batches, steps_per_epoch
from sorter.trainer.cache import picture_cache
from sorter.trainer.evaluation import Evaluation, predict_rows, write_evaluation
from sorter.trainer.networks import FEATURES_NAME, HEAD_NAME, freeze_up_to, load_network
from sorter.trainer.pipeline import MANIFEST_FIGURES, calibrate, make_examples
from sorter.trainer.recipes import Recipe
from sorter.trainer.recipes.description import read_description

_CACHE_NAME = "pictures.cache"

_RATE_FROM_SCRATCH, _RATE_OF_BACKBONES = 1e-3, 1e-4
"""Learning rates of Adam: what was found on millions of photos is changed less."""


class Method(Protocol):
    """What is done to the kernels while the network is trained on.

    Attributes:
        variables: What gradient descent changes.
        settled: Whether the network is now as small as it is to become, so that an epoch may be kept.
    """

    variables: list[Any]

    @property
    def settled(self) -> bool:
        """See above."""

    def begin_step(self, done: int, total: int) -> None:
        """Called before each step with the number of those before it."""

    def values(self) -> list[Any]:
        """A tensor for each trainable variable of the network, as it is to be computed with."""

    def store(self) -> None:
        """Puts into the network what its kernels have become."""

    def describe(self) -> dict[str, Any]:
        """What it was and what came of it, for ``sorter.json``."""


class MakeMethod(Protocol):
    """Makes a method for a network whose layers are frozen as they are to stay."""

    def __call__(self, network: Any) -> Method:
        """Makes one."""


@dataclass(frozen=True)
class CompressionOptions:
    """How a run is compressed.

    Attributes:
        data: Photos that it was trained on.
        run: The finished run.
        out: Run folder to write.
        epochs: Passes over the training part.
        seed: Of all randomness.
        overwrite: Whether an earlier run in ``out`` may be replaced.
    """

    data: Path
    run: Path
    out: Path
    epochs: int
    seed: int = 0
    overwrite: bool = False


@dataclass(frozen=True)
class CompressionOutcome:
    """What came of it.

    Attributes:
        before: Accuracy of the network as it was, on the validation part.
        after: That of the compressed one.
        epoch: The epoch that was kept.
        method: What the method says of itself.
        metrics: Of the compressed network on the test part.
    """

    before: float
    after: float
    epoch: int
    method: Mapping[str, Any]
    metrics: Mapping[str, Any] = field(repr=False)


def compress(options: CompressionOptions, make_method: MakeMethod) -> CompressionOutcome:
    """Compresses a run and writes the new run folder.

    Raises:
        BundleError: ``run`` is no finished run.
        ConfigError: It does not say how it was trained, or is fine-tuned for int8.
        DatasetError: The photos are not those of the run.
        StorageError: ``out`` cannot be written.
        TrainingError: The network has nothing to compress, or the training failed.
    """
    run = runs.open_run(options.run)
    if run.manifest.recipe.get("quantisation_aware"):
        raise ConfigError(
            f"{options.run} is fine-tuned for int8, and its learned ranges fit no other weights.",
            "Give the run that it was made from; the two do not go together.",
        )
    runs.check_output(options.out, options.overwrite)
    recipe = _recipe_of(run)
    dataset = apply_split(open_dataset(options.data), run.split_csv)
    require_labels(dataset, run.manifest.labels)
    keras.utils.set_random_seed(options.seed)
    network = load_network(run.model)
    with runs.unfinished_run(options.out) as folder:
        with picture_cache(dataset.photos, run.manifest.input, folder / _CACHE_NAME) as cache:
            usable = Dataset(dataset.root, run.manifest.labels, cache.photos)
            train, validation, test = (make_examples(cache, usable, s) for s in ("train", "validation", "test"))
            before = _accuracy(predict_rows(network, validation.pixels, validation.rows), validation)
            _take_calibration_out(network, run.manifest, train, recipe)
            fitting = _Fitting(network, make_method, recipe, options, (train, validation))
            epoch, after = fitting.run()
            calibrated = calibrate(network, train, validation, recipe)
            probabilities = predict_rows(network, test.pixels, test.rows)
        photos = tuple(usable.photos[row] for row in test.rows)
        evaluation = Evaluation(photos, usable.labels, test.classes, probabilities, calibrated[1])
        outcome = CompressionOutcome(before, after, epoch, fitting.method.describe(), evaluation.metrics())
        _write(folder, network, evaluation, _describe(run, options, outcome, calibrated))
        write_split(folder / runs.SPLIT_NAME, usable.photos)
    return outcome


def chosen_layers(network: Any) -> list[tuple[Any, Any]]:
    """The layers whose kernels are worth compressing, and these kernels.

    Left out are the first convolution and the last layer, which lose most by it, and the few weights of depthwise
    convolutions: together they are a small share of the file.
    """
    kernels = {
        layers.Conv2D: lambda layer: layer.kernel,
        layers.Dense: lambda layer: layer.kernel,
        layers.SeparableConv2D: lambda layer: layer.pointwise_kernel,
    }
    found = [(layer, kernels[type(layer)](layer)) for layer in network.layers if type(layer) in kernels]
    return [(layer, kernel) for layer, kernel in found[1:] if layer.name != HEAD_NAME and layer.trainable]


def _recipe_of(run: runs.Run) -> Recipe:
    """The run's recipe; without mixed pictures, which a few epochs are too short for."""
    recipe = read_description(run.manifest.recipe, str(run.folder / MANIFEST_NAME))
    return replace(recipe, schedule=replace(recipe.schedule, mixup_share=0.0, cutmix_share=0.0))


def _take_calibration_out(network: Any, manifest: Manifest, train: Examples, recipe: Recipe) -> None:
    """The reverse of ``pipeline.calibrate``: the network is trained on as it was trained, and calibrated anew."""
    expected = calibration.prior_logits(train.classes, train.class_count, recipe.schedule.prior_correction)
    head = network.get_layer(HEAD_NAME)
    kernel, bias = head.get_weights()
    head.set_weights([kernel * manifest.temperature, bias * manifest.temperature + expected])


def _accuracy(probabilities: Any, part: Examples) -> float:
    return float((probabilities.argmax(axis=1) == part.classes).mean())


class _Fitting:
    """A fine-tuning under way."""

    def __init__(
        self,
        network: Any,
        make_method: MakeMethod,
        recipe: Recipe,
        options: CompressionOptions,
        parts: tuple[Examples, Examples],
    ) -> None:
        self._network, self._recipe, self._options = network, recipe, options
        self._train, self._validation = parts
        has_backbone = any(layer.name == FEATURES_NAME for layer in network.layers)
        network.trainable = True
        if has_backbone:
            freeze_up_to(network, "")
        self.method = make_method(network)
        self._rate = _RATE_OF_BACKBONES if has_backbone else _RATE_FROM_SCRATCH
        self._optimizer = keras.optimizers.Adam(self._rate)
        self._optimizer.build(self.method.variables)
        self._step = tf.function(self._descend)

    def run(self) -> tuple[int, float]:
        """Trains and leaves the network at its best epoch; gives which it was, and its validation accuracy."""
        steps = steps_per_epoch(self._train, self._recipe)
        total = steps * self._options.epochs
        kept: tuple[float, int, float, list[Any]] | None = None
        with progress("Fine-tuning", total) as advance:
            for epoch in range(1, self._options.epochs + 1):
                self._run_epoch(epoch, total, advance)
                self.method.store()
                loss, accuracy = self._validate()
                inform(f"Epoch {epoch}/{self._options.epochs}: validation {accuracy:.1%}")
                if self.method.settled and math.isfinite(loss) and (kept is None or loss < kept[0]):
                    kept = loss, epoch, accuracy, self._network.get_weights()
        if kept is None:
            raise TrainingError("The loss is not a number.", "Train it with a smaller sparsity, or more clusters.")
        self._network.set_weights(kept[3])
        return kept[1], kept[2]

    def _run_epoch(self, epoch: int, total: int, advance: Any) -> None:
        steps = total // self._options.epochs
        batches = epoch_batches(self._train, self._recipe, self._options.seed, epoch)
        for done, (pictures, targets) in enumerate(batches, start=(epoch - 1) * steps):
            self.method.begin_step(done, total)
            self._optimizer.learning_rate = self._rate * 0.5 * (1 + math.cos(math.pi * done / total))
            self._step(tf.constant(pictures), tf.constant(targets))
            advance(1)

    def _descend(self, pictures: Any, targets: Any) -> None:
        network, others = self._network, self._network.non_trainable_variables
        with tf.GradientTape() as tape:
            probabilities, changed = network.stateless_call(
                self.method.values(), [variable.value for variable in others], pictures, training=True
            )
            smoothing = self._recipe.schedule.label_smoothing
            losses = keras.losses.categorical_crossentropy(targets, probabilities, label_smoothing=smoothing)
            loss = tf.reduce_mean(losses)
        gradients = tape.gradient(loss, [variable.value for variable in self.method.variables])
        self._optimizer.apply_gradients(zip(gradients, self.method.variables, strict=True))
        for variable, value in zip(others, changed, strict=True):
            variable.assign(value)

    def _validate(self) -> tuple[float, float]:
        """Mean negative log likelihood after temperature scaling, which the finished network gets too, and accuracy."""
        part = self._validation
        probabilities = predict_rows(self._network, part.pixels, part.rows)
        return calibration.calibrated_loss(probabilities, part.classes), _accuracy(probabilities, part)


def _describe(
    run: runs.Run, options: CompressionOptions, outcome: CompressionOutcome, calibrated: tuple[float, float]
) -> Manifest:
    """The manifest of the compressed run; what was done to it is a list, since both methods may be used in turn."""
    before = run.manifest
    done = {
        **outcome.method,
        "from": before.name,
        "epochs": options.epochs,
        "kept_epoch": outcome.epoch,
        "seed": options.seed,
        "validation_before": outcome.before,
        "validation_after": outcome.after,
    }
    return replace(
        before,
        name=options.out.resolve().name,
        temperature=round(calibrated[0], 6),
        threshold=calibrated[1],
        accuracy={"float": {key: outcome.metrics[key] for key in MANIFEST_FIGURES}},
        recipe={**before.recipe, "compression": [*before.recipe.get("compression", []), done]},
    )


def _write(folder: Path, network: Any, evaluation: Evaluation, manifest: Manifest) -> None:
    with translated_storage_errors(folder / runs.MODEL_NAME):
        keras.Model(network.input, network.output, name=network.name).save(folder / runs.MODEL_NAME)
    write_evaluation(evaluation, folder)
    write_text(folder / LABELS_NAME, "".join(f"{label}\n" for label in manifest.labels))
    write_text(folder / MANIFEST_NAME, manifest.to_json())
