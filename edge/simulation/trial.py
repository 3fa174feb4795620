"""The firmware on trial: a process that obeys a script in a time of its own (``edge/firmware/trial.c``).

It is compiled with address and undefined-behaviour sanitizers, so whatever they find ends it with a report.
"""

import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from sorter.errors import ArmError


class FirmwareTrial:
    """The firmware in virtual time.

    Args:
        program: As ``build_firmware("trial", ...)`` made it.
    """

    def __init__(self, program: Path) -> None:
        self._process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.banner = self._read_answer()

    def send(self, data: bytes) -> list[str]:
        """Lets bytes arrive from the host; returns what the firmware says and does at once, a line each."""
        return self.run(f"bytes {data.hex()}")

    def pass_frames(self, count: int) -> list[str]:
        """Lets servo frames of 20 ms pass; returns what the firmware says and does in them."""
        return self.run(f"frames {count}")

    def run(self, command: str) -> list[str]:
        """Obeys a command of the script; ``trial.c`` lists them."""
        return next(self.run_all([command]))

    def run_all(self, commands: Iterable[str]) -> Iterator[list[str]]:
        """Obeys commands, all sent at once: some hundred at a time fit into the pipes.

        Raises:
            ArmError: The firmware crashed. The sanitizers' report is on stderr.
        """
        count = 0
        script = []
        for command in commands:
            script.append(command.encode() + b"\n")
            count += 1
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(b"".join(script))
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise self._crashed() from error
        for _ in range(count):
            yield self._read_answer()

    def close(self) -> None:
        """Ends the process.

        Raises:
            ArmError: It had crashed.
        """
        self._process.communicate()
        if self._process.returncode:
            raise self._crashed()

    def __enter__(self) -> Self:
        """Nothing to do: the process runs."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends the process."""
        self.close()

    def _read_answer(self) -> list[str]:
        assert self._process.stdout is not None
        lines: list[str] = []
        for line in self._process.stdout:
            text = line.decode("latin-1").rstrip("\n")
            if text == ".":
                return lines
            lines.append(text)
        raise self._crashed()

    def _crashed(self) -> ArmError:
        return ArmError(f"The firmware crashed with exit code {self._process.wait()}.", "Its report is on stderr.")
