"""Who may see and do what, over HTTP: every door with the right caller, and every denial."""

import asyncio
import hashlib
import json
import resource
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest

from gateway.belonging import Known
from gateway.callers import ROLES, Role
from gateway.clock import VIETNAM
from gateway.judge import Opened, Submission, judge, open_dossier
from gateway.log_opening import ROLLED_BACK_RULE
from gateway.settle import settle
from schemas import typeset
from storage import register
from tests.databases import database_url
from tests.gateway.inhouse import (
    OFFICE,
    OTHER_OFFICE,
    OTHER_TAX_CODE,
    OTHER_UNIT,
    TAX_CODE,
    UNIT,
    Inhouse,
    a_dossier,
    inhouse,
)

__all__ = ["database_url"]


@pytest.fixture
def gateway(tmp_path: Path, database_url: str) -> Iterator[Inhouse]:
    with inhouse(tmp_path / "home", database_url=database_url) as made:
        yield made


def problem(answer: object) -> str:
    body = answer.json()  # type: ignore[attr-defined]
    assert set(body) >= {"type", "title", "status", "code", "correlation_id", "retry"}
    assert body["type"] == f"/problems/{body['code']}"
    assert answer.headers["content-type"] == "application/problem+json"  # type: ignore[attr-defined]
    return str(body["code"])


def test_a_dossier_goes_from_employer_to_office_and_back(gateway: Inhouse) -> None:
    employer, office = gateway.bearer("employer", units=[UNIT]), gateway.bearer("office", offices=[OFFICE])
    content = a_dossier()
    first = gateway("POST", "/v1/dossiers", employer, content=content)
    assert first.status_code == 201, first.text
    told = first.json()
    assert told["sha256"] == hashlib.sha256(content).hexdigest()
    assert told["competent_office"] == OFFICE
    assert told["batch"] == 1
    assert first.headers["location"] == f"/v1/dossiers/{told['dossier']}"

    work = gateway("POST", f"/v1/offices/{OFFICE}/leases", office, json={"max": 5}).json()
    # The log's origin, the dossier, its being leased.
    assert work["complete_until"] == 3
    (one,) = work["work"]
    fetched = gateway("GET", one["content_url"], office)
    assert fetched.content == content
    assert hashlib.sha256(fetched.content).hexdigest() == one["sha256"] == told["sha256"]
    done = gateway("POST", f"/v1/leases/{one['lease']}/acknowledge", office)
    assert (done.json()["dossier"], done.json()["state"]) == (told["dossier"], "acknowledged")

    shown = gateway("GET", f"/v1/dossiers/{told['dossier']}", employer).json()
    assert shown["state"] == "acknowledged"
    assert shown["receipt"] == told["receipt"]
    assert [part["form"] for part in shown["parts"]] == ["D02-TS", "TK1-TS", "D01-TS"]
    assert shown["verdict"]["indication"] == "TOTAL-PASSED"
    events = gateway("GET", f"/v1/dossiers/{told['dossier']}/events", employer).json()
    assert [event["type"] for event in events["events"]] == ["accepted", "leased", "acknowledged"]
    assert events["next"] == events["events"][-1]["seq"]
    assert gateway("GET", f"/v1/dossiers/{told['dossier']}/receipt", employer).text == told["receipt"]


def test_the_same_bytes_get_the_identical_receipt_and_the_owner_finds_it_by_digest(gateway: Inhouse) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    content = a_dossier()
    first = gateway("POST", "/v1/dossiers", employer, content=content)
    gateway.clock.advance(3)
    again = gateway("POST", "/v1/dossiers", employer, content=content)
    found = gateway("GET", f"/v1/receipts?sha256={first.json()['sha256']}", employer)
    assert (first.status_code, again.status_code, found.status_code) == (201, 200, 200)
    assert first.content == again.content == found.content


