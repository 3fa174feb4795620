"""The whole way from photos on a belt to the arm: that it is counted rightly, and that it says why a speed breaks."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sorter.benchmarks.cli import bench
from sorter.benchmarks.conveyor import PipelineOptions, Sitting, feed_at
from sorter.benchmarks.pace import judge_pace
from sorter.benchmarks.sweep import Limits, judge_step
from sorter.errors import BundleError, ConfigError, DatasetError
from sorter.models import find_model

MOVE_S = 0.5
FEED = feed_at(30, "steps")


def _sitting(present: list[tuple[int, ...]], motions: list[tuple[float, int, int]], **changes: Any) -> Sitting:
    """Objects of class ``a`` (bin 1), every 2 s from 10 s on, with the bins they went to; motions: begin, bin, took."""
    visits = [
        {"number": i, "label": "a", "name": "", "arrived_at_s": 8.0 + 2 * i, "bins": bins, "left_at_s": 9.5 + 2 * i}
        for i, bins in enumerate(present, start=1)
    ]
    log: list[dict[str, Any]] = [
        {"boot": 1, "sequence": i, "bin": bin_number, "began_at_s": began_s, "ending": "done", "took": took}
        for i, (began_s, bin_number, took) in enumerate(motions, start=1)
    ]
    times = ("capture_age_ms", "trigger_ms", "prepare_ms", "invoke_ms", "invokes_ms", "decide_ms", "acknowledge_ms")
    ways = [
        {"sequence": m["sequence"], "votes": 3, "captured_at_s": m["began_at_s"] - 0.02}
        | {"handed_at_s": m["began_at_s"] - 0.001, **dict.fromkeys(times, 1.0)}
        for m in log
    ]
    doubled = sum(took == 0 for _, _, took in motions)
    truth = {"objects": visits, "motion_log": log, "bins": {"a": 1, "b": 2}, "reject_bin": 0}
    notes = {"ways": ways, "phases": [], "troubles": [], "frames": 300}
    found = Sitting(FEED, {**truth, "score": {"doubled": doubled}}, notes, 10.0, 2.0, 0.1, 90.0, 1.0)
    return replace(found, **changes)


def test_every_object_has_one_fate_and_every_stage_its_time() -> None:
    sitting = _sitting([(1,), (2,), (0,), ()], [(10.75, 1, 1), (12.75, 2, 2), (14.75, 0, 3)])
    pace = judge_pace(30, sitting, MOVE_S)
    assert pace.fates == {"right": 1, "wrong": 1, "rejected": 1, "missed": 1, "unfinished": 0}
    assert pace.each == "rwjm" and sum(pace.fates.values()) == pace.objects == 4
    assert pace.came_per_minute == pytest.approx(30) and pace.sorted_per_minute == pytest.approx(22.5)
    assert pace.stages_ms["frame to first byte"]["p50"] == pytest.approx(20)
    assert pace.stages_ms["first byte"]["p50"] == pytest.approx(1)
    assert pace.stages_ms["in place to first byte"]["p50"] == pytest.approx(500)
    assert (pace.sorter_cores, pace.simulation_cores, pace.fps, pace.votes) == (0.2, 0.1, 30, 3)


def test_it_tells_why_an_object_was_missed() -> None:
    # The second object lies in its place from 12.25 s on, for 1.25 s.
    for phase, cause in {
        "moving": "arm",
        "clearing": "gap",
        "classifying": "time",
        "waiting": "unseen",
        "fault": "halt",
    }.items():
        sitting = _sitting([(1,), ()], [(10.75, 1, 1)])
        phases = [(0.0, "waiting"), (12.3, phase), (13.4, "waiting")]
        assert judge_pace(30, replace(sitting, notes={**sitting.notes, "phases": phases}), MOVE_S).causes == {cause: 1}
    moving = _sitting([()], [], feed=feed_at(30, "moving"))  # crosses the line 0.91 s after it came, at 10.91 s
    phases = [(0.0, "waiting"), (10.8, "moving"), (11.1, "waiting")]
    assert judge_pace(30, replace(moving, notes={**moving.notes, "phases": phases}), MOVE_S).causes == {"arm": 1}
    assert judge_pace(30, _sitting([()], []), MOVE_S).causes == {"unseen": 1}  # of a sorter that was not there


def test_a_speed_breaks_by_its_criterion_and_says_so() -> None:
    options, limits = PipelineOptions(Path("m.tflite"), move_s=1.0), Limits(most_lost=0.05, most_drop=0.10)
    bins: list[tuple[int, ...]] = [(1,)] * 20
    motions = [(10.75 + 2 * i, 1, i + 1) for i in range(20)]
    good = judge_pace(30, _sitting(bins, motions), 1.0)
    assert judge_step(good, good, options, limits).holds
    one_missed = judge_pace(40, _sitting([*bins[:19], ()], motions[:19]), 1.0)
    assert judge_step(one_missed, good, options, limits).holds  # 5 % are allowed
    missed = judge_pace(40, _sitting([*bins[:17], (), (), ()], motions[:17]), 1.0)
    (lost, worse) = judge_step(missed, good, options, limits).broken
    assert lost.startswith("3 of 20 objects missed, 0 doubled: ") and "85%" in worse and "100% at 30" in worse
    wrong = judge_pace(40, _sitting([*bins[:17], (2,), (2,), (2,)], motions), 1.0)
    assert judge_step(wrong, good, options, limits).broken == (worse,)
    over_nothing = judge_pace(40, _sitting(bins, [*motions, (52.0, 1, 0), (54.0, 1, 0)]), 1.0)
    assert (
        "2 doubled: the arm moved for objects that had gone"
        in judge_step(over_nothing, good, options, limits).broken[0]
    )
    ended = judge_pace(40, _sitting(bins, motions, ended="Error: The arm is gone."), 1.0)
    assert "The arm is gone." in judge_step(ended, good, options, limits).broken[0]


def test_belts_leave_time_to_look() -> None:
    for per_minute in (5, 30, 120, 1200):
        steps, moving = feed_at(per_minute, "steps"), feed_at(per_minute, "moving")
        assert steps.present_s >= 0.62 * steps.every_s and 2 * steps.slide_s + steps.gap_s < steps.every_s
        assert 2 * moving.slide_s < moving.every_s
    with pytest.raises(ConfigError, match="impossible"):
        feed_at(5000, "steps")


def _run(*arguments: object) -> Result:
    return CliRunner().invoke(bench, ["pipeline", *map(str, arguments)])


def _require_sums(steps: list[dict[str, Any]]) -> None:
    for step in steps:
        assert sum(step["fates"].values()) == step["objects"] == len(step["each"]) == 5
        assert sum(step["causes"].values()) == step["fates"]["missed"] + step["fates"]["unfinished"]


@pytest.mark.slow
def test_real_programs_sort_real_photos_until_it_breaks(trashnet: Path, tmp_path: Path) -> None:
    out = tmp_path / "report"
    speeds = ("--slowest", 20, "--fastest", 200, "--factor", 10, "--most-drop", "100%", "--most-lost", "45%")
    result = _run("waste-mobilenetv2-int8", "--data", trashnet, "--out", out, "--objects", 5, *speeds)
    assert result.exit_code == 0, result.output
    told = json.loads((out / "pipeline.json").read_text())
    slow, fast = told["steps"]
    _require_sums(told["steps"])
    assert slow["holds"] and told["last_good_per_minute"] == 20
    moved = slow["fates"]["right"] + slow["fates"]["wrong"] + slow["fates"]["rejected"]
    assert slow["stages_ms"]["invoke"]["n"] >= moved >= 3
    stages = {name: told["p50"] for name, told in slow["stages_ms"].items()}
    assert 0 < stages["invoke"] < stages["frame to first byte"]
    assert 0 < stages["first byte"] < stages["frame to first byte"] < stages["in place to first byte"]
    assert slow["sorter_mb"] > 20 and slow["sorter_cores"] > 0
    assert not fast["holds"] and fast["fates"]["missed"] + fast["fates"]["unfinished"] >= 3
    assert told["data"]["labels"] == sorted(p.name for p in trashnet.iterdir())
    assert any("Only 5 objects" in warning for warning in told["conditions"]["warnings"])
    assert "It keeps up with 20 objects a minute" in (out / "pipeline.html").read_text()
    assert "| 20 | yes |" in (out / "pipeline.md").read_text()
    assert len((out / "pipeline.csv").read_text().splitlines()) == 3
    assert (out / "pipeline.svg").read_text().startswith("<svg") and (out / "stages.svg").is_file()
    assert (out / "pipeline.png").read_bytes().startswith(b"\x89PNG") and (out / "stages.png").is_file()


@pytest.mark.slow
def test_on_a_belt_that_does_not_stop_every_object_is_counted_too(trashnet: Path, tmp_path: Path) -> None:
    speed = ("--slowest", 24, "--fastest", 24, "--belt", "moving", "--objects", 5)
    result = _run("waste-mobilenetv2-int8", "--data", trashnet, "--out", tmp_path, *speed, "--json")
    assert result.exit_code == 0, result.output
    _require_sums(json.loads(result.stdout)["steps"])


def test_what_cannot_be_sorted_is_one_sentence(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    photos, out = make_dataset(), tmp_path / "report"
    missing = _run(tmp_path / "none.tflite", "--data", photos, "--out", out)
    assert missing.exit_code == BundleError.exit_code and "does not exist" in missing.output
    strangers = _run("waste-mobilenetv2-int8", "--data", photos, "--out", out)
    assert strangers.exit_code == DatasetError.exit_code and "blue" in strangers.output
    (tmp_path / "nothing").mkdir()
    empty = _run("waste-mobilenetv2-int8", "--data", tmp_path / "nothing", "--out", out)
    assert empty.exit_code == DatasetError.exit_code
    assert not out.exists()
    model = find_model("fruit-demo-int8")
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(model.read_bytes()[:1000])
    assert _run(broken, "--data", photos, "--out", out).exit_code == BundleError.exit_code
    backwards = _run(model, "--data", photos, "--out", out, "--slowest", 100, "--fastest", 50)
    assert backwards.exit_code == 2 and "below --slowest" in backwards.output


def test_a_folder_that_cannot_be_written_is_told_before_anything_moves(
    make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    photos = make_dataset(labels=("apple", "avocado", "banana"))
    (tmp_path / "file").write_text("")
    result = _run("fruit-demo-int8", "--data", photos, "--out", tmp_path / "file" / "report")
    assert result.exit_code == 12 and "Traceback" not in result.output
