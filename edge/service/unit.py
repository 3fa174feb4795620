"""The unit file with the user's own paths in it. See ``sorter-run.service`` beside this file."""

import importlib.resources
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from sorter.errors import ConfigError

UNIT_NAME = "sorter-run.service"

_HIDDEN = ("/home", "/root", "/run/user")
"""What ``ProtectHome=`` takes away: systemd.exec(5)."""


def render_unit(program: Path, arguments: Sequence[str]) -> str:
    """The unit that starts a program.

    A program or configuration in a home directory stays readable: its folder alone is shown, and nothing else there.

    Args:
        program: ``sorter-run``, as an absolute path.
        arguments: What it is started with. Absolute paths among them are taken for files that it must read.
    """
    template = importlib.resources.files(__package__).joinpath(UNIT_NAME).read_text(encoding="utf-8")
    # Variables are expanded in arguments, and not in the program's path: there "$$" would stay as it is.
    command = " ".join((quote(str(program)).replace("$$", "$"), *map(quote, arguments)))
    lines = []
    for line in template.splitlines():
        if line.startswith("ExecStart="):
            lines.append(f"ExecStart={command}")
        elif line.startswith("ProtectHome="):
            lines += _protect_home(_needed_folders(program, arguments))
        else:
            lines.append(line)
    return "\n".join(lines) + "\n"


def quote(word: str) -> str:
    """One word of a command line, as systemd.service(5) reads it: no specifier, no variable, no separator."""
    word = word.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("%", "%%").replace("$", "$$")
    plain = word and not any(c.isspace() or c in "\"'\\;" for c in word)
    return word if plain else f'"{word}"'


def find_program(name: str = "sorter-run") -> Path:
    """The program beside the Python that runs this: that of the same virtual environment.

    Raises:
        ConfigError: It is not there.
    """
    program = Path(sys.executable).parent / name
    if not program.is_file():
        raise ConfigError(
            f"{program} does not exist.", "Install sorter-toolkit[edge] in this environment, or give --program."
        )
    return program


def _needed_folders(program: Path, arguments: Iterable[str]) -> set[Path]:
    """What the program reads: its environment, the Python behind that, this package, and the files named."""
    package = Path(__file__).resolve().parents[2]
    named = {Path(word).parent for word in arguments if word.startswith("/")}
    return {program.parent.parent, Path(sys.base_prefix), package, *named}


def _protect_home(folders: Iterable[Path]) -> list[str]:
    inside = sorted(folder for folder in folders if str(folder).startswith(tuple(f"{home}/" for home in _HIDDEN)))
    if not inside:
        return ["ProtectHome=yes"]
    # An empty home with these folders in it: works also where the home directory is closed to others (mode 0700).
    return ["ProtectHome=tmpfs", *(f"BindReadOnlyPaths={quote(str(folder))}" for folder in inside)]
