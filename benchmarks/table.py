"""The report's table of all figures, which sorts at a click, and the heat map of the classes' recalls, as HTML."""

from collections.abc import Callable
from html import escape
from typing import Any

from sorter.benchmarks.pareto import find_front
from sorter.benchmarks.report import against, fastest
from sorter.benchmarks.results import Accuracy, ModelResult, Results, Timing

STYLE = """<style>
table.figures { font-size: .9rem; } table.figures th { vertical-align: bottom; cursor: pointer; white-space: nowrap; }
table.figures th[aria-sort=ascending]::after { content: " ▲"; } table.figures th[aria-sort=descending]::after {
content: " ▼"; } table.figures td small { display: block; color: #718096; white-space: nowrap; }
table.figures tr.grey td { color: #718096; } table.figures td:first-child { min-width: 11rem; overflow-wrap: anywhere; }
table.heat td { text-align: center; font-variant-numeric: tabular-nums; padding: .3rem .5rem; }
table.heat th { font-weight: normal; } table.heat th.m { overflow-wrap: anywhere; min-width: 9rem; }
@media print { @page { size: landscape; } table.figures { font-size: 7pt; } table.figures th { white-space: normal; }
table.figures th, table.figures td { padding-right: .3rem; } table.figures td:first-child { min-width: 0; }
table.figures td small { white-space: normal; } }
</style>"""

_SCRIPT = """<script>
document.querySelectorAll("table.figures th").forEach((th, column) => th.addEventListener("click", () => {
  const body = th.closest("table").tBodies[0], up = th.getAttribute("aria-sort") !== "ascending";
  const key = row => row.cells[column].dataset.v ?? "", number = v => v === "" ? Infinity : Number(v);
  const text = [...body.rows].some(row => isNaN(Number(key(row))));
  [...body.rows].sort((a, b) => (up ? 1 : -1) * (text ? key(a).localeCompare(key(b)) : number(key(a)) - number(key(b))))
    .forEach(row => body.append(row));
  th.parentElement.querySelectorAll("th").forEach(other => other.removeAttribute("aria-sort"));
  th.setAttribute("aria-sort", up ? "ascending" : "descending");
}));
</script>"""

_LIGHT, _DARK = (255, 245, 235), (35, 110, 80)

Cell = tuple[Any, str, str]
"""What to sort by, what to show, and a smaller line below it."""


def figures_table(results: Results) -> str:
    """All figures: one row for each model and number of threads."""
    grey = {point.model.model for point in find_front(results) if point.dominated_by}
    head = "".join(f'<th class="{"" if i < 3 else "n"}">{escape(name)}</th>' for i, name in enumerate(_COLUMNS))
    lines = []
    best = fastest(results)
    for model in results.models:
        for timing in model.timings or (None,):
            cells = [column(model, timing, best) for column in _COLUMNS.values()]
            css_class = ' class="grey"' if model.model in grey or model.problem else ""
            lines.append(f"<tr{css_class}>{''.join(_td(cell, i >= 3) for i, cell in enumerate(cells))}</tr>")
    table = f'<table class="figures"><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table>'
    return f'<div class="scroll">{table}</div>{_SCRIPT}'


def _td(cell: Cell, number: bool) -> str:
    value, shown, remark = cell
    below = f"<small>{escape(remark)}</small>" if remark else ""
    css_class = ' class="n"' if number else ""
    return f'<td{css_class} data-v="{"" if value is None else escape(str(value))}">{escape(shown)}{below}</td>'


def _number(value: float | None, form: str, remark: str = "") -> Cell:
    return (value, "-" if value is None else form.format(value), remark if value is not None else "")


def _of_accuracy(column: Callable[[Accuracy], Cell]) -> Callable[..., Cell]:
    return lambda model, timing, best: column(model.accuracy) if model.accuracy else (None, "-", "")


def _of_timing(column: Callable[[Timing], Cell]) -> Callable[..., Cell]:
    return lambda model, timing, best: column(timing) if timing else (None, "-", "")


def _model(model: ModelResult, timing: Timing | None, best: dict[int, Timing]) -> Cell:
    return (model.model, model.model, model.problem)


