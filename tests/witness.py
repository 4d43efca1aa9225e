"""A witness (C2SP tlog-witness) on loopback: it cosigns what goes on from what it saw, and nothing else."""

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from signing.note import (
    TYPE_COSIGNATURE,
    Checkpoint,
    NoteBroken,
    Vkey,
    check_note,
    cosign_note,
    read_checkpoint,
    read_note,
    vkey_of,
)
from signing.seal import FileSealKey
from storage import log

COSIGNED_AT_S = 1_772_415_000


class Witness:
    """Its key, what it saw of each log, and the logs it knows. `away` makes it answer nothing but 503."""

    def __init__(self, name: str = "witness.example/w1") -> None:
        self.key = FileSealKey(Ed25519PrivateKey.generate())
        self.vkey = vkey_of(name, self.key, TYPE_COSIGNATURE)
        self.logs: dict[str, Vkey] = {}
        self.seen: dict[str, Checkpoint] = {}
        self.answers: list[int] = []
        self.away = False
        self.url = ""
        self._lock = threading.Lock()

    @property
    def line(self) -> str:
        """Its line in a gateway's file of witnesses."""
        return f"{self.vkey} {self.url}\n"

    def add_checkpoint(self, body: str) -> tuple[int, str, str]:
        """Status, media type and body of the answer."""
        if self.away:
            return 503, "text/plain", "later\n"
        head, _, note_text = body.partition("\n\n")
        old_line, *proof_lines = head.split("\n")
        old, proof = int(old_line.removeprefix("old ")), [base64.b64decode(line) for line in proof_lines]
        note = read_note(note_text)
        told = read_checkpoint(note.text)
        if told.origin not in self.logs:
            return 404, "text/plain", "unknown log\n"
        try:
            check_note(note, self.logs[told.origin])
        except NoteBroken:
            return 403, "text/plain", "not the log's\n"
        if old > told.size:
            return 400, "text/plain", "backwards\n"
        with self._lock:
            seen = self.seen.get(told.origin, Checkpoint(told.origin, 0, log.EMPTY_ROOT))
            if old != seen.size:
                return 409, "text/x.tlog.size", f"{seen.size}\n"
            if old == told.size and told.root != seen.root:
                return 409, "text/x.tlog.size", f"{seen.size}\n"
            if not (old == 0 and not proof) and not log.verify_consistency(old, told.size, seen.root, told.root, proof):
                return 422, "text/plain", "inconsistent\n"
            self.seen[told.origin] = told
        return 200, "text/plain", cosign_note(note.text, self.vkey.name, self.key, COSIGNED_AT_S)


@contextmanager
def witness(name: str = "witness.example/w1") -> Iterator[Witness]:
    """A witness that answers until the context ends."""
    one = Witness(name)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
            assert self.path == "/w/add-checkpoint"
            status, media_type, answer = one.add_checkpoint(asked)
            one.answers.append(status)
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(answer.encode())))
            self.end_headers()
            self.wfile.write(answer.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        one.url = f"http://127.0.0.1:{server.server_port}/w"
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        serving.start()
        try:
            yield one
        finally:
            server.shutdown()
            serving.join()
