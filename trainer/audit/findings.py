"""What an audit says: findings, each with the photos concerned."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from sorter.dataset import Photo

Severity: TypeAlias = Literal["serious", "advice", "note"]
"""``serious`` spoils the network or its figures, ``advice`` should be looked at, ``note`` is good to know."""

SEVERITIES: tuple[Severity, ...] = ("serious", "advice", "note")


@dataclass(frozen=True)
class Item:
    """One photo, or several that belong together, and what is to be said about them."""

    photos: tuple[Photo, ...]
    remark: str


@dataclass(frozen=True)
class Finding:
    """Something that an audit found.

    Attributes:
        kind: A fixed name for programs, such as ``unreadable``.
        severity: How bad it is.
        message: One sentence.
        hint: What to do about it.
        items: The photos concerned, the worst first; may be empty.
    """

    kind: str
    severity: Severity
    message: str
    hint: str
    items: tuple[Item, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "kind": self.kind,
            "severity": self.severity,
            "message": self.message,
            "hint": self.hint,
            "items": [{"photos": [p.filename for p in item.photos], "remark": item.remark} for item in self.items],
        }


def sort_findings(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The worst first; else in the given order."""
    return tuple(sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity)))


def plural(count: int, one: str, many: str = "") -> str:
    """``1 photo``, ``2 photos``."""
    return f"{count} {one if count == 1 else many or one + 's'}"
