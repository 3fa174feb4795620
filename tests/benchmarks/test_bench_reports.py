"""``sorter-bench merge`` and ``sorter-bench compare``: several reports."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sorter.benchmarks.cli import bench
from sorter.benchmarks.results import ModelResult, Results
from sorter.errors import ConfigError, SorterError
from tests.benchmarks.reports import make_accuracy, make_model, make_results, make_timing


def run(*arguments: object) -> Result:
    return CliRunner().invoke(bench, [str(argument) for argument in arguments])


def write(path: Path, results: Results) -> Path:
    results.write(path)
    return path


def test_machines_side_by_side(tmp_path: Path) -> None:
    models = (make_model("m1", 2.0), make_model("m2", 3.0))
    busy = {"before": {}, "during": {}, "after": {}, "sittings": 1, "warnings": ["The machine was busy."]}
    pi5 = make_results(*models, machine={"processor": "Raspberry Pi 5"})
    slower = (replace(models[0], timings=(make_timing(6.0),), accuracy=make_accuracy("1" * 89 + "0" * 11)),)
    pi4 = replace(make_results(*slower, machine={"processor": "Raspberry Pi 4"}), conditions=busy)
    paths = [write(tmp_path / "pi5.json", pi5), write(tmp_path / "pi4" / "report.json", pi4).parent]
    result = run("merge", *paths, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    with (tmp_path / "out" / "merged.csv").open() as file:
        rows = {(row["model"], row["machine"]): row for row in csv.DictReader(file)}
    assert rows["m1", "pi4"]["against the first"] == "3.00 x" and rows["m1", "pi5"]["p50 ms"] == "2.00"
    assert rows["m2", "pi4"]["against the first"] == "not measured there"
    page = (tmp_path / "out" / "merged.html").read_text()
    for said in ("pi4: The machine was busy.", "m1 does not give the same answers on pi5 and pi4"):
        assert said in page and said in result.stdout and said in (tmp_path / "out" / "merged.md").read_text()
    assert set(json.loads((tmp_path / "out" / "merged.json").read_text())) == {"pi5", "pi4"}


def test_different_photos_are_not_merged(tmp_path: Path) -> None:
    model = make_model("m", 2.0)
    first = write(tmp_path / "a.json", make_results(model))
    second = write(tmp_path / "b.json", make_results(model, fingerprint="f2", photos=50, labels=["a", "c"]))
    for command in (("merge", first, second, "--out", tmp_path / "out"), ("compare", first, second)):
        result = run(*command)
        assert result.exit_code == ConfigError.exit_code
        assert "photos 100 and 50" in result.stderr and "only: c" in result.stderr
    same_numbers = write(tmp_path / "c.json", make_results(model, fingerprint="f3"))
    assert "other pictures or labels" in run("merge", first, same_numbers, "--out", tmp_path / "out").stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"schema_version": 1, "models": []}', "has schema version 1; this program reads 2"),
        ("[]", "is not a report"),
        ("{", "is not a report"),
        ('{"schema_version": 2, "models": [{}]}', "is a damaged report"),
    ],
)
def test_a_file_that_is_no_report_of_this_version(tmp_path: Path, content: str, said: str) -> None:
    good = write(tmp_path / "good.json", make_results(make_model("m", 2.0)))
    (tmp_path / "bad.json").write_text(content)
    for command in (
        ("merge", good, tmp_path / "bad.json", "--out", tmp_path / "out"),
        ("compare", good, tmp_path / "bad.json"),
    ):
        result = run(*command)
        assert result.exit_code == ConfigError.exit_code and said in result.stderr
    missing = run("compare", good, tmp_path / "none.json")
    assert missing.exit_code == ConfigError.exit_code and "Cannot read" in missing.stderr


@pytest.mark.parametrize(
    ("changed", "failed"),
    [
        (make_model("m", 2.0), ""),
        (make_model("m", 2.06), ""),  # 3 % slower: allowed
        (make_model("m", 2.4), "m (p50, 1 thread)"),
        (make_model("m", 1.0), ""),
        (make_model("m", 2.0, size=1_200_000), "m (size)"),
        (make_model("m", 2.0, correct="1" * 89 + "0" * 11), ""),  # one photo of a hundred may be chance
        (make_model("m", 2.0, correct="1" * 70 + "0" * 30), "m (accuracy)"),
        (ModelResult("m", problem="It cannot be read."), "m (all)"),
        (make_model("other", 2.0), "m (all)"),
    ],
)
def test_the_gate_fails_for_regressions_only(tmp_path: Path, changed: ModelResult, failed: str) -> None:
    old = write(tmp_path / "old.json", make_results(make_model("m", 2.0)))
    new = write(tmp_path / "new.json", make_results(changed))
    result = run("compare", old, new, "--fail-over", "5%")
    assert result.exit_code == (SorterError.exit_code if failed else 0), result.output
    assert failed in result.stderr
    assert sum(change["fails"] for change in json.loads(run("compare", old, new, "--json").stdout)) == bool(failed)


def test_a_model_that_is_gone_fails_the_gate_unless_it_never_ran(tmp_path: Path) -> None:
    broken = ModelResult("broken", problem="It is damaged.")
    old = write(tmp_path / "old.json", make_results(make_model("m", 2.0), make_model("gone", 2.0), broken))
    new = write(tmp_path / "new.json", make_results(make_model("m", 2.0)))
    changes = {change["model"]: change for change in json.loads(run("compare", old, new, "--json").stdout)}
    assert changes["gone"]["fails"] and not changes["broken"]["fails"]
    assert changes["broken"]["old"] == "It is damaged."


def test_what_the_gate_allows_is_asked_for(tmp_path: Path) -> None:
    old = write(tmp_path / "old.json", make_results(make_model("m", 2.0)))
    new = write(tmp_path / "new.json", make_results(make_model("m", 2.4, correct="1" * 70 + "0" * 30)))
    assert run("compare", old, new, "--fail-over", "0.25", "--accuracy-drop", "30%").exit_code == 0
    wrong = run("compare", old, new, "--fail-over", "much")
    assert wrong.exit_code == 2 and "write 5% or 0.05" in wrong.stderr


def test_a_change_within_the_interval_is_no_difference(tmp_path: Path) -> None:
    old = write(tmp_path / "old.json", make_results(make_model("m", 2.0)))
    again = replace(make_model("m", 2.0), timings=(make_timing(2.0, seed=2),))
    result = run("compare", old, write(tmp_path / "new.json", make_results(again)))
    assert result.exit_code == 0 and "no difference" in result.stdout


def test_other_machines_are_not_compared(tmp_path: Path) -> None:
    old = write(tmp_path / "old.json", make_results(make_model("m", 2.0)))
    new = write(tmp_path / "new.json", make_results(make_model("m", 2.0), machine={"cores": 4}))
    result = run("compare", old, new)
    assert result.exit_code == ConfigError.exit_code and "cores 2 and 4" in result.stderr
