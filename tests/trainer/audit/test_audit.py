"""Faults are planted in drawn photos; each must be found, and nothing in photos without faults."""

import io
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from sorter.dataset import open_dataset, write_split
from sorter.errors import DatasetError
from sorter.trainer.audit.findings import Finding
from sorter.trainer.audit.inquiry import Audit, Question, audit_dataset
from sorter.trainer.grouping import GroupRule
from tests.trainer.audit.conftest import draw_scene
from tests.trainer.conftest import save_picture


@pytest.fixture(scope="module")
def audit_of_clean(clean: Path) -> Audit:
    return audit_dataset(Question(clean))


def test_nothing_is_found_in_photos_without_faults(audit_of_clean: Audit) -> None:
    assert audit_of_clean.findings == ()
    assert [answer.verdict for answer in audit_of_clean.answers if answer.probe.severity] == ["no"] * 5
    assert len(set(audit_of_clean.groups.tolist())) == 180
    assert set(audit_of_clean.average_pictures()) == {"cross", "disc", "square"}


def write_pillow(path: Path, picture: Image.Image, form: str, **options: object) -> None:
    content = io.BytesIO()
    picture.save(content, form, **options)
    path.write_bytes(content.getvalue())


def plant(root: Path) -> None:
    """One fault of each kind into copies of a clean set; the number in the name says which."""
    cross, disc, square = root / "cross", root / "disc", root / "square"
    (cross / "000.png").write_bytes(b"no picture")
    whole = (cross / "001.png").read_bytes()
    (cross / "001.png").write_bytes(whole[: len(whole) * 2 // 3])
    scene = Image.fromarray(cv2.cvtColor(draw_scene("cross", 500), cv2.COLOR_BGR2RGB))
    write_pillow(cross / "002.png", scene, "JPEG")
    save_picture(cross / "003.png", draw_scene("cross", 501, 60, 50))
    save_picture(cross / "004.png", cv2.resize(draw_scene("cross", 502), (400, 80)))
    save_picture(cross / "005.png", np.full((80, 96, 3), (90, 60, 200), np.uint8))
    write_pillow(cross / "006.png", scene.resize((90, 90)).convert("L"), "PNG")
    cmyk = Image.fromarray(np.dstack([draw_scene("cross", 503), draw_scene("cross", 504)[..., :1]]), "CMYK")
    write_pillow(cross / "007.jpg", cmyk, "JPEG")
    save_picture(cross / "008.png", draw_scene("cross", 505).astype(np.uint16) * 256)
    save_picture(cross / "009.png", cv2.cvtColor(draw_scene("cross", 506), cv2.COLOR_BGR2BGRA))
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = Image.fromarray(draw_scene("cross", 507))
    write_pillow(cross / "010.jpg", turned, "JPEG", exif=exif)
    frames = [Image.fromarray(draw_scene("cross", 508 + i)) for i in range(3)]
    write_pillow(cross / "011.webp", frames[0], "WEBP", save_all=True, append_images=frames[1:])
    (cross / "film.mp4").write_bytes(b"film")
    shutil.copy(disc / "000.png", square / "900.png")
    shutil.copy(disc / "001.png", disc / "901.png")
    picture = cv2.imread(str(disc / "002.png"))
    assert picture is not None
    cv2.imwrite(str(disc / "902.png"), picture, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    cv2.imwrite(str(disc / "903.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 70])
    for path in sorted(square.iterdir())[12:60]:
        path.unlink()


@pytest.fixture(scope="module")
def planted(clean: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Finding]:
    root = tmp_path_factory.mktemp("planted") / "photos"
    shutil.copytree(clean, root)
    plant(root)
    found = audit_dataset(Question(root))
    assert found.count()["serious"] >= 3 and found.findings[0].severity == "serious"
    json.dumps(found.to_json())
    return {finding.kind: finding for finding in found.findings}


@pytest.mark.parametrize(
    ("kind", "severity", "photos"),
    [
        ("unreadable", "serious", [["cross/000.png"], ["cross/001.png"]]),
        ("wrong-extension", "advice", [["cross/002.png"]]),
        ("tiny", "advice", [["cross/003.png"]]),
        ("extreme-aspect", "advice", [["cross/004.png"]]),
        ("blank", "advice", [["cross/005.png"]]),
        ("greyscale", "advice", [["cross/006.png"]]),
        ("cmyk", "note", [["cross/007.jpg"]]),
        ("deep", "note", [["cross/008.png"]]),
        ("alpha", "note", [["cross/009.png"]]),
        ("rotated", "note", [["cross/010.jpg"]]),
        ("animated", "advice", [["cross/011.webp"]]),
        ("unused-files", "advice", [["cross/film.mp4"]]),
        ("repeated-across-classes", "serious", [["disc/000.png", "square/900.png"]]),
        ("repeated", "advice", [["disc/001.png", "disc/901.png"], ["disc/002.png", "disc/902.png"]]),
    ],
)
def test_planted_faults_are_found(
    planted: dict[str, Finding], kind: str, severity: str, photos: list[list[str]]
) -> None:
    assert kind in planted
    assert planted[kind].severity == severity
    assert [[photo.filename for photo in item.photos] for item in planted[kind].items] == photos


def test_what_is_said_of_repeats_and_numbers(planted: dict[str, Finding]) -> None:
    assert [item.remark for item in planted["repeated"].items] == ["the same file", "the same pixels"]
    assert planted["repeated-across-classes"].items[0].remark == "the same file, disc and square"
    near = [{photo.filename for photo in item.photos} for item in planted["near-duplicates"].items]
    assert {"disc/002.png", "disc/903.jpg"} in near
    assert planted["few-photos"].severity == "serious" and "'square'" in planted["few-photos"].message
    assert planted["imbalance"].severity == "advice" and "times as many" in planted["imbalance"].message
    assert "2 photos cannot be read" in planted["unreadable"].message


def test_repeats_across_parts_and_classes_that_parts_lack(clean: Path, tmp_path: Path) -> None:
    for part, numbers in {"train": range(0, 5), "testing": range(5, 8)}.items():
        for label in ("cross", "disc", "square"):
            (tmp_path / "photos" / part / label).mkdir(parents=True)
            for i in numbers:
                shutil.copy(clean / label / f"{i:03d}.png", tmp_path / "photos" / part / label)
    shutil.rmtree(tmp_path / "photos" / "train" / "disc")
    shutil.copy(clean / "cross" / "003.png", tmp_path / "photos" / "testing" / "cross" / "x.png")
    found = {finding.kind: finding for finding in audit_dataset(Question(tmp_path / "photos")).findings}
    repeated = found["repeated-across-parts"]
    assert repeated.severity == "serious" and len(repeated.items) == 1
    assert [photo.filename for photo in repeated.items[0].photos] == ["testing/cross/x.png", "train/cross/003.png"]
    assert repeated.items[0].remark == "the same file, test and train"
    assert found["untrained-class"].severity == "serious" and "disc" in found["untrained-class"].message


def test_parts_of_a_split_file(clean: Path, tmp_path: Path) -> None:
    from dataclasses import replace

    listed = tmp_path / "photos.csv"
    rows = [f"{photo.path},{photo.label}" for photo in open_dataset(clean).photos if photo.filename < "cross/030"]
    rows += [f"{clean / 'disc' / '000.png'},disc"]
    (tmp_path / "copy.png").write_bytes((clean / "cross" / "000.png").read_bytes())
    listed.write_text("path,label\n" + "\n".join(rows) + "\ncopy.png,cross\n", encoding="utf-8")
    photos = open_dataset(listed).photos
    parts = [replace(photo, subset="test" if photo.filename == "copy.png" else "train") for photo in photos]
    write_split(tmp_path / "split.csv", parts)
    found = audit_dataset(Question(listed, tmp_path / "split.csv"))
    kinds = {finding.kind for finding in found.findings}
    assert {"repeated-across-parts", "untested-class", "few-photos"} <= kinds
    assert not found.answers and found.unanswered.startswith("Not judged: Class 'disc' has only 1")


def test_groups_by_name_count_as_one(clean: Path, tmp_path: Path) -> None:
    root = tmp_path / "photos"
    for label in ("cross", "disc"):
        (root / label).mkdir(parents=True)
        for i in range(60):
            shutil.copy(clean / label / f"{i:03d}.png", root / label / f"{i // 15}_{i % 15}.png")
    found = audit_dataset(Question(root, group_rule=GroupRule.parse(r"^(\d)_")))
    assert found.to_json()["different"] == 8
    assert [f.kind for f in found.findings if f.severity == "serious"] == ["few-photos", "few-photos"]


def test_nothing_readable_is_an_error(tmp_path: Path) -> None:
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        (tmp_path / label / "x.png").write_bytes(b"x")
    with pytest.raises(DatasetError, match="None of the 2 photos can be read"):
        audit_dataset(Question(tmp_path))


def test_contradicting_labels_of_real_photos(trashnet: Path, tmp_path: Path) -> None:
    pairs = [("glass115", "metal91"), ("glass389", "plastic332")]
    names = {name for pair in pairs for name in pair}
    # One photo of trash is too few to look for shortcuts, which would take the time of the test.
    names |= {f"{label}{i}" for label in ("glass", "metal", "plastic") for i in range(1, 40)} | {"trash1"}
    paths = [trashnet / name.rstrip("0123456789") / f"{name}.jpg" for name in sorted(names)]
    rows = [f"{path},{path.parent.name}\n" for path in paths if path.is_file()]
    (tmp_path / "photos.csv").write_text("path,label\n" + "".join(rows), encoding="utf-8")
    found = {finding.kind: finding for finding in audit_dataset(Question(tmp_path / "photos.csv")).findings}
    items = found["repeated-across-classes"].items
    assert [tuple(photo.path.stem for photo in item.photos) for item in items] == pairs
