"""The printable receipt over HTTP: made once, the same bytes ever after, and checked by whoever holds it."""

import asyncio
import hashlib
import re
import resource
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
from msgspec import structs

from gateway import papers
from gateway.contents import ContentErased
from gateway.paper_receipt import address, paper_key
from gateway.papers import OF_RECEIPT, RECEIPT_PDF
from gateway.report import keep_report, read_report
from schemas.findings import FINDINGS_MAX
from storage import documents, journal, register
from tests.databases import database_url
from tests.gateway.inhouse import OFFICE, OTHER_OFFICE, OTHER_UNIT, TAX_CODE, UNIT, Inhouse, a_dossier, inhouse
from tests.gateway.test_notice import with_mistakes
from tests.schemas.pdf_text import sheets

__all__ = ["database_url"]

NAME = "Công ty TNHH May Mẫu – Chi nhánh Thủ Đức"
EVERYTHING = journal.Scope(everything=True)


@pytest.fixture
def gateway(tmp_path: Path, database_url: str) -> Iterator[Inhouse]:
    with inhouse(tmp_path / "home", database_url=database_url, public_url="https://cong.example.vn/") as made:
        yield made


@pytest.fixture
def on_sqlite(tmp_path: Path) -> Iterator[Inhouse]:
    with inhouse(tmp_path / "home", public_url="https://cong.example.vn/") as made:
        with made.house.database.begin() as tx:
            named = register.Unit(code=UNIT, tax_code=TAX_CODE, office=OFFICE, name=NAME, valid_from="2020-01-01")
            register.put(tx, [named])
        yield made


def squeezed(said: str) -> str:
    return "".join(said.replace("\u200b", "").split())


