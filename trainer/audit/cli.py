"""``sorter-audit``. Heavy imports are inside the command, so that ``--help`` is quick."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sorter.cli import SorterCommand, json_option, print_json
from sorter.errors import DatasetError, StorageError

if TYPE_CHECKING:
    from sorter.trainer.audit.findings import Finding
    from sorter.trainer.audit.inquiry import Audit

_PATH = click.Path(path_type=Path)
_NAMED = 3
"""Photos of a finding that are named on the screen."""


@click.command(cls=SorterCommand)
@click.argument("data", type=_PATH)
@click.option("--out", type=_PATH, metavar="DIR", help="Folder for audit.html, a page with pictures, and audit.json.")
@click.option("--split-csv", type=_PATH, metavar="FILE", help="A split whose parts are to be compared.")
@click.option("--group-by", metavar="REGEX", help="What in a file's name says which object it shows.")
@click.option("--seed", type=click.IntRange(min=0, max=2**32 - 1), default=0, help="Of all randomness.")
@click.option("--strict", is_flag=True, help="End with an error when something was found that should be mended.")
@json_option
def audit(
    data: Path,
    out: Path | None,
    split_csv: Path | None,
    group_by: str | None,
    seed: int,
    strict: bool,
    as_json: bool,
) -> None:
    """Looks for what is wrong with the photos in DATA, before a training is spent on them.

    Finds files that cannot be read or are odd, photos that are there twice (also in two classes or two parts), classes
    with few photos, and shortcuts: whether the class can be told from the file, the light or the background alone.

    DATA is what sorter-train takes: class folders, train/validation/test folders with these, or a CSV file.
    """
    _check_place(out, data)
    from sorter.trainer.audit.inquiry import Question, audit_dataset
    from sorter.trainer.grouping import GroupRule

    rule = GroupRule.parse(group_by) if group_by else None
    found = audit_dataset(Question(data, split_csv, rule, seed))
    if out:
        _write(found, seed, out)
    if as_json:
        print_json(found.to_json())
    else:
        _print(found, out)
    counts = found.count()
    if strict and (counts["serious"] or counts["advice"]):
        raise DatasetError(
            f"The audit found {counts['serious']} serious things and {counts['advice']} worth a look in {data}.",
            "Mend them, or leave out --strict.",
        )


def _check_place(out: Path | None, data: Path) -> None:
    if out and data.is_dir() and out.resolve().is_relative_to(data.resolve()) and out.resolve() != data.resolve():
        raise StorageError(f"{out} lies in the data folder, where it would become a class.", "Choose another folder.")


def _write(found: "Audit", seed: int, out: Path) -> None:
    from sorter.files import write_json
    from sorter.trainer.audit.report import REPORT_NAME, write_audit_page

    write_json(out / "audit.json", found.to_json())
    write_audit_page(found, seed, out / REPORT_NAME)


def _print(found: "Audit", out: Path | None) -> None:
    from sorter.trainer.audit.report import REPORT_NAME, summarize

    for finding in found.findings:
        click.echo(_describe(finding))
    for answer in found.answers:
        if answer.probe.severity:
            click.echo(f"{answer.probe.title}: {answer.score:.0%} (guessing {answer.chance:.0%}). {answer.describe()}")
    if found.unanswered:
        click.echo(f"Shortcuts: {found.unanswered}")
    click.echo(summarize(found) + (f" Page: {out / REPORT_NAME}" if out else " --out DIR writes a page with pictures."))


def _describe(finding: "Finding") -> str:
    lines = [f"{finding.severity}: {finding.message}", f"  {finding.hint}"]
    for item in finding.items[:_NAMED]:
        lines.append(f"  - {' = '.join(photo.filename for photo in item.photos)} ({item.remark})")
    if rest := len(finding.items) - _NAMED:
        lines += [f"  - and {rest} more"] if rest > 0 else []
    return "\n".join(lines)
