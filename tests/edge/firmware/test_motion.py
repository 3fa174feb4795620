"""What the servos, inputs and limits do, seen by their pulses in virtual time."""

import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sorter.edge.arms.protocol import Message
from sorter.edge.simulation.firmware import FOLDER, build_firmware
from sorter.edge.simulation.trial import FirmwareTrial
from sorter.errors import ConfigError
from tests.edge.firmware.builds import BINS, GOLDEN, GOLDEN_INPUTS, built, sorted_bins

_NAMES = {"0": "swivel", "1": "tilt"}
_LIMITS_US = {"swivel": (700, 2300), "tilt": (1000, 1900)}
_STEPS_US = {"swivel": 80, "tilt": 100}
"""How far a pulse may change in a frame of 20 ms, at the speeds of golden.h."""


@pytest.fixture
def trial() -> Iterator[FirmwareTrial]:
    with FirmwareTrial(built("trial", GOLDEN_INPUTS)) as trial:
        trial.send(b"HELLO\n")
        yield trial


def command(sequence: int, word: str, *arguments: str) -> bytes:
    return Message(sequence, word, arguments).encode()


def pulses(output: list[str]) -> list[tuple[str, float]]:
    found = [line.split() for line in output if line.startswith("pulse ")]
    return [(_NAMES[servo], float(width_us)) for _, servo, width_us in found]


def lines(output: list[str]) -> list[str]:
    return [line.rpartition("*")[0] for line in output if not line.startswith("pulse ")]


def assert_gentle(seen: list[tuple[str, float]]) -> None:
    """Limits and speed. Only from limp (no pulse) may a servo jump, since nobody knows where it is."""
    now = {"swivel": 0.0, "tilt": 0.0}
    for servo, width_us in seen:
        low_us, high_us = _LIMITS_US[servo]
        assert width_us == 0 or low_us <= width_us <= high_us
        assert 0 in (width_us, now[servo]) or abs(width_us - now[servo]) <= _STEPS_US[servo]
        now[servo] = width_us


def test_nothing_moves_after_a_reset(trial: FirmwareTrial) -> None:
    assert trial.pass_frames(200) == []
    assert pulses(trial.send(b"STOP\nSTATUS\nPING\n")) == []
    assert trial.pass_frames(200) == []


def test_the_first_motion_settles_at_the_rest_position(trial: FirmwareTrial) -> None:
    trial.send(command(1, "SORT", "2"))
    assert pulses(trial.pass_frames(6)) == [("swivel", 1500.0), ("tilt", 1500.0)]


@pytest.mark.parametrize("bin_number", range(4))
def test_a_sort_goes_to_its_bin_and_back(bin_number: int, trial: FirmwareTrial) -> None:
    trial.send(command(1, "SORT", str(bin_number)))
    output = trial.pass_frames(200)
    seen = pulses(output)
    assert lines(output) == ["1 DONE"]
    assert sorted_bins(seen) == [bin_number]
    assert_gentle(seen)
    assert {servo: width_us for servo, width_us in seen} == {"swivel": 1500, "tilt": 1500}
    assert BINS[bin_number][0] in [width_us for servo, width_us in seen if servo == "swivel"]


def test_stop_holds_the_servos_where_they_are(trial: FirmwareTrial) -> None:
    trial.send(command(1, "SORT", "3"))
    trial.pass_frames(10)
    assert lines(trial.send(b"STOP\n")) == ["1 ERR 21 interrupted by STOP", "0 STOPPED"]
    assert trial.pass_frames(500) == []
    trial.send(command(2, "RESUME"))
    trial.send(command(3, "HOME"))
    output = trial.pass_frames(200)
    assert lines(output) == ["3 DONE"] and sorted_bins(pulses(output)) == []
    assert dict(pulses(output))["swivel"] == 1500


def test_a_tilted_tray_is_levelled_before_it_turns(trial: FirmwareTrial) -> None:
    trial.send(command(1, "SORT", "3"))
    while ("tilt", 1800.0) not in pulses(trial.pass_frames(1)):
        pass
    trial.send(b"STOP\n")
    trial.send(command(2, "RESUME"))
    trial.send(command(3, "SORT", "0"))
    seen = pulses(trial.pass_frames(200))
    first_turn = next(i for i, (servo, _) in enumerate(seen) if servo == "swivel")
    assert ("tilt", 1500.0) in seen[:first_turn]
    assert_gentle([("tilt", 1800.0), *seen])


