"""A study's results table as text, Markdown, CSV and JSON."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sorter.benchmarks.studies.rows import Interval, Row
from sorter.files import write_csv, write_json, write_text

SCHEMA_VERSION = 1

NOT_KNOWN = "not known"

HEADER = (
    "recipe", "parameters", "published", "published accuracy", "float accuracy", "int8 accuracy", "agreement",
    "int8 MB", "p50 ms", "epochs", "training min", "remark",
)  # fmt: skip

Cell = tuple[str, str]
"""What stands in a cell, and its interval or another small remark below it."""


def cells(row: Row) -> tuple[Cell, ...]:
    """A row's cells, in the order of ``HEADER``."""
    published = row.published
    shortened = row.epochs < row.recipe_epochs
    return (
        (row.recipe, ""),
        _number(row.parameters, "{:,}"),
        _number(published.parameters, "{:,}", none=NOT_KNOWN),
        _as_published(published.accuracy, row.published_95),
        _percent(row.accuracy, row.accuracy_95),
        _percent(row.int8_accuracy, row.int8_95),
        _percent(row.agreement),
        _number(row.bytes and row.bytes / 1e6, "{:.2f}"),
        (_number(row.p50_ms, "{:.2f}")[0], _between(row.p50_95_ms, "{:.2f}")),
        (f"{row.epochs} of {row.recipe_epochs}" if shortened else str(row.epochs), ""),
        _number(row.seconds and row.seconds / 60, "{:.1f}"),
        (row.remark, ""),
    )


def _as_published(accuracy: float | None, interval: Interval | None) -> Cell:
    # With as many digits as the study gives.
    return (NOT_KNOWN if accuracy is None else f"{100 * accuracy:.4g}%", _between(interval, "{:.1%}"))


def _number(value: float | None, form: str, none: str = "-") -> Cell:
    return (none if value is None else form.format(value), "")


def _percent(value: float | None, interval: Interval | None = None) -> Cell:
    return ("-" if value is None else f"{value:.1%}", _between(interval, "{:.1%}"))


def _between(interval: Interval | None, form: str) -> str:
    return f"{form.format(interval[0])} to {form.format(interval[1])}" if interval else ""


def to_markdown(title: str, rows: Sequence[Row], remarks: Sequence[str]) -> str:
    """The table as Markdown, with what must be known about it."""
    lines = [f"# {title}", "", _line(HEADER), "|" + "---|" * len(HEADER)]
    lines += [_line([f"{text} ({below})" if below else text for text, below in cells(row)]) for row in rows]
    return "\n".join([*lines, "", *(f"- {remark}" for remark in remarks)]).rstrip() + "\n"


def _line(texts: Sequence[str]) -> str:
    return "| " + " | ".join(text.replace("|", "\\|") for text in texts) + " |"


_CSV = (
    "recipe", "parameters", "published_parameters", "published_accuracy", "accuracy", "accuracy_low", "accuracy_high",
    "photos", "int8_accuracy", "int8_low", "int8_high", "agreement", "int8_bytes", "p50_ms", "p50_low_ms",
    "p50_high_ms", "epochs", "recipe_epochs", "training_s", "remark",
)  # fmt: skip


def _csv_row(row: Row) -> list[Any]:
    # An empty cell would leave open whether it is not known or was forgotten.
    published = [NOT_KNOWN if v is None else v for v in (row.published.parameters, row.published.accuracy)]
    found = [row.accuracy, *(row.accuracy_95 or (None, None)), row.photos]
    int8 = [row.int8_accuracy, *(row.int8_95 or (None, None)), row.agreement, row.bytes]
    times = [row.p50_ms, *(row.p50_95_ms or (None, None)), row.epochs, row.recipe_epochs, row.seconds]
    return [row.recipe, row.parameters, *published, *found, *int8, *times, row.remark]


def write_tables(
    folder: Path, title: str, facts: Mapping[str, Any], rows: Sequence[Row], remarks: Sequence[str]
) -> None:
    """Writes ``study.json``, ``study.csv`` and ``study.md``.

    Args:
        folder: Where to.
        title: Of the table.
        facts: What else the JSON holds: study, data, settings, machine.
        rows: The table.
        remarks: What must be known about it.

    Raises:
        StorageError: They cannot be written.
    """
    write_json(folder / "study.json", make_json(facts, rows, remarks))
    write_csv(folder / "study.csv", _CSV, map(_csv_row, rows))
    write_text(folder / "study.md", to_markdown(title, rows, remarks))


def make_json(facts: Mapping[str, Any], rows: Sequence[Row], remarks: Sequence[str]) -> dict[str, Any]:
    """The content of ``study.json``; what is not known is null."""
    return {
        "schema_version": SCHEMA_VERSION,
        **facts,
        "networks": [row.to_dict() for row in rows],
        "remarks": list(remarks),
    }
