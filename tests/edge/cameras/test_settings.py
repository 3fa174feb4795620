"""What drivers give instead of what they were asked for. No such driver is here, so stand-ins obey as badly."""

import errno
import fcntl
import struct
from pathlib import Path
from typing import Any

import cv2
import pytest

from sorter.edge.cameras import v4l2
from sorter.edge.cameras.naming import find_present, find_stable_names
from sorter.edge.cameras.options import CameraOptions
from sorter.edge.cameras.picamera import colour_gains, describe_settings, make_controls
from sorter.edge.cameras.v4l2 import configure, read_settings, set_mains_frequency


class Driver:
    """Keeps what it is told, but for what it knows better.

    Args:
        stubborn: Values that it gives whatever it is told; -1 for what it does not have.
    """

    def __init__(self, **stubborn: float) -> None:
        self._stubborn = {getattr(cv2, f"CAP_PROP_{name.upper()}"): value for name, value in stubborn.items()}
        self._values: dict[int, float] = {}
        self.calls: list[tuple[int, float]] = []

    def set(self, prop: int, value: float) -> bool:
        self.calls.append((prop, value))
        self._values[prop] = value
        return True  # also when it did nothing of the kind

    def get(self, prop: int) -> float:
        return self._stubborn.get(prop, self._values.get(prop, -1.0))


FIXED = CameraOptions(1280, 720, 30, "MJPG", exposure_ms=8, gain=20, white_balance_k=4600, focus=30)


def test_all_is_asked_for_and_the_automatics_go_first() -> None:
    driver = Driver()
    configure(driver, FIXED)
    asked = [prop for prop, _ in driver.calls]
    assert dict(driver.calls) == {
        cv2.CAP_PROP_MODE: 0,
        cv2.CAP_PROP_FOURCC: cv2.VideoWriter.fourcc(*"MJPG"),
        cv2.CAP_PROP_FRAME_WIDTH: 1280,
        cv2.CAP_PROP_FRAME_HEIGHT: 720,
        cv2.CAP_PROP_FPS: 30,
        cv2.CAP_PROP_BUFFERSIZE: 2,
        cv2.CAP_PROP_AUTO_EXPOSURE: 1,
        cv2.CAP_PROP_EXPOSURE: 80,
        cv2.CAP_PROP_GAIN: 20,
        cv2.CAP_PROP_AUTO_WB: 0,
        cv2.CAP_PROP_WB_TEMPERATURE: 4600,
        cv2.CAP_PROP_AUTOFOCUS: 0,
        cv2.CAP_PROP_FOCUS: 30,
    }
    assert asked.index(cv2.CAP_PROP_AUTO_EXPOSURE) < asked.index(cv2.CAP_PROP_EXPOSURE)
    assert asked.index(cv2.CAP_PROP_AUTO_WB) < asked.index(cv2.CAP_PROP_WB_TEMPERATURE)
    told, differing = read_settings(driver, FIXED)
    assert differing == ()
    assert told == {
        "size": "1280x720",
        "pixel format": "MJPG",
        "rate": "30 fps",
        "exposure": "8 ms",
        "gain": "20",
        "white balance": "4600 K",
        "focus": "30",
    }


def test_nothing_is_touched_that_nobody_asked_for() -> None:
    driver = Driver()
    configure(driver, CameraOptions(None, None))
    assert {prop for prop, _ in driver.calls} == {cv2.CAP_PROP_MODE, cv2.CAP_PROP_BUFFERSIZE}


def test_zero_switches_the_automatics_on() -> None:
    driver = Driver()
    options = CameraOptions(exposure_ms=0, white_balance_k=0)
    configure(driver, options)
    assert {(cv2.CAP_PROP_AUTO_EXPOSURE, 3), (cv2.CAP_PROP_AUTO_WB, 1)} <= set(driver.calls)
    assert cv2.CAP_PROP_EXPOSURE not in dict(driver.calls)
    assert read_settings(driver, options)[1] == ()


