"""Energy, where a machine tells: Intel's and AMD's RAPL counters, the Raspberry Pi 5's power chip.

All of them speak of the whole processor or board, idle power included.
"""

import re
import subprocess
import time
from pathlib import Path
from typing import Protocol

_POWERCAP = Path("/sys/class/powercap")
_RAIL = re.compile(r"(\w+)_(A|V) (?:current|volt)\(\d+\)=([0-9.]+)[AV]")


class EnergyMeter(Protocol):
    """Something that knows the energy spent so far."""

    source: str

    def read_j(self) -> float:
        """Joules since any fixed moment."""


class Rapl:
    """The packages' counters (https://docs.kernel.org/power/powercap/powercap.html).

    Args:
        domains: Folders ``intel-rapl:0``, ``intel-rapl:1``: one a processor package.
    """

    source = "RAPL, processor packages"

    def __init__(self, domains: list[Path]) -> None:
        self._domains = domains
        self._ranges_uj = [int((d / "max_energy_range_uj").read_text()) for d in domains]
        self._latest_uj = [int((d / "energy_uj").read_text()) for d in domains]
        self._total_uj = 0

    def read_j(self) -> float:
        """Joules since it was made; the counters' overflow is made good."""
        for i, domain in enumerate(self._domains):
            now_uj = int((domain / "energy_uj").read_text())
            self._total_uj += (now_uj - self._latest_uj[i]) % (self._ranges_uj[i] + 1)
            self._latest_uj[i] = now_uj
        return self._total_uj / 1e6


class PiPower:
    """The Raspberry Pi 5's power chip: power now, times the time since the last reading."""

    source = "Raspberry Pi PMIC, all rails"

    def __init__(self) -> None:
        self._total_j, self._latest_w, self._read_s = 0.0, read_pi_power_w() or 0.0, time.monotonic()

    def read_j(self) -> float:
        """Joules since it was made, by the trapezoid rule."""
        power_w, now_s = read_pi_power_w() or 0.0, time.monotonic()
        self._total_j += (power_w + self._latest_w) / 2 * (now_s - self._read_s)
        self._latest_w, self._read_s = power_w, now_s
        return self._total_j


def find_meter(powercap: Path = _POWERCAP) -> EnergyMeter | None:
    """The machine's meter; None where it has none, or none that may be read."""
    try:
        # intel-rapl:0 is a package; intel-rapl:0:0 is a part of it.
        domains = sorted(path for path in powercap.glob("intel-rapl:*") if path.name.count(":") == 1)
        if domains:
            return Rapl(domains)
    except (OSError, ValueError):
        pass
    return PiPower() if read_pi_power_w() is not None else None


def read_pi_power_w() -> float | None:
    """Power of a Raspberry Pi 5 in watts; None on other machines."""
    try:
        said = subprocess.run(["vcgencmd", "pmic_read_adc"], capture_output=True, text=True, timeout=5).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return parse_pmic(said)


def parse_pmic(text: str) -> float | None:
    """Power in watts from the output of ``vcgencmd pmic_read_adc``: lines like ``VDD_CORE_A current(7)=1.2A``.

    Each rail has a current and a voltage; rails with one of them only are left out. None where there is no rail.
    """
    values: dict[str, dict[str, float]] = {}
    for rail, unit, value in _RAIL.findall(text):
        values.setdefault(rail, {})[unit] = float(value)
    powers_w = [rail["A"] * rail["V"] for rail in values.values() if len(rail) == 2]
    return sum(powers_w) if powers_w else None
