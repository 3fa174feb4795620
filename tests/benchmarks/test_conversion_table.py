"""The table of networks and formats: one line of it, made for real."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from sorter.benchmarks.conversion_table import build_run, convert_all, draw_photos, insert_table, make_table
from sorter.converters.formats import FORMATS


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("tensorflow") is None, reason="conversion needs the train extra")
def test_the_smallest_network_converts_to_every_format(tmp_path: Path) -> None:
    photos, check = draw_photos(tmp_path / "photos", 8), draw_photos(tmp_path / "check", 2)
    build_run("tiny", tmp_path / "tiny")
    rows = convert_all(tmp_path / "tiny", photos, check)
    assert [row["format"] for row in rows] == list(FORMATS)
    assert [row.get("error") for row in rows] == [None] * len(FORMATS)
    assert all(row["worst_difference"] < 0.01 for row in rows)
    line = make_table({"tiny": rows}).splitlines()[-1]
    assert line.startswith("| tiny | ") and "no:" not in line


def test_the_table_goes_between_its_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- conversion table: begin -->\nold\n<!-- conversion table: end -->\nafter\n")
    made: dict[str, Any] = {"format": "int8", "bytes": 80_000, "worst_difference": 0.0013}
    rows = [made, {"format": "int16x8", "error": "TensorFlow has no HARD_SWISH."}]
    insert_table(page, make_table({"tiny": rows}))
    text = page.read_text()
    assert "| tiny | 0.08 MB, 0.0013 | no: TensorFlow has no HARD_SWISH. |" in text
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text
