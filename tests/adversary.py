"""An S3 store in memory that does what real stores were seen to do wrong, one fault at a time.

It stands for the outside world. Each fault was observed: several winners of one conditional put and late listings in
OpenStack Swift, overwriting in the JuiceFS gateway, wrong checksums taken by moto, no chunked uploads over TLS in Ceph,
a put that times out and is there all the same in Ceph and SeaweedFS.
"""

import base64
import contextlib
import datetime as dt
import hashlib
import http.server
import ipaddress
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum, auto
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LISTING_LAG_S = 0.3
RACE_WINDOW_S = 0.02


class Fault(Enum):
    SEVERAL_WINNERS = auto()  # a conditional put looks first and writes later
    LATE_LISTING = auto()
    NO_LISTING = auto()
    OVERWRITES = auto()
    NO_CONDITIONS = auto()  # 501 for If-None-Match
    TAKES_WRONG_MD5 = auto()
    TAKES_WRONG_SHA256 = auto()
    SPOILS = auto()  # keeps another byte than it was sent, and says 200
    KEEPS_IN_SILENCE = auto()  # keeps the object, and hangs up without an answer
    HANGS_UP = auto()  # keeps nothing, and hangs up
    HANGS_UP_ON_READS = auto()
    CUTS_READS = auto()  # stops in the middle of the body
    IGNORES_RANGE = auto()
    FULL = auto()
    BUSY = auto()  # 503
    FORBIDS_DELETE = auto()
    NO_BUCKET = auto()


class Store:
    """What the store keeps, which faults it has now, and what it was asked."""

    def __init__(self, *faults: Fault) -> None:
        self.faults = set(faults)
        self.objects: dict[str, tuple[bytes, float]] = {}
        self.lock = threading.Lock()
        self.asked: list[str] = []
        self.url = ""
        self.ca: Path | None = None

    def content(self, key: str) -> bytes:
        return self.objects[key][0]


@contextmanager
def adversary(*faults: Fault, tls: Path | None = None) -> Iterator[Store]:
    """Serve a faulty store on loopback; over TLS when given a folder for the certificate."""
    store = Store(*faults)
    server = _Server(("127.0.0.1", 0), type("Bound", (_Door,), {"store": store}))
    scheme = "http"
    if tls is not None:
        scheme = "https"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*_certificate(tls))
        server.socket = context.wrap_socket(server.socket, server_side=True)
        store.ca = tls / "certificate.pem"
    store.url = f"{scheme}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield store
    finally:
        server.shutdown()
        thread.join()
        server.hang_up()
        server.server_close()


class _Server(http.server.ThreadingHTTPServer):
    # Threads end when their connection ends, and are waited for: nothing is left open after a test.
    daemon_threads = False

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._open: set[socket.socket] = set()

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """End the connections that a client keeps open, perhaps for later."""
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that the client let go is nothing to report."""


class _Door(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 5
    store: Store

    def do_PUT(self) -> None:
        store, headers = self.store, self.headers
        # Ceph: no aws-chunked bodies, hence no trailing checksums.
        if "Content-Length" not in headers or "aws-chunked" in headers.get("Content-Encoding", ""):
            self.close_connection = True
            return self._error(411, "MissingContentLength")
        content = self.rfile.read(int(headers["Content-Length"]))
        store.asked.append("PUT")
        if hashlib.sha256(content).hexdigest() != headers["x-amz-content-sha256"]:
            return self._error(400, "XAmzContentSHA256Mismatch")
        if Fault.NO_BUCKET in store.faults:
            return self._error(404, "NoSuchBucket")
        if Fault.FULL in store.faults:
            return self._error(507, "InsufficientStorage")
        if Fault.BUSY in store.faults:
            return self._error(503, "SlowDown")
        if Fault.HANGS_UP in store.faults:
            return self._hang_up()
        for name, digest, pardon in [
            ("Content-MD5", hashlib.md5(content, usedforsecurity=False), Fault.TAKES_WRONG_MD5),
            ("x-amz-checksum-sha256", hashlib.sha256(content), Fault.TAKES_WRONG_SHA256),
        ]:
            told = headers.get(name)
            if pardon not in store.faults and told is not None and base64.b64decode(told) != digest.digest():
                return self._error(400, "BadDigest")
        if Fault.SPOILS in store.faults and content:
            content = content[:-1] + bytes([content[-1] ^ 1])
        return self._keep(content)

    def _keep(self, content: bytes) -> None:
        store, key = self.store, self._key()
        conditional = self.headers.get("If-None-Match") == "*"
        if conditional and Fault.NO_CONDITIONS in store.faults:
            return self._error(501, "NotImplemented")
        if conditional and Fault.SEVERAL_WINNERS in store.faults:
            if key in store.objects:
                return self._error(412, "PreconditionFailed")
            time.sleep(RACE_WINDOW_S)
            store.objects[key] = (content, time.monotonic())
        else:
            with store.lock:
                if conditional and key in store.objects and Fault.OVERWRITES not in store.faults:
                    return self._error(412, "PreconditionFailed")
                store.objects[key] = (content, time.monotonic())
        if Fault.KEEPS_IN_SILENCE in store.faults:
            return self._hang_up()
        return self._answer(200)

    def do_GET(self) -> None:
        store = self.store
        if not self._key():
            return self._list()
        store.asked.append("GET")
        if Fault.HANGS_UP_ON_READS in store.faults:
            return self._hang_up()
        if Fault.NO_BUCKET in store.faults:
            return self._error(404, "NoSuchBucket")
        kept = store.objects.get(self._key())
        if kept is None:
            return self._error(404, "NoSuchKey")
        content = kept[0]
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked is None or Fault.IGNORES_RANGE in store.faults:
            return self._answer(200, content)
        first, last = int(asked[1]), int(asked[2] or len(content))
        if first >= len(content):
            return self._error(416, "InvalidRange")
        return self._answer(206, content[first : last + 1])

    def do_DELETE(self) -> None:
        if Fault.FORBIDS_DELETE in self.store.faults:
            return self._error(403, "AccessDenied")
        self.store.objects.pop(self._key(), None)
        return self._answer(204)

    def _list(self) -> None:
        store = self.store
        store.asked.append("LIST")
        if Fault.NO_LISTING in store.faults:
            return self._error(403, "AccessDenied")
        lag_s = LISTING_LAG_S if Fault.LATE_LISTING in store.faults else 0.0
        prefix = parse_qs(urlsplit(self.path).query).get("prefix", [""])[0]
        keys = [
            key
            for key, (_, kept_at_s) in list(store.objects.items())
            if key.startswith(prefix) and time.monotonic() - kept_at_s >= lag_s
        ]
        items = "".join(f"<Contents><Key>{escape(key)}</Key><Size>1</Size></Contents>" for key in keys)
        listing = f"<ListBucketResult><IsTruncated>false</IsTruncated>{items}</ListBucketResult>"
        return self._answer(200, listing.encode())

    def _key(self) -> str:
        return unquote(urlsplit(self.path).path).lstrip("/").partition("/")[2]

    def _answer(self, code: int, content: bytes = b"") -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if Fault.CUTS_READS in self.store.faults and self.command == "GET":
            self.wfile.write(content[: len(content) // 2])
            return self._hang_up()
        self.wfile.write(content)
        return None

    def _error(self, code: int, word: str) -> None:
        self._answer(code, f"<Error><Code>{word}</Code><Message>as told</Message></Error>".encode())

    def handle_expect_100(self) -> bool:
        going_on = super().handle_expect_100()
        self.wfile.flush()
        return going_on

    def _hang_up(self) -> None:
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


def _certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths
