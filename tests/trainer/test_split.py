from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sorter.dataset import Dataset, Photo, Subset, write_split
from sorter.errors import ConfigError, DatasetError
from sorter.trainer.split import SUBSETS, Shares, carved_parts, divide_folds, divided_groups, repeat_split, split_photos

SHARES = Shares(0.6, 0.2, 0.2)


def photos(counts: dict[str, int], subset: Subset | None = None) -> list[Photo]:
    prefix = f"{subset}/" if subset else ""
    return [
        Photo(Path(f"{prefix}{label}/{i}.jpg"), f"{prefix}{label}/{i}.jpg", label, subset)
        for label, count in counts.items()
        for i in range(count)
    ]


def each_alone(some: list[Photo]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.arange(len(some), dtype=np.int64)


@pytest.mark.parametrize("text", ["60/20", "60/20/30", "a/b/c", "100/0/0", "80/30/-10", "", "60/20/20/0", "nan/20/20"])
def test_impossible_shares_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="sum to 100"):
        Shares.parse(text)


def test_shares_are_read() -> None:
    assert Shares.parse("70/10/20") == Shares(0.7, 0.1, 0.2)


def test_every_class_is_divided_in_the_wanted_proportion() -> None:
    some = photos({"glass": 50, "trash": 10})
    split = split_photos(some, each_alone(some), SHARES, seed=1)
    counts = Counter((p.label, p.subset) for p in split)
    assert [counts["glass", s] for s in SUBSETS] == [30, 10, 10]
    assert [counts["trash", s] for s in SUBSETS] == [6, 2, 2]


def test_the_same_seed_gives_the_same_split_and_another_another() -> None:
    some = photos({"glass": 50, "trash": 10})
    first = split_photos(some, each_alone(some), SHARES, seed=1)
    assert first == split_photos(some, each_alone(some), SHARES, seed=1)
    assert first != split_photos(some, each_alone(some), SHARES, seed=2)


def test_three_photos_of_a_class_give_one_to_each_part() -> None:
    some = photos({"glass": 3, "trash": 40})
    split = split_photos(some, each_alone(some), SHARES, seed=0)
    assert {p.subset for p in split if p.label == "glass"} == set(SUBSETS)


@pytest.mark.parametrize(("counts", "groups"), [({"glass": 2, "trash": 9}, None), ({"glass": 9, "trash": 9}, "burst")])
def test_too_few_different_photos_are_a_clear_error(counts: dict[str, int], groups: str | None) -> None:
    some = photos(counts)
    numbers = each_alone(some)
    if groups:
        numbers[:9] = 0
    with pytest.raises(DatasetError, match=r"'glass' has only [12] different usable photo"):
        split_photos(some, numbers, SHARES, seed=0)


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.lists(st.integers(1, 6), min_size=3, max_size=30), min_size=2, max_size=4),
    seed=st.integers(0, 1000),
)
def test_groups_stay_together_and_every_class_is_in_every_part(sizes: list[list[int]], seed: int) -> None:
    some = photos({f"class {c}": sum(of_class) for c, of_class in enumerate(sizes)})
    groups = np.repeat(np.arange(sum(map(len, sizes))), [n for of_class in sizes for n in of_class])
    split = split_photos(some, groups, SHARES, seed)
    assert [p.filename for p in split] == [p.filename for p in some]
    assert divided_groups(split) == 0
    present = defaultdict(set)
    for photo in split:
        present[photo.label].add(photo.subset)
    assert all(subsets == set(SUBSETS) for subsets in present.values())


def test_ready_made_parts_are_respected() -> None:
    some = photos({"a": 4, "b": 4}, "train") + photos({"a": 2, "b": 2}, "validation") + photos({"a": 1, "b": 1}, "test")
    split = split_photos(some, each_alone(some), SHARES, seed=0)
    assert [p.subset for p in split] == [p.subset for p in some]
    assert carved_parts(some) == ()


def test_a_missing_validation_part_is_carved_from_the_train_part() -> None:
    some = photos({"a": 40, "b": 40}, "train") + photos({"a": 5, "b": 5}, "test")
    assert carved_parts(some) == ("validation",)
    split = split_photos(some, each_alone(some), SHARES, seed=0)
    assert Counter(p.subset for p in split) == {"train": 60, "validation": 20, "test": 10}
    assert all(p.subset == "test" for p in split if p.filename.startswith("test/"))


