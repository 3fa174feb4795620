"""Simulated arms on a real pseudo-terminal: programs open it like any serial device."""

import os
import select
import threading
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from sorter.edge.arms.link import SerialLink
from sorter.edge.simulation.address import SCHEME
from sorter.edge.simulation.arm import SimulatedArm, SimulatedArmOptions
from sorter.edge.simulation.device import SimulatedDevice
from sorter.errors import ArmError, ConfigError
from sorter.files import translated_storage_errors


class PtyArm:
    """Serves a simulated arm on a pseudo-terminal, in a thread of its own.

    Args:
        arm: The arm; while it is served, only this object may touch it.

    Attributes:
        path: The terminal's device, for example ``/dev/pts/3``; empty before ``start`` and while it is unplugged.
        on_path: Called from the thread with the new path when the terminal vanishes or comes back.
    """

    def __init__(self, arm: SimulatedDevice) -> None:
        self.path = ""
        self.on_path: Callable[[str], None] = lambda _path: None
        self._arm = arm
        self._unplug_s = 0.0
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._master = self._slave = self._wake_in = self._wake_out = -1

    def start(self) -> str:
        """Makes the terminal and serves it; returns its path.

        Raises:
            ArmError: The system gives no pseudo-terminal.
        """
        self._plug_in()
        self._wake_out, self._wake_in = os.pipe()
        self._thread = threading.Thread(target=self._serve, name="simulated-arm", daemon=True)
        self._thread.start()
        return self.path

    def stop(self) -> None:
        """Ends the service and removes the terminal, as pulling the plug does; stopping twice does nothing."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        os.write(self._wake_in, b"q")
        thread.join()
        self._plug_out()
        for handle in (self._wake_in, self._wake_out):
            os.close(handle)

    def reset(self) -> None:
        """Resets the arm as a power failure would."""
        self._do(lambda: self._arm.reset(time.monotonic()))

    def jam(self) -> None:
        """Makes the next motion jam."""
        self._do(self._arm.jam)

    def announce(self) -> None:
        """Lays an object in front of the arm's sensor."""
        self._do(lambda: self._arm.announce(time.monotonic()))

    def press_stop(self) -> None:
        """Presses the arm's own stop button."""
        self._do(lambda: self._arm.press_stop(time.monotonic()))

    def unplug(self, for_s: float) -> None:
        """Removes the terminal for a while, as pulling the cable does; the arm has its own power and goes on."""

        def note() -> None:
            self._unplug_s = for_s

        self._do(note)

    def __enter__(self) -> Self:
        """Starts the service."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends the service."""
        self.stop()

    def _do(self, action: Callable[[], None]) -> None:
        with self._lock:
            action()
        if self._thread is not None:
            os.write(self._wake_in, b"w")

    def _plug_in(self) -> None:
        try:
            self._master, self._slave = os.openpty()
        except OSError as error:
            raise ArmError(f"No pseudo-terminal for the simulated arm ({error.strerror}).") from error
        # Our own end of the slave stays open: without it the master reads errors whenever no client is connected.
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)

    def _plug_out(self) -> None:
        for handle in (self._master, self._slave):
            if handle >= 0:
                os.close(handle)
        self._master = self._slave = -1
        self.path = ""

    def _stay_unplugged(self) -> bool:
        """Lets the arm go on with nobody at the other end; False when the service ends meanwhile."""
        end_s, self._unplug_s = time.monotonic() + self._unplug_s, 0.0
        self._plug_out()
        self.on_path("")
        while (now_s := time.monotonic()) < end_s:
            with self._lock:
                self._arm.poll(now_s)
                due_s = self._arm.next_due_s()
            wait_s = min(end_s, due_s or end_s) - time.monotonic()
            ready, _, _ = select.select([self._wake_out], [], [], max(0.0, wait_s))
            if ready and b"q" in os.read(self._wake_out, 64):
                return False
        self._plug_in()
        self.on_path(self.path)
        return True

    def _serve(self) -> None:
        while True:
            if self._unplug_s and not self._stay_unplugged():
                return
            with self._lock:
                due_s = self._arm.next_due_s()
            wait_s = None if due_s is None else max(0.0, due_s - time.monotonic())
            ready, _, _ = select.select([self._master, self._wake_out], [], [], wait_s)
            if self._wake_out in ready and b"q" in os.read(self._wake_out, 64):
                return
            data = self._read() if self._master in ready else b""
            with self._lock:
                if data:
                    self._arm.receive(data, time.monotonic())
                output = self._arm.poll(time.monotonic())
            self._answer(output)

    def _read(self) -> bytes:
        try:
            return os.read(self._master, 4096)
        except BlockingIOError:
            # The program at the other end has thrown away what it had sent, between the call of select and this one.
            return b""

    def _answer(self, output: bytes) -> None:
        try:
            while output:
                output = output[os.write(self._master, output) :]
        except BlockingIOError:
            # Nobody reads: a real device's bytes would be lost in the same way.
            return


