"""udev rules: lasting names for arm and camera, and ModemManager kept away from the arm. See udev(7)."""

from pathlib import Path

from sorter.edge.finding.usb import BOARDS, UsbIdentity, usb_identity
from sorter.errors import ConfigError

RULES_NAME = "60-sorter.rules"
"""Behind ``60-persistent-v4l.rules`` and ``60-serial.rules``, which find out what is read here, and before
ModemManager's (77 and up)."""

ARM_LINK, CAMERA_LINK = "/dev/sorter-arm", "/dev/sorter-camera"

_HEAD = """\
# Lasting names for the sorter's devices: /dev/sorter-arm and /dev/sorter-camera. Made by sorter-service udev.
# With several boards or cameras plugged in, name yours: sorter-service udev --arm DEVICE --camera DEVICE

ACTION=="remove", GOTO="sorter_end"
"""

_TAIL = """\
# ModemManager would talk to a new serial port, and a board would take it for commands.
ENV{SORTER_ARM}=="1", ENV{ID_MM_DEVICE_IGNORE}="1", ENV{ID_MM_PORT_IGNORE}="1"
SUBSYSTEM=="tty", ENV{SORTER_ARM}=="1", GROUP="dialout", MODE="0660", SYMLINK+="sorter-arm"

LABEL="sorter_end"
"""


def render_rules(arm: UsbIdentity | None = None, camera: UsbIdentity | None = None) -> str:
    """The rules file.

    Args:
        arm: The board that is the arm; None for every board that arms are commonly built with.
        camera: The camera; None for every USB camera.
    """
    boards = [_match(arm, "tty|usb")] if arm else [_match_board(*board) for board in BOARDS]
    arms = [f'{match}, ENV{{SORTER_ARM}}="1"' for match in boards]
    # Of the nodes of one camera the first gives pictures; the second gives metadata.
    node = 'ATTR{index}=="0", GROUP="video", SYMLINK+="sorter-camera"'
    seen = _match(camera, "video4linux") if camera else 'SUBSYSTEM=="video4linux", ENV{ID_BUS}=="usb"'
    return "\n".join((_HEAD, *arms, "", f"{seen}, {node}", "", _TAIL))


def identify(device: str, subsystem: str, root: Path = Path("/")) -> UsbIdentity:
    """The USB device behind a device file.

    Args:
        device: For example ``/dev/ttyUSB0``.
        subsystem: ``tty`` or ``video4linux``.
        root: Where ``/sys`` and ``/dev`` are found.

    Raises:
        ConfigError: It is no USB device.
    """
    found = usb_identity(device, subsystem, root)
    if found is None:
        raise ConfigError(
            f"{device} is not a USB device that is plugged in.",
            "Run sorter-find to see what is. Devices on the board itself keep their names without rules.",
        )
    return found


def _match_board(vendor: str, product: str) -> str:
    return f'SUBSYSTEM=="tty|usb", ENV{{ID_VENDOR_ID}}=="{vendor}", ENV{{ID_MODEL_ID}}=="{product}"'


def _match(device: UsbIdentity, subsystem: str) -> str:
    parts = [f'SUBSYSTEM=="{subsystem}"', f'ENV{{ID_VENDOR_ID}}=="{device.vendor}"']
    parts.append(f'ENV{{ID_MODEL_ID}}=="{device.product}"')
    if device.serial.isalnum():
        parts.append(f'ENV{{ID_SERIAL_SHORT}}=="{device.serial}"')
    else:
        # Without a serial number (or with one that udev would rewrite) only the place tells two of a kind apart.
        parts.append(f'KERNELS=="{device.position}"')
    return ", ".join(parts)