def test_a_stranger_is_refused_and_told_nothing(gateway: Inhouse) -> None:
    employer, stranger = gateway.bearer("employer", units=[UNIT]), gateway.bearer("employer", units=[OTHER_UNIT])
    told = gateway("POST", "/v1/dossiers", employer, content=a_dossier()).json()
    for path in ("", "/receipt", "/content", "/events", "/forms/1", "/forms/1.pdf"):
        answer = gateway("GET", f"/v1/dossiers/{told['dossier']}{path}", stranger)
        assert (answer.status_code, problem(answer)) == (404, "not-found")
    answer = gateway("GET", f"/v1/receipts?sha256={told['sha256']}", stranger)
    assert (answer.status_code, problem(answer)) == (404, "not-found")
    assert gateway("GET", "/v1/dossiers", stranger).json()["dossiers"] == []
    assert gateway("GET", "/v1/events", stranger).json()["events"] == []
    answer = gateway("POST", "/v1/dossiers", stranger, content=a_dossier())
    assert (answer.status_code, problem(answer)) == (403, "not-your-unit")
    assert told["receipt"] not in answer.text
    unknown = gateway("GET", "/v1/dossiers/d-nothing", stranger)
    assert unknown.json()["title"] == gateway("GET", f"/v1/dossiers/{told['dossier']}", stranger).json()["title"]


def test_an_ivan_sees_all_its_units_and_a_units_employer_sees_what_the_ivan_sent(gateway: Inhouse) -> None:
    ivan, employer = gateway.bearer("ivan", units=[UNIT, OTHER_UNIT]), gateway.bearer("employer", units=[UNIT])
    gateway("POST", "/v1/dossiers", ivan, content=a_dossier())
    other = a_dossier(unit=OTHER_UNIT, tax_code=OTHER_TAX_CODE, holder="other")
    assert gateway("POST", "/v1/dossiers", ivan, content=other).status_code == 201
    assert [one["unit"] for one in gateway("GET", "/v1/dossiers", ivan).json()["dossiers"]] == [UNIT, OTHER_UNIT]
    assert [one["unit"] for one in gateway("GET", "/v1/dossiers", employer).json()["dossiers"]] == [UNIT]
    only = gateway("GET", f"/v1/dossiers?unit={OTHER_UNIT}&procedure=600&state=accepted", ivan).json()["dossiers"]
    assert [one["unit"] for one in only] == [OTHER_UNIT]


def test_an_office_sees_only_its_own_work(gateway: Inhouse) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    office, other = gateway.bearer("office", offices=[OFFICE]), gateway.bearer("office", offices=[OTHER_OFFICE])
    told = gateway("POST", "/v1/dossiers", employer, content=a_dossier()).json()
    assert gateway("GET", f"/v1/dossiers/{told['dossier']}/content", office).status_code == 200
    for path in ("", "/receipt", "/content", "/events", "/forms/1"):
        assert gateway("GET", f"/v1/dossiers/{told['dossier']}{path}", other).status_code == 404
    answer = gateway("POST", f"/v1/offices/{OFFICE}/leases", other, json={})
    assert (answer.status_code, problem(answer)) == (403, "forbidden")
    (one,) = gateway("POST", f"/v1/offices/{OFFICE}/leases", office, json={}).json()["work"]
    for step in ("acknowledge", "extend", "release"):
        answer = gateway("POST", f"/v1/leases/{one['lease']}/{step}", other, json={})
        assert (answer.status_code, problem(answer)) == (409, "lease-lost")
    assert gateway("POST", f"/v1/leases/{one['lease']}/extend", office, json={"lease_s": 600}).status_code == 200
    assert gateway("POST", f"/v1/leases/{one['lease']}/release", office, json={"reason": "x"}).json() == {
        "work": "offered"
    }
    late = gateway("POST", f"/v1/leases/{one['lease']}/acknowledge", office)
    assert (late.status_code, problem(late)) == (409, "lease-lost")


