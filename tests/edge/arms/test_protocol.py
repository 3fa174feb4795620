import json
import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sorter.edge.arms import protocol
from sorter.edge.arms.protocol import DamagedLineError, LineSplitter, Message

VECTORS = json.loads((Path(__file__).parents[3] / "docs" / "arm-protocol-vectors.json").read_text())

_WORD = st.text(st.sampled_from(string.ascii_uppercase + string.digits + "._-?"), min_size=1, max_size=8)
_MESSAGES = st.builds(Message, st.integers(0, 65535), _WORD, st.lists(_WORD, max_size=5).map(tuple))


def _message(vector: dict[str, Any]) -> Message:
    return Message(vector["sequence"], vector["word"], tuple(vector["arguments"]))


def test_checksums() -> None:
    for vector in VECTORS["checksums"]:
        assert protocol.checksum(vector["text"].encode()) == vector["checksum"]


@pytest.mark.parametrize("vector", VECTORS["to_arm"], ids=lambda v: v["line"])
def test_arm_reads_lines(vector: dict[str, Any]) -> None:
    assert protocol.decode_command(vector["line"].encode("latin-1")) == _message(vector)


@pytest.mark.parametrize("vector", VECTORS["to_host"], ids=lambda v: v["line"])
def test_host_reads_and_arm_writes_lines(vector: dict[str, Any]) -> None:
    assert protocol.decode_reply(vector["line"].encode("latin-1")) == _message(vector)
    assert _message(vector).encode() == vector["line"].encode() + b"\n"


@pytest.mark.parametrize("vector", VECTORS["damaged_to_arm"], ids=lambda v: v["line"][:20])
def test_arm_refuses_damaged_lines(vector: dict[str, Any]) -> None:
    with pytest.raises(DamagedLineError) as caught:
        protocol.decode_command(vector["line"].encode("latin-1"))
    assert caught.value.number == vector["error"]


@pytest.mark.parametrize("line", VECTORS["damaged_to_host"])
def test_host_refuses_damaged_lines(line: str) -> None:
    with pytest.raises(DamagedLineError):
        protocol.decode_reply(line.encode("latin-1"))


@given(_MESSAGES)
def test_round_trip(message: Message) -> None:
    line = message.encode().rstrip(b"\n")
    assert protocol.decode_command(line) == message
    assert protocol.decode_reply(line) == message


@given(_MESSAGES, st.data())
def test_one_changed_character_is_always_seen(message: Message, data: st.DataObject) -> None:
    line = bytearray(message.encode().rstrip(b"\n"))
    place = data.draw(st.integers(0, len(line) - 1))
    # A carriage return is not a character of the line, and a line feed would make two lines of it.
    other = data.draw(st.integers(0, 255).filter(lambda c: c not in (line[place], 10)))
    line[place] = other
    with pytest.raises(DamagedLineError):
        protocol.decode_reply(bytes(line))


@given(st.binary(max_size=120))
def test_any_bytes_are_read_or_refused(line: bytes) -> None:
    for decode in (protocol.decode_command, protocol.decode_reply):
        try:
            message = decode(line)
        except DamagedLineError:
            continue
        assert 0 <= message.sequence <= 65535
    protocol.asks_to_stop(line)


@given(st.lists(st.binary(max_size=40)), st.integers(1, 7))
def test_splitter_does_not_care_how_bytes_arrive(lines: list[bytes], step: int) -> None:
    stream = b"".join(line.replace(b"\n", b"").replace(b"\r", b"") + b"\n" for line in lines)
    splitter = LineSplitter()
    pieces = [stream[i : i + step] for i in range(0, len(stream), step)]
    assert [line for piece in pieces for line in splitter.feed(piece)] == [x for x in stream.split(b"\n") if x]


def test_splitter_stays_bounded() -> None:
    splitter = LineSplitter()
    for _ in range(1000):
        assert splitter.feed(b"x" * 1000) == []
    (line,) = splitter.feed(b"\n")
    assert protocol.MAX_LINE_CHARACTERS < len(line) < 2000


@pytest.mark.parametrize("message", [Message(70000, "OK"), Message(1, "A B"), Message(1, "A*"), Message(1, "X" * 90)])
def test_impossible_messages_are_not_written(message: Message) -> None:
    with pytest.raises(ValueError, match="line"):
        message.encode()


def test_sequence_circle() -> None:
    assert [protocol.next_sequence(n) for n in (0, 1, 65534, 65535)] == [1, 2, 65535, 1]
    assert protocol.is_newer(1, 65535) and not protocol.is_newer(65535, 1)
    assert protocol.is_newer(5, 0) and not protocol.is_newer(5, 5) and not protocol.is_newer(4, 5)
