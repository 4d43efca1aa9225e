"""The whole loop through real doors: filed, taken, supplemented, passed on, finished with a signed result, returned."""

import base64
import hashlib
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from gateway.audit import Audit
from gateway.closing import close
from gateway.desk import PICKUP_TYPE
from gateway.erasure import NotErased, Order, erase
from gateway.log_steps import publish
from gateway.office_rows import Office
from gateway.office_statement import digest_of_words
from gateway.receipt import HANDOVER_TYPE, REPORT_TYPE
from schemas.sample import make_dossier
from signing.seal import create_seal_key, load_seal_key, open_jws, seal_jws
from signing.sign import sign as sign_bytes
from storage import results, statements
from tests.clocks import HandClock
from tests.gateway.bundles import Verifiers, apart, bundle, do, resealed, together
from tests.gateway.inhouse import OFFICE, OTHER_OFFICE, TAX_CODE, UNIT, Inhouse, a_dossier, inhouse, pki, sign

RESULT = "<KetQua><SoHoSo>03706/2026/07906</SoHoSo><NoiDung>Đã cấp sổ</NoiDung><Cky/></KetQua>"
HOUR_S = 3600


@pytest.fixture
def gateway(tmp_path: Any) -> Iterator[Inhouse]:
    with inhouse(tmp_path / "home", token_life_s=30 * 24 * HOUR_S) as opened:
        yield opened


class Filed:
    """A dossier of the employer's, and what may be done with it."""

    def __init__(self, gateway: Inhouse, seed: int = 0, *, take: bool = True, **more: Any) -> None:
        self.gateway = gateway
        self.employer = gateway.bearer("employer", units=[UNIT])
        self.office = gateway.bearer("office", offices=[OFFICE])
        self.received = gateway("POST", "/v1/dossiers", self.employer, content=a_dossier(seed, **more)).json()
        self.id = self.received["dossier"]
        if take:
            self.take()

    def take(self, office: str = OFFICE, token: str | None = None) -> httpx.Response:
        token = token or self.office
        work = self.gateway("POST", f"/v1/offices/{office}/leases", token, json={"max": 100}).json()["work"]
        (mine,) = [one for one in work if one["dossier"] == self.id]
        return self.gateway("POST", f"/v1/leases/{mine['lease']}/acknowledge", token)

    def report(self, state: int, token: str | None = None, **said: Any) -> httpx.Response:
        headers = {"idempotency-key": said.pop("key")} if "key" in said else {}
        return self.gateway(
            "POST",
            f"/v1/dossiers/{self.id}/reports",
            token or self.office,
            json={"state": state, **said},
            headers=headers,
        )

    def course(self, token: str | None = None) -> dict[str, Any]:
        return self.gateway("GET", f"/v1/dossiers/{self.id}/course", token or self.employer).json()

    def events(self) -> list[dict[str, Any]]:
        return self.gateway("GET", f"/v1/dossiers/{self.id}/events", self.employer).json()["events"]

    def facts(self) -> list[str]:
        return [one["type"] for one in self.events()]

    def send(self, what: str, content: bytes, token: str | None = None) -> httpx.Response:
        headers = {"content-type": "application/xml"}
        return self.gateway(
            "POST", f"/v1/dossiers/{self.id}/{what}", token or self.employer, content=content, headers=headers
        )


def a_supplement(seed: int = 1, **changed: Any) -> bytes:
    fields: dict[str, Any] = {
        "unit": UNIT, "tax_code": TAX_CODE, "office": OFFICE, "period": "03/2026", "made_on": HandClock().now().date(),
    }  # fmt: skip
    return sign(make_dossier("600", supplement=True, attachments=seed, seed=seed, **(fields | changed)))


def a_withdrawal(number: str, seed: int = 1) -> bytes:
    return sign(
        make_dossier(
            "RUT", receipt=number, seed=seed, unit=UNIT, tax_code=TAX_CODE, office=OFFICE, period="03/2026",
            made_on=HandClock().now().date(),
        )
    )  # fmt: skip


def a_result(text: str = RESULT, holder: str = "employer") -> dict[str, str]:
    signer = pki().employers[holder]
    signed = sign_bytes(text.encode(), "/KetQua/Cky", signer.key, signer.certificate, now=HandClock().now())
    return {
        "name": "Kết quả.xml", "media_type": "application/xml", "content": base64.b64encode(signed).decode(),
        "result_number": "03706/2026/07906", "electronic_code": "G09.20-20260309-0000001",
    }  # fmt: skip


