"""The number of the next command, on the disk before the command's own row is.

Getting a row onto the disk takes from half a millisecond to tens of them on an SD card, and an object that lies still
should not wait for that. So the number that its command will have is flushed to the disk as soon as the object comes
in. Its row, written but not yet flushed when the command leaves, follows with the arm's receipt at the latest. A killed
program loses nothing of either: what is written survives it. A power cut in between takes the row, but not the number,
and the arm can be asked whether it knows that.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from sorter.edge.decision import Decision
from sorter.edge.journal import NO_BIN, Entry, Journal

_MEMORY = "next command"
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def boot_id() -> str:
    """Tells one start of the machine from another; empty where the system does not say (not Linux)."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


@dataclass(frozen=True)
class Reservation:
    """A command that may leave soon.

    Attributes:
        arm: Name of the arm.
        sequence: Number that the command will have.
        previous_sequence: Number of the last command before it that the arm knows; 0 for none.
    """

    arm: str
    sequence: int
    previous_sequence: int

    def covers(self, entry: Entry) -> bool:
        """Whether an object whose row a power cut takes could be told from this."""
        return (self.arm, self.sequence, self.previous_sequence) == (
            entry.arm,
            entry.sequence,
            entry.previous_sequence,
        )


def write_reservation(journal: Journal, reservation: Reservation) -> None:
    """Puts it onto the disk.

    Raises:
        StorageError: It cannot be written.
    """
    stored = {**asdict(reservation), "after_row": journal.last_row(), "boot": boot_id()}
    journal.remember(_MEMORY, json.dumps(stored))


def drop_reservation(journal: Journal) -> None:
    """The object has gone undecided. Nobody waits until the disk knows.

    Raises:
        StorageError: It cannot be written.
    """
    journal.remember(_MEMORY, "", flushed=False)


def restore_lost_row(journal: Journal, boot: str | None = None) -> bool:
    """Gives a command that may have left a row, where the power failed before its own row was on the disk.

    What became of it the arm is asked as of every command that was under way.

    Args:
        journal: An open journal.
        boot: Which start of the machine this is; None to ask the system.

    Returns:
        Whether a row was written.
    """
    stored = journal.recall(_MEMORY)
    if not stored:
        return False
    found = json.loads(stored)
    boot = boot_id() if boot is None else boot
    # A program that was merely killed had written the row before the command left.
    killed = bool(boot) and boot == found["boot"]
    lost = not killed and not journal.has_command(found["sequence"], found["after_row"])
    if lost:
        decision = Decision("", 0.0, (), NO_BIN, "the decision was lost with the power")
        journal.record(Entry(0, decision, found["arm"], found["sequence"], found["previous_sequence"]))
    journal.remember(_MEMORY, "")
    return lost
