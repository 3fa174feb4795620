"""``sorter-train DATA --sweep``: trains every point, then has the other programs make the files and the report.

Conversion and measurement belong to ``sorter-convert`` and ``sorter-bench``; they run as programs of their own, as a
person would start them.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from sorter.bundle import Bundle
from sorter.cli import INTERRUPTED, inform, print_json, warn
from sorter.errors import SorterError, TrainingError
from sorter.trainer import runs
from sorter.trainer.comparison import Comparison, compare_jobs, comparison_lines
from sorter.trainer.jobs import Job
from sorter.trainer.recipes import BACKBONES

FILES_NAME, REPORT_NAME = "files", "report"

_PROGRAMS = {
    "sorter-convert": "from sorter.converters.cli import convert; convert()",
    "sorter-bench": "from sorter.benchmarks.cli import bench; bench()",
}

_WORTH_A_WORD = 0.01
"""Accuracy that int8 may lose before it is said, as in ``sorter-convert``."""


def run_sweep(jobs: Sequence[Job], as_json: bool) -> None:
    """Trains, converts and measures; what is finished already is taken as it is when resuming.

    Raises:
        TrainingError: Not one file could be made, or the report could not.
    """
    folder = jobs[0].out.parent
    if any(job.recipe.architecture in BACKBONES and not job.has_backbone for job in jobs):
        warn("These networks start from random weights and will be worse than they could be.", "See --weights.")
    comparison = compare_jobs(jobs, folder)
    if not as_json:
        click.echo("\n".join(comparison_lines(comparison)))
    if comparison.interrupted:
        inform("Stopped. --resume goes on with what is missing.")
        click.get_current_context().exit(INTERRUPTED)
    failed = {row.network for row in comparison.failed}
    finished = [job for job in jobs if job.out.name not in failed]
    made = [(job, file) for job in finished if (file := _convert(job, folder / FILES_NAME))]
    if not made:
        raise TrainingError("Not one network of the sweep became a file.", "The reasons stand above.")
    _measure([file for _, file in made], made[0][0], folder / REPORT_NAME, as_json)
    if as_json:
        print_json(_summary(comparison, made, folder))
    if len(made) < len(jobs):
        click.get_current_context().exit(1)


def _summary(comparison: Comparison, made: Sequence[tuple[Job, Path]], folder: Path) -> dict[str, Any]:
    rows = [{k: None if v != v else v for k, v in vars(row).items()} for row in comparison.rows]
    return {"runs": rows, "files": [str(file) for _, file in made], "report": str(folder / REPORT_NAME)}


def _convert(job: Job, folder: Path) -> Path | None:
    """The int8 file of a finished run; None where it could not be made, which is said."""
    file = folder / f"{job.out.name}.tflite"
    if _is_current(file, job.out):
        inform(f"{file} is there already.")
        return file
    inform(f"Converting {job.out.name} to int8.")
    # The report shows what int8 has cost: nothing is hidden by letting every file pass.
    options = ("--int8", "--representative", str(job.data), "--out", str(file), "--max-drop", "1", "--json")
    done = _run("sorter-convert", str(job.out), *options)
    if done.returncode:
        warn(f"{job.out.name} could not be converted; the others go on.")
        return None
    cost = json.loads(done.stdout)[0]
    if cost.get("drop", 0.0) > _WORTH_A_WORD:
        warn(f"{job.out.name} loses {cost['drop']:.1%} by int8.", f"sorter-convert {job.out} --int8 --repair may help.")
    return file


def _is_current(file: Path, run: Path) -> bool:
    """Whether a file was made of this very run."""
    try:
        told = Bundle.load(file).manifest
    except SorterError:
        return False
    trained = runs.open_run(run).manifest
    return told is not None and (told.name, told.created) == (trained.name, trained.created)


def _measure(files: Sequence[Path], job: Job, report: Path, as_json: bool) -> None:
    inform("Measuring the files.")
    photos = ("--data", str(job.data), "--split-csv", str(job.out / runs.SPLIT_NAME))
    done = _run("sorter-bench", *map(str, files), *photos, "--out", str(report), "--time-line", "0", quiet=as_json)
    if done.returncode:
        raise TrainingError(
            "The files are there, but the report could not be made.",
            f"The reason stands above. sorter-bench {files[0].parent} --data {job.data} --out {report} tries again.",
        )


def _run(program: str, *arguments: str, quiet: bool = True) -> "subprocess.CompletedProcess[str]":
    """Runs one of the toolkit's programs; what it prints is shown unless ``quiet``, what it says always."""
    command = [sys.executable, "-c", _PROGRAMS[program], *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE if quiet else None, text=True, check=False)
