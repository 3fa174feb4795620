"""A model file that is replaced in every good and bad way, while the old network goes on."""

import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sorter.bundle import Bundle, join_content
from sorter.edge.decision import BinMap, make_bin_map
from sorter.edge.model import LoadedModel, ModelOptions, keep_bins, load_model
from sorter.edge.model_watch import ModelWatcher
from sorter.errors import BundleError, ConfigError
from sorter.image import Pixels
from sorter.models import find_model

FRUIT = find_model("fruit-demo-int8")
WASTE = find_model("waste-mobilenetv2-int8")
FRAME: Pixels = np.random.default_rng(1).integers(0, 256, (480, 640, 3), np.uint8)


def any_bins(labels: tuple[str, ...]) -> BinMap:
    return make_bin_map(labels, {}, 0)


def variant(path: Path, labels: tuple[str, ...] | None = None, **changes: Any) -> bytes:
    """The bytes of a bundle whose manifest was changed."""
    bundle = Bundle.load(path)
    assert bundle.manifest is not None
    manifest = replace(bundle.manifest, labels=labels or bundle.labels, **changes)
    return join_content(
        bundle.flatbuffer, {"labels.txt": "\n".join(labels or bundle.labels), "sorter.json": manifest.to_json()}
    )


class Desk:
    """A model file in a folder, the network loaded from it, and a watcher whose clock is wound by hand."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.path = folder / "model.tflite"
        shutil.copy(FRUIT, self.path)
        self.options = ModelOptions(self.path, **options)
        self.first = load_model(self.options, any_bins)
        self.now_s = 100.0
        self.watcher = ModelWatcher(
            self.options, self.first.fingerprint, keep_bins(self.first.bins), lambda: FRAME, lambda: self.now_s
        )

    def wait(self, seconds: int = 3) -> LoadedModel | None:
        for _ in range(seconds):
            self.now_s += 1.0
            self.watcher.look()
        return self.watcher.take()

    def rename(self, content: bytes) -> None:
        """Replaces the file as it should be done."""
        new = self.path.with_suffix(".new")
        new.write_bytes(content)
        new.replace(self.path)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_nothing_new_offers_nothing(desk: Desk) -> None:
    assert desk.wait(10) is None and desk.watcher.refused == ""
    desk.path.touch()
    shutil.copy(FRUIT, desk.path)
    assert desk.wait() is None, "the same content again is no new network"


def test_a_new_network_is_offered_once_and_ready_to_work(desk: Desk) -> None:
    desk.wait()
    desk.rename(variant(FRUIT, threshold=0.9))
    model = desk.wait()
    assert model is not None
    assert model.threshold == 0.9 and model.bins == desk.first.bins
    assert model.sha256 == desk.first.sha256 and model.fingerprint != desk.first.fingerprint
    assert model.classifier.classify(FRAME).label == desk.first.classifier.classify(FRAME).label
    assert desk.wait() is None
    desk.rename(FRUIT.read_bytes())
    back = desk.wait()
    assert back is not None and back.fingerprint == desk.first.fingerprint


def test_what_the_user_has_fixed_stays(tmp_path: Path) -> None:
    desk = Desk(tmp_path, threshold=0.42)
    desk.rename(variant(FRUIT, threshold=0.9))
    model = desk.wait()
    assert model is not None and model.threshold == 0.42


def test_labels_in_another_order_keep_their_bins(desk: Desk) -> None:
    labels = desk.first.classifier.labels
    desk.rename(variant(FRUIT, labels=labels[::-1]))
    model = desk.wait()
    assert model is not None and model.classifier.labels == labels[::-1]
    assert model.bins.bins == desk.first.bins.bins


def test_labels_without_a_bin_are_refused(desk: Desk) -> None:
    shutil.copy(WASTE, desk.path)
    assert desk.wait() is None
    assert "has no bin" in desk.watcher.refused
    desk.rename(variant(FRUIT, threshold=0.8))
    assert desk.wait() is not None and desk.watcher.refused == "", "a good file ends the complaint"


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_file_that_was_cut_short_is_refused(desk: Desk, share: float) -> None:
    content = FRUIT.read_bytes()
    desk.path.write_bytes(content[: int(len(content) * share)])
    assert desk.wait() is None
    assert str(desk.path) in desk.watcher.refused
    desk.path.write_bytes(content)
    assert desk.wait() is None and desk.watcher.refused == "", "what works now has come back"


def test_a_damaged_network_is_refused(desk: Desk) -> None:
    content = bytearray(FRUIT.read_bytes())
    content[len(content) // 2] ^= 0xFF
    desk.path.write_bytes(content)
    assert desk.wait() is None
    assert "checksum" in desk.watcher.refused or "damaged" in desk.watcher.refused


def test_a_foreign_network_that_does_not_run_is_refused(tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join(Bundle.load(FRUIT).labels))
    desk = Desk(tmp_path, labels=labels)
    flatbuffer = Bundle.load(FRUIT).flatbuffer
    desk.path.write_bytes(flatbuffer[: len(flatbuffer) // 2])
    assert desk.wait() is None
    assert desk.watcher.refused


def test_a_labels_file_counts_as_a_part_of_the_network(tmp_path: Path) -> None:
    names = tmp_path / "labels.txt"
    names.write_text("\n".join(Bundle.load(FRUIT).labels))
    desk = Desk(tmp_path, labels=names)
    names.write_text("\n".join(Bundle.load(FRUIT).labels[::-1]))
    model = desk.wait()
    assert model is not None and model.classifier.labels == Bundle.load(FRUIT).labels[::-1]
    names.write_text("only one")
    assert desk.wait() is None and "has 1 labels" in desk.watcher.refused


def test_a_file_that_vanishes_or_becomes_a_folder_is_told(desk: Desk) -> None:
    desk.path.unlink()
    assert desk.wait() is None and "does not exist" in desk.watcher.refused
    desk.path.mkdir()
    assert desk.wait() is None and "is a folder" in desk.watcher.refused
    desk.path.rmdir()
    shutil.copy(FRUIT, desk.path)
    assert desk.wait() is None and desk.watcher.refused == ""


@contextmanager
def somebody_else() -> Iterator[None]:
    """Root may read everything; somebody else may not."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_file_without_permission_is_refused_until_it_has_one() -> None:
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        desk = Desk(Path(name))
        desk.rename(variant(FRUIT, threshold=0.9))
        desk.path.chmod(0)
        with somebody_else():
            assert desk.wait() is None
        assert "Permission denied" in desk.watcher.refused
        desk.path.chmod(0o644)
        with somebody_else():
            assert desk.wait() is not None
        assert desk.watcher.refused == ""


