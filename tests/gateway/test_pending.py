"""A dossier whose certificate's revocation data is not at hand: received, pending, judged later as of its receipt."""

import hashlib
import json
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from gateway import pending, refresh
from gateway.audit import Audit
from gateway.clock import to_us
from gateway.judge import Filing, Refusal, Submission
from gateway.trusting import TrustWatch, tables_trusting
from schemas.sample import make_dossier
from signing.demo_pki import Addresses, DemoPki, make_pki
from signing.revocation import RevocationStore
from signing.seal import open_jws
from signing.trust_facts import Facts, with_facts
from storage import courses, halves, journal, register, work
from storage.pending import Pending, due
from tests.authority import Authority, authority
from tests.clocks import HandClock
from tests.gateway.inhouse import OFFICE, TAX_CODE, UNIT, Inhouse, a_dossier, inhouse, sign
from tests.postal.test_paper_line import announced, filed
from tests.postal.test_paper_line import raw as unsigned

WAIT_S = 0.3


@pytest.fixture(scope="module")
def outside() -> Iterator[Authority]:
    with authority() as running:
        running.pki = make_pki(
            HandClock().now(), addresses=Addresses(ocsp_urls=(running.ocsp_url,), crl_urls=(running.crl_url,))
        )
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    return "" if request.param == "sqlite" else str(request.getfixturevalue("postgres_migrated_url"))


@pytest.fixture
def gateway(tmp_path: Path, database_url: str, outside: Authority) -> Iterator[Inhouse]:
    """The employers' issuer has left no CRL in the trust folder; its servers are down."""
    outside.is_up, outside.crl_is_up, outside.revoked, outside.asked, outside.pause = False, True, {}, [], None
    with inhouse(
        tmp_path / "home",
        outside.pki,
        database_url=database_url,
        revocation_hosts=outside.host,
        revocation_wait_s=WAIT_S,
    ) as made:
        outside.clock = made.clock
        yield made


@pytest.fixture(autouse=True)
def without_crl(monkeypatch: pytest.MonkeyPatch) -> None:
    """The PKI is written without the CRL of the employers' issuer, which these tests serve themselves."""
    write = DemoPki.write

    def write_some(self: DemoPki, folder: Path) -> None:
        write(self, folder)
        (folder / "trust" / "intermediate.crl").unlink()

    monkeypatch.setattr(DemoPki, "write", write_some)


def signed(outside: Authority, seed: int = 0, **more: object) -> bytes:
    return a_dossier(seed, made_by=outside.pki, **more)


def serial(outside: Authority, holder: str = "employer") -> int:
    assert outside.pki is not None
    return outside.pki.employers[holder].certificate.serial_number


def opened(gateway: Inhouse, jws: str, typ: str) -> dict[str, object]:
    told: dict[str, object] = json.loads(
        open_jws(jws, gateway.house.stores.seal.signer_at(gateway.clock.now()).public_jwk(), typ=typ)
    )
    return told


def events(gateway: Inhouse, token: str, dossier: str) -> list[str]:
    return [one["type"] for one in gateway("GET", f"/v1/dossiers/{dossier}/events", token).json()["events"]]


def assert_audited(gateway: Inhouse) -> None:
    seal = gateway.house.stores.seal.signer_at(gateway.clock.now())
    found = Audit(gateway.house.stores, {seal.kid: seal.public_jwk()}).run()
    assert found.holds, found.faults


