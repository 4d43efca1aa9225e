"""Paper becomes a dossier like any other; a dossier in two halves has one name, one clock and two receipts."""

import asyncio
import hashlib
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway import ids
from gateway.callers import Caller
from gateway.clock import to_us
from gateway.deadlines import due
from gateway.post import Paper, PaperRefused, file_paper, refile
from gateway.postal.look_over import look_over
from gateway.postal.pieces import Piece
from gateway.postal.watch_halves import HALF_RULE
from gateway.settle import Settled
from schemas.sample import make_dossier
from storage import alarms, announcements, documents, halves, journal, originals
from storage.announcements import Announced, Announcement
from tests.clocks import HandClock
from tests.gateway.inhouse import OFFICE, UNIT, Inhouse, inhouse, sign

CLERK = Caller(client="office-clerk", role="office", offices=frozenset({OFFICE}), requests_per_minute_max=1)
PIECES = (Piece(kind="form", count=1, pages=2), Piece(kind="book", count=2, original=True))


@pytest.fixture
def gateway(tmp_path: Path) -> Any:
    with inhouse(tmp_path / "home") as house:
        yield house


def raw(seed: int, procedure: str = "600", **more: Any) -> bytes:
    from tests.gateway.inhouse import TAX_CODE

    return make_dossier(
        procedure, employees=1, seed=seed, unit=UNIT, tax_code=TAX_CODE, office=OFFICE, period="03/2026",
        made_on=HandClock().now().date(), attachments=0, **more,
    )  # fmt: skip


def announced(gateway: Inhouse, client: str, content: bytes, **more: Any) -> Announced:
    """What `POST /v1/postal/announcements` writes."""
    sha256 = hashlib.sha256(content).digest()
    stores, now_us = gateway.house.stores, to_us(gateway.clock.now())
    fields: dict[str, Any] = {"half_of": "", "hybrid": 0, "media_type": "application/xml", "batch": None} | more
    row = Announced(
        id=ids.dossier_id(sha256), announcement="p-" + sha256.hex()[:8], number=1, unit=UNIT, tax_code="",
        procedure="600", period="03/2026", competent_office=OFFICE, sha256=sha256, size_bytes=len(content), pack="x",
        pack_offset=0, pack_length=1, wrapped_key=b"k", pieces=msgspec.json.encode(PIECES).decode(), printed="[]",
        digest=b"\1" * 32, code="", state="announced", state_at_us=now_us, **fields,
    )  # fmt: skip
    with stores.database.begin() as tx:
        one = Announcement(
            id=row.announcement, client=client, role="employer", office=OFFICE, made_at_us=now_us, sha256=sha256
        )
        assert announcements.enter(tx, one, [row])
    return row


def filed(gateway: Inhouse, row: Announced, content: bytes, **more: Any) -> Settled:
    now = gateway.clock.now()
    fields: dict[str, Any] = {
        "item": "EA123456785VN", "posted_at": now - timedelta(days=3), "arrived_at": now - timedelta(days=1),
        "opened_at": now - timedelta(hours=2), "office": OFFICE, "scans": b"%PDF-scans", "pages": 2, "counted": PIECES,
    } | more  # fmt: skip
    return asyncio.run(file_paper(gateway.house, Paper(announced=row, content=content, **fields), CLERK))


