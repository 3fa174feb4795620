"""Free space: measured on real file systems, judged by hand."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sorter.edge.storage import MEGABYTE, ROOM, StorageLimits, StorageState, free_bytes, judge_storage
from sorter.errors import ConfigError

LIMITS = StorageLimits(pictures_megabytes=500, sorting_megabytes=50)


def judge(megabytes: float, before: StorageState = ROOM) -> StorageState:
    return judge_storage(int(megabytes * MEGABYTE), LIMITS, before)


def test_pictures_end_first_then_sorting() -> None:
    assert judge(500) == ROOM
    low = judge(499)
    assert not low.pictures and low.sorting and "no pictures" in low.reason and "499 MB" in low.reason
    lower = judge(49)
    assert not lower.pictures and not lower.sorting and "sorting waits" in lower.reason


def test_what_ended_comes_back_only_well_above_its_limit() -> None:
    low = judge(499)
    assert not judge(501, low).pictures
    assert judge(551, low) == ROOM
    lower = judge(49)
    assert not judge(51, lower).sorting
    assert judge(60, lower).sorting and not judge(60, lower).pictures


@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_sorting_never_ends_while_pictures_are_kept(earlier: int, free: int) -> None:
    state = judge_storage(free, LIMITS, judge_storage(earlier, LIMITS))
    assert state.sorting or not state.pictures
    assert bool(state.reason) == (not state.pictures)


def test_limits_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(ConfigError, match="already below 600 MB"):
        StorageLimits(500, 600)


def test_free_space_of_a_folder_that_is_still_to_be_made(tmp_path: Path) -> None:
    found = os.statvfs(tmp_path)
    free = free_bytes(tmp_path / "not" / "yet")
    # Others write to the same disk meanwhile.
    assert abs(free - found.f_bavail * found.f_frsize) < 2**30


def test_a_disk_without_file_entries_is_full(small_disk: Path) -> None:
    assert free_bytes(small_disk) > 0
    created = 0
    try:
        while True:
            (small_disk / str(created)).touch()
            created += 1
    except OSError:
        assert created
    assert free_bytes(small_disk) == 0
