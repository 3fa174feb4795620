"""What is wrong with the computer itself: supply voltage, heat, disk. Reads small files; silent without them."""

import os
from dataclasses import dataclass
from pathlib import Path

_THROTTLED = "sys/devices/platform/soc/soc:firmware/get_throttled"
"""Raspberry Pi's kernel: the same bits as ``vcgencmd get_throttled``, in hexadecimal, without starting a program."""

# Bits of get_throttled: Raspberry Pi documentation, "vcgencmd".
_UNDER_VOLTAGE = 1 << 0
_CAPPED = 1 << 1
_THROTTLED_NOW = 1 << 2
_SOFT_LIMIT = 1 << 3
_UNDER_VOLTAGE_SINCE_BOOT = 1 << 16

_CPU_ZONES = ("cpu", "soc", "x86_pkg")


@dataclass(frozen=True)
class BoardLimits:
    """From where on a person should know.

    Attributes:
        cpu_celsius: A Raspberry Pi slows down between 80 and 85 degrees (its documentation, "Frequency management and
            thermal control").
        free_bytes: Free space on the journal's disk.
    """

    cpu_celsius: float = 80.0
    free_bytes: int = 200_000_000


class Board:
    """The computer that the sorter runs on. Used by one thread.

    Args:
        folder: A folder on the disk that fills: the journal's.
        limits: When to warn.
        root: Where ``/sys`` is found; another folder for recorded trees.
        interval_s: The files are read at most this often.
    """

    def __init__(
        self, folder: Path, limits: BoardLimits | None = None, root: Path = Path("/"), interval_s: float = 10.0
    ) -> None:
        self._folder, self._limits, self._root = folder, limits or BoardLimits(), root
        self._interval_s = interval_s
        self._read_at_s = float("-inf")
        self._warnings: tuple[str, ...] = ()

    def warnings(self, now_s: float) -> tuple[str, ...]:
        """What a person should know, one sentence each; cheap to call at every turn of the loop.

        Args:
            now_s: On the clock of ``time.monotonic``.
        """
        if now_s >= self._read_at_s + self._interval_s:
            self._read_at_s = now_s
            self._warnings = self.read()
        return self._warnings

    def read(self) -> tuple[str, ...]:
        """Reads everything now."""
        bits = _hexadecimal(self._root / _THROTTLED)
        found = (self._voltage(bits), self._heat(bits), self._disk())
        return tuple(sentence for sentence in found if sentence)

    def _voltage(self, bits: int) -> str:
        if bits & _UNDER_VOLTAGE or self._alarm():
            return "The supply voltage is too low: use the board's own power supply and a short cable."
        if bits & _UNDER_VOLTAGE_SINCE_BOOT:
            return "The supply voltage was too low at some moment since the board was switched on."
        return ""

    def _alarm(self) -> bool:
        """The alarm of ``raspberrypi-hwmon``, which every kernel for the Pi has: low voltage in the last seconds."""
        for monitor in (self._root / "sys/class/hwmon").glob("hwmon*"):
            if _text(monitor / "name") == "rpi_volt":
                return _text(monitor / "in0_lcrit_alarm") == "1"
        return False

    def _heat(self, bits: int) -> str:
        celsius = self._cpu_celsius()
        degrees = f" ({celsius:.0f} °C)" if celsius else ""
        if bits & (_THROTTLED_NOW | _SOFT_LIMIT) and not bits & _UNDER_VOLTAGE:
            return f"The processor is slowed down because it is too hot{degrees}."
        if celsius >= self._limits.cpu_celsius:
            return f"The processor is hot{degrees} and will be slowed down."
        if bits & _CAPPED and not bits & _UNDER_VOLTAGE:
            return "The processor is slowed down by its firmware."
        return ""

    def _cpu_celsius(self) -> float:
        zones = (self._root / "sys/class/thermal").glob("thermal_zone*")
        readings = (_text(zone / "temp") for zone in zones if _text(zone / "type").startswith(_CPU_ZONES))
        # Tells thousandths of a degree: Documentation/driver-api/thermal/sysfs-api.rst.
        return max((int(text) / 1000 for text in readings if text.isdecimal()), default=0.0)

    def _disk(self) -> str:
        try:
            disk = os.statvfs(self._folder)
        except OSError:
            return ""
        free_bytes = disk.f_bavail * disk.f_frsize
        if free_bytes < self._limits.free_bytes:
            return f"Only {free_bytes / 1e6:.0f} MB are free on the disk of {self._folder}."
        if disk.f_files and not disk.f_favail:
            return f"The disk of {self._folder} can take no more files."
        return ""


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):  # not there, gone since, or a sensor that cannot be read just now
        return ""


def _hexadecimal(path: Path) -> int:
    try:
        return int(_text(path) or "0", 16)
    except ValueError:
        return 0
