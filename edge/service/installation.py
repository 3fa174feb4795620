"""Putting the service's files where the system looks for them, and telling the system."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from sorter.edge.service.udev import RULES_NAME
from sorter.edge.service.unit import UNIT_NAME
from sorter.errors import ConfigError, StorageError
from sorter.files import write_bytes

UNIT_PATH = Path("/etc/systemd/system") / UNIT_NAME
RULES_PATH = Path("/etc/udev/rules.d") / RULES_NAME

ADD_USER = (
    "useradd",
    "--system",
    "--user-group",
    "--home-dir=/var/lib/sorter",
    "--no-create-home",
    "--shell=/usr/sbin/nologin",
    "sorter",
)
RELOAD: Sequence[Sequence[str]] = (
    ("systemctl", "daemon-reload"),
    ("udevadm", "control", "--reload"),
    ("udevadm", "trigger", "--subsystem-match=tty", "--subsystem-match=video4linux", "--action=change"),
)


def require_root(root: Path) -> None:
    """Asks for the rights that writing into the running system takes.

    Raises:
        ConfigError: They are missing.
    """
    if root == Path("/") and os.geteuid() != 0:
        program = Path(sys.executable).parent / "sorter-service"
        raise ConfigError("Installing a service needs root.", f"Run: sudo {program} install, with the same options.")


def write_files(files: Mapping[Path, str], root: Path) -> tuple[Path, ...]:
    """Writes files below a root; each is there whole or not at all.

    Args:
        files: Content by absolute path.
        root: ``/``, or the folder of an image that is being built.

    Raises:
        StorageError: One cannot be written.
    """
    written = []
    for path, content in files.items():
        target = root / path.relative_to("/")
        write_bytes(target, content.encode())
        written.append(target)
    return tuple(written)


def has_user(root: Path, name: str = "sorter") -> bool:
    """Whether the system at a root has the user that the service runs as."""
    try:
        accounts = (root / "etc/passwd").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return any(line.startswith(f"{name}:") for line in accounts.splitlines())


def run(command: Sequence[str]) -> None:
    """Runs a program of the system's.

    Raises:
        StorageError: It is not there, or fails.
    """
    if shutil.which(command[0]) is None:
        raise StorageError(f"{command[0]} is not installed here, so '{' '.join(command)}' was left out.")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise StorageError(f"'{' '.join(command)}' failed: {reason.rstrip('.')}.")
