"""Lines as a bad cable, another program or a person could make them; always the same ones for the same seed."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from sorter.edge.arms.protocol import ERROR_TEXTS, MAX_SEQUENCE, Message

_PRINTABLE: Final = bytes(range(32, 127))


@dataclass(frozen=True)
class Sample:
    """What arrives in place of what was sent.

    Attributes:
        kind: How it was made.
        sent: The messages whose bytes went into it; none where it was made from nothing.
        arriving: The bytes, without their last line feed.
    """

    kind: str
    sent: tuple[Message, ...]
    arriving: bytes


def draw_command(rng: random.Random) -> Message:
    """A command or query such as hosts send."""
    sequence = rng.choice([rng.randrange(0, 8), rng.randrange(MAX_SEQUENCE + 1)])
    verb = rng.choice(["SORT", "SORT", "SORT", "HOME", "RESUME", "HELLO", "PING", "STATUS", "STOP"])
    arguments = {"SORT": (str(rng.randrange(12)),), "HELLO": ("1",)}
    return Message(sequence, verb, arguments.get(verb, ()))


def draw_reply(rng: random.Random) -> Message:
    """An answer such as arms give."""
    number, text = rng.choice(list(ERROR_TEXTS.items()))
    words = rng.choice(
        [
            ("OK",),
            ("DONE",),
            ("BUSY",),
            ("PONG",),
            ("STOPPED",),
            ("READY", "sorter-arm", "1"),
            ("STATUS", "MOVING", str(rng.randrange(MAX_SEQUENCE + 1)), "MOVING"),
            ("OBJECT", str(rng.randrange(1, MAX_SEQUENCE + 1))),
            ("ERR", str(number), *text.split()),
        ]
    )
    return Message(rng.randrange(MAX_SEQUENCE + 1), words[0], words[1:])


def _flip_bits(rng: random.Random, line: bytearray) -> None:
    for _ in range(rng.randint(1, 4)):
        line[rng.randrange(len(line))] ^= 1 << rng.randrange(8)


def _change_characters(rng: random.Random, line: bytearray) -> None:
    for _ in range(rng.randint(1, 6)):
        line[rng.randrange(len(line))] = rng.choice(_PRINTABLE)


def _truncate(rng: random.Random, line: bytearray) -> None:
    place = rng.randrange(len(line))
    if rng.random() < 0.5:
        del line[place:]
    else:
        del line[:place]


def _insert(rng: random.Random, line: bytearray) -> None:
    place = rng.randrange(len(line) + 1)
    line[place:place] = rng.randbytes(rng.choice([1, 1, 2, 5, 80]))


def _delete(rng: random.Random, line: bytearray) -> None:
    place = rng.randrange(len(line))
    del line[place : place + rng.randint(1, 3)]


def _swap_case(rng: random.Random, line: bytearray) -> None:
    line[:] = bytes(c ^ 32 if chr(c).isalpha() and rng.random() < 0.5 else c for c in line)


def _repeat(rng: random.Random, line: bytearray) -> None:
    place = rng.randrange(len(line))
    line[place:place] = line[place : place + rng.choice([1, 1, 1, 4])] * rng.choice([1, 2, 40])


def _transpose(rng: random.Random, line: bytearray) -> None:
    a, b = rng.randrange(len(line)), rng.randrange(len(line))
    line[a], line[b] = line[b], line[a]


_DAMAGES: Final[dict[str, Callable[[random.Random, bytearray], None]]] = {
    "bits flipped": _flip_bits,
    "characters changed": _change_characters,
    "truncated": _truncate,
    "bytes inserted": _insert,
    "bytes deleted": _delete,
    "case changed": _swap_case,
    "characters repeated": _repeat,
    "characters swapped": _transpose,
}


def _splice(rng: random.Random, one: bytes, other: bytes) -> bytes:
    """The beginning of one line and the end of another, as when the bytes between were lost."""
    return one[: rng.randrange(len(one) + 1)] + other[rng.randrange(len(other) + 1) :]


def _draw_made_up(rng: random.Random) -> tuple[str, bytes]:
    kind = rng.choice(["random bytes", "random words", "random checksum", "typed by hand"])
    if kind == "random bytes":
        return kind, rng.randbytes(rng.randrange(120))
    if kind == "random words":
        words = rng.choices([b"SORT", b"stop", b"STOP", b"PING", b"1", b"12", b"*", b"*????", b"\t", b"\r", b"x"], k=6)
        return kind, rng.choice([b"", b" "]).join(words)
    body = draw_command(rng).encode().rpartition(b"*")[0]
    if kind == "random checksum":
        return kind, body + b"*%04X" % rng.randrange(65536)
    return kind, rng.choice([body, body.lower()]) + rng.choice([b"", b"*????"])


def samples(count: int, seed: int) -> Iterator[Sample]:
    """Draws samples: some whole, most damaged, some made up."""
    rng = random.Random(seed)
    for _ in range(count):
        draw = draw_command if rng.random() < 0.7 else draw_reply
        message = draw(rng)
        line = message.encode()[:-1]
        lot = rng.random()
        if lot < 0.05:
            yield Sample("whole", (message,), line)
        elif lot < 0.15:
            other = draw(rng)
            yield Sample("spliced", (message, other), _splice(rng, line, other.encode()[:-1]))
        elif lot < 0.4:
            kind, arriving = _draw_made_up(rng)
            yield Sample(kind, (), arriving)
        else:
            kind = rng.choice(list(_DAMAGES))
            damaged = bytearray(line)
            _DAMAGES[kind](rng, damaged)
            yield Sample(kind, (message,), bytes(damaged))
