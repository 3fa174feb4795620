"""A network camera over RTSP, by a real server on this machine: it streams, dies, and comes back."""

import threading
import time

import cv2
import numpy as np

from sorter.edge.cameras.network import NetworkCamera
from sorter.edge.cameras.options import CameraOptions
from sorter.edge.capture import Capture
from tests.edge.cameras.rtsp import RtspServer

SIZE = (160, 120)
QUICK = CameraOptions(open_timeout_s=5, silent_s=1, retry_min_s=0.05, retry_max_s=0.2)


def _serve(port: int = 0) -> RtspServer:
    rng = np.random.default_rng(1)

    def picture() -> bytes:
        noise = rng.integers(0, 40, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
        noise[:, :, 2] += 180  # red
        return cv2.imencode(".jpg", noise)[1].tobytes()

    server = RtspServer(picture, SIZE, 30.0, port)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return server


def _wait_for_state(capture: Capture, *states: str) -> None:
    deadline_s = time.monotonic() + 120
    while capture.health.state not in states:
        assert time.monotonic() < deadline_s, capture.health
        time.sleep(0.01)


def _wait_for_frame(capture: Capture) -> tuple[int, ...]:
    deadline_s = time.monotonic() + 120
    while time.monotonic() < deadline_s:
        if (frame := capture.take()) is not None:
            assert frame.image[:, :, 2].mean() > 150 > 60 > frame.image[:, :, :2].mean()
            return frame.image.shape
        time.sleep(0.01)
    raise AssertionError(capture.health)


def test_rtsp_streams_over_tcp_and_comes_back_after_the_camera_was_away() -> None:
    server = _serve()
    camera = NetworkCamera(f"rtsp://127.0.0.1:{server.port}/stream", QUICK)
    camera.open()
    capture = Capture(camera, lambda: None, QUICK)
    capture.start()
    assert _wait_for_frame(capture) == (SIZE[1], SIZE[0], 3)
    assert "TCP" in server.transports[0]
    port = server.port
    server.end()
    _wait_for_state(capture, "lost", "silent")
    assert capture.health.reason
    again = _serve(port)
    _wait_for_state(capture, "ok")
    assert _wait_for_frame(capture) and capture.health.reopened >= 1
    capture.stop()
    again.end()
