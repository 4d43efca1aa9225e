"""Whom the log asks: witnesses who cosign, or have seen more than there is; an authority that stamps, or is away."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest
from asn1crypto import tsp

from gateway import log_steps
from gateway.config import Misconfigured, Settings
from gateway.house import House
from gateway.log_opening import DISPUTED_RULE
from gateway.log_outside import address, read_witnesses
from gateway.log_steps import TSA_RULE, WITNESS_RULE
from gateway.logbook import proofs_of
from signing.asn1 import as_response
from signing.indication import TimestampUsed
from signing.note import check_cosignature, read_note, read_vkey
from signing.timestamp import verify_token
from signing.timestamp_request import TimestampRefused, TimestampRequest, timestamp_request, token_from
from storage import alarms, journal, log_rows
from tests.clocks import HandClock
from tests.gateway.inhouse import UNIT, Inhouse, a_dossier, inhouse
from tests.gateway.logbooks import rolled_back
from tests.signing.tsa_workshop import Tsa
from tests.witness import COSIGNED_AT_S, Witness, witness


@pytest.fixture
def watching() -> Iterator[Witness]:
    with witness() as one:
        yield one


@contextmanager
def watched(tmp_path: Path, *witnesses: Witness, **changes: str) -> Iterator[Inhouse]:
    """A gateway whose log these witnesses know."""
    listed = tmp_path / "witnesses"
    listed.write_text("# ai chứng kiến\n" + "".join(one.line for one in witnesses))
    with inhouse(tmp_path / "home", log_witnesses=str(listed), **changes) as gateway:
        for one in witnesses:
            one.logs[origin_of(gateway).origin] = read_vkey(origin_of(gateway).vkey)
        yield gateway


def origin_of(gateway: Inhouse) -> log_rows.Origin:
    with gateway.house.database.read() as tx:
        return log_rows.origins(tx)[-1]


def do(gateway: Inhouse, *steps: Callable[[House], Awaitable[None]]) -> None:
    async def each() -> None:
        for step in steps:
            await step(gateway.house)
        # The loop ends with this call; its connections must not outlive it.
        assert gateway.house.logbook is not None
        await gateway.house.logbook.outside.close()

    asyncio.run(each())


def submit(gateway: Inhouse, seed: int) -> str:
    employer = gateway.bearer("employer", units=[UNIT])
    answer = gateway("POST", "/v1/dossiers", employer, content=a_dossier(seed=seed))
    assert answer.status_code == 201
    return str(answer.json()["dossier"])


def open_alarms(gateway: Inhouse) -> list[str]:
    with gateway.house.database.read() as tx:
        return [one.rule for one in alarms.alarms(tx, ["operator"])]


def newest(gateway: Inhouse) -> log_rows.SignedHead:
    with gateway.house.database.read() as tx:
        found = log_rows.newest(tx, log_rows.origins(tx)[-1].number)
    assert found is not None
    return found


def test_witnesses_cosign_every_step_of_the_tree(tmp_path: Path, watching: Witness) -> None:
    with witness("witness.example/w2") as second, watched(tmp_path, watching, second) as gateway:
        for seed in (1, 2, 3):
            submit(gateway, seed)
            do(gateway, log_steps.publish, log_steps.cosign, log_steps.cosign)
            head = newest(gateway)
            note = read_note(head.note)
            assert [one.name for one in note.signatures] == [
                origin_of(gateway).origin,
                watching.vkey.name,
                second.vkey.name,
            ]
            assert check_cosignature(note.text, note.signatures[1], watching.vkey) == COSIGNED_AT_S
            assert watching.seen[origin_of(gateway).origin].size == head.size
            assert gateway("GET", "/v1/log/checkpoint").text == head.note
        assert set(watching.answers) == {200}
        # Once each: a head that was cosigned is not shown again.
        assert len(watching.answers) == 3
    assert open_alarms(gateway) == []


def test_a_gateway_that_forgot_what_its_witness_saw_asks_and_goes_on_from_there(
    tmp_path: Path, watching: Witness
) -> None:
    with watched(tmp_path, watching) as gateway:
        submit(gateway, 4)
        do(gateway, log_steps.publish, log_steps.cosign)
        book = gateway.house.logbook
        assert book is not None
        book.witnessed.clear()
        submit(gateway, 5)
        do(gateway, log_steps.publish, log_steps.cosign)
        assert watching.answers == [200, 409, 200]
        assert len(read_note(newest(gateway).note).signatures) == 2


def test_a_witness_that_is_away_is_an_alarm_until_it_answers_and_holds_nothing_up(
    tmp_path: Path, watching: Witness
) -> None:
    with watched(tmp_path, watching) as gateway:
        watching.away = True
        submit(gateway, 6)
        do(gateway, log_steps.publish, log_steps.cosign, log_steps.cosign)
        assert open_alarms(gateway) == [WITNESS_RULE]
        assert len(read_note(newest(gateway).note).signatures) == 1
        watching.away = False
        do(gateway, log_steps.cosign)
        assert open_alarms(gateway) == []
        assert len(read_note(newest(gateway).note).signatures) == 2


def test_a_witness_that_saw_more_than_there_is_stops_the_log(tmp_path: Path, watching: Witness) -> None:
    with watched(tmp_path, watching) as gateway:
        book = gateway.house.logbook
        assert book is not None
        do(gateway, log_steps.publish, log_steps.cosign)
        with rolled_back(gateway.house.database):
            for seed in (7, 8, 9):
                submit(gateway, seed)
            do(gateway, log_steps.publish, log_steps.cosign)
            assert newest(gateway).size == 4
        # The machine was lost with the file; only the witness knows.
        book.published.path.unlink()
        book._seen = (0, 0)
        put_leaf(gateway, 1)
        do(gateway, log_steps.publish, log_steps.cosign)
        assert open_alarms(gateway) == [DISPUTED_RULE]
        assert len(read_note(newest(gateway).note).signatures) == 1
        signed = newest(gateway).size
        put_leaf(gateway, 2)
        do(gateway, log_steps.publish)
        assert newest(gateway).size == signed


def test_a_witness_that_saw_another_tree_refuses_and_the_log_stops(tmp_path: Path, watching: Witness) -> None:
    with watched(tmp_path, watching) as gateway:
        do(gateway, log_steps.publish, log_steps.cosign)
        seen = watching.seen[origin_of(gateway).origin]
        watching.seen[origin_of(gateway).origin] = msgspec.structs.replace(seen, root=b"x" * 32)
        put_leaf(gateway, 1)
        do(gateway, log_steps.publish, log_steps.cosign)
        assert watching.answers[-1] == 422
        assert open_alarms(gateway) == [DISPUTED_RULE]
        # Nobody signed what the witness said: employers go on being served.
        submit(gateway, 10)


def put_leaf(gateway: Inhouse, number: int) -> None:
    with gateway.house.database.begin() as tx:
        turn = journal.take_turn(tx)
        journal.enter_leaves(tx, [journal.LogEntry(turn.next(), bytes([number]) * 32)])
        journal.end_turn(tx, turn)


@pytest.mark.parametrize(
    "text",
    ["nonsense http://127.0.0.1/\n", "{vkey}\n", "{vkey} ftp://x/\n", "{vkey} http://a:b@c/\n", "{log} http://x/\n",
     "{vkey} http://x/\n{vkey} http://y/\n"],
)  # fmt: skip
def test_a_file_of_witnesses_that_cannot_be_understood_stops_the_start(tmp_path: Path, text: str) -> None:
    one = Witness()
    listed = tmp_path / "witnesses"
    listed.write_text(text.format(vkey=one.vkey, log=msgspec.structs.replace(one.vkey, type=1)))
    with pytest.raises(Misconfigured):
        read_witnesses(Settings(log_witnesses=str(listed)))


def test_only_http_addresses_can_be_asked() -> None:
    assert address("https://witness.example/x")
    for url in ("", "witness.example", "file:///etc/passwd", "http://user@witness.example/"):
        with pytest.raises(ValueError, match="address"):
            address(url)


class Authority:
    """A time-stamp authority on loopback; `mood` says how it answers."""

    def __init__(self) -> None:
        self.tsa, self.mood, self.url, self.asked = Tsa(), "right", "", 0
        self.now: Callable[[], datetime] = HandClock().now

    def answer(self, body: bytes) -> tuple[int, bytes]:
        self.asked += 1
        if self.mood == "away":
            return 503, b""
        if self.mood == "nonsense":
            return 200, b"nonsense"
        if self.mood == "rejection":
            return 200, tsp.TimeStampResp({"status": {"status": "rejection"}}).dump()
        request = tsp.TimeStampReq.load(body)
        imprint = request["message_imprint"]["hashed_message"].native
        nonce = request["nonce"].native + (self.mood == "replayed")
        other = Tsa() if self.mood == "stranger" else self.tsa
        token = other.token(b"", self.now(), nonce=nonce, imprinted=imprint if self.mood != "other" else b"x" * 32)
        return 200, as_response(token)


@contextmanager
def authority() -> Iterator[Authority]:
    one = Authority()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.headers["Content-Type"] == "application/timestamp-query"
            status, answer = one.answer(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        one.url = f"http://127.0.0.1:{server.server_port}/"
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        serving.start()
        try:
            yield one
        finally:
            server.shutdown()
            serving.join()


@pytest.fixture
def stamped(tmp_path: Path) -> Iterator[tuple[Inhouse, Authority]]:
    """A gateway with an authority that it trusts."""
    with authority() as one, inhouse(tmp_path / "home", tsa_url=one.url, tsa_every_s=60) as gateway:
        one.now = gateway.clock.now
        house = gateway.house
        house.intake.tables = msgspec.structs.replace(house.tables, tsa=one.tsa.trust())
        yield gateway, one


def test_one_token_covers_all_that_is_in_the_tree(stamped: tuple[Inhouse, Authority]) -> None:
    gateway, one = stamped
    dossiers = [submit(gateway, seed) for seed in (11, 12)]
    do(gateway, log_steps.publish, log_steps.stamp, log_steps.stamp)
    assert one.asked == 1
    head = newest(gateway)
    assert head.token is not None
    covered = read_note(head.note).body
    used = verify_token(head.token, covered, one.tsa.trust(), gateway.clock.now())
    assert isinstance(used, TimestampUsed)
    assert used.generated_at == gateway.clock.now()
    for dossier in dossiers:
        told = gateway("GET", f"/v1/log/proof?dossier={dossier}").json()
        assert told["time_stamps"] == "ok"
        (statement,) = told["statements"]
        assert statement["stamped"]["size"] == head.size
        assert statement["stamped"]["checkpoint"] == head.note
    # Within the minute nobody is asked again; after it, for what is new alone.
    submit(gateway, 13)
    do(gateway, log_steps.publish, log_steps.stamp)
    assert one.asked == 1
    gateway.clock.advance(61)
    do(gateway, log_steps.stamp)
    assert one.asked == 2
    gateway.clock.advance(61)
    do(gateway, log_steps.stamp)
    assert one.asked == 2
    # The first time is the one that counts.
    with gateway.house.database.read() as tx:
        (proof,) = proofs_of(tx, dossiers[0])
    assert proof.checkpoint == head.note


@pytest.mark.parametrize("mood", ["away", "nonsense", "rejection", "replayed", "stranger", "other"])
def test_an_authority_that_fails_is_an_alarm_until_it_answers_and_holds_nothing_up(
    stamped: tuple[Inhouse, Authority], mood: str
) -> None:
    gateway, one = stamped
    one.mood = mood
    dossier = submit(gateway, 14)
    do(gateway, log_steps.publish, log_steps.stamp)
    assert open_alarms(gateway) == [TSA_RULE]
    told = gateway("GET", f"/v1/log/proof?dossier={dossier}").json()
    assert (told["time_stamps"], told["statements"][0]["logged"]) == ("away", True)
    assert told["away_since"] is not None
    assert told["statements"][0]["stamped"] is None
    assert newest(gateway).token is None
    one.mood = "right"
    gateway.clock.advance(61)
    do(gateway, log_steps.stamp)
    assert open_alarms(gateway) == []
    assert newest(gateway).token is not None


def test_an_authority_that_nobody_trusts_stamps_in_vain(stamped: tuple[Inhouse, Authority]) -> None:
    gateway, _ = stamped
    gateway.house.intake.tables = msgspec.structs.replace(gateway.house.tables, tsa=None)
    do(gateway, log_steps.publish, log_steps.stamp)
    assert newest(gateway).token is None
    assert open_alarms(gateway) == [TSA_RULE]


def test_a_head_that_was_dropped_meanwhile_is_kept_for_its_token(stamped: tuple[Inhouse, Authority]) -> None:
    gateway, _ = stamped
    do(gateway, log_steps.publish)
    before = newest(gateway)
    submit(gateway, 15)
    do(gateway, log_steps.publish)
    with gateway.house.database.begin() as tx:
        assert [one.size for one in log_rows.heads(tx, 1, 0, 9)] == [2]
        log_rows.stamp(tx, msgspec.structs.replace(before, token=b"t", stamped_at_us=1))
        assert [(one.size, one.token) for one in log_rows.heads(tx, 1, 0, 9)] == [(1, b"t"), (2, None)]


def test_an_answer_is_known_to_be_to_its_request_and_read_within_bounds() -> None:
    tsa, request = Tsa(), timestamp_request(b"text")
    right = tsa.token(b"text", nonce=request.nonce)
    assert token_from(as_response(right), request) == right
    assert token_from(as_response(right), TimestampRequest(b"", request.nonce)) == right
    for answer in (b"", b"0", as_response(tsa.token(b"text")), as_response(right)[:-5], b"0" * 100_000, right):
        with pytest.raises(TimestampRefused):
            token_from(answer, request)
