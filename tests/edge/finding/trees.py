"""A recorded tree of /sys and /dev: an Arduino, a board with CH340, and a webcam with its metadata node."""

from pathlib import Path

_HUB = "sys/devices/platform/scb/fd500000.pcie/usb1/1-1"

_FILES = {
    f"{_HUB}/1-1.2/idVendor": "2341\n",
    f"{_HUB}/1-1.2/idProduct": "0043\n",
    f"{_HUB}/1-1.2/serial": "85735313932351D0E1A2\n",
    f"{_HUB}/1-1.2/manufacturer": "Arduino (www.arduino.cc)\n",
    f"{_HUB}/1-1.3/idVendor": "1a86\n",
    f"{_HUB}/1-1.3/idProduct": "7523\n",
    f"{_HUB}/1-1.3/product": "USB Serial\n",
    f"{_HUB}/1-1.4/idVendor": "046d\n",
    f"{_HUB}/1-1.4/idProduct": "0825\n",
    f"{_HUB}/1-1.4/serial": "5AB4F7C0\n",
    f"{_HUB}/1-1.4/1-1.4:1.0/video4linux/video0/name": "UVC Camera (046d:0825)\n",
    f"{_HUB}/1-1.4/1-1.4:1.0/video4linux/video0/index": "0\n",
    f"{_HUB}/1-1.4/1-1.4:1.0/video4linux/video1/name": "UVC Camera (046d:0825)\n",
    f"{_HUB}/1-1.4/1-1.4:1.0/video4linux/video1/index": "1\n",
    "dev/ttyACM0": "",
    "dev/ttyUSB0": "",
    "dev/video0": "",
    "dev/video1": "",
}

_LINKS = {
    "sys/class/tty/ttyACM0/device": f"{_HUB}/1-1.2/1-1.2:1.0",
    "sys/class/tty/ttyUSB0/device": f"{_HUB}/1-1.3/1-1.3:1.0/ttyUSB0",
    "sys/class/video4linux/video0": f"{_HUB}/1-1.4/1-1.4:1.0/video4linux/video0",
    "sys/class/video4linux/video1": f"{_HUB}/1-1.4/1-1.4:1.0/video4linux/video1",
    f"{_HUB}/1-1.4/1-1.4:1.0/video4linux/video0/device": f"{_HUB}/1-1.4/1-1.4:1.0",
    f"{_HUB}/1-1.4/1-1.4:1.0/video4linux/video1/device": f"{_HUB}/1-1.4/1-1.4:1.0",
    "dev/serial/by-id/usb-Arduino__www.arduino.cc__0043_85735313932351D0E1A2-if00": "dev/ttyACM0",
    "dev/serial/by-path/platform-fd500000.pcie-usb-0:1.2:1.0": "dev/ttyACM0",
    "dev/serial/by-path/platform-fd500000.pcie-usb-0:1.3:1.0-port0": "dev/ttyUSB0",
    "dev/v4l/by-id/usb-046d_0825_5AB4F7C0-video-index0": "dev/video0",
    "dev/v4l/by-id/usb-046d_0825_5AB4F7C0-video-index1": "dev/video1",
    "dev/sorter-arm": "dev/ttyUSB0",
}


def plug_in(root: Path) -> Path:
    """Writes the tree, and returns it as a root."""
    for name, content in _FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    for name, target in _LINKS.items():
        (root / target).parent.mkdir(parents=True, exist_ok=True)
        if not (root / target).exists():
            (root / target).mkdir()
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(root / target)
    return root
