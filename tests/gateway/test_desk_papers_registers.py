"""Registers of offices and control sheets: what their lines say, how long they may be, and who may have them."""

import csv
import io
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import msgspec
import pytest
from msgspec import structs

from gateway import desk_paper_registers, desk_papers
from gateway.clock import VIETNAM, from_us, to_us
from gateway.desk_paper_control import ToldSheet
from gateway.desk_paper_control import paper_of as sheet_of
from gateway.desk_paper_facts import Detail, Fact
from gateway.desk_paper_registers import CSV_HEADS, Entry, ToldRegister, csv_of, is_late
from schemas.desk_paper_table import ROWS_MAX
from storage import journal, register
from storage.office_register import Line
from tests.databases import a_dossier as a_row
from tests.databases import an_event
from tests.gateway.inhouse import OFFICE, OTHER_OFFICE, TAX_CODE, UNIT, Inhouse, inhouse
from tests.gateway.test_desk_papers import Desk, holds, squeezed
from tests.gateway.test_papers import row, told

RECEIVER = "00100"
NOW = datetime(2026, 3, 20, 9, 0, tzinfo=VIETNAM)
MINUTE_US = 60_000_000


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One dossier that is finished, one that was passed on to another office, one that nobody took yet."""
    with inhouse(tmp_path_factory.mktemp("registers") / "home") as made:
        with made.house.database.begin() as tx:
            named = register.Unit(code=UNIT, tax_code=TAX_CODE, office=OFFICE, name="=1+1 Mẫu", valid_from="2020-01-01")
            register.put(tx, [named])
        desk = Desk(made)
        finished, gone = desk.taken(), desk.taken()
        desk.report(finished, state=2, bhxh_number="03706/2026/07906")
        desk.report(finished, state=9)
        path = f"/v1/dossiers/{gone}/transfers"
        moved = made("POST", path, desk.token("office"), json={"office": OTHER_OFFICE, "reason": "Đúng nơi quản lý"})
        assert moved.status_code == 200, moved.text
        desk.take("other", OTHER_OFFICE)
        desk.submitted()
        yield desk


def lines(desk: Desk, who: str, office: str, query: str = "") -> list[dict[str, str]]:
    answer = desk.ask(who, f"/v1/offices/{office}/register.csv{query}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.content.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


def test_a_register_has_a_line_for_each_dossier_that_is_or_was_the_offices(desk: Desk) -> None:
    first, second, third = lines(desk, "office", OFFICE)
    assert tuple(first) == CSV_HEADS
    assert [one["number"] for one in (first, second, third)] == ["1", "2", "3"]
    assert (first["state"], first["national"], first["overdue"]) == ("finished", "9", "false")
    assert (first["bhxh_number"], first["receiving_office"], first["competent_office"]) == (
        "03706/2026/07906",
        RECEIVER,
        OFFICE,
    )
    found = row(desk.gateway, first["dossier"])
    assert to_us(datetime.fromisoformat(first["received_at"])) // 1000 == found.received_at_us // 1000
    assert found.due_at_us is not None
    assert to_us(datetime.fromisoformat(first["due_at"])) == found.due_at_us
    assert (second["competent_office"], second["state"]) == (OTHER_OFFICE, "acknowledged")
    assert (third["state"], third["finished_at"]) == ("accepted", "")
    # What a worksheet would work out is text.
    assert first["unit_name"] == "'=1+1 Mẫu"
    assert [one["dossier"] for one in lines(desk, "other", OTHER_OFFICE)] == [second["dossier"]]
    assert desk.ask("office", f"/v1/dossiers/{second['dossier']}").status_code == 404, "the line is all it has of it"


def test_the_register_on_paper_says_the_same_and_up_to_which_fact(desk: Desk) -> None:
    text = told(desk.ask("office", f"/v1/offices/{OFFICE}/register.pdf"))
    with desk.gateway.house.database.read() as tx:
        head = journal.head(tx)
    holds(text, "SỔ THEO DÕI HỒ SƠ", "BẢO HIỂM XÃ HỘI CƠ SỞ BÌNH THẠNH", f"đến sự việc số {head} của cổng",
          "Hồ sơ nhận từ ngày 02/03/2026 đến hết ngày 02/03/2026", "=1+1 Mẫu", "03706/2026/07906", "đúng hạn",
          f"{RECEIVER} – Bảo hiểm xã hội", f"{RECEIVER} → {OFFICE}", f"đã chuyển đến {OTHER_OFFICE}")  # fmt: skip
    for one in lines(desk, "office", OFFICE):
        holds(text, one["receipt_number"])
    assert "PHIĐỊAGIỚI" not in text


def test_non_territorial_dossiers_stand_with_who_received_and_with_who_settles_them(desk: Desk) -> None:
    every = [one["dossier"] for one in lines(desk, "operator", OFFICE)]
    assert [one["dossier"] for one in lines(desk, "operator", OFFICE, "?kind=non-territorial")] == every
    received = lines(desk, "operator", RECEIVER, "?kind=non-territorial")
    assert [one["dossier"] for one in received] == every
    assert {one["competent_office"] for one in received} == {OFFICE, OTHER_OFFICE}
    assert lines(desk, "operator", RECEIVER) == [], "it settles none"
    holds(told(desk.ask("operator", f"/v1/offices/{RECEIVER}/register.pdf?kind=non-territorial")),
          "SỔ THEO DÕI HỒ SƠ PHI ĐỊA GIỚI", "BẢO HIỂM XÃ HỘI VIỆT NAM")  # fmt: skip


def test_what_an_office_received_for_itself_is_not_non_territorial(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    # As if its receipts said that it received them itself.
    monkeypatch.setattr(desk_papers, "receiving_office", lambda _statement: OFFICE)
    found = lines(desk, "office", OFFICE, "?kind=non-territorial")
    assert [one["competent_office"] for one in found] == [OTHER_OFFICE]


def test_a_span_of_days_counts_its_first_and_its_last(desk: Desk) -> None:
    assert len(lines(desk, "office", OFFICE, "?from=2026-03-02")) == 3
    assert len(lines(desk, "office", OFFICE, "?from=2026-03-02&to=2026-03-02")) == 3
    for query in ("?from=2026-03-03&to=2026-03-04", "?to=2026-03-01", "?from=2026-02-01&to=2026-03-01"):
        assert lines(desk, "office", OFFICE, query) == [], query
    empty = told(desk.ask("office", f"/v1/offices/{OFFICE}/register.pdf?to=2026-03-01"))
    holds(empty, "Không có hồ sơ nào.")
    for query, status, code in (
        ("?from=2026-03-05&to=2026-03-04", 400, "bad-request"), ("?from=yesterday", 400, "bad-request"),
        ("?from=9999-12-31&to=9999-12-31", 400, "bad-request"),
        ("?kind=x", 400, "bad-request"), ("?from=2024-01-01", 422, "register-too-long"),
    ):  # fmt: skip
        for ending in ("pdf", "csv"):
            answer = desk.ask("office", f"/v1/offices/{OFFICE}/register.{ending}{query}")
            assert (answer.status_code, answer.json()["code"]) == (status, code), query


def test_a_register_is_its_offices_and_the_operators(desk: Desk) -> None:
    for ending in ("pdf", "csv"):
        for who in ("other", "employer", "stranger"):
            assert desk.ask(who, f"/v1/offices/{OFFICE}/register.{ending}").status_code == 403, who
        assert desk.ask("operator", f"/v1/offices/{OFFICE}/register.{ending}").status_code == 200
    odd = desk.ask("operator", "/v1/offices/%22%0d%0aX/register.csv")
    assert odd.status_code == 200
    assert "\n" not in odd.headers["content-disposition"]


def test_one_that_fills_several_papers_is_asked_for_part_by_part(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_paper_registers, "ROWS_MAX", 2)
    path = f"/v1/offices/{OFFICE}/register.pdf"
    refused = desk.ask("office", path)
    assert (refused.status_code, refused.json()["code"]) == (422, "register-in-parts")
    assert "3 / 2" in refused.json()["detail"]
    parts = [told(desk.ask("office", f"{path}?part={part}")) for part in (1, 2)]
    for number, one in enumerate(lines(desk, "office", OFFICE)):
        holds(parts[number // 2], one["receipt_number"])
        assert squeezed(one["receipt_number"]) not in parts[1 - number // 2]
    holds(parts[1], "Quyển 2/2: từ số 3 đến số 3 trong 3 hồ sơ")
    for part, status in (("3", 404), ("0", 400), ("-1", 400)):
        assert desk.ask("office", f"{path}?part={part}").status_code == status


def test_one_that_is_too_long_is_refused_whole(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_papers, "LINES_MAX", 2)
    for ending in ("pdf", "csv"):
        answer = desk.ask("office", f"/v1/offices/{OFFICE}/register.{ending}")
        assert (answer.status_code, answer.json()["code"], answer.json()["retry"]) == (
            422,
            "register-too-long",
            "never",
        )


def a_line(**changes: Any) -> Line:
    fields: dict[str, Any] = {
        "seq": 1, "id": "d-1", "state": "finished", "procedure": "600", "unit": UNIT, "unit_name": "",
        "received_at_us": to_us(NOW), "competent_office": OFFICE, "statement_number": "n", "statement": "",
        "due_at_us": to_us(NOW), "appointed_at_us": None, "paused_since_us": None, "supplements": 0,
        "finished_at_us": None, "ended_at_us": None, "returned_at_us": None, "returned_by": "", "national_code": "",
        "bhxh_number": "",
    }  # fmt: skip
    return Line(**(fields | changes))


@pytest.mark.parametrize(
    ("changes", "late"),
    [
        # An appointment is to the minute: 09:00:59 is 09:00.
        ({"finished_at_us": to_us(NOW) + MINUTE_US - 1}, False),
        ({"finished_at_us": to_us(NOW) + MINUTE_US}, True),
        ({"finished_at_us": to_us(NOW) + MINUTE_US, "appointed_at_us": to_us(NOW) + MINUTE_US}, False),
        ({"finished_at_us": to_us(NOW) - 1, "supplements": 1}, False),
        ({"finished_at_us": to_us(NOW) - 1, "supplements": 2}, True),
        ({"finished_at_us": to_us(NOW), "due_at_us": None}, None),
        ({"state": "in-work"}, False),
        ({"state": "in-work", "due_at_us": to_us(NOW) - MINUTE_US}, True),
        ({"state": "supplement-requested", "due_at_us": 1, "paused_since_us": 0}, None),
        ({"state": "declined", "due_at_us": 1, "ended_at_us": to_us(NOW)}, True),
        ({"state": "withdrawn", "due_at_us": 1, "ended_at_us": to_us(NOW)}, None),
    ],
)
def test_a_line_is_late_by_the_date_in_force_and_the_rule_of_the_second_request(
    changes: dict[str, Any], late: bool | None
) -> None:
    assert is_late(a_line(**changes), NOW) is late


def test_five_thousand_lines_are_a_worksheet_and_five_papers(desk: Desk) -> None:
    told = ToldRegister(
        office=OFFICE,
        first=date(2026, 3, 1),
        last=date(2026, 3, 31),
        which="all",
        entries=[Entry(n, a_line(statement_number=f"G00.01-20260302-{n:07}"), OFFICE) for n in range(1, 5001)],
        upto_seq=7,
        tables=desk.gateway.house.tables,
        now=NOW,
    )
    assert len(csv_of(told).splitlines()) == 5001
    assert told.parts == 5
    papers = [desk_paper_registers.paper_of(told, part) for part in range(1, 6)]
    assert [line[0] for paper in papers for line in paper.rows] == [str(n) for n in range(1, 5001)]


def a_fact(seq: int, kind: str, office: str = OFFICE, **said: Any) -> Fact:
    event = structs.replace(an_event(a_row("x", 1), seq, kind), at_us=to_us(NOW) + seq * MINUTE_US, office=office)
    return Fact(event, msgspec.convert(said, Detail))


def rows_of(gateway: Inhouse, *facts: Fact) -> list[tuple[str, ...]]:
    dossier = a_row("x", 1, received_at_us=to_us(NOW), competent_office=facts[-1].event.office)
    sheet = ToldSheet(
        dossier=dossier, facts=facts, upto_seq=99, receiving_office=RECEIVER, unit_name="",
        tables=gateway.house.tables, now=NOW,
    )  # fmt: skip
    return list(sheet_of(sheet).rows)


def test_a_control_sheet_follows_a_dossier_from_hand_to_hand(desk: Desk) -> None:
    rows = rows_of(
        desk.gateway,
        a_fact(1, "received-pending"),
        a_fact(2, "accepted"),
        a_fact(3, "leased"),
        a_fact(4, "acknowledged"),
        a_fact(5, "work-started", department="Phòng A", officer="Ông B"),
        a_fact(6, "due-soon"),
        a_fact(7, "passed-on", department="Phòng C", officer="Bà D", reason="Đúng việc"),
        a_fact(8, "worked-on"),
        a_fact(9, "supplement-requested", supplement=[{"what": "Sổ"}], second=True),
        a_fact(10, "supplement-received", supplement="d-2", receipt="G-2"),
        a_fact(11, "sent-on", to=OTHER_OFFICE),
        a_fact(12, "transferred", OTHER_OFFICE, to=OTHER_OFFICE, department="Phòng E"),
        a_fact(13, "acknowledged", OTHER_OFFICE),
        a_fact(14, "finished", OTHER_OFFICE, due_at=NOW.isoformat(), results=[1, 2]),
        a_fact(15, "returned", OTHER_OFFICE, returned_by="both"),
    )
    unit, gate = f"Đơn vị {UNIT}", f"Cổng tiếp nhận\n{RECEIVER}"
    nobody, b, d = "(không nêu cán bộ)", f"{OFFICE}\nPhòng A\nÔng B", f"{OFFICE}\nPhòng C\nBà D"
    other = f"{OTHER_OFFICE}\nPhòng E\n{nobody}"
    assert [row[2:4] for row in rows] == [
        (unit, gate), ("—", gate), (gate, f"{OFFICE}\n{nobody}"), (f"{OFFICE}\n{nobody}", b), (b, d), ("—", d),
        (d, unit), (unit, d), (d, other), ("—", other), ("—", other), (other, unit),
    ]  # fmt: skip
    assert [row[0] for row in rows] == [str(n) for n in range(1, 13)]
    assert rows[0][1] == "20/03/2026 09:01"
    assert [row[5].rpartition("(")[2] for row in rows] == [f"{n})" for n in (1, 1, 2, 4, 4, 4, 5, 4, 1, 2, 9, 10)]
    assert "bổ sung lần hai: tính là quá hạn\n1 nội dung" in rows[6][7]
    assert "gửi kèm hồ sơ G-2" in rows[7][7]
    assert rows[10][7].startswith("quá hạn\n2 tệp kết quả")
    assert rows[11][7].startswith("điện tử và bưu chính")


def test_a_control_sheet_that_is_longer_than_a_paper_says_what_it_leaves_out(desk: Desk) -> None:
    facts = [a_fact(1, "accepted"), *(a_fact(n, "worked-on") for n in range(2, 1202))]
    rows = rows_of(desk.gateway, *facts)
    assert len(rows) == ROWS_MAX
    assert [row[0] for row in rows[498:503]] == ["499", "500", "…", "703", "704"]
    assert rows[500][-1].startswith("202 dòng")
    assert rows[-1][0] == "1201"


def test_a_withdrawal_comes_from_the_employer_or_from_the_office_that_reports_it(desk: Desk) -> None:
    begun = (a_fact(1, "accepted"), a_fact(2, "acknowledged"))
    *_, sent = rows_of(desk.gateway, *begun, a_fact(3, "withdrawn", receipt="G-2"))
    *_, said = rows_of(desk.gateway, *begun, a_fact(3, "withdrawn", officer="Ông B", reason="Đơn vị xin rút"))
    assert sent[2] == f"Đơn vị {UNIT}"
    assert said[2:4] == (f"{OFFICE}\n(không nêu cán bộ)", f"{OFFICE}\nÔng B")


def test_times_that_differ_by_the_offices_own_clock_are_both_told(desk: Desk) -> None:
    own = from_us(to_us(NOW)) - timedelta(minutes=3)
    *_, last = rows_of(desk.gateway, a_fact(1, "accepted"), a_fact(2, "acknowledged", at=own.isoformat()))
    assert last[1] == "20/03/2026 09:02\ncơ quan ghi: 20/03/2026 08:57"
