"""The reference firmware (``edge/firmware``), built for this computer or for the emulated Arduino."""

import shutil
import subprocess
from pathlib import Path
from typing import Final, Literal

from sorter.errors import ConfigError

FOLDER: Final = Path(__file__).resolve().parent.parent / "firmware"
"""Where its sources are, in the repository as well as in an installed package."""

Target = Literal["uno", "host", "trial"]

_FILES: Final = {"uno": "uno.elf", "host": "host", "trial": "trial"}
_PROGRAMS: Final = {"uno": ("make", "avr-gcc", "avr-objcopy"), "host": ("make", "cc"), "trial": ("make", "cc")}
_PACKAGES: Final = {"make": "make", "avr-gcc": "gcc-avr avr-libc", "avr-objcopy": "binutils-avr", "cc": "gcc libc6-dev"}


def missing_programs(target: Target) -> list[str]:
    """The programs that building for a target needs and this computer lacks."""
    return [program for program in _PROGRAMS[target] if shutil.which(program) is None]


def build_firmware(target: Target, out: Path, config: Path | None = None) -> Path:
    """Builds the firmware, as ``make`` in its folder does.

    Args:
        target: ``uno`` for the Arduino (an ELF file), ``host`` for a program on a pseudo-terminal, ``trial`` for one
            that obeys a script.
        out: Folder for what is built; not inside the package, which may be read-only.
        config: A ``config.h`` of one's own.

    Returns:
        The file that was built.

    Raises:
        ConfigError: A program is missing, or the sources do not compile, for instance because of ``config``.
    """
    missing = missing_programs(target)
    if missing:
        raise ConfigError(
            f"Building the firmware needs {' and '.join(missing)}, which is not installed.",
            f"On Debian: sudo apt install {' '.join(_PACKAGES[program] for program in missing)}",
        )
    command = ["make", "--silent", "-C", str(FOLDER), f"BUILD={out.resolve()}", target]
    if config is not None:
        command.append(f"CONFIG={config.resolve()}")
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        reason = next((line for line in done.stderr.splitlines() if "error:" in line), done.stderr.strip()[-300:])
        raise ConfigError(f"The firmware does not compile: {reason}", "Compare your config.h with the one delivered.")
    return out.resolve() / _FILES[target]
