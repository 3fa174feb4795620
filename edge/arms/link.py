"""A serial port with its errors translated into sentences."""

import errno
import grp
from pathlib import Path
from typing import Any, Protocol

from sorter.edge.arms.arm import ArmLostError
from sorter.errors import ArmError, ConfigError

_READ_TIMEOUT_S = 0.02
"""Longest time that one read waits. Bytes that arrive end it at once; this only sets how often deadlines are seen."""

_BUSY = (errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK)


class Link(Protocol):
    """A line of bytes to an arm and back."""

    name: str

    def open(self) -> None:
        """Connects; raises ArmError with the reason and a hint."""

    def write(self, data: bytes) -> None:
        """Sends bytes at once; raises ArmLostError."""

    def read(self) -> bytes:
        """Bytes that have arrived, waiting for a moment when there are none; raises ArmLostError."""

    def waiting(self) -> bool:
        """Whether ``read`` would give something at once; raises ArmLostError."""

    def close(self) -> None:
        """Disconnects; closing twice does nothing."""


class SerialLink:
    """A serial device or any pyserial URL (``socket://host:port``, ``rfc2217://host:port``, ``loop://``).

    Args:
        name: Device path or URL.
        baud: Bits per second.
    """

    def __init__(self, name: str, baud: int = 115200) -> None:
        self.name = name
        self._baud = baud
        self._serial: Any = None

    def open(self) -> None:
        """Opens the port for this program alone.

        Raises:
            ConfigError: pyserial is not installed, or the URL is of a kind that it does not know.
            ArmError: The port does not exist, may not be used, or is in use.
        """
        serial = _import_serial()
        self.close()
        options = {"baudrate": self._baud, "timeout": _READ_TIMEOUT_S, "write_timeout": 2.0}
        if "://" not in self.name:
            # A device belongs to one program: two would steal each other's answers.
            options["exclusive"] = True
        try:
            self._serial = serial.serial_for_url(self.name, **options)
        except ValueError as error:
            raise ConfigError(
                f"Port {self.name} is not understood ({error}).",
                "Give a device such as /dev/ttyUSB0, a pyserial URL such as socket://host:port, or sim:.",
            ) from error
        except OSError as error:
            raise _opening_error(self.name, error) from error
        except Exception as error:  # termios.error, socket errors wrapped by pyserial's handlers
            raise ArmError(f"Port {self.name} does not open ({error}).", "Is it a serial port?") from error

    def write(self, data: bytes) -> None:
        """Sends bytes at once.

        Raises:
            ArmLostError: The port is gone.
        """
        try:
            self._open_serial().write(data)
        except (OSError, TypeError) as error:
            raise self._lost() from error

    def read(self) -> bytes:
        """Bytes that have arrived; waits up to 20 ms when there are none.

        Raises:
            ArmLostError: The port is gone.
        """
        serial = self._open_serial()
        try:
            return bytes(serial.read(max(1, serial.in_waiting)))
        except (OSError, TypeError) as error:  # pyserial trips over its own None when closed while it reads
            raise self._lost() from error

    def waiting(self) -> bool:
        """Whether bytes have arrived.

        Raises:
            ArmLostError: The port is gone.
        """
        try:
            return bool(self._open_serial().in_waiting)
        except (OSError, TypeError) as error:
            raise self._lost() from error

    def close(self) -> None:
        """Closes the port."""
        port, self._serial = self._serial, None
        if port is not None:
            try:
                port.close()
            except OSError:
                # The device is already gone, which is as closed as it gets.
                return

    def _open_serial(self) -> Any:
        if self._serial is None:
            raise ArmLostError(f"Port {self.name} is not open.")
        return self._serial

    def _lost(self) -> ArmLostError:
        return ArmLostError(
            f"The arm at {self.name} is gone: its port has disappeared or takes no data.",
            "Check cable and power, then start again.",
        )


def _import_serial() -> Any:
    try:
        import serial
    except ImportError as error:
        raise ConfigError(
            "Talking to an arm needs pyserial, which is not installed.", "Run: pip install 'sorter-toolkit[edge]'"
        ) from error
    return serial


def _opening_error(name: str, error: OSError) -> ArmError:
    number = error.errno
    if number in (errno.ENOENT, errno.ENODEV, errno.ENXIO) or (number is None and "No such file" in str(error)):
        return ArmError(f"Port {name} does not exist.", _ports_hint())
    if number in (errno.EACCES, errno.EPERM):
        return ArmError(f"You may not use port {name}: permission is denied.", _permission_hint(name))
    if number in _BUSY or "exclusively lock" in str(error):
        return ArmError(
            f"Port {name} is in use by another program.", "Close the other program, for example a serial monitor."
        )
    if number == errno.ENOTTY or "Could not configure" in str(error):
        return ArmError(f"{name} is not a serial port.", _ports_hint())
    return ArmError(f"Port {name} does not open ({error}).", "Check the address, the cable and the arm's power.")


def _ports_hint() -> str:
    by_id = Path("/dev/serial/by-id")
    stable = sorted(str(path) for path in by_id.iterdir()) if by_id.is_dir() else []
    found = stable or sorted(str(p) for kind in ("ttyUSB*", "ttyACM*") for p in Path("/dev").glob(kind))
    if found:
        return f"Found on this machine: {', '.join(found)}."
    return "No serial device is plugged in; --port sim: gives a simulated arm."


def _permission_hint(name: str) -> str:
    try:
        group = grp.getgrgid(Path(name).stat().st_gid).gr_name
    except (OSError, KeyError):
        group = "dialout"
    if group == "root":
        group = "dialout"
    return f"Join its group with 'sudo usermod -aG {group} $USER', then log out and in again."
