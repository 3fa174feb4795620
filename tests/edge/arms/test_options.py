from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sorter.edge.arms.messages import read_message
from sorter.edge.arms.options import ArmOptions, LineOptions, split_lines
from sorter.edge.arms.ports import make_arm
from sorter.errors import ConfigError


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"kind": "delta"}, "no kind of arm 'delta'"),
        ({"dialect": "klipper"}, "no G-code dialect"),
        ({"baud": 0}, "baud"),
        ({"attempts": 0}, "attempts"),
        ({"silence_timeout_s": 0}, "silence_timeout_s"),
        ({"move_s": -1}, "move_s"),
        ({"scripts": {1: ()}}, "bin 1 is empty"),
        ({"scripts": {1: ("G0 X1", " ")}}, "empty line"),
        ({"scripts": {1: "G0 X1"}}, "one text"),
        ({"scripts": {1: ("G0 X1\nG0 X2",)}}, "line break"),
        ({"scripts": {1: ("G0 X1 \u2192 2",)}}, "plain ASCII"),
        ({"scripts": {1: ("G0 X" + "1" * 80,)}}, "84 characters"),
        ({"scripts": {1: ("N5 G0 X1*33",)}}, "takes for itself"),
        ({"scripts": {1: ("G0 X1 ?",)}}, "takes for itself"),
        ({"scripts": {-1: ("G0 X1",)}}, "bin -1"),
        ({"scripts": {1000: ("G0 X1",)}}, "bin 1000"),
        ({"start": "G90|" + "G" * 90}, "Option start"),
        ({"park": " | "}, "Option park is empty"),
        ({"messages": {1: ""}}, "bin 1 is empty"),
        ({"messages": {1: "hex:A0 0"}}, "not hexadecimal"),
        ({"messages": {1: "hex:zz"}}, "not hexadecimal"),
        ({"messages": {1: "GATE \\q"}}, "escape"),
        ({"messages": {1: "GATE \\x1"}}, "escape"),
        ({"messages": {1: "Tor \u00f6ffnen"}}, "plain ASCII"),
        ({"stop_message": "hex:1"}, "stop_message"),
        ({"reply": "OK("}, "reply is not a regular expression"),
        ({"refusal": "["}, "refusal"),
        ({"hello_message": "ID?"}, "belong together"),
        ({"hello_reply": "gate"}, "belong together"),
    ],
)
def test_what_is_impossible_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        ArmOptions(**wrong)
    assert caught.value.hint
    assert caught.value.message.count(". ") == 0, "one sentence"


@pytest.mark.parametrize("kind", ["gcode", "template"])
def test_an_arm_must_be_told_what_to_send(kind: Any) -> None:
    with pytest.raises(ConfigError, match="for each bin") as caught:
        make_arm("/dev/ttyUSB0", ArmOptions(kind=kind))
    assert "For example" in caught.value.hint


def test_lists_of_a_configuration_file_are_taken() -> None:
    options = ArmOptions(kind="gcode", scripts={1: ["G0 X1"]})  # type: ignore[dict-item]
    assert make_arm("/dev/ttyUSB0", options).name == "/dev/ttyUSB0"


def test_patience_alone_is_enough_for_line_protocol() -> None:
    assert make_arm("/dev/ttyUSB0", LineOptions(attempts=3)).name == "/dev/ttyUSB0"


def test_lines_in_one_text() -> None:
    assert split_lines("G90 | G28\n\nG0 X1 |") == ("G90", "G28", "G0 X1")


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("GATE 3\\r\\n", b"GATE 3\r\n"),
        ("hex:A0 01 01 A2", b"\xa0\x01\x01\xa2"),
        ("hex:a00101a2", b"\xa0\x01\x01\xa2"),
        ("\\x1B[2J\\t\\0\\\\n", b"\x1b[2J\t\0\\n"),
        ("\\xff", b"\xff"),
        ("", b""),
    ],
)
def test_messages(text: str, data: bytes) -> None:
    assert read_message(text, "It") == data


@given(st.binary(max_size=40))
def test_any_bytes_can_be_written_in_both_ways(data: bytes) -> None:
    assert read_message(f"hex:{data.hex(' ')}", "It") == data
    assert read_message("".join(f"\\x{byte:02X}" for byte in data), "It") == data


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read_message(text, "It")
    except ConfigError as error:
        assert error.hint
