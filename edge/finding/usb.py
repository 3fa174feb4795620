"""What Linux knows of a plugged-in device: its USB identity, its lasting names, and who is using it."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

BOARDS: dict[tuple[str, str], str] = {
    ("2341", "0001"): "Arduino Uno",
    ("2341", "0043"): "Arduino Uno",
    ("2a03", "0043"): "Arduino Uno",
    ("2341", "0010"): "Arduino Mega 2560",
    ("2341", "0042"): "Arduino Mega 2560",
    ("2341", "0069"): "Arduino Uno R4",
    ("2341", "8036"): "Arduino Leonardo",
    ("2341", "8037"): "Arduino Micro",
    ("1a86", "7523"): "board with CH340",
    ("1a86", "55d3"): "board with CH343",
    ("1a86", "55d4"): "board with CH9102",
    ("10c4", "ea60"): "board with CP2102",
    ("0403", "6001"): "board with FT232R",
    ("0403", "6015"): "board with FT231X",
    ("2e8a", "0005"): "Raspberry Pi Pico",
    ("2e8a", "000a"): "Raspberry Pi Pico",
    ("16c0", "0483"): "Teensy",
}
"""Boards that arms are built with, by USB vendor and product: the Linux USB ID repository (linux-usb.org)."""


@dataclass(frozen=True)
class UsbIdentity:
    """What a USB device says about itself.

    Attributes:
        vendor: Four hexadecimal digits.
        product: Four hexadecimal digits.
        serial: Its serial number; empty where it has none, as with most cheap adapters.
        position: Where it is plugged in, as the kernel counts: bus, hyphen, ports (``1-1.2``).
        name: Maker and product.
    """

    vendor: str
    product: str
    serial: str
    position: str
    name: str

    @property
    def board(self) -> str:
        """What kind of board it is; empty when unknown."""
        return BOARDS.get((self.vendor, self.product), "")


def usb_identity(device: str, subsystem: str, root: Path = Path("/")) -> UsbIdentity | None:
    """Reads the USB device behind a device file; None where there is none.

    Args:
        device: For example ``/dev/ttyUSB0``, or a symbolic link to it.
        subsystem: ``tty`` or ``video4linux``.
        root: Where ``/sys`` and ``/dev`` are found; another folder for recorded trees.
    """
    node = (root / "sys/class" / subsystem / resolve(device, root).name / "device").resolve()
    for folder in (node, *node.parents):
        if (folder / "idVendor").exists():
            words = (read_text(folder / "manufacturer"), read_text(folder / "product"))
            return UsbIdentity(
                read_text(folder / "idVendor"),
                read_text(folder / "idProduct"),
                read_text(folder / "serial"),
                folder.name,
                " ".join(word for word in words if word),
            )
    return None


def lasting_names(device: str, folders: Iterable[str], root: Path = Path("/")) -> tuple[str, ...]:
    """The symbolic links to a device that stay the same over restarts, best first.

    Args:
        device: A device file.
        folders: Where udev puts them, best first, for example ``/dev/serial/by-id``.
        root: Where ``/dev`` is found.
    """
    target = resolve(device, root)
    found = []
    for folder in folders:
        links = sorted((root / folder.lstrip("/")).glob("*"))
        found += [f"{folder}/{link.name}" for link in links if link.resolve() == target]
    return tuple(found)


def users_of(device: str, root: Path = Path("/")) -> tuple[str, ...]:
    """The programs that have a device open, as ``name (process number)``.

    Processes of other people are seen by root alone.
    """
    target = str(resolve(device, root))
    users = []
    for process in sorted((root / "proc").glob("[0-9]*"), key=lambda path: int(path.name)):
        try:
            if any(str(handle.readlink()) == target for handle in (process / "fd").iterdir()):
                users.append(f"{read_text(process / 'comm')} ({process.name})")
        except OSError:  # it has ended, or is somebody else's
            continue
    return tuple(users)


def resolve(device: str, root: Path = Path("/")) -> Path:
    """The device file that a name leads to."""
    return (root / device.lstrip("/")).resolve()


def read_text(path: Path) -> str:
    """The content of a small file of the kernel's; empty where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
