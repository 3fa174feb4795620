"""Faults while it runs: the arm is stopped, the row tells what happened, and sorting goes on when it may."""

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sorter.edge.assembly import Sorter, assemble
from sorter.edge.configuration import read_settings
from sorter.edge.loop import Phase
from sorter.edge.monitor import Status
from sorter.edge.objects import COMPLETED, FAILED, UNKNOWN
from sorter.edge.recovery import Recovery, RecoveryOptions
from sorter.edge.simulation.arm import SimulatedArm, SimulatedArmOptions
from sorter.edge.simulation.pty import PtyArm, symbolic_link
from sorter.errors import ArmError

QUICK: dict[str, Any] = {
    "camera.source": "sim:?speed=3&patience_s=2&seed=4",
    "model.file": "fruit-demo-int8",
    "arm.acknowledge_timeout_s": 0.1,
    "arm.repeat_interval_s": 0.1,
    "arm.heartbeat_s": 0.2,
    "recovery.on_fault": "recover",
    "recovery.delay_s": 0.05,
}


class Running:
    """A sorter in a thread of its own, and everything that a person can see and do."""

    def __init__(self, sorter: Sorter, journal: Path) -> None:
        self.sorter, self.journal = sorter, journal
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.sorter.runtime.run()
        except BaseException as error:
            self.error = error

    def end(self) -> None:
        """Ends it; nothing is resumed, so that an arm that was stopped stays so."""
        self.sorter.runtime.control.end()
        self.thread.join(60)
        assert not self.thread.is_alive()

    @property
    def status(self) -> Status:
        return self.sorter.runtime.monitor.status

    def wait(self, condition: Callable[[Status], bool], timeout_s: float = 120.0) -> Status:
        deadline_s = time.monotonic() + timeout_s
        while not condition(self.status):
            assert time.monotonic() < deadline_s, f"waited in vain: {self.status}"
            assert self.thread.is_alive(), f"it ended: {self.error!r}"
            time.sleep(0.01)
        return self.status

    def rows(self, columns: str = "outcome") -> list[Any]:
        database = sqlite3.connect(self.journal)
        found = database.execute(f"SELECT {columns} FROM object ORDER BY id").fetchall()
        database.close()
        return [row[0] if len(row) == 1 else row for row in found]

    def events(self) -> str:
        database = sqlite3.connect(self.journal)
        found = "\n".join(row[0] for row in database.execute("SELECT text FROM event ORDER BY id"))
        database.close()
        return found

    def truth(self) -> dict[str, int]:
        return self.sorter.station.truth(self.sorter.bins) or {}


@contextmanager
def running(tmp_path: Path, **settings: Any) -> Iterator[Running]:
    journal = tmp_path / "journal.db"
    given = {**QUICK, "journal.file": journal, **settings}
    with assemble(read_settings(None, given), person_can_resume=True) as sorter:
        run = Running(sorter, journal)
        try:
            yield run
        finally:
            run.end()


def dotted(**settings: Any) -> dict[str, Any]:
    return {name.replace("__", "."): value for name, value in settings.items()}


def test_a_jam_is_recovered_from_and_the_object_is_not_sorted_blindly(tmp_path: Path) -> None:
    with pty(tmp_path, move_s=0.05) as (port, _, _link), running(tmp_path, **dotted(arm__port=port.path)) as run:
        run.wait(lambda status: status.sorted_objects >= 1)
        port.jam()
        run.wait(lambda status: FAILED in status.outcomes)
        run.wait(lambda status: status.sorted_objects >= 3)
    assert "jammed" in run.events() and "takes commands again" in run.events()
    assert run.truth()["doubled"] == run.truth()["wrong"] == 0
    assert set(run.rows()) == {COMPLETED, FAILED}


def test_without_automatic_recovery_it_waits_for_a_person(tmp_path: Path) -> None:
    settings = dotted(arm__port="sim:?move_s=0.05&jam=1", recovery__on_fault="wait")
    with running(tmp_path, **settings) as run:
        stopped = run.wait(lambda status: status.phase is Phase.FAULT and status.arm.state == "STOPPED")
        assert "jammed" in stopped.reason
        time.sleep(0.5)
        assert run.status.phase is Phase.FAULT and len(run.rows()) == 1
        run.sorter.runtime.control.resume()
        run.wait(lambda status: status.phase is not Phase.FAULT)


def test_automatic_recovery_ends_after_so_many_attempts(tmp_path: Path) -> None:
    settings = dotted(
        arm__port="sim:?move_s=0.05&jam=1", recovery__attempts=2, camera__source="sim:?speed=2&patience_s=0.8"
    )
    with running(tmp_path, **settings) as run:
        run.wait(lambda status: status.outcomes.get(FAILED, 0) == 3 and status.phase is Phase.FAULT)
        time.sleep(0.5)
        assert run.status.phase is Phase.FAULT
    assert run.events().count("takes commands again") == 2


