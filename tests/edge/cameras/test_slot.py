"""Closing a device that another thread is busy with."""

import threading

import pytest

from sorter.edge.cameras.slot import DeviceSlot, EmptySlotError


class Device:
    def __init__(self) -> None:
        self.released = 0


def release(device: Device) -> None:
    device.released += 1


def test_filled_used_and_cleared() -> None:
    slot = DeviceSlot(release)
    with pytest.raises(EmptySlotError):
        slot.use(lambda device: device)
    first, second = slot.fill(Device), slot.fill(Device)
    assert first.released == 1 and slot.use(lambda device: device) is second
    slot.clear()
    slot.clear()
    assert second.released == 1 and not slot.filled


def test_a_device_that_does_not_open_leaves_the_slot_empty() -> None:
    slot = DeviceSlot(release)

    def fail() -> Device:
        raise OSError("no")

    with pytest.raises(OSError, match="no"):
        slot.fill(fail)
    assert not slot.filled


@pytest.mark.parametrize("opening", [True, False])
def test_a_busy_device_is_released_by_the_thread_that_uses_it(opening: bool) -> None:
    slot, old = DeviceSlot(release), Device()
    busy, go_on, outcome = threading.Event(), threading.Event(), list[type[BaseException]]()

    def hang(_device: Device | None = None) -> Device:
        busy.set()
        assert go_on.wait(10)
        return old

    def work() -> None:
        try:
            slot.fill(hang) if opening else slot.use(hang)
        except EmptySlotError as error:
            outcome.append(type(error))

    if not opening:
        slot.fill(lambda: old)
    thread = threading.Thread(target=work)
    thread.start()
    assert busy.wait(10)
    slot.clear()
    assert old.released == 0
    new = slot.fill(Device)  # the slot is free at once
    go_on.set()
    thread.join(10)
    assert outcome == [EmptySlotError] and old.released == 1 and new.released == 0
    assert slot.use(lambda device: device) is new
