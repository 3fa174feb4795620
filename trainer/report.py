"""One self-contained HTML page about a run or an evaluation: no scripts, no links, pictures inside."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from sorter.cli import inform
from sorter.files import write_text
from sorter.manifest import Manifest
from sorter.trainer.evaluation import Evaluation
from sorter.trainer.training_record import Epoch, Progress

REPORT_NAME = "report.html"

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1a202c; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: 0; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
.lead { color: #4a5568; margin-top: .2rem; }
.figures { display: flex; flex-wrap: wrap; gap: 1rem; margin: 1.5rem 0; }
.figures div { background: #edf2f7; border-radius: .5rem; padding: .7rem 1.1rem; }
.figures b { display: block; font-size: 1.5rem; } .figures span { color: #4a5568; font-size: .9rem; }
table { border-collapse: collapse; } th, td { padding: .3rem .9rem .3rem 0; border-bottom: 1px solid #e2e8f0; }
th { text-align: left; } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
img { max-width: 100%; height: auto; display: block; margin: .5rem 0; }
.pictures { display: flex; flex-wrap: wrap; gap: 1rem; align-items: flex-start; }
.pictures img { max-width: min(29rem, 100%); }
.pictures img.wide { max-width: 100%; }
td.v { overflow-wrap: anywhere; }
"""

_WIDE = {"training": "wide"}
"""Style of the pictures that take the whole width."""


@dataclass(frozen=True)
class Page:
    """What a report says.

    Attributes:
        title: Its heading.
        lead: One sentence below it.
        metrics: Of ``sorter.metrics.evaluate``.
        figures: Further figures as (value, meaning).
        facts: Rows of the last table as (name, value).
        pictures: PNG files; those that do not exist are left out.
    """

    title: str
    lead: str
    metrics: Mapping[str, Any]
    figures: Sequence[tuple[str, str]]
    facts: Sequence[tuple[str, str]]
    pictures: Sequence[Path]


def write_report(page: Page, path: Path) -> None:
    """Writes the page.

    Raises:
        StorageError: It cannot be written.
    """
    body = "\n".join(
        (
            f"<h1>{escape(page.title)}</h1>",
            f'<p class="lead">{escape(page.lead)}</p>',
            _figures(page),
            "<h2>Each class</h2>",
            _class_table(page.metrics),
            _pictures(page.pictures),
            "<h2>How it was made</h2>",
            _fact_table(page.facts),
        )
    )
    head = f'<meta charset="utf-8"><title>{escape(page.title)}</title><style>{_STYLE}</style>'
    write_text(path, f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n')


def draw_pictures(evaluation: Evaluation, folder: Path, history: Sequence[Epoch] = ()) -> tuple[Path, ...]:
    """Draws the plots of an evaluation and, with a history, of its training; none where matplotlib is missing.

    Raises:
        StorageError: They cannot be written.
    """
    try:
        from sorter.trainer import plots
    except ImportError:
        inform("No plots are drawn, because matplotlib is not installed.")
        return ()
    confusion, reliability = folder / plots.CONFUSION_NAME, folder / plots.RELIABILITY_NAME
    plots.plot_confusion(evaluation, confusion)
    plots.plot_reliability(evaluation, reliability)
    if not history:
        return (confusion, reliability)
    plots.plot_training(history, folder / plots.TRAINING_NAME)
    return (confusion, reliability, folder / plots.TRAINING_NAME)


def training_page(manifest: Manifest, metrics: Mapping[str, Any], record: Progress, pictures: Sequence[Path]) -> Page:
    """The report of a training."""
    data, recipe = manifest.dataset, manifest.recipe
    seconds = sum(epoch.seconds for epoch in record.history)
    facts = (
        ("recipe", f"{recipe['name']}: {recipe['source']}"),
        ("weights at the start", str(recipe["weights"])),
        ("input", f"{manifest.input.width}x{manifest.input.height} pixels, fit {manifest.input.fit}"),
        ("photos", ", ".join(f"{data[s]} {s}" for s in ("train", "validation", "test"))),
        ("training", f"{record.history[-1].epoch} epochs in {seconds / 60:.1f} min; ended: {record.ending}"),
        ("kept", f"epoch {recipe['kept_epoch']}, the smallest loss on the validation part"),
        ("temperature", f"{manifest.temperature:.3f}, already part of the network"),
        ("seed", str(recipe["seed"])),
        ("data fingerprint", str(data["fingerprint"])),
        ("made with", ", ".join(f"{name} {version}" for name, version in manifest.versions.items())),
        ("created", manifest.created),
    )
    return Page(
        title=f"Training run {manifest.name}",
        lead=f"{recipe['name']} for {len(manifest.labels)} classes, judged on a test part that training never saw.",
        metrics=metrics,
        figures=[(f"{manifest.threshold:.2f}", "suggested reject threshold")],
        facts=facts,
        pictures=pictures,
    )


def _figures(page: Page) -> str:
    metrics = page.metrics
    low, high = metrics["accuracy_95"]
    figures = [(f"{metrics['accuracy']:.1%}", f"of {metrics['n']} photos right (95 %: {low:.1%} to {high:.1%})")]
    if metrics["worst_class"] is not None:
        figures.append((f"{metrics['worst_class_recall']:.1%}", f"in the hardest class, {metrics['worst_class']}"))
    figures.append((f"{metrics['ece']:.3f}", "expected calibration error"))
    boxes = (f"<div><b>{escape(v)}</b><span>{escape(m)}</span></div>" for v, m in (*figures, *page.figures))
    return f'<div class="figures">{"".join(boxes)}</div>'


def _class_table(metrics: Mapping[str, Any]) -> str:
    rows = [
        f"<tr><td>{escape(label)}</td>"
        + "".join(f'<td class="n">{row[key]:.1%}</td>' for key in ("recall", "precision", "f1"))
        + f'<td class="n">{row["support"]}</td></tr>'
        for label, row in metrics["per_class"].items()
    ]
    head = "".join(f'<th class="n">{name}</th>' for name in ("recall", "precision", "F1", "photos"))
    return f"<table><tr><th>class</th>{head}</tr>{''.join(rows)}</table>"


def _pictures(paths: Sequence[Path]) -> str:
    images = [_picture(path) for path in paths if path.is_file()]
    return f'<div class="pictures">{"".join(images)}</div>'


def _picture(path: Path) -> str:
    content = base64.b64encode(path.read_bytes()).decode()
    name = escape(path.stem)
    return f'<img class="{_WIDE.get(path.stem, "")}" alt="{name}" src="data:image/png;base64,{content}">'


def _fact_table(facts: Sequence[tuple[str, str]]) -> str:
    rows = (f'<tr><th>{escape(name)}</th><td class="v">{escape(value)}</td></tr>' for name, value in facts)
    return f"<table>{''.join(rows)}</table>"
