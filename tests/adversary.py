"""An S3 store in memory that does what real stores were seen to do wrong, one fault at a time.

It stands for the outside world. Each fault was observed: several winners of one conditional put and late listings in
OpenStack Swift, overwriting in the JuiceFS gateway, wrong checksums taken by moto, no chunked uploads over TLS in Ceph,
a put that times out and is there all the same in Ceph and SeaweedFS, a newer version laid over what a condition should
have kept in Ceph, and in Swift locks that are none and lock calls that put their own text in the object's place.
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
from collections.abc import Iterator, Mapping
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
LATE_S = 0.3
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
    SHIFTS_RANGES = auto()  # answers with as many bytes, from a place beside the one that was asked for
    SPOILS_IN_A_CROWD = auto()  # with SEVERAL_WINNERS: who comes second to a name leaves other bytes than it sent
    FULL = auto()
    BUSY = auto()  # 503
    FORBIDS_DELETE = auto()
    NO_BUCKET = auto()
    LOSES = auto()  # acknowledges, and keeps nothing
    APPEARS_LATE = auto()  # hangs up without an answer, and the object is there a moment later
    TAKES_OTHER_PAYLOAD = auto()  # does not look at the hash in the signature
    VERSIONS = auto()  # no fault: a bucket with versions that keeps locks, as long as it has none of the faults below
    OVERWRITES_BY_VERSION = auto()
    LOCK_CALL_REPLACES = auto()  # a call for a lock puts the request's text in the place of the object, and says 200
    LOCKS_IN_WORD = auto()  # says yes to a lock, and keeps none
    TELLS_OTHER_LOCK = auto()
    DELETES_LOCKED = auto()
    SHORTENS_LOCKS = auto()
    LETS_LOCKS_BE_BYPASSED = auto()


class Version:
    """An object as it was put, and its lock if it has one (mode, until when, as the store was told)."""

    def __init__(self, content: bytes, lock: tuple[str, str] | None) -> None:
        self.content, self.lock = content, lock


class Store:
    """What the store keeps, which faults it has now, and what it was asked."""

    def __init__(self, *faults: Fault) -> None:
        self.faults = set(faults)
        self.objects: dict[str, tuple[bytes, float]] = {}
        self.versions: dict[tuple[str, str], Version] = {}
        self.late: list[threading.Timer] = []
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
        context.load_cert_chain(*certificate(tls))
        server.socket = context.wrap_socket(server.socket, server_side=True)
        store.ca = tls / "certificate.pem"
    store.url = f"{scheme}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield store
    finally:
        for each in store.late:
            each.join()
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
        if self._chunked():
            self.close_connection = True
            return self._error(411, "MissingContentLength")
        content = self.rfile.read(int(headers["Content-Length"]))
        store.asked.append("PUT")
        pardoned = Fault.TAKES_OTHER_PAYLOAD in store.faults
        if hashlib.sha256(content).hexdigest() != headers["x-amz-content-sha256"] and not pardoned:
            return self._error(400, "XAmzContentSHA256Mismatch")
        if Fault.NO_BUCKET in store.faults:
            return self._error(404, "NoSuchBucket")
        if Fault.FULL in store.faults:
            return self._error(507, "InsufficientStorage")
        if Fault.BUSY in store.faults:
            return self._error(503, "SlowDown")
        if Fault.HANGS_UP in store.faults:
            return self._hang_up()
        if {"retention", "legal-hold"} & self._query().keys():
            return self._lock(content)
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
        if Fault.LOSES in store.faults:
            return self._answer(200)
        if Fault.APPEARS_LATE in store.faults:
            store.late.append(threading.Timer(LATE_S, self._write, (key, content)))
            store.late[-1].start()
            return self._hang_up()
        if conditional and Fault.SEVERAL_WINNERS in store.faults:
            if key in store.objects:
                return self._error(412, "PreconditionFailed")
            time.sleep(RACE_WINDOW_S)
            if Fault.SPOILS_IN_A_CROWD in store.faults and key in store.objects:
                content = content[::-1]
            version = self._write(key, content)
        else:
            with store.lock:
                pardoned = {Fault.OVERWRITES, Fault.OVERWRITES_BY_VERSION} & store.faults
                if conditional and key in store.objects and not pardoned:
                    return self._error(412, "PreconditionFailed")
                version = self._write(key, content)
        if Fault.KEEPS_IN_SILENCE in store.faults:
            return self._hang_up()
        return self._answer(200, more={"x-amz-version-id": version} if version else {})

    def _write(self, key: str, content: bytes) -> str:
        store = self.store
        store.objects[key] = (content, time.monotonic())
        if Fault.VERSIONS not in store.faults:
            return ""
        version = f"v{len(store.versions)}"
        mode, until = (self.headers.get(f"x-amz-object-lock-{name}") for name in ("mode", "retain-until-date"))
        lock = (mode, until) if mode and until and Fault.LOCKS_IN_WORD not in store.faults else None
        store.versions[key, version] = Version(content, lock)
        return version

    def _lock(self, content: bytes) -> None:
        """A call for a lock of what is there already; this store only ever makes one shorter."""
        store, key = self.store, self._key()
        store.asked.append("LOCK")
        kept = self._version()
        if Fault.LOCK_CALL_REPLACES in store.faults:
            store.objects[key] = (content, time.monotonic())
            if kept is not None:
                kept.content = content
            return self._answer(200)
        if kept is None:
            return self._error(400, "InvalidRequest")
        return self._answer(200) if Fault.SHORTENS_LOCKS in store.faults else self._error(403, "AccessDenied")

    def do_HEAD(self) -> None:
        store = self.store
        if {Fault.HANGS_UP, Fault.HANGS_UP_ON_READS} & store.faults:
            return self._hang_up()
        if Fault.NO_BUCKET in store.faults:
            return self._answer(404)
        if not self._key():
            return self._answer(200)
        store.asked.append("HEAD")
        kept = store.objects.get(self._key())
        return self._answer(404) if kept is None else self._answer(200, kept[0])

    def do_GET(self) -> None:
        store = self.store
        if not self._key():
            return self._list()
        store.asked.append("GET")
        if Fault.HANGS_UP_ON_READS in store.faults:
            return self._hang_up()
        if Fault.NO_BUCKET in store.faults:
            return self._error(404, "NoSuchBucket")
        version = self._version()
        if "retention" in self._query():
            return self._tell(version)
        kept = store.objects.get(self._key())
        content = version.content if version else kept and kept[0]
        if content is None:
            hidden = any(key == self._key() for key, _ in store.versions)
            return self._error(404, "NoSuchKey", {"x-amz-delete-marker": "true"} if hidden else {})
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked is None or Fault.IGNORES_RANGE in store.faults:
            return self._answer(200, content)
        first, last = int(asked[1]), int(asked[2] or len(content))
        if Fault.SHIFTS_RANGES in store.faults and asked[2]:
            first, last = first - 1, last - 1
        if first >= len(content):
            return self._error(416, "InvalidRange")
        return self._answer(206, content[first : last + 1])

    def _tell(self, version: Version | None) -> None:
        if version is None or version.lock is None:
            return self._error(404, "NoSuchObjectLockConfiguration")
        mode, until = version.lock
        if Fault.TELLS_OTHER_LOCK in self.store.faults:
            until = "2020-01-01T00:00:00Z"
        told = f"<Retention><Mode>{mode}</Mode><RetainUntilDate>{until}</RetainUntilDate></Retention>"
        return self._answer(200, told.encode())

    def do_DELETE(self) -> None:
        if Fault.FORBIDS_DELETE in self.store.faults:
            return self._error(403, "AccessDenied")
        version = self._version()
        if version is None:
            self.store.objects.pop(self._key(), None)  # with versions it only hides
            return self._answer(204)
        pardon = Fault.DELETES_LOCKED
        if self.headers.get("x-amz-bypass-governance-retention") == "true":
            pardon = Fault.LETS_LOCKS_BE_BYPASSED
        if version.lock and pardon not in self.store.faults:
            return self._error(403, "AccessDenied")
        del self.store.versions[self._key(), self._query()["versionId"][0]]
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

    def _chunked(self) -> bool:
        """Ceph takes no aws-chunked bodies, hence no trailing checksums."""
        return "Content-Length" not in self.headers or "aws-chunked" in self.headers.get("Content-Encoding", "")

    def _query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.path).query, keep_blank_values=True)

    def _version(self) -> Version | None:
        """The version that is asked for, None where none is."""
        return self.store.versions.get((self._key(), self._query().get("versionId", [""])[0]))

    def _key(self) -> str:
        return unquote(urlsplit(self.path).path).lstrip("/").partition("/")[2]

    def _answer(self, code: int, content: bytes = b"", more: Mapping[str, str] | None = None) -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(content)))
        for name, value in (more or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if Fault.CUTS_READS in self.store.faults and self.command == "GET":
            self.wfile.write(content[: len(content) // 2])
            return self._hang_up()
        if self.command != "HEAD":
            self.wfile.write(content)
        return None

    def _error(self, code: int, word: str, more: Mapping[str, str] | None = None) -> None:
        self._answer(code, f"<Error><Code>{word}</Code><Message>as told</Message></Error>".encode(), more)

    def handle_expect_100(self) -> bool:
        if self._chunked():
            self.close_connection = True
            self._error(411, "MissingContentLength")
            self.wfile.flush()
            return False
        going_on = super().handle_expect_100()
        self.wfile.flush()
        return going_on

    def _hang_up(self) -> None:
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


def certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate of 127.0.0.1 that is its own authority, and its key; returns their paths."""
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
