"""Two halves in every order, at once and again: one dossier, one clock, and nobody told what is not so."""

import asyncio
import hashlib
from datetime import timedelta
from typing import Any

import msgspec
import pypdfium2
import pytest
import sqlalchemy as sa

from gateway import events
from gateway.callers import Caller
from gateway.clock import rfc3339
from gateway.course import course_of, paused
from gateway.deadlines import due
from gateway.judge import Submission
from gateway.post import Paper, file_paper, refile
from gateway.postal.other_half import other_half
from gateway.settle import Settled
from storage import announcements, courses, documents, halves, journal, originals
from storage.announcements import Announced
from tests.gateway.ended import taken
from tests.gateway.inhouse import OFFICE, UNIT, Inhouse, inhouse, sign
from tests.postal.test_paper_line import CLERK, PIECES, announced, filed, hybrid, raw, said


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with inhouse(tmp_path_factory.mktemp("halves") / "home") as house:
        yield house


def supplement_requested(gateway: Inhouse, main: str) -> None:
    with gateway.house.database.begin() as tx:
        turn = journal.take_turn(tx)
        dossier = events.dossier_of(tx, main)
        told = events.fact(turn, dossier, "supplement-requested", "office", gateway.clock.now(), {})
        journal.record(tx, [told], {main: "supplement-requested"})
        courses.put(tx, paused(course_of(tx, dossier, gateway.clock.now()), gateway.clock.now()))
        journal.end_turn(tx, turn)


@pytest.mark.parametrize("ends_first", [True, False])
def test_what_was_waited_for_before_the_clock_started_stops_nothing(gateway: Inhouse, ends_first: bool) -> None:
    client, secret = gateway.client("employer", units=[UNIT])
    token, office = gateway.token(client, secret), gateway.bearer("office", offices=[OFFICE])
    main = gateway("POST", "/v1/dossiers", token, content=sign(hybrid(24 + ends_first))).json()["dossier"]
    taken(gateway, office)
    gateway.clock.advance(3600)
    supplement_requested(gateway, main)
    gateway.clock.advance(3600)

    def supplement() -> None:
        answer = gateway(
            "POST", f"/v1/dossiers/{main}/supplements", gateway.token(client, secret),
            content=sign(raw(28 + ends_first, "630a")), headers={"content-type": "application/xml"},
        )  # fmt: skip
        assert answer.status_code == 201, answer.text

    if ends_first:
        supplement()
    gateway.clock.advance(30 * 3600)
    content = msgspec.json.encode({"half_of": main, "pieces": PIECES})
    arrived = gateway.clock.now() - timedelta(hours=4)
    filed(
        gateway, announced(gateway, client, content, half_of=main, media_type="application/json"), content,
        arrived_at=arrived,
    )  # fmt: skip
    calendar = gateway.house.tables.calendar
    procedure = gateway.house.tables.catalogue.procedure("630a", arrived.date())
    pauses = []
    if not ends_first:
        gateway.clock.advance(3600)
        supplement()
        pauses = [(arrived, gateway.clock.now())]
    told = gateway("GET", f"/v1/dossiers/{main}/due", gateway.token(client, secret)).json()
    expected = due(arrived, procedure.time_limit_working_days, calendar, pauses).due_at
    assert (told["due_at"], told["recalculated"]) == (rfc3339(expected), True)


def test_the_very_same_bytes_by_wire_and_on_paper_are_one_dossier_in_two_halves(gateway: Inhouse) -> None:
    client, secret = gateway.client("employer", units=[UNIT])
    token, content = gateway.token(client, secret), sign(raw(21))
    row = announced(gateway, client, content, hybrid=1)
    first = gateway("POST", f"/v1/dossiers?half_of={row.id}", token, content=content)
    assert (first.status_code, first.json()["dossier"], first.json()["state"]) == (201, row.id, "awaiting-paper")
    paper = filed(gateway, row, content)
    assert (paper.fresh, paper.dossier.about, paper.dossier.channel) == (True, row.id, "post")
    assert said(paper.dossier.statement)["record"] == paper.dossier.id
    again = filed(gateway, row, content)
    assert (again.fresh, again.dossier.id) == (False, paper.dossier.id)
    asyncio.run(refile(gateway.house, row.id, b"%PDF-other", 1, CLERK, "trang 2 của hồ sơ khác"))
    with gateway.house.database.read() as tx:
        assert announcements.announced(tx, row.id).state == "filed"
        (half,) = halves.of(tx, row.id)
        assert half.came == paper.dossier.id
        assert [one.kind for one in documents.of(tx, paper.dossier.id)] == ["custody", "scans", "scans"]
        assert [one.count for one in originals.of(tx, row.id)] == [2]
    assert gateway("POST", f"/v1/dossiers?half_of={row.id}", token, content=content).json() == first.json() | {
        "state": "accepted"
    }


