"""An emulated Arduino Uno that runs the firmware as it is flashed; its serial port is a pseudo-terminal.

QEMU emulates processor, serial port and Timer 1. It has no inputs, no watchdog and no servo pins, but it can record
what is written to the timer's registers, and from that follows every servo pulse.
"""

import os
import re
import select
import shutil
import subprocess
import time
import tty
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from sorter.errors import ArmError, ConfigError

_QEMU: Final = "qemu-system-avr"
_PATIENCE_S: Final = 10.0
_TICKS_PER_US: Final = 2

_WRITE = re.compile(r"avr_timer16_write .*addr:(\d+) value:(\d+)\n")
_TCCR1A: Final = 0
_OCR1: Final = {8: "swivel", 10: "tilt"}
"""Low bytes of the compare registers. The high byte, one further, is always written first."""

_FALLS_AT_MATCH: Final = {"swivel": (0xC0, 0x80), "tilt": (0x30, 0x20)}
"""Mask and value of TCCR1A while a servo's pin is up and falls at the next match."""


@dataclass(frozen=True)
class Pulse:
    """One pulse on a servo's pin.

    Attributes:
        servo: ``swivel`` or ``tilt``.
        width_us: Its length.
    """

    servo: str
    width_us: float


def is_emulator_installed() -> bool:
    """Whether this computer has QEMU for AVR processors."""
    return shutil.which(_QEMU) is not None


class EmulatedUno:
    """An emulated Arduino Uno; runs between ``start`` and ``stop``.

    Args:
        elf: The program, as the linker made it.
        recordings: Folder for what happens to the timer; without one, ``pulses`` cannot be asked for.

    Attributes:
        path: The pseudo-terminal at the other end of its serial port; empty before ``start``.
    """

    def __init__(self, elf: Path, recordings: Path | None = None) -> None:
        self.path = ""
        self._elf = elf
        self._recordings = recordings
        self._power_ups = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._master = self._slave = -1

    def start(self) -> str:
        """Switches it on and waits for its first words; returns the path of its port.

        Raises:
            ConfigError: QEMU is missing.
            ArmError: QEMU does not run this program, or the program says nothing.
        """
        if not is_emulator_installed():
            raise ConfigError(
                f"Emulating an Arduino needs {_QEMU}, which is not installed.",
                "On Debian: sudo apt install qemu-system-misc",
            )
        # Both ends stay open here, so that the port outlives a reset and does not depend on somebody using it.
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.path = os.ttyname(self._slave)
        try:
            self._power_up()
            self._wait_for_banner()
        except BaseException:
            self.stop()
            raise
        return self.path

    def reset(self) -> None:
        """Resets it, as a power failure does. QEMU's own reset leaves this processor running where it is."""
        self._power_down()
        self._power_up()

    def stop(self) -> None:
        """Switches it off and removes its port; stopping twice does nothing."""
        self._power_down()
        for handle in (self._master, self._slave):
            if handle >= 0:
                os.close(handle)
        self._master = self._slave = -1

    def pulses(self) -> list[Pulse]:
        """Every servo pulse so far, in order, as the timer was set to make it."""
        if self._recordings is None:
            return []
        files = (self._recordings / f"{number}.txt" for number in range(1, self._power_ups + 1))
        return [pulse for file in files if file.exists() for pulse in _read_pulses(file.read_text())]

    def __enter__(self) -> Self:
        """Switches it on."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Switches it off."""
        self.stop()

    def _power_up(self) -> None:
        self._power_ups += 1
        command = [_QEMU, "-machine", "uno", "-bios", str(self._elf), "-display", "none", "-monitor", "none"]
        command += ["-add-fd", f"fd={self._master},set=1"]
        command += ["-chardev", "serial,id=port,path=/dev/fdset/1", "-serial", "chardev:port"]
        if self._recordings is not None:
            command += ["-trace", "avr_timer16_write", "-D", str(self._recordings / f"{self._power_ups}.txt")]
        self._process = subprocess.Popen(
            command, pass_fds=[self._master], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE
        )

    def _power_down(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def _wait_for_banner(self) -> None:
        """Waits until there is something to read; whoever opens the port first will read it."""
        assert self._process is not None and self._process.stderr is not None
        deadline_s = time.monotonic() + _PATIENCE_S
        while not select.select([self._slave], [], [], 0.02)[0]:
            if self._process.poll() is not None:
                reason = self._process.stderr.read().decode(errors="replace").strip()
                raise ArmError(f"QEMU does not run {self._elf}: {reason}", "Build it with 'make firmware'.")
            if time.monotonic() > deadline_s:
                raise ArmError(f"{self._elf} says nothing in the emulated Arduino.", "Is it firmware for an arm?")


def _read_pulses(recording: str) -> list[Pulse]:
    """The pulses that follow from what was written to the timer.

    The interrupt at a pulse's beginning makes the pin fall at the next match, then moves the match on by the width.
    """
    pulses = []
    registers = dict.fromkeys(range(256), 0)
    matches = {"swivel": 0, "tilt": 0}
    for write in _WRITE.finditer(recording):
        address, value = int(write[1]), int(write[2])
        registers[address] = value
        if (servo := _OCR1.get(address)) is not None:
            match = registers[address + 1] << 8 | value
            mask, falling = _FALLS_AT_MATCH[servo]
            if registers[_TCCR1A] & mask == falling:
                pulses.append(Pulse(servo, (match - matches[servo]) % 65536 / _TICKS_PER_US))
            matches[servo] = match
    return pulses
