"""Names of photos: unique, readable again, and harmless whatever the label is."""

from pathlib import Path, PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sorter.photo_names import class_folder, is_photo_name, new_run_mark, object_of, photo_name


def test_a_name_tells_time_run_object_and_place_in_the_burst() -> None:
    assert photo_name(1769868309.2507, "3f9a1c2b", 42) == "20260131T140509.250Z_3f9a1c2b_000042.jpg"
    burst = photo_name(1769868309.2507, "3f9a1c2b", 42, index=2, suffix=".png")
    assert burst == "20260131T140509.250Z_3f9a1c2b_000042_02.png"


@given(st.floats(0, 4e9), st.integers(0, 10**9), st.none() | st.integers(1, 999))
def test_names_are_recognised(taken_at: float, number: int, index: int | None) -> None:
    name = photo_name(taken_at, new_run_mark(), number, index)
    assert is_photo_name(name)
    assert object_of(PurePath("apple") / name)


def test_photos_of_one_object_share_a_text_and_others_do_not() -> None:
    first, second = (PurePath(photo_name(1e9 + i, "00000001", 7, i)) for i in (1, 2))
    other_run = PurePath(photo_name(1e9, "00000002", 7, 1))
    assert object_of(first) == object_of(second) != object_of(other_run)


@pytest.mark.parametrize("name", ["IMG_0001.jpg", "kept.jsonl", "20260131T140509.250Z_3f9a1c2b.jpg", ""])
def test_foreign_names_are_not_taken_for_ours(name: str) -> None:
    assert not is_photo_name(name)
    assert object_of(PurePath(name)) == ""


@pytest.mark.parametrize("label", ["apple", "Granny Smith", "Äpfel", "リンゴ", "a.b", "a+b", "n/a".replace("/", "-")])
def test_harmless_labels_are_folder_names_as_they_are(label: str) -> None:
    assert class_folder(label) == label


@pytest.mark.parametrize(
    "label", ["..", "../../etc", "/etc", ".", ".hidden", "a/b", "a\\b", "a\0b", "", " ", "x" * 300]
)
def test_hostile_labels_stay_inside(tmp_path: Path, label: str) -> None:
    folder = tmp_path / class_folder(label)
    folder.mkdir()
    assert folder.resolve().parent == tmp_path.resolve()
    assert not folder.name.startswith(".")


@given(st.text(max_size=200), st.text(max_size=200))
def test_different_labels_have_different_folders(first: str, second: str) -> None:
    one, two = class_folder(first), class_folder(second)
    assert (one == two) == (first == second)
    assert "/" not in one and "\0" not in one and one not in ("", ".", "..") and len(one.encode()) <= 255
