"""The one preprocessing function, and reading every kind of picture."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from sorter.errors import ConfigError, DatasetError
from sorter.image import PAD_VALUE, Fit, InputSpec, Pixels, prepare, read_image

GOLDEN = Path(__file__).parent / "golden" / "prepare.npz"


def scene(width: int, height: int) -> Pixels:
    """A picture without symmetry whose every pixel is known: gradients in each channel and a checkerboard."""
    y, x = np.mgrid[0:height, 0:width]
    checks = ((x // 3 + y // 5) % 2) * 60
    planes = [x * 180 / width + checks, y * 180 / height + checks, (x + 2 * y) * 80 / (width + height) + checks]
    return np.stack(planes, axis=2).astype(np.uint8)


CASES: list[tuple[int, int, int, int, Fit]] = [
    (640, 480, 224, 224, "stretch"),
    (320, 240, 128, 128, "stretch"),
    (321, 243, 32, 24, "stretch"),
    (97, 64, 32, 32, "crop"),
    (64, 97, 32, 32, "pad"),
    (20, 14, 32, 32, "stretch"),
    (900, 30, 32, 32, "crop"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c[0]}x{c[1]}-{c[2]}x{c[3]}-{c[4]}")
def test_golden_arrays(case: tuple[int, int, int, int, Fit]) -> None:
    width, height, to_width, to_height, fit = case
    result = prepare(scene(width, height), InputSpec(to_width, to_height, fit))
    expected = np.load(GOLDEN)[f"{width}x{height}-{to_width}x{to_height}-{fit}"]
    # One grey level: OpenCV's versions and processors round linear interpolation differently.
    assert np.abs(result.astype(int) - expected.astype(int)).max() <= 1


def test_exact_halving_is_the_mean_of_four_pixels() -> None:
    frame = scene(64, 48)
    expected = frame.reshape(24, 2, 32, 2, 3).astype(float).mean(axis=(1, 3))
    result = prepare(frame, InputSpec(32, 24))[:, :, ::-1]
    assert np.abs(result - expected).max() <= 0.5


def test_colours_become_rgb() -> None:
    frame = np.zeros((32, 32, 3), np.uint8)
    frame[:] = (10, 20, 30)
    assert prepare(frame, InputSpec(16, 16))[0, 0].tolist() == [30, 20, 10]


def test_shrinking_is_anti_aliased() -> None:
    y, x = np.mgrid[0:480, 0:640]
    stripes = np.repeat((((x + y) % 2) * 255).astype(np.uint8)[:, :, None], 3, axis=2)
    result = prepare(stripes, InputSpec(224, 224))
    assert result.min() > 100 and result.max() < 155


def test_crop_keeps_the_middle_and_pad_keeps_everything() -> None:
    frame = np.zeros((40, 80, 3), np.uint8)
    frame[:, 20:60] = 200
    assert prepare(frame, InputSpec(40, 40, "crop")).min() == 200
    padded = prepare(frame, InputSpec(40, 40, "pad"))
    assert (padded[:9] == PAD_VALUE).all() and (padded[31:] == PAD_VALUE).all()
    assert padded[20, 20, 0] == 200 and padded[20, 2, 0] == 0


def test_writes_into_the_given_array() -> None:
    spec = InputSpec(32, 16)
    out = np.zeros(spec.shape, np.uint8)
    assert prepare(scene(64, 32), spec, out=out) is out
    assert out.any()


@pytest.mark.parametrize("shape", [(48, 64), (48, 64, 4)])
def test_grey_and_bgra_frames(shape: tuple[int, ...]) -> None:
    assert prepare(np.full(shape, 90, np.uint8), InputSpec(16, 16)).tolist() == np.full((16, 16, 3), 90).tolist()


def test_impossible_specs_are_refused() -> None:
    with pytest.raises(ConfigError, match="impossible"):
        InputSpec(0, 224)
    with pytest.raises(ConfigError, match="unknown"):
        InputSpec(224, 224, "squash")  # type: ignore[arg-type]


def save(path: Path, picture: Pixels) -> Path:
    cv2.imencode(path.suffix, picture)[1].tofile(path)
    return path


class TestReading:
    @pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".webp", ".tif"])
    def test_formats(self, tmp_path: Path, suffix: str) -> None:
        assert read_image(save(tmp_path / f"a{suffix}", scene(64, 48))).shape == (48, 64, 3)

    def test_names_with_spaces_and_non_ascii_letters(self, tmp_path: Path) -> None:
        assert read_image(save(tmp_path / "Äpfel 苹果 №1.png", scene(64, 48))).shape == (48, 64, 3)

    def test_greyscale_alpha_and_16_bit_become_8_bit_bgr(self, tmp_path: Path) -> None:
        grey = scene(64, 48)[:, :, 0]
        assert read_image(save(tmp_path / "grey.png", grey)).tolist() == np.repeat(grey[:, :, None], 3, 2).tolist()
        deep = (grey.astype(np.uint16) << 8) | 255
        cv2.imwrite(str(tmp_path / "deep.png"), deep)
        assert np.abs(read_image(tmp_path / "deep.png")[:, :, 0].astype(int) - grey).max() <= 1
        alpha = np.dstack([scene(64, 48), np.full((48, 64), 128, np.uint8)])
        assert read_image(save(tmp_path / "alpha.png", alpha)).shape == (48, 64, 3)

    def test_cmyk_jpeg(self, tmp_path: Path) -> None:
        image = pytest.importorskip("PIL.Image", reason="Pillow, which writes CMYK, is not installed")
        image.fromarray(np.full((48, 64, 4), (0, 255, 255, 0), np.uint8), "CMYK").save(tmp_path / "cmyk.jpg")
        red = read_image(tmp_path / "cmyk.jpg")[24, 32]
        assert red[2] > 180 and red[0] < 80 and red[1] < 80

    def test_exif_orientation_is_applied(self, tmp_path: Path) -> None:
        encoded = cv2.imencode(".jpg", scene(64, 48))[1].tobytes()
        # TIFF header, one entry: tag 0x0112 (orientation), type 3 (short), count 1, value 6 (rotate 90 degrees).
        tiff = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
        segment = b"Exif\0\0" + tiff
        (tmp_path / "turned.jpg").write_bytes(
            encoded[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment + encoded[2:]
        )
        assert read_image(tmp_path / "turned.jpg").shape == (64, 48, 3)

    def test_a_very_wide_picture(self, tmp_path: Path) -> None:
        picture = read_image(save(tmp_path / "wide.png", scene(20_000, 40)))
        assert prepare(picture, InputSpec(224, 224)).shape == (224, 224, 3)

    def test_unreadable_files_are_named(self, tmp_path: Path) -> None:
        whole = cv2.imencode(".jpg", scene(640, 480))[1].tobytes()
        png = cv2.imencode(".png", scene(640, 480))[1].tobytes()
        contents = {
            "empty.jpg": (b"", "empty"),
            "text.jpg": (b"this is no picture", "not a readable picture"),
            "truncated.jpg": (whole[: len(whole) // 2], "not a readable picture"),
            "truncated.png": (png[: len(png) // 2], "not a readable picture"),
        }
        for name, (content, reason) in contents.items():
            (tmp_path / name).write_bytes(content)
            with pytest.raises(DatasetError, match=rf"{name}.*{reason}") as raised:
                read_image(tmp_path / name)
            assert raised.value.hint
        with pytest.raises(DatasetError, match="Cannot read"):
            read_image(tmp_path / "missing.jpg")

    def test_a_picture_of_one_pixel_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(DatasetError, match="1x1"):
            read_image(save(tmp_path / "dot.png", np.zeros((1, 1, 3), np.uint8)))