@contextmanager
def symbolic_link(link: Path, target: str) -> Iterator[Callable[[str], None]]:
    """Keeps a symbolic link to a terminal while the block runs, so that it has a name that never changes.

    Gives a function that points it elsewhere; an empty path removes it.

    Raises:
        ConfigError: There is a file or folder of that name.
        StorageError: The link cannot be made.
    """
    if link.exists() and not link.is_symlink():
        raise ConfigError(f"{link} exists and is not a link.", "Choose another name for --link.")

    def point(path: str) -> None:
        nonlocal target
        link.unlink(missing_ok=True)
        target = path
        if path:
            link.symlink_to(path)

    with translated_storage_errors(link):
        point(target)
    try:
        yield point
    finally:
        # Another simulated arm may have taken the name over meanwhile.
        if link.is_symlink() and str(link.readlink()) == target:
            link.unlink()


class PtyLink:
    """A link whose far end comes into being when it is opened.

    The bytes go through a real pseudo-terminal and pyserial, as to any device.

    Args:
        device: The arm at the far end. It keeps its memory when the link is closed and opened again.

    Attributes:
        name: ``sim:``, and the terminal's path once it is open.
        device: The arm at the far end.
        port: The terminal while the link is open.
    """

    def __init__(self, device: SimulatedDevice) -> None:
        self.name = SCHEME
        self.device = device
        self.port: PtyArm | None = None
        self._link = SerialLink(SCHEME)

    def open(self) -> None:
        """Switches the simulated arm on and opens its port (see ``SerialLink.open``)."""
        self.close()
        self.port = PtyArm(self.device)
        self.name = self.port.start()
        self._link = SerialLink(self.name)
        self._link.open()

    def write(self, data: bytes) -> None:
        """Sends bytes at once; raises ArmLostError."""
        self._link.write(data)

    def read(self) -> bytes:
        """Bytes that have arrived (see ``SerialLink.read``); raises ArmLostError."""
        return self._link.read()

    def waiting(self) -> bool:
        """Whether bytes have arrived; raises ArmLostError."""
        return self._link.waiting()

    def reset(self) -> bool:
        """Resets the simulated arm, as DTR does with a board."""
        if self.port is not None:
            self.port.reset()
        return self.port is not None

    def close(self) -> None:
        """Closes the port and removes it."""
        self._link.close()
        if self.port is not None:
            self.port.stop()
            self.port = None


class SimulatedLink(PtyLink):
    """A link to a simulated arm that speaks line protocol 1.

    Args:
        options: How the arm behaves.
        on_sorted: Called with the bin when a SORT is completed, from the simulated arm's thread.

    Attributes:
        simulated_arm: The arm at the far end.
    """

    def __init__(
        self, options: SimulatedArmOptions | None = None, on_sorted: Callable[[int], None] = lambda _bin: None
    ) -> None:
        self.simulated_arm = SimulatedArm(options, on_sorted)
        super().__init__(self.simulated_arm)
