"""Names of V4L2 devices that stay the same when a camera is unplugged and plugged in again."""

from pathlib import Path


def find_stable_names(device: Path, devices: Path = Path("/dev")) -> tuple[Path, ...]:
    """The links that udev keeps to a device, the most trustworthy first.

    By path (the USB port) comes before by id: two cameras of one make often share their id, and the link of that name
    points to the one that was plugged in last.

    Args:
        device: For example ``/dev/video0``.
        devices: Where devices live.
    """
    links = (link for kind in ("by-path", "by-id") for link in sorted((devices / "v4l" / kind).glob("*")))
    return tuple(link for link in links if link.resolve() == device.resolve())


def find_present(device: Path, stable_names: tuple[Path, ...]) -> Path:
    """Under which name a device is there now: after a new start of the camera, ``video0`` may be ``video2``.

    Args:
        device: What it was called at first.
        stable_names: Its links of that time; a missing link falls back to the next.
    """
    return next((link for link in stable_names if link.exists()), device)