def the_books_meet(gateway: Inhouse) -> None:
    """An hour is closed, and nothing is missing in it."""
    key = gateway.house.settings.path("absence_key", "absence.pem")
    gateway.clock.advance(HOUR_S)
    closed = close(gateway.house.stores, key, gateway.clock.now())
    assert closed is not None
    assert closed.gaps == 0


def test_a_dossier_goes_the_whole_way_and_every_step_is_signed(gateway: Inhouse) -> None:
    filed = Filed(gateway)
    due = filed.received["due_at"]
    begun = filed.report(4, department="Phòng Thu", officer="Cán bộ 1", until="2026-03-05T17:00:00+07:00")
    assert (begun.status_code, begun.json()["state"]) == (200, "in-work")
    assert filed.report(2, bhxh_number="03706/2026/07906").json()["state"] == "in-work"
    gateway.clock.advance(HOUR_S)
    asked = filed.report(5, supplement=[{"what": "Hợp đồng lao động", "why": "thiếu trang 2"}, {"what": "Quyết định"}])
    assert asked.json()["state"] == "supplement-requested"
    gateway.clock.advance(24 * HOUR_S)
    sent = filed.send("supplements", a_supplement())
    assert sent.status_code == 201, sent.text
    course = filed.course()
    assert (course["state"], course["national"], course["supplements_asked"]) == ("in-work", 4, 1)
    assert course["due_at"] > due
    assert course["receipt_due_at"] == due
    assert [one["purpose"] for one in course["sent"]] == ["supplement"]
    assert [one["what"] for one in course["supplement_requests"][0]["items"]] == ["Hợp đồng lao động", "Quyết định"]
    done = filed.report(9, results=[a_result()])
    assert done.status_code == 200, done.text
    back = filed.report(10, returned_by="electronic")
    assert back.json()["state"] == "returned"
    (file,) = filed.course()["results"]
    assert (file["signature"], file["result_number"]) == ("unregistered", "03706/2026/07906")
    fetched = gateway("GET", file["url"], filed.employer)
    assert hashlib.sha256(fetched.content).hexdigest() == file["sha256"]
    assert filed.facts() == [
        "accepted", "leased", "acknowledged", "work-started", "numbered", "supplement-requested",
        "supplement-received", "finished", "returned",
    ]  # fmt: skip
    jwk = gateway("GET", "/v1/keys").json()["keys"][0]
    with gateway.house.database.read() as tx:
        said = [one for one in statements.of(tx, filed.id) if one.type == REPORT_TYPE]
    assert len(said) == 6
    events = {one["seq"]: one for one in filed.events()}
    for one in said:
        told = json.loads(open_jws(one.jws, jwk, typ=REPORT_TYPE))
        assert told["fact"] == events[one.seq]["type"]
        assert told.get("words_sha256", "") == digest_of_words(events[one.seq]["detail"])
        proof = gateway("GET", f"/v1/log/proof?dossier={filed.id}")
        assert proof.status_code == 200
    the_books_meet(gateway)


def test_the_same_report_under_one_key_is_written_once(gateway: Inhouse) -> None:
    filed = Filed(gateway)
    first, again = filed.report(4, key="k1", department="A"), filed.report(4, key="k1", department="A")
    assert first.json() == again.json()
    assert filed.report(4, key="k1", department="B").json()["code"] == "key-reused"
    assert filed.facts().count("work-started") == 1


@pytest.mark.parametrize(
    ("state", "said", "member"),
    [
        (1, {}, "state"),
        (3, {}, "reason"),
        (5, {}, "supplement"),
        (2, {}, "bhxh_number"),
        (2, {"bhxh_number": "1/2026/07906"}, "bhxh_number"),
        (2, {"national_code": "G09-1"}, "national_code"),
        (8, {}, "reason"),
        (4, {"at": "2099-01-01T00:00:00+07:00"}, "at"),
        (4, {"at": "2020-01-01T00:00:00+07:00"}, "at"),
        (4, {"until": "2020-01-01T00:00:00+07:00"}, "until"),
        (4, {"supplement": [{"what": "x"}]}, "supplement"),
        (4, {"returned_by": "post"}, "returned_by"),
        (4, {"new_due_at": "2020-01-01T00:00:00+07:00", "reason": "x"}, "new_due_at"),
        (4, {"new_due_at": "2099-01-01T00:00:00+07:00"}, "reason"),
    ],
)
def test_an_unfit_report_names_its_member_and_writes_nothing(
    gateway: Inhouse, state: int, said: dict[str, Any], member: str
) -> None:
    filed = Filed(gateway)
    before = filed.facts()
    refused = filed.report(state, **said)
    assert (refused.status_code, refused.json()["code"]) == (422, "report-unfit"), refused.text
    assert refused.json()["detail"].startswith(f"{member}:")
    assert filed.facts() == before


