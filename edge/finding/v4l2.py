"""What a V4L2 device can do, asked of its driver: Linux's videodev2.h, without further libraries."""

import errno
import fcntl
import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

_VIDEO_CAPTURE = 0x00000001
_VIDEO_CAPTURE_MPLANE = 0x00001000
_VIDEO_M2M = 0x00008000 | 0x00004000
_DEVICE_CAPS = 0x80000000
_BUFFER_TYPE_CAPTURE, _BUFFER_TYPE_CAPTURE_MPLANE = 1, 9
_FRAME_SIZE_DISCRETE = 1

_CAPABILITY = struct.Struct("=16s32s32s3I12x")  # struct v4l2_capability
_FORMAT = struct.Struct("=III32s4sI12x")  # struct v4l2_fmtdesc
_FRAME_SIZE = struct.Struct("=I4sI6I8x")  # struct v4l2_frmsizeenum


def _request(direction: int, number: int, size: int) -> int:
    """The number of an ioctl: asm-generic/ioctl.h (alpha, MIPS, PowerPC and SPARC count otherwise)."""
    return direction << 30 | size << 16 | ord("V") << 8 | number


QUERYCAP = _request(2, 0, _CAPABILITY.size)
ENUM_FMT = _request(3, 2, _FORMAT.size)
ENUM_FRAMESIZES = _request(3, 74, _FRAME_SIZE.size)

_MOST_ITEMS = 64
"""A driver that never says "no more" must not keep us for ever."""

Ioctl = Callable[[int, int, bytearray], object]


@dataclass(frozen=True)
class FrameFormat:
    """A kind of picture that a camera gives.

    Attributes:
        code: Four letters, for example ``MJPG`` or ``YUYV``.
        name: For people.
        sizes: (width, height) in pixels, as the driver lists them; for a camera that scales freely, its largest.
    """

    code: str
    name: str
    sizes: tuple[tuple[int, int], ...]

    def describe(self) -> str:
        """``MJPG: 640x480, 1280x720``."""
        return f"{self.code}: {', '.join(f'{w}x{h}' for w, h in self.sizes) or 'sizes unknown'}"


@dataclass(frozen=True)
class Abilities:
    """What a device can do.

    Attributes:
        driver: Which driver serves it.
        captures: Whether it gives pictures; a metadata node, a codec or an output does not.
        formats: The pictures that it gives.
    """

    driver: str
    captures: bool
    formats: tuple[FrameFormat, ...] = ()


def ask(device: Path) -> Abilities:
    """Asks a device what it can do. Works while another program uses it, and changes nothing.

    Raises:
        OSError: It does not open, or is no V4L2 device.
    """
    handle = os.open(device, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return read_abilities(handle, _ioctl)
    finally:
        os.close(handle)


def _ioctl(handle: int, request: int, content: bytearray) -> object:
    return fcntl.ioctl(handle, request, content, True)


def read_abilities(handle: int, ioctl: Ioctl) -> Abilities:
    """Reads what the open device can do.

    Args:
        handle: The open device.
        ioctl: Makes one request; fills in the buffer.

    Raises:
        OSError: It is no V4L2 device.
    """
    content = bytearray(_CAPABILITY.size)
    ioctl(handle, QUERYCAP, content)
    driver, _card, _bus, _version, of_all_nodes, of_this_node = _CAPABILITY.unpack(content)
    flags = of_this_node if of_all_nodes & _DEVICE_CAPS else of_all_nodes
    captures = bool(flags & (_VIDEO_CAPTURE | _VIDEO_CAPTURE_MPLANE)) and not flags & _VIDEO_M2M
    if not captures:
        return Abilities(_text(driver), captures=False)
    kind = _BUFFER_TYPE_CAPTURE if flags & _VIDEO_CAPTURE else _BUFFER_TYPE_CAPTURE_MPLANE
    return Abilities(_text(driver), captures=True, formats=tuple(_formats(handle, kind, ioctl)))


def _formats(handle: int, kind: int, ioctl: Ioctl) -> Iterator[FrameFormat]:
    for index in range(_MOST_ITEMS):
        content = bytearray(_FORMAT.pack(index, kind, 0, b"", b"", 0))
        if not _fill(handle, ENUM_FMT, content, ioctl):
            return
        _index, _kind, _flags, name, code, _bus_code = _FORMAT.unpack(content)
        yield FrameFormat(_text(code).strip(), _text(name), tuple(_sizes(handle, code, ioctl)))


def _sizes(handle: int, code: bytes, ioctl: Ioctl) -> Iterator[tuple[int, int]]:
    for index in range(_MOST_ITEMS):
        content = bytearray(_FRAME_SIZE.pack(index, code, 0, *(0,) * 6))
        if not _fill(handle, ENUM_FRAMESIZES, content, ioctl):
            return
        _index, _code, kind, *numbers = _FRAME_SIZE.unpack(content)
        if kind != _FRAME_SIZE_DISCRETE:
            # Smallest width, largest width, step, and the same of the height.
            yield numbers[1], numbers[4]
            return
        yield numbers[0], numbers[1]


def _fill(handle: int, request: int, content: bytearray, ioctl: Ioctl) -> bool:
    """One item of a list; False at its end, or where the driver knows no such list."""
    try:
        ioctl(handle, request, content)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOTTY, errno.ENODATA):
            return False
        raise
    return True


def _text(content: bytes) -> str:
    return content.split(b"\0", 1)[0].decode("utf-8", "replace")
