"""One file is one deployable model: what is inside is checked before anything uses it."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sorter.bundle import Bundle, join_content, split_content
from sorter.errors import BundleError
from sorter.image import InputSpec
from sorter.manifest import Manifest, read_labels

FLATBUFFER = b"\x1c\0\0\0TFL3" + bytes(range(256)) * 4 + b"TFLITE_METADATA"
MANIFEST = Manifest(
    "fruit",
    ("apple", "Zitrone mit Öl", "日本梨"),
    InputSpec(96, 64, "crop"),
    model_sha256=hashlib.sha256(FLATBUFFER).hexdigest(),
)


def files(manifest: Manifest = MANIFEST, labels: str | None = None) -> dict[str, str]:
    return {"labels.txt": labels or "\n".join(manifest.labels) + "\n", "sorter.json": manifest.to_json()}


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.tflite"


def test_round_trip(path: Path) -> None:
    bundle = Bundle.load(write(path, join_content(FLATBUFFER, files())))
    assert bundle.flatbuffer == FLATBUFFER
    assert bundle.labels == MANIFEST.labels
    assert bundle.manifest == MANIFEST
    assert bundle.sha256 == MANIFEST.model_sha256


def test_equal_contents_are_equal_bytes() -> None:
    assert join_content(FLATBUFFER, files()) == join_content(FLATBUFFER, dict(reversed(files().items())))


@given(st.binary(min_size=8, max_size=300).filter(lambda b: b"PK" not in b))
def test_any_flatbuffer_is_found_again(flatbuffer: bytes) -> None:
    assert split_content(join_content(flatbuffer, {"a.txt": "x"}), Path("a"))[0] == flatbuffer


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not a .tflite"),
        (b"hello, this is a text file", "not a .tflite"),
        (join_content(FLATBUFFER, files())[:-40], "cut short"),
        (FLATBUFFER, "cut short"),
        (FLATBUFFER.removesuffix(b"TFLITE_METADATA"), "no labels"),
        (join_content(FLATBUFFER.replace(b"\x07", b"\x08"), files()), "wrong checksum"),
        (join_content(FLATBUFFER, files(labels="apple\nlemon\n")), "contradict"),
        (join_content(FLATBUFFER, files() | {"sorter.json": "{"}), "not a valid manifest"),
        (join_content(FLATBUFFER, {"labels.txt": "a\n\nb"}), "labels that are not text"),
        (join_content(FLATBUFFER, {"labels.txt": "a\nb\na"}), "twice"),
    ],
)
def test_damaged_files_are_refused(path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(BundleError, match=reason) as raised:
        Bundle.load(write(path, content))
    assert raised.value.hint


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="does not exist"):
        Bundle.load(tmp_path / "none.tflite")
    with pytest.raises(BundleError, match="is a folder"):
        Bundle.load(tmp_path)


def test_foreign_file_takes_labels_from_outside(path: Path, tmp_path: Path) -> None:
    foreign = write(path, FLATBUFFER.removesuffix(b"TFLITE_METADATA"))
    labels = write(tmp_path / "labels.txt", "﻿apple\r\nlemon\r\n\r\n".encode())
    bundle = Bundle.load(foreign, labels)
    assert bundle.labels == ("apple", "lemon")
    assert bundle.manifest is None


def test_labels_of_another_number_are_refused(path: Path, tmp_path: Path) -> None:
    write(path, join_content(FLATBUFFER, files()))
    with pytest.raises(BundleError, match="2 labels, but the network knows 3"):
        Bundle.load(path, write(tmp_path / "labels.txt", b"a\nb\n"))
    with pytest.raises(BundleError, match="UTF-8"):
        Bundle.load(path, write(tmp_path / "latin.txt", "ä\nö\nü\n".encode("latin-1")))


class TestManifest:
    def test_json_round_trip(self) -> None:
        assert Manifest.from_json(MANIFEST.to_json(), "here") == MANIFEST

    @pytest.mark.parametrize(
        "change", [{"labels": []}, {"labels": [1, 2]}, {"input": {"width": 3}}, {"threshold": 2}, {"temperature": 0}]
    )
    def test_impossible_values_are_refused(self, change: dict[str, object]) -> None:
        with pytest.raises(BundleError):
            Manifest.from_json(json.dumps(json.loads(MANIFEST.to_json()) | change), "here")

    def test_another_schema_version_is_refused(self) -> None:
        with pytest.raises(BundleError, match="schema version 99"):
            Manifest.from_json(replace(MANIFEST, schema_version=99).to_json(), "here")

    @given(st.lists(st.text(st.characters(categories=["L", "N"]), min_size=1), min_size=1, unique=True))
    def test_labels_survive_their_file(self, labels: list[str]) -> None:
        assert read_labels("\n".join(labels) + "\n", "here") == tuple(labels)
