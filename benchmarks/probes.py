"""What the edge benchmark holds beside the runtime, and into it: bare network, bare disk, stamped line."""

import os
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sorter.bundle import Bundle
from sorter.edge.arms.link import SerialLink
from sorter.errors import ConfigError
from sorter.image import InputSpec, Pixels, prepare
from sorter.interpreter import Interpreter, load_interpreter

_SORT = re.compile(rb"(\d+) SORT")

_ROW_BYTES = 2 * (4096 + 24)
"""What SQLite appends to its log for a row and its index: two pages with their heads."""


@dataclass
class BareNetwork:
    """The bare interpreter, on pictures that are already prepared.

    Attributes:
        bundle: The network.
        times_s: How long each ``invoke`` took.
    """

    bundle: Bundle
    times_s: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._interpreter = load_interpreter(self.bundle.flatbuffer)
        detail = self._interpreter.get_input_details()[0]
        if detail["dtype"] != np.uint8:
            raise ConfigError(
                f"{self.bundle.path.name} does not take bytes.",
                "Choose a network that sorter-convert made with --int8.",
            )
        self._view = self._interpreter.tensor(detail["index"])
        _, height, width, _ = (int(n) for n in detail["shape"])
        self._spec = self.bundle.input or InputSpec(width, height)

    def invoke(self, picture: Pixels) -> None:
        """Runs it once."""
        prepare(picture, self._spec, out=self._view()[0])
        started_s = time.monotonic()
        self._interpreter.invoke()
        self.times_s.append(time.monotonic() - started_s)


class TimedInterpreter:
    """An interpreter that notes how long each ``invoke`` took.

    Args:
        interpreter: The one that works.
        times_s: Grows by each time.

    Attributes:
        latest_s: The latest time.
    """

    def __init__(self, interpreter: Interpreter, times_s: list[float] | None = None) -> None:
        self._interpreter = interpreter
        self._times_s = [] if times_s is None else times_s
        self.latest_s = 0.0

    def invoke(self) -> None:
        """Runs the network once."""
        started_s = time.monotonic()
        self._interpreter.invoke()
        self.latest_s = time.monotonic() - started_s
        self._times_s.append(self.latest_s)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._interpreter, name)


class BareDisk:
    """A bare write that is on the disk when it returns.

    Attributes:
        times_s: How long each write took.
    """

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT)
        self.times_s: list[float] = []

    def write(self) -> None:
        """Writes as much as a row takes."""
        started_s = time.monotonic()
        os.write(self._handle, bytes(_ROW_BYTES))
        os.fdatasync(self._handle)
        self.times_s.append(time.monotonic() - started_s)

    def close(self) -> None:
        """Closes the file."""
        os.close(self._handle)


class StampedLink(SerialLink):
    """A port that notes when the system had taken each SORT.

    Attributes:
        stamps_s: Time by sequence number, on the clock of ``time.monotonic``.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.stamps_s: dict[int, float] = {}

    def write(self, data: bytes) -> None:
        """Sends bytes at once."""
        super().write(data)
        if found := _SORT.search(data):
            self.stamps_s.setdefault(int(found[1]), time.monotonic())
