"""A serial port with its errors translated into sentences."""

import errno
import grp
import termios
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from sorter.cli import warn
from sorter.edge.arms.arm import ArmLostError
from sorter.edge.arms.devices import PortInfo, PortLister, find_port, list_ports, stable_name
from sorter.errors import ArmError, ConfigError

_READ_TIMEOUT_S = 0.02
"""Longest time that one read waits. Bytes that arrive end it at once; this only sets how often deadlines are seen."""

_WRITE_TIMEOUT_S = 2.0
"""Longest time that one write waits for a device that takes no data."""

_RESET_PULSE_S = 0.1
"""How long DTR is taken away to reset a board; its capacitor turns the edge into a pulse of about 1 ms."""

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

    def reset(self) -> bool:
        """Resets the board at the other end, as its reset button does; False where the link has no line for it."""

    def close(self) -> None:
        """Disconnects; closing twice does nothing."""


class SerialLink:
    """A serial device or any pyserial URL (``socket://host:port``, ``rfc2217://host:port``, ``loop://``).

    A USB device is remembered when it is first opened. Opened again after it was pulled out, the same piece of hardware
    is looked for, under whatever name it has now; another device under the old name is left alone.

    Args:
        name: Device path or URL.
        baud: Bits per second.
        lister: Tells what is plugged in.
        on_warning: Called with a sentence when there is a better name for the device.

    Attributes:
        name: What it is called now.
    """

    def __init__(
        self,
        name: str,
        baud: int = 115200,
        lister: PortLister = list_ports,
        on_warning: Callable[[str], None] = warn,
    ) -> None:
        self.name = name
        self._given_name = name
        self._baud = baud
        self._list_ports = lister
        self._on_warning = on_warning
        self._known: PortInfo | None = None
        self._warned = False
        self._wedged = False
        self._serial: Any = None

    def open(self) -> None:
        """Opens the port for this program alone.

        Raises:
            ConfigError: pyserial is not installed, or the URL is of a kind that it does not know.
            ArmError: The port does not exist, may not be used, or is in use.
        """
        serial = _import_serial()
        self.close()
        is_device = "://" not in self._given_name
        if is_device:
            self.name = self._find_device()
        options = {"baudrate": self._baud, "timeout": _READ_TIMEOUT_S, "write_timeout": _WRITE_TIMEOUT_S}
        if is_device:
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
        if is_device:
            self._settle_in()

    def write(self, data: bytes) -> None:
        """Sends bytes at once; waits up to 2 s for a device that takes none.

        Raises:
            ArmLostError: The port is gone, or takes no data.
        """
        try:
            self._open_serial().write(data)
        except (OSError, TypeError) as error:
            self._wedged = True
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

    def reset(self) -> bool:
        """Takes DTR away for a moment, which resets most boards; False where the port has no such line.

        Raises:
            ArmLostError: The port is not open.
        """
        serial = self._open_serial()
        try:
            serial.dtr = False
            time.sleep(_RESET_PULSE_S)
            serial.dtr = True
        except (OSError, AttributeError):
            return False
        return True

    def close(self) -> None:
        """Closes the port."""
        port, self._serial = self._serial, None
        if port is not None:
            if self._wedged:
                # Bytes that the device does not take would keep the system waiting for up to 30 s. Those of a device
                # that does are left alone: the last may be its stop.
                with suppress(OSError, TypeError, AttributeError, termios.error):
                    port.reset_output_buffer()
            # The device may already be gone, which is as closed as it gets.
            with suppress(OSError):
                port.close()

    def _find_device(self) -> str:
        """Where the device is now: under the name given, or elsewhere when it was plugged in anew."""
        if self._known is None:
            return self._given_name
        ports = list(self._list_ports())
        here = find_port(self._given_name, ports)
        if here is not None and here.is_same_device(self._known):
            return self._given_name
        elsewhere = next((port.device for port in ports if port.is_same_device(self._known)), None)
        if elsewhere is None:
            raise ArmError(f"The arm that was at {self._given_name} is not plugged in.", "Check cable and power.")
        return elsewhere

    def _settle_in(self) -> None:
        """What is done once a device is open."""
        self._wedged = False
        # Otherwise the system drops DTR when the port is closed, and the next start of the program resets an Arduino.
        with suppress(OSError, AttributeError, termios.error):
            settings = termios.tcgetattr(self._serial.fd)
            settings[2] &= ~termios.HUPCL
            termios.tcsetattr(self._serial.fd, termios.TCSANOW, settings)
        if self._known is None:
            info = find_port(self.name, self._list_ports())
            self._known = info if info is not None and info.product else None
        if not self._warned and (better := stable_name(self.name)) is not None:
            self._warned = True
            self._on_warning(f"{self.name} may have another number tomorrow; use {better} instead.")

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
