"""Strangers, other sites, and everything that a socket can be made to say."""

import contextlib
import re
import socket
import time
from collections.abc import Iterator

import pytest

from sorter.edge.dashboard import server
from sorter.edge.dashboard.access import Patience
from sorter.edge.dashboard.guard import host_of
from tests.edge.dashboard.conftest import JSON, Serve, Served

TOKEN = "a token of the tests"


@pytest.fixture
def locked(serve: Serve) -> Served:
    """A page that asks for a token."""
    return serve(token=TOKEN)


# The token


@pytest.mark.parametrize(
    "path", ["/api/status", "/api/objects", "/api/history", "/api/live.jpg", "/metrics", "/healthz", "/nowhere"]
)
def test_a_stranger_learns_nothing(locked: Served, path: str) -> None:
    assert locked.get(path).status == 401
    assert locked.get(path, Cookie=f"sorter_{locked.port}=").status == 401
    assert locked.post("/api/stop").status == 401 and locked.control.asked == []


def test_the_bare_page_is_for_everybody_and_holds_nothing(locked: Served) -> None:
    assert locked.get("/").status == 200 and locked.get("/main.js").status == 200
    assert TOKEN.encode() not in locked.get("/").body


def test_a_token_becomes_a_cookie_that_scripts_cannot_read(locked: Served) -> None:
    answer = locked.post("/api/login", {"token": TOKEN})
    cookie = answer.headers["set-cookie"]
    assert answer.status == 200 and TOKEN not in cookie
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert locked.get("/api/status", Cookie=f"other=1; {cookie.split(';')[0]}").status == 200
    assert locked.post("/api/stop", Cookie=cookie.split(";")[0]).status == 200


def test_programs_use_the_token_itself(locked: Served) -> None:
    assert locked.get("/metrics", Authorization=f"Bearer {TOKEN}").status == 200
    assert locked.get("/metrics", Authorization="Basic YTpi").status == 401


def test_every_network_but_loopback_gets_a_token(serve: Serve) -> None:
    served = serve("0.0.0.0:0")
    assert len(served.token) >= 20 and served.get("/api/status").status == 401
    assert served.get("/api/status", Authorization=f"Bearer {served.token}").status == 200


def test_guessing_is_slowed_but_the_cookie_goes_on(locked: Served) -> None:
    cookie = locked.post("/api/login", {"token": TOKEN}).headers["set-cookie"].split(";")[0]
    guesses = [locked.post("/api/login", {"token": f"guess {i}"}).status for i in range(8)]
    assert guesses[:5] == [401] * 5 and 429 in guesses[5:]
    assert locked.get("/metrics", Authorization=f"Bearer {TOKEN}").headers.get("retry-after")
    assert locked.post("/api/stop", Cookie=cookie).status == 200


def test_patience_grows_forgets_and_stays_small() -> None:
    now_s = [0.0]
    patience = Patience(lambda: now_s[0])
    waits = []
    for _ in range(14):
        patience.note_wrong("2001:db8::1")
        waits.append(patience.wait_s("2001:db8::ffff"))
    assert waits[:4] == [0.0] * 4 and waits[4:8] == [1.0, 2.0, 4.0, 8.0] and waits[-1] == 60.0
    now_s[0] = 61.0
    assert patience.wait_s("2001:db8::1") == 0.0
    assert patience.wait_s("10.0.0.1") == 0.0
    patience.forget("2001:db8::2")
    for i in range(3000):
        patience.note_wrong(f"10.{i // 256}.0.{i % 256}")
    assert len(patience._wrong) == 1024


# Other sites


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "", "localhost.evil.example:80", "10.0.0.9"]
)
def test_foreign_names_are_refused_on_loopback(served: Served, host: str) -> None:
    assert served.get("/api/status", Host=host).status == 421
    assert served.post("/api/stop", Host=host).status == 421 and served.control.asked == []


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:99", "127.0.0.1", "[::1]:8080", "sorter.example"])
def test_own_names_are_answered(serve: Serve, host: str) -> None:
    assert serve(hosts=("sorter.example",)).get("/api/status", Host=host).status == 200


def test_two_hosts_or_none_are_refused(served: Served) -> None:
    assert b" 400 " in say(served, b"GET / HTTP/1.1\r\n\r\n")
    assert b" 400 " in say(served, b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n")


@pytest.mark.parametrize(
    ("text", "host"),
    [("a.b:80", "a.b"), ("a.b", "a.b"), ("[::1]:80", "::1"), ("[::1]", "::1"), ("::1", "::1"), ("A:x", "a:x")],
)
def test_the_name_in_a_host_header(text: str, host: str) -> None:
    assert host_of(text) == host


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example", **JSON},
        {"Origin": "null", **JSON},
        {"Sec-Fetch-Site": "cross-site", **JSON},
        {"Sec-Fetch-Site": "same-site", **JSON},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {},
    ],
    ids=str,
)
def test_another_sites_page_cannot_order_anything(served: Served, headers: dict[str, str]) -> None:
    for path in ("pause", "stop", "resume", "bins/1/emptied", "login"):
        assert served.ask("POST", f"/api/{path}", {}, **headers).status in (403, 415)
    assert served.control.asked == []


def test_the_page_itself_can(served: Served) -> None:
    own = {"Origin": f"http://127.0.0.1:{served.port}", "Sec-Fetch-Site": "same-origin"}
    assert served.post("/api/pause", **own).status == 200


