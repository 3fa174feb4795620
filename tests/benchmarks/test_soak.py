"""A short soak run, and what its judge must notice."""

from pathlib import Path
from typing import Any

import pytest

from sorter.benchmarks.blows import SoakOptions, draw_blows
from sorter.benchmarks.reconciliation import Row, reconcile
from sorter.benchmarks.soak import Soak
from sorter.errors import ConfigError


@pytest.mark.slow
def test_killed_and_hindered_it_moves_nothing_twice_and_loses_nothing(tmp_path: Path) -> None:
    options = SoakOptions(objects=40, kills=3, resets=2, unplugs=1, camera_fault=0.02, seed=13, within_s=120)
    figures = Soak(options, tmp_path).run()
    assert not any(figures["violations"].values()), figures
    assert figures["done_to_it"]["kill"] == figures["runs_ended"]["killed"] == 3
    assert figures["lines"]["dropped"] and figures["lines"]["corrupted"]
    assert figures["allowed"]["rows completed"] >= 25
    assert figures["score"]["doubled"] == 0


def test_equal_seeds_give_equal_schedules() -> None:
    blows = draw_blows(SoakOptions(kills=20, seed=7))
    assert blows == draw_blows(SoakOptions(kills=20, seed=7)) != draw_blows(SoakOptions(kills=20, seed=8))
    assert sum(blow.kind == "kill" for blow in blows) == 20
    assert [blow.row for blow in blows] == sorted(blow.row for blow in blows)
    fewer = draw_blows(SoakOptions(kills=20, unplugs=0, seed=7))
    assert fewer == tuple(blow for blow in blows if blow.kind != "unplug")


def test_impossible_faults_are_refused() -> None:
    with pytest.raises(ConfigError, match="negative"):
        SoakOptions(kills=-1)
    with pytest.raises(ConfigError, match="Chances"):
        SoakOptions(line_fault=0.9)


def _motion(sequence: int, bin_number: int, began_at_s: float, took: int, **changes: Any) -> dict[str, Any]:
    motion = {"boot": 1, "sequence": sequence, "bin": bin_number, "began_at_s": began_at_s, "ending": "done"}
    return {**motion, "took": took, **changes}


def _visit(number: int, bins: tuple[int, ...], left_at_s: float | None) -> dict[str, Any]:
    return {"number": number, "bins": list(bins), "left_at_s": left_at_s}


ROWS = [Row(1, 1000.0, 1, 3, "completed"), Row(2, 1001.0, 2, 5, "completed")]
MOTIONS = [_motion(1, 3, 0.01, 1), _motion(2, 5, 1.01, 2)]
VISITS = [_visit(1, (3,), 0.5), _visit(2, (5,), 1.5)]


def _judge(rows: list[Row], motions: list[dict[str, Any]], visits: list[dict[str, Any]]) -> tuple[int, int, int]:
    found = reconcile(rows, {"motion_log": motions, "objects": visits, "written_at": 1000.0, "written_at_s": 0.0})
    assert found.clean == (not found.examples)
    return found.wrong_bin, found.moved_twice, found.lost


def test_what_agrees_is_clean() -> None:
    assert _judge(ROWS, MOTIONS, VISITS) == (0, 0, 0)


def test_a_wrong_bin_is_found() -> None:
    assert _judge(ROWS, [MOTIONS[0], _motion(2, 4, 1.01, 2)], [VISITS[0], _visit(2, (4,), 1.5)]) == (1, 0, 0)


def test_a_second_motion_is_found() -> None:
    again = _motion(1, 3, 0.3, 0)
    assert _judge(ROWS, [MOTIONS[0], again, MOTIONS[1]], VISITS)[1] >= 1
    assert _judge(ROWS, MOTIONS, [_visit(1, (3, 3), 0.5), VISITS[1]]) == (0, 1, 0)


def test_a_motion_over_nothing_is_forgiven_only_where_the_object_left_by_itself() -> None:
    left = [_visit(1, (), 0.005), VISITS[1]]
    assert _judge(ROWS, [_motion(1, 3, 0.01, 0), MOTIONS[1]], left) == (0, 0, 0)
    assert _judge(ROWS, [_motion(1, 3, 0.01, 0), MOTIONS[1]], VISITS[1:]) == (0, 1, 0)


def test_what_the_journal_lacks_or_invents_is_found() -> None:
    assert _judge(ROWS[1:], MOTIONS, VISITS) == (0, 0, 1)
    assert _judge([ROWS[0], Row(2, 1001.0, 2, 5, "sent")], MOTIONS, VISITS) == (0, 0, 1)
    assert _judge(ROWS, MOTIONS[:1], VISITS[:1]) == (0, 0, 1)
    assert _judge([ROWS[0], Row(2, 1001.0, 2, 5, "failed")], MOTIONS, VISITS) == (0, 0, 1)


def test_an_arm_that_was_reset_counts_anew() -> None:
    rows = [ROWS[0], Row(2, 1001.0, 1, 5, "completed")]
    assert _judge(rows, [MOTIONS[0], _motion(1, 5, 1.01, 2, boot=2)], VISITS) == (0, 0, 0)
