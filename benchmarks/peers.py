"""The same networks and photos through other libraries, side by side in one run.

``python -m sorter.benchmarks.peers MODEL... --data PHOTOS --out DIR``. Method, conditions and report are those of
``sorter-bench``: each candidate in a process of its own, all in turns. A library that is not installed, or cannot run a
network, gets a row that says why. ``peers.md`` has the ratios to ours first.

A library that cannot live beside the others, as tflite-runtime with its NumPy 1, may have an environment of its own, in
which this toolkit is installed, too: ``SORTER_TFLITE_RUNTIME_PYTHON`` names its Python. ``SORTER_TF2ONNX_PYTHON`` does
for tf2onnx, which brings TensorFlow, and MediaPipe would load that.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import click

from sorter.benchmarks.candidates import Candidate
from sorter.benchmarks.intervals import compare_medians
from sorter.benchmarks.measurement import Measurement
from sorter.benchmarks.peer_networks import PEERS
from sorter.benchmarks.report import describe, remarks
from sorter.benchmarks.results import ModelResult, Results
from sorter.cli import SorterCommand, inform, warn
from sorter.converters.targets.trial import python_variable
from sorter.files import make_folder, write_text

OURS = "sorter"

_HEADER = ("network", "with", "time against sorter", "p50 ms", "accuracy", "memory MB", "importing ms", "cores used")


@click.command(cls=SorterCommand)
@click.argument("models", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Photos, one folder a class.")
@click.option("--split-csv", type=click.Path(path_type=Path), help="A run's split.csv: use its test part only.")
@click.option("--photos", type=click.IntRange(1), help="Use so many photos.  [default: all]")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for the report.")
@click.option("--queries", type=click.IntRange(32), default=1024, help="Timed classifications of each.")
def peers(
    models: tuple[Path, ...], data: Path, split_csv: Path | None, photos: int | None, out: Path, queries: int
) -> None:
    """Measures MODELS (.tflite) through this toolkit and through other libraries, all on one thread."""
    from sorter.benchmarks.machine import describe_machine
    from sorter.benchmarks.pictures import open_photos
    from sorter.benchmarks.report import write_report
    from sorter.benchmarks.summary import summarise
    from sorter.benchmarks.timing import Options

    make_folder(out)
    candidates = make_candidates(models, out)
    machine = describe_machine()
    source = open_photos(data, split_csv, photos, with_labels=True)
    versions = {name: value for name, value in machine.items() if name != "load"}
    measurement = Measurement(candidates, source, Options(queries=queries), out, versions)
    if not measurement.is_complete:
        measurement.run()
    results = summarise(measurement, machine)
    write_report(out, results)
    text = to_markdown(results, measurement)
    write_text(out / "peers.md", text)
    click.echo(text)


def make_candidates(models: tuple[Path, ...], out: Path) -> list[Candidate]:
    """Each model through this toolkit and through every other library.

    The files are copied, so that ONNX Runtime's can lie beside them.
    """
    found = []
    for model in models:
        copy = make_folder(out / "networks") / model.name
        shutil.copyfile(model, copy)
        _convert_to_onnx(copy)
        found.append(Candidate(_name(model.name, OURS), copy, "tflite"))
        found += [Candidate(_name(model.name, title), copy, kind, _python_of(kind)) for kind, title in PEERS.items()]
    return found


def _python_of(library: str) -> str:
    return os.environ.get(python_variable(library), "")


def _name(model: str, library: str) -> str:
    return f"{model.removesuffix('.tflite')} with {library}"


def _convert_to_onnx(model: Path) -> None:
    onnx = model.with_suffix(".onnx")
    if onnx.is_file() and onnx.stat().st_mtime > model.stat().st_mtime - 86400:
        return
    inform(f"Converting {model.name} for ONNX Runtime ...")
    python = _python_of("tf2onnx") or sys.executable
    command = [python, "-m", "tf2onnx.convert", "--tflite", str(model), "--output", str(onnx)]
    try:
        ended = subprocess.run(command, capture_output=True, text=True)
        said = (ended.stderr.strip().splitlines() or ["?"])[-1] if ended.returncode else ""
    except OSError as error:
        said = f"{python} cannot be started: {error.strerror}"
    if said:
        warn(f"{model.name} cannot be converted for ONNX Runtime: {said}")


def to_markdown(results: Results, measurement: Measurement) -> str:
    """The table, ratios first."""
    lines = [describe(results), "", _line(_HEADER), "|" + "---|" * len(_HEADER)]
    rows = {model.model: model for model in results.models}
    loaded = {c.name: measurement.progress.loaded.get(measurement.key(c, 1), {}) for c in measurement.candidates}
    for name, model in rows.items():
        network, _, library = name.rpartition(" with ")
        titled = f"{library} {loaded[name].get('version', '')}".strip()
        lines.append(_line((network, titled, *_cells(model, rows[_name(network, OURS)], loaded[name]))))
    lines += ["", *(f"- {remark}" for remark in remarks(results))]
    return "\n".join(lines) + "\n"


def _cells(model: ModelResult, ours: ModelResult, loaded: dict[str, Any]) -> tuple[str, ...]:
    timing, reference = model.timing, ours.timing
    if timing is None or reference is None or model.accuracy is None:
        return ("-",) * 6
    ratio = compare_medians(timing.rounds_ms, reference.rounds_ms, paired=True)
    against = "1" if model is ours else f"{ratio.value:.2f} ({ratio.low:.2f} to {ratio.high:.2f})"
    return (
        against,
        f"{timing.p50_ms:.2f}",
        f"{model.accuracy.accuracy:.1%}",
        f"{timing.resident_mb:.0f}" if timing.resident_mb else "-",
        f"{loaded['import_ms']:.0f}",
        f"{timing.cores_used:.2f}",
    )


def _line(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    peers()
