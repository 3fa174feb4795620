"""Time of ``sorter-run --help``, time to the first decision, and memory of the running sorter.

``python -m sorter.benchmarks.startup --json FILE``. Each figure comes from processes of their own; the first decision's
time is read from the journal, so nothing is added to what is measured.
"""

import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click

from sorter.benchmarks.machine import resident_mb
from sorter.cli import SorterCommand
from sorter.errors import ConfigError

_RUN = [sys.executable, "-c", "from sorter.edge.cli import run; run()"]


@click.command(cls=SorterCommand)
@click.option("--model", default="waste-mobilenetv2-int8", help="File or name of a shipped network.")
@click.option("--pictures", type=click.Path(path_type=Path), help="A folder as camera, beside the simulated platform.")
@click.option("--repeats", type=click.IntRange(1), default=5, help="Processes per figure.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Where to store the figures.")
def startup(model: str, pictures: Path | None, repeats: int, json_file: Path | None) -> None:
    """Measures how fast the sorter starts and how much memory it takes."""
    from sorter.benchmarks.machine import describe_machine
    from sorter.files import write_json

    figures: dict[str, Any] = {"help_s": _median([time_help() for _ in range(repeats)])}
    cameras = {"sim:": 5} | ({str(pictures): 1} if pictures else {})
    for camera, objects in cameras.items():
        runs = [run_once(camera, model, objects) for _ in range(repeats)]
        figures["simulated platform" if camera == "sim:" else "folder"] = {
            "first_decision_s": _median([first_s for first_s, _ in runs]),
            "resident_mb": _median([mb for _, mb in runs]),
        }
    for name, value in figures.items():
        click.echo(f"{name}: {value}")
    if json_file:
        write_json(json_file, {"machine": describe_machine(), **figures})


def _median(values: list[float]) -> float:
    return round(statistics.median(values), 3)


def time_help() -> float:
    """Seconds that ``sorter-run --help`` takes, from starting the process to its end."""
    started_s = time.perf_counter()
    subprocess.run([*_RUN, "--help"], check=True, capture_output=True)
    return time.perf_counter() - started_s


def run_once(camera: str, model: str, objects: int) -> tuple[float, float]:
    """Sorts a few objects in a process of its own.

    Returns:
        Seconds from starting the process to the first decision in its journal, and its largest resident memory in
        megabytes, simulators included.
    """
    with tempfile.TemporaryDirectory() as folder:
        journal = Path(folder) / "journal.db"
        arguments = ["--camera", camera, "--port", "sim:", "--model", model, "--objects", str(objects)]
        started_at = time.time()
        process = subprocess.Popen(
            [*_RUN, *arguments, "--journal", str(journal)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        peak_mb = 0.0
        while process.poll() is None:
            peak_mb = max(peak_mb, resident_mb(process.pid))
            time.sleep(0.05)
        output = process.communicate()[0].decode(errors="replace")
        if process.returncode:
            raise ConfigError(f"The sorter ended with {process.returncode}: {output.strip()[-300:]}")
        database = sqlite3.connect(journal)
        (decided_at,) = database.execute("SELECT MIN(decided_at) FROM object").fetchone()
        database.close()
        return decided_at - started_at, peak_mb


if __name__ == "__main__":
    startup()
