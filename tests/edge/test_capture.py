"""Cameras that fail and come back: simulated ones, a real HTTP stream, a driver that hangs."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import cv2
import numpy as np
import pytest

from sorter.edge.cameras.camera import Camera, Frame
from sorter.edge.cameras.network import NetworkCamera
from sorter.edge.cameras.options import CameraOptions
from sorter.edge.cameras.snapshot import SnapshotCamera
from sorter.edge.cameras.uri import make_camera
from sorter.edge.cameras.view import view_camera
from sorter.edge.capture import Capture
from sorter.edge.simulation.camera import make_simulation
from sorter.edge.simulation.stream import PictureStream
from sorter.errors import CameraError

QUICK = CameraOptions(
    open_timeout_s=5, silent_s=0.6, frozen_s=0.4, black_s=0.2, retry_min_s=0.05, retry_max_s=0.2, give_up_s=None
)
SMALL = "sim:?fps=100&width=128&height=96&patience_s=600"


class Watcher:
    """Takes frames as they come, and remembers the states that the camera went through."""

    def __init__(self, camera: Camera, options: CameraOptions = QUICK) -> None:
        self._news = threading.Event()
        self.states: list[str] = []
        self.numbers: list[int] = []
        self.capture = Capture(camera, self._news.set, options)

    def watch(self, until: Callable[[], bool], timeout_s: float = 120.0) -> None:
        deadline_s = time.monotonic() + timeout_s
        while not until():
            assert time.monotonic() < deadline_s, (self.states, self.capture.health)
            self._news.wait(0.2)
            self._news.clear()
            frame = self.capture.take()
            if frame is not None:
                self.numbers.append(frame.number)
            if (state := self.capture.health.state) not in self.states[-1:]:
                self.states.append(state)

    def until_state(self, state: str, after: int = 0) -> Callable[[], bool]:
        return lambda: state in self.states[after:]


@contextmanager
def watching(camera: Camera, options: CameraOptions = QUICK) -> Iterator[Watcher]:
    camera.open()
    watcher = Watcher(camera, options)
    watcher.capture.start()
    try:
        yield watcher
    finally:
        watcher.capture.stop()
        camera.close()
    assert watcher.numbers == sorted(set(watcher.numbers))


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        ("freeze=1&freeze_s=30", "frozen"),
        ("vanish=1&vanish_s=1", "lost"),
        ("black=1&black_s=1", "black"),
        ("stall=1&stall_s=2", "silent"),
    ],
)
def test_a_simulated_camera_fails_and_recovers(fault: str, state: str) -> None:
    with watching(make_simulation(f"{SMALL}&{fault}").camera) as watcher:
        watcher.watch(watcher.until_state(state))
        failed_at = len(watcher.states)
        watcher.watch(watcher.until_state("ok", failed_at))
        health = watcher.capture.health
        assert health.reason == "" and health.size == (128, 96) and health.frames > 0
        # Light that comes back may be seen before the camera is opened again.
        assert health.reopened >= (state != "black")


def test_while_a_camera_is_unwell_there_are_no_frames() -> None:
    with watching(make_simulation(f"{SMALL}&vanish=1&vanish_s=2").camera) as watcher:
        watcher.watch(watcher.until_state("lost"))
        assert watcher.capture.take() is None
        assert "unplugged" not in watcher.capture.health.reason and "Camera sim:" in watcher.capture.health.reason
        assert watcher.capture.health.state == "lost"


def test_patience_ends_where_it_is_set() -> None:
    options = CameraOptions(retry_min_s=0.05, retry_max_s=0.1, give_up_s=0.3)
    with (
        watching(make_simulation(f"{SMALL}&vanish=1&vanish_s=600").camera, options) as watcher,
        pytest.raises(CameraError, match=r"does not open|stopped giving"),
    ):
        watcher.watch(lambda: False)


class HangingCamera(Camera):
    """A driver that never comes back from its third picture: nothing that is here does that on demand."""

    name, live = "camera that hangs", True

    def __init__(self) -> None:
        self.release = threading.Event()
        self.openings = 0
        self._frames = 0

    def open(self) -> None:
        self.openings += 1
        self._frames = 0

    def read(self) -> Frame | None:
        self._frames += 1
        if self._frames > 4 and self.openings < 3:
            self.release.wait()
        time.sleep(0.02)
        image = np.random.default_rng().integers(0, 255, (48, 64, 3), dtype=np.uint8)
        return Frame(image, time.monotonic(), self._frames)

    def close(self) -> None:
        """Does not help."""


def test_a_driver_that_hangs_is_left_behind() -> None:
    camera = HangingCamera()
    with watching(camera) as watcher:
        watcher.watch(lambda: camera.openings == 3 and watcher.states[-1] == "ok")
        assert "silent" in watcher.states and watcher.capture.health.reopened == 2
        taken = len(watcher.numbers)
        camera.release.set()  # the threads left behind come back, and are not listened to
        watcher.watch(lambda: len(watcher.numbers) > taken + 5)


def test_stopping_does_not_wait_for_a_driver_that_hangs() -> None:
    camera = HangingCamera()
    with watching(camera) as watcher:
        watcher.watch(lambda: bool(watcher.numbers))
        time.sleep(0.2)
        watcher.capture.stop(timeout_s=0.1)
    assert not watcher.capture._supervisor.is_alive()
    camera.release.set()


class Film(threading.Thread):
    """Publishes noise at 50 frames a second until it is told otherwise."""

    def __init__(self, stream: PictureStream) -> None:
        super().__init__(daemon=True)
        self._stream = stream
        self.mode = "live"

    def run(self) -> None:
        rng = np.random.default_rng(1)
        jpeg = b""
        while self.mode != "end":
            time.sleep(0.02)
            if self.mode == "live":
                picture = rng.integers(60, 200, (96, 128, 3), dtype=np.uint8)
                jpeg = cv2.imencode(".jpg", picture)[1].tobytes()
            if self.mode in ("live", "freeze"):
                self._stream.publish(jpeg)


@pytest.fixture
def film() -> Iterator[tuple[PictureStream, Film]]:
    stream = PictureStream()
    stream.start()
    thread = Film(stream)
    thread.start()
    yield stream, thread
    thread.mode = "end"
    thread.join()
    stream.stop()


def test_a_network_camera_that_freezes_and_falls_silent(film: tuple[PictureStream, Film]) -> None:
    stream, thread = film
    with watching(NetworkCamera(stream.url, QUICK)) as watcher:
        watcher.watch(lambda: len(watcher.numbers) > 10)
        for mode, state in (("freeze", "frozen"), ("silence", "silent")):
            thread.mode = mode
            failed_at = len(watcher.states)
            watcher.watch(lambda state=state, at=failed_at: state in watcher.states[at:])  # type: ignore[misc]
            thread.mode = "live"
            failed_at = len(watcher.states)
            watcher.watch(watcher.until_state("ok", failed_at))
        assert watcher.capture.health.size == (128, 96)


def test_a_network_camera_that_is_killed_and_comes_back(film: tuple[PictureStream, Film]) -> None:
    stream, thread = film
    port = int(stream.url.rstrip("/").rsplit(":", 1)[1])
    with watching(NetworkCamera(stream.url, QUICK)) as watcher:
        watcher.watch(lambda: len(watcher.numbers) > 10)
        thread.mode = "end"
        stream.stop()
        watcher.watch(watcher.until_state("lost"))
        assert watcher.capture.take() is None
        again = PictureStream(port=port)
        again.start()
        new_film = Film(again)
        new_film.start()
        failed_at = len(watcher.states)
        watcher.watch(watcher.until_state("ok", failed_at))
        new_film.mode = "end"
        new_film.join()
    again.stop()


def test_a_camera_of_snapshots(film: tuple[PictureStream, Film]) -> None:
    stream, thread = film
    camera = make_camera(f"{stream.url}snapshot.jpg?size=small", CameraOptions(fps=50))
    assert isinstance(camera, SnapshotCamera)
    with watching(camera) as watcher:
        watcher.watch(lambda: len(watcher.numbers) > 10)
        thread.mode = "freeze"
        watcher.watch(watcher.until_state("frozen"))
        thread.mode = "live"
        failed_at = len(watcher.states)
        watcher.watch(watcher.until_state("ok", failed_at))
        thread.mode = "end"
        stream.stop()
        watcher.watch(watcher.until_state("lost"))
        assert "no picture" in watcher.capture.health.reason


def test_snapshots_that_are_no_pictures(film: tuple[PictureStream, Film]) -> None:
    stream, thread = film
    thread.mode = "silence"
    time.sleep(0.1)
    stream.publish(b"no picture")
    publishing = threading.Timer(0.3, stream.publish, [b"no picture"])
    publishing.start()
    with pytest.raises(CameraError, match="is no picture") as raised, make_camera(f"{stream.url}snapshot.jpg"):
        pass
    assert raised.value.hint
    publishing.join()


def test_a_region_outside_the_picture_ends_with_a_sentence() -> None:
    options = CameraOptions(region="100,0,200,50", silent_s=1)
    with (
        watching(view_camera(make_simulation(SMALL).camera, options), options) as watcher,
        pytest.raises(CameraError, match="reaches beyond") as raised,
    ):
        watcher.watch(lambda: False)
    assert "128" in raised.value.hint


def test_every_change_is_told_and_the_end_too() -> None:
    simulation = make_simulation("sim:?fps=100&width=128&height=96&speed=20&patience_s=0.1&objects=1")
    with watching(simulation.camera) as watcher:
        watcher.watch(lambda: watcher.capture.ended)
        assert watcher.states[0] in ("opening", "ok") and watcher.states[-1] == "ok"


def test_no_such_network_camera() -> None:
    with pytest.raises(CameraError, match="does not open") as raised, make_camera("http://127.0.0.1:9/", QUICK):
        pass
    assert raised.value.hint
