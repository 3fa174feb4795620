"""What leads to a restart and what does not: fed by hand, the clock wound by hand, the datagrams received for real."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sorter.edge.cameras.health import CameraHealth, CameraState
from sorter.edge.monitor import ArmHealth, Status
from sorter.edge.service.notify import Notifier
from sorter.edge.service.watchdog import AbsentDevices, Watchdog, WatchdogOptions, device_files, restart_may_help
from tests.edge.service.manager import Manager

SILENT = ("The camera gives no pictures.",)
OPTIONS = WatchdogOptions(patience_s=60, retry_s=900)


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    with Manager(str(tmp_path / "notify")) as listening:
        yield listening


def make_watchdog(manager: Manager, *devices: Path, timeout_s: float | None = 20.0) -> Watchdog:
    return Watchdog(Notifier(manager.address), timeout_s, OPTIONS, AbsentDevices(devices))


def fed_for(
    manager: Manager, watchdog: Watchdog, troubles: tuple[str, ...], start_s: int, end_s: int, curable: bool = True
) -> list[int]:
    """The seconds at which the watchdog is not starved."""
    fed = []
    for second in range(start_s, end_s):
        if watchdog.tick(troubles, float(second), curable=curable):
            fed.append(second)
        manager.listen()
    return fed


def test_it_is_fed_more_than_twice_in_its_time(manager: Manager) -> None:
    watchdog = make_watchdog(manager)
    for tenth in range(400):
        assert watchdog.tick((), tenth / 10)
    told = manager.told()
    assert len(told) == 8 and all(t == {"WATCHDOG": "1", "STATUS": "Sorting."} for t in told)
    assert watchdog.interval_s == 5.0


def test_a_hung_driver_leads_to_a_restart_after_a_while(manager: Manager, tmp_path: Path) -> None:
    device = tmp_path / "video0"
    device.touch()
    watchdog = make_watchdog(manager, device)
    watchdog.tick((), 0.0)
    assert fed_for(manager, watchdog, SILENT, 1, 200) == list(range(1, 61))
    told = manager.told()
    assert [t for t in told if "WATCHDOG" in t][-1]["STATUS"] == SILENT[0]
    assert told[-1] == {"STATUS": SILENT[0] + " A restart is due."}


def test_a_cable_pulled_out_does_not(manager: Manager, tmp_path: Path) -> None:
    device = tmp_path / "video0"
    watchdog = make_watchdog(manager, device)
    watchdog.tick((), 0.0)
    assert fed_for(manager, watchdog, SILENT, 1, 5000) == list(range(1, 5000))
    # Plugged in again, but the driver hangs now: it gets its whole time to come back, and then the restart.
    device.touch()
    assert fed_for(manager, watchdog, SILENT, 5000, 6000) == list(range(5000, 5059))


def test_trouble_that_passes_counts_from_nothing_again(manager: Manager) -> None:
    watchdog = make_watchdog(manager)
    watchdog.tick((), 0.0)
    for begin_s in range(1, 1000, 60):
        assert len(fed_for(manager, watchdog, SILENT, begin_s, begin_s + 59)) == 59
        assert watchdog.tick((), begin_s + 59.0)


def test_what_never_worked_is_restarted_seldom(manager: Manager) -> None:
    """After a restart that did not help, the next one comes late."""
    assert fed_for(manager, make_watchdog(manager), SILENT, 0, 2000) == list(range(900))


def test_what_only_a_person_can_mend_is_waited_for(manager: Manager) -> None:
    watchdog = make_watchdog(manager)
    watchdog.tick((), 0.0)
    assert len(fed_for(manager, watchdog, ("The arm was stopped.",), 1, 5000, curable=False)) == 4999
    assert manager.told()[-1] == {"WATCHDOG": "1", "STATUS": "The arm was stopped."}


def test_a_new_trouble_is_shown_at_once(manager: Manager) -> None:
    watchdog = make_watchdog(manager)
    watchdog.tick((), 0.0)
    watchdog.tick(SILENT, 0.1)
    assert manager.told()[-1] == {"STATUS": SILENT[0]}


def test_without_a_watchdog_the_status_is_shown_all_the_same(manager: Manager) -> None:
    watchdog = make_watchdog(manager, timeout_s=None)
    assert watchdog.tick((), 0.0, summary="12 objects.")
    assert manager.told()[-1]["STATUS"] == "12 objects."


@pytest.mark.parametrize(
    ("state", "helps"),
    [("ok", False), ("black", False), ("opening", True), ("silent", True), ("frozen", True), ("lost", True)],
)
def test_which_camera_a_restart_may_mend(state: CameraState, helps: bool) -> None:
    assert restart_may_help(replace(Status(), camera=CameraHealth(state))) is helps


def test_which_arm_a_restart_may_mend() -> None:
    well = replace(Status(), camera=CameraHealth("ok"))
    assert restart_may_help(replace(well, arm=ArmHealth(state="LOST")))
    assert not restart_may_help(replace(well, arm=ArmHealth(state="STOPPED")))


@pytest.mark.parametrize(
    ("camera", "port", "files"),
    [
        ("0", "/dev/ttyUSB0", ("/dev/video0", "/dev/ttyUSB0")),
        ("v4l2:///dev/sorter-camera", "/dev/sorter-arm", ("/dev/sorter-camera", "/dev/sorter-arm")),
        ("v4l2://2", "socket://arm:9", ("/dev/video2",)),
        ("csi://0", "sim:", ()),
    ],
)
def test_the_device_files_of_a_station(camera: str, port: str, files: tuple[str, ...]) -> None:
    assert tuple(map(str, device_files(camera, port).paths)) == files
