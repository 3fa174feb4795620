"""Cameras that are plugged in: V4L2 devices, and CSI cameras where picamera2 is installed."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from sorter.edge.finding import v4l2
from sorter.edge.finding.usb import UsbIdentity, lasting_names, read_text, usb_identity, users_of
from sorter.edge.finding.v4l2 import FrameFormat
from sorter.errors import CameraError, SorterError

_LASTING = ("/dev/v4l/by-id", "/dev/v4l/by-path")

_INNER_DRIVERS = ("bcm2835-isp", "bcm2835-codec", "pispbe", "rp1-cfe", "unicam")
"""Stages inside a Raspberry Pi's CSI camera, not cameras by themselves: those are found through picamera2."""

_WARM_UP_FRAMES = 8
"""Frames given away before the picture: the first ones of most webcams are dark until the exposure has settled."""


@dataclass(frozen=True)
class FoundCamera:
    """A camera.

    Attributes:
        device: What it is called now: a device file, ``csi://0``, or what the user named.
        name: What it calls itself.
        usb: The USB device behind it.
        lasting: Names that stay the same over restarts, best first.
        users: Programs that have it open.
        formats: What pictures it gives; empty where it cannot be asked.
        picture: The picture that was taken.
        trouble: What is in the way of using it; empty otherwise.
        hint: What to do about that.
    """

    device: str
    name: str = ""
    usb: UsbIdentity | None = None
    lasting: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    formats: tuple[FrameFormat, ...] = ()
    picture: Path | None = None
    trouble: str = ""
    hint: str = ""

    @property
    def best_name(self) -> str:
        """What to give to ``--camera``."""
        return self.lasting[0] if self.lasting else self.device

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        picture = str(self.picture) if self.picture else None
        return asdict(self) | {"camera": self.best_name, "picture": picture}

    def describe(self) -> str:
        """For people: a line for the camera, and indented what is known of it."""
        lines = [f"{self.device}  {self.name}".rstrip()]
        lines += [f"  gives    {given.describe()}" for given in self.formats]
        if self.picture:
            lines.append(f"  picture  {self.picture}")
        lines.append(f"  use      --camera {self.best_name}")
        if self.trouble:
            lines.append(f"  note     {self.trouble} {self.hint}".rstrip())
        return "\n".join(lines)


def find_cameras(named: Iterable[str] = (), root: Path = Path("/")) -> tuple[FoundCamera, ...]:
    """Lists cameras. V4L2 devices are asked for their formats, which disturbs nobody who uses them.

    Args:
        named: Cameras to list besides those that are plugged in: streams, videos, folders.
        root: Where ``/sys``, ``/dev`` and ``/proc`` are found.
    """
    nodes = sorted((root / "sys/class/video4linux").glob("video*"), key=lambda node: (len(node.name), node.name))
    found = [camera for node in nodes if (camera := _look_at(node, root)) is not None]
    return (*_csi_cameras(), *found, *(FoundCamera(name) for name in named))


def _look_at(node: Path, root: Path) -> FoundCamera | None:
    """The camera behind a node of sysfs; None where it gives no pictures: metadata, codecs, outputs."""
    device = f"/dev/{node.name}"
    camera = FoundCamera(
        device,
        read_text(node / "name"),
        usb_identity(device, "video4linux", root),
        lasting_names(device, _LASTING, root),
        users_of(device, root),
    )
    try:
        abilities = v4l2.ask(root / device.lstrip("/"))
    except PermissionError:
        hint = "Run: sudo usermod -aG video $USER, then log in again."
        camera = replace(camera, trouble="You may not use it: permission is denied.", hint=hint)
    except OSError as error:
        camera = replace(camera, trouble=f"It cannot be asked ({error.strerror}).")
    else:
        is_camera = abilities.captures and abilities.driver not in _INNER_DRIVERS
        return replace(camera, formats=abilities.formats) if is_camera else None
    # A camera that cannot be asked: its first node is the one that gives pictures, by the uvcvideo driver's custom.
    return camera if read_text(node / "index") in ("", "0") else None


def _csi_cameras() -> list[FoundCamera]:
    try:
        from picamera2 import Picamera2
    except ImportError:
        return []
    # libcamera lists USB cameras too, by their place on the bus; those are V4L2 devices here.
    infos = [info for info in Picamera2.global_camera_info() if "usb" not in str(info.get("Id", ""))]
    return [FoundCamera(f"csi://{info['Num']}", f"CSI camera {info['Model']}") for info in infos]


def take_picture(camera: FoundCamera, folder: Path) -> FoundCamera:
    """Opens a camera, saves one picture of it, and closes it. A camera that fails is told in ``trouble``.

    Args:
        camera: What was found.
        folder: Where to; made when it is missing.

    Raises:
        StorageError: The picture cannot be written.
    """
    if camera.trouble:
        return camera
    if camera.users:
        return replace(camera, trouble=f"It is in use by {', '.join(camera.users)}; no picture was taken.")
    try:
        image = _newest_image(camera.device)
    except SorterError as error:
        return replace(camera, trouble=error.message, hint=error.hint)
    return replace(camera, picture=_save(image, folder / f"{_file_name(camera.device)}.jpg"))


def _newest_image(name: str) -> Any:
    from sorter.edge.cameras.uri import make_camera

    with make_camera(name) as camera:
        frame = None
        for _ in range(_WARM_UP_FRAMES if camera.live else 1):
            newer = camera.read()
            frame = newer or frame
            if newer is None:
                break
    if frame is None:
        raise CameraError(f"Camera {name} gave no picture.", "Check its cable.")
    return frame.image


def _save(image: Any, path: Path) -> Path:
    import cv2

    from sorter.files import write_bytes

    _, data = cv2.imencode(".jpg", image)
    write_bytes(path, data.tobytes())
    return path


def _file_name(device: str) -> str:
    words = "".join(c if c.isalnum() else " " for c in device.removeprefix("/dev/")).split()
    return "-".join(words)[-80:] or "camera"
