"""The report's tables, which sort at a click, and the heat map of the classes' recalls, as HTML."""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

from sorter.benchmarks.pareto import find_front
from sorter.benchmarks.report import against, fastest
from sorter.benchmarks.results import Accuracy, ModelResult, Results, Timing

STYLE = """<style>
table.sortable { font-size: .85rem; } table.sortable th, table.sortable td { padding-right: .65rem; }
table.sortable th { vertical-align: bottom; cursor: pointer; white-space: nowrap; }
table.sortable th[aria-sort=ascending]::after { content: " ▲"; } table.sortable th[aria-sort=descending]::after {
content: " ▼"; } table.sortable td small { display: block; color: #718096; }
table.sortable td.n small { white-space: nowrap; }
table.sortable tr.grey td { color: #718096; }
table.sortable td:first-child { min-width: 11rem; overflow-wrap: anywhere; }
table.heat td { text-align: center; font-variant-numeric: tabular-nums; padding: .3rem .5rem; }
table.heat th { font-weight: normal; } table.heat th.m { overflow-wrap: anywhere; min-width: 9rem; }
@media print { @page { size: landscape; } table.sortable { font-size: 8pt; } table.sortable th { white-space: normal; }
table.sortable th, table.sortable td { padding-right: .3rem; } table.sortable td:first-child { min-width: 0; }
table.sortable td small { white-space: normal; } }
</style>"""

_SCRIPT = """<script>
document.querySelectorAll("table.sortable th").forEach(th => th.addEventListener("click", () => {
  const column = th.cellIndex, body = th.closest("table").tBodies[0], up = th.getAttribute("aria-sort") !== "ascending";
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

Column = Callable[[ModelResult, Timing | None, dict[int, Timing]], Cell]
"""Makes a cell from a model, its timing, and the fastest timing for each number of threads."""


def model_table(results: Results) -> str:
    """What the models are and how good: one row a model."""
    return _table(results, _MODEL_COLUMNS, [(model, model.timing) for model in results.models])


def time_table(results: Results) -> str:
    """How long they take: one row for each model and number of threads."""
    rows = [(model, timing) for model in results.models for timing in model.timings]
    return _table(results, _TIME_COLUMNS, rows) + _SCRIPT if rows else ""


def _table(results: Results, columns: Mapping[str, Column], rows: Sequence[tuple[ModelResult, Timing | None]]) -> str:
    grey = {point.model.model for point in find_front(results) if point.dominated_by}
    best = fastest(results)
    # Nobody needs a column in which no row has anything.
    cells = {name: [column(model, timing, best) for model, timing in rows] for name, column in columns.items()}
    cells = {name: column for name, column in cells.items() if any(value is not None for value, _, _ in column)}
    head = "".join(f'<th class="{"n" if name not in _TEXTS else ""}">{escape(name)}</th>' for name in cells)
    lines = []
    for i, (model, _) in enumerate(rows):
        css_class = ' class="grey"' if model.model in grey or model.problem else ""
        lines.append(f"<tr{css_class}>{''.join(_td(c[i], name not in _TEXTS) for name, c in cells.items())}</tr>")
    table = f'<table class="sortable"><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table>'
    return f'<div class="scroll">{table}</div>'


def _td(cell: Cell, number: bool) -> str:
    value, shown, remark = cell
    below = f"<small>{escape(remark)}</small>" if remark else ""
    css_class = ' class="n"' if number else ""
    return f'<td{css_class} data-v="{"" if value is None else escape(str(value))}">{escape(shown)}{below}</td>'


def _number(value: float | None, form: str, remark: str = "") -> Cell:
    return (value, "-" if value is None else form.format(value), remark if value is not None else "")


def _of_accuracy(column: Callable[[Accuracy], Cell]) -> Column:
    return lambda model, timing, best: column(model.accuracy) if model.accuracy else (None, "-", "")


def _of_timing(column: Callable[[Timing], Cell]) -> Column:
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


_TEXTS = ("model", "format", "input")

_MODEL_COLUMNS: Mapping[str, Column] = {
    "model": _model,
    "format": lambda model, timing, best: (model.format or None, model.format or "-", ""),
    "input": lambda model, timing, best: (model.input or None, model.input or "-", ""),
    "size MB": lambda model, timing, best: _number(
        model.bytes and model.bytes / 1e6, "{:.3g}", f"zipped {(model.zipped_bytes or 0) / 1e6:.3g}"
    ),
    "params M": lambda model, timing, best: _number(model.parameters and model.parameters / 1e6, "{:.3g}"),
    "MACs M": lambda model, timing, best: _number(
        model.macs and model.macs / 1e6, "{:.0f}" if (model.macs or 0) > 1e8 else "{:.3g}"
    ),
    "accuracy": _of_accuracy(_accuracy),
    "worst recall": _of_accuracy(lambda a: _number(a.worst_class_recall, "{:.1%}", a.worst_class or "")),
    "ECE": _of_accuracy(lambda a: _number(a.ece, "{:.3f}")),
    "rejected / wrong": _of_accuracy(_rejected),
    "memory MB": _of_timing(lambda t: _number(t.resident_mb, "{:.0f}")),
    "loading ms": _of_timing(lambda t: _number(t.load_ms, "{:.0f}", f"first {t.first_ms:.1f}")),
}

_TIME_COLUMNS: Mapping[str, Column] = {
    "model": lambda model, timing, best: (model.model, model.model, ""),
    "threads": _of_timing(lambda t: _number(t.threads, "{}", f"{t.cores_used:.2f} cores")),
    "p50 ms": _of_timing(lambda t: _number(t.p50_ms, "{:.2f}", f"{t.p50_95_ms[0]:.2f} to {t.p50_95_ms[1]:.2f}")),
    "against the fastest": _against,
    "p90 ms": _of_timing(lambda t: _number(t.p90_ms, "{:.2f}")),
    "p99 ms": _of_timing(lambda t: _number(t.p99_ms, "{:.2f}")),
    "max ms": _of_timing(lambda t: _number(t.max_ms, "{:.2f}")),
    "spread": _of_timing(lambda t: _number(t.spread, "{:.1%}")),
    "preparing ms": _of_timing(lambda t: _number(t.prepare_ms, "{:.2f}")),
    "frames/s": _of_timing(lambda t: _number(t.fps, "{:.0f}")),
    "sustained frames/s": _of_timing(lambda t: _number(t.sustained_fps, "{:.0f}", f"{-(t.sustained_drop or 0):+.1%}")),
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
