"""A power cut between a command and its row: the disk is a copy of what had been flushed by then."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from sorter.edge.arms.arm import ArmStatus
from sorter.edge.cameras.camera import Frame
from sorter.edge.decision import Decision
from sorter.edge.dispatcher import Command
from sorter.edge.flight import Flights, settle_unfinished
from sorter.edge.journal import NO_BIN, Entry, Journal, Unfinished
from sorter.edge.objects import COMPLETED, FAILED, UNKNOWN
from sorter.edge.reservation import Reservation, restore_lost_row
from sorter.edge.statistics import StageTimes

DECISION = Decision("apple", 0.91, (0.91, 0.09), 1)
ENTRY = Entry(1, DECISION, "bench", 5, 4)
ANOTHER_BOOT = "the machine was started anew"


def copy(journal: Journal, to: Path) -> Path:
    """The journal as it is on the disk now."""
    to.mkdir()
    for file in journal.path.parent.glob(f"{journal.path.name}*"):
        if not file.name.endswith(("-shm", ".lock")):
            shutil.copy(file, to)
    return to / journal.path.name


class Machine:
    """A journal, and flights that write to it."""

    def __init__(self, folder: Path, frame: Frame) -> None:
        self.journal = Journal(folder / "j.db", "run", "abc")
        self.flights = Flights(self.journal, StageTimes())
        self.sent: list[Command] = []
        self.frame = frame

    def launch(self, entry: Entry = ENTRY) -> None:
        self.flights.launch(entry, self.frame, self.sent.append)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    (tmp_path / "live").mkdir()
    found = Machine(tmp_path / "live", Frame(np.zeros((4, 4, 3), np.uint8), 0.0, 1))
    with found.journal:
        yield found


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (ArmStatus("IDLE", 5, "DONE"), COMPLETED),
        (ArmStatus("FAULT", 5, "ERR20"), FAILED),
        (ArmStatus("IDLE", 4, "DONE"), FAILED),  # it never came to a command: the object lies where it was
        (ArmStatus("IDLE", 0, "NONE"), UNKNOWN),  # the arm lost its power too
    ],
)
def test_the_arm_tells_of_a_command_whose_row_was_lost(
    machine: Machine, tmp_path: Path, status: ArmStatus, outcome: str
) -> None:
    machine.flights.expect(Reservation("bench", 5, 4))
    disk = copy(machine.journal, tmp_path / "disk")
    machine.launch()  # its row is not flushed: the power cut takes it
    assert machine.sent == [Command(1, 5)]
    with Journal(disk, "next run", "abc") as journal:
        assert restore_lost_row(journal, ANOTHER_BOOT)
        assert journal.unfinished() == [Unfinished(1, NO_BIN, "bench", 5, 4)]
        assert [settled for settled, _ in settle_unfinished(journal, "bench", status)] == [outcome]
        assert journal.contents() == {}  # nobody knows which bin
        assert journal.place_was_cleared() is (status.last_sequence == 4)
        assert not restore_lost_row(journal, ANOTHER_BOOT)


def test_a_row_that_reached_the_disk_is_not_written_twice(machine: Machine, tmp_path: Path) -> None:
    machine.flights.expect(Reservation("bench", 5, 4))
    machine.launch()
    with Journal(copy(machine.journal, tmp_path / "disk"), "next run", "abc") as journal:
        assert not restore_lost_row(journal, ANOTHER_BOOT)
        assert journal.unfinished() == [Unfinished(1, 1, "bench", 5, 4)]


def test_a_killed_program_had_sent_nothing_without_a_row(machine: Machine, tmp_path: Path) -> None:
    machine.flights.expect(Reservation("bench", 5, 4))
    with Journal(copy(machine.journal, tmp_path / "disk"), "next run", "abc") as journal:
        assert settle_unfinished(journal, "bench", ArmStatus("IDLE", 0, "NONE")) == []


def test_an_object_that_went_away_leaves_nothing_to_ask(machine: Machine, tmp_path: Path) -> None:
    machine.flights.expect(Reservation("bench", 5, 4))
    machine.flights.expect(None)
    with Journal(copy(machine.journal, tmp_path / "disk"), "next run", "abc") as journal:
        assert not restore_lost_row(journal, ANOTHER_BOOT)


def test_old_numbers_used_again_do_not_hide_a_lost_row(machine: Machine, tmp_path: Path) -> None:
    machine.launch()
    machine.flights.land(COMPLETED)
    machine.flights.expect(Reservation("bench", 5, 4))  # the arm was reset and counts from the start
    with Journal(copy(machine.journal, tmp_path / "disk"), "next run", "abc") as journal:
        assert restore_lost_row(journal, ANOTHER_BOOT)
