"""What int8 costs finished runs, and what becomes of one that it spoils: the figures of docs/quantization.md."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from sorter.cli import SorterCommand, inform, json_option, print_json
from sorter.files import write_json

MOST_LOST = 0.005
LEAST_AGREEMENT = 0.985

_PATH = click.Path(path_type=Path)


@click.command(cls=SorterCommand)
@click.argument("pairs", nargs=-1, required=True, metavar="RUN=DATA...")
@click.option("--hard-case", type=_PATH, metavar="RUN", help="A MobileNetV2 run to scale badly; the first pair's data.")
@click.option("--out", type=_PATH, help="JSON file to write.")
@json_option
def quantization(pairs: tuple[str, ...], hard_case: Path | None, out: Path | None, as_json: bool) -> None:
    """Converts each RUN to int8 with the photos in DATA and says what that costs on the test part."""
    given = [(Path(run), Path(data)) for run, _, data in (pair.partition("=") for pair in pairs)]
    results: dict[str, Any] = {"runs": [measure(run, data) for run, data in given]}
    if hard_case is not None:
        results["hard_case"] = measure_hard_case(hard_case, given[0][1])
    if out is not None:
        write_json(out, results)
    if as_json:
        print_json(results)
        return
    for row in results["runs"]:
        verdict = "ok" if row["drop"] <= MOST_LOST and row["agreement"] >= LEAST_AGREEMENT else "misses its target"
        click.echo(
            f"{row['run']}: {row['float_accuracy']:.2%} -> {row['accuracy']:.2%} of {row['n']}, "
            f"agreement {row['agreement']:.2%}, {row['bytes'] / 1e6:.2f} MB: {verdict}"
        )
    if hard_case is not None:
        click.echo(json.dumps(results["hard_case"], indent=2))


def measure(run: Path, data: Path, *more: str) -> dict[str, Any]:
    """Converts a run to int8 without a limit and gives the row that ``sorter-convert --json`` prints."""
    with tempfile.TemporaryDirectory() as folder:
        done = _convert(run, data, Path(folder) / "file.tflite", "--max-drop", "1", *more)
    if done.returncode:
        raise click.ClickException(done.stderr.strip().splitlines()[-1])
    return {"run": run.name, **json.loads(done.stdout)[0]}


def measure_hard_case(run: Path, data: Path) -> dict[str, Any]:
    """Scales a network badly, then: what int8 loses, which layers are named, and what a repair brings."""
    with tempfile.TemporaryDirectory() as name:
        hard, file = Path(name) / "hard", Path(name) / "file.tflite"
        command = [sys.executable, "-m", "sorter.benchmarks.bad_scales", str(run), str(data), str(hard)]
        subprocess.run(command, check=True, capture_output=True)
        inform("Converting the hard case ...")
        gate = _convert(hard, data, file)
        written = file.exists()
        repair = _convert(hard, data, file, "--repair")
        repaired = json.loads(repair.stdout)[0] if repair.returncode == 0 else {"error": repair.stderr[-500:]}
    return {
        "gate_exit_code": gate.returncode,
        "gate_wrote_file": written,
        "gate_says": [line for line in gate.stderr.splitlines() if "right on" in line or "Layers" in line],
        "repaired": repaired,
    }


def _convert(run: Path, data: Path, out: Path, *more: str) -> "subprocess.CompletedProcess[str]":
    code = "from sorter.converters.cli import convert; convert()"
    arguments = [str(run), "--int8", "--representative", str(data), "--out", str(out), "--json", *more]
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)


if __name__ == "__main__":
    quantization()
