"""``study.html``: a study's results table in one file, for a screen, a phone and paper."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from sorter.benchmarks.chart_files import write_chart
from sorter.benchmarks.charts import pareto_chart
from sorter.benchmarks.pareto import find_front
from sorter.benchmarks.results import Results
from sorter.benchmarks.studies.chart import accuracy_chart
from sorter.benchmarks.studies.rows import Row
from sorter.benchmarks.studies.table import HEADER, cells
from sorter.trainer.page import Section, note, write_page

_STYLE = """<style>
body { max-width: 78rem; } .chart { overflow-x: auto; } .chart svg { width: 100%; min-width: 34rem; max-width: 56rem; }
.remarks { background: #fffaf0; border-left: .3rem solid #dd6b20; padding: .6rem 1rem; margin: 1rem 0; }
.remarks ul { margin: 0; padding-left: 1.1rem; overflow-wrap: anywhere; }
table.study { font-size: .85rem; } table.study th, table.study td { padding-right: .65rem; vertical-align: top; }
table.study th { vertical-align: bottom; } table.study td small { display: block; color: #718096; white-space: nowrap; }
table.study td.p { color: #4a5568; } table.study td:first-child { white-space: nowrap; }
table.study td:last-child { min-width: 12rem; }
table.study tr.missing td { color: #718096; }
@media print { @page { size: landscape; } .chart { overflow: visible; } table.study { font-size: 8pt; }
table.study td small { white-space: normal; } }
</style>"""

_TEXTS = ("recipe", "remark")
_FROM_THE_STUDY = ("published", "published accuracy")

_CHART = (
    "Bars are 95 % intervals. Grey is what the study states for its own photos, so the distance from grey to blue "
    "holds the difference between two sets of photos as well."
)
_FRONT = (
    "The int8 files: the area of a bubble is the size of the file; grey where another one is no slower and no worse."
)


def write_study_page(
    file: Path, title: str, lead: str, rows: Sequence[Row], remarks: Sequence[str], measured: Results | None
) -> None:
    """Writes the page, and its chart of accuracies beside it under the same name.

    Args:
        file: Where to.
        title: Its heading.
        lead: One sentence below it.
        rows: The table.
        remarks: What must be known about it.
        measured: The report on the int8 files; None where there is none.

    Raises:
        StorageError: It cannot be written.
    """
    chart = accuracy_chart(rows)
    if chart:
        write_chart(file.parent, file.stem, chart)
    points = find_front(measured) if measured else []
    front = pareto_chart(points) if len(points) > 1 else ""
    sections = [
        Section("", _STYLE + _box(remarks)),
        Section("Results", _table(rows)),
        Section("Accuracy", _chart(chart, _CHART)),
        Section("Latency and accuracy after int8", _chart(front, _FRONT)),
    ]
    write_page(title, lead, sections, file)


def _box(remarks: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(remark)}</li>" for remark in remarks)
    return f'<div class="remarks"><ul>{items}</ul></div>' if items else ""


def _chart(svg: str, text: str) -> str:
    return f'<div class="chart">{svg}</div>{note(text)}' if svg else ""


def _table(rows: Sequence[Row]) -> str:
    head = "".join(f'<th class="{"" if name in _TEXTS else "n"}">{escape(name)}</th>' for name in HEADER)
    body = "".join(_line(row) for row in rows)
    return f'<div class="scroll"><table class="study"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _line(row: Row) -> str:
    found = []
    for name, (text, below) in zip(HEADER, cells(row), strict=True):
        kinds = ["n"] if name not in _TEXTS else []
        kinds += ["p"] if name in _FROM_THE_STUDY else []
        small = f"<small>{escape(below)}</small>" if below else ""
        found.append(f'<td class="{" ".join(kinds)}">{escape(text)}{small}</td>')
    return f'<tr class="{"missing" if row.accuracy is None else ""}">{"".join(found)}</tr>'
