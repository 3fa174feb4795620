"""Class folders, ready-made parts, and split.csv."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sorter.dataset import apply_split, open_dataset, read_photos, require_labels, write_split
from sorter.errors import DatasetError


def test_class_folders(make_dataset: Callable[..., Path]) -> None:
    root = make_dataset(per_class=3)
    (root / "red" / "notes.txt").write_text("not a picture")
    (root / ".hidden").mkdir()
    dataset = open_dataset(root)
    assert dataset.labels == ("blue", "green", "red")
    assert dataset.count() == {"blue": 3, "green": 3, "red": 3}
    assert dataset.photos[0].filename == "blue/blue_000.png"
    assert dataset.photos[0].subset is None


@pytest.mark.parametrize(
    ("folder", "subset"),
    [
        ("TRAIN", "train"),
        ("val", "validation"),
        ("Valid", "validation"),
        ("validation", "validation"),
        ("Test", "test"),
        ("testing", "test"),
    ],
)
def test_ready_made_parts(make_dataset: Callable[..., Path], folder: str, subset: str) -> None:
    make_dataset(per_class=2, name="photos/training")
    root = make_dataset(per_class=1, name=f"photos/{folder}").parent
    dataset = open_dataset(root)
    assert dataset.labels == ("blue", "green", "red")
    assert {p.subset for p in dataset.photos if p.filename.startswith(folder)} == {subset}


def test_a_class_may_be_called_test(make_dataset: Callable[..., Path]) -> None:
    assert open_dataset(make_dataset(labels=("test", "other"))).labels == ("other", "test")
    assert open_dataset(make_dataset(name="b", labels=("test", "train"))).labels == ("test", "train")


def test_names_with_spaces_and_other_letters(make_dataset: Callable[..., Path]) -> None:
    # The second is written with a combining accent, as macOS does.
    dataset = open_dataset(make_dataset(labels=("grüner Tee", "cafe\u0301", "苹果")))
    assert set(dataset.labels) == {"grüner Tee", "caf\u00e9", "苹果"}
    assert all(not isinstance(picture, DatasetError) for _, picture in read_photos(dataset.photos))


def test_what_is_no_data_set(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="does not exist"):
        open_dataset(tmp_path / "nowhere")
    (tmp_path / "file").write_text("x")
    with pytest.raises(DatasetError, match="is not a folder"):
        open_dataset(tmp_path / "file")
    (tmp_path / "bare").mkdir()
    with pytest.raises(DatasetError, match="no class folders"):
        open_dataset(tmp_path / "bare")
    with pytest.raises(DatasetError, match=r"one class only \(apple\)"):
        open_dataset(make_dataset(name="one", labels=("apple",)))
    root = make_dataset(name="gap")
    (root / "yellow").mkdir()
    with pytest.raises(DatasetError, match="yellow has no pictures"):
        open_dataset(root)


def test_split_round_trip(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    dataset = open_dataset(make_dataset(per_class=2))
    photos = [replace(p, subset="test" if p.filename.endswith("1.png") else "train") for p in dataset.photos]
    write_split(tmp_path / "split.csv", photos)
    assert len(apply_split(dataset, tmp_path / "split.csv").select("test").photos) == 3


def test_split_of_another_data_set(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    dataset = open_dataset(make_dataset())
    write_split(tmp_path / "split.csv", [replace(dataset.photos[0], filename="else.png")])
    with pytest.raises(DatasetError, match="names none of the photos"):
        apply_split(dataset, tmp_path / "split.csv")
    (tmp_path / "split.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DatasetError, match="not a readable"):
        apply_split(dataset, tmp_path / "split.csv")
    write_split(tmp_path / "split.csv", dataset.photos)
    text = (tmp_path / "split.csv").read_text().replace(",blue,,", ",blue,training set,", 1)
    (tmp_path / "split.csv").write_text(text)
    with pytest.raises(DatasetError, match=r"not a readable split.csv: Line 2 names the part 'training set'"):
        apply_split(dataset, tmp_path / "split.csv")


def test_fingerprint_tells_contents_not_places(make_dataset: Callable[..., Path]) -> None:
    first, second = make_dataset(name="a"), make_dataset(name="b")
    assert open_dataset(first).fingerprint() == open_dataset(second).fingerprint()
    (second / "red" / "red_000.png").write_bytes((second / "red" / "red_001.png").read_bytes())
    assert open_dataset(first).fingerprint() != open_dataset(second).fingerprint()


def test_unknown_classes_are_named(make_dataset: Callable[..., Path]) -> None:
    dataset = open_dataset(make_dataset())
    require_labels(dataset, ("red", "green", "blue", "extra"))
    with pytest.raises(DatasetError, match="does not know: blue"):
        require_labels(dataset, ("red", "green"))