def test_an_emergency_stop_holds_until_a_person_resumes(tmp_path: Path) -> None:
    with running(tmp_path, **dotted(arm__port="sim:?move_s=20")) as run:
        run.wait(lambda status: status.phase is Phase.MOVING)
        run.sorter.runtime.control.stop("The test")
        status = run.wait(lambda status: "The test stopped the arm" in status.reason and FAILED in status.outcomes)
        assert status.phase is Phase.FAULT
        run.wait(lambda status: status.arm.state == "STOPPED")
        time.sleep(0.5)
        assert run.status.phase is Phase.FAULT  # although recovery is automatic
        run.sorter.runtime.control.resume()
        run.wait(lambda status: status.phase is not Phase.FAULT)
    assert run.rows()[0] == FAILED


def test_a_pause_and_its_end(tmp_path: Path) -> None:
    with running(tmp_path, **dotted(arm__port="sim:?move_s=0.05")) as run:
        run.wait(lambda status: status.sorted_objects >= 1)
        run.sorter.runtime.control.pause()
        run.wait(lambda status: status.phase is Phase.PAUSED)
        count = len(run.rows())
        time.sleep(0.7)
        assert len(run.rows()) == count
        run.sorter.runtime.control.resume()
        run.wait(lambda status: status.sorted_objects > count)


def test_a_full_bin_pauses_until_it_is_emptied(tmp_path: Path) -> None:
    settings = dotted(arm__port="sim:?move_s=0.05", bins__limit=1)
    with running(tmp_path, **settings) as run:
        full = run.wait(lambda status: status.phase is Phase.PAUSED)
        assert len(full.full) == 1 and "is full" in full.reason
        run.sorter.runtime.control.resume()  # saying so does not empty it
        time.sleep(0.5)
        assert run.status.phase is Phase.PAUSED and len(run.rows()) == 1
        run.sorter.runtime.control.empty_bin(next(iter(full.full)))
        run.wait(lambda status: status.sorted_objects >= 2)


@contextmanager
def pty(tmp_path: Path, **options: Any) -> Iterator[tuple[PtyArm, SimulatedArm, str]]:
    arm = SimulatedArm(SimulatedArmOptions(**options))
    port = PtyArm(arm)
    port.start()
    yield port, arm, str(tmp_path / "arm")
    port.stop()


def test_a_cable_pulled_out_and_put_back(tmp_path: Path) -> None:
    """The port disappears in the middle of a motion; the arm finishes it, remembers, and is asked when it is back."""
    with pty(tmp_path, move_s=0.3) as (port, arm, link):
        linked = symbolic_link(Path(link), port.path)
        linked.__enter__()
        with running(tmp_path, **dotted(arm__port=link)) as run:
            run.wait(lambda status: status.phase is Phase.MOVING)
            port.stop()
            linked.__exit__(None, None, None)
            lost = run.wait(lambda status: status.phase is Phase.FAULT)
            assert lost.arm.state == "LOST"
            port.start()
            with symbolic_link(Path(link), port.path):
                arm.poll(time.monotonic())
                run.wait(lambda status: status.sorted_objects >= 2)
                assert run.status.arm.reconnected >= 1
                run.sorter.runtime.control.end()
                run.thread.join(60)
    assert run.rows()[0] == COMPLETED  # the arm said so itself
    assert [int(motion.arguments[0]) for motion in arm.motions if motion.word == "SORT"] == run.rows("bin")


def test_an_arm_that_falls_silent_while_it_is_idle_is_noticed(tmp_path: Path) -> None:
    with pty(tmp_path, move_s=0.05) as (port, _, _link):
        settings = dotted(arm__port=port.path, camera__source="sim:?empty_s=1000", recovery__on_fault="wait")
        with running(tmp_path, **settings) as run:
            run.wait(lambda status: status.arm.heard_at_s is not None)
            port.stop()
            run.wait(lambda status: status.phase is Phase.FAULT and status.arm.state == "LOST")
            assert run.rows() == []


def test_a_reset_arm_leaves_the_outcome_unknown(tmp_path: Path) -> None:
    settings = dotted(arm__port="sim:?move_s=0.3&reset=1", recovery__on_fault="wait")
    with running(tmp_path, **settings) as run:
        run.wait(lambda status: status.outcomes.get(UNKNOWN) == 1 and status.phase is Phase.FAULT)
    assert "reset" in run.events()


