"""A network that int8 spoils: the gate catches it, the diagnosis names the layer, a remedy or training mends it."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from sorter.bundle import Bundle
from sorter.converters.activations import Grid, open_probe
from sorter.converters.cli import convert
from sorter.converters.diagnosis import layer_of
from sorter.errors import AccuracyDropError, ConversionError
from tests.conftest import COLORS_BGR, draw_disc

needs_tensorflow = pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is None, reason="conversion needs the train extra"
)


def test_layers_are_found_behind_the_names_of_tensors() -> None:
    layers = ("conv_1", "block_3_expand_relu", "dense_1")
    assert layer_of("net_1/block_3_expand_relu_1/Relu6;net_1/block_3_expand_1/convolution", layers) == layers[1]
    assert layer_of("net/conv_1/Relu", layers) == "conv_1"
    assert layer_of("net_1/dense_1_1/MatMul", layers) == "dense_1"
    assert layer_of("StatefulPartitionedCall:0", layers) == "StatefulPartitionedCall:0"


def test_a_grid_rounds_and_clips() -> None:
    snapped = Grid(0.5, -1.0, 2.0).snap(np.array([-3.0, 0.2, 0.3, 9.0], np.float32))
    assert snapped.tolist() == [-1.0, 0.0, 0.5, 2.0]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("repair") / "photos"
    for c, (label, color) in enumerate(COLORS_BGR.items()):
        (root / label).mkdir(parents=True)
        for i in range(60):
            cv2.imwrite(str(root / label / f"{i:02}.png"), draw_disc(color, seed=100 * c + i))
    return root


@pytest.fixture(scope="module")
def run(photos: Path) -> Path:
    return _make_run(photos, photos.parent / "run", 1 / 50_000)


def _make_run(photos: Path, folder: Path, factor: float) -> Path:
    script = Path(__file__).with_name("badly_scaled_run.py")
    subprocess.run([sys.executable, script, photos, folder, str(factor)], check=True, capture_output=True)
    return folder


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(convert, [str(a) for a in arguments])


@needs_tensorflow
@pytest.mark.slow
def test_the_gate_names_the_layer_that_is_spoiled(run: Path, photos: Path) -> None:
    out = run.parent / "plain.tflite"
    result = invoke(run, "--representative", photos, "--samples", 60, "--out", out)
    assert result.exit_code == AccuracyDropError.exit_code, result.output
    assert "Layers that lose most: expand2_relu" in result.stderr
    assert not out.exists()


@needs_tensorflow
@pytest.mark.slow
def test_a_file_that_the_interpreter_cannot_run_is_no_result(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.tflite"
    given = (_make_run(photos, tmp_path / "run", 1e-7), "--representative", photos, "--samples", 60, "--out", out)
    result = invoke(*given)
    assert result.exit_code == ConversionError.exit_code, result.output
    assert "LiteRT cannot run the converted network: " in result.stderr
    assert "--qat" in result.stderr and "--repair" in result.stderr
    assert "candidate" not in result.stderr and not out.exists()
    repaired = invoke(*given, "--repair", "--json")
    assert repaired.exit_code == 0, repaired.output
    row = json.loads(repaired.stdout)[0]
    assert "as it was: not possible" in repaired.stderr
    assert "as it was" not in [trial["remedy"] for trial in row["trials"]] and row["drop"] <= 0.01


@needs_tensorflow
@pytest.mark.slow
def test_repair_finds_a_file_of_the_same_size_that_passes(run: Path, photos: Path) -> None:
    out = run.parent / "repaired.tflite"
    result = invoke(run, "--representative", photos, "--samples", 60, "--out", out, "--repair", "--json")
    assert result.exit_code == 0, result.output
    row = json.loads(result.stdout)[0]
    assert row["drop"] <= 0.01
    assert row["equalize_widely"] and row["format"] == "int8" and not row["float_tensors"]
    assert row["trials"][0]["drop"] > 0.05
    manifest = Bundle.load(out).manifest
    assert manifest is not None and manifest.accuracy["int8"]["accuracy"] == row["accuracy"]


@needs_tensorflow
@pytest.mark.slow
def test_training_for_int8_mends_it_too_and_its_ranges_are_kept(run: Path, photos: Path) -> None:
    tuned = run.parent / "tuned"
    code = (
        "from pathlib import Path; from sorter.trainer.qat import QatOptions, fine_tune; "
        f"folders = map(Path, ({str(photos)!r}, {str(run)!r}, {str(tuned)!r})); "
        "said = fine_tune(QatOptions(*folders, epochs=10, learning_rate=1e-3)).manifest.recipe['quantisation_aware']; "
        "print(said['validation_before'], said['validation_after'])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    before, after = map(float, done.stdout.split()[-2:])
    # It begins by equalising, which alone mends what plain conversion spoils (above); training must not lose that.
    assert before > 0.9 and after > 0.97
    out = run.parent / "tuned.tflite"
    result = invoke(tuned, "--representative", photos, "--samples", 60, "--out", out, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)[0]["drop"] <= 0.01
    ranges = json.loads((tuned / "ranges.json").read_text())
    grids = open_probe(out.read_bytes()).grids()
    found = {layer_of(tensor, list(ranges)): grid.step for tensor, grid in grids.items()}
    for layer in ("expand1_relu", "expand2_relu", "depth2_relu"):
        low, high = ranges[layer]
        assert found[layer] == pytest.approx((high - low) / 255, rel=1e-3)
