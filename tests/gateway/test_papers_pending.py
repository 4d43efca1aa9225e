"""The papers of a dossier that had to wait: one that says so, one with its judgement, neither ever made again."""

import hashlib
from datetime import timedelta

import pytest
from cryptography import x509

from gateway import pending
from tests.authority import Authority
from tests.gateway.inhouse import UNIT, Inhouse
from tests.gateway.test_papers import documents_of, squeezed, told
from tests.gateway.test_pending import gateway, outside, serial, signed, without_crl

__all__ = ["gateway", "outside", "without_crl"]


@pytest.fixture
def database_url() -> str:
    return ""


@pytest.mark.parametrize("revoked", [False, True])
def test_it_says_that_it_waits_and_later_what_was_judged(gateway: Inhouse, outside: Authority, revoked: bool) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    received = gateway("POST", "/v1/dossiers", employer, content=signed(outside, 40 + revoked)).json()
    path = f"/v1/dossiers/{received['dossier']}/receipt.pdf"
    waiting = gateway("GET", path, employer)
    text = told(waiting)
    for said in ("THÔNG BÁO TIẾP NHẬN HỒ SƠ", "ĐÃ NHẬN, ĐANG CHỜ KIỂM TRA CHỮ KÝ", "không cần nộp lại"):
        assert squeezed(said) in text
    assert "ĐÃTIẾPNHẬN" not in text
    assert gateway("GET", path + "?paper=2", employer).status_code == 404

    outside.is_up = True
    if revoked:
        outside.revoked = {serial(outside): (gateway.clock.now() - timedelta(hours=3), x509.ReasonFlags.key_compromise)}
    gateway.clock.advance(120)
    assert gateway.asked(pending.judge_due(gateway.house)) == 1
    shown = gateway("GET", f"/v1/dossiers/{received['dossier']}", employer).json()
    assert shown["state"] == ("refused" if revoked else "accepted")
    judged = gateway("GET", path, employer)
    text = told(judged)
    expected = (
        ("THÔNG BÁO KHÔNG TIẾP NHẬN HỒ SƠ", "Hồ sơ đã nhận và được lưu", "CHỮ KÝ SỐ [")
        if revoked
        else ("GIẤY TIẾP NHẬN HỒ SƠ VÀ HẸN TRẢ KẾT QUẢ", "ĐÃ TIẾP NHẬN", "nay đã kiểm tra xong chữ ký")
    )
    for said in (*expected, shown["judgement_number"], received["receipt_number"], received["sha256"]):
        assert squeezed(said) in text, said
    assert hashlib.sha256(received["receipt"].encode()).hexdigest() in text
    assert "ĐANGCHỜ" not in text
    assert ("Hạntrảkếtquả" in text) is not revoked
    # Both stay, to the byte.
    assert gateway("GET", path + "?paper=1", employer).content == waiting.content
    assert gateway("GET", path + "?paper=2", employer).content == judged.content != waiting.content
    assert [one.number for one in documents_of(gateway, received["dossier"])] == [1, 2]


def test_the_receipts_paper_can_be_had_though_nobody_asked_before_the_judgement(
    gateway: Inhouse, outside: Authority
) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    received = gateway("POST", "/v1/dossiers", employer, content=signed(outside, 44)).json()
    outside.is_up = True
    gateway.clock.advance(120)
    assert gateway.asked(pending.judge_due(gateway.house)) == 1
    first = told(gateway("GET", f"/v1/dossiers/{received['dossier']}/receipt.pdf?paper=1", employer))
    assert squeezed("ĐANG CHỜ KIỂM TRA CHỮ KÝ") in first
    assert squeezed("Kết luận Judgement") not in first
