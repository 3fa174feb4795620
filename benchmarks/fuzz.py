"""Damaged lines into both parsers of line protocol 1: crashes, differences, and damage that passes for a command.

``python -m sorter.benchmarks.fuzz --lines 1000000 --json FILE``. The host's parser is ``sorter.edge.arms.protocol``,
the arm's is the firmware's, compiled here with address and undefined-behaviour sanitizers. The whole arms, firmware and
simulation, are compared as well: every line is also given to both of them, and their answers must be the same.
"""

import math
import tempfile
import time
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

import click

from sorter.benchmarks.mutation import Sample, samples
from sorter.cli import SorterCommand
from sorter.edge.arms import protocol
from sorter.edge.arms.protocol import DamagedLineError, LineSplitter, Message
from sorter.edge.simulation.mechanism import Mechanism
from sorter.edge.simulation.trial import FirmwareTrial
from sorter.errors import SorterError

_BATCH = 100
_MOTION_FRAMES = 500
_CHECKSUMS = 65536


class Fuzz:
    """Gives lines to the firmware and to the host's code, and compares.

    Args:
        trial: The firmware, newly started.

    Attributes:
        differences: Where the two disagree, in words; at most 20 are kept, all are counted.
        counts: What became of the lines.
        by_kind: Damaged lines that passed for another command, by the kind of damage.
    """

    def __init__(self, trial: FirmwareTrial) -> None:
        self.differences: list[str] = []
        self.counts: Counter[str] = Counter()
        self.by_kind: Counter[str] = Counter()
        self._trial = trial
        hello = protocol.decode_reply(trial.send(b"1 HELLO 1\n")[0].encode())
        self._mechanism = Mechanism(hello.arguments[1], int(hello.arguments[2]), 0.0, lambda _bin: None)
        self._mechanism.handle(b"1 HELLO 1", 0.0)

    def run(self, batch: list[Sample]) -> None:
        """Tries some samples, then lets both arms end what they are doing."""
        commands = [f"{action} {sample.arriving.hex()}{end}" for sample in batch for action, end in _ACTIONS]
        answers = self._trial.run_all([*commands, f"frames {_MOTION_FRAMES}"])
        for sample in batch:
            self._compare(sample, "parsers", next(answers), [_decoded(line) for line in _split(sample.arriving)])
            self._compare(sample, "arms", _sent(next(answers)), self._obey(sample))
            self._count(sample)
        ended = self._mechanism.finish() if self._mechanism.done_at_s is not None else []
        self._compare(batch[-1], "arms, after motion", _sent(next(answers)), _as_lines(ended))

    def _obey(self, sample: Sample) -> list[str]:
        return _as_lines([answer for line in _split(sample.arriving) for answer in self._mechanism.handle(line, 0.0)])

    def _compare(self, sample: Sample, what: str, firmware: list[str], host: list[str]) -> None:
        if firmware != host:
            self.counts[f"differences of {what}"] += 1
            self.differences = [*self.differences, f"{what}: {sample}: {firmware} != {host}"][:20]

    def _count(self, sample: Sample) -> None:
        for line in _split(sample.arriving):
            self.counts["lines"] += 1
            message = _read(line)
            if sample.kind == "whole":
                self.counts["whole, read as sent" if message in sample.sent else "whole, misread"] += 1
                continue
            self.counts["damaged or made up"] += 1
            could_pass = _has_form(line) and line not in {sent.encode()[:-1] for sent in sample.sent}
            self.counts["with the form of a checked line"] += could_pass
            if message is None:
                self.counts["refused"] += 1
            elif message in sample.sent:
                self.counts["read as sent"] += 1
            elif line.endswith(b"*????"):
                self.counts["read as typed (*????)"] += 1
                self.counts["damage to a sent line that made *????"] += bool(sample.sent)
            elif b"*" not in line:
                self.counts["harmless query without checksum"] += 1
            else:
                self.counts["passed for another command"] += 1
                self.by_kind[sample.kind] += 1