def said(statement: str) -> dict[str, Any]:
    import base64

    body = statement.split(".")[1]
    return msgspec.json.decode(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


def test_paper_becomes_a_dossier_with_receipt_scans_custody_and_work(gateway: Inhouse) -> None:
    client, secret = gateway.client("employer", units=[UNIT])
    token, content = gateway.token(client, secret), raw(1)
    row = announced(gateway, client, content)
    settled = filed(gateway, row, content)
    assert settled.fresh
    dossier = settled.dossier
    assert (dossier.id, dossier.channel, dossier.submitter, dossier.state) == (row.id, "post", client, "accepted")
    receipt = said(dossier.statement)
    assert (receipt["verdict"], receipt["sub_indication"], receipt["signer"]) == ("NOT_JUDGED", "HANDWRITTEN", None)
    paper = receipt["paper"]
    assert (paper["basis"], paper["time_of_receipt"], paper["pages"]) == ("arrived", paper["arrived_at"], 2)
    assert paper["scans_sha256"] == hashlib.sha256(b"%PDF-scans").hexdigest()
    # The clock counts from the time of receipt, not from when it was entered.
    tables = gateway.house.tables
    expected = due(gateway.clock.now() - timedelta(days=1), 5, tables.calendar).due_at
    assert dossier.due_at_us == to_us(expected)
    shown = gateway("GET", f"/v1/dossiers/{dossier.id}", token).json()
    assert shown["came_by_post"]["item"] == "EA123456785VN"
    assert shown["verdict"]["message"] in ("Chữ ký tay, không xét.", "Handwritten signature, not judged.")
    starts = gateway("GET", f"/v1/dossiers/{dossier.id}/due", token).json()["starts"]
    assert (starts["by"], starts["at"], starts["unconfirmed"]) == ("arrived", paper["arrived_at"], True)
    with gateway.house.database.read() as tx:
        assert {one.kind for one in documents.of(tx, dossier.id)} == {"scans", "custody"}
        (book,) = originals.of(tx, dossier.id)
        assert (book.kind, book.count, book.state) == ("book", 2, "held")
        kept = announcements.announced(tx, row.id)
        assert kept is not None
        assert (kept.state, kept.wrapped_key) == ("filed", None)
    # The office has it as work, like any other.
    office = gateway.bearer("office", offices=[OFFICE])
    (work,) = gateway("POST", f"/v1/offices/{OFFICE}/leases", office, json={"max": 5}).json()["work"]
    assert (work["dossier"], work["channel"], work["straight_through"]) == (dossier.id, "post", False)
    assert gateway("GET", work["content_url"], office).content == content
    # Filed again, also by another clerk, it is the same.
    again = filed(gateway, row, content, pages=3)
    assert (again.fresh, again.dossier.statement) == (False, dossier.statement)


def test_what_was_posted_may_count_from_the_posting(gateway: Inhouse) -> None:
    client, _ = gateway.client("employer", units=[UNIT])
    post = gateway.house.tables.post
    rule = msgspec.structs.replace(post.time_of_receipt, procedures={"600": "posted"})
    gateway.house.intake.tables = msgspec.structs.replace(
        gateway.house.tables, post=msgspec.structs.replace(post, time_of_receipt=rule)
    )
    content = raw(2)
    dossier = filed(gateway, announced(gateway, client, content), content).dossier
    paper = said(dossier.statement)["paper"]
    assert (paper["basis"], paper["time_of_receipt"]) == ("posted", paper["posted_at"])
    content = raw(3)
    dossier = filed(gateway, announced(gateway, client, content), content, posted_at=None).dossier
    assert said(dossier.statement)["paper"]["basis"] == "arrived", "nobody told when it was posted"


def test_what_cannot_be_routed_waits_for_a_person_and_loses_nothing(gateway: Inhouse) -> None:
    client, _ = gateway.client("employer", units=[UNIT])
    content = raw(4).replace(b"<MaSoBHXH>" + UNIT.encode(), b"<MaSoBHXH>ZZ9999Z", 1)
    row = announced(gateway, client, content)
    with pytest.raises(PaperRefused) as refused:
        filed(gateway, row, content)
    assert "unit-unknown" in {one.code for one in refused.value.findings}
    with gateway.house.database.read() as tx:
        assert announcements.announced(tx, row.id).state == "announced"


def with_paper(content: bytes) -> bytes:
    import base64

    def flagged(match: re.Match[bytes]) -> bytes:
        inner = base64.b64decode(match[1])
        if b"<KemHoSoGiay>" not in inner:
            return match[0]
        changed = base64.b64encode(re.sub(rb"<KemHoSoGiay>.*?</KemHoSoGiay>", b"<KemHoSoGiay>1</KemHoSoGiay>", inner))
        return b"<NoiDungFile>" + changed + b"</NoiDungFile>"

    made = re.sub(rb"<NoiDungFile>([^<]*)</NoiDungFile>", flagged, content)
    return re.sub(
        rb"<DoDaiFile>\d+</DoDaiFile>(\s*)<NoiDungFile>([^<]*)<",
        lambda m: b"<DoDaiFile>%d</DoDaiFile>%s<NoiDungFile>%s<" % (len(m[2]), m[1], m[2]),
        made,
    )


def hybrid(seed: int) -> bytes:
    return with_paper(raw(seed, "630a"))


def test_the_electronic_half_is_offered_at_once_and_the_paper_half_starts_the_clock(gateway: Inhouse) -> None:
    client, secret = gateway.client("employer", units=[UNIT])
    token, office = gateway.token(client, secret), gateway.bearer("office", offices=[OFFICE])
    answer = gateway("POST", "/v1/dossiers", token, content=sign(hybrid(5)))
    assert answer.status_code == 201, answer.text
    first = answer.json()
    assert (first["state"], first["due_at"], said(first["receipt"])["half"]) == ("awaiting-paper", None, "electronic")
    (work,) = gateway("POST", f"/v1/offices/{OFFICE}/leases", office, json={"max": 5}).json()["work"]
    assert (work["dossier"], work["awaits"]) == (first["dossier"], "paper")
    told = gateway("GET", f"/v1/dossiers/{first['dossier']}/due", token).json()
    assert (told["due_at"], told["starts"]["half"], told["starts"]["awaited"]) == (None, "later", "paper")
    gateway.clock.advance(11 * 86_400)
    for _ in range(2):
        look_over(gateway.house.database, gateway.house.tables, gateway.clock.now(), [HALF_RULE])
    with gateway.house.database.read() as tx:
        (alarm,) = alarms.alarms(tx, [OFFICE])
    assert (alarm.rule, alarm.subject) == ("post-half-missing", first["dossier"])
    assert "bản giấy" in alarm.next_step_vi
    content = msgspec.json.encode({"half_of": first["dossier"], "pieces": PIECES})
    row = announced(gateway, client, content, half_of=first["dossier"], media_type="application/json")
    second = filed(gateway, row, content).dossier
    receipt = said(second.statement)
    assert (receipt["dossier"], receipt["half"], receipt["record"]) == (first["dossier"], "paper", second.id)
    assert receipt["about"] == first["receipt_number"]
    look_over(gateway.house.database, gateway.house.tables, gateway.clock.now(), [HALF_RULE])
    with gateway.house.database.read() as tx:
        assert alarms.alarms(tx, [OFFICE]) == []
    token = gateway.token(client, secret)
    shown = gateway("GET", f"/v1/dossiers/{first['dossier']}", token).json()
    (half,) = shown["halves"]
    assert (half["half"], half["receipt"], half["record"]) == ("paper", second.statement, second.id)
    assert shown["state"] == "accepted"
    arrived = gateway.clock.now() - timedelta(days=1)
    procedure = gateway.house.tables.catalogue.procedure("630a", arrived.date())
    expected = due(arrived, procedure.time_limit_working_days, gateway.house.tables.calendar).due_at
    told = gateway("GET", f"/v1/dossiers/{first['dossier']}/due", token).json()
    assert (told["due_at"], told["recalculated"]) == (expected.isoformat(timespec="microseconds"), True) or told[
        "due_at"
    ].startswith(expected.isoformat()[:19])
    assert told["starts"]["awaited"] is None


def test_paper_that_came_first_takes_its_electronic_half_under_its_own_name(gateway: Inhouse) -> None:
    client, secret = gateway.client("employer", units=[UNIT])
    token, content = gateway.token(client, secret), hybrid(6)
    row = announced(gateway, client, content, hybrid=1)
    first = filed(gateway, row, content).dossier
    assert (first.state, said(first.statement)["half"]) == ("accepted", "paper")
    answer = gateway("POST", f"/v1/dossiers?half_of={row.id}", token, content=sign(content))
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert (told["dossier"], said(told["receipt"])["record"] != row.id) == (row.id, True)
    assert gateway("POST", f"/v1/dossiers?half_of={row.id}", token, content=sign(content)).status_code == 200
    (half,) = gateway("GET", f"/v1/dossiers/{row.id}", token).json()["halves"]
    assert (half["half"], half["receipt"]) == ("electronic", told["receipt"])
    assert gateway("GET", f"/v1/dossiers/{row.id}/due", token).json()["due_at"] is not None


def test_an_electronic_half_may_name_paper_that_is_announced(gateway: Inhouse) -> None:
    client, secret = gateway.client("employer", units=[UNIT])
    token, content = gateway.token(client, secret), raw(7)
    row = announced(gateway, client, content, hybrid=1)
    answer = gateway("POST", f"/v1/dossiers?half_of={row.id}", token, content=sign(content))
    assert (answer.status_code, answer.json()["state"]) == (201, "awaiting-paper"), answer.text
    main = answer.json()["dossier"]
    with gateway.house.database.read() as tx:
        named = announcements.announced(tx, row.id)
    assert named.half_of == main
    second = filed(gateway, named, content).dossier
    assert said(second.statement)["dossier"] == main
    with gateway.house.database.read() as tx:
        (half,) = halves.of(tx, main)
    assert half.came == second.id
    stranger = gateway.bearer("employer", units=[])
    other = announced(gateway, client, raw(8), hybrid=1)
    answer = gateway("POST", f"/v1/dossiers?half_of={other.id}", stranger, content=sign(raw(8)))
    assert answer.status_code == 404


def test_pages_that_were_bound_otherwise_are_kept_beside_the_old_ones(gateway: Inhouse) -> None:
    client, _ = gateway.client("employer", units=[UNIT])
    content = raw(9)
    dossier = filed(gateway, announced(gateway, client, content), content).dossier
    for _ in range(2):
        asyncio.run(refile(gateway.house, dossier.id, b"%PDF-other", 1, CLERK, "trang 2 của hồ sơ khác"))
    with gateway.house.database.read() as tx:
        kept = [one for one in documents.of(tx, dossier.id) if one.kind == "scans"]
        facts = journal.events(tx, journal.Scope(everything=True), 0, dossier.id)
    assert [one.number for one in kept] == [1, 2]
    assert [one.type for one in facts].count("pages-rebound") == 1
