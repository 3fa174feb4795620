"""``sorter-bench``: size and latency versus accuracy, in one report."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sorter.benchmarks.pipeline_cli import pipeline
from sorter.benchmarks.report_cli import compare, merge
from sorter.benchmarks.studies.cli import study
from sorter.cli import SorterCommand, inform, json_option, print_json

if TYPE_CHECKING:
    from sorter.benchmarks.budget import Limit, Verdict
    from sorter.benchmarks.measurement import Measurement
    from sorter.benchmarks.results import Results

MEASURE = "measure"


class _BareFirst(click.Group):
    """Commands, of which ``measure`` needs no name: ``sorter-bench MODEL... --data DATA --out DIR``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Takes whatever is not the name of a command for arguments of ``measure``."""
        if not args or args[0] not in self.commands:
            args = [MEASURE, *args]
        return super().parse_args(ctx, args)


@click.group(cls=_BareFirst)
def bench() -> None:
    """Compares networks: size and latency versus accuracy."""


bench.add_command(merge)
bench.add_command(compare)
bench.add_command(pipeline)
bench.add_command(study)


class _Measure(SorterCommand):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.epilog = (
            "Other commands: sorter-bench merge (several machines in one report), sorter-bench compare (has it become "
            "slower or worse?), sorter-bench pipeline (how fast a belt may run), sorter-bench study (the tables "
            "of four studies). Each has its own --help."
        )

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> click.Context:
        """Calls itself what the user called it: without ``measure``."""
        name = parent.info_name if parent else info_name
        return super().make_context(name, args, None, **extra)


def _parse_threads(_ctx: click.Context, _param: click.Parameter, value: str) -> tuple[int, ...]:
    try:
        numbers = tuple(dict.fromkeys(int(text) for text in value.split(",")))
    except ValueError:
        numbers = ()
    if not numbers or not all(1 <= number <= 64 for number in numbers):
        raise click.BadParameter("Give numbers from 1 to 64, for example 1,2,4.")
    return numbers


@bench.command(MEASURE, cls=_Measure)
@click.argument("models", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Photos, one folder a class.")
@click.option("--split-csv", type=click.Path(path_type=Path), help="A run's split.csv: use its test part only.")
@click.option("--photos", type=click.IntRange(1), help="Use so many photos, of all classes alike.  [default: all]")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for the report.")
@click.option("--threads", default="1", callback=_parse_threads, help="CPU threads of one classification: 1,2,4.")
@click.option("--queries", type=click.IntRange(32), default=1024, help="Timed classifications of each model.")
@click.option("--seconds", type=click.FloatRange(1), default=60.0, help="Or so many seconds of them, if that is less.")
@click.option("--quick", is_flag=True, help="256 classifications of each: a first look, marked as such.")
@click.option("--sustain", type=click.FloatRange(0), default=0.0, help="Seconds without a pause; 60 shows throttling.")
@click.option("--time-line", type=click.IntRange(0), default=8, help="Objects to sort, for the way of one.")
@click.option("--accuracy/--no-accuracy", default=True, help="Without it, any folder of pictures will do as --data.")
@click.option("--budget", help="Names the best model within limits: 'latency<20ms size<3MB'.")
@click.option("--labels", type=click.Path(path_type=Path), help="labels.txt, for models without labels inside.")
@click.option("--input-range", type=click.Choice(["bytes", "0..1", "-1..1"]), help="For foreign float models.")
@click.option("--fresh", is_flag=True, help="Measure anew what an earlier run has left in --out.")
@json_option
def measure(as_json: bool, out: Path, budget: str | None, **asked: Any) -> None:
    """Compares MODELS: size, accuracy, latency and memory, in one report.

    A model is a .tflite file, a .keras file, a training run's folder, or a folder of these. One that cannot run here
    gets a row that says why. A run that was interrupted goes on where it was.
    """
    from sorter.benchmarks.budget import parse_budget
    from sorter.benchmarks.report import write_report
    from sorter.errors import BundleError
    from sorter.files import make_folder

    limits = parse_budget(budget) if budget else ()
    make_folder(out)
    results, verdict = _measure(out, limits, **asked)
    write_report(out, results, verdict.reasons if verdict else ())
    if as_json:
        print_json(results.to_dict() | ({"budget": asdict(verdict)} if verdict else {}))
    else:
        _print_table(results, out)
        for reason in verdict.reasons if verdict else ():
            click.echo(reason)
    if not any(model.timings for model in results.models):
        raise BundleError("None of the models could be measured.", "The reasons stand in the report.")


def _measure(
    out: Path,
    limits: "tuple[Limit, ...]",
    data: Path,
    split_csv: Path | None,
    time_line: int,
    quick: bool,
    **asked: Any,
) -> "tuple[Results, Verdict | None]":
    from sorter.benchmarks.budget import choose
    from sorter.benchmarks.machine import describe_machine
    from sorter.benchmarks.summary import summarise
    from sorter.benchmarks.time_line import add_time_line

    machine = describe_machine()
    measurement = _prepare(out, machine, data, split_csv, quick, **asked)
    _run(measurement)
    results = summarise(measurement, machine)
    verdict = choose(results, limits) if limits else None
    objects = 0 if quick else time_line
    winner = verdict.winner if verdict else None
    return add_time_line(results, measurement, data, split_csv, objects, winner), verdict


def _prepare(
    out: Path, machine: dict[str, Any], data: Path, split_csv: Path | None, quick: bool,
    models: tuple[Path, ...], photos: int | None, fresh: bool, queries: int, sustain: float, **asked: Any,
) -> "Measurement":  # fmt: skip
    from sorter.benchmarks.candidates import find_candidates
    from sorter.benchmarks.measurement import Measurement
    from sorter.benchmarks.pictures import open_photos
    from sorter.benchmarks.timing import QUICK_QUERIES, Options

    candidates = find_candidates(models)
    source = open_photos(data, split_csv, photos, asked["accuracy"])
    options = Options(queries=min(queries, QUICK_QUERIES) if quick else queries, sustain_s=sustain, **asked)
    versions = {name: value for name, value in machine.items() if name != "load"}
    return Measurement(candidates, source, options, out, versions, fresh)


def _run(measurement: "Measurement") -> None:
    if measurement.is_complete:
        inform("All of it was measured by an earlier run; --fresh measures anew.")
        return
    if any(measurement.progress.rounds.values()):
        inform("Going on with an earlier run; --fresh begins anew.")
    measurement.run()


def _print_table(results: "Results", out: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    from sorter.benchmarks.report import HEADER, remarks, rows

    table = Table(title=f"{results.machine['processor']}, {results.machine['interpreter']}")
    # The intervals stand in the files; here they would make the table too wide to be read.
    shown = [i for i, name in enumerate(HEADER) if not name.startswith("95 %")]
    for i in shown:
        table.add_column(HEADER[i], no_wrap=i == 0)
    for row in rows(results):
        table.add_row(*(row[i] for i in shown))
    # Narrower than this, the columns would be cut to uselessness.
    Console(width=max(140, Console().width)).print(table)
    for remark in remarks(results):
        click.echo(remark)
    click.echo(f"Report: {out}/report.html, report.md, report.csv, report.json")