def test_pending_then_accepted_with_the_identical_receipt(gateway: Inhouse, outside: Authority) -> None:
    employer, office = gateway.bearer("employer", units=[UNIT]), gateway.bearer("office", offices=[OFFICE])
    content = signed(outside)
    began = time.monotonic()
    first = gateway("POST", "/v1/dossiers", employer, content=content)
    assert first.status_code == 202, first.text
    assert time.monotonic() - began < WAIT_S + 3
    told = first.json()
    assert told["state"] == "pending"
    assert told["judgement"] is None
    receipt = opened(gateway, told["receipt"], "motcua-receipt+jws")
    assert (receipt["verdict"], receipt["sub_indication"]) == ("INDETERMINATE", "TRY_LATER")
    assert receipt["sha256"] == hashlib.sha256(content).hexdigest()

    again = gateway("POST", "/v1/dossiers", employer, content=content)
    assert (again.status_code, again.json()) == (202, told)
    assert gateway("GET", f"/v1/receipts?sha256={told['sha256']}", employer).json() == told
    # No office hears of it.
    leases = gateway("POST", f"/v1/offices/{OFFICE}/leases", office, json={"max": 5, "lease_s": 60, "wait_s": 0})
    assert leases.json()["work"] == []
    assert gateway("GET", f"/v1/dossiers/{told['dossier']}", office).status_code == 404
    assert gateway("GET", "/v1/events", office).json()["events"] == []

    # Still down: nothing changes.
    gateway.clock.advance(60)
    assert gateway.asked(pending.judge_due(gateway.house)) == 0
    assert gateway("POST", "/v1/dossiers", employer, content=content).status_code == 202

    outside.is_up = True
    gateway.clock.advance(120)
    assert gateway.asked(pending.judge_due(gateway.house)) == 1
    last = gateway("POST", "/v1/dossiers", employer, content=content)
    assert last.status_code == 200
    assert last.json()["state"] == "accepted"
    assert last.json()["receipt"] == told["receipt"]
    assert last.json()["received_at"] == told["received_at"]
    judgement = opened(gateway, last.json()["judgement"], "motcua-judgement+jws")
    assert judgement["receipt"] == told["receipt_number"]
    assert judgement["receipt_sha256"] == hashlib.sha256(told["receipt"].encode()).hexdigest()
    assert (judgement["state"], judgement["verdict"], judgement["sub_indication"]) == ("accepted", "TOTAL-PASSED", None)
    assert judgement["received_at"] == told["received_at"] < str(judgement["judged_at"])
    assert events(gateway, employer, told["dossier"]) == ["received-pending", "accepted"]
    work = gateway("POST", f"/v1/offices/{OFFICE}/leases", office, json={"max": 5, "lease_s": 60, "wait_s": 0})
    (piece,) = work.json()["work"]
    assert gateway("GET", piece["content_url"], office).content == content
    assert_audited(gateway)


def test_the_first_sight_waits_for_what_comes_in_time(gateway: Inhouse, outside: Authority) -> None:
    outside.is_up = True
    employer = gateway.bearer("employer", units=[UNIT])
    assert gateway("POST", "/v1/dossiers", employer, content=signed(outside)).status_code == 201
    assert outside.asked == ["/ocsp"]
    assert gateway("POST", "/v1/dossiers", employer, content=signed(outside, 1)).status_code == 201
    assert outside.asked == ["/ocsp"], "the second sight asks nobody"


def test_where_the_responder_fails_the_crl_serves(gateway: Inhouse, outside: Authority) -> None:
    outside.is_up = True
    employer = gateway.bearer("employer", units=[UNIT])
    response = outside.response

    def broken(request: bytes) -> bytes:
        return response(request)[:-40]

    outside.response = broken  # type: ignore[method-assign]
    try:
        assert gateway("POST", "/v1/dossiers", employer, content=signed(outside)).status_code == 201
    finally:
        del outside.response
    assert outside.asked == ["/ocsp", "/demo.crl"]


def test_who_waited_in_vain_is_waited_for_no_more(gateway: Inhouse, outside: Authority) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    assert gateway("POST", "/v1/dossiers", employer, content=signed(outside)).status_code == 202
    asked = list(outside.asked)
    assert gateway("POST", "/v1/dossiers", employer, content=signed(outside, 1)).status_code == 202
    assert outside.asked == asked, "nobody is asked again at once"