# Which roles each door is for; every other role is tried and must be denied.
WEBHOOK_DOORS = (
    ("POST", ""), ("GET", ""), ("GET", "/w-x/deliveries"), ("POST", "/w-x/rotate"), ("POST", "/w-x/replay"),
    ("POST", "/w-x/disable"), ("POST", "/w-x/enable"), ("POST", "/w-x/confirm"), ("POST", "/w-x/test"),
)  # fmt: skip
DOORS: list[tuple[str, str, set[Role]]] = [
    ("POST", "/v1/dossiers", {"employer", "ivan"}),
    ("POST", "/v1/dossiers/check", {"employer", "ivan"}),
    ("GET", "/v1/dossiers", {"employer", "ivan", "office", "operator"}),
    ("GET", "/v1/dossiers/d-x", {"employer", "ivan", "office", "operator"}),
    ("GET", "/v1/dossiers/d-x/due", {"employer", "ivan", "office", "operator"}),
    ("GET", "/v1/dossiers/d-x/receipt", {"employer", "ivan", "office", "operator"}),
    ("GET", "/v1/dossiers/d-x/content", {"employer", "ivan", "office"}),
    ("GET", "/v1/dossiers/d-x/forms/1", {"employer", "ivan", "office"}),
    ("GET", "/v1/dossiers/d-x/forms/1.pdf", {"employer", "ivan", "office"}),
    ("GET", "/v1/dossiers/d-x/receipt.pdf", {"employer", "ivan", "office"}),
    ("GET", "/v1/dossiers/d-x/evidence", {"employer", "ivan", "office"}),
    ("GET", "/v1/dossiers/d-x/papers", {"employer", "ivan", "office"}),
    ("GET", "/v1/dossiers/d-x/papers/refusal-1.pdf", {"employer", "ivan", "office"}),
    ("GET", "/v1/dossiers/d-x/control-sheet.pdf", {"employer", "ivan", "office"}),
    ("GET", f"/v1/offices/{OFFICE}/register.pdf", {"office", "operator"}),
    ("GET", f"/v1/offices/{OFFICE}/register.csv", {"office", "operator"}),
    ("GET", "/v1/dossiers/d-x/readings", {"employer", "ivan", "office"}),
    ("GET", "/v1/dossiers/d-x/events", {"employer", "ivan", "office", "operator"}),
    ("GET", "/v1/events", {"employer", "ivan", "office", "operator"}),
    ("GET", "/v1/receipts?sha256=" + "0" * 64, {"employer", "ivan"}),
    ("GET", "/v1/notices?sha256=" + "0" * 64, {"employer", "ivan", "office", "operator"}),
    ("POST", f"/v1/offices/{OFFICE}/leases", {"office"}),
    ("POST", "/v1/leases/l-x/acknowledge", {"office"}),
    ("POST", "/v1/leases/acknowledgements", {"office"}),
    ("GET", f"/v1/offices/{OFFICE}/work", {"office", "operator"}),
    ("POST", "/v1/dossiers/d-x/reports", {"office"}),
    ("POST", "/v1/dossiers/d-x/transfers", {"office", "operator"}),
    ("POST", "/v1/dossiers/d-x/supplements", {"employer", "ivan"}),
    ("POST", "/v1/dossiers/d-x/withdrawal", {"employer", "ivan"}),
    ("GET", "/v1/dossiers/d-x/course", {"employer", "ivan", "office", "operator"}),
    ("GET", "/v1/dossiers/d-x/results", {"employer", "ivan", "office", "operator"}),
    ("GET", "/v1/dossiers/d-x/results/1", {"employer", "ivan", "office"}),
    ("POST", "/v1/leases/l-x/extend", {"office"}),
    ("POST", "/v1/leases/l-x/release", {"office"}),
    ("GET", "/v1/alarms", {"employer", "ivan", "office", "operator"}),
    ("GET", "/v1/dossiers/d-x/validation", {"employer", "ivan", "office", "operator"}),
    ("GET", "/v1/dossiers/d-x/validation.xml", {"employer", "ivan", "office", "operator"}),
    ("GET", "/v1/dossiers/d-x/proofs/" + "0" * 64, {"employer", "ivan", "office", "operator"}),
    ("GET", "/v1/dossiers/d-x/judgement", {"employer", "ivan", "office", "operator"}),
    ("POST", "/v1/dossiers/d-x/revive", {"office", "operator"}),
    ("POST", "/v1/uploads", {"employer", "ivan"}),
    ("GET", "/v1/uploads/u-x", {"employer", "ivan"}),
    ("PATCH", "/v1/uploads/u-x", {"employer", "ivan"}),
    ("DELETE", "/v1/uploads/u-x", {"employer", "ivan"}),
    ("POST", "/v1/uploads/u-x", {"employer", "ivan"}),
    *((method, f"/v1/webhooks{path}", {"employer", "ivan", "office", "operator"}) for method, path in WEBHOOK_DOORS),
    ("GET", "/v1/dossiers/d-x/tracking-code", {"employer", "ivan", "office"}),
    ("GET", "/v1/ledger", {"operator"}),
    ("GET", "/v1/figures", {"office", "operator"}),
    ("GET", "/v1/figures.csv", {"office", "operator"}),
    ("GET", "/v1/ledger/0", {"operator"}),
    ("GET", "/v1/absence?sha256=" + "0" * 64, {"employer", "ivan"}),
    ("GET", "/v1/dossiers/d-x/parts/1", {"employer", "ivan", "office"}),
    ("GET", "/v1/documents?sha256=" + "0" * 64, {"employer", "ivan"}),
    ("POST", "/v1/postal/handlings", {"post"}),
    ("POST", "/v1/postal/carriers/vnpost/handlings", {"post"}),
    ("GET", "/v1/postal/words", {"post", "operator"}),
    ("PUT", "/v1/postal/items/n-x", {"employer", "ivan", "post", "office"}),
    ("GET", "/v1/postal/items/n-x", {"employer", "ivan", "post", "office"}),
    ("GET", "/v1/postal/items", {"employer", "ivan", "post", "office"}),
    ("POST", "/v1/postal/pool/vnpost", {"post"}),
    ("POST", "/v1/postal/pool/vnpost/takings", {"employer", "ivan", "office"}),
    ("POST", "/v1/postal/pool/vnpost/recalls", {"employer", "ivan", "post", "office"}),
    ("POST", "/v1/postal/items/n-x/pickup", {"employer", "ivan", "office"}),
    ("POST", "/v1/postal/announcements", {"employer", "ivan", "office"}),
    ("POST", "/v1/postal/announcements/check", {"employer", "ivan", "office"}),
    ("GET", "/v1/postal/announcements/p-x", {"employer", "ivan", "office", "operator"}),
    ("POST", "/v1/postal/announcements/p-x/cancellation", {"employer", "ivan", "office"}),
    ("GET", "/v1/postal/announcements/p-x/cover.pdf", {"employer", "ivan", "office"}),
    ("GET", "/v1/postal/announcements/p-x/forms.pdf", {"employer", "ivan", "office"}),
    ("POST", "/v1/mailroom/openings", {"office"}),
    ("GET", "/v1/mailroom/openings/o-x", {"office"}),
    ("POST", "/v1/mailroom/openings/o-x/filings", {"office"}),
    ("POST", "/v1/mailroom/scans?opening=o-x", {"office"}),
    ("GET", "/v1/mailroom/scans/s-x/pages/1.png", {"office"}),
    ("POST", "/v1/mailroom/pages", {"office"}),
    ("GET", "/v1/mailroom/waiting", {"office"}),
    ("POST", "/v1/postal/returns", {"office"}),
    ("GET", "/v1/postal/returns", {"office", "operator"}),
    ("GET", "/v1/postal/returns/i-x", {"office", "operator"}),
    ("GET", "/v1/postal/returns/i-x/slip.pdf", {"office", "operator"}),
    ("POST", "/v1/postal/returns/i-x/decision", {"office"}),
    ("POST", "/v1/postal/returns/i-x/form-05", {"office"}),
    ("GET", "/v1/postal/originals", {"office", "operator"}),
    ("GET", "/v1/postal/originals.csv", {"office", "operator"}),
    ("GET", "/v1/postal/originals.pdf", {"office", "operator"}),
    ("POST", "/v1/postal/originals/g-x/custody", {"office"}),
    ("GET", "/v1/dossiers/d-x/originals", {"employer", "ivan", "office", "operator"}),
    ("GET", "/v1/dossiers/d-x/same-case", {"employer", "ivan", "office", "operator"}),
    ("POST", "/v1/dossiers/d-x/same-case", {"office"}),
    ("POST", "/v1/postal/manifests", {"post", "office"}),
    ("POST", "/v1/postal/manifests/m/received", {"post", "office"}),
    ("POST", "/v1/postal/manifests/m/settlement", {"office", "operator"}),
    ("GET", "/v1/postal/manifests", {"post", "office", "operator"}),
    ("GET", "/v1/postal/manifests/m", {"post", "office", "operator"}),
    ("GET", "/v1/postal/manifests/m/note.pdf", {"post", "office", "operator"}),
    ("GET", "/v1/postal/account", {"operator", "post"}),
    ("GET", "/v1/postal/account.csv", {"operator", "post"}),
]


