"""Pictures over HTTP as network cameras give them: an endless ``multipart/x-mixed-replace`` of JPEG files."""

import socket
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from sorter.errors import CameraError

_BOUNDARY = "picture"
_SEND_BUFFER_BYTES = 65_536
"""Small: pictures that wait for a slow reader grow old."""

_PATIENCE_S = 5.0


class PictureStream:
    """Serves the newest picture to anybody who asks.

    ``/snapshot.jpg`` is one picture, every other path the stream.

    Args:
        host: Address to listen at.
        port: 0 for any that is free.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self._address = (host, port)
        self._changed = threading.Condition()
        self._jpeg: bytes | None = None
        self._count = 0
        self._watchers = 0
        self._away = False
        self._server: _Server | None = None

    @property
    def url(self) -> str:
        """Where the stream is; empty before ``start``."""
        if self._server is None:
            return ""
        return f"http://{self._address[0]}:{self._server.server_port}/"

    def start(self) -> None:
        """Starts to listen.

        Raises:
            CameraError: The port is taken.
        """
        try:
            self._server = _Server(self._address, self)
        except OSError as error:
            host, port = self._address
            raise CameraError(
                f"Cannot serve pictures at {host}:{port} ({error.strerror}).",
                "Choose another port; 0 takes a free one.",
            ) from error
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name="picture-stream", daemon=True).start()

    def stop(self) -> None:
        """Ends all streams; stopping twice does nothing."""
        self.vanish()
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()

    def publish(self, jpeg: bytes) -> None:
        """Hands out a picture, a whole JPEG file."""
        with self._changed:
            self._jpeg, self._away = jpeg, False
            self._count += 1
            self._changed.notify_all()

    def vanish(self) -> None:
        """Ends all connections and refuses new ones until the next picture, as an unplugged camera does."""
        with self._changed:
            self._jpeg, self._away = None, True
            self._changed.notify_all()

    def wait_for_watcher(self, timeout_s: float) -> bool:
        """Waits until somebody watches; whether somebody does."""
        with self._changed:
            return self._changed.wait_for(lambda: self._watchers > 0, timeout_s)

    def next_picture(self, after: int) -> tuple[int, bytes] | None:
        """Number and bytes of the first picture after the given number; None when the camera is away or silent."""
        with self._changed:
            self._changed.wait_for(lambda: self._away or self._count > after, _PATIENCE_S)
            if self._jpeg is None or self._count <= after:
                return None
            return self._count, self._jpeg

    def watch(self, more: int) -> None:
        """Notes that a watcher has come (1) or gone (-1)."""
        with self._changed:
            self._watchers += more
            self._changed.notify_all()

    @property
    def away(self) -> bool:
        """Whether connections are refused."""
        with self._changed:
            return self._away

    @property
    def count(self) -> int:
        """Pictures published so far."""
        with self._changed:
            return self._count


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], stream: PictureStream) -> None:
        self.stream = stream
        super().__init__(address, _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A reader that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def setup(self) -> None:
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
        super().setup()

    def do_GET(self) -> None:
        stream = self.server.stream
        if stream.away:
            # A camera that is not there answers nothing.
            self.close_connection = True
            return
        stream.watch(1)
        try:
            if self.path.split("?")[0] == "/snapshot.jpg":
                self._send_snapshot(stream)
            else:
                self._send_stream(stream)
        finally:
            stream.watch(-1)

    def _send_snapshot(self, stream: PictureStream) -> None:
        picture = stream.next_picture(stream.count)
        if picture is None:
            return
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "image/jpeg")
        self.send_header("Content-Length", str(len(picture[1])))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(picture[1])

    def _send_stream(self, stream: PictureStream) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={_BOUNDARY}")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        number = stream.count
        while not stream.away:
            picture = stream.next_picture(number)
            if picture is None:
                continue
            number, jpeg = picture
            head = f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            # One write: two would be two packets, and a reader may wait for the second.
            self.wfile.write(head.encode("ascii") + jpeg + b"\r\n")

    def log_message(self, format: str, *arguments: object) -> None:
        """Says nothing on the screen."""