def test_a_missing_train_part_is_an_error() -> None:
    some = photos({"a": 4, "b": 4}, "validation") + photos({"a": 4, "b": 4}, "test")
    with pytest.raises(DatasetError, match="no train folder"):
        split_photos(some, each_alone(some), SHARES, seed=0)


def test_a_class_without_training_photos_is_an_error() -> None:
    some = photos({"a": 4}, "train") + photos({"a": 4}, "validation") + photos({"a": 4, "b": 4}, "test")
    with pytest.raises(DatasetError, match="'b' is in the test part but has no usable photo in the train part"):
        split_photos(some, each_alone(some), SHARES, seed=0)


def test_duplicates_across_ready_made_parts_are_counted() -> None:
    some = photos({"a": 2, "b": 2}, "train") + photos({"a": 1, "b": 1}, "test") + photos({"a": 1, "b": 1}, "validation")
    groups = each_alone(some)
    groups[4] = groups[0]
    assert divided_groups(split_photos(some, groups, SHARES, seed=0)) == 1


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.lists(st.integers(1, 5), min_size=5, max_size=30), min_size=2, max_size=4),
    folds=st.integers(2, 5),
    seed=st.integers(0, 1000),
)
def test_folds_are_stratified_and_keep_groups_together(sizes: list[list[int]], folds: int, seed: int) -> None:
    some = photos({f"class {c}": sum(of_class) for c, of_class in enumerate(sizes)})
    groups = np.repeat(np.arange(sum(map(len, sizes))), [n for of_class in sizes for n in of_class])
    numbers = divide_folds(some, groups, folds, seed)
    assert (numbers == divide_folds(some, groups, folds, seed)).all()
    assert all(len(set(numbers[groups == group])) == 1 for group in groups)
    for label in {photo.label for photo in some}:
        of_label = np.array([photo.label == label for photo in some])
        counts = np.bincount(numbers[of_label], minlength=folds)
        assert counts.min() > 0 and counts.max() - counts.min() <= 5


def test_folds_of_single_photos_differ_by_one_at_most() -> None:
    some = photos({"glass": 52, "trash": 11})
    first = divide_folds(some, each_alone(some), 5, seed=0)
    for label, expected in (("glass", [10, 10, 10, 11, 11]), ("trash", [2, 2, 2, 2, 3])):
        counts = np.bincount(first[[photo.label == label for photo in some]])
        assert sorted(counts) == expected
    assert (first != divide_folds(some, each_alone(some), 5, seed=1)).any()


def test_impossible_folds_are_refused() -> None:
    some = photos({"glass": 4, "trash": 11})
    with pytest.raises(ConfigError, match="1 folds are too few"):
        divide_folds(some, each_alone(some), 1, seed=0)
    with pytest.raises(DatasetError, match="'glass' has only 4 different usable photos; 5 parts"):
        divide_folds(some, each_alone(some), 5, seed=0)


def test_an_earlier_split_is_repeated_exactly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    some = photos({"glass": 20, "trash": 10})
    split = split_photos(some, each_alone(some), SHARES, seed=3)
    write_split(tmp_path / "split.csv", split)
    more = tuple(some + photos({"glass": 1}, "train"))
    repeated = repeat_split(Dataset(tmp_path, ("glass", "trash"), more), tmp_path / "split.csv")
    assert repeated.photos == split
    assert "does not name 1 of 31 photos" in capsys.readouterr().err
    assert split_photos(repeated.photos, each_alone(some), Shares(0.1, 0.1, 0.8), seed=9) == split


@pytest.mark.parametrize(
    ("drop", "message"),
    [
        (lambda p: p.subset == "validation", "names no photo of .* for the validation part"),
        (lambda p: p.subset == "train" and p.label == "trash", "'trash' is in the validation and test part but has no"),
        (lambda p: p.label == "trash", "Class 'trash' has no usable photo in the train part"),
    ],
)
def test_a_split_that_cannot_train_is_refused(tmp_path: Path, drop: Callable[[Photo], bool], message: str) -> None:
    some = photos({"glass": 20, "trash": 10})
    split = split_photos(some, each_alone(some), SHARES, seed=3)
    write_split(tmp_path / "split.csv", [photo for photo in split if not drop(photo)])
    with pytest.raises(DatasetError, match=message):
        repeat_split(Dataset(tmp_path, ("glass", "trash"), tuple(some)), tmp_path / "split.csv")
