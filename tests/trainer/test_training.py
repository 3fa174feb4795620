"""Phases, optimizers and resuming, with a backbone of one convolution on drawn pictures."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sorter.errors import ConfigError, DatasetError, TrainingError
from sorter.trainer.batches import Examples
from sorter.trainer.recipes import HEAD_ONLY, Augmentation, Recipe, Schedule
from sorter.trainer.training_record import Epoch, Progress
from tests.trainer.conftest import draw_picture

training: Any = pytest.importorskip("sorter.trainer.training", reason="needs TensorFlow")

pytestmark = [
    pytest.mark.slow,
    # Keras 3.15 converts variables in a way that NumPy 2 announces to change.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

SIDE = 24

ADAMW = Schedule(
    epochs=3, batch_size=8, optimizer="adamw", weight_decay=1e-3, warmup_steps=2, mixup_share=0.5, average_momentum=0.9
)
RMSPROP = Schedule(epochs=3, batch_size=8, optimizer="rmsprop", decay="constant", keep="accuracy")
SGD = Schedule(
    epochs=4, batch_size=8, optimizer="sgd", momentum=0.9, learning_rate=0.01, decay="plateau", plateau_patience=1
)

SMALL = Recipe(
    name="small",
    # In name only: the networks are built here.
    architecture="mobilenetv2",
    source="these tests",
    image_size_px=SIDE,
    augmentation=Augmentation(rotation_deg=10.0, flip_horizontal=True),
    schedule=ADAMW,
    transfer=RMSPROP,
    warm_start=False,
    unfreeze_from="conv",
)


WARM = replace(SMALL, warm_start=True)


def build_backbone(inputs: Any, dense: bool) -> Any:
    from keras import layers

    from sorter.trainer.networks import FEATURES_NAME, HEAD_NAME

    tensor = layers.Rescaling(1 / 255, name="scale")(inputs)
    tensor = layers.Conv2D(6, 3, strides=2, use_bias=False, name="conv")(tensor)
    tensor = layers.BatchNormalization(name="norm")(tensor)
    tensor = layers.ReLU(name="relu")(tensor)
    tensor = layers.GlobalAveragePooling2D(name=FEATURES_NAME)(tensor)
    if dense:
        tensor = layers.BatchNormalization(name="head_norm")(tensor)
        tensor = layers.Dense(5, activation="relu", name="head_dense")(tensor)
    tensor = layers.Dropout(0.3, name="dropout")(tensor)
    return layers.Dense(2, activation="softmax", name=HEAD_NAME)(tensor)


def build(recipe: Recipe, dense: bool = True) -> Any:
    import keras

    keras.utils.set_random_seed(5)
    inputs = keras.Input((recipe.image_size_px, recipe.image_size_px, 3))
    return keras.Model(inputs, build_backbone(inputs, dense), name=recipe.name)


@pytest.fixture(scope="module")
def parts() -> tuple[Examples, Examples]:
    labels = ["disc", "square"] * 16
    pixels = np.stack([draw_picture(label, i, SIDE, SIDE) for i, label in enumerate(labels)])
    classes = np.arange(32) % 2
    return Examples(pixels, np.arange(24), classes[:24], 2), Examples(pixels, np.arange(24, 32), classes[24:], 2)


def fit(
    recipe: Recipe,
    parts: tuple[Examples, Examples],
    dense: bool = True,
    checkpoint: Any = None,
    stop_after: int | None = None,
    has_backbone: bool = True,
) -> tuple[Any, Progress]:
    """Trains; after ``stop_after`` steps as if the plug were pulled."""
    network = build(recipe, dense)
    steps = 0

    def watch(_line: str, done: int) -> None:
        nonlocal steps
        steps += done
        if stop_after is not None and steps > stop_after:
            raise ConnectionAbortedError

    around = training.Surroundings(checkpoint=checkpoint)
    return network, training.train_network(network, recipe, parts, 7, watch, has_backbone, around)


def history(progress: Progress) -> list[Epoch]:
    return [replace(epoch, seconds=0.0) for epoch in progress.history]


def values(network: Any) -> list[Any]:
    return [v.value.numpy() for v in network.variables]


def equal(first: list[Any], second: list[Any]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def make_checkpoint(folder: Path, seed: int = 7, **photos: str) -> Any:
    from sorter.trainer.checkpoints import Checkpoint, Identity

    return Checkpoint(folder / "checkpoint", Identity({"seed": seed, "schedule": {"epochs": 3}}, photos))


def test_all_phases_train_and_the_backbone_changes_in_the_last_only(parts: tuple[Examples, Examples]) -> None:
    network, progress = fit(replace(SMALL, schedule=replace(ADAMW, learning_rate=0.02)), parts)
    assert [(e.phase, e.epoch) for e in progress.history] == [
        *(("transfer", n) for n in (1, 2, 3)),
        *(("fine-tuning", n) for n in (4, 5, 6)),
    ]
    fresh = build(SMALL)
    frozen, _ = fit(replace(SMALL, schedule=RMSPROP, transfer=None, unfreeze_from=HEAD_ONLY), parts)
    assert equal(frozen.get_layer("conv").get_weights(), fresh.get_layer("conv").get_weights())
    assert equal(frozen.get_layer("norm").get_weights(), fresh.get_layer("norm").get_weights())
    for name in ("head_norm", "head_dense"):
        assert not equal(frozen.get_layer(name).get_weights(), fresh.get_layer(name).get_weights())
    assert not equal(network.get_layer("conv").get_weights(), fresh.get_layer("conv").get_weights())


def test_a_linear_head_is_fitted_first_and_one_with_layers_is_not(parts: tuple[Examples, Examples]) -> None:
    assert [e.phase for e in fit(WARM, parts, dense=False)[1].history][:2] == ["features", "transfer"]
    assert [e.phase for e in fit(WARM, parts)[1].history][:1] == ["transfer"]
    assert [e.phase for e in fit(SMALL, parts, dense=False)[1].history][:1] == ["transfer"]


def test_from_scratch_there_is_one_phase_and_nothing_is_frozen(parts: tuple[Examples, Examples]) -> None:
    network, progress = fit(SMALL, parts, has_backbone=False)
    assert {e.phase for e in progress.history} == {"training"}
    assert all(layer.trainable for layer in network.layers)


def test_stored_features_train_the_head_as_pictures_would(
    parts: tuple[Examples, Examples], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without augmentation the backbone runs once, and the head ends where it would have with the backbone in front."""
    from sorter.trainer.phases import Phase, keep_backbone

    recipe = keep_backbone(SMALL)
    quick, with_features = fit(recipe, parts)
    monkeypatch.setattr(Phase, "uses_stored_features", False)
    slow, with_pictures = fit(recipe, parts)
    assert {e.phase for e in with_features.history} == {"transfer"}
    for ours, theirs in zip(quick.get_weights(), slow.get_weights(), strict=True):
        assert np.allclose(ours, theirs, atol=1e-5)
    for one, other in zip(with_features.history, with_pictures.history, strict=True):
        assert one.train_loss == pytest.approx(other.train_loss, rel=1e-4)