def test_a_slow_copy_is_taken_only_when_it_is_complete(desk: Desk) -> None:
    content = variant(FRUIT, threshold=0.9)
    desk.wait()
    with desk.path.open("wb", buffering=0) as file:
        for start in range(0, len(content), 20_000):
            file.write(content[start : start + 20_000])
            assert desk.wait(1) is None
            assert desk.watcher.refused == "", "a half file was looked at"
    assert desk.wait() is not None


def test_a_copy_that_stalls_is_refused_and_then_taken(desk: Desk) -> None:
    content = variant(FRUIT, threshold=0.9)
    with desk.path.open("wb", buffering=0) as file:
        file.write(content[:50_000])
        assert desk.wait() is None and desk.watcher.refused
        file.write(content[50_000:])
    assert desk.wait() is not None and desk.watcher.refused == ""


def test_a_copy_that_brings_size_and_time_along_is_noticed(desk: Desk) -> None:
    desk.wait()
    before = desk.path.stat()
    content = bytearray(desk.path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    desk.path.write_bytes(content)
    os.utime(desk.path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = desk.path.stat()
    assert (after.st_size, after.st_mtime_ns, after.st_ino) == (before.st_size, before.st_mtime_ns, before.st_ino)
    assert desk.wait() is None and desk.watcher.refused


def test_replaced_again_before_anybody_took_it(desk: Desk) -> None:
    desk.rename(variant(FRUIT, threshold=0.8))
    for _ in range(3):
        desk.now_s += 1
        desk.watcher.look()
    desk.rename(variant(FRUIT, threshold=0.9))
    model = desk.wait()
    assert model is not None and model.threshold == 0.9
    desk.rename(variant(FRUIT, threshold=0.8))
    for _ in range(3):
        desk.now_s += 1
        desk.watcher.look()
    desk.rename(variant(FRUIT, threshold=0.9))
    assert desk.wait() is None, "back to what is in use: the offer is withdrawn"


def test_replaced_while_it_is_loaded(desk: Desk) -> None:
    replacements = [variant(FRUIT, threshold=0.9)]

    def fit_slowly(labels: tuple[str, ...]) -> BinMap:
        if replacements:
            desk.rename(replacements.pop())
        return any_bins(labels)

    desk.watcher = ModelWatcher(desk.options, desk.first.fingerprint, fit_slowly, clock=lambda: desk.now_s)
    desk.rename(variant(FRUIT, threshold=0.8))
    model = desk.wait(6)
    assert model is not None and model.threshold == 0.9, "the newest one wins"


def test_written_to_while_it_is_read(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    read = Bundle.load

    def disturbed(path: Path, labels: Path | None = None) -> Bundle:
        bundle = read(path, labels)
        path.write_bytes(b"something else")
        return bundle

    monkeypatch.setattr(Bundle, "load", disturbed)
    with pytest.raises(BundleError, match="while it was read"):
        load_model(desk.options, any_bins)


def test_a_link_that_points_elsewhere(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    (tmp_path / "v2.tflite").write_bytes(variant(FRUIT, threshold=0.9))
    desk.path.unlink()
    desk.path.symlink_to("v2.tflite")
    assert desk.wait() is not None


def test_a_person_may_ask_for_another_try(desk: Desk) -> None:
    tries: list[int] = []

    def fit(labels: tuple[str, ...]) -> BinMap:
        tries.append(1)
        if len(tries) == 1:
            raise ConfigError("The arm has no bin 9.")
        return any_bins(labels)

    desk.watcher = ModelWatcher(desk.options, desk.first.fingerprint, fit, clock=lambda: desk.now_s)
    desk.rename(variant(FRUIT, threshold=0.9))
    assert desk.wait(20) is None and len(tries) == 1, "a refused file is not tried again by itself"
    assert desk.watcher.refused == "The arm has no bin 9."
    desk.watcher.look_now()
    assert desk.wait(1) is not None and len(tries) == 2


def test_whatever_goes_wrong_the_old_network_goes_on(desk: Desk) -> None:
    def fit(_labels: tuple[str, ...]) -> BinMap:
        raise RuntimeError("boom")

    desk.watcher = ModelWatcher(desk.options, desk.first.fingerprint, fit, clock=lambda: desk.now_s)
    desk.rename(variant(FRUIT, threshold=0.9))
    assert desk.wait() is None
    assert "RuntimeError: boom" in desk.watcher.refused


def nice_values() -> dict[int, int]:
    return {int(p.name): os.getpriority(os.PRIO_PROCESS, int(p.name)) for p in Path("/proc/self/task").iterdir()}


@pytest.mark.parametrize("threads", [1, 4])
def test_the_thread_gives_way_but_leaves_no_slow_threads_behind(tmp_path: Path, threads: int) -> None:
    before = nice_values()
    desk = Desk(tmp_path, threads=threads)
    watcher = ModelWatcher(desk.options, desk.first.fingerprint, keep_bins(desk.first.bins))
    watcher.start()
    desk.rename(variant(FRUIT, threshold=0.9))
    model = None
    while model is None:
        assert watcher.refused == ""
        watcher.look_now()
        threading.Event().wait(0.05)
        model = watcher.take()
    started = {thread: nice for thread, nice in nice_values().items() if thread not in before}
    slow = [nice for nice in started.values() if nice != before[os.getpid()]]
    assert len(slow) == (1 if threads == 1 else 0)
    watcher.stop()
    assert model.classifier.classify(FRAME).probability > 0


def test_loading_in_the_background_leaves_stderr_to_the_others(desk: Desk, capfd: pytest.CaptureFixture[str]) -> None:
    stop = threading.Event()

    def load_often() -> None:
        for _ in range(20):
            load_model(desk.options, any_bins)
        stop.set()

    thread = threading.Thread(target=load_often)
    thread.start()
    written = 0
    while not stop.is_set():
        os.write(2, b"line\n")
        written += 1
        stop.wait(0.001)
    thread.join()
    assert capfd.readouterr().err.count("line\n") == written


def test_a_network_that_this_machine_computes_wrongly_never_sorts(tmp_path: Path) -> None:
    """As if another machine had said something else: the same numbers, told of other classes."""
    known = Bundle.load(FRUIT).manifest
    assert known is not None
    said = tuple(row[1:] + row[:1] for row in known.known_answer)
    path = tmp_path / "model.tflite"
    path.write_bytes(variant(FRUIT, known_answer=said))
    with pytest.raises(BundleError, match=r"This machine computes .* wrongly") as caught:
        load_model(ModelOptions(path), any_bins)
    assert "ai-edge-litert" in caught.value.hint
    path.write_bytes(variant(FRUIT, known_answer=()))
    assert load_model(ModelOptions(path), any_bins).name == "model.tflite"


def test_a_wrongly_computed_network_does_not_replace_a_good_one(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    said = tuple((0.0,) * 5 + (1.0,) for _ in range(4))
    desk.path.write_bytes(variant(FRUIT, known_answer=said))
    assert desk.wait() is None