def test_what_a_driver_gives_instead_is_told() -> None:
    driver = Driver(frame_width=640, frame_height=480, fps=15, exposure=156, focus=-1)
    configure(driver, FIXED)
    told, differing = read_settings(driver, FIXED)
    assert differing == (
        "size 640x480 instead of 1280x720",
        "rate 15 fps instead of 30 fps",
        "exposure 15.6 ms instead of 8 ms",
        "focus unknown instead of 30",
    )
    assert told["exposure"] == "15.6 ms, asked for 8 ms" and told["gain"] == "20"


def test_a_driver_rounds_to_its_own_steps() -> None:
    driver = Driver(fps=29.97, wb_temperature=4650)
    configure(driver, FIXED)
    assert read_settings(driver, FIXED)[1] == ()


def test_the_mains_frequency_is_set_and_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    device = tmp_path / "video0"
    device.touch()
    assert set_mains_frequency(device, 50) == "unknown"  # a file takes no ioctl
    assert set_mains_frequency(tmp_path / "none", 50) == "unknown"
    stored = struct.pack("=Ii", 0x00980918, 3)

    def ioctl(_handle: int, request: int, control: bytes) -> bytes:
        nonlocal stored
        if request == v4l2._VIDIOC_S_CTRL:
            stored = control
        elif request != v4l2._VIDIOC_G_CTRL:
            raise OSError(errno.ENOTTY, "what?")
        return stored

    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    assert set_mains_frequency(device, 60) == "60 Hz"


def test_a_camera_keeps_its_stable_name(tmp_path: Path) -> None:
    for kind in ("by-id", "by-path"):
        (tmp_path / "v4l" / kind).mkdir(parents=True)
    for number in (0, 1, 2):
        (tmp_path / f"video{number}").touch()
    by_id, by_path = tmp_path / "v4l/by-id/usb-Maker_Cam-video-index0", tmp_path / "v4l/by-path/usb-1-video-index0"
    by_id.symlink_to("../../video0")
    by_path.symlink_to("../../video0")
    (tmp_path / "v4l/by-path/usb-2-video-index0").symlink_to("../../video1")
    names = find_stable_names(tmp_path / "video0", tmp_path)
    assert names == (by_path, by_id)
    by_path.unlink()  # plugged into another socket, and numbered anew
    by_id.unlink()
    assert find_present(tmp_path / "video0", names) == tmp_path / "video0"
    by_id.symlink_to("../../video2")
    assert find_present(tmp_path / "video0", names).resolve() == tmp_path / "video2"
    assert find_stable_names(tmp_path / "video7", tmp_path) == ()


def test_controls_of_a_csi_camera() -> None:
    assert make_controls(CameraOptions()) == {}
    fixed = make_controls(CameraOptions(fps=30, exposure_ms=5, gain=2, white_balance_k=5000, focus=3, mains_hz=50))
    assert fixed["AeEnable"] is False and fixed["ExposureTime"] == 5000 and fixed["AnalogueGain"] == 2
    assert fixed["AwbEnable"] is False and fixed["ColourGains"] == colour_gains(5000)
    assert fixed["LensPosition"] == 3 and "AeFlickerMode" not in fixed
    automatic = make_controls(CameraOptions(exposure_ms=0, white_balance_k=0, mains_hz=60))
    assert automatic["AeEnable"] is automatic["AwbEnable"] is True and automatic["AeFlickerPeriod"] == 8333


def test_colour_gains_grow_the_right_way() -> None:
    warm, cold = colour_gains(2800), colour_gains(7600)
    assert warm[0] < cold[0] and warm[1] > cold[1]
    assert colour_gains(1000) == warm and colour_gains(20000) == cold


def test_what_a_csi_camera_gives_instead_is_told() -> None:
    metadata: dict[str, Any] = {"ExposureTime": 9990, "AnalogueGain": 1.0, "FrameDuration": 33333}
    options = CameraOptions(exposure_ms=10, gain=4.0)
    told, differing = describe_settings(options, (640, 480), metadata)
    assert told["exposure"] == "9.99 ms" and told["rate"] == "30 fps" and told["gain"] == "1, asked for 4"
    assert differing == ("gain 1 instead of 4",)
