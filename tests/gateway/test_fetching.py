"""The one way out: what is asked, whom, and how much of the answer is taken."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import fetching
from gateway.fetching import Allowed, FetchFailed, FetchRefused, Network, Offline, allowed_hosts


class _Served:
    """What a little HTTP server was asked."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.asked: list[tuple[str, str, str, bytes]] = []

    def url(self, path: str = "/x.crl") -> str:
        return f"http://127.0.0.1:{self.port}{path}"


@contextmanager
def served() -> Iterator[_Served]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told.asked.append((self.command, self.path, self.headers["Host"], b""))
            if self.path == "/moved":
                self.send_response(302)
                self.send_header("Location", f"http://127.0.0.1:{told.port}/x.crl")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            if self.path == "/missing":
                self.send_error(404)
                return
            self.send_response(200)
            if self.path == "/endless":
                self.end_headers()
                for _ in range(10_000):
                    try:
                        self.wfile.write(b"x" * 1024)
                    except OSError:
                        return
                return
            if self.path == "/slow":
                self.send_header("Content-Length", "100")
                self.end_headers()
                self.wfile.write(b"x")
                self.wfile.flush()
                time.sleep(1.5)
                return
            self.send_header("Content-Length", "5")
            self.end_headers()
            self.wfile.write(b"bytes")

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            told.asked.append((self.command, self.path, self.headers["Content-Type"], content))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told = _Served(server.server_address[1])
    thread = threading.Thread(target=lambda: server.serve_forever(0.02))
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


async def get(
    url: str, allowed: str, *, most: int = 1000, body: bytes | None = None, leads_to: list[str] | None = None
) -> bytes:
    async def resolve(host: str, port: int) -> list[str]:
        return leads_to if leads_to is not None else await fetching.resolve(host, port)

    network = Network(allowed_hosts(allowed), resolve=resolve)
    try:
        return await network.get(url, accept="application/ocsp-response", size_bytes_max=most, body=body)
    finally:
        await network.close()


def test_what_an_allowed_address_holds_is_got() -> None:
    with served() as told:
        assert asyncio.run(get(told.url(), f"127.0.0.1:{told.port}")) == b"bytes"
        assert asyncio.run(get(told.url("/o?a=1"), f"127.0.0.1:{told.port}", body=b"ask")) == b"ok"
        assert told.asked == [
            ("GET", "/x.crl", f"127.0.0.1:{told.port}", b""),
            ("POST", "/o?a=1", "application/ocsp-request", b"ask"),
        ]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{other}/x",  # another port of an allowed host
        "http://localhost:{port}/x",  # another name of the same host
        "http://169.254.169.254/latest/meta-data/",
        "https://127.0.0.1:{port}/x",
        "ftp://127.0.0.1:{port}/x",
        "file:///etc/passwd",
        "http://user@127.0.0.1:{port}/x",
        "http://127.0.0.1:{port}@evil.example/x",
        "http://[::1]:{port}/x",
        "http://127.1:{port}/x",
        "http://2130706433:{port}/x",
        "http://127.0.0.1:99999/x",
        "http://127.0.0.1:{port}.evil.example/x",
        "//127.0.0.1:{port}/x",
        "http://127.0.0.1:{port}/" + "x" * 600,
        "http://127.0.0.1:{port}\r\nHost: evil/x",
        "",
        "http://[127.0.0.1:{port}/x",
        "http://127.0.0.1:{port}/x\x00y",
    ],
)
def test_no_other_address_is_ever_asked(url: str) -> None:
    with served() as told:
        other = told.port - 1
        with pytest.raises((FetchRefused, FetchFailed)) as refused:
            asyncio.run(get(url.format(port=told.port, other=other), f"127.0.0.1:{told.port}"))
        assert refused.type is FetchRefused or not url.isprintable()
        assert told.asked == []


def test_a_redirect_is_not_followed() -> None:
    with served() as told:
        with pytest.raises(FetchFailed, match="302"):
            asyncio.run(get(told.url("/moved"), f"127.0.0.1:{told.port}"))
        assert [path for _, path, *_ in told.asked] == ["/moved"]


def test_other_answers_than_200_are_failures() -> None:
    with served() as told, pytest.raises(FetchFailed, match="404"):
        asyncio.run(get(told.url("/missing"), f"127.0.0.1:{told.port}"))


def test_an_answer_without_an_end_is_given_up() -> None:
    with served() as told, pytest.raises(FetchFailed, match="more than 4096 bytes"):
        asyncio.run(get(told.url("/endless"), f"127.0.0.1:{told.port}", most=4096))


def test_a_slow_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "FETCH_S_MAX", 0.3)
    with served() as told, pytest.raises(FetchFailed):
        began = time.monotonic()
        try:
            asyncio.run(get(told.url("/slow"), f"127.0.0.1:{told.port}"))
        finally:
            assert time.monotonic() - began < 1.4


@pytest.mark.parametrize(
    "leads_to", [["127.0.0.1"], ["10.0.0.8"], ["192.168.1.1"], ["169.254.169.254"], ["::1"], ["fe80::1%eth0"], []]
)
def test_an_allowed_name_that_leads_inside_is_refused(leads_to: list[str]) -> None:
    with served() as told:
        with pytest.raises(FetchRefused, match="not a public address"):
            asyncio.run(get(f"http://crl.example:{told.port}/x", f"crl.example:{told.port}", leads_to=leads_to))
        assert told.asked == []


def test_a_name_without_address_and_a_closed_port_are_failures() -> None:
    async def nowhere(host: str, port: int) -> list[str]:
        raise OSError(host)

    async def ask() -> None:
        network = Network(allowed_hosts("crl.example"), resolve=nowhere)
        try:
            await network.get("http://crl.example/x", accept="*/*", size_bytes_max=1)
        finally:
            await network.close()

    with pytest.raises(FetchFailed, match="no address"):
        asyncio.run(ask())
    with served() as told:
        port = told.port
    with pytest.raises(FetchFailed, match="ConnectError"):
        asyncio.run(get(f"http://127.0.0.1:{port}/", f"127.0.0.1:{port}"))


def test_offline_nobody_is_asked() -> None:
    with pytest.raises(FetchRefused):
        asyncio.run(Offline().get("http://127.0.0.1/x", accept="*/*", size_bytes_max=1))


def test_the_list_of_hosts_is_read() -> None:
    assert allowed_hosts(" crl.Example.vn, 127.0.0.1:8888,") == {
        Allowed("crl.example.vn", 80),
        Allowed("127.0.0.1", 8888),
    }
    assert allowed_hosts("") == frozenset()


@pytest.mark.parametrize("listed", ["http://a.vn", "a.vn:0", "a.vn:x", "a.vn:65536", "*", "a b", "a.vn/x", "[::1]"])
def test_what_is_not_a_host_is_not_taken_for_one(listed: str) -> None:
    with pytest.raises(ValueError, match="is not a host"):
        allowed_hosts(listed)


@given(st.text(max_size=80))
def test_any_text_as_an_address_is_refused_or_fails(url: str) -> None:
    async def ask() -> None:
        network = Network([])
        try:
            with pytest.raises((FetchRefused, FetchFailed)):
                await network.get(url, accept="*/*", size_bytes_max=1)
        finally:
            await network.close()

    asyncio.run(ask())
