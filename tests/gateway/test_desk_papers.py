"""The papers of what an office decided, over HTTP: made once from the report, and checked by whoever holds one."""

import hashlib
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from gateway import desk_papers
from gateway.clock import for_people, from_us
from gateway.contents import ContentErased
from gateway.desk_paper_acts import stated_address
from gateway.paper_receipt import paper_key
from storage import documents, journal, register, statements
from tests.gateway.inhouse import OFFICE, OTHER_OFFICE, OTHER_UNIT, TAX_CODE, UNIT, Inhouse, a_dossier, inhouse
from tests.gateway.test_papers import row, told

NAME = "Công ty TNHH Một thành viên May mặc Xuất khẩu Nguyễn Thị Ngọc Khuê – Chi nhánh Thủ Đức"
OFFICER = {"department": "Phòng Chế độ BHXH", "officer": "Nguyễn Thị Ỷ Lan"}
ITEMS = [{"what": f"Nội dung thứ {n}: sổ bảo hiểm", "why": "" if n == 3 else f"Lý do thứ {n}"} for n in range(1, 31)]
REASON = "Hệ thống xác minh bị gián đoạn.\nĐã báo Trần Văn Ước."


class Desk:
    """A gateway with dossiers that its office worked on."""

    def __init__(self, gateway: Inhouse) -> None:
        self.gateway = gateway
        self.clients = {
            "employer": gateway.client("employer", units=[UNIT]),
            "office": gateway.client("office", offices=[OFFICE]),
            "operator": gateway.client("operator"),
            "other": gateway.client("office", offices=[OTHER_OFFICE]),
            "stranger": gateway.client("employer", units=[OTHER_UNIT]),
        }
        self.seed = 0

    def token(self, who: str) -> str:
        return self.gateway.token(*self.clients[who])

    def ask(self, who: str, path: str, **more: Any) -> Any:
        return self.gateway("GET", path, self.token(who), **more)

    def submitted(self) -> str:
        self.seed += 1
        answer = self.gateway("POST", "/v1/dossiers", self.token("employer"), content=a_dossier(self.seed))
        return str(answer.json()["dossier"])

    def taken(self) -> str:
        """A dossier that the office has acknowledged, a minute after it came."""
        dossier = self.submitted()
        self.gateway.clock.advance(60)
        self.take("office", OFFICE)
        return dossier

    def take(self, who: str, office: str) -> None:
        """All that is offered to the office."""
        token = self.token(who)
        for work in self.gateway("POST", f"/v1/offices/{office}/leases", token, json={"max": 50}).json()["work"]:
            assert self.gateway("POST", f"/v1/leases/{work['lease']}/acknowledge", token).status_code == 200

    def report(self, dossier: str, **said: Any) -> dict[str, Any]:
        self.gateway.clock.advance(60)
        answer = self.gateway("POST", f"/v1/dossiers/{dossier}/reports", self.token("office"), json=said)
        assert answer.status_code == 200, answer.text
        written: dict[str, Any] = answer.json()
        return written

    def papers(self, dossier: str) -> list[dict[str, Any]]:
        answer = self.ask("employer", f"/v1/dossiers/{dossier}/papers")
        assert answer.status_code == 200, answer.text
        listed: list[dict[str, Any]] = answer.json()["papers"]
        return listed

    def text(self, path: str) -> str:
        return told(self.ask("employer", path))


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    home = tmp_path_factory.mktemp("desk") / "home"
    with inhouse(home, public_url="https://cong.example.vn/") as made:
        with made.house.database.begin() as tx:
            named = register.Unit(code=UNIT, tax_code=TAX_CODE, office=OFFICE, name=NAME, valid_from="2020-01-01")
            register.put(tx, [named])
        yield Desk(made)


@pytest.fixture(scope="module")
def declined(desk: Desk) -> tuple[str, dict[str, Any]]:
    dossier = desk.taken()
    return dossier, desk.report(dossier, state=3, reason=REASON, **OFFICER)


def squeezed(said: str) -> str:
    return "".join(said.split())


def holds(text: str, *wanted: str) -> None:
    for said in wanted:
        assert squeezed(said) in text, said


def stated(desk: Desk, dossier: str, seq: int) -> statements.Stated:
    with desk.gateway.house.database.read() as tx:
        return next(one for one in statements.of(tx, dossier) if one.seq == seq)