def test_nothing_is_reported_of_what_was_not_taken_or_is_not_theirs(gateway: Inhouse) -> None:
    filed = Filed(gateway, take=False)
    assert (filed.report(4).status_code, filed.report(4).json()["code"]) == (409, "cannot-follow")
    elsewhere = gateway.bearer("office", offices=[OTHER_OFFICE])
    assert filed.report(4, elsewhere).status_code == 404
    assert filed.report(9, reason="x").json()["code"] == "cannot-follow"


def test_a_second_supplement_request_is_flagged_and_the_clock_pauses_again(gateway: Inhouse) -> None:
    filed = Filed(gateway)
    for number in (1, 2):
        filed.report(5, supplement=[{"what": f"giấy tờ {number}"}])
        gateway.clock.advance(HOUR_S)
        assert filed.send("supplements", a_supplement(number)).status_code == 201
    course = filed.course()
    assert [one["second"] for one in course["supplement_requests"]] == [False, True]
    assert len(course["pauses"]) == 2


def test_a_supplement_must_be_of_the_same_unit_procedure_and_period(gateway: Inhouse) -> None:
    filed = Filed(gateway)
    refused = filed.send("supplements", a_supplement(period="04/2026"))
    assert refused.status_code == 422
    assert "supplement-differs" in {one["code"] for one in refused.json()["findings"]}
    stranger = gateway.bearer("employer", units=["AA1234B"])
    assert filed.send("supplements", a_supplement(), stranger).status_code == 404


def test_a_withdrawal_ends_the_dossier_and_names_its_receipt(gateway: Inhouse) -> None:
    filed, other = Filed(gateway), Filed(gateway, 7, take=False)
    wrong = filed.send("withdrawal", a_withdrawal(other.received["receipt_number"]))
    assert "withdrawal-differs" in {one["code"] for one in wrong.json()["findings"]}
    assert "not-a-withdrawal" in {one["code"] for one in filed.send("withdrawal", a_supplement()).json()["findings"]}
    straight = gateway("POST", "/v1/dossiers", filed.employer, content=a_withdrawal(filed.received["receipt_number"]))
    assert "withdrawal-elsewhere" in {one["code"] for one in straight.json()["findings"]}
    content = a_withdrawal(filed.received["receipt_number"])
    sent = filed.send("withdrawal", content)
    assert sent.status_code == 201, sent.text
    again = filed.send("withdrawal", content)
    assert (again.status_code, again.json()) == (200, sent.json())
    assert filed.send("withdrawal", a_withdrawal(other.received["receipt_number"])).json()["code"] == "not-open"
    assert filed.course()["state"] == "withdrawn"
    assert filed.report(4).json()["code"] == "cannot-follow"
    late = filed.send("supplements", a_supplement())
    assert (late.status_code, late.json()["code"]) == (409, "not-open")
    # What nobody has taken yet ends too, and whoever holds it loses it.
    work = gateway("POST", f"/v1/offices/{OFFICE}/leases", filed.office, json={"max": 9}).json()["work"]
    held = {one["dossier"]: one for one in work}
    assert held[sent.json()["dossier"]]["purpose"] == "withdrawal"
    assert held[sent.json()["dossier"]]["about"] == filed.id
    assert other.send("withdrawal", a_withdrawal(other.received["receipt_number"], 2)).status_code == 201
    lost = gateway("POST", f"/v1/leases/{held[other.id]['lease']}/acknowledge", filed.office)
    assert (lost.status_code, lost.json()["code"]) == (409, "lease-lost")
    the_books_meet(gateway)