def test_an_arm_that_does_not_leave_rest_empties_its_tray_nowhere(trial: FirmwareTrial) -> None:
    trial.run("jam 1")
    trial.send(command(1, "SORT", "1"))
    output = trial.pass_frames(200)
    assert lines(output) == ["1 ERR 20 jammed"]
    assert sorted_bins(pulses(output)) == []
    assert pulses(output)[-2:] == [("swivel", 0.0), ("tilt", 0.0)]  # limp: pushed no further
    assert lines(trial.send(command(2, "SORT", "1"))) == ["2 ERR 10 fault not cleared"]
    assert lines(trial.send(b"STATUS\n")) == ["0 STATUS FAULT 1 ERR20"]
    trial.run("jam 0")
    trial.send(command(2, "RESUME"))
    trial.send(command(3, "SORT", "1"))
    assert lines(trial.pass_frames(200)) == ["3 DONE"]


def test_an_arm_that_does_not_come_back_is_jammed(trial: FirmwareTrial) -> None:
    trial.send(command(1, "SORT", "1"))
    while ("tilt", 1000.0) not in pulses(trial.pass_frames(1)):
        pass
    trial.run("jam 1")
    assert lines(trial.pass_frames(200)) == ["1 ERR 20 jammed"]


def test_the_stop_button_stops_for_as_long_as_it_is_held(trial: FirmwareTrial) -> None:
    trial.send(command(1, "SORT", "1"))
    trial.run("stop 1")
    assert lines(trial.pass_frames(1)) == []  # one frame may be a spike on the wire
    assert lines(trial.pass_frames(1)) == ["1 ERR 21 interrupted by STOP", "0 STOPPED"]
    assert lines(trial.pass_frames(50)) == ["0 STOPPED"] * 2
    assert lines(trial.send(command(2, "RESUME"))) == ["2 DONE"]
    trial.pass_frames(1)
    assert lines(trial.send(command(3, "SORT", "1"))) == ["3 ERR 5 stopped"]
    trial.run("stop 0")
    trial.pass_frames(2)
    assert lines(trial.pass_frames(100)) == []
    assert lines(trial.send(command(3, "RESUME"))) == ["3 DONE"]
    assert lines(trial.send(command(4, "SORT", "1"))) == ["4 OK"]


def test_a_spike_on_the_stop_wire_is_nothing(trial: FirmwareTrial) -> None:
    for level in "10" * 10:
        trial.run(f"stop {level}")
        assert trial.pass_frames(1) == []


def test_the_light_barrier_counts_objects(trial: FirmwareTrial) -> None:
    trial.run("object 1")
    assert lines(trial.pass_frames(60)) == ["0 OBJECT 1"] * 3
    trial.run("object 0")
    assert trial.pass_frames(60) == []
    trial.run("object 1")
    assert lines(trial.pass_frames(2)) == ["0 OBJECT 2"]


def test_no_pulse_ever_leaves_the_limits(trial: FirmwareTrial) -> None:
    """Whatever is asked, stopped, jammed and cleared, in whatever order."""
    rng = random.Random(8)
    seen: list[tuple[str, float]] = []
    for sequence in range(1, 400):
        word = rng.choice(["SORT", "SORT", "SORT", "HOME", "RESUME"])
        arguments = [str(rng.randrange(6))] if word == "SORT" else []
        output = trial.send(command(sequence, word, *arguments))
        if rng.random() < 0.1:
            output += trial.send(b"STOP\n")
        trial.run(f"jam {int(rng.random() < 0.1)}")
        seen += pulses(output + trial.pass_frames(rng.choice([0, 1, 7, 30, 200])))
    assert_gentle(seen)
    assert set(sorted_bins(seen)) == {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("find", "replace", "reason"),
    [
        (r"BIN\(700, 1000\)", "BIN(699, 1000)", "a_bin_is_outside_the_limits"),
        (r"BIN\(2300, 1900\)", "BIN(2300, 1901)", "a_bin_is_outside_the_limits"),
        (r"SWIVEL_HOME_US 1500", "SWIVEL_HOME_US 2400", "rest_position_is_outside_the_limits"),
        (r"SWIVEL_MIN_US 700", "SWIVEL_MIN_US 100", "limits_are_not_those_of_a_servo"),
        (r"TILT_SPEED_US_PER_S 5000", "TILT_SPEED_US_PER_S 10", "a_speed_is_too_low_to_move"),
        (r'ARM_NAME "golden-arm"', 'ARM_NAME "a name that is much too long"', "the_name_is_not_1_to_24"),
    ],
)
def test_impossible_settings_do_not_compile(find: str, replace: str, reason: str, tmp_path: Path) -> None:
    built("trial", GOLDEN)
    wrong = tmp_path / "wrong.h"
    wrong.write_text(re.sub(find, replace, GOLDEN.read_text()))
    with pytest.raises(ConfigError, match=reason) as caught:
        build_firmware("trial", tmp_path / "out", wrong)
    assert "config.h" in caught.value.hint


def test_a_missing_compiler_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="avr-gcc") as caught:
        build_firmware("uno", tmp_path)
    assert "gcc-avr" in caught.value.hint
    assert (FOLDER / "README.md").is_file()
