"""The report's table, as text, Markdown and CSV."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sorter.benchmarks.intervals import compare_medians
from sorter.benchmarks.results import ModelResult, Results, Timing
from sorter.files import make_folder, write_csv, write_text

HEADER = (
    "model", "format", "size MB", "input", "accuracy", "95 % interval", "worst class", "threads", "p50 ms",
    "95 % interval", "p99 ms", "against the fastest", "memory MB",
)  # fmt: skip

_CSV_TIMING = (
    "threads", "n", "p50_ms", "p90_ms", "p99_ms", "max_ms", "spread", "prepare_ms", "fps", "cores_used", "waited",
    "drift", "load_ms", "first_ms", "resident_mb", "sustained_fps", "sustained_drop", "energy_mj",
)  # fmt: skip
_CSV_ACCURACY = ("n", "accuracy", "worst_class", "worst_class_recall", "ece", "threshold", "rejected", "wrong")
_CSV_MODEL = ("model", "kind", "format", "bytes", "zipped_bytes", "input", "parameters", "macs")


def fastest(results: Results) -> dict[int, Timing]:
    """The fastest timing for each number of threads."""
    found: dict[int, Timing] = {}
    for timing in (timing for model in results.models for timing in model.timings):
        if timing.threads not in found or timing.p50_ms < found[timing.threads].p50_ms:
            found[timing.threads] = timing
    return found


def against(timing: Timing, best: Timing) -> str:
    """How a timing compares with the fastest one of its run, in words."""
    if timing is best:
        return "fastest"
    ratio = compare_medians(timing.rounds_ms, best.rounds_ms, paired=True)
    if not ratio.differs:
        return "no difference"
    return f"{ratio.value:.2f} x ({ratio.low:.2f} to {ratio.high:.2f})"


def rows(results: Results) -> Iterator[tuple[str, ...]]:
    """The table's rows as texts, in the order of ``HEADER``: one for each model and number of threads."""
    best = fastest(results)
    for model in results.models:
        for timing in model.timings:
            yield (*_model_cells(model), *_timing_cells(timing, best[timing.threads]))
        if not model.timings:
            yield (*_model_cells(model), *["-"] * 6)


def _model_cells(model: ModelResult) -> tuple[str, ...]:
    found = model.accuracy
    return (
        model.model,
        model.format or "-",
        f"{model.bytes / 1e6:.2f}" if model.bytes is not None else "-",
        model.input or "-",
        f"{found.accuracy:.1%}" if found else "-",
        f"{found.accuracy_95[0]:.1%} to {found.accuracy_95[1]:.1%}" if found else "-",
        f"{found.worst_class} {found.worst_class_recall:.1%}" if found and found.worst_class else "-",
    )


def _timing_cells(timing: Timing, best: Timing) -> tuple[str, ...]:
    low, high = timing.p50_95_ms
    return (
        str(timing.threads),
        f"{timing.p50_ms:.2f}",
        f"{low:.2f} to {high:.2f}",
        f"{timing.p99_ms:.2f}",
        against(timing, best),
        f"{timing.resident_mb:.0f}" if timing.resident_mb is not None else "-",
    )


def remarks(results: Results) -> list[str]:
    """What the reader must know beside the table: problems, conditions, flags."""
    found = [f"{model.model}: {model.problem}" for model in results.models if model.problem]
    found += results.conditions["warnings"]
    flags: dict[str, list[str]] = {}
    for model in results.models:
        for timing in model.timings:
            for flag in timing.flags:
                several = f" (threads: {timing.threads})" if len(model.timings) > 1 else ""
                flags.setdefault(flag, []).append(model.model + several)
    everyone = sum(len(model.timings) for model in results.models)
    for flag, names in flags.items():
        who = "All models" if len(names) == everyone > 1 else ", ".join(dict.fromkeys(names))
        found.append(f"{who}: {flag}")
    return found


def to_markdown(results: Results, verdict: Sequence[str] = ()) -> str:
    """The table as Markdown, with the machine named and what a budget has chosen."""
    lines = [describe(results), "", _line(HEADER), "|" + "---|" * len(HEADER), *map(_line, rows(results))]
    lines += ["", *(f"- {remark}" for remark in (*verdict, *remarks(results)))]
    return "\n".join(lines).rstrip() + "\n"


def _line(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def describe(results: Results) -> str:
    """One sentence on what was measured where."""
    machine, data = results.machine, results.data
    return (
        f"Measured on {machine['processor']}, {machine['cores']} cores, {machine['interpreter']}, "
        f"with {data['photos']} photos of {data['name']}; times are of a 640x480 frame, preprocessing included."
    )


def write_report(folder: Path, results: Results, verdict: Sequence[str] = ()) -> None:
    """Writes ``report.json``, ``report.csv``, ``report.md``, ``report.html`` and the chart ``pareto``.

    Args:
        folder: Where to.
        results: What was found.
        verdict: What a budget has chosen, as sentences.

    Raises:
        StorageError: They cannot be written.
    """
    from sorter.benchmarks.page import write_page

    make_folder(folder)
    results.write(folder / "report.json")
    write_csv(folder / "report.csv", (*_CSV_MODEL, *_CSV_ACCURACY, *_CSV_TIMING, "problem"), _csv_rows(results))
    write_text(folder / "report.md", to_markdown(results, verdict))
    write_page(folder, results, verdict)


def _csv_rows(results: Results) -> Iterator[list[Any]]:
    for model in results.models:
        found: list[Any] = [getattr(model, name) for name in _CSV_MODEL]
        found += [getattr(model.accuracy, name) if model.accuracy else None for name in _CSV_ACCURACY]
        for timing in model.timings:
            yield [*found, *(getattr(timing, name) for name in _CSV_TIMING), ""]
        if not model.timings:
            yield [*found, *[None] * len(_CSV_TIMING), model.problem]