def test_a_certificate_revoked_before_the_receipt_is_refused_after_the_wait(
    gateway: Inhouse, outside: Authority
) -> None:
    employer, office = gateway.bearer("employer", units=[UNIT]), gateway.bearer("office", offices=[OFFICE])
    content = signed(outside)
    told = gateway("POST", "/v1/dossiers", employer, content=content).json()
    outside.revoked = {serial(outside): (gateway.clock.now() - timedelta(hours=3), x509.ReasonFlags.key_compromise)}
    outside.is_up = True
    gateway.clock.advance(300)
    assert gateway.asked(pending.judge_due(gateway.house)) == 1
    last = gateway("POST", "/v1/dossiers", employer, content=content)
    assert (last.status_code, last.json()["state"], last.json()["receipt"]) == (200, "refused", told["receipt"])
    judgement = opened(gateway, last.json()["judgement"], "motcua-judgement+jws")
    assert (judgement["state"], judgement["code"]) == ("refused", "signature-refused")
    assert (judgement["verdict"], judgement["sub_indication"]) == ("INDETERMINATE", "REVOKED_NO_POE")
    assert events(gateway, employer, told["dossier"]) == ["received-pending", "refused"]
    work = gateway("POST", f"/v1/offices/{OFFICE}/leases", office, json={"max": 5, "lease_s": 60, "wait_s": 0})
    assert work.json()["work"] == []
    shown = gateway("GET", f"/v1/dossiers/{told['dossier']}", employer).json()
    assert shown["verdict"]["sub_indication"] == "REVOKED_NO_POE"
    assert_audited(gateway)


def test_a_certificate_revoked_after_the_receipt_counts_as_good(gateway: Inhouse, outside: Authority) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    content = signed(outside)
    assert gateway("POST", "/v1/dossiers", employer, content=content).status_code == 202
    gateway.clock.advance(500)
    outside.revoked = {serial(outside): (gateway.clock.now() - timedelta(minutes=5), x509.ReasonFlags.superseded)}
    outside.is_up = True
    assert gateway.asked(pending.judge_due(gateway.house)) == 1
    assert gateway("POST", "/v1/dossiers", employer, content=content).json()["state"] == "accepted"


def test_a_revoked_certificate_is_refused_at_once_when_that_is_known(gateway: Inhouse, outside: Authority) -> None:
    outside.is_up = True
    outside.revoked = {serial(outside): (gateway.clock.now() - timedelta(hours=3), x509.ReasonFlags.key_compromise)}
    employer = gateway.bearer("employer", units=[UNIT])
    refused = gateway("POST", "/v1/dossiers", employer, content=signed(outside))
    assert (refused.status_code, refused.json()["code"]) == (422, "signature-refused")
    assert refused.json()["verdict"]["sub_indication"] == "REVOKED_NO_POE"


def test_whatever_else_is_wrong_is_refused_and_does_not_wait(gateway: Inhouse, outside: Authority) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    changed = signed(outside).replace(b"<NgayLap>", b"<NgayLap> ", 1)
    refused = gateway("POST", "/v1/dossiers", employer, content=changed)
    assert (refused.status_code, refused.json()["verdict"]["sub_indication"]) == (422, "HASH_FAILURE")
    made_on = HandClock().now().date()
    raw = make_dossier(
        "600", employees=2, seed=3, unit=UNIT, tax_code=TAX_CODE, office=OFFICE, period="03/2026", made_on=made_on
    )
    wrong_content = sign(raw.replace(b"<KyKeKhai>03/2026", b"<KyKeKhai>13/2026"), made_by=outside.pki)
    refused = gateway("POST", "/v1/dossiers", employer, content=wrong_content)
    assert (refused.status_code, refused.json()["code"]) == (422, "findings")
    assert outside.asked == []


def test_two_workers_judge_a_waiting_dossier_once(gateway: Inhouse, outside: Authority) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    told = gateway("POST", "/v1/dossiers", employer, content=signed(outside)).json()
    outside.is_up = True
    gateway.clock.advance(60)
    house = gateway.house
    due = pending._due(house)
    assert pending._due(house) == [], "what one has taken the other leaves"
    assert gateway.asked(pending._judge_one(house, due[0])) == 1
    assert gateway.asked(pending._judge_one(house, due[0])) == 0
    assert events(gateway, employer, told["dossier"]) == ["received-pending", "accepted"]


