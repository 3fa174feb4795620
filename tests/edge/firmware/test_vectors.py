"""The examples of docs/arm-protocol-vectors.json, tried on the firmware in virtual time."""

from collections.abc import Iterator
from typing import Any

import pytest

from sorter.edge.simulation.trial import FirmwareTrial
from tests.edge.arms.test_protocol import VECTORS
from tests.edge.firmware.builds import GOLDEN_INPUTS, built

_MOTION_FRAMES = 500


@pytest.fixture
def trial() -> Iterator[FirmwareTrial]:
    with FirmwareTrial(built("trial", GOLDEN_INPUTS)) as trial:
        yield trial


def lines(output: list[str]) -> list[str]:
    return [line for line in output if not line.startswith("pulse ")]


def test_checksums(trial: FirmwareTrial) -> None:
    for vector in VECTORS["checksums"]:
        assert trial.run(f"crc {vector['text'].encode().hex()}") == [vector["checksum"]]


def test_it_says_that_it_is_ready(trial: FirmwareTrial) -> None:
    assert trial.banner == [VECTORS["to_host"][0]["line"]]
    assert trial.run("reset") == trial.banner


@pytest.mark.parametrize("vector", VECTORS["to_arm"], ids=lambda v: v["line"])
def test_it_reads_lines(vector: dict[str, Any], trial: FirmwareTrial) -> None:
    expected = " ".join((str(vector["sequence"]), vector["word"], *vector["arguments"]))
    assert trial.run(f"decode {vector['line'].encode('latin-1').hex()}") == [expected]


@pytest.mark.parametrize("vector", VECTORS["damaged_to_arm"], ids=lambda v: v["line"][:20])
def test_it_refuses_damaged_lines(vector: dict[str, Any], trial: FirmwareTrial) -> None:
    assert trial.run(f"decode {vector['line'].encode('latin-1').hex()}") == [f"error {vector['error']}"]


@pytest.mark.parametrize("dialogue", VECTORS["dialogues"], ids=lambda d: d["name"])
def test_dialogues(dialogue: dict[str, Any], trial: FirmwareTrial) -> None:
    for step in dialogue["steps"]:
        if "send" in step:
            assert lines(trial.send(step["send"].encode() + b"\n")) == step["expect"]
        else:
            assert lines(trial.pass_frames(_MOTION_FRAMES)) == step["expect"]
