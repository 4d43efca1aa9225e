"""A receiver of webhooks: a real HTTP server on this machine that answers as it is told, and remembers what came."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
import sqlalchemy as sa

from gateway.clock import to_us
from gateway.webhook_sending import Sending
from storage import journal
from storage.database import Database
from tests.databases import a_dossier as a_row
from tests.databases import an_event
from tests.gateway.inhouse import OFFICE, UNIT, Inhouse

Reply = int | tuple[int, dict[str, str], bytes]


class Came(msgspec.Struct, frozen=True):
    """A message as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def told(self) -> dict[str, Any]:
        told: dict[str, Any] = msgspec.json.decode(self.body)
        return told


class Receiver:
    """What came, and what is answered: `answer` is asked for each message."""

    def __init__(self) -> None:
        self.came: list[Came] = []
        self.answer: Callable[[Came], Reply] = lambda _: 204
        self.wait_s: float = 0
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def seqs(self) -> list[int]:
        return [one.told["data"]["seq"] for one in self.came]


@contextmanager
def receiver() -> Iterator[Receiver]:
    made = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            came = Came(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            made.came.append(came)
            time.sleep(made.wait_s)
            said = made.answer(came)
            status, headers, content = said if isinstance(said, tuple) else (said, {}, b"")
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            try:
                self.wfile.write(content)
            except ConnectionError:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def apart(house: Inhouse) -> Iterator[Inhouse]:
    """A gateway that earlier tests have used, as if it were new: other dossiers, and none of their webhooks after."""
    _round.append(next(_rounds))
    try:
        yield house
    finally:
        with house.house.database.begin() as tx:
            tx.execute(sa.text("UPDATE webhook SET state = 'disabled'"))
            tx.execute(sa.text("DELETE FROM alarm"))


_rounds = itertools.count()
_round = [next(_rounds)]


def send(gateway: Inhouse, sending: Sending | None = None) -> Sending:
    """Everything that is to be sent now, is."""
    sending = sending or Sending(gateway.house)
    gateway.asked(sending.drain())
    return sending


def happen(gateway: Inhouse, *facts: str, dossier: str = "one", detail: str = "{}", **changes: object) -> list[int]:
    """Facts of a dossier of the employer's unit, as the lines write them; returns their numbers."""
    return happen_in(
        gateway.house.database, to_us(gateway.clock.now()), *facts, dossier=dossier, detail=detail, **changes
    )


def happen_in(
    database: Database, at_us: int, *facts: str, dossier: str = "one", detail: str = "{}", **changes: object
) -> list[int]:
    seqs = []
    with database.begin() as tx:
        turn = journal.take_turn(tx)
        fields = {"unit": UNIT, "competent_office": OFFICE, "submitter": "somebody"} | changes
        row = a_row(f"{dossier}-{_round[-1]}", turn.head + 1, **fields)
        known = tx.execute(sa.text("SELECT 1 FROM dossier WHERE id = :id"), {"id": row.id}).first()
        for fact in facts:
            seq = turn.next()
            event = msgspec.structs.replace(an_event(row, seq, fact), at_us=at_us, detail=detail)
            if known is None:
                journal.enter(tx, [row], [], [event], [])
                known = True
            else:
                journal.record(tx, [event], {})
            seqs.append(seq)
        journal.end_turn(tx, turn)
    return seqs