def kept(desk: Desk, dossier: str) -> list[documents.Document]:
    with desk.gateway.house.database.read() as tx:
        return documents.of(tx, dossier)


def test_a_supplement_request_lists_everything_and_tells_that_the_clock_stands_still(desk: Desk) -> None:
    dossier = desk.taken()
    desk.report(dossier, state=2, bhxh_number="03706/2026/07906", national_code="G09.20-20260302-0092637")
    until = "2026-03-12T17:00:00+07:00"
    first = desk.report(dossier, state=5, supplement=ITEMS, reason="Liên hệ tổ một cửa.", until=until, **OFFICER)
    (paper, _) = desk.papers(dossier)
    assert (paper["kind"], paper["report"], paper["seq"]) == ("supplement-request", first["report"], first["seq"])
    text = desk.text(paper["path"])
    at = stated(desk, dossier, first["seq"])
    holds(
        text, "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", "PHIẾU YÊU CẦU BỔ SUNG, HOÀN THIỆN HỒ SƠ",
        "BẢO HIỂM XÃ HỘI THÀNH PHỐ HỒ CHÍ MINH", "BẢO HIỂM XÃ HỘI CƠ SỞ BÌNH THẠNH", f"Số: {first['report']}",
        "Ngày 02 tháng 3 năm 2026", NAME, f"Mã đơn vị {UNIT} · Mã số thuế {TAX_CODE}", "03706/2026/07906",
        "G09.20-20260302-0092637", "600 – Báo tăng", "02/03/2026 08:30", "09/03/2026 08:30", "12/03/2026 17:00",
        "hoàn thiện 30 nội dung", "Liên hệ tổ một cửa.", "thời hạn giải quyết tạm dừng", *OFFICER.values(),
        at.leaf.hex(), "Nơi nhận", "không mang chữ ký tay",
    )  # fmt: skip
    for one in ITEMS:
        holds(text, one["what"], one["why"])
    assert squeezed("lần thứ 2") not in text
    # A second request is told as what it is; the office that names no officer is shown as it is.
    desk.report(dossier, state=4)
    second = desk.report(dossier, state=5, supplement=[{"what": "Sổ bảo hiểm"}], department="Tổ Thẩm định")
    text = desk.text(desk.papers(dossier)[1]["path"])
    holds(text, second["report"], "yêu cầu bổ sung lần thứ 2", "tính là quá hạn", "không nêu tên cán bộ")


def test_a_refusal_tells_its_reason_and_so_does_what_was_stopped(
    desk: Desk, declined: tuple[str, dict[str, Any]]
) -> None:
    dossier, written = declined
    text = desk.text(f"/v1/dossiers/{dossier}/papers/refusal-{written['seq']}.pdf")
    holds(text, "PHIẾU TỪ CHỐI GIẢI QUYẾT HỒ SƠ", "Từ chối giải quyết (trạng thái quốc gia 3)", *REASON.split("\n"))
    other = desk.taken()
    stopped = desk.report(other, state=8, reason="Đơn vị đề nghị dừng.")
    text = desk.text(f"/v1/dossiers/{other}/papers/refusal-{stopped['seq']}.pdf")
    holds(text, "PHIẾU TỪ CHỐI GIẢI QUYẾT HỒ SƠ", "thông báo dừng giải quyết", "trạng thái quốc gia 8",
          "Đơn vị đề nghị dừng.")  # fmt: skip


def test_an_apology_names_the_date_that_was_missed_and_the_new_one(desk: Desk) -> None:
    dossier = desk.taken()
    desk.report(dossier, state=4)
    own = desk.gateway.clock.now() - timedelta(seconds=30)
    new = {"new_due_at": "2026-03-20T16:05:00+07:00", "reason": REASON}
    written = desk.report(dossier, state=4, at=own.isoformat(), **new)
    before = row(desk.gateway, dossier).due_at_us
    assert before is not None
    text = desk.text(f"/v1/dossiers/{dossier}/papers/apology-{written['seq']}.pdf")
    holds(
        text, "PHIẾU XIN LỖI VÀ HẸN LẠI NGÀY TRẢ KẾT QUẢ", for_people(from_us(before)), "20/03/2026 16:05",
        "Đã hẹn trả kết quả", "16 giờ 05 phút, ngày 20/03/2026", "sẽ không trả được kết quả đúng hẹn",
        "Chúng tôi xin lỗi", "chỉ được",
        f"cơ quan ghi: {for_people(own)}", *REASON.split("\n"),
    )  # fmt: skip


