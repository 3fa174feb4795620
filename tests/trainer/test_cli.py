"""What the commands say before any network is built."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sorter.trainer.cli import evaluate, train

HEAVY = ("tensorflow", "keras", "sklearn", "matplotlib", "rich", "pandas")


def run_train(*arguments: object) -> Result:
    return CliRunner().invoke(train, [str(a) for a in arguments])


def run_evaluate(*arguments: object) -> Result:
    return CliRunner().invoke(evaluate, [str(a) for a in arguments])


def assert_explained(result: Result, exit_code: int, *texts: str) -> None:
    """One sentence, a hint, the documented exit code, no traceback."""
    assert result.exit_code == exit_code, result.output
    assert "Error: " in result.stderr and "Hint: " in result.stderr and "Traceback" not in result.stderr
    for text in texts:
        assert text in result.stderr


@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_help_is_quick_and_imports_nothing_heavy(command: str) -> None:
    code = (
        f"import sys\nsys.argv = ['sorter', '--help']\nfrom sorter.trainer.cli import {command}\n"
        f"try:\n    {command}()\nexcept SystemExit:\n    pass\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert "Usage:" in done.stdout
    assert time.monotonic() - started < 3  # 0.3 s on an idle machine; this one is shared


def test_missing_data_argument_is_wrong_usage() -> None:
    assert run_train().exit_code == 2


def test_a_missing_folder(tmp_path: Path) -> None:
    assert_explained(run_train(tmp_path / "nowhere", "--weights", "none"), 4, "does not exist")


def test_an_empty_class_folder(make_photos: Callable[..., Path]) -> None:
    photos = make_photos(disc=3, square=3)
    (photos / "leer").mkdir()
    assert_explained(run_train(photos, "--weights", "none"), 4, "leer", "has no pictures")


def test_one_class_only(make_photos: Callable[..., Path]) -> None:
    assert_explained(run_train(make_photos(disc=3), "--weights", "none"), 4, "one class only (disc)")


@pytest.mark.parametrize(
    ("option", "value", "text"),
    [("--model", "vgg99", "vgg99"), ("--split", "50/20/20", "sum to 100"), ("--image-size", "5000", "4096")],
)
def test_impossible_options(make_photos: Callable[..., Path], option: str, value: str, text: str) -> None:
    result = run_train(make_photos(disc=3, square=3), option, value)
    assert result.exit_code in (2, 3)
    assert text in result.stderr and "Traceback" not in result.output


def test_an_output_folder_with_other_things_is_left_alone(make_photos: Callable[..., Path]) -> None:
    photos = make_photos(disc=3, square=3)
    result = run_train(photos, "--out", photos, "--overwrite", "--weights", "none")
    assert_explained(result, 12, "not an earlier run")
    assert sorted(p.name for p in photos.iterdir()) == ["disc", "square"]


def test_evaluating_what_is_no_model(tmp_path: Path, make_photos: Callable[..., Path]) -> None:
    photos = make_photos(disc=3, square=3)
    assert_explained(run_evaluate(tmp_path, photos, "--out", tmp_path / "e"), 5, "not a finished training run")
    assert_explained(run_evaluate(tmp_path / "a.tflite", photos, "--out", tmp_path / "e"), 5, "does not exist")
    assert not (tmp_path / "e").exists()
