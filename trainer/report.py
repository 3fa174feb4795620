"""The report of a training and of an evaluation: what a person needs to judge a network."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from sorter.cli import inform
from sorter.manifest import Manifest
from sorter.metrics import confusion_matrix
from sorter.trainer.calibration import fit_temperature
from sorter.trainer.evaluation import Evaluation
from sorter.trainer.gallery import attention_tiles, mistake_tiles
from sorter.trainer.judge import KerasJudge
from sorter.trainer.page import Section, fact_table, figure_boxes, gallery, note, plot, write_page
from sorter.trainer.rejection import reject
from sorter.trainer.training_record import Epoch, Progress

REPORT_NAME = "report.html"

_PLOTS = {"training": "training.png", "reliability": "reliability.png", "rejection": "rejection.png"}

_FEW_CLASSES = 5
"""Up to so many, the heads of the confusion matrix need not stand upright."""


def write_training_report(
    folder: Path, judge: KerasJudge, manifest: Manifest, evaluation: Evaluation, record: Progress
) -> None:
    """Draws the plots of a training and writes its report.

    Raises:
        StorageError: They cannot be written.
    """
    draw_plots(evaluation, folder, record.history)
    write_page(
        f"Training run {manifest.name}",
        f"{manifest.recipe['name']} for {len(manifest.labels)} classes, "
        "judged on a test part that training and the choice of the threshold never saw.",
        (
            Section("", figure_boxes(_figures(evaluation))),
            Section("Training", plot(folder / _PLOTS["training"], wide=True)),
            *_judgement(evaluation, folder, judge, manifest),
            Section("How it was made", fact_table(_training_facts(manifest, record))),
        ),
        folder / REPORT_NAME,
    )


def write_evaluation_report(
    folder: Path,
    name: str,
    evaluation: Evaluation,
    judge: KerasJudge | None,
    manifest: Manifest | None,
    facts: Sequence[tuple[str, str]],
) -> None:
    """Draws the plots of an evaluation and writes its report.

    Args:
        folder: Where to.
        name: Of the network.
        evaluation: Its answers.
        judge: The network itself, for heat maps; None for a ``.tflite``, which has no gradients.
        manifest: Its manifest, where it has one.
        facts: Rows of the last table as (name, value).

    Raises:
        StorageError: They cannot be written.
    """
    draw_plots(evaluation, folder)
    write_page(
        f"Evaluation of {name}",
        f"Judged on {dict(facts)['photos']}.",
        (
            Section("", figure_boxes(_figures(evaluation))),
            *_judgement(evaluation, folder, judge, manifest),
            Section("How it was made", fact_table(facts)),
        ),
        folder / REPORT_NAME,
    )


def draw_plots(evaluation: Evaluation, folder: Path, history: Sequence[Epoch] = ()) -> None:
    """Draws the plots of an evaluation and, with a history, of its training; none where matplotlib is missing.

    Raises:
        StorageError: They cannot be written.
    """
    try:
        from sorter.trainer import plots
    except ImportError:
        inform("No plots are drawn, because matplotlib is not installed.")
        return
    plots.plot_confusion(evaluation, folder / plots.CONFUSION_NAME)
    plots.plot_reliability(evaluation, folder / _PLOTS["reliability"])
    plots.plot_rejection(evaluation, folder / _PLOTS["rejection"])
    if history:
        plots.plot_training(history, folder / _PLOTS["training"])


def _judgement(
    evaluation: Evaluation, folder: Path, judge: KerasJudge | None, manifest: Manifest | None
) -> tuple[Section, ...]:
    right, wrong = attention_tiles(evaluation, judge) if judge else ((), ())
    return (
        Section("Each class", _class_table(evaluation.metrics())),
        Section("What is taken for what", _confusion_table(evaluation)),
        Section("Can its probabilities be believed?", _calibration(evaluation, folder, manifest)),
        Section("What a threshold does", _rejection(evaluation, folder)),
        Section("Worst mistakes: wrong, and most sure of it", gallery(mistake_tiles(evaluation), 8.5)),
        Section("Where it looks when it is right", _with_note(gallery(right, 20), _HEAT_NOTE)),
        Section("Where it looks when it is wrong", gallery(wrong, 20)),
    )


_HEAT_NOTE = (
    "Grad-CAM: red is where the evidence for the answer lies. The white outline is where the object is estimated to "
    "be, from what differs from the picture's border; attention outside of it counts as background."
)


def _with_note(html: str, text: str) -> str:
    return note(text) + html if html else ""


def _figures(evaluation: Evaluation) -> list[tuple[str, str]]:
    metrics = evaluation.metrics()
    low, high = metrics["accuracy_95"]
    figures = [(f"{metrics['accuracy']:.1%}", f"of {metrics['n']} photos right (95 %: {low:.1%} to {high:.1%})")]
    if metrics["worst_class"] is not None:
        figures.append((f"{metrics['worst_class_recall']:.1%}", f"in the hardest class, {metrics['worst_class']}"))
    figures.append((f"{metrics['ece']:.3f}", "expected calibration error"))
    if evaluation.threshold is not None:
        figures.append((f"{evaluation.threshold:.2f}", "suggested reject threshold"))
    return figures


def _class_table(metrics: Mapping[str, Any]) -> str:
    keys = ("precision", "recall", "f1")

    def line(kind: str, label: str, row: Mapping[str, Any]) -> str:
        cells = "".join(f'<td class="n">{row[key]:.1%}</td>' for key in keys)
        return f'<tr{kind}><td>{escape(label)}</td>{cells}<td class="n">{row["support"]}</td></tr>'

    classes = metrics["per_class"]
    # Classes without a photo have no recall, and would drag the mean down for nothing.
    seen = [row for row in classes.values() if row["support"]]
    mean = {key: float(np.mean([row[key] for row in seen])) if seen else 0.0 for key in keys}
    rows = [line("", label, row) for label, row in classes.items()]
    rows.append(line(' class="sum"', "mean of the classes", {**mean, "support": metrics["n"]}))
    head = "".join(f'<th class="n">{name}</th>' for name in ("precision", "recall", "F1", "photos"))
    return f'<div class="scroll"><table><tr><th>class</th>{head}</tr>{"".join(rows)}</table></div>'


def _confusion_table(evaluation: Evaluation) -> str:
    """Counts, and per cent of the actual class; predicted down, actual across."""
    labels = evaluation.labels
    counts = confusion_matrix(evaluation.actual, evaluation.probabilities.argmax(axis=1), len(labels)).T
    shares = counts / np.maximum(counts.sum(axis=0), 1)
    heads = "".join(f"<th><span>{escape(label)}</span></th>" for label in labels)
    rows = []
    for label, count_row, share_row in zip(labels, counts, shares, strict=True):
        cells = "".join(_confusion_cell(int(n), float(s)) for n, s in zip(count_row, share_row, strict=True))
        rows.append(f"<tr><th>{escape(label)}</th>{cells}</tr>")
    kind = "confusion" if len(labels) <= _FEW_CLASSES else "confusion many"
    head = f'<tr class="head"><th class="corner">predicted ↓ actual →</th>{heads}</tr>'
    text = note("Number of photos, and per cent of the actual class. Right answers lie on the diagonal.")
    return f'{text}<div class="scroll"><table class="{kind}">{head}{"".join(rows)}</table></div>'


def _confusion_cell(count: int, share: float) -> str:
    if count == 0:
        return "<td></td>"
    text = "#fff" if share > 0.55 else "#1a202c"
    style = f"background: rgba(43, 108, 176, {share:.2f}); color: {text}"
    return f'<td style="{style}">{count}<small>{share:.0%}</small></td>'


def _calibration(evaluation: Evaluation, folder: Path, manifest: Manifest | None) -> str:
    again = fit_temperature(evaluation.probabilities, evaluation.actual)
    text = f"A temperature fitted to these photos would be {again:.2f}: 1 is ideal, above it the network is too sure."
    if manifest is not None:
        text = f"Calibrated with temperature {manifest.temperature:.2f}, which is already part of the network. {text}"
    return note(text) + plot(folder / _PLOTS["reliability"])


def _rejection(evaluation: Evaluation, folder: Path) -> str:
    drawn = plot(folder / _PLOTS["rejection"])
    if evaluation.threshold is None:
        return _with_note(drawn, "The file suggests no threshold.")
    point = reject(evaluation.probabilities, evaluation.actual, evaluation.threshold)
    passed = "no answer passes" if point.wrong is None else f"{point.wrong:.1%} of the answers that pass are wrong"
    text = (
        f"At the suggested threshold of {point.threshold:.2f}, {point.rejected:.1%} of these photos are rejected and "
        f"{passed}. It was chosen on the validation part, not on these photos."
    )
    return note(text) + drawn


def _training_facts(manifest: Manifest, record: Progress) -> tuple[tuple[str, str], ...]:
    data, recipe = manifest.dataset, manifest.recipe
    seconds = sum(epoch.seconds for epoch in record.history)
    return (
        ("recipe", f"{recipe['name']}: {recipe['source']}"),
        *_int8_facts(recipe.get("quantisation_aware")),
        ("weights at the start", str(recipe["weights"])),
        ("input", f"{manifest.input.width}x{manifest.input.height} pixels, fit {manifest.input.fit}"),
        ("photos", ", ".join(f"{data[s]} {s}" for s in ("train", "validation", "test"))),
        ("training", f"{record.history[-1].epoch} epochs in {seconds / 60:.1f} min; ended: {record.ending}"),
        ("kept", f"epoch {recipe['kept_epoch']}, the best on the validation part"),
        ("temperature", f"{manifest.temperature:.3f}, already part of the network"),
        ("seed", str(recipe["seed"])),
        ("data fingerprint", str(data["fingerprint"])),
        ("made with", ", ".join(f"{name} {version}" for name, version in manifest.versions.items())),
        ("created", manifest.created),
    )


def _int8_facts(tuned: Mapping[str, Any] | None) -> tuple[tuple[str, str], ...]:
    """What fine-tuning for int8 brought, where there was one."""
    if tuned is None:
        return ()
    test = tuned["test"]
    return (
        (
            "trained for int8",
            f"from run {tuned['from']}; rounded as int8 will be, {tuned['validation_before']:.1%} of the validation "
            f"photos were right before and {tuned['validation_after']:.1%} are now",
        ),
        (
            "rounded to int8",
            f"{test['accuracy']:.1%} of {test['n']} test photos right; the figures above are of the network in "
            "floating point",
        ),
    )
