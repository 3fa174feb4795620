"""The loop's duties to the outside, with a real socket for the service manager."""

from dataclasses import replace
from pathlib import Path

import pytest

from sorter.edge.cameras.health import CameraHealth
from sorter.edge.loop import Phase
from sorter.edge.monitor import Monitor, Status
from sorter.edge.service.board import Board, BoardLimits
from sorter.edge.service.notify import Notifier
from sorter.edge.service.supervision import Supervision, make_supervision, summarize
from sorter.edge.service.watchdog import Watchdog, WatchdogOptions
from tests.edge.service.manager import Manager


def assess(status: Status, _now_s: float) -> tuple[str, ...]:
    return () if status.camera.state == "ok" else (f"The camera is {status.camera.state}.",)


def test_from_start_to_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    monitor = Monitor()
    monitor.update(camera=CameraHealth("ok"))
    with Manager(str(tmp_path / "notify")) as manager:
        notifier = Notifier(manager.address)
        watchdog = Watchdog(notifier, 4.0, WatchdogOptions(patience_s=5, retry_s=50))
        board = Board(tmp_path, BoardLimits(free_bytes=1 << 62), tmp_path, interval_s=2)
        supervision = Supervision(monitor, assess, notifier, watchdog, board)
        supervision.start()
        assert supervision.interval_s == 1.0
        assert all(supervision.tick(float(s)) for s in range(5))
        told = manager.told()
        assert told[0] == {"READY": "1", "STATUS": "WAITING: 0 objects sorted, 0 rejected."}
        assert len(told) == 6 and "WATCHDOG" in told[-1]
        monitor.update(camera=CameraHealth("silent"))
        assert [supervision.tick(float(s)) for s in range(5, 12)] == [True] * 5 + [False] * 2
        supervision.stop()
        assert manager.told()[-1] == {"STOPPING": "1"}
    assert "MB are free" in monitor.status.warnings[0]
    assert capsys.readouterr().err.count("MB are free") == 1


def test_without_a_service_manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    supervision = make_supervision(Monitor(), assess, "0", "/dev/ttyUSB0", tmp_path)
    supervision.start()
    assert supervision.tick(0.0)
    supervision.stop()


def test_the_status_line_tells_why_it_stands() -> None:
    status = replace(Status(), phase=Phase.PAUSED, reason="Bin 3 is full.", outcomes={"completed": 12}, rejected=1)
    assert summarize(status) == "PAUSED: 12 objects sorted, 1 rejected. Bin 3 is full."
