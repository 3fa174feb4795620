"""The report, read back as a browser would."""

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from sorter.dataset import Photo
from sorter.image import InputSpec
from sorter.manifest import Manifest
from sorter.trainer.evaluation import Evaluation
from sorter.trainer.report import write_evaluation_report
from tests.trainer.conftest import draw_picture, save_picture

pytest.importorskip("matplotlib")

LABELS = ("a & <b>", "second", "third")


class Cells(HTMLParser):
    """The texts of the cells of the table with a class, row by row."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind, self.rows, self._inside = kind, list[list[str]](), False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self._inside = (dict(attrs).get("class") or "").split(" ")[0] == self.kind
        elif self._inside and tag == "tr":
            self.rows.append([])
        elif self._inside and tag in ("td", "th"):
            self.rows[-1].append("")
        elif self._inside and tag == "small":
            self.rows[-1][-1] += " "

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside and self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


@pytest.fixture
def evaluation(tmp_path: Path) -> Evaluation:
    """Four photos of each class; of the second, one is taken for the third, surely, and one for the first, hardly."""
    photos, actual, rows = [], [], []
    for c, label in enumerate(LABELS):
        for i in range(4):
            path = tmp_path / "photos" / str(c) / f"{i}.png"
            save_picture(path, draw_picture("disc", 10 * c + i))
            photos.append(Photo(path, f"{c}/{i}.png", label, "test"))
            actual.append(c)
            rows.append(np.roll([0.8, 0.15, 0.05], c))
    rows[4], rows[5] = np.array([0.01, 0.04, 0.95]), np.array([0.5, 0.4, 0.1])
    return Evaluation(tuple(photos), LABELS, np.array(actual), np.array(rows, np.float32), threshold=0.62)


@pytest.fixture
def page(evaluation: Evaluation, tmp_path: Path) -> str:
    manifest = Manifest("run", LABELS, InputSpec(32, 32), temperature=1.7, threshold=0.62)
    write_evaluation_report(tmp_path, "run", evaluation, None, manifest, (("photos", "12 photos"),))
    return (tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_page_is_one_file(page: str) -> None:
    assert "http" not in page and "<script" not in page and "<link" not in page
    assert set(re.findall(r'src="([^:]*:[^;]*)', page)) == {"data:image/png", "data:image/jpeg"}
    assert "a &amp; &lt;b&gt;" in page and "<b>second" not in page
    assert 'name="viewport"' in page and "@media print" in page


def test_the_confusion_matrix_has_predicted_down_and_actual_across(page: str) -> None:
    cells = Cells("confusion")
    cells.feed(page)
    assert cells.rows[0] == ["predicted ↓ actual →", *LABELS]
    assert [row[0] for row in cells.rows[1:]] == list(LABELS)
    # The second class, a column, was taken for the first and for the third once each: a quarter of it.
    assert [row[1:] for row in cells.rows[1:]] == [["4 100%", "1 25%", ""], ["", "2 50%", ""], ["", "1 25%", "4 100%"]]


def test_threshold_temperature_and_worst_mistakes_are_told(page: str) -> None:
    # One of twelve is below 0.62; of the eleven that pass, one is wrong.
    assert "suggested threshold of 0.62, 8.3% of these photos are rejected and 9.1% of the answers that pass" in page
    assert "temperature 1.70" in page and "not on these photos" in page
    mistakes = re.findall(r"<figcaption>([^<]*)<small>([^<]*)", page)
    assert mistakes == [
        ("second, taken for third, 95% sure", "1/0.png"),
        ("second, taken for a &amp; &lt;b&gt;, 50% sure", "1/1.png"),
    ]


def test_a_photo_that_is_gone_is_left_out(evaluation: Evaluation, tmp_path: Path) -> None:
    evaluation.photos[4].path.unlink()
    write_evaluation_report(tmp_path, "run", evaluation, None, None, (("photos", "12 photos"),))
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count("<figcaption>") == 1 and "The file suggests no threshold" not in page


def test_without_a_threshold_the_curve_stands_alone(evaluation: Evaluation, tmp_path: Path) -> None:
    from dataclasses import replace

    write_evaluation_report(tmp_path, "run", replace(evaluation, threshold=None), None, None, (("photos", "12"),))
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "suggests no threshold" in page and 'alt="rejection"' in page
    assert "rejection" not in replace(evaluation, threshold=None).metrics()
    assert evaluation.metrics()["rejection"]["rejected"] == pytest.approx(1 / 12)


def test_nothing_wrong_and_nothing_passing_are_told_too(evaluation: Evaluation, tmp_path: Path) -> None:
    from dataclasses import replace

    right = replace(evaluation, actual=evaluation.probabilities.argmax(axis=1), threshold=0.99)
    write_evaluation_report(tmp_path, "run", right, None, None, (("photos", "12"),))
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "no answer passes" in page and "Worst mistakes" not in page


def test_heat_maps_show_right_and_wrong_answers(evaluation: Evaluation, tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    from sorter.trainer.judge import KerasJudge
    from tests.trainer.colour_network import SIDE, build_colour_network

    judge = KerasJudge(build_colour_network(), ("red", "blue"), InputSpec(SIDE, SIDE))
    write_evaluation_report(tmp_path, "run", evaluation, judge, None, (("photos", "12 photos"),))
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    right, wrong = (page.index(f"Where it looks when it is {word}") for word in ("right", "wrong"))
    assert page.count("<figcaption>", right, wrong) == 3
    assert page.count("<figcaption>", wrong) == 2
    assert "of the attention on the background" in page
