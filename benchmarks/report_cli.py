"""``sorter-bench merge`` and ``sorter-bench compare``: what to do with reports that are there."""

from dataclasses import asdict
from pathlib import Path

import click

from sorter.cli import SorterCommand, json_option, print_json, warn


def parse_share(text: str) -> float:
    """Reads a share, written as ``5%`` or ``0.05``.

    Raises:
        click.BadParameter: It is none.
    """
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = -1.0
    if not 0.0 <= share <= 10.0:
        raise click.BadParameter(f"{text!r} is no share; write 5% or 0.05.")
    return share


def share_option_value(_ctx: click.Context, _param: click.Parameter, text: str) -> float:
    """``parse_share``, for an option."""
    return parse_share(text)


@click.command(cls=SorterCommand)
@click.argument("reports", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for the merged report.")
def merge(reports: tuple[Path, ...], out: Path) -> None:
    """Puts REPORTS of several machines side by side.

    A report is a report.json, under whatever name, or the folder that it lies in. All must be of the same photos.
    """
    from rich.console import Console
    from rich.table import Table

    from sorter.benchmarks.merge import HEADER, notes, read_machines, rows, write_merged

    machines = read_machines(reports)
    write_merged(out, machines)
    table = Table(*HEADER)
    for row in rows(machines):
        table.add_row(*row)
    Console(width=max(130, Console().width)).print(table)
    for sentence in notes(machines):
        click.echo(sentence)
    click.echo(f"Report: {out}/merged.html, merged.md, merged.csv, merged.json")


@click.command(cls=SorterCommand)
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@click.option(
    "--fail-over",
    callback=share_option_value,
    metavar="SHARE",
    default="5%",
    help="How much slower or larger a model may become.",
)
@click.option(
    "--accuracy-drop", callback=share_option_value, metavar="SHARE", default="1%", help="How much accuracy it may lose."
)
@json_option
def compare(old: Path, new: Path, fail_over: float, accuracy_drop: float, as_json: bool) -> None:
    """Fails (exit code 1) where a model of the report NEW is slower, worse or larger than in OLD.

    A change that may be chance, by its 95 % interval, does not fail.
    """
    from sorter.benchmarks.comparison import compare as compare_reports
    from sorter.benchmarks.comparison import require_same_machine
    from sorter.benchmarks.merge import Machine, require_same_data
    from sorter.benchmarks.results import Results
    from sorter.errors import SorterError

    before, after = Results.read(old), Results.read(new)
    require_same_machine(before, after)
    require_same_data(Machine(str(old), before), Machine(str(new), after))
    for path, results in ((old, before), (new, after)):
        for warning in results.conditions["warnings"]:
            warn(f"{path}: {warning}")
    changes = compare_reports(before, after, fail_over, accuracy_drop)
    if as_json:
        print_json([asdict(change) for change in changes])
    else:
        for change in changes:
            sign = "FAIL" if change.fails else "ok"
            click.echo(f"{sign:<5}{change.model}, {change.figure}: {change.old} -> {change.new}, {change.change}")
    failed = [f"{change.model} ({change.figure})" for change in changes if change.fails]
    if failed:
        raise SorterError(f"Regressions: {', '.join(failed)}.", "Allow for them with --fail-over or --accuracy-drop.")
