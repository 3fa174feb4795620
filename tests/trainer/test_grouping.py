from pathlib import Path

import numpy as np
import pytest

from sorter.dataset import Photo
from sorter.errors import ConfigError
from sorter.photo_names import photo_name
from sorter.trainer.grouping import GroupRule, group_photos, join_known


def photos(*names: str, group: str = "") -> list[Photo]:
    return [Photo(Path(name), name, name.split("/")[0], group=group) for name in names]


def join(some: list[Photo], rule: str | None = None, groups: list[int] | None = None) -> list[int]:
    alone = np.array(groups if groups is not None else range(len(some)), np.int64)
    return [int(group) for group in join_known(some, alone, GroupRule.parse(rule) if rule else None)]


def test_a_rule_joins_photos_of_one_object_within_their_class() -> None:
    some = photos("apple/obj1_a.jpg", "apple/obj2_a.jpg", "apple/obj1_b.jpg", "lemon/obj1_a.jpg", "apple/else.jpg")
    assert join(some, r"obj(\d+)_") == [0, 1, 0, 3, 4]
    assert join(some, r"obj\d+") == [0, 1, 0, 3, 4]
    assert join(some, r"(obj)(?P<group>\d+)") == [0, 1, 0, 3, 4]


def test_a_rule_with_a_slash_sees_the_folders() -> None:
    some = photos("apple/1/a.jpg", "apple/1/b.jpg", "apple/2/a.jpg")
    assert join(some, r"^([^/]+/[^/]+)/") == [0, 0, 2]
    assert join(some, r"^(.)\.jpg") == [0, 1, 0]


def test_groups_that_share_a_photo_become_one() -> None:
    some = photos("apple/1_a.jpg", "apple/2_a.jpg", "apple/1_b.jpg", "apple/3_a.jpg")
    assert join(some, r"^(\d)_", groups=[0, 1, 1, 3]) == [0, 0, 0, 3]


def test_groups_of_a_list_reach_across_classes() -> None:
    some = photos("apple/1.jpg", "lemon/1.jpg", group="table") + photos("lemon/2.jpg", "apple/2.jpg")
    assert join(some) == [0, 0, 2, 3]


def test_bursts_of_the_device_group_by_themselves() -> None:
    first = [photo_name(1.0, "0a0a0a0a", 1, index) for index in (1, 2)]
    second = photo_name(2.0, "0a0a0a0a", 2)
    assert join(photos(f"apple/{first[0]}", f"apple/{second}", f"lemon/{first[1]}")) == [0, 1, 0]


def test_near_duplicates_and_names_together() -> None:
    rng = np.random.default_rng(0)
    scenes = rng.uniform(0, 255, (3, 32, 32)).astype(np.float32)
    thumbnails = scenes[[0, 1, 0, 2]]
    some = photos("apple/1_a.jpg", "apple/2_a.jpg", "lemon/9.jpg", "apple/2_b.jpg")
    assert group_photos(some, thumbnails, GroupRule.parse(r"^(\d)_")).tolist() == [0, 1, 0, 1]
    assert group_photos([], thumbnails[:0], None).tolist() == []


def test_rules_that_cannot_work_are_refused() -> None:
    with pytest.raises(ConfigError, match="not a regular expression"):
        GroupRule.parse("obj(")
    with pytest.raises(ConfigError, match=r"finds nothing in any photo's name, such as apple/1\.jpg"):
        join(photos("apple/1.jpg"), "obj")