async def raced(gateway: Inhouse, row: Announced, content: bytes, caller: Caller, together: bool) -> list[Settled]:
    """The paper is filed while its electronic half, whose door saw it announced only, is on the way."""
    now, signed = gateway.clock.now(), sign(content)
    with gateway.house.database.read() as tx:
        named, has_come = other_half(tx, row.id, caller, now.date())
    assert not has_come
    paper = Paper(
        announced=row, content=content, item="EA123456785VN", posted_at=None, arrived_at=now, opened_at=now,
        office=OFFICE, scans=b"", pages=0, counted=(),
    )  # fmt: skip
    submission = Submission(
        content=signed, sha256=hashlib.sha256(signed).digest(), submitter=caller.client, half_of=named,
        received_at=now, channel="api",
    )  # fmt: skip
    filing, receiving = file_paper(gateway.house, paper, CLERK), gateway.house.intake.receive(submission, caller)
    return list(await asyncio.gather(filing, receiving)) if together else [await filing, await receiving]


def test_halves_that_pass_each_other_are_one_dossier_all_the_same(gateway: Inhouse) -> None:
    client, secret = gateway.client("employer", units=[UNIT])
    token, content = gateway.token(client, secret), raw(23)
    row = announced(gateway, client, content, hybrid=1)
    main = gateway("POST", f"/v1/dossiers?half_of={row.id}", token, content=sign(content)).json()["dossier"]
    # The mail room had read the announcement before.
    assert filed(gateway, row, content).dossier.about == main
    # And the door, before the paper was filed; also in one round with it.
    caller = Caller(client=client, role="employer", offices=frozenset(), requests_per_minute_max=1)
    for seed, together in ((26, False), (27, True)):
        content = raw(seed)
        row = announced(gateway, client, content, hybrid=1)
        paper, wire = asyncio.run(raced(gateway, row, content, caller, together))
        assert {paper.dossier.about, wire.dossier.about} in ({None, paper.dossier.id}, {None, wire.dossier.id})
        with gateway.house.database.read() as tx:
            (half,) = halves.of(tx, paper.dossier.about or paper.dossier.id)
        assert half.came in (paper.dossier.id, wire.dossier.id)


def test_a_half_may_be_sent_again_but_no_other_one_in_its_place(gateway: Inhouse) -> None:
    client, secret = gateway.client("employer", units=[UNIT])
    token, content = gateway.token(client, secret), raw(31)
    row, signed = announced(gateway, client, content, hybrid=1), sign(content)
    path = f"/v1/dossiers?half_of={row.id}"
    first = gateway("POST", path, token, content=signed).json()
    again = gateway("POST", path, token, content=signed)
    assert (again.status_code, again.json()) == (200, first)
    other = gateway("POST", path, token, content=sign(raw(32)))
    assert (other.status_code, other.json()["code"]) == (409, "not-open")
    with gateway.house.database.read() as tx:
        (half,) = halves.of(tx, first["dossier"])
    assert half.came is None, "no second electronic filing is taken for the paper"
    filed(gateway, row, content)
    again = gateway("POST", path, token, content=signed)
    assert (again.status_code, again.json()["receipt"]) == (200, first["receipt"])
    # Nor is it a supplement at the same time.
    path = f"/v1/dossiers/{first['dossier']}/supplements?half_of={row.id}"
    headers = {"content-type": "application/xml"}
    assert gateway("POST", path, token, content=sign(raw(33)), headers=headers).status_code == 400


def test_an_electronic_half_is_of_the_same_unit_procedure_and_period_as_its_paper(gateway: Inhouse) -> None:
    client, secret = gateway.client("employer", units=[UNIT])
    row = announced(gateway, client, raw(34), hybrid=1)
    answer = gateway(
        "POST", f"/v1/dossiers?half_of={row.id}", gateway.token(client, secret), content=sign(hybrid(35))
    )  # fmt: skip
    assert answer.status_code == 422
    assert [one["code"] for one in answer.json()["findings"]] == ["supplement-differs"]


def test_whoever_may_not_see_a_half_learns_only_that_it_came(gateway: Inhouse) -> None:
    client, secret = gateway.client("ivan", units=[UNIT])
    employer = gateway.bearer("employer", units=[UNIT])
    content = hybrid(36)
    row = announced(gateway, client, content, hybrid=1)
    filed(gateway, row, content)
    assert gateway("POST", f"/v1/dossiers?half_of={row.id}", employer, content=sign(content)).status_code == 201
    with gateway.house.database.begin() as tx:
        tx.execute(sa.text("DELETE FROM client_unit WHERE client = :client"), {"client": client})
    (half,) = gateway("GET", f"/v1/dossiers/{row.id}", gateway.token(client, secret)).json()["halves"]
    assert half["received_at"]
    assert (half["record"], half["receipt_number"], half["receipt"]) == (None, None, None)
    (half,) = gateway("GET", f"/v1/dossiers/{row.id}", employer).json()["halves"]
    assert half["receipt"]


def test_the_printed_receipt_of_paper_says_that_a_signature_by_hand_is_not_judged(gateway: Inhouse) -> None:
    client, secret = gateway.client("employer", units=[UNIT])
    content = raw(37)
    dossier = filed(gateway, announced(gateway, client, content, hybrid=1), content).dossier
    answer = gateway("GET", f"/v1/dossiers/{dossier.id}/receipt.pdf", gateway.token(client, secret))
    with pypdfium2.PdfDocument(answer.content) as document:
        told = " ".join(page.get_textpage().get_text_range() for page in document)
    assert "chữ ký tay, không xét" in told
    assert "ĐÃ TIẾP NHẬN" in told
    assert "CHỜ KIỂM TRA" not in told
    assert "EA123456785VN" in told
    assert "bản giấy; bản điện tử được nhận riêng" in told
