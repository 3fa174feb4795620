"""``pipeline.html``: the pipeline's report in one file, for a screen, a phone and paper."""

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from sorter.benchmarks.chart_files import write_chart
from sorter.benchmarks.charts import time_line_chart
from sorter.benchmarks.fate_chart import fate_chart
from sorter.benchmarks.pace import Pace
from sorter.benchmarks.page import CHART_STYLE, condition_facts, sentence_box
from sorter.benchmarks.pipeline_report import (
    HEADER,
    NAME,
    STAGE_HEADER,
    TOTAL,
    criterion,
    describe,
    rows,
    shown_steps,
    stage_rows,
)
from sorter.benchmarks.sweep import Pipeline, fate_counts, verdict
from sorter.trainer.page import Section, fact_table, figure_boxes, note
from sorter.trainer.page import write_page as write_sections

_NUMBERS_FROM = {HEADER: 2, STAGE_HEADER: 1}
_WAY = ("capture age", "prepare", "invoke", "decide", "first byte")

_STYLE = "<style>table.speeds { font-size: .9rem; } table.speeds td { white-space: nowrap; }</style>"

_COUNTED = (
    "Every object is counted once, by the simulator's ledger of what the arm really took to which bin, not by the "
    "sorter's journal. Doubled are objects for which the arm moved twice, and motions for an object that had gone."
)


def write_page(folder: Path, found: Pipeline) -> None:
    """Writes ``pipeline.html`` and the charts ``pipeline`` and ``stages``.

    Raises:
        StorageError: They cannot be written.
    """
    counts = [(f"{step.pace.per_minute:g}", fate_counts(step.pace), step.holds) for step in found.steps]
    chart = fate_chart(counts)
    write_chart(folder, NAME, chart)
    for _, step in shown_steps(found)[:1]:
        write_chart(folder, "stages", _way_chart(step.pace))
    sections = [
        Section("", CHART_STYLE + _STYLE + _boxes(found)),
        Section("", sentence_box(verdict(found), "remarks verdict") + sentence_box(_warnings(found), "remarks")),
        Section("What became of the objects", f'<div class="chart">{chart}</div>' + note(_COUNTED)),
        Section("Speeds", _table(HEADER, rows(found)) + note(criterion(found))),
        Section("The way of one object", _ways(found)),
        Section("Conditions", fact_table([*condition_facts(found.machine, found.conditions), *_method(found)])),
    ]
    write_sections("From the photo to the bin", describe(found), sections, folder / f"{NAME}.html")


def _boxes(found: Pipeline) -> str:
    if found.best is None:
        return ""
    pace = found.best.pace
    figures = [
        (f"{pace.per_minute:g}", "objects a minute, the last speed that holds"),
        (f"{pace.right_per_minute:.1f}", "of them in the right bin"),
        (f"{pace.sorter_cores:.2f}", "cores taken by the sorter"),
        (f"{pace.sorter_mb:.0f} MB", "resident memory"),
    ]
    if total := pace.stages_ms.get(TOTAL):
        figures.insert(2, (f"{total['p50']:.1f} ms", f"from frame to first byte; p99 {total['p99']:.1f} ms"))
    return figure_boxes(figures)


def _warnings(found: Pipeline) -> Sequence[str]:
    warnings: list[str] = found.conditions["warnings"]
    return warnings


def _ways(found: Pipeline) -> str:
    parts = []
    for title, step in shown_steps(found):
        pace = step.pace
        text = (
            f"{pace.per_minute:g} objects a minute, {title}: medians from the deciding frame, the last of "
            f"{pace.votes:.2g} votes, to the first byte at the arm. The trigger looks at the frame meanwhile. Medians "
            "of parts do not add up to the median of the whole; what is left over is called other."
        )
        parts.append(f'<div class="chart">{_way_chart(pace)}</div>' + note(text))
        parts.append(_table(STAGE_HEADER, stage_rows(pace)))
    return "".join(parts)


def _way_chart(pace: Pace) -> str:
    told = [(name, pace.stages_ms[name]["p50"]) for name in _WAY if name in pace.stages_ms]
    total = pace.stages_ms.get(TOTAL, {"p50": 0.0})["p50"]
    told.insert(-1, ("other", max(0.0, total - sum(ms for _, ms in told))))
    begin, spans = 0.0, []
    for name, ms in told:
        spans.append((name, begin, begin + ms))
        begin += ms
    return time_line_chart(spans)


def _table(header: tuple[str, ...], body: Iterable[Sequence[str]]) -> str:
    first, words = _NUMBERS_FROM[header], len(header) if header is HEADER else len(header) - 1

    def cells(row: Sequence[str], tag: str) -> str:
        kinds = (' class="n"' if first <= i < words else "" for i in range(len(row)))
        return "".join(f"<{tag}{kind}>{escape(cell)}</{tag}>" for kind, cell in zip(kinds, row, strict=True))

    lines = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in body)
    return f'<div class="scroll"><table class="speeds"><tr>{cells(header, "th")}</tr>{lines}</table></div>'


def _method(found: Pipeline) -> list[tuple[str, str]]:
    method = found.method
    return [
        ("photos", f"{found.data['photos']} of {found.data['name']}, {len(found.data['labels'])} classes"),
        ("objects at each speed", str(method["objects"])),
        ("seed", str(method["seed"])),
        ("threads of the network", str(method["threads"])),
    ]
