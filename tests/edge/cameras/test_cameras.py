"""What --camera understands, and real files behind it."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from threading import Thread

import cv2
import numpy as np
import pytest

from sorter.edge.cameras.camera import Camera
from sorter.edge.cameras.network import NetworkCamera
from sorter.edge.cameras.opencv import OpenCVCamera, V4L2Camera, VideoFile
from sorter.edge.cameras.options import CameraOptions
from sorter.edge.cameras.picamera import PiCamera
from sorter.edge.cameras.stills import PictureFolder
from sorter.edge.cameras.uri import make_camera
from sorter.edge.capture import Capture
from sorter.errors import CameraError
from tests.conftest import COLORS_BGR, draw_disc


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i in range(4):
        cv2.imwrite(str(folder / f"{i}.png"), draw_disc(COLORS_BGR["red"], seed=i))
    (folder / "broken.png").write_bytes(b"nothing")
    (folder / "notes.txt").write_text("not a picture")
    return folder


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "belt.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 50.0, (64, 48))
    for i in range(10):
        writer.write(np.full((48, 64, 3), 20 * i, np.uint8))
    writer.release()
    return path


@pytest.mark.parametrize(
    ("uri", "kind", "source"),
    [
        ("0", V4L2Camera, "/dev/video0"),
        ("/dev/video3", V4L2Camera, "/dev/video3"),
        ("v4l2:///dev/video1", V4L2Camera, "/dev/video1"),
        ("rtsp://10.0.0.9/stream", NetworkCamera, "rtsp://10.0.0.9/stream"),
        ("http://10.0.0.9:8080/video", NetworkCamera, "http://10.0.0.9:8080/video"),
        ("videotestsrc ! videoconvert ! appsink", OpenCVCamera, "videotestsrc ! videoconvert ! appsink"),
        ("csi://1", PiCamera, None),
    ],
)
def test_what_a_uri_means(uri: str, kind: type[Camera], source: object) -> None:
    camera = make_camera(uri, CameraOptions())
    assert type(camera) is kind and camera.live
    assert getattr(camera, "_source", None) == source


@pytest.mark.parametrize("form", ["{}", "file://{}"])
def test_paths(form: str, pictures: Path, video: Path) -> None:
    assert isinstance(make_camera(form.format(pictures)), PictureFolder)
    assert isinstance(make_camera(form.format(pictures / "0.png")), PictureFolder)
    assert isinstance(make_camera(form.format(video)), VideoFile)


@pytest.mark.parametrize("uri", ["nowhere", "ftp://a/b", "csi://x", "file:///nowhere"])
def test_what_is_no_camera(uri: str) -> None:
    with pytest.raises(CameraError) as raised:
        make_camera(uri)
    assert raised.value.hint


@pytest.mark.parametrize("uri", ["93", "v4l2:///dev/video93", "csi://0", "http://127.0.0.1:9/none.mjpg"])
def test_a_camera_that_is_not_there(uri: str) -> None:
    with pytest.raises(CameraError) as raised, make_camera(uri):
        pass
    assert raised.value.hint


def test_a_file_that_is_no_video(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"not a video")
    with pytest.raises(CameraError, match="does not open"), make_camera(str(tmp_path / "a.mp4")):
        pass


def test_a_folder_gives_each_readable_picture_once(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with make_camera(str(pictures)) as camera:
        frames = [camera.read() for _ in range(5)]
        assert not camera.live
    assert [f.name for f in frames if f] == ["0.png", "1.png", "2.png", "3.png"]
    assert frames[-1] is None
    assert "broken.png" in capsys.readouterr().err


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(CameraError, match="no pictures"), make_camera(str(tmp_path)):
        pass


def test_a_video_is_played_to_its_end(video: Path) -> None:
    with make_camera(str(video)) as camera:
        frames = []
        while (frame := camera.read()) is not None:
            frames.append(frame)
    assert [f.number for f in frames] == list(range(10))
    assert abs(int(frames[5].image.mean()) - 100) < 8
    assert all(a.captured_at_s < b.captured_at_s for a, b in pairwise(frames))


def test_the_capture_thread_keeps_the_newest_frame_only(video: Path) -> None:
    with make_camera(str(video)) as camera:
        capture = Capture(camera, lambda: None)
        capture.start()
        deadline_s = time.monotonic() + 60
        while capture.dropped < 9 and time.monotonic() < deadline_s:
            time.sleep(0.01)
        newest = capture.take()
        assert newest is not None and newest.number == 9
        assert capture.take() is None
        while not capture.ended and time.monotonic() < deadline_s:
            time.sleep(0.01)
        assert capture.ended
        capture.stop()


def test_a_failing_camera_is_reported_from_the_thread() -> None:
    class Unplugged(V4L2Camera):
        def read(self) -> None:
            raise OSError("no such device")

    told = threading.Semaphore(0)
    capture = Capture(Unplugged(0), told.release, CameraOptions(give_up_s=0))
    capture.start()
    for _ in ("it is lost", "it is given up"):
        assert told.acquire(timeout=60)
    capture.stop()
    with pytest.raises(CameraError, match="no such device"):
        capture.take()


class MotionJpeg(BaseHTTPRequestHandler):
    """Serves a stream of pictures as network cameras do."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=next")
        self.end_headers()
        for i in range(30):
            picture = cv2.imencode(".jpg", draw_disc(COLORS_BGR["green"], seed=i, size=(160, 120)))[1].tobytes()
            head = f"--next\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n".encode()
            try:
                self.wfile.write(head + picture + b"\r\n")
            except OSError:
                return

    def log_message(self, format: str, *arguments: object) -> None:
        """Says nothing on the screen."""


def test_a_network_camera() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), MotionJpeg) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        with make_camera(f"http://127.0.0.1:{server.server_port}/video.mjpg") as camera:
            frames = [camera.read() for _ in range(3)]
        server.shutdown()
    assert all(frame is not None and frame.image.shape == (120, 160, 3) for frame in frames)
