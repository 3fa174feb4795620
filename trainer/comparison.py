"""Several trainings on one split, one after the other, and the table of their results."""

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from sorter.cli import inform, warn
from sorter.errors import ConfigError, SorterError, StorageError
from sorter.files import make_folder, write_csv, write_text
from sorter.trainer import runs
from sorter.trainer.jobs import Job
from sorter.trainer.pipeline import run_job

COMPARISON_CSV = "comparison.csv"
COMPARISON_TABLE = "comparison.md"

_HEADINGS = (
    "network",
    "parameters",
    "trainable",
    "epochs",
    "best validation accuracy",
    "test accuracy",
    "worst class",
    "its recall",
    "seconds",
)


@dataclass(frozen=True)
class Row:
    """One training in the table; numbers of one that failed are NaN or 0.

    Attributes:
        network: Name of the recipe, or of the fold.
        parameters: Of the network.
        trainable: Parameters that its last phase changes.
        epochs: How many it took.
        validation_accuracy: Of the epoch that was kept.
        accuracy: On the test part.
        worst_class: The class with the smallest recall on the test part.
        worst_class_recall: That recall.
        seconds: Of the whole training.
        failure: Why it failed; empty when it did not.
    """

    network: str
    parameters: int = 0
    trainable: int = 0
    epochs: int = 0
    validation_accuracy: float = math.nan
    accuracy: float = math.nan
    worst_class: str = ""
    worst_class_recall: float = math.nan
    seconds: float = math.nan
    failure: str = ""


@dataclass(frozen=True)
class Comparison:
    """What became of all trainings.

    Attributes:
        rows: In the order in which they were asked for.
        interrupted: Whether Ctrl-C ended the last of them, so that the rest is missing.
    """

    rows: tuple[Row, ...]
    interrupted: bool = False

    @property
    def failed(self) -> tuple[Row, ...]:
        """The trainings that failed."""
        return tuple(row for row in self.rows if row.failure)

    def spread(self) -> tuple[float, float]:
        """Mean and standard deviation of the test accuracies; NaN where there are too few."""
        accuracies = [row.accuracy for row in self.rows if not row.failure]
        mean = float(np.mean(accuracies)) if accuracies else math.nan
        return mean, float(np.std(accuracies, ddof=1)) if len(accuracies) > 1 else math.nan


def compare_jobs(jobs: Sequence[Job], folder: Path) -> Comparison:
    """Trains one job after the other and writes the table after each; one that fails does not stop the others.

    With ``resume`` set, a job whose run is finished is not trained again.

    Args:
        jobs: On the same photos, with the same seed, so that they get the same split.
        folder: Where ``comparison.csv`` and ``comparison.md`` go.

    Raises:
        StorageError: The table cannot be written, or a job's folder holds an earlier run and may not be replaced.
    """
    for job in jobs:
        if not _is_finished(job):
            runs.check_output(job.out, job.overwrite, job.resume)
    make_folder(folder)
    rows: list[Row] = []
    for number, job in enumerate(jobs, start=1):
        inform(f"{number} of {len(jobs)}: {job.out.name}")
        row, interrupted = _run(job)
        rows.append(row)
        comparison = Comparison(tuple(rows), interrupted)
        write_comparison(comparison, folder)
        if interrupted:
            break
    return comparison


def _run(job: Job) -> tuple[Row, bool]:
    """The row of a job, and whether it was interrupted."""
    import keras

    if _is_finished(job):
        inform(f"{job.out} is finished; its figures are taken as they are.")
        return read_row(job.out), False
    # What the networks before it left in memory.
    keras.backend.clear_session()
    try:
        outcome = run_job(job)
    except StorageError:
        raise
    except SorterError as error:
        return _note_failure(job, error.message, error.hint), False
    except KeyboardInterrupt:
        return Row(job.out.name, failure="stopped before its first epoch was over"), True
    except Exception as error:
        # A network that crashes TensorFlow must not cost the results of the others.
        return _note_failure(job, f"{type(error).__name__}: {error}", "Train it by itself with --debug."), False
    return read_row(job.out), outcome.interrupted