_ACTIONS = (("decode", ""), ("bytes", "0a"))


def _split(data: bytes) -> list[bytes]:
    return LineSplitter().feed(data + b"\n")


def _as_lines(messages: list[Message]) -> list[str]:
    return [message.encode().decode("ascii").rstrip("\n") for message in messages]


def _sent(output: list[str]) -> list[str]:
    return [line for line in output if not line.startswith("pulse ")]


def _read(line: bytes) -> Message | None:
    try:
        return protocol.decode_command(line)
    except DamagedLineError:
        return None


def _decoded(line: bytes) -> str:
    """What the host's parser makes of a line, in the words of ``trial.c``."""
    try:
        reply = protocol.decode_reply(line)
    except DamagedLineError:
        reply = None
    try:
        message = protocol.decode_command(line)
    except DamagedLineError as error:
        return f"error {error.number}{' stop' if protocol.asks_to_stop(line) else ''}" + (
            " reply read" if reply else ""
        )
    # Of what carries its checksum, both directions must read the same.
    suffix = "" if reply in (None, message) else " read otherwise as a reply"
    return " ".join((str(message.sequence), message.word, *message.arguments)) + suffix


def _has_form(line: bytes) -> bool:
    """Whether only the checksum decides about a line: it could be obeyed if its last four characters were right."""
    body, star, digits = line.rpartition(b"*")
    return bool(star) and len(digits) == 4 and _read(body + b"*????") is not None


def _chance_of_as_many(observed: int, expected: float) -> float:
    """How likely at least that many are (Poisson)."""
    fewer = sum(math.exp(-expected) * expected**k / math.factorial(k) for k in range(observed))
    return max(0.0, 1 - fewer)


def measure(program: Path, lines: int, seed: int) -> dict[str, Any]:
    """Runs the comparison.

    Args:
        program: The firmware as ``build_firmware("trial", ...)`` made it.
        lines: Number of samples.
        seed: Of the samples.

    Raises:
        ArmError: The firmware crashed; the sanitizers' report is on stderr.
    """
    started_s = time.monotonic()
    drawn = samples(lines, seed)
    with FirmwareTrial(program) as trial:
        fuzz = Fuzz(trial)
        while batch := list(islice(drawn, _BATCH)):
            fuzz.run(batch)
    expected = fuzz.counts["with the form of a checked line"] / _CHECKSUMS
    passed = fuzz.counts["passed for another command"]
    return {
        "counts": dict(fuzz.counts),
        "differences": fuzz.differences,
        "difference_count": sum(count for name, count in fuzz.counts.items() if name.startswith("differences")),
        "passed_for_another": passed,
        "passed_expected_of_a_16_bit_checksum": round(expected, 2),
        "passed_chance_of_as_many": round(_chance_of_as_many(passed, expected), 4),
        "passed_by_kind": dict(fuzz.by_kind),
        "samples": lines,
        "seed": seed,
        "duration_s": round(time.monotonic() - started_s, 1),
    }


@click.command(cls=SorterCommand)
@click.option("--lines", type=click.IntRange(1), default=1_000_000, help="How many lines.")
@click.option("--seed", type=click.IntRange(0), default=1, help="Equal seeds give equal lines.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Where to store the figures.")
def fuzz(lines: int, seed: int, json_file: Path | None) -> None:
    """Gives random and damaged lines to the host's parser and to the firmware's."""
    from sorter.benchmarks.machine import describe_machine
    from sorter.edge.simulation.firmware import build_firmware
    from sorter.files import write_json

    with tempfile.TemporaryDirectory() as folder:
        figures = measure(build_firmware("trial", Path(folder)), lines, seed)
    for name, value in figures.items():
        click.echo(f"{name}: {value}")
    if json_file:
        write_json(json_file, {"machine": describe_machine(), **figures})
    if figures["difference_count"]:
        raise SorterError(f"The two sides disagree about {figures['difference_count']} lines.", "The first are above.")


if __name__ == "__main__":
    fuzz()
