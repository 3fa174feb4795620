"""Serial devices that are plugged in, and how one is known again after it was pulled out."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

BY_ID = Path("/dev/serial/by-id")
"""Where udev keeps names that do not change when devices are plugged in in another order."""

_NUMBERED = ("/dev/ttyUSB", "/dev/ttyACM")


@dataclass(frozen=True)
class PortInfo:
    """A serial device.

    Attributes:
        device: Its path now, for example ``/dev/ttyUSB0``.
        product: Vendor and product, for example ``2341:0043``; empty for one that is not on USB.
        serial_number: As burnt into the device; many cheap ones have none.
        location: The socket that it sits in, for example ``1-1.4``.
        description: For people.
    """

    device: str
    product: str = ""
    serial_number: str = ""
    location: str = ""
    description: str = ""

    def is_same_device(self, other: "PortInfo") -> bool:
        """Whether both are the same piece of hardware: by serial number, or else by kind and socket."""
        if not self.product or self.product != other.product:
            return False
        if self.serial_number or other.serial_number:
            return self.serial_number == other.serial_number
        return bool(self.location) and self.location == other.location


PortLister = Callable[[], Iterable[PortInfo]]


def list_ports() -> list[PortInfo]:
    """The serial devices that are plugged in now."""
    from serial.tools import list_ports as system

    return [
        PortInfo(
            port.device,
            f"{port.vid:04x}:{port.pid:04x}" if port.vid is not None and port.pid is not None else "",
            port.serial_number or "",
            port.location or "",
            port.description or "",
        )
        for port in system.comports()
    ]


def find_port(name: str, ports: Iterable[PortInfo]) -> PortInfo | None:
    """What is known of a device, whatever links lead to it; None when nothing."""
    target = Path(name).resolve()
    return next((port for port in ports if Path(port.device).resolve() == target), None)


def stable_name(name: str, folder: Path = BY_ID) -> str | None:
    """The name of a device that does not change, where ``name`` is one that does and there is a better one."""
    if not name.startswith(_NUMBERED) or not folder.is_dir():
        return None
    target = Path(name).resolve()
    return next((str(path) for path in sorted(folder.iterdir()) if path.resolve() == target), None)
