import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sorter.edge.arms import protocol
from sorter.edge.arms.protocol import Message
from sorter.edge.simulation.arm import SimulatedArm, SimulatedArmOptions
from sorter.errors import ConfigError

VECTORS = json.loads((Path(__file__).parents[3] / "docs" / "arm-protocol-vectors.json").read_text())


@pytest.mark.parametrize("dialogue", VECTORS["dialogues"], ids=lambda d: d["name"])
def test_golden_dialogue(dialogue: dict[str, Any]) -> None:
    arm = SimulatedArm(SimulatedArmOptions(name="golden-arm", bins=4, move_s=0.5))
    now_s = 0.0
    for step in dialogue["steps"]:
        now_s += 1.0 if "wait" in step else 0.01
        if "send" in step:
            arm.receive(step["send"].encode("latin-1") + b"\n", now_s)
        assert arm.poll(now_s).decode().splitlines() == step["expect"], step


_COMMANDS = st.builds(
    Message,
    st.integers(1, 6) | st.integers(65533, 65535),
    st.just("SORT"),
    st.sampled_from([("0",), ("1",), ("2",), ("99",)]),
) | st.builds(Message, st.integers(1, 6), st.sampled_from(["HOME", "RESUME", "STOP", "STATUS", "HELLO"]))
_STEPS = st.lists(st.tuples(_COMMANDS, st.floats(0, 1), st.booleans()), max_size=60)
_BAD_LINK = SimulatedArmOptions(
    move_s=0.4, drop=0.1, corrupt=0.1, duplicate=0.3, delay=0.3, delay_s=0.7, jam=0.1, seed=5
)


@settings(deadline=None)  # one example of many steps on a busy machine
@given(_STEPS, st.sampled_from([SimulatedArmOptions(move_s=0.4), _BAD_LINK]))
def test_no_number_ever_moves_it_twice(steps: list[tuple[Message, float, bool]], options: SimulatedArmOptions) -> None:
    arm = SimulatedArm(options)
    now_s = 0.0
    arm.receive(Message(1, "HELLO").encode(), now_s)
    for command, wait_s, jam in steps:
        if jam:
            arm.jam()
        arm.receive(command.encode(), now_s)
        arm.poll(now_s)
        now_s += wait_s
        arm.poll(now_s)
    moved = [motion.sequence for motion in arm.motions]
    assert all(protocol.is_newer(later, before) for before, later in pairwise(moved))


@settings(deadline=None)
@given(st.lists(st.binary(max_size=100), max_size=20))
def test_no_bytes_confuse_or_move_it(pieces: list[bytes]) -> None:
    arm = SimulatedArm()
    arm.receive(Message(1, "HELLO").encode(), 0.0)
    for step, piece in enumerate(pieces):
        arm.receive(piece, step * 0.1)
        for line in arm.poll(step * 0.1).splitlines():
            protocol.decode_reply(line)
    assert arm.motions == ()


def test_reset_on_demand_cuts_the_motion_off() -> None:
    bins: list[int] = []
    arm = SimulatedArm(SimulatedArmOptions(move_s=1), bins.append)
    arm.receive(Message(1, "HELLO").encode() + Message(1, "SORT", ("2",)).encode(), 0.0)
    arm.poll(0.0)
    arm.reset(0.5)
    arm.receive(Message(1, "SORT", ("2",)).encode(), 0.51)  # still booting: not heard
    replies = arm.poll(3.0).splitlines()
    assert [protocol.decode_reply(line).word for line in replies] == ["READY"]
    arm.receive(Message(1, "SORT", ("2",)).encode(), 3.0)
    assert b"ERR 8" in arm.poll(3.0)
    assert bins == []


def test_chance_of_reset() -> None:
    arm = SimulatedArm(SimulatedArmOptions(move_s=1, reset=1.0))
    arm.receive(Message(1, "HELLO").encode() + Message(1, "HOME").encode(), 0.0)
    assert b"1 OK" in arm.poll(0.0)
    assert arm.next_due_s() is not None
    assert b"READY" in arm.poll(2.0)


def test_same_seed_same_faults() -> None:
    outputs = []
    for _ in range(2):
        arm = SimulatedArm(SimulatedArmOptions(drop=0.3, corrupt=0.3, seed=9))
        output = b""
        for number in range(1, 50):
            arm.receive(Message(number, "PING").encode(), number)
            output += arm.poll(number)
        outputs.append(output)
    assert outputs[0] == outputs[1] and outputs[0].count(b"PONG") < 45


@pytest.mark.parametrize("wrong", [{"drop": 1.5}, {"bins": 0}, {"move_s": -1}, {"name": "two words"}])
def test_impossible_options(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        SimulatedArmOptions(**wrong)
