"""The cache of decoded photos: what is in it, and how much memory it takes."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sorter.dataset import Photo, open_dataset
from sorter.image import InputSpec, prepare, read_image
from sorter.trainer.cache import picture_cache, release_pages
from tests.trainer.conftest import draw_picture, save_picture

SPEC = InputSpec(32, 24)


@pytest.fixture
def photos(tmp_path: Path) -> tuple[Photo, ...]:
    for label in ("disc", "square"):
        for i in range(6):
            save_picture(tmp_path / "photos" / label / f"{i}.png", draw_picture(label, i))
    (tmp_path / "photos" / "disc" / "2.png").write_bytes(b"no picture")
    return open_dataset(tmp_path / "photos").photos


def test_the_cache_holds_what_a_network_sees(photos: tuple[Photo, ...], tmp_path: Path) -> None:
    file = tmp_path / "cache" / "pictures"
    with picture_cache(photos, SPEC, file) as cache:
        assert [photo.filename for photo in cache.photos] == [p.filename for p in photos if p.filename != "disc/2.png"]
        assert [(one.photo.filename, "not a readable" in one.reason) for one in cache.skipped] == [("disc/2.png", True)]
        assert cache.pixels.shape == (11, 24, 32, 3) and cache.thumbnails.shape == (11, 32, 32)
        for photo, pixels in zip(cache.photos, cache.pixels, strict=True):
            assert (pixels == prepare(read_image(photo.path), SPEC)).all()
        assert file.stat().st_size == 12 * 24 * 32 * 3
    assert not file.exists()


def test_pages_that_were_let_go_come_back(photos: tuple[Photo, ...], tmp_path: Path) -> None:
    many = photos * 100
    with picture_cache(many, SPEC, tmp_path / "pictures") as cache:
        assert len(cache.photos) == 1100
        assert (cache.pixels.reshape(100, 11, *SPEC.shape) == cache.pixels[:11]).all()
        release_pages(cache.pixels)
        assert np.ptp(cache.pixels[0]) > 0


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="needs Linux's /proc")
def test_memory_does_not_grow_with_the_photos(photos: tuple[Photo, ...], tmp_path: Path) -> None:
    # 3,300 pictures of 150 kB are half a gigabyte; the process may keep a part of it, the file has it all.
    # The same holds for looking at all of them, when the pages are let go now and then.
    code = (
        "import sys; from pathlib import Path; from sorter.dataset import open_dataset\n"
        "from sorter.image import InputSpec; from sorter.trainer.cache import picture_cache, release_pages\n"
        "photos = open_dataset(Path(sys.argv[1])).photos\n"
        "with picture_cache(photos * 300, InputSpec(224, 224), Path(sys.argv[2])) as cache:\n"
        "    for start in range(0, 3300, 300):\n"
        "        cache.pixels[start : start + 300].sum()\n"
        "        release_pages(cache.pixels)\n"
        "    status = Path('/proc/self/status').read_text()\n"
        "print(next(line.split()[1] for line in status.splitlines() if line.startswith('VmHWM')))"
    )
    arguments = [sys.executable, "-c", code, str(tmp_path / "photos"), str(tmp_path / "pictures")]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 380_000