def test_the_best_accuracy_is_kept_where_the_recipe_says_so(parts: tuple[Examples, Examples]) -> None:
    recipe = replace(SMALL, transfer=None, schedule=replace(RMSPROP, epochs=6))
    _, progress = fit(recipe, parts, has_backbone=False)
    assert progress.best is not None
    assert progress.best.validation_accuracy == max(e.validation_accuracy for e in progress.history)


def test_the_same_seed_gives_the_same_network(parts: tuple[Examples, Examples]) -> None:
    (first, one), (second, other) = fit(SMALL, parts), fit(SMALL, parts)
    assert equal(values(first), values(second))
    assert history(one) == history(other)


@pytest.mark.parametrize(
    ("schedule", "stop_after"),
    [(ADAMW, 1), (RMSPROP, 4), (ADAMW, 10), (SGD, 19)],
    ids=["in the first epoch", "in the second", "between phases", "in the second phase"],
)
def test_a_resumed_training_ends_where_one_without_a_break_does(
    parts: tuple[Examples, Examples], tmp_path: Path, schedule: Schedule, stop_after: int
) -> None:
    recipe = replace(SMALL, schedule=schedule)
    whole, uninterrupted = fit(recipe, parts)
    with pytest.raises(ConnectionAbortedError):
        fit(recipe, parts, checkpoint=make_checkpoint(tmp_path), stop_after=stop_after)
    resumed, progress = fit(recipe, parts, checkpoint=make_checkpoint(tmp_path))
    assert equal(values(resumed), values(whole))
    assert history(progress) == history(uninterrupted)


