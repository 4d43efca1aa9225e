"""A certificate authority's servers, as they are outside: a CRL and an OCSP responder on loopback that can fail."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography import x509
from cryptography.x509 import ocsp

from signing.demo_pki import DemoPki
from signing.demo_revocation import make_crl, make_ocsp
from tests.clocks import HandClock


class Authority:
    """What the servers would say now, and what they were asked. It is down until it is told to be up."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.pki: DemoPki | None = None
        self.clock: HandClock | None = None
        self.is_up = False
        self.crl_is_up = True
        self.revoked: dict[int, tuple[datetime, x509.ReasonFlags | None]] = {}
        self.asked: list[str] = []
        self.pause: threading.Event | None = None

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def ocsp_url(self) -> str:
        return f"http://{self.host}/ocsp"

    @property
    def crl_url(self) -> str:
        return f"http://{self.host}/demo.crl"

    def _now(self) -> datetime:
        assert self.clock is not None
        return self.clock.now().replace(microsecond=0)

    def crl(self) -> bytes:
        assert self.pki is not None
        now = self._now()
        return make_crl(
            self.pki.intermediate,
            self.revoked,
            this_update=now,
            next_update=now + timedelta(days=1),
            number=int(now.timestamp()),
        )

    def response(self, request: bytes) -> bytes:
        assert self.pki is not None
        serial = ocsp.load_der_ocsp_request(request).serial_number
        certificate = next(
            one.certificate for one in self.pki.employers.values() if one.certificate.serial_number == serial
        )
        issuer, now = self.pki.intermediate, self._now()
        return make_ocsp(
            certificate, issuer.certificate, issuer, this_update=now, next_update=now + timedelta(hours=12),
            revoked=self.revoked.get(serial),
        )  # fmt: skip


@contextmanager
def authority() -> Iterator[Authority]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self, make: object) -> None:
            told.asked.append(self.path)
            if told.pause is not None:
                told.pause.wait(20)
            up = told.is_up and (self.path == "/ocsp" or told.crl_is_up)
            content = make() if up and callable(make) else b""
            self.send_response(200 if up else 503)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self) -> None:
            self._answer(told.crl)

        def do_POST(self) -> None:
            request = self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(lambda: told.response(request))

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told = Authority(server.server_address[1])
    thread = threading.Thread(target=lambda: server.serve_forever(0.02))
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
