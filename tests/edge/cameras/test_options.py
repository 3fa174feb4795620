"""What is asked of a camera, and which part of its picture is used."""

from dataclasses import fields

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sorter.edge.cameras.camera import CameraSetupError
from sorter.edge.cameras.options import CameraOptions
from sorter.edge.cameras.region import Region
from sorter.edge.cameras.stills import PictureFolder
from sorter.edge.cameras.uri import make_camera
from sorter.edge.cameras.view import ViewedCamera
from sorter.errors import CameraError, ConfigError


def test_options_are_flat() -> None:
    assert all(isinstance(getattr(CameraOptions(), f.name), int | float | str | None) for f in fields(CameraOptions))


@pytest.mark.parametrize(
    "wrong",
    [
        {"width": 3},
        {"fps": 0.0},
        {"exposure_ms": -1.0},
        {"white_balance_k": 50},
        {"pixel_format": "MJPEG"},
        {"mains_hz": 55},
        {"rotation": 45},
        {"region": "1,2,3"},
        {"buffers": 0},
        {"silent_s": 0.0},
        {"frozen_s": -1.0},
        {"black_level": 256},
        {"retry_min_s": 20.0},
        {"fps": float("nan")},
    ],
    ids=str,
)
def test_impossible_options(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError) as raised:
        CameraOptions(**wrong)  # type: ignore[arg-type]
    assert raised.value.hint


@pytest.mark.parametrize("text", ["x", "1,2,3,4,5", "-1,0,5,5", "0,0,0,1", "0.5,0,0.6,1", "nan,0,1,1", "0,0,inf,1"])
def test_what_is_no_region(text: str) -> None:
    with pytest.raises(ConfigError):
        Region.parse(text)


def test_regions_in_pixels_and_in_shares() -> None:
    pixels, shares = Region.parse("10, 20, 100, 50"), Region.parse("0.25,0,0.5,1")
    assert Region.parse(" ") is None and pixels is not None and shares is not None
    assert pixels.resolve((640, 480)) == (10, 20, 110, 70)
    assert shares.resolve((640, 480)) == (160, 0, 480, 480)
    assert str(shares) == "0.25,0,0.5,1"


@pytest.mark.parametrize("text", ["600,0,41,100", "0,400,100,100", "0,0,4,100", "0,0,0.001,1"])
def test_regions_that_do_not_suit_the_picture(text: str) -> None:
    region = Region.parse(text)
    assert region is not None
    with pytest.raises(CameraError) as raised:
        region.resolve((640, 480))
    assert raised.value.hint


@settings(deadline=None)
@given(st.floats(0, 1), st.floats(0, 1), st.floats(0.02, 1), st.floats(0.02, 1), st.integers(400, 4000))
def test_shares_never_reach_beyond_the_picture(x: float, y: float, width: float, height: float, side: int) -> None:
    region = Region(min(x, 1 - width), min(y, 1 - height), width, height)
    left, upper, right, lower = region.resolve((side, side + 7))
    assert 0 <= left < right <= side and 0 <= upper < lower <= side + 7


@pytest.fixture
def still(tmp_path_factory: pytest.TempPathFactory) -> str:
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[:10, :20] = 255  # white in the upper left corner
    path = tmp_path_factory.mktemp("still") / "one.png"
    cv2.imwrite(str(path), picture)
    return str(path)


@pytest.mark.parametrize(
    ("rotation", "shape", "white"), [(0, (40, 60), (0, 0)), (90, (60, 40), (0, -1)), (180, (40, 60), (-1, -1))]
)
def test_pictures_are_turned(still: str, rotation: int, shape: tuple[int, int], white: tuple[int, int]) -> None:
    with make_camera(still, CameraOptions(rotation=rotation)) as camera:
        frame = camera.read()
        assert frame is not None and frame.image.shape[:2] == shape and frame.image[white].tolist() == [255] * 3
        assert frame.name == "one.png" and not camera.live
        assert camera.read() is None


def test_the_region_is_cut_from_the_turned_picture(still: str) -> None:
    with make_camera(still, CameraOptions(rotation=90, region="30,0,10,20")) as camera:
        frame = camera.read()
    assert isinstance(camera, ViewedCamera)
    assert frame is not None and frame.image.shape == (20, 10, 3) and frame.image.min() == 255
    assert frame.image.flags.c_contiguous


def test_a_region_outside_the_picture(still: str) -> None:
    camera = make_camera(still, CameraOptions(region="50,0,20,20"))
    with camera, pytest.raises(CameraSetupError, match="60x40") as raised:
        camera.read()
    assert raised.value.hint


def test_a_camera_without_a_view_is_left_alone(still: str) -> None:
    assert isinstance(make_camera(still), PictureFolder)
