"""Files that are complete or not there at all."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from sorter.errors import StorageError
from sorter.files import complete_file, make_folder, write_bytes, write_json


def test_writes_and_replaces(tmp_path: Path) -> None:
    write_json(tmp_path / "new" / "a.json", {"b": 1, "a": "ü"})
    write_json(tmp_path / "new" / "a.json", {"b": 2})
    assert (tmp_path / "new" / "a.json").read_text(encoding="utf-8") == '{\n  "b": 2\n}\n'


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a", b"old")
    with pytest.raises(ValueError, match="half-way"), complete_file(tmp_path / "a") as temporary:
        temporary.write_bytes(b"new")
        raise ValueError("half-way")
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"


def test_a_file_where_a_folder_is_needed(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    with pytest.raises(StorageError, match="a folder is needed"):
        make_folder(tmp_path / "a")
    with pytest.raises(StorageError):
        write_bytes(tmp_path / "a" / "b", b"x")


def test_a_full_disk(tmp_path: Path) -> None:
    """A real file system of 100 kB, mounted where this may be done."""
    mount = shutil.which("mount")
    if mount is None or os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    small = make_folder(tmp_path / "small")
    if subprocess.run([mount, "-t", "tmpfs", "-o", "size=100k", "tmpfs", small], capture_output=True).returncode:
        pytest.skip("this machine does not let tests mount a file system")
    try:
        write_bytes(small / "fits", b"x" * 1000)
        with pytest.raises(StorageError, match="disk is full"):
            write_bytes(small / "too-large", b"x" * 1_000_000)
        assert [p.name for p in small.iterdir()] == ["fits"]
    finally:
        subprocess.run(["umount", small], check=True)