def _against(model: ModelResult, timing: Timing | None, best: dict[int, Timing]) -> Cell:
    if timing is None:
        return (None, "-", "")
    return (timing.p50_ms / best[timing.threads].p50_ms, against(timing, best[timing.threads]), "")


def _accuracy(found: Accuracy) -> Cell:
    low, high = found.accuracy_95
    return (found.accuracy, f"{found.accuracy:.1%}", f"{low:.1%} to {high:.1%}")


def _rejected(found: Accuracy) -> Cell:
    if found.rejected is None or found.wrong is None:
        return (None, "-", "")
    return (found.wrong, f"{found.rejected:.1%} / {found.wrong:.1%}", f"below {found.threshold:.2f}")


_COLUMNS: dict[str, Callable[[ModelResult, Timing | None, dict[int, Timing]], Cell]] = {
    "model": _model,
    "format": lambda model, timing, best: (model.format, model.format or "-", ""),
    "input": lambda model, timing, best: (model.input, model.input or "-", ""),
    "size MB": lambda model, timing, best: _number(
        model.bytes and model.bytes / 1e6, "{:.2f}", f"zipped {(model.zipped_bytes or 0) / 1e6:.2f}"
    ),
    "parameters M": lambda model, timing, best: _number(model.parameters and model.parameters / 1e6, "{:.2f}"),
    "MACs M": lambda model, timing, best: _number(model.macs and model.macs / 1e6, "{:.0f}"),
    "accuracy": _of_accuracy(_accuracy),
    "worst recall": _of_accuracy(lambda a: _number(a.worst_class_recall, "{:.1%}", a.worst_class or "")),
    "ECE": _of_accuracy(lambda a: _number(a.ece, "{:.3f}")),
    "rejected / wrong": _of_accuracy(_rejected),
    "threads": _of_timing(lambda t: _number(t.threads, "{}", f"{t.cores_used:.2f} cores")),
    "p50 ms": _of_timing(lambda t: _number(t.p50_ms, "{:.2f}", f"{t.p50_95_ms[0]:.2f} to {t.p50_95_ms[1]:.2f}")),
    "against the fastest": _against,
    "p90 ms": _of_timing(lambda t: _number(t.p90_ms, "{:.2f}")),
    "p99 ms": _of_timing(lambda t: _number(t.p99_ms, "{:.2f}")),
    "max ms": _of_timing(lambda t: _number(t.max_ms, "{:.2f}")),
    "spread": _of_timing(lambda t: _number(t.spread, "{:.1%}")),
    "preparing ms": _of_timing(lambda t: _number(t.prepare_ms, "{:.2f}")),
    "frames/s": _of_timing(
        lambda t: _number(t.fps, "{:.0f}", f"sustained {t.sustained_fps:.0f}" if t.sustained_fps else "")
    ),
    "loading ms": _of_timing(lambda t: _number(t.load_ms, "{:.0f}", f"first {t.first_ms:.1f}")),
    "memory MB": _of_timing(lambda t: _number(t.resident_mb, "{:.0f}")),
    "energy mJ": _of_timing(lambda t: _number(t.energy_mj, "{:.1f}")),
}


def heat_map(results: Results) -> str:
    """Recall of each class and model, as a table with coloured cells."""
    judged = [(model, model.accuracy) for model in results.models if model.accuracy]
    if not judged:
        return ""
    labels = sorted({label for _, accuracy in judged for label in accuracy.recalls})
    head = "".join(f"<th>{escape(label)}</th>" for label in labels)
    lines = [
        f'<tr><th class="m">{escape(model.model)}</th>{"".join(_shade(accuracy.recalls.get(n)) for n in labels)}</tr>'
        for model, accuracy in judged
    ]
    return f'<div class="scroll"><table class="heat"><tr><th></th>{head}</tr>{"".join(lines)}</table></div>'


def _shade(recall: float | None) -> str:
    if recall is None:
        return "<td>-</td>"
    # Most recalls lie near 1: the square of the misses spreads them over the shades.
    share = max(0.0, 1 - 2 * (1 - recall)) ** 1.5
    red, green, blue = (round(a + share * (b - a)) for a, b in zip(_LIGHT, _DARK, strict=True))
    ink = "#fff" if share > 0.55 else "#1a202c"
    return f'<td style="background: rgb({red}, {green}, {blue}); color: {ink}">{recall:.0%}</td>'