def told(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/pdf"
    return squeezed("".join(sheets(answer.content)))


def row(gateway: Inhouse, dossier: str) -> journal.Dossier:
    with gateway.house.database.read() as tx:
        found = journal.dossier(tx, dossier, EVERYTHING)
    assert found
    return found


def documents_of(gateway: Inhouse, dossier: str) -> list[documents.Document]:
    with gateway.house.database.read() as tx:
        return documents.of(tx, dossier)


def test_an_accepted_dossier_has_all_that_its_receipt_says_on_paper(on_sqlite: Inhouse) -> None:
    gateway = on_sqlite
    employer = gateway.bearer("employer", units=[UNIT])
    received = gateway("POST", "/v1/dossiers", employer, content=a_dossier(attachments=1, attachment_bytes=4096)).json()
    shown = gateway("GET", f"/v1/dossiers/{received['dossier']}", employer).json()
    text = told(gateway("GET", f"/v1/dossiers/{received['dossier']}/receipt.pdf", employer))
    size = f"{received['size_bytes']:,}".replace(",", ".")
    wanted = [
        "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", "Độc lập - Tự do - Hạnh phúc",
        "GIẤY TIẾP NHẬN HỒ SƠ VÀ HẸN TRẢ KẾT QUẢ",
        "ĐÃ TIẾP NHẬN", "Ngày 02 tháng 3 năm 2026", f"Số: {received['receipt_number']}", received["dossier"],
        "600 – Báo tăng", NAME, f"Mã đơn vị {UNIT} · Mã số thuế {TAX_CODE}", "02/03/2026 08:30:00 (UTC+7)",
        "03/2026, đợt 1", "09/03/2026 08:30", f"{size} byte", received["sha256"], f"{OFFICE} – Bảo hiểm xã hội",
        hashlib.sha256(received["receipt"].encode()).hexdigest(), "CÔNG TY TNHH MAY MẪU SÔNG HỒNG, MST 0101234565",
        "https://cong.example.vn/v1/keys", "motcua verify", shown["submitter"],
    ]  # fmt: skip
    for part in shown["parts"]:
        wanted += [part["name"], part["form"], part["sha256"], f"{part['size_bytes']:,}".replace(",", ".")]
    for said in wanted:
        assert squeezed(said) in text, said
    assert "KHÔNGTIẾPNHẬN" not in text
    assert len(shown["parts"]) == 4


def test_a_refused_dossier_has_every_finding_and_its_fix_on_paper(on_sqlite: Inhouse) -> None:
    gateway = on_sqlite
    employer = gateway.bearer("employer", units=[UNIT])
    refused = gateway("POST", "/v1/dossiers", employer, content=with_mistakes()).json()
    text = told(gateway("GET", f"/v1/dossiers/{refused['dossier']}/receipt.pdf", employer))
    english = gateway("GET", f"/v1/dossiers/{refused['dossier']}", employer, headers={"accept-language": "en"}).json()
    assert len(refused["findings"]) >= 2
    for vi, en in zip(refused["findings"], english["findings"], strict=True):
        for said in (vi["message"], vi["fix"], en["message"], en["fix"], f"[{vi['code']}]", vi["value"]):
            assert squeezed(said) in text
    for said in ("THÔNG BÁO KHÔNG TIẾP NHẬN HỒ SƠ", "Nội dung đã gửi không được lưu", refused["notice_number"],
                 "nội dung hồ sơ có lỗi", hashlib.sha256(refused["notice"].encode()).hexdigest()):  # fmt: skip
        assert squeezed(said) in text, said
    assert "ĐÃTIẾPNHẬN" not in text


def test_a_signature_that_does_not_hold_is_told_with_its_reason(on_sqlite: Inhouse) -> None:
    gateway = on_sqlite
    employer = gateway.bearer("employer", units=[UNIT])
    content = a_dossier().replace(b"<TenThuTuc>", b"<TenThuTuc>x", 1)
    refused = gateway("POST", "/v1/dossiers", employer, content=content).json()
    assert refused["code"] == "signature-refused"
    text = told(gateway("GET", f"/v1/dossiers/{refused['dossier']}/receipt.pdf", employer))
    failed = [one for one in refused["verdict"]["signatures"] if one["indication"] != "TOTAL-PASSED"]
    assert failed
    for one in failed:
        assert squeezed(one["message"]) in text
        assert f"[{one['reason']}]" in text


def test_of_many_findings_the_first_fifty_are_told_and_how_many_more_there_are(on_sqlite: Inhouse) -> None:
    gateway = on_sqlite
    employer = gateway.bearer("employer", units=[UNIT])
    refused = gateway("POST", "/v1/dossiers", employer, content=with_mistakes()).json()
    kept = row(gateway, refused["dossier"])
    whole = read_report(kept.report)
    many = structs.replace(whole, findings=(whole.findings * FINDINGS_MAX)[:FINDINGS_MAX])
    with gateway.house.database.begin() as tx:
        tx.execute(
            sa.text("UPDATE dossier SET report = :report WHERE id = :id"), {"report": keep_report(many), "id": kept.id}
        )
    text = told(gateway("GET", f"/v1/dossiers/{kept.id}/receipt.pdf", employer))
    assert "50.L" in text
    assert "51.L" not in text
    assert squeezed(f"… và {FINDINGS_MAX - 50} điều khác") in text
    assert squeezed(f"Các lỗi và lưu ý ({FINDINGS_MAX})") in text


def test_it_is_made_once_and_the_same_bytes_ever_after(gateway: Inhouse) -> None:
    employer, office = gateway.bearer("employer", units=[UNIT]), gateway.bearer("office", offices=[OFFICE])
    dossier = gateway("POST", "/v1/dossiers", employer, content=a_dossier()).json()["dossier"]
    path = f"/v1/dossiers/{dossier}/receipt.pdf"
    assert documents_of(gateway, dossier) == []
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    first = gateway("GET", path, employer)
    spent = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    assert spent > before, "set in a process of its own"
    gateway.clock.advance(300)
    with gateway.house.database.begin() as tx:
        # What the register says now changes nothing any more.
        tx.execute(sa.text("UPDATE unit SET name = 'Tên khác'"))
    for asked in (gateway("GET", path, office), gateway("GET", path + "?paper=1", employer)):
        assert asked.content == first.content
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime == spent, "never set again"
    (kept,) = documents_of(gateway, dossier)
    assert (kept.kind, kept.number, kept.media_type) == (RECEIPT_PDF, OF_RECEIPT, "application/pdf")
    assert kept.sha256 == hashlib.sha256(first.content).digest()
    assert kept.wrapped_key != row(gateway, dossier).wrapped_key
    assert first.headers["cache-control"] == "no-store"
    locked = gateway.house.stores.vault.read(kept.place)
    assert b"%PDF" not in locked


def test_all_who_ask_at_once_get_the_same_bytes(gateway: Inhouse) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    dossier = gateway("POST", "/v1/dossiers", employer, content=a_dossier()).json()["dossier"]

    async def all_at_once() -> list[httpx.Response]:
        asking = (gateway.ask("GET", f"/v1/dossiers/{dossier}/receipt.pdf", employer) for _ in range(5))
        return list(await asyncio.gather(*asking))

    answers = gateway.asked(all_at_once())
    assert {one.status_code for one in answers} == {200}
    assert len({one.content for one in answers}) == 1
    assert len(documents_of(gateway, dossier)) == 1


def test_a_twin_in_another_process_that_was_quicker_decides(on_sqlite: Inhouse) -> None:
    gateway = on_sqlite
    employer = gateway.bearer("employer", units=[UNIT])
    dossier = gateway("POST", "/v1/dossiers", employer, content=a_dossier()).json()["dossier"]
    made = {"dossier": dossier, "kind": RECEIPT_PDF, "number": OF_RECEIPT, "media_type": "application/pdf"}
    stores, now = gateway.house.stores, gateway.clock.now()
    first = papers.keep(stores, b"%PDF-twin", **made, now=now)
    assert papers.keep(stores, b"%PDF-loser", **made, now=now) == first
    assert papers.read(stores, first) == b"%PDF-twin"
    assert gateway("GET", f"/v1/dossiers/{dossier}/receipt.pdf", employer).content == b"%PDF-twin"


def test_bytes_in_the_vault_without_their_row_are_no_harm(on_sqlite: Inhouse, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = on_sqlite
    employer = gateway.bearer("employer", units=[UNIT])
    dossier = gateway("POST", "/v1/dossiers", employer, content=a_dossier()).json()["dossier"]
    with gateway.house.database.begin() as tx:
        tx.execute(sa.text("ALTER TABLE document RENAME TO elsewhere"))
        tx.execute(sa.text("CREATE TABLE document AS SELECT * FROM elsewhere"))  # without its key: every row is refused
    path = f"/v1/dossiers/{dossier}/receipt.pdf"
    failed = gateway("GET", path, employer)
    assert (failed.status_code, failed.json()["code"]) == (500, "internal")
    assert b"%PDF" not in failed.content
    with gateway.house.database.begin() as tx:
        tx.execute(sa.text("DROP TABLE document"))
        tx.execute(sa.text("ALTER TABLE elsewhere RENAME TO document"))
    assert documents_of(gateway, dossier) == []
    assert gateway("GET", path, employer).content[:5] == b"%PDF-"
    assert len(documents_of(gateway, dossier)) == 1


def test_kept_bytes_that_were_changed_are_not_given_out(on_sqlite: Inhouse) -> None:
    gateway = on_sqlite
    employer = gateway.bearer("employer", units=[UNIT])
    dossier = gateway("POST", "/v1/dossiers", employer, content=a_dossier()).json()["dossier"]
    path = f"/v1/dossiers/{dossier}/receipt.pdf"
    assert gateway("GET", path, employer).status_code == 200
    (kept,) = documents_of(gateway, dossier)
    pack = Path(gateway.house.settings.home) / "vault" / kept.pack
    damaged = bytearray(pack.read_bytes())
    damaged[kept.pack_offset + kept.pack_length // 2] ^= 1
    pack.write_bytes(damaged)
    answer = gateway("GET", path, employer)
    assert (answer.status_code, answer.json()["code"]) == (500, "content-unreadable")


def test_what_was_erased_is_gone_and_is_not_made_again(gateway: Inhouse) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    dossier = gateway("POST", "/v1/dossiers", employer, content=a_dossier()).json()["dossier"]
    path = f"/v1/dossiers/{dossier}/receipt.pdf"
    assert gateway("GET", path, employer).status_code == 200
    before = row(gateway, dossier)
    with gateway.house.database.begin() as tx:
        tx.execute(sa.text("UPDATE dossier SET erased_at_us = 1, wrapped_key = NULL WHERE id = :id"), {"id": dossier})
        documents.forget_keys(tx, dossier)
    answer = gateway("GET", path, employer)
    assert (answer.status_code, answer.json()["code"]) == (410, "content-erased")
    # Who had looked at the dossier before it was erased gets nothing, either.
    with pytest.raises(ContentErased):
        gateway.asked(papers.receipt_pdf(gateway.house, before, OF_RECEIPT))
    with pytest.raises(ContentErased):
        papers.keep(gateway.house.stores, b"x", dossier=dossier, kind="result", number=1, media_type="application/pdf",
                    now=gateway.clock.now())  # fmt: skip
    assert [one.wrapped_key for one in documents_of(gateway, dossier)] == [None]


def test_it_is_for_the_parties_alone(on_sqlite: Inhouse) -> None:
    gateway = on_sqlite
    employer = gateway.bearer("employer", units=[UNIT])
    dossier = gateway("POST", "/v1/dossiers", employer, content=a_dossier()).json()["dossier"]
    refused = gateway("POST", "/v1/dossiers", employer, content=with_mistakes()).json()["dossier"]
    strangers = gateway.bearer("employer", units=[OTHER_UNIT]), gateway.bearer("office", offices=[OTHER_OFFICE])
    for one in (dossier, refused):
        for stranger in strangers:
            assert gateway("GET", f"/v1/dossiers/{one}/receipt.pdf", stranger).status_code == 404
    office = gateway.bearer("office", offices=[OFFICE])
    assert gateway("GET", f"/v1/dossiers/{refused}/receipt.pdf", office).status_code == 404
    assert gateway("GET", f"/v1/dossiers/{dossier}/receipt.pdf", gateway.bearer("operator")).status_code == 403
    assert documents_of(gateway, dossier) == documents_of(gateway, refused) == []
    for number, status in (("2", 404), ("0", 400), ("3", 400), ("x", 400)):
        answer = gateway("GET", f"/v1/dossiers/{dossier}/receipt.pdf?paper={number}", employer)
        assert answer.status_code == status, number


def test_the_square_code_leads_to_what_was_signed(on_sqlite: Inhouse) -> None:
    gateway = on_sqlite
    employer, office = gateway.bearer("employer", units=[UNIT]), gateway.bearer("office", offices=[OFFICE])
    received = gateway("POST", "/v1/dossiers", employer, content=a_dossier()).json()
    held = address(gateway.house.settings.url, row(gateway, received["dossier"]))
    digest = hashlib.sha256(received["receipt"].encode()).hexdigest()
    shape = r"https://cong\.example\.vn(/v1/receipts/G00\.01-20260302-\d{7}\?key=[a-z2-7]{26})#sha256=([0-9a-f]{64})"
    found = re.fullmatch(shape, held)
    assert found
    assert found[2] == digest
    answer = gateway("GET", found[1])
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    said = answer.json()
    for name in ("receipt_number", "dossier", "received_at", "sha256", "size_bytes", "due_at", "competent_office"):
        assert said[name] == received[name]
    assert (said["kind"], said["state"], said["unit"]) == ("receipt", "accepted", UNIT)
    assert said["statement_sha256"] == digest
    # Where it stands now, for people.
    (work,) = gateway("POST", f"/v1/offices/{OFFICE}/leases", office, json={}).json()["work"]
    gateway("POST", f"/v1/leases/{work['lease']}/acknowledge", office)
    page = gateway("GET", found[1], headers={"accept": "text/html"})
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for text in ("Cổng đã cấp biên nhận này", "cơ quan giải quyết đã nhận hồ sơ", "02/03/2026 08:30:00", digest):
        assert text in page.text


def test_the_page_and_the_code_name_no_person(on_sqlite: Inhouse) -> None:
    gateway = on_sqlite
    employer = gateway.bearer("employer", units=[UNIT])
    answers = [gateway("POST", "/v1/dossiers", employer, content=one).json() for one in (a_dossier(), with_mistakes())]
    for one in answers:
        kept = row(gateway, one["dossier"])
        held = address("", kept)
        page = gateway("GET", held.partition("#")[0], headers={"accept": "text/html"}).text
        shown = gateway("GET", held.partition("#")[0]).json()
        assert set(shown) == {
            "receipt_number", "kind", "dossier", "received_at", "sha256", "size_bytes", "procedure", "unit",
            "competent_office", "due_at", "statement_sha256", "judgement_number", "state",
        }  # fmt: skip
        for text in (held, page, str(shown)):
            for secret in ("SÔNG HỒNG", "MẪU", kept.submitter, TAX_CODE):
                assert secret not in text
    assert "không tiếp nhận" in page
    assert shown["kind"] == "notice"


def test_without_the_right_key_there_is_nothing(on_sqlite: Inhouse) -> None:
    gateway = on_sqlite
    employer = gateway.bearer("employer", units=[UNIT])
    first, second = (gateway("POST", "/v1/dossiers", employer, content=a_dossier(seed)).json() for seed in (1, 2))
    right, number = paper_key(first["receipt"]), first["receipt_number"]
    assert gateway("GET", f"/v1/receipts/{number}?key={right}").status_code == 200
    another, not_ascii = paper_key(second["receipt"]), right + "%C3%B4"
    # What the log shows to everyone.
    digest = hashlib.sha256(first["receipt"].encode()).hexdigest()
    for forged in (another, digest, "", right.upper(), right[:-1], not_ascii):
        answer = gateway("GET", f"/v1/receipts/{number}?key={forged}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not-found"), forged
        assert first["sha256"] not in answer.text
    assert gateway("GET", f"/v1/receipts/{number}").status_code == 400
    for unknown in ("G00.01-20260302-9999999", "9" * 5000):
        assert gateway("GET", f"/v1/receipts/{unknown}?key={right}").status_code == 404
