"""The Enter key, asked for between two frames."""

import os
import select
import sys

from sorter.errors import ConfigError


class EnterKey:
    """Lines typed at a terminal. It needs no thread, which would hang in its read when the program ends."""

    def open(self) -> None:
        """Checks that a person can type.

        Raises:
            ConfigError: Standard input is no terminal.
        """
        if not sys.stdin.isatty():
            raise ConfigError(
                "The Enter key needs a terminal, and standard input is none.",
                "Run it in a terminal, or use --every SECONDS or --trigger motion.",
            )

    def pressed(self) -> bool:
        """Whether Enter was pressed since the last call; ``q`` and Enter, or Ctrl-D, end it.

        Raises:
            KeyboardInterrupt: The person wants to end.
        """
        typed = b""
        handle = sys.stdin.fileno()
        while select.select([handle], [], [], 0)[0]:
            part = os.read(handle, 1024)
            if not part:
                raise KeyboardInterrupt
            typed += part
        if typed.strip().lower() == b"q":
            raise KeyboardInterrupt
        return b"\n" in typed