def test_a_transfer_moves_the_work_and_keeps_time_and_receipt(gateway: Inhouse) -> None:
    filed = Filed(gateway)
    filed.report(5, supplement=[{"what": "giấy tờ"}])
    filed.send("supplements", a_supplement())
    path = f"/v1/dossiers/{filed.id}/transfers"
    assert gateway("POST", path, filed.office, json={"office": "00000", "reason": "x"}).json()["code"] == "report-unfit"
    due = filed.course()["due_at"]
    moved = gateway("POST", path, filed.office, json={"office": OTHER_OFFICE, "reason": "đơn vị đã chuyển"})
    assert (moved.status_code, moved.json()["state"], moved.json()["due_at"]) == (200, "accepted", due)
    assert filed.report(4).status_code == 404
    there = gateway.bearer("office", offices=[OTHER_OFFICE])
    work = gateway("POST", f"/v1/offices/{OTHER_OFFICE}/leases", there, json={"max": 9}).json()["work"]
    assert {one["purpose"] for one in work} == {"", "supplement"}
    for one in work:
        assert gateway("POST", f"/v1/leases/{one['lease']}/acknowledge", there).status_code == 200
    passed = gateway("POST", path, there, json={"department": "Phòng Chế độ", "reason": "đúng chuyên môn"})
    assert passed.json()["state"] == "acknowledged"
    course = filed.course()
    assert (course["office"], course["department"]) == (OTHER_OFFICE, "Phòng Chế độ")
    assert gateway("GET", f"/v1/dossiers/{filed.id}", filed.employer).json()["receipt"] == filed.received["receipt"]
    assert filed.facts()[-5:] == ["sent-on", "transferred", "leased", "acknowledged", "passed-on"]
    the_books_meet(gateway)


def test_an_apology_names_one_new_date_once(gateway: Inhouse) -> None:
    filed = Filed(gateway)
    new = "2026-03-20T10:00:00.000+07:00"
    said = filed.report(4, new_due_at=new, reason="chờ xác minh ở tỉnh khác")
    assert (said.json()["due_at"], filed.course()["appointed_at"]) == (new, new)
    assert filed.report(4, new_due_at="2026-03-25T10:00:00+07:00", reason="x").json()["code"] == "report-unfit"
    assert filed.facts()[-1] == "re-appointed"


def test_corrections_are_new_facts(gateway: Inhouse) -> None:
    filed = Filed(gateway)
    filed.report(4)
    wrong = filed.report(8, reason="nhầm hồ sơ").json()
    assert filed.report(4, corrects=wrong["seq"]).json()["code"] == "report-unfit"
    again = filed.report(4, corrects=wrong["seq"], reason="dừng nhầm")
    assert again.json()["state"] == "in-work"
    assert filed.facts()[-2:] == ["stopped", "reopened"]


def test_results_are_judged_and_a_corrected_file_stays(gateway: Inhouse) -> None:
    filed = Filed(gateway)
    filed.report(4)
    good = a_result()
    broken = base64.b64decode(good["content"]).replace("Đã cấp sổ".encode(), "Đã cấp thẻ".encode())
    for content, why in (
        (base64.b64encode(broken).decode(), "chữ ký"),
        (base64.b64encode(b"<KetQua/>").decode(), "chưa có chữ ký"),
        ("", "rỗng"),
    ):
        refused = filed.report(9, results=[good | {"content": content}])
        assert (refused.status_code, refused.json()["code"]) == (422, "result-refused"), refused.text
        assert why in refused.json()["detail"]
    assert filed.report(9, results=[good | {"content": "%"}]).status_code == 400
    assert filed.report(9, results=[good]).status_code == 200
    mended = a_result(RESULT.replace("cấp sổ", "cấp thẻ"))
    seq = filed.events()[-1]["seq"]
    assert filed.report(9, corrects=seq, reason="nhầm tệp", results=[mended | {"replaces": 9}]).status_code == 422
    assert filed.report(9, corrects=seq, reason="nhầm tệp", results=[mended | {"replaces": 1}]).status_code == 200
    assert [one["replaced_by"] for one in filed.course()["results"]] == [2, None]
    with gateway.house.database.begin() as tx:
        results.register_certificate(tx, OFFICE, "0" * 64, "CN=another", 0)
    other = a_result(RESULT.replace("cấp sổ", "đổi sổ")) | {"replaces": 2}
    assert "không phải của cơ quan" in filed.report(9, corrects=seq, reason="x", results=[other]).json()["detail"]


