"""Carriers as data, what is read of what they send, and asking them: a simulator answers as carriers do."""

import asyncio
import gzip
import json
import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import sqlalchemy as sa

from gateway.clock import rfc3339
from gateway.postal.carrier_tables import CarriersUnreadable, ItemNumber, ToldIn, carriers
from gateway.postal.poll import BACK_OFF_S, BACK_OFF_S_MAX, poll_due
from gateway.postal.told import AnswerUnreadable, instant, rows_of
from gateway.s10 import Why
from storage import handlings, items
from tests.gateway.inhouse import Inhouse, inhouse
from tests.postal.shuffle import an_item

OURS = carriers()


def test_our_own_files_hold_together_and_say_what_nobody_confirmed() -> None:
    assert set(OURS.all) == {"vnpost", "ems"}
    for one in OURS.all.values():
        assert "words" in one.unconfirmed
        assert one.poll is None, "nobody is asked by default"
        for code, words in one.words.items():
            assert all(OURS.code_of(one.carrier, word) == code for word in words), code


@pytest.mark.parametrize(
    ("word", "code"),
    [
        ("EMI", "EMI"), ("emi", "EMI"), ("lost", "lost"), ("Phát thành công", "EMI"), ("PHÁT  THÀNH CÔNG", "EMI"),
        ("Phát không thành công: vắng nhà", "EMH"), ("Phát không thành công", "EMH"), ("Giao bưu tá 0907", "EDG"),
        ("Phát hoàn thành công", "returned"), ("", ""), ("Đã xem", ""),
    ],
)  # fmt: skip
def test_a_word_stands_for_a_code(word: str, code: str) -> None:
    assert OURS.code_of("vnpost", word) == code
    assert OURS.code_of("nobody", "Phát thành công") == ""


def test_numbers_are_s10_or_a_carriers_own() -> None:
    assert OURS.number("rr 473124829 vn", scanned=True) == ItemNumber(number="RR473124829VN", scheme="s10")
    typed = OURS.number("CD468359126VN", scanned=False)
    assert typed == ItemNumber(number="CD468359126VN", scheme="s10", questioned=True)
    scanned = OURS.number("CD468359126VN", scanned=True)
    assert isinstance(scanned, Why)
    assert scanned.code == "bad-check-digit"
    assert OURS.number("VN 123-456-789", scanned=True) == ItemNumber(
        number="VN123456789", scheme="local", carrier="vnpost"
    )
    nothing = OURS.number("hello", scanned=False)
    assert isinstance(nothing, Why)
    assert nothing.code == "not-s10"


