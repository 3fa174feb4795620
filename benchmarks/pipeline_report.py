"""The pipeline's report: tables as text, Markdown and CSV, and everything as JSON."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sorter.benchmarks.pace import STAGES, Pace
from sorter.benchmarks.sweep import Pipeline, Step, fate_counts, verdict
from sorter.files import make_folder, write_csv, write_json, write_text
from sorter.metrics import wilson_interval

NAME = "pipeline"

HEADER = (
    "objects/min", "holds", "sorted/min", "right", "95 % interval", "wrong", "rejected", "missed", "doubled",
    "to first byte p50 ms", "p99 ms", "arm busy", "sorter cores", "memory MB",
)  # fmt: skip

STAGE_HEADER = ("stage", "p50 ms", "p90 ms", "p99 ms", "n", "from → to")

TOTAL = "frame to first byte"


def rows(found: Pipeline) -> Iterator[tuple[str, ...]]:
    """One row a speed, in the order of ``HEADER``."""
    for step in found.steps:
        yield _cells(step)


def _cells(step: Step) -> tuple[str, ...]:
    pace, counts = step.pace, fate_counts(step.pace)
    low, high = wilson_interval(counts["right"], pace.objects)
    total = pace.stages_ms.get(TOTAL)
    return (
        f"{pace.per_minute:g}",
        "yes" if step.holds else "no",
        f"{pace.sorted_per_minute:.1f}",
        f"{counts['right']} of {pace.objects}",
        f"{low:.0%} to {high:.0%}",
        *(str(counts[name]) for name in ("wrong", "rejected", "missed", "doubled")),
        f"{total['p50']:.1f}" if total else "-",
        f"{total['p99']:.1f}" if total else "-",
        f"{pace.arm_busy:.0%}",
        f"{pace.sorter_cores:.2f}",
        f"{pace.sorter_mb:.0f}",
    )


def stage_rows(pace: Pace) -> Iterator[tuple[str, ...]]:
    """One row a stage, in the order of ``STAGE_HEADER``."""
    for name, spans in STAGES.items():
        if told := pace.stages_ms.get(name):
            yield (
                name.replace("x N", f"x {pace.votes:.2g}"),
                *(f"{told[p]:.2f}" for p in ("p50", "p90", "p99")),
                str(told["n"]),
                spans,
            )


def shown_steps(found: Pipeline) -> list[tuple[str, Step]]:
    """The speeds whose stages are shown: the last that holds, and the one that breaks."""
    pairs = (("the last speed that holds", found.best), ("the speed that breaks", found.broke))
    return [(title, step) for title, step in pairs if step is not None]


def describe(found: Pipeline) -> str:
    """One sentence on what was measured where."""
    machine, method = found.machine, found.method
    belt = "stops for each object" if method["belt"] == "steps" else "never stops"
    return (
        f"{found.model['name']} with {found.data['name']} on {machine['processor']}, {machine['cores']} cores, "
        f"{machine['interpreter']}: real photos on a simulated belt that {belt}, sorter-run, and a simulated arm whose "
        f"motion takes {method['move_s']:g} s; {method['votes']} votes an object, {method['fps']:g} frames a second."
    )


def criterion(found: Pipeline) -> str:
    """When a speed holds, as a sentence."""
    method = found.method
    return (
        f"A speed holds while at most {method['most_lost']:.0%} of the objects are missed or doubled and the share "
        f"sorted right is at most {100 * method['most_drop']:.0f} points below that of the slowest speed."
    )


def to_markdown(found: Pipeline) -> str:
    """The tables as Markdown."""
    lines = [describe(found), "", *(f"- {sentence}" for sentence in verdict(found)), "", *_table(HEADER, rows(found))]
    for title, step in shown_steps(found):
        lines += ["", f"Stages at {step.pace.per_minute:g} objects a minute, {title}:", ""]
        lines += _table(STAGE_HEADER, stage_rows(step.pace))
    lines += ["", criterion(found), "", *(f"- {warning}" for warning in found.conditions["warnings"])]
    return "\n".join(lines).rstrip() + "\n"


def _table(header: Sequence[str], body: Iterator[tuple[str, ...]]) -> list[str]:
    return [_line(header), "|" + "---|" * len(header), *map(_line, body)]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


_CSV = (
    "per_minute", "came_per_minute", "sorted_per_minute", "right_per_minute", "objects", "present_s", "votes",
    "arm_busy", "sorter_cores", "sorter_mb", "simulation_cores", "fps",
)  # fmt: skip
_FATES = ("right", "wrong", "rejected", "missed", "doubled")
_PERCENTILES = ("p50", "p90", "p99")


def write_pipeline(folder: Path, found: Pipeline) -> None:
    """Writes ``pipeline.json``, ``.csv``, ``.md``, ``.html``, and the charts (see ``chart_files``).

    Raises:
        StorageError: They cannot be written.
    """
    from sorter.benchmarks.pipeline_page import write_page

    make_folder(folder)
    write_json(folder / f"{NAME}.json", found.to_dict())
    stages = [f"{name} {p} ms" for name in STAGES for p in _PERCENTILES]
    write_csv(folder / f"{NAME}.csv", (*_CSV, *_FATES, "holds", *stages, "broken"), _csv_rows(found))
    write_text(folder / f"{NAME}.md", to_markdown(found))
    write_page(folder, found)


def _csv_rows(found: Pipeline) -> Iterator[list[Any]]:
    for step in found.steps:
        pace, counts = step.pace, fate_counts(step.pace)
        stages = [pace.stages_ms.get(name, {}).get(p) for name in STAGES for p in _PERCENTILES]
        figures = [getattr(pace, name) for name in _CSV]
        yield [*figures, *(counts[name] for name in _FATES), step.holds, *stages, " ".join(step.broken)]
