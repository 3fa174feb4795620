"""The firmware built for the tests, once in each test run; skips where a tool is missing."""

import re
import tempfile
from functools import cache
from pathlib import Path

import pytest

from sorter.edge.simulation.firmware import Target, build_firmware, missing_programs
from sorter.edge.simulation.uno import is_emulator_installed

HERE = Path(__file__).parent
GOLDEN = HERE / "golden.h"
GOLDEN_INPUTS = HERE / "golden_inputs.h"
BINS = [(int(swivel), int(tilt)) for swivel, tilt in re.findall(r"BIN\((\d+), (\d+)\)", GOLDEN.read_text())]


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="firmware-")


@cache
def built(target: Target, config: Path | None = None) -> Path:
    """The program for a target."""
    missing = missing_programs(target)
    if missing:
        pytest.skip(f"the firmware cannot be built here: {', '.join(missing)} not installed")
    return build_firmware(target, Path(_folder().name) / (config.stem if config else "default"), config)


def require_emulator() -> None:
    if not is_emulator_installed():
        pytest.skip("qemu-system-avr is not installed")


def sorted_bins(pulses: list[tuple[str, float]]) -> list[int]:
    """The bins that the tray was emptied into, as the servo pulses tell."""
    bins = []
    now = {"swivel": 0.0, "tilt": 0.0}
    for servo, width_us in pulses:
        if servo == "tilt" and now["tilt"] != width_us:
            bins += [n for n, position in enumerate(BINS) if position == (now["swivel"], width_us)]
        now[servo] = width_us
    return bins
