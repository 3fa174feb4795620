"""The machine's state while something is measured on it: what makes figures worse, or worthless.

Read from Linux's own files; what a machine does not tell is left out.
"""

import os
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_CPU = Path("/sys/devices/system/cpu")
_THERMAL = Path("/sys/class/thermal")

BUSY_CORES = 0.1
"""Other programs that take more of the machine than this, in cores, make it busy."""

WAITED_SHARE = 0.02
"""So does a measured thread that was ready to run and had no core for more than this share of the time."""

_STILL_THROTTLED, _WAS_THROTTLED = 0x0000F, 0xF0000
"""Bits of the Raspberry Pi's ``get_throttled``: under-voltage, capped frequency, throttled, soft temperature limit;
now, and since the start (https://www.raspberrypi.com/documentation/computers/os.html#get_throttled)."""


@dataclass(frozen=True)
class CpuClock:
    """Seconds since the start, of all cores together.

    Attributes:
        busy_s: Spent on programs and the kernel.
        steal_s: Wanted, but given to other virtual machines by the host.
    """

    busy_s: float
    steal_s: float


def read_cpu_clock() -> CpuClock | None:
    """From ``/proc/stat`` (proc(5)); None where there is none."""
    try:
        fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:9]
    except (OSError, IndexError):
        return None
    user, nice, system, _idle, _iowait, irq, softirq, steal = (
        int(ticks) / os.sysconf("SC_CLK_TCK") for ticks in fields
    )
    return CpuClock(user + nice + system + irq + softirq, steal)


def read_state() -> dict[str, Any]:
    """Load, governor, frequencies, temperature and throttling, as far as the machine tells."""
    governors = {_text(path) for path in _CPU.glob("cpu[0-9]*/cpufreq/scaling_governor")} - {""}
    frequencies = [_number(path) for path in _CPU.glob("cpu[0-9]*/cpufreq/scaling_cur_freq")]
    temperatures = [_number(path) for path in _THERMAL.glob("thermal_zone*/temp")]
    told_mhz = [khz / 1000 for khz in frequencies if khz is not None]
    told_c = [milli / 1000 for milli in temperatures if milli is not None]
    throttled = _read_throttled()
    return {
        "load": os.getloadavg()[0],
        "governor": ", ".join(sorted(governors)) or None,
        "frequency_mhz": sum(told_mhz) / len(told_mhz) if told_mhz else None,
        "temperature_c": max(told_c) if told_c else None,
        "throttled": throttled,
    }


def judge(
    before: Mapping[str, Any], after: Mapping[str, Any], others_cores: float | None, steal_cores: float | None,
    waited: float | None,
) -> list[str]:  # fmt: skip
    """What speaks against the figures, each as one sentence.

    Args:
        before: ``read_state`` before the measurement.
        after: And after it.
        others_cores: CPU time of other programs per wall time.
        steal_cores: CPU time that the host gave to other virtual machines, per wall time.
        waited: Share of the time that measured threads were ready and had no core.
    """
    found = []
    if others_cores is not None and others_cores > BUSY_CORES:
        found.append(f"The machine was busy: other programs took {others_cores:.2f} cores.")
    if steal_cores is not None and steal_cores > BUSY_CORES:
        found.append(f"The host gave {steal_cores:.2f} cores' time to other virtual machines.")
    if waited is not None and waited > WAITED_SHARE:
        found.append(f"The measured networks waited for a core for {waited:.1%} of the time.")
    governor = after.get("governor")
    if governor and governor != "performance":
        found.append(f"The CPU governor is {governor}; frequencies change with the load. Set it to performance.")
    bits = after.get("throttled")
    if bits is not None and bits & (_STILL_THROTTLED | _WAS_THROTTLED):
        when = "is" if bits & _STILL_THROTTLED else "has been since it started"
        found.append(f"The board {when} throttled or short of voltage (get_throttled {bits:#x}).")
    mhz = [state.get("frequency_mhz") for state in (before, after)]
    if mhz[0] and mhz[1] and mhz[1] < 0.9 * mhz[0]:
        found.append(f"The clock fell from {mhz[0]:.0f} to {mhz[1]:.0f} MHz.")
    return found


def _read_throttled() -> int | None:
    for path in Path("/sys/devices/platform").glob("soc*/soc*:firmware/get_throttled"):
        with suppress(ValueError):
            return int(_text(path), 16)
    try:
        said = subprocess.run(["vcgencmd", "get_throttled"], capture_output=True, text=True, timeout=5).stdout
        return int(said.strip().partition("=")[2], 16)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _number(path: Path) -> float | None:
    try:
        return float(path.read_text())
    except (OSError, ValueError):
        return None


class Watch:
    """The state before, during and after a measurement.

    Args:
        own_cpu_s: CPU time that this program and its workers have had so far.
    """

    def __init__(self, own_cpu_s: float, now_s: float) -> None:
        self._before, self._clock = read_state(), read_cpu_clock()
        self._own_cpu_s, self._started_s = own_cpu_s, now_s
        self._samples = [self._before]

    def sample(self) -> None:
        """Notes the state in between."""
        self._samples.append(read_state())

    def finish(self, own_cpu_s: float, now_s: float, waited: float | None) -> dict[str, Any]:
        """The conditions for the report."""
        after, clock = read_state(), read_cpu_clock()
        seconds = max(now_s - self._started_s, 1e-9)
        others = steal = None
        if clock and self._clock:
            own_s = own_cpu_s - self._own_cpu_s
            others = max(0.0, (clock.busy_s - self._clock.busy_s - own_s) / seconds)
            steal = (clock.steal_s - self._clock.steal_s) / seconds
        during = {
            "seconds": seconds,
            "others_cores": others,
            "steal_cores": steal,
            "waited": waited,
            "temperature_c_max": _largest(self._samples, "temperature_c"),
            "frequency_mhz_min": _smallest(self._samples, "frequency_mhz"),
        }
        warnings = judge(self._before, after, others, steal, waited)
        return {"before": self._before, "during": during, "after": after, "warnings": warnings}


def _largest(states: list[dict[str, Any]], key: str) -> float | None:
    return max((state[key] for state in states if state[key] is not None), default=None)


def _smallest(states: list[dict[str, Any]], key: str) -> float | None:
    return min((state[key] for state in states if state[key] is not None), default=None)
