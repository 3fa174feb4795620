"""``report.html``: the whole report in one file, for a screen, a phone and paper."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from sorter.benchmarks.chart_files import write_chart
from sorter.benchmarks.charts import pareto_chart, time_line_chart
from sorter.benchmarks.pareto import find_front
from sorter.benchmarks.report import describe, remarks
from sorter.benchmarks.results import ModelResult, Results
from sorter.benchmarks.table import STYLE as TABLE_STYLE
from sorter.benchmarks.table import heat_map, model_table, time_table
from sorter.benchmarks.time_line import divide
from sorter.trainer.page import Section, fact_table, note
from sorter.trainer.page import write_page as write_sections

CHART_STYLE = """<style>
body { max-width: 78rem; } .chart { overflow-x: auto; } .chart svg { width: 100%; min-width: 32rem; max-width: 56rem; }
.remarks { background: #fffaf0; border-left: .3rem solid #dd6b20; padding: .6rem 1rem; margin: 1rem 0; }
.remarks ul { margin: 0; padding-left: 1.1rem; } .verdict { background: #ebf8ff; border-left-color: #3182ce; }
details { margin: .6rem 0; } summary { cursor: pointer; font-weight: 600; overflow-wrap: anywhere; }
table.bars { width: 100%; max-width: 48rem; font-size: .88rem; } table.bars td { padding: .12rem .5rem .12rem 0; }
table.bars td.bar { width: 45%; } table.bars td.bar div { background: #2b6cb0; height: .8rem; min-width: 1px; }
@media print { .chart { overflow: visible; } .chart svg { min-width: 0; } }
</style>"""

_TOP_OPERATORS = 12
_NOT_TOLD = "not told by this machine"

_TIMES = (
    "Times of one 640x480 frame, preprocessing included; below a median its 95 % interval, below the threads the cores "
    "that were used. Two medians differ where the interval of their ratio, drawn over the rounds in which both were "
    "measured, leaves out 1."
)


def write_page(folder: Path, results: Results, verdict: Sequence[str] = ()) -> None:
    """Writes ``report.html`` and the chart ``pareto``.

    Args:
        folder: Where to.
        results: What was found.
        verdict: What a budget has chosen, as sentences.

    Raises:
        StorageError: They cannot be written.
    """
    chart = pareto_chart(find_front(results))
    if chart:
        write_chart(folder, "pareto", chart)
    sections = [
        Section(
            "",
            CHART_STYLE
            + TABLE_STYLE
            + sentence_box(verdict, "remarks verdict")
            + sentence_box(remarks(results), "remarks"),
        ),
        Section("Latency and accuracy", _front(results, chart)),
        Section("Models", model_table(results)),
        Section("Times", time_table(results) + note(_TIMES)),
        Section("Recall of each class", heat_map(results)),
        Section("The way of one sorted object", _time_lines(results.models)),
        Section("Which operators cost what", _profiles(results.models)),
        Section("Conditions", _conditions(results)),
    ]
    write_sections("Size and latency versus accuracy", describe(results), sections, folder / "report.html")


def sentence_box(sentences: Sequence[str], css_class: str) -> str:
    """A box with sentences; nothing where there are none."""
    if not sentences:
        return ""
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return f'<div class="{css_class}"><ul>{items}</ul></div>'


def _front(results: Results, chart: str) -> str:
    if not chart:
        return ""
    greyed = [f"{p.model.model} by {p.dominated_by}" for p in find_front(results) if p.dominated_by]
    text = "The area of a bubble is the size of the file. A model is grey where another one is no slower and no worse"
    return f'<div class="chart">{chart}</div>' + note(f"{text}: {', '.join(greyed)}." if greyed else f"{text}.")


def _time_lines(models: Sequence[ModelResult]) -> str:
    return "".join(_time_line(model.model, model.time_line) for model in models if model.time_line)


def _time_line(name: str, told: Mapping[str, Any]) -> str:
    parts = divide(told["stages"])
    motion_ms = sum(end - begin for part, begin, end in parts if part == "move")
    text = (
        f"{name}: medians of {told['objects']} objects that sorter-run has sorted with it, from the deciding frame to "
        f"the arm's receipt; real photos on a simulated platform, {told['votes']:.0f} frames for each decision. Before "
        f"it, each frame is looked at for {told['stages']['trigger']['p50']:.2f} ms; behind it, the simulated arm "
        f"moves for {motion_ms:.0f} ms. Camera, trigger, journal and simulation share the processor with the "
        "network, so classifying takes longer than in the table."
    )
    chart = time_line_chart([part for part in parts if part[0] != "move"])
    return f'<div class="chart">{chart}</div>' + note(text)


def _profiles(models: Sequence[ModelResult]) -> str:
    parts = [_profile(model) for model in models if model.profile]
    if not parts:
        return ""
    text = (
        "LiteRT's Python interface has no profiler: each operator is timed alone, as a network of its own, on one "
        "thread with the same kernels. Fusing and warm caches between operators are not seen; the sum beside the time "
        "of the whole network tells how much that is."
    )
    return note(text) + "".join(parts)


def _profile(model: ModelResult) -> str:
    profile: Mapping[str, Any] = model.profile or {}
    operators = sorted(profile["operators"], key=lambda row: -(row["ms"] or 0.0))
    total_ms = profile["sum_ms"] or 1.0
    kinds: dict[str, float] = {}
    for row in operators:
        kinds[row["name"]] = kinds.get(row["name"], 0.0) + (row["ms"] or 0.0)
    summary = ", ".join(f"{name} {ms / total_ms:.0%}" for name, ms in list(_sorted(kinds))[:4])
    lines = [_bar_row(row, total_ms) for row in operators[:_TOP_OPERATORS]]
    rest = operators[_TOP_OPERATORS:]
    if rest:
        rest_ms = sum(row["ms"] or 0.0 for row in rest)
        lines.append(_bar_row({"name": f"{len(rest)} more", "output": [], "macs": 0, "ms": rest_ms}, total_ms))
    whole = f"Sum {profile['sum_ms']:.2f} ms, whole network {profile['whole_ms']:.2f} ms."
    return (
        f"<details><summary>{escape(model.model)}: {escape(summary)}</summary>{note(whole)}"
        f'<div class="scroll"><table class="bars">{"".join(lines)}</table></div></details>'
    )


def _sorted(kinds: Mapping[str, float]) -> list[tuple[str, float]]:
    return sorted(kinds.items(), key=lambda item: -item[1])


def _bar_row(row: Mapping[str, Any], total_ms: float) -> str:
    place = f"#{row['index']} " if "index" in row else ""
    shape = "x".join(str(side) for side in row["output"][1:])
    share = (row["ms"] or 0.0) / total_ms
    cost = "-" if row["ms"] is None else f"{row['ms'] * 1e3:.0f} µs"
    macs = f"{row['macs'] / 1e6:.1f} M" if row["macs"] else ""
    return (
        f"<tr><td>{escape(place + row['name'])}</td><td>{shape}</td>"
        f'<td class="n">{macs}</td><td class="n">{cost}</td><td class="n">{share:.0%}</td>'
        f'<td class="bar"><div style="width:{100 * share:.1f}%"></div></td></tr>'
    )


def _conditions(results: Results) -> str:
    energy = results.method.get("energy")
    facts = condition_facts(results.machine, results.conditions)
    return fact_table([*facts, ("energy from", _NOT_TOLD if energy is None else energy)])


def condition_facts(machine: Mapping[str, Any], conditions: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Machine and conditions as rows of (name, value)."""
    facts = [(name, str(machine[name])) for name in ("processor", "architecture", "cores", "python", "interpreter")]
    during = conditions["during"]
    told: list[tuple[str, Any, str]] = [
        ("time taken", during.get("seconds"), "{:.0f} s"),
        ("other programs", during.get("others_cores"), "{:.2f} cores"),
        ("given to other virtual machines", during.get("steal_cores"), "{:.2f} cores"),
        ("waited for a core", during.get("waited"), "{:.2%}"),
        ("CPU governor", conditions["after"].get("governor"), "{}"),
        ("lowest mean frequency", during.get("frequency_mhz_min"), "{:.0f} MHz"),
        ("highest temperature", during.get("temperature_c_max"), "{:.0f} °C"),
        ("throttling (get_throttled)", conditions["after"].get("throttled"), "{:#x}"),
    ]
    return facts + [(name, _NOT_TOLD if value is None else form.format(value)) for name, value, form in told]