def test_what_waits_long_alarms_the_operator_until_it_is_judged(gateway: Inhouse, outside: Authority) -> None:
    employer, operator = gateway.bearer("employer", units=[UNIT]), gateway.bearer("operator")
    told = gateway("POST", "/v1/dossiers", employer, content=signed(outside)).json()
    gateway.clock.advance(25 * 3600)
    gateway.asked(pending.judge_due(gateway.house))
    operator = gateway.bearer("operator")
    (alarm,) = gateway("GET", "/v1/alarms", operator).json()
    assert (alarm["rule"], alarm["subject"]) == ("pending-long", told["dossier"])
    outside.is_up = True
    gateway.clock.advance(3600)
    gateway.asked(pending.judge_due(gateway.house))
    assert gateway("GET", "/v1/alarms", gateway.bearer("operator")).json() == []


def test_a_revocation_learnt_later_reaches_office_and_unit(gateway: Inhouse, outside: Authority) -> None:
    outside.is_up = True
    employer, office = gateway.bearer("employer", units=[UNIT]), gateway.bearer("office", offices=[OFFICE])
    content = signed(outside)
    told = gateway("POST", "/v1/dossiers", employer, content=content).json()
    assert told["state"] == "accepted"
    early = gateway("POST", "/v1/dossiers", employer, content=signed(outside, 1)).json()
    # The holder finds out, a day later, that the key was lost an hour before the dossier was received.
    outside.revoked = {serial(outside): (gateway.clock.now() - timedelta(hours=1), x509.ReasonFlags.key_compromise)}
    gateway.clock.advance(24 * 3600)
    assert gateway.asked(refresh.refresh(gateway.house)) >= 1
    assert gateway.asked(refresh.tell_of_revoked(gateway.house)) == 2
    assert gateway.asked(refresh.tell_of_revoked(gateway.house)) == 0
    employer, office = gateway.bearer("employer", units=[UNIT]), gateway.bearer("office", offices=[OFFICE])
    assert events(gateway, employer, told["dossier"]) == ["accepted", "signer-revoked"]
    assert events(gateway, office, early["dossier"]) == ["accepted", "signer-revoked"]
    of_office = gateway("GET", "/v1/alarms", office).json()
    of_unit = gateway("GET", "/v1/alarms", employer).json()
    assert {one["subject"] for one in of_office} == {told["dossier"], early["dossier"]}
    assert {one["subject"] for one in of_unit} == {told["dossier"], early["dossier"]}
    # The receipt stands.
    assert gateway("GET", f"/v1/dossiers/{told['dossier']}/receipt", employer).text == told["receipt"]
    # But a new dossier with that certificate is refused.
    refused = gateway("POST", "/v1/dossiers", employer, content=signed(outside, 2))
    assert refused.json()["verdict"]["sub_indication"] == "REVOKED_NO_POE"
    assert_audited(gateway)


def test_what_one_worker_learnt_another_knows(gateway: Inhouse, outside: Authority, tmp_path: Path) -> None:
    outside.is_up = True
    employer = gateway.bearer("employer", units=[UNIT])
    assert gateway("POST", "/v1/dossiers", employer, content=signed(outside)).status_code == 201
    outside.is_up = False
    held = gateway.house.revocations.store
    tables = gateway.house.tables
    empty = RevocationStore(tables.trust.authorities)
    gateway.house.intake.tables = msgspec.structs.replace(tables, revocation=empty)
    assert gateway.house.revocations.take_shared() == 1
    assert {one.sha256 for one in gateway.house.revocations.store.held()} <= {one.sha256 for one in held.held()}
    assert gateway.house.revocations.take_shared() == 0


def test_an_address_that_is_not_allowed_is_never_asked(tmp_path: Path, outside: Authority) -> None:
    outside.is_up, outside.asked = True, []
    with inhouse(tmp_path / "home", outside.pki, revocation_hosts="127.0.0.1:1", revocation_wait_s=WAIT_S) as made:
        outside.clock = made.clock
        employer = made.bearer("employer", units=[UNIT])
        assert made("POST", "/v1/dossiers", employer, content=signed(outside)).status_code == 202
    assert outside.asked == []


def test_a_check_tells_that_it_would_wait(gateway: Inhouse, outside: Authority) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    told = gateway("POST", "/v1/dossiers/check", employer, content=signed(outside)).json()
    assert told["ok"] is True
    assert told["waits"] is True
    assert told["verdict"]["sub_indication"] == "TRY_LATER"


