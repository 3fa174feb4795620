"""Firmware and simulated arm do the same, whatever comes in whatever order."""

import json
import string
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from sorter.benchmarks import fuzz
from sorter.edge.arms.protocol import LineSplitter, Message
from sorter.edge.simulation.mechanism import Mechanism
from sorter.edge.simulation.trial import FirmwareTrial
from sorter.errors import ArmError, SorterError
from tests.edge.firmware.builds import GOLDEN, built

_MOTION_FRAMES = 500

# Few numbers and bins, so that repetitions, reuse and old numbers all occur.
_COMMANDS = st.builds(
    Message,
    st.sampled_from([0, 1, 2, 3, 4, 32768, 32769, 65534, 65535]),
    st.sampled_from(["SORT", "SORT", "SORT", "HOME", "RESUME", "HELLO", "STATUS", "PING", "STOP", "DANCE"]),
    st.lists(st.sampled_from(["0", "1", "3", "03", "4", "100", "0100", "x", "-1"]), max_size=2).map(tuple),
).map(lambda message: message.encode())
_TYPED = st.text(st.sampled_from(string.ascii_letters + "0123456789 *?\t\r"), max_size=20).map(str.encode)
_STEPS = st.lists(
    st.one_of(
        _COMMANDS,
        _COMMANDS.map(lambda line: line.rpartition(b"*")[0] + b"*????"),
        st.sampled_from([b"HELLO", b"stop", b"9 STOP*0000", b"x" * 90 + b" STOP ", b"x" * 81, b"wait", b"reset"]),
        _TYPED,
        st.binary(max_size=100),
    ),
    max_size=30,
)


@pytest.fixture(scope="module")
def trial() -> Iterator[FirmwareTrial]:
    """One process for all examples: starting one for each would take most of the time."""
    with FirmwareTrial(built("trial", GOLDEN)) as trial:
        yield trial


@settings(deadline=None, max_examples=300)
@given(_STEPS)
def test_they_answer_alike(trial: FirmwareTrial, steps: list[bytes]) -> None:
    trial.run("reset")
    mechanism = Mechanism("golden-arm", 4, 0.0, lambda _bin: None)
    for step in [b"HELLO", *steps]:
        if step == b"reset":
            mechanism.boot()
            trial.run("reset")
        elif step == b"wait":
            ended = mechanism.finish() if mechanism.done_at_s is not None else []
            assert _lines(trial.pass_frames(_MOTION_FRAMES)) == _encoded(ended)
        else:
            expected = [answer for line in LineSplitter().feed(step + b"\n") for answer in mechanism.handle(line, 0.0)]
            assert _lines(trial.send(step + b"\n")) == _encoded(expected)


def _lines(output: list[str]) -> list[str]:
    return [line for line in output if not line.startswith("pulse ")]


def _encoded(messages: list[Message]) -> list[str]:
    return [message.encode().decode("ascii").strip() for message in messages]


def test_damaged_lines_crash_nothing_and_are_read_alike(tmp_path: Path) -> None:
    built("trial")
    result = CliRunner().invoke(fuzz.fuzz, ["--lines", "20000", "--seed", "7", "--json", str(tmp_path / "fuzz.json")])
    assert result.exit_code == 0, result.output
    figures = json.loads((tmp_path / "fuzz.json").read_text())
    assert figures["difference_count"] == 0
    assert figures["counts"]["whole, read as sent"] > 500 and "whole, misread" not in figures["counts"]
    assert figures["counts"]["damage to a sent line that made *????"] == 0
    assert figures["passed_chance_of_as_many"] > 1e-4


def test_a_difference_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sorter.edge.arms.protocol.TYPED_CHECKSUM", "!!!!")
    figures = fuzz.measure(built("trial"), 500, 1)
    assert figures["difference_count"] > 0 and figures["differences"]


def test_a_crash_is_an_error_not_an_agreement(tmp_path: Path) -> None:
    program = tmp_path / "trial"
    program.write_text("#!/bin/sh\necho .\nread line\nexit 66\n")
    program.chmod(0o755)
    with pytest.raises(SorterError, match="crashed with exit code 66") as caught, FirmwareTrial(program) as trial:
        trial.send(b"x")
    assert isinstance(caught.value, ArmError)