def test_another_site_may_link_here_but_not_read(served: Served) -> None:
    assert served.get("/", **{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}).status == 200
    assert served.get("/api/live.jpg", **{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}).status == 403
    assert served.get("/api/status", **{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}).status == 403


@pytest.mark.parametrize("path", ["/api/stop", "/api/pause", "/api/resume", "/api/login", "/api/bins/1/emptied"])
def test_reading_changes_nothing(served: Served, path: str) -> None:
    assert served.get(path).status == 405 and served.ask("HEAD", path).status == 405
    assert served.control.asked == []


@pytest.mark.parametrize("path", ["/", "/api/status", "/nowhere", "/api/stop", "/healthz", "/main.js"])
def test_every_answer_forbids_what_the_page_does_not_need(served: Served, path: str) -> None:
    headers = served.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff" and headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] == "no-store" and headers["referrer-policy"] == "no-referrer"
    assert "server" not in headers and not [name for name in headers if name.startswith("access-control")]


# Hostile sockets


def say(served: Served, text: bytes, timeout_s: float = 10.0) -> bytes:
    """Sends bytes, and returns what comes back until the other side closes or falls silent."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=timeout_s) as line:
        with contextlib.suppress(OSError):
            line.sendall(text)
            line.shutdown(socket.SHUT_WR)
        heard = b""
        with contextlib.suppress(OSError):
            while piece := line.recv(65536):
                heard += piece
        return heard


HEAD = b"POST /api/pause HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"

HOSTILE = {
    "a header of 1 MB": b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 1_000_000 + b"\r\n\r\n",
    "ten thousand headers": b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: a\r\n" * 10_000 + b"\r\n",
    "a path of 100 KB": b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a body of 100 MB announced": HEAD + b"Content-Length: 104857600\r\n\r\n" + b"a" * 200_000,
    "a length that is no number": HEAD + b"Content-Length: 1e9\r\n\r\n",
    "a length that is negative": HEAD + b"Content-Length: -1\r\n\r\n",
    "two lengths": HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "length and chunks": HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks that are none": HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "a chunk without end": HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffff\r\n" + b"a" * 200_000,
    "too many small chunks": HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"10\r\n" + b"a" * 16 + b"\r\n" * 20_000,
    "an unknown coding": HEAD + b"Transfer-Encoding: gzip\r\n\r\n",
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)),
    "nothing": b"",
    "half a request": b"GET / HT",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a web socket": b"GET / HTTP/1.1\r\nHost: evil\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    "a method of its own": b"DELETE /api/status HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\r\n",
    "an absolute address": b"GET http://evil.example/api/status HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a body that is no JSON": HEAD + b"Content-Length: 9\r\n\r\n{'a': 1}\n",
    "a body nested deeply": HEAD + b"Content-Length: 12000\r\n\r\n" + b"[" * 12000,
    "a body that is a list": HEAD + b"Content-Length: 2\r\n\r\n[]",
    "bytes that are no text": HEAD + b"Content-Length: 4\r\n\r\n\xff\xfe\x00\x01",
    "a null in the path": b"GET /%00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_requests_do_nothing_and_disturb_nobody(
    served: Served, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    heard = say(served, HOSTILE[name])
    assert not re.match(rb"HTTP/1.1 [25]", heard), heard[:200]
    assert served.control.asked == []
    assert served.get("/api/status").status == 200
    told = capfd.readouterr()
    assert told.out + told.err == ""


@pytest.mark.parametrize(
    "path", ["/../../../etc/passwd", "/..%2f..%2fetc/passwd", "/page/../options.py", "//main.js", "/%2e%2e/options.py"]
)
def test_no_path_leads_out_of_the_page(served: Served, path: str) -> None:
    heard = say(served, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert heard.startswith(b"HTTP/1.1 404")


def test_requests_in_a_row_are_answered_in_their_order(served: Served) -> None:
    request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    last = b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    heard = say(served, request * 50 + last)
    assert re.findall(rb"HTTP/1.1 (\d+)", heard) == [b"200"] * 50 + [b"404"]


@contextlib.contextmanager
def crowd(served: Served, count: int, text: bytes) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        lines = []
        for _ in range(count):
            lines.append(stack.enter_context(socket.create_connection(("127.0.0.1", served.port), timeout=10)))
            with contextlib.suppress(OSError):
                lines[-1].sendall(text)
        yield lines


@pytest.mark.parametrize(
    "text", [b"", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ", HEAD + b"Content-Length: 9\r\n\r\n{"]
)
def test_a_crowd_that_does_nothing_keeps_nobody_out(served: Served, text: bytes) -> None:
    """200 who say nothing, who never end their headers, or who never end their body."""
    with crowd(served, 200, text):
        assert served.post("/api/stop").status == 200


def test_those_who_dribble_are_closed(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "IDLE_S", 0.3)
    with crowd(served, 1, b"GET / HTTP/1.1\r\n") as (line,), pytest.raises(OSError):
        for _ in range(100):
            line.sendall(b"X: a\r\n")
            time.sleep(0.05)


def test_who_does_not_read_holds_up_nobody(served: Served) -> None:
    served.show_frame(1, (640, 480))
    request = b"GET /style.css HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with crowd(served, 20, request * 300):
        assert served.post("/api/stop").status == 200