def test_it_is_made_once_and_the_same_bytes_ever_after(desk: Desk) -> None:
    dossier = desk.taken()
    written = desk.report(dossier, state=3, reason="Không thuộc đối tượng.")
    path = f"/v1/dossiers/{dossier}/papers/refusal-{written['seq']}.pdf"
    assert kept(desk, dossier) == []
    first = desk.ask("employer", path)
    with desk.gateway.house.database.begin() as tx:
        tx.execute(sa.text("UPDATE unit SET name = 'Tên khác' WHERE code = :code"), {"code": UNIT})
    assert desk.ask("office", path).content == first.content
    with desk.gateway.house.database.begin() as tx:
        tx.execute(sa.text("UPDATE unit SET name = :name WHERE code = :code"), {"code": UNIT, "name": NAME})
    (one,) = kept(desk, dossier)
    assert (one.kind, one.number, one.media_type) == ("refusal-pdf", written["seq"], "application/pdf")
    assert one.sha256 == hashlib.sha256(first.content).digest()
    assert (first.headers["cache-control"], first.headers["content-type"]) == ("no-store", "application/pdf")
    for mark in (b"<pdfaid:part>2<", b"<pdfaid:conformance>A<"):
        assert mark in first.content


def test_the_square_code_leads_to_what_was_sealed_and_names_neither_person_nor_reason(
    desk: Desk, declined: tuple[str, dict[str, Any]]
) -> None:
    dossier, written = declined
    path = f"/v1/dossiers/{dossier}/papers/refusal-{written['seq']}.pdf"
    printed = desk.ask("employer", path).content
    number = row(desk.gateway, dossier).statement_number
    held = stated_address(desk.gateway.house.settings.url, number, stated(desk, dossier, written["seq"]))
    found = re.fullmatch(r"https://cong\.example\.vn(/v1/reports/[^?]+\?key=[a-z2-7]{26})#sha256=([0-9a-f]{64})", held)
    assert found
    assert found[2] == hashlib.sha256(written["statement"].encode()).hexdigest()
    answer = desk.gateway("GET", found[1])
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    said = answer.json()
    assert said["report"] == written["report"]
    assert (said["fact"], said["state"], said["office"], said["unit"]) == ("declined", "declined", OFFICE, UNIT)
    assert said["statement_sha256"] == found[2]
    assert said["paper_sha256"] == hashlib.sha256(printed).hexdigest()
    page = desk.gateway("GET", found[1], headers={"accept": "text/html"})
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for text in ("Cổng đã ký báo cáo này", "Từ chối giải quyết", found[2], said["paper_sha256"]):
        assert text in page.text
    for secret in ("Lan", "Ước", "gián đoạn", NAME, TAX_CODE):
        assert secret not in page.text + answer.text


def test_without_the_right_key_there_is_nothing(desk: Desk, declined: tuple[str, dict[str, Any]]) -> None:
    dossier, written = declined
    found = row(desk.gateway, dossier)
    number, right = found.statement_number, paper_key(written["statement"])
    assert desk.gateway("GET", f"/v1/reports/{number}/{written['seq']}?key={right}").status_code == 200
    # The receipt's own key, and what the log shows to everyone.
    others = (paper_key(found.statement), hashlib.sha256(written["statement"].encode()).hexdigest())
    for forged in (*others, "", right.upper(), right[:-1], right + "%C3%B4"):
        answer = desk.gateway("GET", f"/v1/reports/{number}/{written['seq']}?key={forged}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not-found"), forged
        assert written["report"] not in answer.text
    for where in (f"{number}/1", f"{number}/0", f"{number}/x", f"{number}/{'9' * 30}", f"G00.01-1/{written['seq']}"):
        assert desk.gateway("GET", f"/v1/reports/{where}?key={right}").status_code == 404, where


