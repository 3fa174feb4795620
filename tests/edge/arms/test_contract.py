"""What every arm must do, tried on every arm there is (``benches.py``).

Line protocol 1: ``sim:`` and ``sorter-sim arm`` in a process of its own; the reference firmware as a Linux program; and
the same firmware as it is flashed, in an emulated Arduino Uno. G-code and template: ``sim:`` and ``sorter-sim arm``.

Where an arm cannot know something, the suite says what it must do instead.
"""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sorter.edge.arms.arm import ArmFaultError, ArmOutcomeUnknownError
from sorter.edge.arms.protocol import next_sequence
from sorter.errors import ArmError, ConfigError
from tests.edge.arms.benches import NAMES, SLOW_MOVE_S, Bench, make_bench


@pytest.fixture(params=NAMES)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    yield from make_bench(request.param, tmp_path)


@pytest.fixture(params=NAMES)
def slow_bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    yield from make_bench(request.param, tmp_path, SLOW_MOVE_S)


def _resume(bench: Bench) -> None:
    """Resumes the arm; a person presses its reset button where nothing else wakes it."""
    if bench.needs_button:
        with pytest.raises(ArmError) as caught:
            bench.arm.resume()
        assert "reset button" in caught.value.hint
        bench.reset()
    bench.arm.resume()


def test_identity_and_sorting(bench: Bench) -> None:
    acknowledged: list[int] = []
    with bench.arm as arm:
        for sequence, bin_number in enumerate((2, 0, 3), start=1):
            arm.sort(bin_number, sequence, lambda: acknowledged.append(len(bench.sorted_bins())))
        status = arm.status()
        assert (status.state, status.last_sequence, status.last_outcome) == ("IDLE", 3, "DONE")
        assert arm.ping() < 5
        assert arm.last_sequence == 3
    assert bench.sorted_bins() == [2, 0, 3]
    assert acknowledged == [0, 1, 2]  # on receipt, before the motion is over


def test_same_number_never_moves_twice(bench: Bench) -> None:
    with bench.arm as arm:
        arm.sort(1, 5)
        arm.sort(1, 5)
        with pytest.raises(ArmFaultError) as caught:
            arm.sort(2, 5)
        assert caught.value.number == 6 and not caught.value.started
        with pytest.raises(ArmFaultError) as caught:
            arm.sort(1, 4)
        assert caught.value.number == 7
    assert bench.sorted_bins() == [1]


def test_identity_survives_reopening(bench: Bench) -> None:
    with bench.arm as arm:
        arm.sort(1, 65535)
    identity = bench.arm.open()
    assert identity.bins == {0, 1, 2, 3}
    assert (identity.version, identity.last_sequence) == ((1, 65535) if bench.remembers else (0, 0))
    assert bench.arm.last_sequence == 65535
    assert identity.status.state == "IDLE"
    bench.arm.sort(2, next_sequence(bench.arm.last_sequence))
    bench.arm.close()
    bench.arm.close()
    assert bench.sorted_bins() == [1, 2]


def test_home_and_resume_count_on(bench: Bench) -> None:
    with bench.arm as arm:
        arm.sort(1, 10)
        arm.home()
        arm.stop()
        assert arm.status().state == "STOPPED"
        _resume(bench)
        assert arm.last_sequence == 12
        arm.sort(2, next_sequence(arm.last_sequence))
    assert bench.sorted_bins() == [1, 2]


def test_stop_from_another_thread(slow_bench: Bench) -> None:
    with slow_bench.arm as arm:
        stopper = threading.Thread(target=arm.stop)
        with pytest.raises(ArmFaultError) as caught:
            arm.sort(1, 1, stopper.start)
        stopper.join(60)
        assert not stopper.is_alive()
        assert caught.value.number == 21 and caught.value.started
        with pytest.raises(ArmFaultError) as caught:
            arm.sort(1, 2)
        assert caught.value.number == 5 and not caught.value.started
    assert slow_bench.sorted_bins() == []


