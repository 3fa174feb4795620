"""One recipe in several widths and sizes: what is asked for, and the whole command."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sorter.errors import ConfigError
from sorter.trainer.cli import train
from sorter.trainer.recipes import RECIPES
from sorter.trainer.sweep import plan_points
from tests.trainer.conftest import draw_picture, save_picture


def test_every_width_is_trained_in_every_size_with_its_own_weights() -> None:
    points = plan_points(RECIPES["mobilenetv2"], "size=96,128 width=1,0.35", "v2_{width}_{size}_no_top.h5")
    assert [(point.name, point.weights) for point in points] == [
        ("mobilenetv2-w0.35-96px", "v2_0.35_96_no_top.h5"),
        ("mobilenetv2-w0.35-128px", "v2_0.35_128_no_top.h5"),
        ("mobilenetv2-w1-96px", "v2_1.0_96_no_top.h5"),
        ("mobilenetv2-w1-128px", "v2_1.0_128_no_top.h5"),
    ]
    assert points[1].recipe == RECIPES["mobilenetv2"].changed(image_size_px=128, width=0.35)


@pytest.mark.parametrize(
    ("name", "asked", "weights", "message"),
    [
        ("tiny", "alpha=1", None, "no thing to sweep called 'alpha'"),
        ("tiny", "width=", None, "cannot be read at 'width='"),
        ("tiny", "width=0.5 width=1", None, "cannot be read at 'width=1'"),
        ("tiny", " ", None, "neither widths nor sizes"),
        ("tiny", "size=96.5", None, "size of 96.5 pixels is impossible"),
        ("tiny", "size=4", None, "image_size_px is 4"),
        ("tiny", "width=9", None, "width of 9 is impossible"),
        ("study-vgg16", "width=0.5", None, "exists in one width only"),
        ("mobilenetv2", "width=0.5,1", "v2_1.0.h5", "holds the weights of one width, but 2 widths"),
    ],
)
def test_what_cannot_be_swept_is_refused(name: str, asked: str, weights: str | None, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        plan_points(RECIPES[name], asked, weights)


def test_options_that_contradict_a_sweep_are_refused(tmp_path: Path) -> None:
    for more in (("--folds", "3"), ("--compare", "tiny,small"), ("--image-size", "32"), ("--width", "0.5")):
        result = CliRunner().invoke(train, [str(tmp_path), "--model", "tiny", "--sweep", "width=0.5", *more])
        assert result.exit_code == 2 and "--sweep" in result.output


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_sweep_trains_converts_and_reports_and_does_nothing_twice(tmp_path: Path) -> None:
    pytest.importorskip("sorter.trainer.training", reason="needs TensorFlow")
    photos, out = tmp_path / "photos", tmp_path / "sweep"
    for label in ("disc", "square"):
        for i in range(24):
            save_picture(photos / label / f"{label}{i}.png", draw_picture(label, i))

    def sweep(*more: str) -> Result:
        small = ("--model", "toy-4conv", "--epochs", "1", "--batch-size", "8", "--json")
        return CliRunner().invoke(
            train, [str(photos), "--sweep", "width=0.5,1 size=32", "--out", str(out), *small, *more]
        )

    first = sweep()
    assert first.exit_code == 0, first.output
    names = ["toy-4conv-w0.5-32px", "toy-4conv-w1-32px"]
    told = json.loads(first.stdout)
    assert [row["network"] for row in told["runs"]] == names
    assert told["runs"][0]["parameters"] < 0.35 * told["runs"][1]["parameters"]
    report = json.loads((out / "report" / "report.json").read_text())
    assert [model["model"] for model in report["models"]] == [f"{name}.tflite" for name in names]
    assert report["models"][0]["zipped_bytes"] < report["models"][1]["zipped_bytes"]
    assert all(model["accuracy"] and model["timings"] for model in report["models"])
    made = {
        file: file.stat().st_mtime_ns
        for name in names
        for file in (out / name / "model.keras", out / f"files/{name}.tflite")
    }

    again = sweep("--resume")
    assert again.exit_code == 0, again.output
    assert {file: file.stat().st_mtime_ns for file in made} == made
