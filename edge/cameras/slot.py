"""A device that one thread uses while another may end that at any moment."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Device = TypeVar("Device")
Result = TypeVar("Result")


class EmptySlotError(Exception):
    """The device was released, perhaps while this thread used it."""


class DeviceSlot(Generic[Device]):
    """Holds an opened device.

    Drivers do not bear being closed by one thread while another waits in them: OpenCV then reads freed memory. So a
    device in use is only marked, and released by the thread that uses it as soon as that comes back; one that never
    comes back keeps its device, and nobody waits for it. The slot itself is free at once.

    Args:
        release: Closes a device.
    """

    def __init__(self, release: Callable[[Device], None]) -> None:
        self._release = release
        self._lock = threading.Lock()
        self._held: _Held[Device] | None = None

    @property
    def filled(self) -> bool:
        """Whether there is a device."""
        return self._held is not None

    def fill(self, make: Callable[[], Device]) -> Device:
        """Opens a device and holds it in place of any other.

        Raises:
            EmptySlotError: The slot was cleared or filled by another thread meanwhile; the device is closed again.
        """
        self.clear()
        held: _Held[Device] = _Held()
        with self._lock:
            self._held = held
        try:
            held.device = make()
        except BaseException:
            self._drop(held)
            raise
        with self._lock:
            if self._held is held:
                held.busy = False
                return held.device
        self._release(held.device)
        raise EmptySlotError

    def use(self, action: Callable[[Device], Result]) -> Result:
        """Does something with the device; one thread at a time.

        Raises:
            EmptySlotError: There is none, or it was cleared meanwhile.
        """
        with self._lock:
            held = self._held
            if held is None or held.busy or held.device is None:
                raise EmptySlotError
            held.busy = True
        try:
            result = action(held.device)
        finally:
            with self._lock:
                held.busy = False
                cleared = self._held is not held
            if cleared:
                self._release(held.device)
        if cleared:
            raise EmptySlotError
        return result

    def clear(self) -> None:
        """Closes the device, or lets the thread that uses it close it; clearing twice does nothing."""
        with self._lock:
            held, self._held = self._held, None
            if held is None or held.busy or held.device is None:
                return
        self._release(held.device)

    def _drop(self, held: "_Held[Device]") -> None:
        with self._lock:
            if self._held is held:
                self._held = None


class _Held(Generic[Device]):
    """A device and whether a thread is busy with it (opening counts)."""

    def __init__(self) -> None:
        self.device: Device | None = None
        self.busy = True