def test_a_lost_camera_pauses_sorting_and_comes_back(tmp_path: Path) -> None:
    source = "sim:?speed=3&patience_s=1&seed=4&vanish=0.15&vanish_s=1"
    settings = dotted(camera__source=source, camera__retry_min_s=0.1, arm__port="sim:?move_s=0.05")
    with running(tmp_path, **settings) as run:
        run.wait(lambda status: status.camera.reopened >= 1, timeout_s=60)
        run.wait(lambda status: "gives pictures again" in run.events(), timeout_s=60)
    assert "gives pictures again" in run.events()
    assert run.truth()["doubled"] == 0


def test_where_faults_end_the_run_the_error_says_why(tmp_path: Path) -> None:
    settings = dotted(arm__port="sim:?move_s=0.05&jam=1", recovery__on_fault="exit")
    with running(tmp_path, **settings) as run:
        run.thread.join(60)
    assert isinstance(run.error, ArmError) and "jammed" in run.error.message
    assert run.rows() == [FAILED]


def test_what_is_under_way_at_the_end_is_told_by_the_arm(tmp_path: Path) -> None:
    """A motion is finished before a run ends in good order."""
    with running(tmp_path, **dotted(arm__port="sim:?move_s=0.5")) as run:
        run.wait(lambda status: status.phase is Phase.MOVING)
        run.sorter.runtime.control.end()
        run.thread.join(60)
    assert run.rows() == [COMPLETED]


@pytest.mark.parametrize("on_fault", ["exit", "wait", "recover"])
def test_only_recover_goes_on_by_itself_and_never_after_a_person_stopped_it(on_fault: Any) -> None:
    recovery = Recovery(RecoveryOptions(on_fault, attempts=2))
    recovery.fail(by_person=True)
    assert not recovery.find()
    assert recovery.ask()  # it answers already: it can be revived at once
    recovery.mend()
    recovery.fail(by_person=False)
    assert not recovery.ask() or on_fault != "recover"
    assert recovery.find()


def test_the_journal_file_tells_everything(tmp_path: Path) -> None:
    with running(tmp_path, **dotted(arm__port="sim:?move_s=0.05")) as run:
        run.wait(lambda status: status.sorted_objects >= 2)
    label, probabilities, sequence, previous, arm = run.rows("label, probabilities, sequence, previous_sequence, arm")[
        1
    ]
    assert label and len(json.loads(probabilities)) == 6
    assert (sequence, previous, arm) == (2, 1, "simulated-arm")
    assert run.rows("cleared_at")[0] is not None


def test_the_arms_own_stop_button_and_its_sensor_are_heard_while_it_is_idle(tmp_path: Path) -> None:
    with pty(tmp_path, move_s=0.05) as (port, _, _link):
        settings = dotted(arm__port=port.path, trigger__kind="arm", arm__heartbeat_s=30.0)
        with running(tmp_path, **settings) as run:
            run.wait(lambda status: status.camera.frames > 5)
            time.sleep(0.5)
            assert run.rows() == []  # objects come, but nobody announces them
            port.announce()
            run.wait(lambda status: status.sorted_objects == 1)
            port.press_stop()
            run.wait(lambda status: status.phase is Phase.FAULT and "stop button" in status.reason)
            time.sleep(0.3)
            assert run.status.phase is Phase.FAULT


@pytest.mark.parametrize(("by_person", "goes_on"), [(False, True), (True, False)])
def test_after_a_restart_only_a_stop_of_its_own_is_cleared_without_a_person(
    tmp_path: Path, by_person: bool, goes_on: bool
) -> None:
    with pty(tmp_path, move_s=0.05) as (port, _, _link):
        waiting = dotted(arm__port=port.path, recovery__on_fault="wait")
        with running(tmp_path, **waiting) as run:
            run.wait(lambda status: status.sorted_objects >= 1)
            if by_person:
                run.sorter.runtime.control.stop("The test")
            else:
                port.jam()
            run.wait(lambda status: status.phase is Phase.FAULT and status.arm.state == "STOPPED")
            run.end()
        recovering = dotted(arm__port=port.path, recovery__on_fault="recover")
        if goes_on:
            with running(tmp_path, **recovering) as run:
                run.wait(lambda status: status.sorted_objects >= 1)
        else:
            with pytest.raises(ArmError, match="was stopped"), running(tmp_path, **recovering):
                pass


def test_a_clock_that_jumps_back_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A board without a battery wakes up in 1970, and the network sets it right, or wrong."""
    with running(tmp_path, **dotted(arm__port="sim:?move_s=0.05")) as run:
        run.wait(lambda status: status.sorted_objects >= 1)
        monkeypatch.setattr(time, "time", lambda: 1000.0)
        run.wait(lambda status: status.sorted_objects >= 3)
    decided = run.rows("decided_at")
    assert decided[0] > decided[-1] == 1000.0
    assert run.rows("number") == list(range(1, len(decided) + 1)) and set(run.rows()) == {COMPLETED}
