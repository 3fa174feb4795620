"""Layers that a format has no kernel for are named with a way out, and never left out of sight."""

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
from sorter.converters.cli import convert
from sorter.errors import ConversionError
from sorter.interpreter import load_interpreter

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("tensorflow") is None, reason="conversion needs the train extra"),
]


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("networks")
    subprocess.run([sys.executable, Path(__file__).with_name("odd_networks.py"), folder], check=True)
    rng = np.random.default_rng(4)
    for label in ("blue", "green", "red"):
        (folder / "photos" / label).mkdir(parents=True)
        for i in range(5):
            picture = rng.integers(0, 256, (24, 24, 3), dtype=np.uint8)
            cv2.imwrite(str(folder / "photos" / label / f"{i}.png"), picture)
    return folder


def run_convert(network: Path, *options: str) -> Result:
    photos = str(network.parent / "photos")
    given = [str(network), "--representative", photos, "--check", photos, "--max-drop", "1", "--input-range", "bytes"]
    return CliRunner().invoke(convert, [*given, "--out", str(network.with_suffix(".tflite")), "--json", *options])


def test_a_layer_without_int8_kernel_is_named(networks: Path) -> None:
    result = run_convert(networks / "elu.keras", "--int8")
    assert result.exit_code == 0, result.output
    assert "no int8 version of odd_one (ELU)" in result.stderr and "Hint: Where that matters, put ReLU" in result.stderr
    manifest = Bundle.load(networks / "elu.tflite").manifest
    assert manifest is not None and manifest.conversion["float_layers"] == {"odd_one": "ELU"}


def test_a_target_that_takes_integers_only_refuses_it(networks: Path) -> None:
    result = run_convert(networks / "elu.keras", "--target", "edgetpu")
    assert result.exit_code == ConversionError.exit_code, result.output
    assert "Edge TPU takes integers only" in result.stderr and "odd_one (ELU)" in result.stderr


def test_a_layer_without_16_bit_kernel_is_named(networks: Path) -> None:
    result = run_convert(networks / "hard_swish.keras", "--int16x8")
    assert result.exit_code == ConversionError.exit_code, result.output
    assert "no HARD_SWISH with activations of 16 bits, which layer odd_one needs" in result.stderr
    assert "Hint: Try --int8" in result.stderr


def test_a_layer_without_any_kernel_is_named(networks: Path) -> None:
    result = run_convert(networks / "arcsinh.keras", "--float32")
    assert result.exit_code == ConversionError.exit_code, result.output
    assert "no operator for Asinh, which the network uses" in result.stderr and "Hint: Replace it" in result.stderr


def test_a_layer_that_learned_nothing_does_not_spoil_the_file(networks: Path) -> None:
    # LiteRT refuses a ReLU6 whose 6 overflows 32 bits in the steps of its output.
    result = run_convert(networks / "vanishing.keras", "--int16x8")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)[0]["worst_difference"] < 0.001
    load_interpreter((networks / "vanishing.tflite").read_bytes()).invoke()