def test_work_is_chosen_by_procedure_due_date_and_unit(gateway: Inhouse) -> None:
    employer = gateway.bearer("employer", units=[UNIT, "AA1234B"])
    first, second = gateway.bearer("office", offices=[OFFICE]), gateway.bearer("office", offices=[OFFICE])
    for seed in (1, 2):
        assert gateway("POST", "/v1/dossiers", employer, content=a_dossier(seed)).status_code == 201
    quick = gateway("POST", "/v1/dossiers", employer, content=a_dossier(3, procedure="612")).json()
    path = f"/v1/offices/{OFFICE}/leases"
    by_due = gateway("POST", path, first, json={"max": 1, "first": "due"}).json()["work"]
    assert [one["dossier"] for one in by_due] == [quick["dossier"]]
    assert gateway("POST", path, first, json={"procedures": ["610"]}).json()["work"] == []
    one = gateway("POST", path, first, json={"max": 5, "unit_order": True, "procedures": ["600"]}).json()["work"]
    assert len(one) == 1
    assert gateway("POST", path, second, json={"max": 5, "unit_order": True}).json()["work"] == []
    leases = [one[0]["lease"], by_due[0]["lease"], "l-none"]
    many = gateway("POST", "/v1/leases/acknowledgements", first, json={"leases": leases}).json()
    assert (len(many["acknowledged"]), many["lost"]) == (2, ["l-none"])
    assert gateway("POST", "/v1/leases/acknowledgements", first, json={"leases": leases}).json() == many
    assert len(gateway("POST", path, second, json={"max": 5, "unit_order": True}).json()["work"]) == 1


def test_a_pick_up_may_be_signed_by_the_office_itself(gateway: Inhouse, tmp_path: Any) -> None:
    key, strange = create_seal_key(tmp_path / "office.pem"), create_seal_key(tmp_path / "strange.pem")
    filed = Filed(gateway, take=False)
    client, secret = gateway.client("office", offices=[OFFICE])
    office = gateway.token(client, secret)
    (work,) = gateway("POST", f"/v1/offices/{OFFICE}/leases", office, json={}).json()["work"]
    path = f"/v1/leases/{work['lease']}/acknowledge"
    right = {"lease": work["lease"], "dossier": filed.id, "sha256": work["sha256"]}

    def signed(by: Any, **changed: str) -> dict[str, str]:
        return {"pickup": seal_jws(by, json.dumps(right | changed).encode(), PICKUP_TYPE)}

    unregistered = gateway("POST", path, office, json=signed(key))
    assert (unregistered.status_code, unregistered.json()["code"]) == (422, "pickup-forged")
    with gateway.house.database.begin() as tx:
        tx.execute(
            sa.text("UPDATE client SET jwk = :jwk WHERE id = :id"), {"id": client, "jwk": json.dumps(key.public_jwk())}
        )
    for forged in (signed(strange), signed(key, sha256="0" * 64), signed(key, lease="l-x"), {"pickup": "a.b.c"}):
        assert gateway("POST", path, office, json=forged).json()["code"] == "pickup-forged"
    taken = gateway("POST", path, office, json=signed(key)).json()
    gateway_key = gateway("GET", "/v1/keys").json()["keys"][0]
    said = json.loads(open_jws(taken["handover"], gateway_key, typ=HANDOVER_TYPE))
    assert json.loads(open_jws(said["pickup"], key.public_jwk(), typ=PICKUP_TYPE)) == right