SAYS = ("/v1/leases", f"/v1/offices/{OFFICE}/leases", "/v1/dossiers/d-x/reports", "/v1/dossiers/d-x/transfers")
BODIES = {
    "reports": {"state": 4},
    "transfers": {"reason": "x", "office": OFFICE},
    "acknowledgements": {"leases": ["l-x"]},
}


@pytest.mark.parametrize(("method", "path", "allowed"), DOORS, ids=[f"{m} {p}" for m, p, _ in DOORS])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_each_door_is_for_its_roles_alone(gateway: Inhouse, method: str, path: str, allowed: set[Role]) -> None:
    body = (
        {"json": BODIES.get(path.rpartition("/")[2], {})}
        if path.startswith(SAYS)
        else {"content": a_dossier(employees=1)}
    )
    for role in ROLES:
        token = gateway.bearer(role, units=[UNIT], offices=[OFFICE])
        answer = gateway(method, path, token, **(body if method == "POST" else {}))
        if role in allowed:
            assert answer.status_code != 403, (role, answer.text)
        else:
            assert (answer.status_code, problem(answer)) == (403, "forbidden"), role
    nobody = gateway(method, path, **(body if method == "POST" else {}))
    assert (nobody.status_code, problem(nobody)) == (401, "unauthorized")
    assert nobody.headers["www-authenticate"].startswith("Bearer")


