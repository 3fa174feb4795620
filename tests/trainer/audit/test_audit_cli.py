"""``sorter-audit`` as a person calls it."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from sorter.trainer.audit.cli import audit


@pytest.fixture
def few(clean: Path, tmp_path: Path) -> Path:
    """Too few photos to look for shortcuts, one of them in two classes."""
    for label in ("cross", "disc"):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for i in range(4):
            shutil.copy(clean / label / f"{i:03d}.png", tmp_path / "photos" / label)
    shutil.copy(clean / "disc" / "000.png", tmp_path / "photos" / "cross" / "<b> & co.png")
    return tmp_path / "photos"


def test_the_page_holds_everything_itself(clean: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(audit, [str(clean), "--out", str(tmp_path / "out"), "--strict"])
    assert done.exit_code == 0, done.output
    assert "Nothing to complain of" in done.stdout and "No better than guessing" in done.stdout
    page = (tmp_path / "out" / "audit.html").read_text(encoding="utf-8")
    assert not re.findall(r'(?:src|href)="(?!data:)', page)
    assert page.count("data:image/jpeg") == 6 and "viewport" in page
    written = json.loads((tmp_path / "out" / "audit.json").read_text(encoding="utf-8"))
    assert written["findings"] == [] and len(written["shortcuts"]) == 6
    assert all(answer["interval_95"][0] <= answer["balanced_accuracy"] for answer in written["shortcuts"])


def test_findings_end_well_unless_strict(few: Path, tmp_path: Path) -> None:
    arguments = [str(few), "--out", str(tmp_path / "out"), "--json"]
    done = CliRunner().invoke(audit, arguments)
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    assert found == json.loads((tmp_path / "out" / "audit.json").read_text(encoding="utf-8"))
    assert found["findings"][0]["items"][0]["photos"] == ["cross/<b> & co.png", "disc/000.png"]
    assert "Not judged" in found["shortcuts_not_judged"]
    page = (tmp_path / "out" / "audit.html").read_text(encoding="utf-8")
    assert "cross/&lt;b&gt; &amp; co.png" in page and "<b> & co" not in page
    strict = CliRunner().invoke(audit, [str(few), "--strict"])
    assert strict.exit_code == 4
    assert "more than one class" in strict.stdout and "The audit found" in strict.stderr


def test_the_page_must_not_become_a_class(few: Path) -> None:
    done = CliRunner().invoke(audit, [str(few), "--out", str(few / "audit")])
    assert done.exit_code == 12 and "would become a class" in done.stderr
    assert not (few / "audit").exists()


def test_wrong_questions_are_one_sentence(few: Path, tmp_path: Path) -> None:
    for arguments, code, message in (
        ([str(tmp_path / "none")], 4, "does not exist"),
        ([str(few), "--group-by", "("], 3, "not a regular expression"),
        ([str(few), "--group-by", "holiday"], 3, "finds nothing"),
        ([str(few), "--split-csv", str(tmp_path / "split.csv")], 4, "not a readable split.csv"),
    ):
        done = CliRunner().invoke(audit, arguments)
        assert done.exit_code == code and message in done.stderr, done.output


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from click.testing import CliRunner; from sorter.trainer.audit.cli import audit; "
        "assert CliRunner().invoke(audit, ['--help']).exit_code == 0; "
        "sys.exit(bool({'sklearn', 'scipy', 'PIL', 'cv2', 'tensorflow'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
