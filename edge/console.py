"""What ``sorter-run`` shows on a terminal."""

from collections import Counter
from typing import Any

import click

from sorter.edge.objects import COMPLETED, SortedObject
from sorter.edge.statistics import STAGES, StageTimes

_COLUMNS = "{:>6}  {:>7}  {:<18} {:>6}  {:<34} {:>8}  {:>8}  {:>8}"


def show_header() -> None:
    """Prints the head of the table of objects."""
    titles = ("object", "picture", "label", "conf.", "bin", "classify", "command", "ack")
    click.secho(_COLUMNS.format(*titles), bold=True)


def show_object(seen: SortedObject) -> None:
    """Prints one object: picture number, label, confidence, bin and latencies."""
    decision = seen.decision
    where = f"{decision.bin}" + (f" rejected: {decision.rejected}" if decision.rejected else "")
    line = _COLUMNS.format(
        seen.number,
        seen.picture,
        decision.label[:18],
        f"{decision.probability:.1%}",
        where[:34],
        f"{seen.classify_s * 1e3:.1f} ms",
        f"{seen.command_s * 1e3:.1f} ms",
        f"{seen.acknowledge_s * 1e3:.1f} ms",
    )
    note = f"  {seen.name}" if seen.name else ""
    note += "" if seen.outcome == COMPLETED else f"  [{seen.outcome}]"
    click.echo(line + note)


class Summary:
    """Counts objects and, at the end, tells what happened."""

    def __init__(self) -> None:
        self._outcomes: Counter[str] = Counter()
        self._bins: Counter[int] = Counter()
        self._rejected = 0

    def add(self, seen: SortedObject) -> None:
        """Counts one object."""
        self._outcomes[seen.outcome] += 1
        self._bins[seen.decision.bin] += 1
        self._rejected += bool(seen.decision.rejected)

    def as_json(self, times: StageTimes, truth: dict[str, Any] | None) -> dict[str, Any]:
        """The summary for machines; ``truth`` is what a simulated platform knows."""
        return {
            "objects": sum(self._outcomes.values()),
            "outcomes": dict(self._outcomes),
            "rejected": self._rejected,
            "bins": {str(number): count for number, count in sorted(self._bins.items())},
            "latency_ms": times.percentiles(),
            "truth": truth,
        }

    def show(self, times: StageTimes, truth: dict[str, Any] | None) -> None:
        """Prints the summary for people."""
        outcomes = ", ".join(f"{count} {outcome}" for outcome, count in sorted(self._outcomes.items())) or "none"
        bins = ", ".join(f"bin {number}: {count}" for number, count in sorted(self._bins.items()))
        click.echo(f"\nObjects: {outcomes}; rejected: {self._rejected}" + (f"; {bins}" if bins else ""))
        if truth:
            facts = ", ".join(f"{count} {what}" for what, count in truth.items())
            click.secho(f"Against the simulation's truth: {facts}", bold=True)
        percentiles = times.percentiles()
        if percentiles:
            click.secho(f"\n{'latency in ms':<18}{'p50':>9}{'p90':>9}{'p99':>9}{'n':>8}", bold=True)
        for stage, p in percentiles.items():
            figures = f"{p['p50']:>9.2f}{p['p90']:>9.2f}{p['p99']:>9.2f}{p['n']:>8.0f}"
            click.echo(f"{stage:<18}{figures}   {STAGES[stage]}")