def test_papers_are_for_the_parties_and_only_what_was_decided_has_one(
    desk: Desk, declined: tuple[str, dict[str, Any]]
) -> None:
    dossier, written = declined
    base = f"/v1/dossiers/{dossier}"
    for part in ("/papers", f"/papers/refusal-{written['seq']}.pdf", "/control-sheet.pdf"):
        for who in ("stranger", "other"):
            assert desk.ask(who, base + part).status_code == 404, (who, part)
        assert desk.ask("operator", base + part).status_code == 403, part
    seq = written["seq"]
    for name in (
        f"apology-{seq}.pdf", f"refusal-{seq - 1}.pdf", f"refusal-{seq + 1}.pdf", "refusal-0.pdf", f"refusal-{seq}",
        f"refusal-0{seq}.pdf", f"receipt-{seq}.pdf", f"refusal-{'9' * 19}.pdf", f"refusal-{'9' * 18}.pdf",
        "refusal-²3.pdf",
    ):  # fmt: skip
        answer = desk.ask("employer", f"{base}/papers/{name}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not-found"), name
    assert [one["kind"] for one in desk.papers(desk.submitted())] == ["control-sheet"]


def test_every_reading_of_a_paper_is_written_down(desk: Desk) -> None:
    dossier = desk.taken()
    written = desk.report(dossier, state=8, reason="x")
    name = f"papers/refusal-{written['seq']}.pdf"
    for path in (name, "control-sheet.pdf"):
        answer = desk.ask("office", f"/v1/dossiers/{dossier}/{path}")
        readings = desk.ask("employer", f"/v1/dossiers/{dossier}/readings").json()["readings"]
        assert (readings[-1]["what"], readings[-1]["why"]) == (path, "work")
        assert readings[-1]["correlation"] == answer.headers["x-correlation-id"]
    assert len(readings) == 2


def test_what_was_erased_has_no_papers_any_more_and_none_is_made(desk: Desk) -> None:
    dossier = desk.taken()
    written = desk.report(dossier, state=3, reason="x")
    path = f"/v1/dossiers/{dossier}/papers/refusal-{written['seq']}.pdf"
    assert desk.ask("employer", path).status_code == 200
    before = row(desk.gateway, dossier)
    with desk.gateway.house.database.begin() as tx:
        tx.execute(sa.text("UPDATE dossier SET erased_at_us = 1, wrapped_key = NULL WHERE id = :id"), {"id": dossier})
        documents.forget_keys(tx, dossier)
    for one in (path, f"/v1/dossiers/{dossier}/control-sheet.pdf"):
        answer = desk.ask("employer", one)
        assert (answer.status_code, answer.json()["code"]) == (410, "content-erased")
    assert desk.papers(dossier) == []
    # Who had looked at the dossier before it was erased gets nothing, either.
    with pytest.raises(ContentErased):
        desk.gateway.asked(desk_papers.act_pdf(desk.gateway.house, before, "refusal", written["seq"]))


def test_the_control_sheet_shows_each_hand_over_to_the_minute_and_says_how_far_it_speaks(desk: Desk) -> None:
    dossier = desk.taken()
    desk.report(dossier, state=4, until="2026-03-05T17:00:00+07:00", **OFFICER)
    path = f"/v1/dossiers/{dossier}/control-sheet.pdf"
    first = desk.text(path)
    with desk.gateway.house.database.read() as tx:
        head = journal.head(tx)
        facts = journal.events(tx, journal.Scope(everything=True), 0, dossier)
    holds(first, "PHIẾU KIỂM SOÁT QUÁ TRÌNH GIẢI QUYẾT HỒ SƠ", f"đến sự việc số {head} của cổng", NAME)
    holds(first, *OFFICER.values(), "00100 – Bảo hiểm xã hội", "thay cho chữ ký", "bưu chính công ích")
    shown = [one for one in facts if one.type in ("accepted", "acknowledged", "work-started")]
    assert len(shown) == 3
    for one, said in zip(
        shown, ("Đơn vị TS12345 Cổng tiếp nhận 00100", "Cổng tiếp nhận 00100 07906", "07906"), strict=True
    ):
        holds(first, for_people(from_us(one.at_us)) + said)
    desk.report(dossier, state=9)
    second = desk.text(path)
    assert squeezed(f"đến sự việc số {head} của cổng") not in second, "made afresh"
    holds(second, "Giải quyết xong", "đúng hạn", "đã giải quyết xong (9)")
    assert kept(desk, dossier) == [], "it is not kept"
