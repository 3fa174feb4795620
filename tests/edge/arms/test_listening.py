"""What an arm tells unasked, over real pseudo-terminals."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sorter.edge.arms.arm import ArmFaultError, ArmLostError
from sorter.edge.arms.events import EventQueue
from sorter.edge.arms.line import LineArm, LineOptions
from sorter.edge.arms.protocol import Message
from sorter.edge.simulation.arm import SimulatedArmOptions
from sorter.edge.simulation.pty import PtyArm, SimulatedLink

_READY = Message(0, "READY", ("sorter-arm", "1"))
_STOPPED = Message(0, "STOPPED")


@pytest.fixture
def link() -> Iterator[SimulatedLink]:
    link = SimulatedLink(SimulatedArmOptions(move_s=0.5))
    yield link
    link.close()


def _port(link: SimulatedLink) -> PtyArm:
    assert link.port is not None
    return link.port


def test_each_object_is_heard_of_once(link: SimulatedLink) -> None:
    with LineArm(link) as arm:
        _port(link).announce()
        assert arm.listen(30) == "object"
        assert arm.listen(1.3) is None  # it is repeated every 0.5 s, under the same number
        _port(link).announce()
        assert arm.listen(30) == "object"


def test_object_that_came_while_the_arm_moved_is_not_lost(link: SimulatedLink) -> None:
    with LineArm(link) as arm:
        arm.sort(1, 1, _port(link).announce)
        assert arm.listen(30) == "object"
        assert arm.listen(0.1) is None


def test_numbers_start_anew_after_a_reset(link: SimulatedLink) -> None:
    with LineArm(link) as arm:
        _port(link).announce()
        assert arm.listen(30) == "object"
        _port(link).reset()
        assert arm.listen(30) == "reset"
        _port(link).announce()
        assert arm.listen(30) == "object"


def test_stop_button_of_an_idle_arm(link: SimulatedLink) -> None:
    with LineArm(link) as arm:
        _port(link).press_stop()
        assert arm.listen(30) == "stopped"
        assert arm.heartbeat().state == "STOPPED"
        arm.resume()
        assert arm.heartbeat().state == "IDLE"


def test_stop_button_cuts_a_motion_short() -> None:
    link = SimulatedLink(SimulatedArmOptions(move_s=20))
    with LineArm(link, LineOptions(motion_timeout_s=60)) as arm:
        with pytest.raises(ArmFaultError) as caught:
            arm.sort(1, 1, _port(link).press_stop)
        assert caught.value.number == 21


def test_heartbeat_notices_silence(link: SimulatedLink) -> None:
    with LineArm(link, LineOptions(acknowledge_timeout_s=0.02, attempts=3)) as arm:
        link.simulated_arm._options = SimulatedArmOptions(silent=True)
        with pytest.raises(ArmLostError, match="silent"):
            arm.heartbeat()


def test_opening_is_no_news(link: SimulatedLink) -> None:
    with LineArm(link) as arm:
        assert arm.listen(0.2) is None


def test_arm_that_sees_objects_by_itself() -> None:
    with LineArm(SimulatedLink(SimulatedArmOptions(announce_every_s=0.2))) as arm:
        assert [arm.listen(30) for _ in range(3)] == ["object"] * 3


def test_signals_of_the_program(tmp_path: Path) -> None:
    from tests.edge.arms.benches import bench_in_process, send_signal

    with contextmanager(bench_in_process)("line", "marlin", tmp_path) as bench, bench.arm as arm:
        process = bench.process
        assert process is not None
        send_signal(process, signal.SIGRTMIN, tmp_path / "log.txt", "in front of the sensor")
        assert arm.listen(30) == "object"
        send_signal(process, signal.SIGRTMIN + 1, tmp_path / "log.txt", "stop button was pressed")
        assert arm.listen(30) == "stopped"
        assert arm.status().state == "STOPPED"


def _told(messages: list[Message]) -> list[str]:
    events = EventQueue()
    told: list[str] = []
    for message in messages:
        events.take(message)
        while events:
            told.append(events.popleft())
    return told


def test_repetitions_of_the_stop_button_while_nobody_listens() -> None:
    events = EventQueue()
    for _ in range(5):
        events.take(_STOPPED)
    assert events.popleft() == "stopped" and not events


def test_banner_of_an_old_arm_counts_as_reset() -> None:
    assert _told([_READY, Message(9, "ERR", ("8", "say", "HELLO", "first"))]) == ["reset", "reset"]


@given(st.lists(st.integers(1, 4), max_size=30), st.integers(1, 5))
def test_objects_are_counted_whatever_is_repeated(numbers: list[int], times: int) -> None:
    lines = [Message(0, "OBJECT", (str(n),)) for n in numbers for _ in range(times)]
    changes = sum(1 for i, n in enumerate(numbers) if i == 0 or numbers[i - 1] != n)
    assert _told(lines) == ["object"] * changes
