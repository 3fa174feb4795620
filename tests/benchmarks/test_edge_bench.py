"""The edge and endurance benchmarks with tiny numbers: that they measure what they say, not how fast it is."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from sorter.benchmarks.edge import edge
from sorter.benchmarks.endurance import Endurance, complaints
from sorter.errors import BundleError


@pytest.mark.slow
def test_every_object_reaches_the_wire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["--model", "fruit-demo-int8", "--objects", "5", "--idle-s", "3", "--json", "edge.json"]
    result = CliRunner().invoke(edge, arguments)
    assert result.exit_code == 0, result.output
    told = json.loads((tmp_path / "edge.json").read_text())
    assert [wire["votes"] for wire in told["wire"]] == [1, 3]
    for wire in told["wire"]:
        assert wire["objects"] == wire["rows"] == 5
        assert wire["total_ms"]["p50"] > wire["invoke_ms"]["p50"] > 0
        assert {"trigger", "decide", "classify"} <= set(wire["stages_ms"])
    assert told["idle_frame"]["frames"] > 0
    assert told["idle_frame"]["process_ms"] >= told["idle_frame"]["loop_ms"] > 0
    assert 0 < told["idle_process"]["core_share"] < 2
    assert told["machine"]["cores"] >= 1
    assert not list((tmp_path / "reports").iterdir())


def test_a_network_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    result = CliRunner().invoke(edge, ["--model", str(tmp_path / "none.tflite")])
    assert result.exit_code == BundleError.exit_code and "does not exist" in result.output


@pytest.mark.slow
def test_the_journal_of_a_long_run_is_complete(tmp_path: Path) -> None:
    figures = Endurance(40, 10, tmp_path).run()
    assert complaints(figures, 40) == []
    assert figures["warm_mb"] > 0 and figures["memory_mb"][-1][0] == 40


def test_complaints_name_what_is_wrong() -> None:
    good = {"rows": 9, "rows_completed": 9, "motions": 9, "motions_done": 9, "rows_cleared": 8, "exit_code": 0}
    good |= {"consecutive": True, "motions_as_decided": True}
    assert complaints(good, 9) == []
    assert complaints({**good, "motions": 10}, 9) == ["10 motions of 9"]
    assert complaints({**good, "consecutive": False}, 9) == ["not consecutive"]
    assert "ended with 5" in complaints({**good, "exit_code": 5}, 9)[0]
