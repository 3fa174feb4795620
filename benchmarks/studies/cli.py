"""``sorter-bench study``: a study's networks trained and measured on the photos at hand."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sorter.cli import SorterCommand, inform, json_option, print_json

if TYPE_CHECKING:
    from sorter.benchmarks.studies.plan import Network, Wishes
    from sorter.benchmarks.studies.published import Study
    from sorter.benchmarks.studies.report import StudyReport

NAMES = ("fruit", "toy", "transfer", "flowers")


@click.command(cls=SorterCommand)
@click.argument("studies", nargs=-1, type=click.Choice(NAMES))
@click.option("--all", "every_study", is_flag=True, help="All four studies.")
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Photos, one folder a class.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Gets a folder for each study.")
@click.option("--recipes", metavar="A,B,...", help="Only these networks of the study.")
@click.option(
    "--weights",
    multiple=True,
    metavar="none|imagenet|FILE|FOLDER|BACKBONE=FILE",
    help="ImageNet weights; may be given several times.  [default: what Keras has stored, else left out]",
)
@click.option("--epochs", type=click.IntRange(min=1), help="At most so many: shortens, and the table says so.")
@click.option("--split", default="70/10/20", help="Percent for train/validation/test.")
@click.option("--group-by", metavar="REGEX", help="What in a file's name says which object it shows.")
@click.option("--seed", type=click.IntRange(min=0, max=2**32 - 1), default=0, help="Of all randomness.")
@click.option("--quick", is_flag=True, help="A first look at the latency, marked as such.")
@click.option("--fresh", is_flag=True, help="Do again what an earlier run has left in --out.")
@click.option("--dry-run", is_flag=True, help="Print what would be trained and what not, and end.")
@json_option
def study(
    studies: tuple[str, ...],
    every_study: bool,
    out: Path,
    recipes: str | None,
    dry_run: bool,
    as_json: bool,
    **asked: Any,
) -> None:
    """Trains the networks of STUDIES on the photos in --data, and writes each study's results table.

    Our figures stand beside the published ones, and beside them what the studies could not show: accuracy, size and
    latency of each network as int8. STUDIES are fruit, toy, transfer and flowers (docs/studies.md). A run that was
    stopped goes on where it was. A network that fails, or whose ImageNet weights are not at hand, gets a row that
    says why.
    """
    from sorter.benchmarks.studies.plan import plan_study
    from sorter.benchmarks.studies.published import STUDIES

    names = NAMES if every_study else tuple(dict.fromkeys(studies))
    if not names:
        raise click.UsageError(f"Say which study: {', '.join(NAMES)}; or give --all.")
    wanted = [name.strip() for name in (recipes or "").split(",") if name.strip()]
    if wanted and len(names) > 1:
        raise click.UsageError("--recipes goes with one study only.")
    wishes = _read_wishes(**asked)
    plans = [(STUDIES[name], plan_study(STUDIES[name], wishes, wanted)) for name in names]
    if dry_run:
        _show_plans(plans, as_json)
        return
    reports = _carry_out(plans, wishes, out)
    if as_json:
        print_json({"studies": [report.to_dict() for report in reports]})
    else:
        click.echo("\n".join(line for report in reports for line in ("", report.title, *report.lines())))
    if any(row.failed for report in reports for row in report.rows):
        click.get_current_context().exit(1)


def _read_wishes(weights: tuple[str, ...], **asked: Any) -> "Wishes":
    from sorter.benchmarks.studies.plan import Wishes
    from sorter.benchmarks.studies.weights import Weights

    return Wishes(weights=Weights.parse(weights), **asked)


def _carry_out(plans: "list[tuple[Study, tuple[Network, ...]]]", wishes: "Wishes", out: Path) -> "list[StudyReport]":
    from sorter.benchmarks.studies.report import StudyReport, describe_photos
    from sorter.dataset import open_dataset
    from sorter.errors import ConfigError
    from sorter.files import make_folder
    from sorter.trainer.backend import require_tensorflow

    if all(network.skipped for _, networks in plans for network in networks):
        reason = next(network.skipped for _, networks in plans for network in networks)
        raise ConfigError(f"None of the networks can be trained: {reason}.")
    require_tensorflow()
    photos = open_dataset(wishes.data)
    fingerprint = photos.fingerprint()
    reports = []
    for one, networks in plans:
        inform(f"The {one.name} study:")
        report = StudyReport(one, describe_photos(photos), wishes, make_folder(out / one.name))
        reports.append(_carry_out_one(report, networks, fingerprint))
        inform(f"Report: {report.folder}/study.html, study.md, study.csv, study.json")
    return reports


def _carry_out_one(report: "StudyReport", networks: "tuple[Network, ...]", fingerprint: str) -> "StudyReport":
    from dataclasses import replace

    from sorter.benchmarks.studies.execution import Execution

    execution = Execution(networks, report.wishes, report.folder, fingerprint)
    return replace(report, progress=execution.run(lambda progress: replace(report, progress=progress).write()))


def _show_plans(plans: "list[tuple[Study, tuple[Network, ...]]]", as_json: bool) -> None:
    rows = [
        {"study": one.name, "recipe": n.name, "epochs": n.epochs, "weights": n.weights, "skipped": n.skipped}
        for one, networks in plans
        for n in networks
    ]
    if as_json:
        print_json({"networks": rows})
        return
    for row in rows:
        told = row["skipped"] and f"left out: {row['skipped']}"
        click.echo(f"{row['study']:10}{row['recipe']:32}{told or str(row['epochs']) + ' epochs'}")