def _note_failure(job: Job, message: str, hint: str) -> Row:
    warn(f"{job.out.name} failed, the others go on: {message}", hint)
    return Row(job.out.name, failure=" ".join(message.split()))


def _is_finished(job: Job) -> bool:
    """Whether the run is there and may be taken as it is.

    Raises:
        ConfigError: It is there, but was trained with another recipe or seed.
        BundleError: It is damaged.
    """
    if not job.resume or not (job.out / runs.MODEL_NAME).is_file():
        return False
    recipe = runs.open_run(job.out).manifest.recipe
    if recipe.get("ending") == "interrupted":
        return False
    wanted = {**job.recipe.describe(), "seed": job.seed}
    # Runs of older versions do not say their width, as there was one only.
    stored = {key: recipe.get(key, 1.0 if key == "width" else None) for key in wanted}
    changed = [key for key in wanted if _plain(wanted[key]) != _plain(stored[key]) and key != "source"]
    if changed:
        raise ConfigError(
            f"{job.out} was trained with another {' and '.join(changed)}.",
            "Give --overwrite instead of --resume to train it again.",
        )
    return True


def _plain(value: Any) -> Any:
    """Tuples as the lists that JSON makes of them."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value


def read_row(run: Path) -> Row:
    """The row of a finished run.

    Raises:
        BundleError: It is not a finished run.
    """
    manifest = runs.open_run(run).manifest
    training, figures = manifest.recipe.get("training", {}), manifest.accuracy["float"]
    return Row(
        network=run.name,
        parameters=training.get("parameters", 0),
        trainable=training.get("trainable", 0),
        epochs=training.get("epochs", 0),
        validation_accuracy=training.get("validation_accuracy", math.nan),
        accuracy=figures["accuracy"],
        worst_class=figures["worst_class"],
        worst_class_recall=figures["worst_class_recall"],
        seconds=training.get("seconds", math.nan),
    )


def write_comparison(comparison: Comparison, folder: Path) -> None:
    """Writes ``comparison.csv`` and ``comparison.md``.

    Raises:
        StorageError: They cannot be written.
    """
    rows = [["" if value != value else value for value in astuple(row)] for row in comparison.rows]
    write_csv(folder / COMPARISON_CSV, [f.name for f in fields(Row)], rows)
    lines = [_HEADINGS, ("---", *("---:" for _ in _HEADINGS[1:])), *map(_cells, comparison.rows)]
    table = "".join("| " + " | ".join(cells) + " |\n" for cells in lines)
    failures = "".join(f"\n{row.network}: {row.failure}.\n" for row in comparison.failed)
    write_text(folder / COMPARISON_TABLE, table + failures)


def comparison_lines(comparison: Comparison) -> list[str]:
    """The table for the screen."""
    cells = [_HEADINGS, *map(_cells, comparison.rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(_HEADINGS))]
    sided = [(str.ljust, widths[0]), *((str.rjust, width) for width in widths[1:])]
    lines = ["  ".join(pad(cell, width) for cell, (pad, width) in zip(row, sided, strict=True)) for row in cells]
    return [*lines, *(f"{row.network} failed: {row.failure}" for row in comparison.failed)]


def _cells(row: Row) -> tuple[str, ...]:
    if row.failure:
        return (row.network, *("failed" if heading == "test accuracy" else "-" for heading in _HEADINGS[1:]))
    return (
        row.network,
        f"{row.parameters:,}",
        f"{row.trainable:,}",
        str(row.epochs),
        f"{row.validation_accuracy:.1%}",
        f"{row.accuracy:.1%}",
        row.worst_class,
        f"{row.worst_class_recall:.1%}",
        f"{row.seconds:.0f}",
    )
