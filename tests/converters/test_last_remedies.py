"""Networks that other ranges do not mend: layers left in floating point, then 16-bit activations, or a refusal."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sorter.bundle import Bundle
from sorter.converters.cli import convert
from sorter.errors import ConversionError

pytestmark = pytest.mark.slow


def repair(run: Path, photos: Path, out: Path, blocks: int, *more: str) -> Result:
    """Repairs the run with so many blocks that int8 spoils."""
    spoiled = out.parent / f"spoiled-{blocks}"
    script = Path(__file__).with_name("pass_through_run.py")
    if not spoiled.exists():
        subprocess.run([sys.executable, script, run, spoiled, str(blocks)], check=True, capture_output=True)
    given = [str(spoiled), "--representative", str(photos), "--out", str(out), "--repair", "--json", *more]
    return CliRunner().invoke(convert, given)


def row_of(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    row: dict[str, Any] = json.loads(result.stdout)[0]
    assert row["trials"][0]["drop"] > 0.3 and row["drop"] <= 0.01
    return row


def test_the_worst_layers_stay_in_floating_point(run: Path, photos: Path, tmp_path: Path) -> None:
    row = row_of(repair(run, photos, tmp_path / "out.tflite", 1))
    assert row["format"] == "int8" and any("shrink0" in name for name in row["float_tensors"])
    manifest = Bundle.load(tmp_path / "out.tflite").manifest
    assert manifest is not None and manifest.conversion["float_tensors"] == row["float_tensors"]


def test_activations_of_16_bits_come_last(run: Path, photos: Path, tmp_path: Path) -> None:
    row = row_of(repair(run, photos, tmp_path / "out.tflite", 14))
    assert row["format"] == "int16x8" and not row["float_tensors"]
    remedies = [trial["remedy"] for trial in row["trials"]]
    assert remedies[-1] == "activations of 16 bits"
    assert [remedy.split(" (")[0] for remedy in remedies[-3:-1]] == [
        "4 worst layers in float",
        "12 worst layers in float",
    ]


def test_where_integers_are_all_there_is_the_refusal_names_the_training(
    run: Path, photos: Path, tmp_path: Path
) -> None:
    result = repair(run, photos, tmp_path / "out.tflite", 1, "--target", "edgetpu")
    assert result.exit_code == ConversionError.exit_code, result.output
    assert "None of" in result.stderr
    assert f"sorter-train {photos} --qat {tmp_path / 'spoiled-1'} --out {tmp_path / 'spoiled-1-qat'}" in result.stderr
    assert not (tmp_path / "out.tflite").exists()