def test_one_that_cannot_be_judged_keeps_no_other_waiting(
    gateway: Inhouse, outside: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    told = [gateway("POST", "/v1/dossiers", employer, content=signed(outside, n)).json() for n in range(3)]
    outside.is_up = True
    gateway.clock.advance(60)
    read = pending._read

    def poisoned(stores: object, dossier: str) -> object:
        if dossier == told[0]["dossier"]:
            raise ValueError(dossier)
        return read(stores, dossier)  # type: ignore[arg-type]

    monkeypatch.setattr(pending, "_read", poisoned)
    assert gateway.asked(pending.judge_due(gateway.house)) == 2
    states = [gateway("GET", f"/v1/dossiers/{one['dossier']}", employer).json()["state"] for one in told]
    assert states == ["pending", "accepted", "accepted"]


def test_data_that_is_no_fresher_is_not_asked_for_again_at_once(gateway: Inhouse, outside: Authority) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    outside.is_up = True
    assert gateway("POST", "/v1/dossiers", employer, content=signed(outside)).status_code == 201
    # Two days later everything that the authority says is what it said then.
    stale, response = outside.crl(), None
    outside.crl = lambda: stale  # type: ignore[method-assign]
    outside.response = lambda _: response or stale  # type: ignore[method-assign]
    try:
        gateway.clock.advance(2 * 24 * 3600)
        employer = gateway.bearer("employer", units=[UNIT])
        assert gateway("POST", "/v1/dossiers", employer, content=signed(outside, 1)).status_code == 202
        asked = len(outside.asked)
        for _ in range(5):
            assert gateway("POST", "/v1/dossiers", employer, content=signed(outside, 2)).status_code == 202
            gateway.clock.advance(1)
            assert gateway.asked(pending.judge_due(gateway.house)) == 0
        assert len(outside.asked) == asked
    finally:
        del outside.crl, outside.response


def test_a_twin_that_is_refused_meanwhile_gets_the_first_ones_receipt(gateway: Inhouse, outside: Authority) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    content = signed(outside)
    told = gateway("POST", "/v1/dossiers", employer, content=content).json()
    outside.revoked = {serial(outside): (gateway.clock.now() - timedelta(hours=3), x509.ReasonFlags.key_compromise)}
    outside.is_up = True
    gateway.clock.advance(60)
    intake = gateway.house.intake
    # The twin had asked whether these bytes were known before the first one was settled.
    client = gateway.client("employer", units=[UNIT])
    caller = gateway.house.callers.by_token(gateway.token(*client), gateway.clock.now())
    submission = Submission(
        content=content,
        sha256=hashlib.sha256(content).digest(),
        submitter=client[0],
        received_at=gateway.clock.now(),
    )

    async def twin() -> object:
        outcome = await intake.judge(submission, caller)
        outcome = await intake._after_a_wait(outcome, submission, caller) if isinstance(outcome, Filing) else outcome
        assert isinstance(outcome, Refusal), "revoked, as is known by now"
        return await intake._rounds.join(outcome)

    settled = gateway.asked(twin())
    assert settled.dossier.statement == told["receipt"]  # type: ignore[attr-defined]
    assert not settled.fresh  # type: ignore[attr-defined]


def test_what_the_register_says_later_does_not_refuse_what_was_received(gateway: Inhouse, outside: Authority) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    told = gateway("POST", "/v1/dossiers", employer, content=signed(outside)).json()
    with gateway.house.database.begin() as tx:
        register.put(tx, [register.Unit(code=UNIT, tax_code="0309876547", office=OFFICE, valid_from="2020-01-01")])
    outside.is_up = True
    gateway.clock.advance(60)
    assert gateway.asked(pending.judge_due(gateway.house)) == 1
    shown = gateway("GET", f"/v1/dossiers/{told['dossier']}", employer).json()
    assert shown["state"] == "accepted"
    assert "signer-tax-code-differs" in {one["code"] for one in shown["findings"]}, "but the office sees it"


def test_an_anchor_trusted_until_the_day_of_receipt_counts_for_it(gateway: Inhouse, outside: Authority) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    told = gateway("POST", "/v1/dossiers", employer, content=signed(outside)).json()
    assert outside.pki is not None
    root = outside.pki.root.certificate.fingerprint(hashes.SHA256()).hex()
    folder = gateway.house.settings.path("trust", "trust")
    day = (gateway.clock.now() + timedelta(hours=7)).date()
    (folder / "trust.toml").write_bytes(with_facts(b"", Facts(sha256=root, source="test", trusted_until=day)))
    gateway.clock.advance(2 * 24 * 3600)
    watch = TrustWatch(folder)
    gateway.house.trust_watch = watch
    gateway.house.intake.tables = tables_trusting(gateway.house.tables, watch.read(gateway.clock.now()))
    employer = gateway.bearer("employer", units=[UNIT])
    assert gateway("POST", "/v1/dossiers", employer, content=signed(outside, 5)).status_code == 422
    outside.is_up = True
    gateway.asked(pending.judge_due(gateway.house))
    assert gateway("GET", f"/v1/dossiers/{told['dossier']}", employer).json()["state"] == "accepted"


def sent_about(gateway: Inhouse, outside: Authority, token: str, dossier: str, what: str, **more: object) -> str:
    fields = {"unit": UNIT, "tax_code": TAX_CODE, "office": OFFICE, "period": "03/2026"} | more
    raw = make_dossier(fields.pop("procedure", "600"), made_on=gateway.clock.now().date(), **fields)
    headers = {"content-type": "application/xml"}
    path = f"/v1/dossiers/{dossier}/{what}"
    answer = gateway("POST", path, token, content=sign(raw, made_by=outside.pki), headers=headers)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["dossier"])


