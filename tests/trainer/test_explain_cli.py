"""``sorter-explain`` as a user runs it, on a network whose evidence is known."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from sorter.image import Pixels, read_image
from sorter.trainer.explain_cli import explain
from tests.trainer.conftest import save_picture
from tests.trainer.test_cli import HEAVY, assert_explained

pytest.importorskip("tensorflow", reason="needs TensorFlow")
colour_network = pytest.importorskip("tests.trainer.colour_network")

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def draw_fruit(colour_bgr: tuple[int, int, int]) -> Pixels:
    """A disc, left of the middle, on light grey: uint8 BGR (150, 200, 3)."""
    picture = np.full((150, 200, 3), 205, np.uint8)
    cv2.circle(picture, (70, 80), 40, colour_bgr, -1)
    return picture


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "colours"
    colour_network.write_colour_run(folder)
    return folder


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    save_picture(root / "red ä" / "one.png", draw_fruit((40, 40, 210)))
    save_picture(root / "blue" / "one.png", draw_fruit((210, 40, 40)))
    save_picture(root / "blue" / "one.jpg", draw_fruit((210, 40, 40)))
    (root / "blue" / "broken.jpg").write_text("no picture")
    return root


def run_explain(*arguments: object) -> Result:
    return CliRunner().invoke(explain, [str(a) for a in arguments])


def read_rows(out: Path) -> dict[str, dict[str, str]]:
    with (out / "explanations.csv").open(newline="", encoding="utf-8") as file:
        return {row["picture"]: row for row in csv.DictReader(file)}


def test_every_picture_gets_its_heat_map_and_its_row(run: Path, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run_explain(run, photos, "--out", out, "--json")
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert (summary["pictures"], summary["skipped"], summary["layer"]) == (3, 1, "last")
    assert "broken.jpg" in result.stderr
    rows = read_rows(out)
    assert set(rows) == {"blue/one.png.jpg", "blue/one.jpg.jpg", "red ä/one.jpg"}
    for name, row in rows.items():
        assert row["predicted_label"] == row["explained_label"] == name.split("/")[0].split()[0]
        assert float(row["predicted_probability"]) > 0.9
        assert float(row["background_share"]) < 0.25
        height, width = read_image(out / name).shape[:2]
        assert width > 2 * height


def test_the_overlay_is_hot_on_the_object_and_leaves_the_ground_alone(run: Path, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run_explain(run, photos / "blue" / "one.png", "--out", out).exit_code == 0
    both = read_image(out / "one.jpg").astype(int)
    side = both.shape[0]
    seen, overlay = both[:, :side], both[:, -side:]
    change = np.abs(overlay - seen).sum(axis=2)
    assert change[side * 80 // 150, side * 70 // 200] > 100
    assert change[:, side * 3 // 4 :].max() < 40


def test_a_class_can_be_asked_for(run: Path, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run_explain(run, photos / "blue", "--out", out, "--class", "red").exit_code == 0
    row = read_rows(out)["one.png.jpg"]
    assert (row["predicted_label"], row["explained_label"]) == ("blue", "red")
    assert float(row["explained_probability"]) < 0.1
    assert_explained(run_explain(run, photos, "--out", tmp_path / "o", "--class", "rde"), 3, "no class 'rde'", "red")


def test_a_keras_file_from_elsewhere(run: Path, photos: Path, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.keras"
    foreign.write_bytes((run / "model.keras").read_bytes())
    result = run_explain(foreign, photos / "blue" / "one.png", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "without sorter.json" in result.stderr
    assert read_rows(tmp_path / "out")["one.jpg"]["predicted_label"] == "class 1"
    labels = tmp_path / "labels.txt"
    labels.write_text("rot\nblau\n", encoding="utf-8")
    arguments = (foreign, photos / "blue" / "one.png", "--out", tmp_path / "out", "--labels", labels, "--overwrite")
    assert run_explain(*arguments).exit_code == 0
    assert read_rows(tmp_path / "out")["one.jpg"]["predicted_label"] == "blau"


def test_what_cannot_be_explained_is_said_in_a_sentence(run: Path, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    tflite = tmp_path / "a.tflite"
    tflite.write_bytes(b"")
    assert_explained(run_explain(tflite, photos, "--out", out), 5, "no gradients", "Give the run folder")
    assert_explained(run_explain(run, photos, "--out", out, "--layer", "colour"), 3, "no layer called", "colours")
    assert_explained(run_explain(run, tmp_path / "nowhere", "--out", out), 4, "does not exist")
    assert_explained(run_explain(tmp_path, photos, "--out", out), 5, "not a finished training run")
    assert not out.exists()
    assert_explained(run_explain(run, photos / "blue" / "broken.jpg", "--out", out), 4, "can be read")
    assert run_explain(run, photos, "--out", out).exit_code == 0
    assert_explained(run_explain(run, photos, "--out", out), 12, "--overwrite")


def test_help_is_quick_and_imports_nothing_heavy() -> None:
    code = (
        "import sys\nsys.argv = ['sorter-explain', '--help']\nfrom sorter.trainer.explain_cli import explain\n"
        "try:\n    explain()\nexcept SystemExit:\n    pass\n"
        f"print([m for m in {(*HEAVY, 'cv2')!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
