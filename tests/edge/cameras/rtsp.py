"""A small RTSP server (RFC 2326) that sends JPEG over RTP (RFC 2435) inside the TCP connection, as cameras do."""

import socketserver
import struct
import threading
import time
from collections.abc import Callable

_PACKET_BYTES = 1400
_JPEG_4_2_0 = 1
_TABLES_FOLLOW = 255
_PAYLOAD_JPEG = 26
_CLOCK_HZ = 90_000


class RtspServer(socketserver.ThreadingTCPServer):
    """Serves pictures until it is shut down; clients are dropped then.

    Args:
        picture: Gives the next JPEG file: baseline, 4:2:0, standard Huffman tables.
        size: (width, height) in pixels, multiples of 8.
        fps: Pictures a second.
    """

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, picture: Callable[[], bytes], size: tuple[int, int], fps: float, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Session)
        self.picture, self.size, self.fps = picture, size, fps
        self.ending = threading.Event()
        self.transports: list[str] = []

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def end(self) -> None:
        self.ending.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients come and go."""


class _Session(socketserver.StreamRequestHandler):
    server: RtspServer

    def handle(self) -> None:
        while request := self._read_request():
            method, headers = request
            self._answer(method, headers)
            if method == "PLAY":
                self._play()
                return

    def _read_request(self) -> tuple[str, dict[str, str]] | None:
        lines: list[str] = []
        while (line := self.rfile.readline().decode().strip()) or not lines:
            if not line:
                return None
            lines.append(line)
        headers = dict(line.split(": ", 1) for line in lines[1:])
        return lines[0].split()[0], headers

    def _answer(self, method: str, headers: dict[str, str]) -> None:
        extra, body = "", ""
        if method == "OPTIONS":
            extra = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
        elif method == "DESCRIBE":
            body = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=test\r\nt=0 0\r\nm=video 0 RTP/AVP 26\r\na=control:track1\r\n"
            extra = f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n"
        elif method == "SETUP":
            self.server.transports.append(headers["Transport"])
            extra = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 7\r\n"
        elif method == "PLAY":
            extra = "Session: 7\r\n"
        self.wfile.write(f"RTSP/1.0 200 OK\r\nCSeq: {headers['CSeq']}\r\n{extra}\r\n{body}".encode())

    def _play(self) -> None:
        sequence, started_s = 0, time.monotonic()
        while not self.server.ending.wait(1 / self.server.fps):
            stamp = int((time.monotonic() - started_s) * _CLOCK_HZ)
            for packet, last in _payloads(self.server.picture(), self.server.size):
                head = struct.pack(">BBHII", 0x80, _PAYLOAD_JPEG | (0x80 if last else 0), sequence & 0xFFFF, stamp, 1)
                sequence += 1
                self.wfile.write(struct.pack(">BBH", ord("$"), 0, len(head + packet)) + head + packet)


def _payloads(jpeg: bytes, size: tuple[int, int]) -> list[tuple[bytes, bool]]:
    """RTP payloads of one picture, and whether each is the last."""
    tables, scan = _take_apart(jpeg)
    found = []
    for offset in range(0, len(scan), _PACKET_BYTES):
        head = struct.pack(">I", offset) + bytes([_JPEG_4_2_0, _TABLES_FOLLOW, size[0] // 8, size[1] // 8])
        if offset == 0:
            head += struct.pack(">BBH", 0, 0, len(tables)) + tables
        found.append((head + scan[offset : offset + _PACKET_BYTES], offset + _PACKET_BYTES >= len(scan)))
    return found


def _take_apart(jpeg: bytes) -> tuple[bytes, bytes]:
    """Quantisation tables and entropy-coded data of a JPEG file."""
    tables, place = b"", 2
    while True:
        marker, length = struct.unpack_from(">HH", jpeg, place)
        content = jpeg[place + 4 : place + 2 + length]
        place += 2 + length
        if marker == 0xFFDB:
            tables += b"".join(content[i + 1 : i + 65] for i in range(0, len(content), 65))
        elif marker == 0xFFDA:
            return tables, jpeg[place:-2]