def concluded(gateway: Inhouse, outside: Authority, *dossiers: str) -> None:
    """Judge these alone of what waits."""
    outside.is_up = True
    for one in dossiers:
        gateway.clock.advance(60)
        assert gateway.asked(pending._judge_one(gateway.house, waiting(gateway, one))) == 1


def waiting(gateway: Inhouse, dossier: str) -> Pending:
    with gateway.house.database.read() as tx:
        return next(one for one in due(tx, to_us(gateway.clock.now()), 99) if one.dossier == dossier)


def test_what_is_withdrawn_before_it_was_judged_is_no_offices(gateway: Inhouse, outside: Authority) -> None:
    employer, office = gateway.bearer("employer", units=[UNIT]), gateway.bearer("office", offices=[OFFICE])
    told = gateway("POST", "/v1/dossiers", employer, content=signed(outside)).json()
    about = {"procedure": "RUT", "receipt": told["receipt_number"]}
    sent = sent_about(gateway, outside, employer, told["dossier"], "withdrawal", **about)
    concluded(gateway, outside, sent)
    path = f"/v1/dossiers/{told['dossier']}"
    assert gateway("GET", path, employer).json()["state"] == "withdrawn"
    assert {gateway("GET", f"{path}{more}", office).status_code for more in ("", "/content", "/course")} == {404}
    assert gateway("GET", f"/v1/dossiers/{sent}", office).status_code == 200
    assert_audited(gateway)


def test_a_supplement_that_came_before_the_request_is_no_answer_to_it(gateway: Inhouse, outside: Authority) -> None:
    employer, office = gateway.bearer("employer", units=[UNIT]), gateway.bearer("office", offices=[OFFICE])
    dossier = gateway("POST", "/v1/dossiers", employer, content=signed(outside)).json()["dossier"]
    early = sent_about(gateway, outside, employer, dossier, "supplements", supplement=True, attachments=1, seed=1)
    concluded(gateway, outside, dossier)
    (work,) = gateway("POST", f"/v1/offices/{OFFICE}/leases", office, json={}).json()["work"]
    gateway("POST", f"/v1/leases/{work['lease']}/acknowledge", office)
    asked = {"state": 5, "supplement": [{"what": "giấy tờ"}]}
    assert gateway("POST", f"/v1/dossiers/{dossier}/reports", office, json=asked).status_code == 200
    since = gateway("GET", f"/v1/dossiers/{dossier}/course", employer).json()["paused_since"]
    concluded(gateway, outside, early)
    course = gateway("GET", f"/v1/dossiers/{dossier}/course", employer).json()
    assert (course["state"], course["paused_since"], since is None) == ("supplement-requested", since, False)
    assert events(gateway, employer, dossier)[-1] == "supplement-added"