def test_a_refusal_leaves_its_signed_notice_with_the_submitter_alone(gateway: Inhouse) -> None:
    employer, unit_mate = gateway.bearer("employer", units=[UNIT]), gateway.bearer("ivan", units=[UNIT])
    content = bytearray(a_dossier())
    content[len(content) // 2] ^= 1
    answer = gateway("POST", "/v1/dossiers", employer, content=bytes(content))
    refused = answer.json()
    assert answer.status_code == 422
    assert refused["notice"].count(".") == 2
    notices = gateway("GET", f"/v1/notices?sha256={refused['sha256']}", employer).json()
    assert [one["receipt"] for one in notices] == [refused["notice"]]
    assert [one["state"] for one in notices] == ["refused"]
    assert gateway("GET", f"/v1/notices?sha256={refused['sha256']}", unit_mate).json() == []
    assert gateway("GET", f"/v1/receipts?sha256={refused['sha256']}", employer).status_code == 404
    assert gateway("GET", f"/v1/dossiers/{refused['dossier']}/content", employer).status_code == 404
    assert gateway("GET", "/v1/dossiers?state=refused", employer).json()["dossiers"][0]["dossier"] == refused["dossier"]


def test_checking_judges_and_keeps_nothing(gateway: Inhouse) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    good = gateway("POST", "/v1/dossiers/check", employer, content=a_dossier()).json()
    assert (good["ok"], len(good["signatures"])) == (True, 4)
    bad = gateway(
        "POST", "/v1/dossiers/check", employer, content=a_dossier().replace(b"<MaThuTuc>600", b"<MaThuTuc>699")
    )
    assert bad.json()["ok"] is False
    assert {finding["code"] for finding in bad.json()["findings"]} >= {"procedure-unknown"}
    # The origin of the log is all that was ever said.
    assert gateway("GET", "/ready").json()["committed"] == 1
    assert gateway("GET", "/v1/dossiers", employer).json()["dossiers"] == []


def test_a_check_is_answered_as_the_notice_that_people_print_too(gateway: Inhouse) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    bad = a_dossier().replace(b"<MaThuTuc>600", b"<MaThuTuc>699")
    report = gateway("POST", "/v1/dossiers/check", employer, content=bad).json()
    english = {"accept": "text/html", "accept-language": "en"}
    page = gateway("POST", "/v1/dossiers/check", employer, content=bad, headers=english)
    assert (page.status_code, page.headers["cache-control"]) == (200, "no-store")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert '<html lang="en">' in page.text
    assert report["sha256"] in page.text
    sheets = gateway("POST", "/v1/dossiers/check", employer, content=bad, headers={"accept": "application/pdf"})
    assert (sheets.status_code, sheets.content[:5]) == (200, b"%PDF-")
    assert sheets.headers["content-type"] == "application/pdf"
    assert gateway("GET", "/ready").json()["committed"] == 1


def test_a_received_form_is_shown_as_its_paper_looks(gateway: Inhouse) -> None:
    employer, office = gateway.bearer("employer", units=[UNIT]), gateway.bearer("office", offices=[OFFICE])
    told = gateway("POST", "/v1/dossiers", employer, content=a_dossier()).json()
    forms = f"/v1/dossiers/{told['dossier']}/forms"
    page = gateway("GET", f"{forms}/1", office)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "<script" not in page.text
    assert told["receipt_number"] in page.text
    assert f"MST {TAX_CODE}" in page.text
    assert "Chữ ký số trên phong bì" in page.text
    sheets = gateway("GET", f"{forms}/1.pdf", employer)
    assert (sheets.status_code, sheets.headers["content-type"], sheets.content[:5]) == (
        200,
        "application/pdf",
        b"%PDF-",
    )
    asked = gateway("GET", f"{forms}/1", employer, headers={"accept": "application/pdf"})
    assert asked.content == sheets.content, "the same form, the same bytes"
    for number in ("0", "9", "x", "-1", "1.xml", "99999"):
        assert (gateway("GET", f"{forms}/{number}", employer).status_code) == 404, number


def test_what_is_printed_for_callers_is_set_in_a_process_of_its_own(gateway: Inhouse) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    content = a_dossier()
    told = gateway("POST", "/v1/dossiers", employer, content=content).json()
    for ask in (
        lambda: gateway("GET", f"/v1/dossiers/{told['dossier']}/forms/1.pdf", employer),
        lambda: gateway("POST", "/v1/dossiers/check", employer, content=content, headers={"accept": "application/pdf"}),
    ):
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        assert ask().content[:5] == b"%PDF-"
        assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime > before


def test_a_form_too_long_for_a_pdf_is_had_as_html(gateway: Inhouse, monkeypatch: pytest.MonkeyPatch) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    told = gateway("POST", "/v1/dossiers", employer, content=a_dossier()).json()
    monkeypatch.setattr(typeset, "APART_SIZE_BYTES_MAX", 1_000)
    answer = gateway("GET", f"/v1/dossiers/{told['dossier']}/forms/1.pdf", employer)
    assert (answer.status_code, problem(answer), answer.json()["retry"]) == (406, "too-long-for-pdf", "never")
    assert gateway("GET", f"/v1/dossiers/{told['dossier']}/forms/1", employer).status_code == 200


def test_a_document_that_is_itself_the_form_is_shown_as_number_0(gateway: Inhouse) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    answer = gateway("POST", "/v1/dossiers", employer, content=a_dossier(procedure="04"))
    assert answer.status_code == 201, answer.text
    page = gateway("GET", f"/v1/dossiers/{answer.json()['dossier']}/forms/0", employer)
    assert page.status_code == 200, page.text
    assert answer.json()["receipt_number"] in page.text


def test_an_office_client_without_offices_sees_nothing(gateway: Inhouse) -> None:
    employer, office = gateway.bearer("employer", units=[UNIT]), gateway.bearer("office")
    gateway("POST", "/v1/dossiers", employer, content=b"<Hoso/>")
    for path in ("/v1/dossiers", "/v1/events", "/v1/dossiers?state=refused"):
        answer = gateway("GET", path, office)
        assert (answer.status_code, problem(answer)) == (403, "forbidden")
    other = gateway.bearer("office", offices=[OFFICE])
    assert gateway("GET", "/v1/dossiers?state=refused", other).json()["dossiers"] == []


def test_who_calls_is_asked_before_the_body_is_read(gateway: Inhouse) -> None:
    answer = gateway("POST", f"/v1/offices/{OFFICE}/leases", content=b"{bad")
    assert (answer.status_code, problem(answer)) == (401, "unauthorized")
    office = gateway.bearer("office", offices=[OFFICE])
    large = gateway("POST", f"/v1/offices/{OFFICE}/leases", office, content=b" " * 70_000)
    assert large.status_code == 413
    for key in ("", "x" * 256, "ô"):
        headers = {"idempotency-key": key.encode()}
        answer = gateway("POST", f"/v1/offices/{OFFICE}/leases", office, json={}, headers=headers)
        assert (answer.status_code, problem(answer)) == (400, "bad-request"), key


def test_while_the_database_is_behind_what_was_published_nothing_is_received(gateway: Inhouse) -> None:
    employer, content = gateway.bearer("employer", units=[UNIT]), a_dossier()
    assert gateway.house.logbook is not None
    gateway.house.logbook.stop(ROLLED_BACK_RULE, "?", gateway.clock.now())
    away = gateway("POST", "/v1/dossiers", employer, content=content)
    assert (away.status_code, away.json()["code"], away.json()["retry"]) == (503, "database-away", "after")
    assert gateway("GET", "/v1/dossiers", employer).json()["dossiers"] == []


def test_head_is_get_without_a_body(gateway: Inhouse) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    told = gateway("POST", "/v1/dossiers", employer, content=a_dossier()).json()
    for path in ("/v1/dossiers", f"/v1/dossiers/{told['dossier']}/content", "/health"):
        whole, head = gateway("GET", path, employer), gateway("HEAD", path, employer)
        assert (head.status_code, head.content) == (whole.status_code, b"")
        assert head.headers["content-length"] == whole.headers["content-length"]


def test_a_dossier_is_received_when_it_is_wholly_here(gateway: Inhouse) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    content = a_dossier()

    async def slowly() -> AsyncIterator[bytes]:
        yield content[:100]
        gateway.clock.advance(3600)
        yield content[100:]

    began = gateway.clock.now()

    async def submit() -> httpx.Response:
        return await gateway.ask("POST", "/v1/dossiers", employer, content=slowly())

    told = gateway.asked(submit()).json()
    received = datetime.fromisoformat(told["received_at"])
    assert received >= began + timedelta(seconds=3600)


def test_a_round_that_spans_midnight_is_numbered_by_each_day(gateway: Inhouse) -> None:
    house, now = gateway.house, gateway.clock.now()
    client, _ = gateway.client("ivan", units=[UNIT])
    midnight = datetime(2026, 3, 3, tzinfo=VIETNAM)
    assert now < midnight
    filings = []
    for seed, at in enumerate((midnight - timedelta(seconds=1), midnight, midnight - timedelta(seconds=1))):
        content = a_dossier(seed, employees=1)
        sha256 = hashlib.sha256(content).digest()
        opened = open_dossier(Submission(content=content, sha256=sha256, submitter=client, received_at=at))
        assert isinstance(opened, Opened)
        known = Known(unit=register.unit_at(house.database, UNIT, at.date()), may_speak=True)
        filings.append(judge(opened, known, house.tables))
    numbers = [one.dossier.statement_number for one in settle(filings, house.stores, house.tables)]
    assert numbers == ["G00.01-20260302-0000001", "G00.01-20260303-0000001", "G00.01-20260302-0000002"]


def test_a_long_poll_wakes_when_another_caller_commits(gateway: Inhouse) -> None:
    employer, office = gateway.bearer("employer", units=[UNIT]), gateway.bearer("office", offices=[OFFICE])

    async def both() -> tuple[object, object]:
        feed = asyncio.create_task(gateway.ask("GET", "/v1/events?after=0&wait_s=20", employer))
        work = asyncio.create_task(
            gateway.ask("POST", f"/v1/offices/{OFFICE}/leases", office, json={"wait_s": 20, "max": 1})
        )
        await asyncio.sleep(0.3)
        assert not feed.done()
        assert not work.done()
        await gateway.ask("POST", "/v1/dossiers", employer, content=a_dossier())
        return (await asyncio.wait_for(feed, 5)).json(), (await asyncio.wait_for(work, 5)).json()

    feed, work = gateway.asked(both())
    assert [event["type"] for event in feed["events"]][:1] == ["accepted"]  # type: ignore[index]
    assert len(work["work"]) == 1  # type: ignore[index]


def test_a_long_poll_without_news_ends_empty(gateway: Inhouse) -> None:
    employer = gateway.bearer("employer", units=[UNIT])

    async def wait() -> dict[str, object]:
        poll = asyncio.create_task(gateway.ask("GET", "/v1/events?after=0&wait_s=1", employer))
        await asyncio.sleep(0.3)
        gateway.clock.advance(2)
        answer: dict[str, object] = (await asyncio.wait_for(poll, 5)).json()
        return answer

    assert gateway.asked(wait()) == {"events": [], "next": 0}


def test_the_interface_describes_itself(gateway: Inhouse) -> None:
    described = gateway("GET", "/schema/openapi.json").json()
    assert described["openapi"].startswith("3.1")
    for method, path, _ in DOORS:
        plain = (
            path.partition("?")[0]
            .replace("d-x", "{dossier}")
            .replace("l-x", "{lease}")
            .replace("u-x", "{upload}")
            .replace("w-x", "{webhook}")
            .replace("p-x", "{announcement}")
            .replace("n-x", "{number}")
            .replace("/pool/vnpost", "/pool/{carrier}")
            .replace("/carriers/vnpost/", "/carriers/{carrier}/")
            .replace("o-x", "{opening}")
            .replace("i-x", "{item}")
            .replace("/manifests/m", "/manifests/{manifest}")
            .replace("g-x", "{original}")
            .replace("s-x/pages/1.png", "{scan}/pages/{page}")
            .replace("0" * 64, "{sha256}")
            .replace("/ledger/0", "/ledger/{number}")
            .replace("/results/1", "/results/{number}")
            .replace("/parts/1", "/parts/{number}")
            .replace("refusal-1.pdf", "{printed}")
        )
        plain = plain.replace(f"/offices/{OFFICE}", "/offices/{office}").replace("/forms/1", "/forms/{number}")
        assert method.lower() in described["paths"][plain], plain
    keys = gateway("GET", "/v1/keys").json()["keys"]
    assert keys[0]["alg"] == "ES256"
    assert "d" not in keys[0]


def test_problems_speak_the_callers_language_and_each_has_a_page(gateway: Inhouse) -> None:
    vi = gateway("GET", "/v1/dossiers", headers={"accept-language": "vi-VN,vi;q=0.9,en;q=0.5"}).json()
    en = gateway("GET", "/v1/dossiers", headers={"accept-language": "en-GB,en;q=0.9,vi;q=0.1"}).json()
    assert (vi["title"], en["title"]) == ("Chưa xác thực", "Not authenticated")
    page = gateway("GET", "/problems/unauthorized")
    assert page.status_code == 200
    assert "Chưa xác thực" in page.text
    assert gateway("GET", "/problems/none").status_code == 404


def test_a_key_makes_a_lease_request_repeatable(gateway: Inhouse) -> None:
    employer, office = gateway.bearer("employer", units=[UNIT]), gateway.bearer("office", offices=[OFFICE])
    for seed in (1, 2):
        gateway("POST", "/v1/dossiers", employer, content=a_dossier(seed))
    path, headers = f"/v1/offices/{OFFICE}/leases", {"idempotency-key": "nightly-1"}
    first = gateway("POST", path, office, json={"max": 1}, headers=headers)
    again = gateway("POST", path, office, json={"max": 1}, headers=headers)
    assert first.json() == again.json()
    other = gateway("POST", path, office, json={"max": 2}, headers=headers)
    assert (other.status_code, problem(other)) == (422, "key-reused")
    assert len(gateway("POST", path, office, json={"max": 9}).json()["work"]) == 1


def test_dead_work_raises_an_alarm_that_the_office_and_the_operator_see(gateway: Inhouse) -> None:
    employer, office = gateway.bearer("employer", units=[UNIT]), gateway.bearer("office", offices=[OFFICE])
    operator = gateway.bearer("operator")
    told = gateway("POST", "/v1/dossiers", employer, content=a_dossier()).json()
    for _ in range(5):
        (one,) = gateway("POST", f"/v1/offices/{OFFICE}/leases", office, json={}).json()["work"]
        gateway("POST", f"/v1/leases/{one['lease']}/release", office, json={"reason": "không mở được tệp"})
    assert gateway("POST", f"/v1/offices/{OFFICE}/leases", office, json={}).json()["work"] == []
    for token in (office, operator):
        (alarm,) = gateway("GET", "/v1/alarms", token).json()
        assert (alarm["rule"], alarm["subject"], alarm["owner"]) == ("work-dead", told["dossier"], OFFICE)
    assert gateway("POST", f"/v1/dossiers/{told['dossier']}/revive", operator).json() == {"offered": True}
    assert gateway("GET", "/v1/alarms", operator).json() == []
    assert len(gateway("POST", f"/v1/offices/{OFFICE}/leases", office, json={}).json()["work"]) == 1


def test_many_at_once_each_get_their_own_number_and_batch(gateway: Inhouse) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    contents = [a_dossier(seed, employees=1) for seed in range(12)]

    async def all_at_once() -> list[dict[str, object]]:
        answers = await asyncio.gather(
            *(gateway.ask("POST", "/v1/dossiers", employer, content=content) for content in contents)
        )
        return [json.loads(answer.content) for answer in answers]

    told = gateway.asked(all_at_once())
    assert sorted(one["batch"] for one in told) == list(range(1, 13))  # type: ignore[type-var]
    assert len({one["receipt_number"] for one in told}) == 12
