"""Reports of several machines side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from sorter.benchmarks.report import describe, remarks
from sorter.benchmarks.results import ModelResult, Results, Timing
from sorter.benchmarks.table import STYLE
from sorter.errors import ConfigError
from sorter.files import make_folder, write_csv, write_json, write_text
from sorter.trainer.page import Section, note
from sorter.trainer.page import write_page as write_sections

HEADER = ("model", "threads", "machine", "p50 ms", "against the first", "p99 ms", "frames/s", "memory MB", "accuracy")


@dataclass(frozen=True)
class Machine:
    """One machine's report.

    Attributes:
        name: What the merged report calls it: its file's name, or its folder's.
        results: The report.
    """

    name: str
    results: Results


def read_machines(paths: Sequence[Path]) -> list[Machine]:
    """Reads reports of the same photos.

    Raises:
        ConfigError: One cannot be read, or they speak of different data sets.
    """
    machines = [Machine(_name(path), Results.read(path)) for path in paths]
    for machine in machines[1:]:
        require_same_data(machines[0], machine)
    names = [machine.name for machine in machines]
    if len(set(names)) < len(names):
        raise ConfigError(
            f"Two of the reports have the same name: {', '.join(sorted(names))}.",
            "Rename the files after the machines.",
        )
    return machines


def _name(path: Path) -> str:
    return path.resolve().parent.name if path.name == "report.json" else path.stem


def require_same_data(first: Machine, second: Machine) -> None:
    """Checks that two reports are of the same photos.

    Raises:
        ConfigError: They are not; the message says how they differ.
    """
    a, b = first.results.data, second.results.data
    if a["fingerprint"] == b["fingerprint"]:
        return
    differences = [
        f"{key} {a[key]} and {b[key]}" for key in ("name", "photos") if a[key] != b[key]
    ]  # fmt: skip
    for machine, mine, other in ((first, a, b), (second, b, a)):
        alone = sorted(set(mine["labels"]) - set(other["labels"]))
        differences += [f"classes in {machine.name} only: {', '.join(alone)}"] if alone else []
    told = "; ".join(differences) or "the same names and numbers, but other pictures or labels"
    raise ConfigError(
        f"{first.name} and {second.name} were measured with different data sets ({told}).",
        "Measure both with the same folder and the same --photos.",
    )


def rows(machines: Sequence[Machine]) -> list[tuple[str, ...]]:
    """The table's rows as texts, in the order of ``HEADER``: models with the same content stand together."""
    found = []
    for sha256, name in _models(machines).items():
        threads = sorted({t.threads for m in machines for t in _timings(m, sha256)})
        for number in threads or [0]:
            found += [_row(machines, sha256, name, number, machine) for machine in machines]
    return found


def _models(machines: Sequence[Machine]) -> dict[str, str]:
    named: dict[str, str] = {}
    for machine in machines:
        for model in machine.results.models:
            named.setdefault(model.sha256 or model.model, model.model)
    return named


def _find(machine: Machine, sha256: str) -> ModelResult | None:
    return next((model for model in machine.results.models if (model.sha256 or model.model) == sha256), None)


def _timings(machine: Machine, sha256: str) -> tuple[Timing, ...]:
    model = _find(machine, sha256)
    return model.timings if model else ()


def _row(machines: Sequence[Machine], sha256: str, name: str, threads: int, machine: Machine) -> tuple[str, ...]:
    model = _find(machine, sha256)
    timing = next((t for t in _timings(machine, sha256) if t.threads == threads), None)
    first = next((t for t in _timings(machines[0], sha256) if t.threads == threads), None)
    accuracy = f"{model.accuracy.accuracy:.1%}" if model and model.accuracy else "-"
    if timing is None:
        why = "not measured there" if model is None else model.problem or "not with so many threads"
        return (name, str(threads or "-"), machine.name, "-", why, "-", "-", "-", accuracy)
    return (
        name,
        str(threads),
        machine.name,
        f"{timing.p50_ms:.2f}",
        f"{timing.p50_ms / first.p50_ms:.2f} x" if first else "-",
        f"{timing.p99_ms:.2f}",
        f"{timing.fps:.0f}",
        f"{timing.resident_mb:.0f}" if timing.resident_mb is not None else "-",
        accuracy,
    )


def notes(machines: Sequence[Machine]) -> list[str]:
    """What the reader must know: each machine, what speaks against its figures, what the same model does otherwise."""
    found = [f"{machine.name}: {describe(machine.results)}" for machine in machines]
    found += [f"{machine.name}: {remark}" for machine in machines for remark in remarks(machine.results)]
    for sha256, name in _models(machines).items():
        answers = {m.name: model.accuracy.correct for m in machines if (model := _find(m, sha256)) and model.accuracy}
        if len(set(answers.values())) > 1:
            found.append(f"{name} does not give the same answers on {' and '.join(answers)}.")
    return found


def write_merged(folder: Path, machines: Sequence[Machine]) -> None:
    """Writes ``merged.json``, ``merged.csv``, ``merged.md`` and ``merged.html``.

    Raises:
        StorageError: They cannot be written.
    """
    make_folder(folder)
    table = rows(machines)
    write_json(folder / "merged.json", {machine.name: machine.results.to_dict() for machine in machines})
    write_csv(folder / "merged.csv", HEADER, table)
    lines = ["| " + " | ".join(HEADER) + " |", "|" + "---|" * len(HEADER)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in table]
    lines += ["", *(f"- {sentence}" for sentence in notes(machines))]
    write_text(folder / "merged.md", "\n".join(lines) + "\n")
    lead = (
        f"{', '.join(machine.name for machine in machines)}, with the same {machines[0].results.data['photos']} photos"
    )
    sections = [
        Section("Times", STYLE + _html_table(table)),
        Section("Machines", "".join(note(sentence) for sentence in notes(machines))),
    ]
    write_sections("Several machines", lead, sections, folder / "merged.html")


def _html_table(table: Sequence[tuple[str, ...]]) -> str:
    head = "".join(f'<th class="{"n" if i > 2 else ""}">{escape(name)}</th>' for i, name in enumerate(HEADER))
    lines = []
    for i, row in enumerate(table):
        # A model's name stands once, above its machines.
        shown = ("", *row[1:]) if i and table[i - 1][0] == row[0] else row
        cells = "".join(f'<td class="{"n" if j > 2 else ""}">{escape(cell)}</td>' for j, cell in enumerate(shown))
        lines.append(f"<tr>{cells}</tr>")
    return f'<div class="scroll"><table class="sortable"><tr>{head}</tr>{"".join(lines)}</table></div>'