def test_a_fact_about_a_refused_dossier_is_told_to_no_office(gateway: Inhouse, outside: Authority) -> None:
    employer, office = gateway.bearer("employer", units=[UNIT]), gateway.bearer("office", offices=[OFFICE])
    dossier = gateway("POST", "/v1/dossiers", employer, content=signed(outside)).json()["dossier"]
    sent = sent_about(gateway, outside, employer, dossier, "supplements", supplement=True, attachments=1, seed=1)
    with gateway.house.database.begin() as tx:
        tx.execute(sa.text("UPDATE dossier SET state = 'refused' WHERE id = :id"), {"id": dossier})
    concluded(gateway, outside, sent)
    told = gateway("GET", "/v1/events", office).json()["events"]
    assert {one["dossier"] for one in told} == {sent}


def standing(gateway: Inhouse, dossier: str) -> tuple[str, list[str], list[str | None]]:
    """Its state, its facts, and the other half as far as it came."""
    with gateway.house.database.read() as tx:
        facts = journal.events(tx, journal.Scope(everything=True), 0, dossier)
        found = journal.dossier(tx, dossier, journal.Scope(everything=True))
        assert found is not None
        return found.state, [one.type for one in facts], [one.came for one in halves.of(tx, dossier)]


def test_a_half_that_waits_for_its_judgement_waits_for_its_paper_too(gateway: Inhouse, outside: Authority) -> None:
    client, secret = gateway.client("employer", units=[UNIT])
    token, contents = gateway.token(client, secret), [unsigned(seed) for seed in range(2)]
    rows = [announced(gateway, client, content, hybrid=1) for content in contents]
    mains = []
    for row, content in zip(rows, contents, strict=True):
        path = f"/v1/dossiers?half_of={row.id}"
        answer = gateway("POST", path, token, content=sign(content, "employer", outside.pki))
        assert answer.status_code == 202, answer.text
        mains.append(answer.json()["dossier"])
    # Of one the paper comes before its judgement, of one afterwards.
    early = filed(gateway, rows[0], contents[0]).dossier
    assert early.about == mains[0]
    outside.is_up = True
    gateway.clock.advance(120)
    assert gateway.asked(pending.judge_due(gateway.house)) == 2
    assert standing(gateway, mains[0]) == ("accepted", ["received-pending", "half-added", "accepted"], [early.id])
    with gateway.house.database.read() as tx:
        course, job = courses.find(tx, mains[0]), work.find(tx, mains[0])
        assert course
        assert job
        assert course.due_at_us == job.due_at_us is not None
    assert standing(gateway, mains[1]) == (
        "awaiting-paper", ["received-pending", "accepted", "paper-awaited"], [None],
    )  # fmt: skip
    late = filed(gateway, rows[1], contents[1]).dossier
    assert standing(gateway, mains[1])[::2] == ("accepted", [late.id])
    assert_audited(gateway)


def test_paper_whose_electronic_half_was_refused_after_it_had_waited_stands_by_itself(
    gateway: Inhouse, outside: Authority
) -> None:
    client, secret = gateway.client("employer", units=[UNIT])
    content = unsigned(8)
    row = announced(gateway, client, content, hybrid=1)
    path = f"/v1/dossiers?half_of={row.id}"
    token, signed_content = gateway.token(client, secret), sign(content, "employer", outside.pki)
    main = gateway("POST", path, token, content=signed_content).json()["dossier"]
    outside.revoked = {serial(outside): (gateway.clock.now() - timedelta(hours=3), x509.ReasonFlags.key_compromise)}
    outside.is_up = True
    gateway.clock.advance(300)
    assert gateway.asked(pending.judge_due(gateway.house)) == 1
    assert gateway("POST", path, token, content=signed_content).json()["state"] == "refused"
    paper = filed(gateway, row, content).dossier
    assert (paper.about, standing(gateway, paper.id)) == (
        None, ("accepted", ["accepted", "electronic-awaited"], [None]),
    )  # fmt: skip
    assert standing(gateway, main)[0] == "refused"
    assert_audited(gateway)
