"""``sorter-find cameras``: recorded devices, real pictures."""

import errno
import json
import struct
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest
from click.testing import CliRunner, Result

from sorter.edge.find_cli import find
from sorter.edge.finding.cameras import FoundCamera, find_cameras, take_picture
from sorter.edge.finding.v4l2 import ENUM_FMT, ENUM_FRAMESIZES, QUERYCAP, Ioctl, ask, read_abilities
from sorter.errors import CameraError
from tests.conftest import draw_disc
from tests.edge.finding.trees import plug_in


def look(*arguments: str) -> Result:
    return CliRunner().invoke(find, ["cameras", *arguments])


@pytest.fixture
def no_cameras() -> None:
    if list(Path("/dev").glob("video*")):
        pytest.skip("a camera is plugged in here")


@pytest.mark.usefixtures("no_cameras")
def test_nothing_plugged_in_is_one_sentence_and_a_hint(tmp_path: Path) -> None:
    result = look("--pictures", str(tmp_path / "pictures"))
    assert result.exit_code == CameraError.exit_code
    assert result.stderr.startswith("Error: No camera was found.\nHint: ")
    assert not (tmp_path / "pictures").exists()
    assert json.loads(look("--json").stdout) == []


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "apple.png"
    cv2.imwrite(str(path), draw_disc((50, 50, 210), 1))
    return path


def test_a_picture_of_each_camera(tmp_path: Path, photo: Path) -> None:
    pictures = tmp_path / "pictures"
    result = look(str(photo), "--pictures", str(pictures), "--json")
    assert result.exit_code == 0, result.output
    (found,) = [camera for camera in json.loads(result.stdout) if camera["device"] == str(photo)]
    image = cv2.imread(found["picture"])
    assert image is not None and image.shape == (48, 64, 3)
    assert Path(found["picture"]).parent == pictures and f"Pictures are in {pictures}." in result.stderr


def test_no_pictures_when_not_wanted(tmp_path: Path, photo: Path) -> None:
    result = look(str(photo), "--pictures", str(tmp_path / "p"), "--no-pictures")
    assert result.exit_code == 0 and f"--camera {photo}" in result.stdout
    assert not (tmp_path / "p").exists()


def test_a_camera_that_fails_is_told(tmp_path: Path) -> None:
    result = look("/dev/video97", "--pictures", str(tmp_path))
    assert result.exit_code == 0 and "does not exist" in result.stdout


def test_a_camera_in_use_is_left_alone(tmp_path: Path) -> None:
    taken = take_picture(FoundCamera("/dev/video0", users=("sorter-run (8)",)), tmp_path)
    assert "sorter-run (8)" in taken.trouble and taken.picture is None


def test_recorded_devices_by_sysfs_alone(tmp_path: Path) -> None:
    """The recorded device files are no devices: what sysfs tells has to do, and leaves the metadata node out."""
    (camera,) = find_cameras(root=plug_in(tmp_path))
    assert camera.device == "/dev/video0" and camera.name == "UVC Camera (046d:0825)"
    assert camera.best_name == "/dev/v4l/by-id/usb-046d_0825_5AB4F7C0-video-index0"
    assert camera.usb is not None and camera.usb.serial == "5AB4F7C0"
    assert "cannot be asked" in camera.trouble


def test_a_file_that_is_no_camera() -> None:
    with pytest.raises(OSError, match=r"ioctl|device"):
        ask(Path("/dev/null"))


def driver(flags: int, sizes: dict[bytes, list[tuple[int, ...]]], name: bytes = b"uvcvideo") -> Ioctl:
    """A driver's answers, in the layout of videodev2.h: no such device can be made without a kernel module."""

    def answer(_handle: int, request: int, content: bytearray) -> None:
        if request == QUERYCAP:
            head = struct.pack("=16s32s32sI", name, b"HD Webcam", b"usb-1.4", 0x060000)
            content[:92] = head + struct.pack("=II", 0x84A00001, flags)
            return
        index, code = struct.unpack_from("=I4s", content)
        try:
            if request == ENUM_FMT:
                struct.pack_into("=32s4s", content, 12, b"a format", list(sizes)[index])
                return
            assert request == ENUM_FRAMESIZES
            item = sizes[code][index]
        except IndexError:
            raise OSError(errno.EINVAL, "end of list") from None
        struct.pack_into(f"={1 + len(item)}I", content, 8, 1 if len(item) == 2 else 3, *item)

    return answer


def test_formats_and_sizes() -> None:
    answers: dict[bytes, list[tuple[int, ...]]] = {
        b"YUYV": [(640, 480), (1280, 720)],
        b"MJPG": [(32, 2592, 2, 32, 1944, 2)],
    }
    found = read_abilities(0, driver(0x04200001, answers))
    assert found.captures and found.driver == "uvcvideo"
    assert [given.describe() for given in found.formats] == ["YUYV: 640x480, 1280x720", "MJPG: 2592x1944"]


@pytest.mark.parametrize(("flags", "what"), [(0x04A00000, "metadata"), (0x04208000, "codec"), (0x04208001, "both")])
def test_nodes_that_give_no_pictures(flags: int, what: str) -> None:
    assert not read_abilities(0, driver(flags, {})).captures, what


def test_the_numbers_of_the_requests() -> None:
    """As ``VIDIOC_QUERYCAP`` and so on come out of the kernel's headers on x86 and ARM."""
    assert (QUERYCAP, ENUM_FMT, ENUM_FRAMESIZES) == (0x80685600, 0xC0405602, 0xC02C564A)


def test_a_driver_without_an_end_does_not_keep_us() -> None:
    def endless(_handle: int, request: int, content: bytearray) -> None:
        if request == QUERYCAP:
            content[84:92] = struct.pack("=II", 0x80000001, 1)

    call: Callable[[int, int, bytearray], None] = endless
    assert len(read_abilities(0, call).formats) == 64