def test_the_bundle_holds_reports_and_results_and_says_what_is_missing(
    gateway: Inhouse, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    filed = Filed(gateway)
    filed.report(4, reason="")
    filed.report(9, results=[a_result()], reason="đủ điều kiện")
    do(gateway, publish)
    content = bundle(gateway, filed.id, filed.employer)
    files = apart(content)
    assert {"statements/002-report.jws", "statements/003-report.jws", "results/001.xml"} <= files.keys()
    both = Verifiers(tmp_path, gateway("GET", "/v1/keys").json(), None, gateway.clock.now())
    both.hold(content, capsys)
    key = load_seal_key(gateway.house.settings.path("seal_key", "seal.pem"))
    for forged, where in (
        ({name: one for name, one in files.items() if name != "results/001.xml"}, "statements/003-report.jws"),
        (files | {"results/001.xml": b"<KetQua/>"}, "statements/003-report.jws"),
        (files | {"events.json": files["events.json"].replace(b'"finished"', b'"stopped"')}, "events.json"),
    ):
        sealed = together(resealed(forged, key, gateway.clock.now()))
        assert both.ours(sealed)[1] == (5, where)
        assert both.alone(sealed, capsys)[1][0] == 5


def test_erasing_clears_the_words_and_takes_what_was_sent_along(gateway: Inhouse) -> None:
    filed = Filed(gateway)
    filed.report(5, supplement=[{"what": "giấy của bà A"}])
    sent = filed.send("supplements", a_supplement()).json()["dossier"]
    filed.report(9, results=[a_result()])
    order, erasures = Order(by="operator", because="thử"), gateway.house.settings.path("erasures", "erasures.jsonl")
    with pytest.raises(NotErased, match="has not been taken"):
        erase(gateway.house.stores, erasures, filed.id, order, gateway.clock.now())
    work = gateway("POST", f"/v1/offices/{OFFICE}/leases", filed.office, json={}).json()["work"][0]
    assert gateway("POST", f"/v1/leases/{work['lease']}/acknowledge", filed.office).status_code == 200
    erase(gateway.house.stores, erasures, filed.id, order, gateway.clock.now())
    for dossier in (filed.id, sent):
        shown = gateway("GET", f"/v1/dossiers/{dossier}", filed.employer).json()
        assert shown["erased_at"] is not None
    course = filed.course()
    assert course["supplement_requests"][0]["items"] == []
    assert [one["name"] for one in course["results"]] == [""]
    assert gateway("GET", course["results"][0]["url"], filed.employer).status_code == 410
    keys = {key.kid: key.jwk for key in gateway.house.stores.seal.keys(gateway.clock.now())}
    assert Audit(gateway.house.stores, keys).run().faults == []


def test_the_same_supplement_gets_its_receipt_again_when_the_dossier_has_ended(gateway: Inhouse) -> None:
    filed = Filed(gateway)
    sent = filed.send("supplements", a_supplement())
    assert filed.report(9).status_code == 200
    again = filed.send("supplements", a_supplement())
    assert (again.status_code, again.json()) == (200, sent.json())
    assert filed.send("supplements", a_supplement(2)).json()["code"] == "not-open"


def test_nothing_is_added_to_what_was_erased(gateway: Inhouse) -> None:
    filed = Filed(gateway)
    filed.report(9)
    seq = filed.events()[-1]["seq"]
    order, erasures = Order(by="operator", because="thử"), gateway.house.settings.path("erasures", "erasures.jsonl")
    erase(gateway.house.stores, erasures, filed.id, order, gateway.clock.now())
    facts = filed.facts()
    for state, more in ((9, {"results": [a_result()]}), (4, {}), (2, {"bhxh_number": "03706/2026/07906"})):
        refused = filed.report(state, corrects=seq, reason="bà A", **more)
        assert (refused.status_code, refused.json()["code"]) == (409, "cannot-follow"), refused.text
    passed = {"department": "Phòng Thu", "reason": "bà A"}
    assert gateway("POST", f"/v1/dossiers/{filed.id}/transfers", filed.office, json=passed).status_code == 409
    assert filed.facts() == facts


def test_a_report_corrects_a_fact_of_its_own_dossier_and_a_result_that_is_there(gateway: Inhouse) -> None:
    filed, other = Filed(gateway), Filed(gateway, 7)
    elsewhere = other.events()[-1]["seq"]
    for wrong in (elsewhere, 10**9):
        assert filed.report(4, corrects=wrong, reason="x").json()["detail"].startswith("corrects:")
    mine = filed.events()[-1]["seq"]
    assert filed.report(4, corrects=mine, reason="x").status_code == 200
    early = filed.report(4, corrects=mine, reason="x", results=[a_result()])
    assert early.json()["detail"].startswith("results:")
    assert filed.report(9).status_code == 200
    late = filed.report(9, new_due_at="2026-03-20T10:00:00+07:00", reason="x")
    assert (late.status_code, late.json()["code"]) == (409, "cannot-follow")


def test_a_report_is_answered_alike_after_the_dossier_was_passed_on(gateway: Inhouse) -> None:
    filed = Filed(gateway)
    first = filed.report(4, key="k1").json()
    away = {"office": OTHER_OFFICE, "reason": "đơn vị đã chuyển"}
    gateway("POST", f"/v1/dossiers/{filed.id}/transfers", gateway.bearer("operator"), json=away)
    assert filed.report(4, key="k1").json() == first


def test_what_was_sent_about_a_dossier_goes_with_it_and_has_no_course_of_its_own(gateway: Inhouse) -> None:
    filed = Filed(gateway)
    taken, failing = (filed.send("supplements", a_supplement(seed)).json()["dossier"] for seed in (1, 2))
    path = f"/v1/offices/{OFFICE}/leases"
    for _ in range(5):
        for one in gateway("POST", path, filed.office, json={}).json()["work"]:
            step = "acknowledge" if one["dossier"] == taken else "release"
            gateway("POST", f"/v1/leases/{one['lease']}/{step}", filed.office, json={} if step == "release" else None)
    assert [one["subject"] for one in gateway("GET", "/v1/alarms", filed.office).json()] == [failing]
    away = {"office": OTHER_OFFICE, "reason": "x"}
    for act, said in (("reports", {"state": 4}), ("transfers", away)):
        refused = gateway("POST", f"/v1/dossiers/{taken}/{act}", filed.office, json=said)
        assert (refused.status_code, refused.json()["code"]) == (409, "cannot-follow")
    assert gateway("POST", f"/v1/dossiers/{filed.id}/transfers", filed.office, json=away).status_code == 200
    course = gateway("GET", f"/v1/dossiers/{taken}/course", filed.employer).json()
    assert (course["office"], course["state"], course["taken_at"]) == (OTHER_OFFICE, "accepted", None)
    assert gateway("GET", "/v1/alarms", filed.office).json() == []


def test_a_wait_for_a_supplement_outlasts_a_transfer_and_ends_with_a_withdrawal(gateway: Inhouse) -> None:
    filed = Filed(gateway)
    filed.report(5, supplement=[{"what": "giấy tờ"}])
    since = filed.course()["paused_since"]
    away = {"office": OTHER_OFFICE, "reason": "x"}
    gateway("POST", f"/v1/dossiers/{filed.id}/transfers", filed.office, json=away)
    there = gateway.bearer("office", offices=[OTHER_OFFICE])
    assert filed.take(OTHER_OFFICE, there).status_code == 200
    assert filed.report(2, there, bhxh_number="03706/2026/07906").status_code == 200
    assert filed.course()["paused_since"] == since
    gateway.clock.advance(HOUR_S)
    assert filed.send("withdrawal", a_withdrawal(filed.received["receipt_number"])).status_code == 201
    course = filed.course()
    assert (course["paused_since"], [one["since"] for one in course["pauses"]]) == (None, [since])


def test_a_list_tells_the_due_date_in_force(gateway: Inhouse) -> None:
    filed = Filed(gateway)
    new = filed.report(4, new_due_at="2026-03-20T10:00:00+07:00", reason="x").json()["due_at"]
    (line,) = gateway("GET", "/v1/dossiers", filed.employer).json()["dossiers"]
    assert line["due_at"] == new == gateway("GET", f"/v1/dossiers/{filed.id}", filed.employer).json()["due_at"]


def test_a_dossier_goes_to_an_office_that_may_handle_it_alone(
    gateway: Inhouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    filed = Filed(gateway)
    monkeypatch.setattr(Office, "may_handle", lambda _, procedure: procedure != "600")
    path = f"/v1/dossiers/{filed.id}/transfers"
    refused = gateway("POST", path, filed.office, json={"office": OTHER_OFFICE, "reason": "x"})
    assert (refused.status_code, refused.json()["code"]) == (422, "report-unfit")
    stays = {"office": OFFICE, "department": "Phòng Thu", "reason": "x"}
    assert gateway("POST", path, filed.office, json=stays).status_code == 200


def test_a_pause_that_another_machines_clock_dates_before_the_receipt_begins_with_it(gateway: Inhouse) -> None:
    filed = Filed(gateway)
    filed.report(5, supplement=[{"what": "giấy tờ"}])
    with gateway.house.database.begin() as tx:
        tx.execute(sa.text("UPDATE course SET paused_since_us = paused_since_us - 5000000"))
    gateway.clock.advance(HOUR_S)
    assert filed.send("supplements", a_supplement()).status_code == 201
    assert filed.course()["pauses"][0]["since"] == filed.received["received_at"]
