"""One file is one deployable model: a ``.tflite`` that carries its labels and its manifest.

The layout is that of TFLite Metadata (https://ai.google.dev/edge/litert/models/metadata): a ZIP archive with the
associated files is appended to the flatbuffer. Interpreters read the flatbuffer from the front, ZIP readers find the
archive from the end. Any reader of TFLite Metadata finds ``labels.txt``; ours also reads ``sorter.json``.
"""

import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sorter.errors import BundleError
from sorter.image import InputSpec
from sorter.manifest import LABELS_NAME, MANIFEST_NAME, Manifest, read_labels

_FILE_IDENTIFIER = b"TFL3"
_METADATA_NAME = b"TFLITE_METADATA"

_DAMAGED_HINT = "Copy it again, or convert the network again."


@dataclass(frozen=True)
class Bundle:
    """A model file, read and checked.

    Attributes:
        path: Where it was read from.
        flatbuffer: The network itself.
        labels: Class names, in the order of the outputs.
        manifest: What is known about it; None for a foreign file.
    """

    path: Path
    flatbuffer: bytes
    labels: tuple[str, ...]
    manifest: Manifest | None

    @property
    def sha256(self) -> str:
        """SHA-256 of the flatbuffer, which identifies the network."""
        return hashlib.sha256(self.flatbuffer).hexdigest()

    @property
    def input(self) -> InputSpec | None:
        """Size and fit of the input; None for a foreign file, whose size only the interpreter knows."""
        return self.manifest.input if self.manifest else None

    @classmethod
    def load(cls, path: Path, labels: Path | None = None) -> "Bundle":
        """Reads and checks a ``.tflite``.

        Args:
            path: The file.
            labels: A ``labels.txt`` that replaces the labels inside; needed for a foreign file without any.

        Raises:
            BundleError: The file is missing, is no ``.tflite``, was cut short or changed, or has no labels.
        """
        content = _read(path)
        if content[4:8] != _FILE_IDENTIFIER:
            raise BundleError(f"{path} is not a .tflite file.", _DAMAGED_HINT)
        flatbuffer, files = split_content(content, path)
        manifest = None
        if MANIFEST_NAME in files:
            manifest = Manifest.from_json(files[MANIFEST_NAME], f"{MANIFEST_NAME} in {path}")
            if hashlib.sha256(flatbuffer).hexdigest() != manifest.model_sha256:
                raise BundleError(f"{path} has a wrong checksum: its network was changed or damaged.", _DAMAGED_HINT)
        names = _read_label_file(labels) if labels else _labels_inside(files, manifest, path)
        if manifest and len(names) != len(manifest.labels):
            raise BundleError(
                f"{labels or path} has {len(names)} labels, but the network knows {len(manifest.labels)} classes.",
                f"The network's own labels are: {', '.join(manifest.labels)}.",
            )
        return cls(path, flatbuffer, names, manifest)


def _read(path: Path) -> bytes:
    if path.is_dir():
        raise BundleError(f"{path} is a folder; a .tflite file is needed.", "Make one with sorter-convert.")
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise BundleError(f"Model file {path} does not exist.", "Make one with sorter-convert.") from None
    except OSError as error:
        raise BundleError(f"Cannot read {path}: {error.strerror}.", "Check its permissions.") from error


def split_content(content: bytes, path: Path) -> tuple[bytes, dict[str, bytes]]:
    """Divides the bytes of a ``.tflite`` into the flatbuffer and the files attached to it.

    Raises:
        BundleError: The attached files are damaged or missing although the flatbuffer speaks of them.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            start = min((info.header_offset for info in archive.infolist()), default=len(content))
            return content[:start], {info.filename: archive.read(info) for info in archive.infolist()}
    except zipfile.BadZipFile as error:
        if "not a zip file" not in str(error) or _METADATA_NAME in content:
            raise BundleError(f"{path} is cut short or damaged.", _DAMAGED_HINT) from error
        return content, {}
    except (ValueError, OSError, NotImplementedError, RuntimeError) as error:
        raise BundleError(f"{path} is damaged: {error}.", _DAMAGED_HINT) from error


def join_content(flatbuffer: bytes, files: Mapping[str, str]) -> bytes:
    """Appends files to a flatbuffer, the reverse of ``split_content``.

    The archive is stored uncompressed and with a fixed date: equal contents give equal bytes, and readers that map
    the file into memory can read the labels in place.
    """
    archive_bytes = io.BytesIO(flatbuffer)
    with zipfile.ZipFile(archive_bytes, "a", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name), files[name])
    return archive_bytes.getvalue()


def _labels_inside(files: Mapping[str, bytes], manifest: Manifest | None, path: Path) -> tuple[str, ...]:
    name = LABELS_NAME if LABELS_NAME in files else next((n for n in files if n.endswith(".txt")), None)
    if name is None:
        raise BundleError(f"{path} has no labels inside.", "Give them with --labels labels.txt, one label a line.")
    names = read_labels(_text(files[name], f"{name} in {path}"), f"{name} in {path}")
    if manifest and names != manifest.labels:
        raise BundleError(f"The labels in {path} contradict its manifest.", _DAMAGED_HINT)
    return names


def _read_label_file(path: Path) -> tuple[str, ...]:
    try:
        return read_labels(_text(path.read_bytes(), str(path)), str(path))
    except OSError as error:
        raise BundleError(f"Cannot read labels {path}: {error.strerror}.", "Check the path.") from error


def _text(content: bytes, source: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BundleError(f"{source} is not UTF-8 text.", "Save it as UTF-8, one label a line.") from error
