"""One table, as text, Markdown, CSV and JSON."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sorter.files import write_csv, write_json, write_text

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Row:
    """One model's figures; what could not be measured is None.

    Attributes:
        model: File name.
        format: Quantisation; ``foreign`` where the file does not say.
        bytes: Size of the file.
        input: Size of the input, ``width x height``.
        accuracy: Share of right answers.
        accuracy_95: Its 95 % interval.
        worst_class: The class with the lowest recall.
        worst_class_recall: That recall.
        photos: Number of photos that accuracy was measured on.
        p50_ms: Median time of one classification, preprocessing included.
        p99_ms: Its 99th percentile.
        problem: Why the model could not be measured; empty when it could.
    """

    model: str
    format: str = ""
    bytes: int | None = None
    input: str = ""
    accuracy: float | None = None
    accuracy_95: tuple[float, float] | None = None
    worst_class: str | None = None
    worst_class_recall: float | None = None
    photos: int = 0
    p50_ms: float | None = None
    p99_ms: float | None = None
    problem: str = ""


HEADER = ("model", "format", "size MB", "input", "accuracy", "95 % interval", "worst class", "p50 ms", "p99 ms", "note")


def cells(row: Row) -> tuple[str, ...]:
    """A row as texts, in the order of ``HEADER``."""
    interval = f"{row.accuracy_95[0]:.1%} to {row.accuracy_95[1]:.1%}" if row.accuracy_95 else "-"
    worst = f"{row.worst_class} {row.worst_class_recall:.1%}" if row.worst_class else "-"
    return (
        row.model,
        row.format or "-",
        f"{row.bytes / 1e6:.2f}" if row.bytes is not None else "-",
        row.input or "-",
        f"{row.accuracy:.1%}" if row.accuracy is not None else "-",
        interval,
        worst,
        f"{row.p50_ms:.2f}" if row.p50_ms is not None else "-",
        f"{row.p99_ms:.2f}" if row.p99_ms is not None else "-",
        row.problem,
    )


def to_markdown(rows: Sequence[Row], machine: dict[str, Any]) -> str:
    """The table as Markdown, with the machine named."""
    lines = [f"Measured on {machine['processor']}, {machine['cores']} cores, {machine['interpreter']}.", ""]
    lines += [" | ".join(("", *HEADER, "")).strip(), "|" + "---|" * len(HEADER)]
    lines += [" | ".join(("", *cells(row), "")).strip() for row in rows]
    return "\n".join(lines) + "\n"


def write_report(folder: Path, rows: Sequence[Row], machine: dict[str, Any]) -> None:
    """Writes ``report.json``, ``report.csv`` and ``report.md``.

    Raises:
        StorageError: They cannot be written.
    """
    records = [asdict(row) for row in rows]
    write_json(folder / "report.json", {"schema_version": SCHEMA_VERSION, "machine": machine, "models": records})
    write_csv(folder / "report.csv", list(records[0]), [list(record.values()) for record in records])
    write_text(folder / "report.md", to_markdown(rows, machine))
