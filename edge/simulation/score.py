"""What became of the objects, against what they really were."""

from collections.abc import Sequence

from sorter.edge.decision import BinMap
from sorter.edge.simulation.world import Visit


def score(ledger: Sequence[Visit], empty_takes: Sequence[int], bins: BinMap) -> dict[str, int]:
    """Counts the objects of a simulated platform by their fate.

    Args:
        ledger: The truth about every object that has come.
        empty_takes: Motions of the arm while nothing lay there.
        bins: Which label belongs where.

    Returns:
        ``seen``, and of these ``right``, ``wrong``, ``rejected``, ``missed`` and ``unfinished``; ``doubled`` counts
        objects for which the arm moved more than once, and motions for no object.
    """
    counts = dict.fromkeys(("seen", "right", "wrong", "rejected", "missed", "unfinished", "doubled"), 0)
    for visit in ledger:
        counts["seen"] += 1
        counts[fate(visit, bins)] += 1
        counts["doubled"] += visit.doubled
    counts["doubled"] += len(empty_takes)
    return counts


def fate(visit: Visit, bins: BinMap) -> str:
    """What became of one object: ``right``, ``wrong``, ``rejected``, ``missed`` or ``unfinished``."""
    if visit.bin is None:
        return "missed" if visit.missed else "unfinished"
    if visit.bin == bins.bins.get(visit.label):
        return "right"
    return "rejected" if visit.bin == bins.reject else "wrong"
