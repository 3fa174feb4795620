"""The journal against what the arm and the platform really did. Pure code: rows and truth in, findings out."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_CLOCK_TOLERANCE_S = 0.005
"""Two clocks of one machine, each read at its own moment."""


@dataclass(frozen=True)
class Row:
    """One object in the journal.

    Attributes:
        number: Its row.
        decided_at: When it was written, in seconds since 1970.
        sequence: Number of its command.
        bin: The bin decided.
        outcome: What became of the command.
    """

    number: int
    decided_at: float
    sequence: int
    bin: int
    outcome: str


@dataclass(frozen=True)
class Findings:
    """What was found. All counts but those of ``allowed`` must be 0.

    Attributes:
        wrong_bin: Objects in a bin other than the one decided.
        moved_twice: Objects or commands for which the arm moved more than once, and motions for no object.
        lost: Motions without a row, rows without an outcome, and rows whose outcome is contradicted by the arm.
        allowed: What may happen while devices fail, counted all the same.
        examples: The first few violations, in words.
    """

    wrong_bin: int
    moved_twice: int
    lost: int
    allowed: Mapping[str, int]
    examples: Sequence[str] = field(default_factory=tuple)

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.wrong_bin or self.moved_twice or self.lost)


class _Account:
    def __init__(self) -> None:
        self.wrong: Counter[str] = Counter()
        self.allowed: Counter[str] = Counter()
        self.examples: list[str] = []

    def violate(self, kind: str, text: str) -> None:
        self.wrong[kind] += 1
        if len(self.examples) < 20:
            self.examples.append(f"{kind}: {text}")


def reconcile(rows: Sequence[Row], truth: Mapping[str, Any]) -> Findings:
    """Compares every row with every motion and every object.

    A motion belongs to the last row that was written before it began; its number and its bin must be that row's.
    Numbers alone would not do, since an arm that was reset has forgotten them and they begin anew.

    Args:
        rows: The journal, oldest first.
        truth: As ``sorter-sim platform --truth`` writes it.
    """
    account = _Account()
    motions = [motion for motion in truth["motion_log"] if motion["bin"] is not None]
    owners = _match(rows, motions, _clock_ahead_s(truth), account)
    _check_motions(motions, owners, truth, account)
    _check_rows(rows, motions, owners, account)
    _check_objects(truth, account)
    outcomes = Counter(row.outcome for row in rows)
    account.allowed.update({f"rows {outcome}": count for outcome, count in outcomes.items()})
    wrong = account.wrong
    return Findings(
        wrong["wrong bin"], wrong["moved twice"], wrong["lost"], dict(account.allowed), tuple(account.examples)
    )


def _match(
    rows: Sequence[Row], motions: Sequence[Mapping[str, Any]], clock_ahead_s: float, account: _Account
) -> list[Row | None]:
    times = [row.decided_at for row in rows]
    owners: list[Row | None] = []
    for motion in motions:
        place = bisect_right(times, motion["began_at_s"] + clock_ahead_s + _CLOCK_TOLERANCE_S) - 1
        owner = rows[place] if place >= 0 else None
        if owner is None or owner.sequence != motion["sequence"]:
            account.violate("lost", f"motion {motion} has no row; the last one before it is {owner}")
            owner = None
        owners.append(owner)
    return owners


def _check_motions(
    motions: Sequence[Mapping[str, Any]], owners: Sequence[Row | None], truth: Mapping[str, Any], account: _Account
) -> None:
    used: set[int] = set()
    numbers: set[tuple[int, int]] = set()
    for motion, owner in zip(motions, owners, strict=True):
        number = (motion["boot"], motion["sequence"])
        if number in numbers or (owner is not None and owner.number in used):
            account.violate("moved twice", f"motion {motion} repeats command {owner}")
        numbers.add(number)
        if owner is None:
            continue
        used.add(owner.number)
        if motion["bin"] != owner.bin:
            account.violate("wrong bin", f"motion {motion} for {owner}")
        if motion["ending"] == "done" and not motion["took"]:
            _check_empty(motion, owner, truth, account)


def _check_empty(motion: Mapping[str, Any], owner: Row, truth: Mapping[str, Any], account: _Account) -> None:
    """A motion that took nothing is right only where the object left by itself after the decision."""
    began_s, decided_s = motion["began_at_s"], owner.decided_at - _clock_ahead_s(truth)
    # Between the last frame and the decision lie a classification and a row.
    before_s = decided_s - 1.0
    left = any(
        not visit["bins"] and visit["left_at_s"] is not None and before_s <= visit["left_at_s"] <= began_s
        for visit in truth["objects"]
    )
    if left:
        account.allowed["objects that left while their command was on its way"] += 1
    else:
        account.violate("moved twice", f"motion {motion} of {owner} took nothing")


def _check_rows(
    rows: Sequence[Row], motions: Sequence[Mapping[str, Any]], owners: Sequence[Row | None], account: _Account
) -> None:
    endings = {owner.number: motion["ending"] for motion, owner in zip(motions, owners, strict=True) if owner}
    for row in rows:
        ending = endings.get(row.number)
        if row.outcome == "sent":
            account.violate("lost", f"{row} has no outcome")
        elif row.outcome == "completed" and ending != "done":
            account.violate("lost", f"{row} is completed, but the arm's motion: {ending}")
        elif row.outcome == "failed" and ending == "done":
            account.violate("lost", f"{row} is failed, but the arm completed it")
        if ending is not None:
            account.allowed[f"motions {ending}"] += 1


def _check_objects(truth: Mapping[str, Any], account: _Account) -> None:
    taken = {motion["took"]: motion["bin"] for motion in truth["motion_log"] if motion["took"]}
    for visit in truth["objects"]:
        if len(visit["bins"]) > 1:
            account.violate("moved twice", f"object {visit}")
        if visit["bins"] and taken.get(visit["number"]) != visit["bins"][0]:
            account.violate("wrong bin", f"object {visit} was not taken by the motion that says so")
        account.allowed["objects missed"] += visit["left_at_s"] is not None and not visit["bins"]


def _clock_ahead_s(truth: Mapping[str, Any]) -> float:
    """By how much the wall clock, which the journal uses, is ahead of the platform's."""
    return float(truth["written_at"] - truth["written_at_s"])