def test_a_training_stopped_after_the_features_goes_on_from_there(
    parts: tuple[Examples, Examples], tmp_path: Path
) -> None:
    whole, _ = fit(WARM, parts, dense=False)
    with pytest.raises(ConnectionAbortedError):
        fit(WARM, parts, dense=False, checkpoint=make_checkpoint(tmp_path), stop_after=0)
    checkpoint = make_checkpoint(tmp_path)
    assert [e.phase for e in checkpoint.load().progress.history] == ["features"]
    resumed, _ = fit(WARM, parts, dense=False, checkpoint=checkpoint)
    assert equal(values(resumed), values(whole))


def test_a_checkpoint_of_another_training_is_refused_with_the_difference(
    parts: tuple[Examples, Examples], tmp_path: Path
) -> None:
    fit(SMALL, parts, checkpoint=make_checkpoint(tmp_path, a="train disc 1", b="train disc 2"))
    with pytest.raises(ConfigError, match="seed was 7 and is 8"):
        make_checkpoint(tmp_path, seed=8, a="train disc 1").load()
    with pytest.raises(DatasetError, match=r"3 photos have changed: a \(other content.*b \(gone\), c \(new\)"):
        make_checkpoint(tmp_path, a="train disc 9", c="train disc 3").load()


def test_a_damaged_checkpoint_is_a_clear_error(parts: tuple[Examples, Examples], tmp_path: Path) -> None:
    checkpoint = make_checkpoint(tmp_path)
    fit(SMALL, parts, checkpoint=checkpoint)
    file = tmp_path / "checkpoint" / "epoch.npz"
    file.write_bytes(file.read_bytes()[:-500])
    with pytest.raises(TrainingError, match="cannot be read"):
        checkpoint.load()


def test_a_full_disk_ends_neither_the_training_nor_the_state_before(
    parts: tuple[Examples, Examples], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    resource = pytest.importorskip("resource", reason="limits on files are a matter of Unix")
    checkpoint = make_checkpoint(tmp_path)
    with pytest.raises(ConnectionAbortedError):
        fit(SMALL, parts, checkpoint=checkpoint, stop_after=4)
    before = (tmp_path / "checkpoint" / "epoch.npz").read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, limits[1]))
    try:
        _, progress = fit(SMALL, parts, checkpoint=checkpoint)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert progress.ending == "finished" and len(progress.history) == 6
    assert capsys.readouterr().err.count("resumed from an earlier epoch only") == 1
    assert (tmp_path / "checkpoint" / "epoch.npz").read_bytes() == before
    assert sorted(p.name for p in (tmp_path / "checkpoint").iterdir()) == ["epoch.npz", "identity.json"]


def test_memory_that_does_not_suffice_is_told_with_a_smaller_batch_size(parts: tuple[Examples, Examples]) -> None:
    import keras

    inputs = keras.Input((SIDE, SIDE, 3))
    # Terabytes, which no machine gives.
    tensor = keras.layers.UpSampling2D(20_000)(inputs)
    tensor = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(2, 3)(tensor))
    network = keras.Model(inputs, keras.layers.Softmax()(tensor))
    with pytest.raises(TrainingError, match="8 photos in a step") as caught:
        training.train_network(network, SMALL, parts, 0, lambda _line, _steps: None, has_backbone=False)
    assert "--batch-size 4" in caught.value.hint
