"""Training input beside Keras' own: that all of them give every photo, changed, as a network takes it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from sorter.benchmarks.input_pipelines import CONTESTANTS, OURS, copy_some, input_pipelines, table


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Please import:DeprecationWarning")  # Keras' way to SciPy's warp
def test_all_pipelines_read_the_same_photos_in_one_run(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    photos, file = make_dataset(per_class=22), tmp_path / "figures.json"
    arguments = [str(photos), "--photos", "64", "--side-px", "32", "--rounds", "1", "--json", str(file)]
    result = CliRunner().invoke(input_pipelines, arguments)
    assert result.exit_code == 0, result.output
    told = json.loads(file.read_text())
    assert told["photos"] == 64 and set(told["pipelines"]) == set(CONTESTANTS)
    for figures in told["pipelines"].values():
        assert figures["pictures"] == 64
        assert figures["first"] > 0 and figures["later"] > 0 and figures["cpu_ms"] > 0
    assert told["pipelines"][OURS]["ratio"] == 1
    assert all(line in result.output for line in table(told["pipelines"]))


def test_photos_of_all_classes_are_copied(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    photos = make_dataset(per_class=10)
    assert copy_some(photos, 9, tmp_path / "some") == 9
    assert {path.parent.name for path in (tmp_path / "some").rglob("*.png")} == {"blue", "green", "red"}
