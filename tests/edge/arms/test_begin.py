"""A command whose first line leaves ahead of the thread that sees it through."""

import time
from collections.abc import Iterator

import pytest

from sorter.edge.arms.arm import ArmFaultError, ArmOutcomeUnknownError
from sorter.edge.arms.line import LineArm
from sorter.edge.dispatcher import Acknowledged, Command, Completed, Dispatcher, Failed, Report
from sorter.edge.simulation.arm import SimulatedArmOptions
from sorter.edge.simulation.pty import SimulatedLink


@pytest.fixture
def link() -> Iterator[SimulatedLink]:
    link = SimulatedLink(SimulatedArmOptions(move_s=0.3))
    yield link
    link.close()


def _wait_for_motion(link: SimulatedLink, ending: str) -> None:
    deadline_s = time.monotonic() + 30
    while not any(motion.ending == ending for motion in link.simulated_arm.motion_log):
        assert time.monotonic() < deadline_s
        time.sleep(0.005)


def test_what_the_arm_says_before_anybody_waits_for_it_is_not_lost(link: SimulatedLink) -> None:
    acknowledged: list[bool] = []
    with LineArm(link) as arm:
        assert arm.begin(2, 1)
        _wait_for_motion(link, "done")
        # Looking at an idle line, or asking for its state, takes the answers off it.
        assert arm.listen(0.05) is None
        assert arm.status().last_outcome == "DONE"
        sent_lines = arm.sent_lines
        arm.sort(2, 1, lambda: acknowledged.append(True))
        assert acknowledged == [True]
        assert arm.sent_lines == sent_lines and arm.resends == 0
    assert [motion.command.arguments for motion in link.simulated_arm.motion_log] == [("2",)]


def test_a_reset_before_anybody_waits_leaves_the_outcome_unknown(link: SimulatedLink) -> None:
    with LineArm(link) as arm:
        assert arm.begin(2, 1)
        _wait_for_motion(link, "moving")
        assert link.port is not None
        link.port.reset()
        with pytest.raises(ArmOutcomeUnknownError):
            arm.sort(2, 1)
    assert len(link.simulated_arm.motion_log) == 1


def test_nothing_leaves_ahead_where_the_arm_has_something_to_say(link: SimulatedLink) -> None:
    with LineArm(link) as arm:
        assert not arm.begin(99, 1)  # ``sort`` says what is wrong with it
        assert link.port is not None
        link.port.announce()
        deadline_s = time.monotonic() + 30
        while not link.waiting():
            assert time.monotonic() < deadline_s
            time.sleep(0.005)
        assert not arm.begin(2, 1)
        assert arm.listen(30) == "object"
        assert arm.begin(2, 1)
        assert not arm.begin(2, 2)  # one at a time
        arm.sort(2, 1)
    assert len(link.simulated_arm.motion_log) == 1


def test_a_port_that_is_gone_fails_the_command_at_once(link: SimulatedLink) -> None:
    reports: list[Report] = []
    with LineArm(link) as arm:
        dispatcher = Dispatcher(arm, reports.append)
        dispatcher.start()
        try:
            dispatcher.send(Command(1, 1))
            deadline_s = time.monotonic() + 30
            while not any(isinstance(report, Completed) for report in reports):
                assert time.monotonic() < deadline_s
                time.sleep(0.005)
            assert isinstance(reports[0], Acknowledged)
            link.close()
            dispatcher.send(Command(2, 2))
            while not any(isinstance(report, Failed) for report in reports):
                assert time.monotonic() < deadline_s
                time.sleep(0.005)
        finally:
            dispatcher.stop()
    assert [motion.command.arguments for motion in link.simulated_arm.motion_log] == [("1",)]


def test_a_command_does_not_overtake_a_job_before_it(link: SimulatedLink) -> None:
    """Else the arm carries the command out, takes the newer number of the job, and refuses the command as too old."""
    reports: list[Report] = []
    with LineArm(link) as arm:
        dispatcher = Dispatcher(arm, reports.append)
        dispatcher.start()
        try:
            dispatcher.revive(delay_s=0.2)
            dispatcher.send(Command(2, 1))
            deadline_s = time.monotonic() + 30
            while not any(isinstance(report, Completed | Failed) for report in reports):
                assert time.monotonic() < deadline_s
                time.sleep(0.005)
        finally:
            dispatcher.stop()
    moved = [motion.command.arguments for motion in link.simulated_arm.motion_log]
    (told,) = [report for report in reports if isinstance(report, Completed | Failed)]
    # RESUME took the number that the command had; it is refused, and nothing has moved.
    assert isinstance(told, Failed) and isinstance(told.error, ArmFaultError) and not told.error.started
    assert moved == []