def test_the_operators_file_is_laid_over_ours(tmp_path: Path) -> None:
    theirs = """
        carrier = "vnpost"
        unconfirmed = []
        numbers = ['XX[0-9]{9}']
        [words]
        EMI = ["Đã tới tay"]
        EMH = ["Đã phát"]
    """
    (tmp_path / "vnpost.toml").write_text(theirs)
    (tmp_path / "xe-om.toml").write_text('carrier = "xe-om"')
    laid = carriers(tmp_path)
    assert set(laid.all) == {"vnpost", "ems", "xe-om"}
    assert [laid.code_of("vnpost", word) for word in ("Đã tới tay", "Đã phát", "Phát thành công")] == [
        "EMI",
        "EMH",
        "EMI",
    ]
    assert isinstance(laid.number("XX123456789", scanned=True), ItemNumber)
    assert laid.all["vnpost"].told == OURS.all["vnpost"].told


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a", 'carrier = "b"'), ("a", "x = 1"), ("a", "carrier = 3"), ("a", 'carrier = "a"\nnumbers = ["("]'),
        ("a", 'carrier = "a"\n[words]\nEMZ = ["x"]'), ("a", 'carrier = "a"\n[words]\nEMI = ["x"]\nEMH = ["X"]'),
        ("a", 'carrier = "a"\n[poll]\nurl = "https://x.vn/"'),
        ("a", 'carrier = "a"\n[poll]\nurl = "https://x.vn/{numbers}"\nevery_s = 1'),
        ("a", 'carrier = "a"\n[poll]\nurl = "https://x.vn/{numbers}"\nheader = "x"'),
        ("a", 'carrier = "a"\n[poll]\nurl = "https://x.vn/{numbers}"\nhosts_http = "//"'),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_stops_the_start(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / f"{name}.toml").write_text(text)
    with pytest.raises(CarriersUnreadable, match=f"{name}.toml"):
        carriers(tmp_path)


def test_no_such_folder_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(CarriersUnreadable):
        carriers(tmp_path / "none")


@pytest.mark.parametrize(
    "written",
    ["2026-03-02T08:00:00+07:00", "2026-03-02T01:00:00Z", "2026-03-02T08:00:00", "2026-03-02 08:00:00",
     "02/03/2026 08:00", "02/03/2026 08:00:00", "20260302080000", "1772413200", "1772413200000"],
)  # fmt: skip
def test_a_time_is_vietnams_unless_it_says_otherwise(written: str) -> None:
    assert instant(written, OURS.all["vnpost"].told.times) == datetime(2026, 3, 2, 1, tzinfo=UTC)


@pytest.mark.parametrize("written", ["", "soon", "31/02/2026 08:00", "17724132", "9" * 30, "0001-01-01T00:00:00+14:00"])
def test_what_is_no_time_is_none(written: str) -> None:
    assert instant(written, OURS.all["vnpost"].told.times) is None


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[" * 100_000, b'"x"', b"[[]]", b'{"ID": ""}', b'{"ID": "x", "Events": 3}']
)
def test_what_is_no_answer_is_refused(body: bytes) -> None:
    with pytest.raises(AnswerUnreadable):
        rows_of(body, ToldIn())


class Simulator:
    """A carrier's own server: tells what it likes of the numbers that it is asked for."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.headers: list[str | None] = []
        self.histories: dict[str, list[dict[str, str]]] = {}
        self.status = 200
        self.body: bytes | None = None
        self.packed, self.broken = False, ""
        self.taken: list[str | None] = []
        simulator = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                numbers = unquote(urlsplit(self.path).path.rpartition("/")[2]).split(",")
                simulator.asked.append(numbers)
                simulator.headers.append(self.headers.get("x-key"))
                told = [{"ID": one, "Events": simulator.histories.get(one, [])} for one in numbers]
                # It also tells of what nobody asked for.
                told.append({"ID": "RR473124829VN", "Events": [{"EventCd": "EMI", "EventDT": "2026-03-01T08:00:00"}]})
                body = simulator.body if simulator.body is not None else json.dumps(told).encode()
                self.send_response(500 if simulator.broken in numbers else simulator.status)
                if simulator.status in (301, 302):
                    self.send_header("location", "/elsewhere")
                if simulator.status == 429:
                    self.send_header("retry-after", "900")
                if simulator.packed:
                    body = gzip.compress(body)
                    self.send_header("content-encoding", "gzip")
                simulator.taken.append(self.headers.get("accept-encoding"))
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    made = Simulator()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def gateway(tmp_path: Path, simulator: Simulator) -> Iterator[Inhouse]:
    folder = tmp_path / "carriers"
    folder.mkdir()
    (tmp_path / "key").write_text("secret of ours\n")
    at = f"127.0.0.1:{simulator.port}"
    (folder / "vnpost.toml").write_text(
        f'carrier = "vnpost"\n[poll]\nurl = "http://{at}/track/{{numbers}}"\nat_once = 3\nevery_s = 1800\n'
        f'header = "x-key"\nheader_file = "{tmp_path / "key"}"\nhosts_http = "{at}"\nhosts_private = "{at}"\n'
    )
    with inhouse(tmp_path / "home", carriers=str(folder)) as opened:
        yield opened


def bind(gateway: Inhouse, *numbers: str) -> None:
    with gateway.house.database.begin() as tx:
        for number in numbers:
            items.bind(tx, an_item(number), [])


def state(gateway: Inhouse, number: str) -> str:
    with gateway.house.database.read() as tx:
        found = items.find(tx, number)
    assert found is not None
    return found.state


def poll(gateway: Inhouse) -> None:
    asyncio.run(poll_due(gateway.house))


NUMBERS = [f"VN{number:08d}" for number in range(7)]


def event(gateway: Inhouse, code: str, hours_ago: int) -> dict[str, str]:
    return {"EventCd": code, "EventNm": "", "EventDT": rfc3339(gateway.clock.now() - timedelta(hours=hours_ago))}


def test_items_under_way_are_asked_for_several_at_once_and_what_shrinks_changes_nothing(
    gateway: Inhouse, simulator: Simulator
) -> None:
    bind(gateway, *NUMBERS)
    whole = [event(gateway, "EMA", 9), event(gateway, "EMG", 5)]
    simulator.histories = dict.fromkeys(NUMBERS, whole)
    poll(gateway)
    assert simulator.asked == [NUMBERS[:3], NUMBERS[3:6], NUMBERS[6:]]
    assert set(simulator.headers) == {"secret of ours"}
    assert {state(gateway, number) for number in NUMBERS} == {"at-office"}
    with gateway.house.database.read() as tx:
        assert handlings.of(tx, "RR473124829VN") == [], "nobody asked for it"
        assert {one.source for one in handlings.of(tx, NUMBERS[0])} == {"poll"}
    poll(gateway)
    assert len(simulator.asked) == 3, "not again before its time"

    gateway.clock.advance(1801)
    simulator.histories = dict.fromkeys(NUMBERS, whole[:1]) | {NUMBERS[1]: [], NUMBERS[2]: whole * 2}
    simulator.histories[NUMBERS[6]] = [event(gateway, "EMI", 1)]
    poll(gateway)
    assert [state(gateway, number) for number in NUMBERS] == ["at-office"] * 6 + ["delivered"]
    gateway.clock.advance(1801)
    poll(gateway)
    assert all(NUMBERS[6] not in numbers for numbers in simulator.asked[6:]), (
        "what was delivered is not asked for any more"
    )


ANSWERS = ((500, None), (302, None), (200, b"<html>"), (429, None), (200, b" " * 5_000_000))


def test_a_carrier_that_fails_is_asked_later_and_later(
    gateway: Inhouse, simulator: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    for number, answer in zip(NUMBERS, ANSWERS, strict=False):
        simulator.status, simulator.body = answer
        bind(gateway, number)
        simulator.histories, simulator.asked = {number: [event(gateway, "EMI", 1)]}, []
        least = 900 if simulator.status == 429 else 0
        with caplog.at_level(logging.WARNING, "motcua.faults"):
            waits = [fails(gateway) for _ in range(3)]
        assert waits == [max(least, BACK_OFF_S), max(least, BACK_OFF_S * 2), max(least, BACK_OFF_S * 4)]
        assert len(simulator.asked) == 3, "once each time, and no redirect is followed"
        assert state(gateway, number) == "bound"
        simulator.status, simulator.body = 200, None
        poll(gateway)
        assert state(gateway, number) == "delivered"
        gateway.clock.advance(1801)
    assert "in vain, 3 times in a row" in caplog.text
    assert "secret" not in caplog.text


def test_a_number_that_a_carrier_cannot_answer_about_keeps_no_other_from_being_asked_about(
    gateway: Inhouse, simulator: Simulator
) -> None:
    bind(gateway, *NUMBERS)
    simulator.histories = {number: [event(gateway, "EMI", 1)] for number in NUMBERS}
    simulator.broken = NUMBERS[1]
    waits = [fails(gateway) for _ in range(5)]
    assert {state(gateway, number) for number in NUMBERS[:3]} == {"bound"}
    assert {state(gateway, number) for number in NUMBERS[3:]} == {"delivered"}
    assert waits[:4] == [BACK_OFF_S, BACK_OFF_S * 2, BACK_OFF_S * 4, BACK_OFF_S * 8]
    simulator.broken = ""
    gateway.clock.advance(1801)
    poll(gateway)
    assert {state(gateway, number) for number in NUMBERS} == {"delivered"}


def test_a_carrier_that_never_answers_is_left_alone_for_hours_though_a_round_ends(
    gateway: Inhouse, simulator: Simulator
) -> None:
    bind(gateway, *NUMBERS)
    simulator.status = 500
    assert max(fails(gateway) for _ in range(14)) == BACK_OFF_S_MAX


def test_an_answer_is_taken_unpacked_and_in_however_the_number_is_written(
    gateway: Inhouse, simulator: Simulator
) -> None:
    bind(gateway, *NUMBERS[:1])
    simulator.body = json.dumps([{"ID": "vn 0000 0000", "Events": [event(gateway, "EMI", 1)]}]).encode()
    simulator.packed = True
    fails(gateway)
    assert (simulator.taken, state(gateway, NUMBERS[0])) == (["identity"], "bound")
    simulator.packed = False
    poll(gateway)
    assert state(gateway, NUMBERS[0]) == "delivered"


def fails(gateway: Inhouse) -> int:
    """How long the carrier is left alone after it was asked in vain."""
    poll(gateway)
    with gateway.house.database.read() as tx:
        next_at_us: int = tx.execute(sa.text("SELECT next_at_us FROM carrier_poll")).scalar_one()
    wait_s = round(next_at_us / 1_000_000 - gateway.clock.now().timestamp())
    poll(gateway)
    gateway.clock.advance(wait_s + 1)
    return wait_s


def test_a_host_that_the_file_does_not_list_is_not_asked(tmp_path: Path, simulator: Simulator) -> None:
    folder = tmp_path / "carriers"
    folder.mkdir()
    (folder / "vnpost.toml").write_text(
        f'carrier = "vnpost"\n[poll]\nurl = "http://127.0.0.1:{simulator.port}/{{numbers}}"\n'
    )
    with inhouse(tmp_path / "home", carriers=str(folder)) as gateway:
        bind(gateway, NUMBERS[0])
        poll(gateway)
    assert simulator.asked == []


def test_without_a_place_to_ask_nobody_is_asked(tmp_path: Path) -> None:
    with inhouse(tmp_path / "home") as gateway:
        bind(gateway, NUMBERS[0])
        poll(gateway)
        with gateway.house.database.read() as tx:
            assert tx.execute(sa.text("SELECT count(*) FROM carrier_poll")).scalar_one() == 0