def test_jam_and_recovery(bench: Bench) -> None:
    with bench.arm as arm:
        bench.jam()
        with pytest.raises(ArmFaultError) as caught:
            arm.sort(1, 1)
        assert caught.value.number in (20, 30) and caught.value.started and caught.value.hint
        assert arm.status().state == "FAULT"
        with pytest.raises(ArmFaultError) as caught:
            arm.sort(1, 2)
        assert caught.value.number == 10
        _resume(bench)
        arm.sort(2, next_sequence(arm.last_sequence))
    assert bench.sorted_bins() == [2]


def test_reset_under_way(slow_bench: Bench) -> None:
    with slow_bench.arm as arm:
        with pytest.raises(ArmOutcomeUnknownError, match="reset" if slow_bench.tells_reset else "did not reply"):
            arm.sort(1, 1, slow_bench.reset)
        arm.sort(2, 2)  # greets the arm anew
    assert slow_bench.sorted_bins() == [2]


def test_reset_between_two_commands(bench: Bench) -> None:
    with bench.arm as arm:
        arm.sort(1, 1)
        bench.reset()
        if not bench.tells_reset:
            time.sleep(0.5)  # it is deaf while it starts
        while bench.tells_reset and arm.status().last_sequence:
            time.sleep(0.01)
        arm.sort(2, 2)
    assert bench.sorted_bins() == [1, 2]


def test_leaving_in_the_middle_stops_the_arm(slow_bench: Bench) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), slow_bench.arm as arm:
        arm.sort(1, 1, interrupt)
    assert slow_bench.arm.open().status.state == "STOPPED"
    slow_bench.arm.close()
    assert slow_bench.sorted_bins() == []


def test_refused_command_leaves_the_arm_idle(bench: Bench) -> None:
    with bench.arm as arm:
        arm.sort(1, 9)
        with pytest.raises(ArmFaultError):
            arm.sort(1, 3)
    assert bench.arm.open().status.state == "IDLE"
    bench.arm.close()


def test_impossible_commands_never_leave(bench: Bench) -> None:
    with bench.arm as arm:
        for bin_number, sequence in ((4, 1), (-1, 1), (1, 0), (1, 65536)):
            with pytest.raises(ConfigError):
                arm.sort(bin_number, sequence)
        assert arm.status().last_sequence == 0


def test_command_whose_outcome_is_unknown_is_never_sent_again(slow_bench: Bench) -> None:
    with slow_bench.arm as arm:
        with pytest.raises(ArmOutcomeUnknownError):
            arm.sort(1, 1, slow_bench.reset)
        if not slow_bench.remembers:
            with pytest.raises(ArmOutcomeUnknownError):
                arm.sort(1, 1)
        arm.sort(2, 2)
    assert slow_bench.sorted_bins() == [2]


def test_what_is_known_after_the_port_was_opened_anew(bench: Bench) -> None:
    with bench.arm as arm:
        arm.sort(1, 7)
    with bench.arm as arm:
        known = (7, "DONE") if bench.remembers else (0, "NONE")
        status = arm.status()
        assert (status.last_sequence, status.last_outcome) == known
        arm.sort(1, 7)  # whoever remembers it: it has been carried out
    assert bench.sorted_bins() == [1]


def test_heartbeat_and_counters(bench: Bench) -> None:
    with bench.arm as arm:
        sent = arm.sent_lines
        assert arm.heartbeat().state == "IDLE"
        arm.sort(1, 1)
        assert arm.heartbeat().last_sequence == 1
        assert arm.sent_lines > sent
        assert arm.damaged_lines == 0
        assert arm.listen(0.05) is None


def test_stop_of_an_idle_arm_lasts(bench: Bench) -> None:
    with bench.arm as arm:
        arm.stop()
        assert arm.heartbeat().state == "STOPPED"
        with pytest.raises(ArmFaultError) as caught:
            arm.sort(1, 1)
        assert caught.value.number == 5 and not caught.value.started
        _resume(bench)
        arm.sort(2, next_sequence(arm.last_sequence))
    assert bench.sorted_bins() == [2]
