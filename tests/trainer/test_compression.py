"""Pruning and clustering of a finished run, as a user starts them, and what is left of that in the int8 file."""

import importlib
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner, Result

from sorter.trainer.cli import train
from tests.trainer.conftest import draw_picture, save_picture

pytest.importorskip("sorter.trainer.training", reason="needs TensorFlow")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

CLUSTERS = 8


def run_train(photos: Path, *more: str) -> Result:
    return CliRunner().invoke(train, [str(photos), *more])


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("compression") / "photos"
    for label in ("disc", "square"):
        for i in range(30):
            save_picture(root / label / f"{label} {i:03d}.png", draw_picture(label, i))
    return root


@pytest.fixture(scope="module")
def runs(photos: Path) -> dict[str, Path]:
    """A trained run, the same with half of its weights zero, and that clustered."""
    folder = photos.parent
    paths = {name: folder / name for name in ("plain", "pruned", "clustered")}
    small = ("--model", "tiny", "--image-size", "48", "--batch-size", "8", "--epochs", "12", "--split", "60/20/20")
    steps: Sequence[tuple[str, Sequence[str]]] = (
        ("plain", small),
        ("pruned", ("--prune", str(paths["plain"]), "--sparsity", "0.5", "--epochs", "3")),
        ("clustered", ("--cluster", str(paths["pruned"]), "--clusters", str(CLUSTERS), "--epochs", "1")),
    )
    for name, options in steps:
        result = run_train(photos, "--out", str(paths[name]), *options)
        assert result.exit_code == 0, result.output
    return paths


def kernels(run: Path) -> dict[str, npt.NDArray[np.float32]]:
    keras: Any = importlib.import_module("keras")
    network = keras.models.load_model(run / "model.keras", compile=False)
    return {layer.name: layer.get_weights()[0] for layer in network.layers if layer.weights}


def steps_of(run: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((run / "sorter.json").read_text())["recipe"]["compression"]
    return found


def test_half_of_the_weights_become_zero_and_only_where_they_may(runs: dict[str, Path]) -> None:
    found = kernels(runs["pruned"])
    for block in range(1, 10):
        assert (found[f"block{block}_point"] == 0).mean() == pytest.approx(0.5, abs=0.01)
        assert (found[f"block{block}_depth"] != 0).all()
    assert (found["conv"] != 0).all() and (found["probabilities"] != 0).all()
    (step,) = steps_of(runs["pruned"])
    assert step["method"] == "pruning" and step["zeros"] == pytest.approx(0.5, abs=0.001)
    assert step["kept_epoch"] >= 2, "in the first epoch there are not all zeros yet"


def test_a_clustered_layer_has_few_weights_and_keeps_its_zeros(runs: dict[str, Path]) -> None:
    pruned, clustered = kernels(runs["pruned"]), kernels(runs["clustered"])
    for block in range(1, 10):
        kernel = clustered[f"block{block}_point"]
        levels = kernel / np.abs(kernel).max(axis=(0, 1, 2)) * 127
        assert np.abs(levels - np.rint(levels)).max() < 1e-3
        assert len(np.unique(np.rint(levels))) <= CLUSTERS
        assert (kernel[pruned[f"block{block}_point"] == 0] == 0).all()
    assert [step["method"] for step in steps_of(runs["clustered"])] == ["pruning", "clustering"]


def test_int8_keeps_the_clusters_and_packs_smaller(runs: dict[str, Path], photos: Path) -> None:
    interpreter: Any = pytest.importorskip("ai_edge_litert.interpreter")
    zipped = {}
    for name in ("plain", "clustered"):
        run = runs[name]
        file = run / "int8.tflite"
        arguments = ("--int8", "--representative", str(photos), "--out", str(file), "--max-drop", "1", "--json")
        command = [sys.executable, "-c", "from sorter.converters.cli import convert; convert()", str(run), *arguments]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        (row,) = json.loads(done.stdout)
        zipped[name] = row["zipped_bytes"]
        assert row["equalize"] == (name != "clustered")
    assert zipped["plain"] > 1.3 * zipped["clustered"]
    opened = interpreter.Interpreter(str(runs["clustered"] / "int8.tflite"))
    points = [
        opened.get_tensor(detail["index"])
        for detail in opened.get_tensor_details()
        if detail["dtype"] is np.int8 and len(detail["shape"]) == 4 and tuple(detail["shape"][1:3]) == (1, 1)
    ]
    weights = [tensor for tensor in points if len(tensor) > 2]
    assert len(weights) == 9 and all(len(np.unique(tensor)) <= CLUSTERS for tensor in weights)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (lambda runs: ("--prune", str(runs["clustered"])), "is clustered, which pruning would undo"),
        (lambda runs: ("--prune", str(runs["plain"]), "--cluster", str(runs["plain"])), "means nothing to it"),
        (lambda runs: ("--cluster", str(runs["plain"]), "--sparsity", "0.6"), "--sparsity means nothing to it"),
        (lambda runs: ("--clusters", "8"), "--clusters means nothing without --cluster"),
        (lambda runs: ("--qat", str(runs["clustered"])), "which fine-tuning for int8 would undo"),
        (lambda runs: ("--cluster", str(runs["plain"].parent)), "is not a finished training run"),
    ],
)
def test_what_cannot_be_done_is_refused(
    runs: dict[str, Path], photos: Path, options: Callable[[dict[str, Path]], tuple[str, ...]], message: str
) -> None:
    result = run_train(photos, "--out", str(photos.parent / "refused"), *options(runs))
    assert result.exit_code != 0 and message in result.output
    assert not (photos.parent / "refused").exists()


def test_zeros_grow_fast_at_first_and_reach_what_was_asked_for() -> None:
    from sorter.trainer.pruning import sparsity_at

    grown = [sparsity_at(share, 0.8) for share in np.linspace(0, 1, 11)]
    assert grown[0] == 0 and grown[-1] == pytest.approx(0.8) and sparsity_at(2.0, 0.8) == pytest.approx(0.8)
    gains = np.diff(grown)
    assert (gains > 0).all() and (np.diff(gains) < 0).all()


def test_levels_lie_where_the_weights_are() -> None:
    from sorter.trainer.clustering import find_levels

    counts = np.zeros(255, np.int64)
    for level, weights in {-127: 4, -60: 100, 0: 500, 30: 80, 90: 60, 127: 4}.items():
        counts[level + 127] = weights
    assert set(np.rint(find_levels(counts, 6)).astype(int)) == {-127, -60, 0, 30, 90, 127}
    assert {-127, 0, 127} <= set(find_levels(np.ones(255, np.int64), 5))
