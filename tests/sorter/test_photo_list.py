"""CSV files that list photos."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sorter.dataset import open_dataset
from sorter.errors import DatasetError
from sorter.photo_list import read_photo_list


def write_list(root: Path, text: str, name: str = "photos.csv") -> Path:
    path = root / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_list_names_photos_wherever_they_lie(make_dataset: Callable[..., Path]) -> None:
    root = make_dataset(per_class=2)
    (root / "more").mkdir()
    (root / "red" / "red_001.png").rename(root / "more" / "x.png")
    text = "path,label,camera\nred/red_000.png,red,7\nmore/x.png,red,8\n\n./blue/blue_000.png,blue,7\n"
    dataset = open_dataset(write_list(root, text))
    assert dataset.root == root and dataset.labels == ("blue", "red")
    assert [p.filename for p in dataset.photos] == ["blue/blue_000.png", "more/x.png", "red/red_000.png"]
    assert all(p.subset is None and not p.group for p in dataset.photos)
    assert dataset.fingerprint()


@pytest.mark.parametrize("column", ["subset", "split", "Split"])
def test_parts_and_groups(make_dataset: Callable[..., Path], column: str) -> None:
    root = make_dataset(per_class=1)
    text = f"Path;Label;{column};Group\nred/red_000.png;red;Training;a\nblue\\blue_000.png;blue;VAL;\n"
    photos = open_dataset(write_list(root, "\ufeff" + text)).photos
    assert [(p.label, p.subset, p.group) for p in photos] == [("blue", "validation", ""), ("red", "train", "a")]


def test_a_list_may_lie_elsewhere_and_name_whole_paths(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    root = make_dataset(per_class=1)
    (tmp_path / "lists").mkdir()
    text = f"path,label\n{root / 'red' / 'red_000.png'},red\n../photos/blue/blue_000.png,blue\n"
    photos = open_dataset(write_list(tmp_path / "lists", text)).photos
    assert all(p.path.is_file() for p in photos)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,class\na,b\n", "line 1 has no column path and no column label"),
        ("", "line 1 has no column path"),
        ("path,label\nred/red_000.png\n", "line 2 has 1 values for 2 columns"),
        ("path,label\nred/red_000.png,red\n,red\n", "line 3 has no path"),
        ("path,label\nred/red_000.png,\n", "line 2 has no label"),
        ("path,label\n\nred/none.png,red\n", "line 3 names red/none.png, which is no file"),
        ("path,label\nred/red_000.png,red\nred/./red_000.png,red\n", "line 3 lists .* again, after line 2"),
        ("path,label,split\nred/red_000.png,red,holdout\n", "line 2 names the part 'holdout'"),
        ("path,label,split\nred/red_000.png,red,train\nblue/blue_000.png,blue,\n", "line 3 names no part"),
        ("path,label,split\nred/red_000.png,red,\nblue/blue_000.png,blue,test\n", "line 2 names no part"),
        ('path,label\n"red/red_000.png,red\n', "not a readable table"),
        ("path,label\nred/red_000.png,red\n", "one class only"),
        ("path,label\n", "lists no photos"),
        ("path,label\nred/red_000.png,re\x07d\n", "line 2 has unprintable letters"),
    ],
)
def test_what_is_no_list(make_dataset: Callable[..., Path], text: str, message: str) -> None:
    root = make_dataset(per_class=1)
    with pytest.raises(DatasetError, match=message):
        open_dataset(write_list(root, text))


def test_a_list_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="Cannot read"):
        open_dataset(tmp_path / "none.csv")
    (tmp_path / "latin.csv").write_bytes("path,label\nblü,x\n".encode("latin-1"))
    with pytest.raises(DatasetError, match="not UTF-8"):
        read_photo_list(tmp_path / "latin.csv")
