"""Results and originals go back by post: what is in an item, who has each original, what the carrier tells of it."""

import csv
import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pypdfium2
import pytest
import zxingcpp

from gateway.audit import Audit
from gateway.clock import to_us
from gateway.postal import custody, follow_returns
from gateway.postal.look_over import look_over
from storage import alarms, courses, items, journal, originals, outbound, pool
from storage.courses import Course
from tests.gateway.inhouse import OFFICE, OTHER_OFFICE, OTHER_UNIT, Inhouse, inhouse
from tests.postal.returning import Office, item_number

_seeds = iter(range(10, 100_000))


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inhouse]:
    with inhouse(tmp_path_factory.mktemp("returns") / "home", token_life_s=10**7) as made:
        yield made


@pytest.fixture
def office(gateway: Inhouse) -> Office:
    return Office(gateway, next(_seeds))


def follow(office: Office) -> int:
    return follow_returns.follow(office.gateway.house.database, office.gateway.clock.now())


def sounding(office: Office, rule: str) -> dict[str, str]:
    house = office.gateway.house
    look_over(house.database, house.tables, office.gateway.clock.now(), custody.RETURN_RULES)
    with house.database.read() as tx:
        return {one.subject: one.next_step_vi for one in alarms.alarms(tx, None) if one.rule == rule}


def trace(office: Office, kind: str) -> list[tuple[str, str]]:
    return [(one["fact"], one["holder"]) for one in office.originals()[kind]["custody"]]


def test_what_arrived_is_held_and_the_same_arrival_changes_nothing(office: Office) -> None:
    held = office.originals()
    assert {kind: (one["count"], one["state"], one["holder"]) for kind, one in held.items()} == {
        "book": (3, "held", OFFICE), "decision": (1, "held", OFFICE),
    }  # fmt: skip
    one = held["book"]
    with office.gateway.house.database.begin() as tx:
        found = originals.of(tx, office.dossier)
        again = originals.arrive(
            tx, office.dossier, one["unit"], OFFICE, one["arrived_in"],
            [("book", "Sổ BHXH", 2), ("book", "Sổ BHXH", 1), ("card", "", 0)], 1, "someone",
        )  # fmt: skip
        assert again == []
        assert originals.of(tx, office.dossier) == found
    assert [fact for fact, _ in trace(office, "book")] == ["arrived"]


def test_an_item_brings_results_and_originals_back_and_its_delivery_ends_their_custody(office: Office) -> None:
    sent = office.send(key="k1", form_05=True, manifest_number="BK-05/12")
    assert sent.status_code == 200, sent.text
    told = sent.json()
    assert (told["state"], told["item_state"], told["form_05"], told["carrier"]) == (
        "sent", "bound", "awaited", "vnpost",
    )  # fmt: skip
    assert told["address"]["name"] == "Công ty TNHH Ánh Dương"
    assert told["dossiers"] == [office.dossier]
    assert {one["state"] for one in office.originals().values()} == {"sent"}
    # The same request is answered as it was, and writes nothing.
    again = office.send(
        key="k1", form_05=True, manifest_number="BK-05/12", item=told["item"], contents=told["contents"]
    )
    assert again.json() == told
    assert office.send(key="k1").json()["code"] == "key-reused"
    now = office.gateway.clock.now()
    office.tell(told["item"], ("EMA", now - timedelta(hours=5)), ("EMI", now - timedelta(hours=1)))
    assert follow(office) == 1
    assert follow(office) == 0
    shown = office.shown(told["item"])
    assert (shown["state"], shown["item_state"]) == ("delivered", "delivered")
    assert trace(office, "book") == [("arrived", OFFICE), ("sent", "vnpost"), ("returned", "Công ty TNHH Ánh Dương")]
    assert office.facts()[-1] == "result-delivered"
    listed = office.gateway("GET", f"/v1/postal/originals?office={OFFICE}", office.office).json()["originals"]
    assert office.dossier not in {one["dossier"] for one in listed}


def test_a_repeated_request_under_its_key_sends_once(office: Office) -> None:
    body = {"item": office.number(), "contents": office.contents()}
    first, again = office.send(key="same", **body), office.send(key="same", **body)
    assert (first.status_code, again.status_code, first.json()) == (200, 200, again.json())
    other = office.send(**body)
    assert (other.status_code, other.json()["code"]) == (409, "original-elsewhere")
    taken = office.send(item=body["item"], contents=[{"kind": "card", "dossier": office.dossier}])
    assert taken.json()["detail"].startswith("item:")


def test_some_of_several_originals_are_divided_off_and_the_rest_stays(office: Office) -> None:
    book = office.originals()["book"]["original"]
    sent = office.send(contents=[{"kind": "book", "count": 2, "dossier": office.dossier, "original": book}]).json()
    assert sent["contents"][0]["original"] != book
    with office.gateway.house.database.read() as tx:
        found = {one.id: (one.count, one.state) for one in originals.of(tx, office.dossier) if one.kind == "book"}
        left = [one.fact for one in originals.trace(tx, book)]
    assert found == {book: (1, "held"), sent["contents"][0]["original"]: (2, "sent")}
    assert left == ["arrived", "divided"]


def test_what_comes_back_is_held_again_and_a_person_decides(office: Office) -> None:
    item = office.send(form_05=True).json()["item"]
    path = f"/v1/postal/returns/{item}/decision"
    early = office.gateway("POST", path, office.office, json={"decision": "keep"})
    assert (early.status_code, early.json()["code"]) == (409, "return-settled")
    now = office.gateway.clock.now()
    office.tell(item, ("EMA", now - timedelta(hours=9)), ("EMH", now - timedelta(hours=5)), ("Chuyển hoàn", now))
    assert follow(office) == 0
    office.tell(item, ("Phát hoàn thành công", now))
    assert follow(office) == 1
    assert office.facts()[-1] == "result-undelivered"
    assert {one["state"] for one in office.originals().values()} == {"held"}
    assert trace(office, "decision")[-1] == ("undelivered", OFFICE)
    listed = office.gateway("GET", "/v1/postal/returns?state=undelivered", office.office).json()["returns"]
    assert item in {one["item"] for one in listed}
    number = office.number()
    again = {"decision": "send-again", "item": number, "carrier": "vnpost", "note": "sai địa chỉ"}
    decided = office.gateway(
        "POST", path, office.office, json=again | {"address": {"name": "Bà A", "address": "5 Lê Lợi"}}
    )
    assert (decided.json()["state"], decided.json()["next_item"]) == ("sent-again", number)
    following = office.shown(number)
    assert (following["address"]["name"], following["form_05"]) == ("Bà A", "awaited")
    assert [one["kind"] for one in following["contents"]] == ["book", "decision", "card"]
    assert {one["sent_in"] for one in office.originals().values()} == {number}


def test_what_is_kept_is_handed_over_in_person(office: Office) -> None:
    item = office.send().json()["item"]
    now = office.gateway.clock.now()
    office.tell(item, ("EMA", now), ("Phát hoàn thành công", now))
    follow(office)
    path = f"/v1/postal/returns/{item}/decision"
    kept = office.gateway("POST", path, office.office, json={"decision": "keep", "note": "chờ đến nhận"})
    assert (kept.json()["state"], kept.json()["next_item"]) == ("kept", None)
    assert office.custody("book", fact="filed", holder="Kho A").json()["holder"] == "Kho A"
    handed = office.custody("book", fact="handed-over", holder="Ông B, theo giấy giới thiệu 12")
    assert (handed.json()["state"], handed.json()["custody"][-1]["fact"]) == ("returned", "handed-over")
    gone = office.custody("book", fact="moved", holder="Kho B")
    assert (gone.status_code, gone.json()["code"]) == (409, "original-elsewhere")


def test_a_delivery_that_is_taken_back_is_followed_and_a_lost_item_that_comes_back_too(office: Office) -> None:
    item = office.send().json()["item"]
    now = office.gateway.clock.now()
    office.tell(item, ("EMA", now - timedelta(hours=3)), ("EMI", now - timedelta(hours=2)))
    assert follow(office) == 1
    office.tell(item, ("Thất lạc", now - timedelta(hours=1)))
    assert follow(office) == 1
    assert (office.shown(item)["state"], office.shown(item)["delivered_at"]) == ("undelivered", None)
    assert {one["state"] for one in office.originals().values()} == {"sent"}
    office.tell(item, ("Phát hoàn thành công", now))
    assert follow(office) == 1
    assert {one["state"] for one in office.originals().values()} == {"held"}
    assert office.facts()[-3:] == ["result-delivered", "result-undelivered", "result-undelivered"]
    assert follow(office) == 0


def test_what_was_lost_and_decided_about_is_followed_when_it_is_found_after_all(office: Office) -> None:
    now = office.gateway.clock.now()
    item = office.send().json()["item"]
    office.tell(item, ("EMA", now - timedelta(days=9)), ("Thất lạc", now - timedelta(days=5)))
    assert follow(office) == 1
    assert office.custody("book", fact="lost", note="bưu chính báo mất").json()["state"] == "lost"
    decided = {"decision": "send-again", "item": office.number(), "carrier": "vnpost"}
    office.gateway("POST", f"/v1/postal/returns/{item}/decision", office.office, json=decided)
    office.tell(item, ("EMI", now - timedelta(days=1)))
    assert (follow(office), follow(office)) == (1, 0)
    assert {one["state"] for one in office.originals().values()} == {"returned"}
    assert (office.shown(item)["state"], office.facts()[-1]) == ("sent-again", "result-delivered")
    # Taken back once more: it lies with the office again.
    other = Office(office.gateway, next(_seeds))
    item = other.send().json()["item"]
    other.tell(item, ("EMA", now - timedelta(days=9)), ("Thất lạc", now - timedelta(days=5)))
    follow(other)
    other.gateway("POST", f"/v1/postal/returns/{item}/decision", other.office, json={"decision": "keep"})
    other.tell(item, ("Phát hoàn thành công", now))
    assert (follow(other), follow(other)) == (1, 0)
    assert {one["state"] for one in other.originals().values()} == {"held"}
    assert other.shown(item)["state"] == "kept"


def test_what_the_carrier_told_before_the_item_was_bound_counts_at_once(office: Office) -> None:
    number, now = office.number(), office.gateway.clock.now()
    office.tell(number, ("EMA", now - timedelta(hours=2)), ("EMI", now - timedelta(hours=1)))
    assert office.send(item=number).json()["item_state"] == "delivered"
    assert follow(office) == 1


def test_the_next_number_of_the_pool_is_taken_and_never_twice(office: Office) -> None:
    numbers = [item_number(90_000_000 + next(_seeds)) for _ in range(2)]
    empty = office.send(item="", pool=True, carrier="ems")
    assert empty.json()["detail"].startswith("pool:")
    with office.gateway.house.database.begin() as tx:
        assert pool.add(tx, "vnpost", numbers, 1) == len(numbers)
    card = [{"kind": "card", "dossier": office.dossier}]
    got = [office.send(item="", pool=True, contents=card).json()["item"] for _ in numbers]
    assert sorted(got) == sorted(numbers)
    with office.gateway.house.database.read() as tx:
        assert {one.state for number in numbers if (one := pool.find(tx, number))} == {"taken"}
        item = items.find(tx, got[0])
    assert item is not None
    assert (item.direction, item.office, item.carrier) == ("out", OFFICE, "vnpost")


@pytest.mark.parametrize(
    ("said", "member"),
    [
        ({"item": "RR473124820VN1"}, "item"),
        ({"item": "RR473124829VN", "carrier": ""}, "carrier"),
        ({"item": "RR473124829VN", "carrier": "nobody"}, "carrier"),
        ({"contents": [{"kind": "card", "dossier": "d-" + "a" * 26}]}, "contents"),
        ({"contents": "stranger"}, "contents"),
        ({"contents": "wrong kind"}, "contents"),
        ({"contents": "twice"}, "contents"),
    ],
)
def test_what_cannot_be_sent_is_refused_by_its_member_and_nothing_is_written(
    office: Office, said: dict[str, Any], member: str
) -> None:
    book = office.originals()["book"]["original"]
    line = {"kind": "book", "count": 3, "dossier": office.dossier, "original": book}
    made = {"stranger": [line | {"original": "g-none"}], "wrong kind": [line | {"kind": "card"}], "twice": [line, line]}
    if isinstance(said.get("contents"), str):
        said = {"contents": made[said["contents"]]}
    with office.gateway.house.database.read() as tx:
        before = len(outbound.listed(tx))
    refused = office.send(**said)
    assert (refused.status_code, refused.json()["code"]) == (422, "return-unfit"), refused.text
    assert refused.json()["detail"].startswith(f"{member}:")
    with office.gateway.house.database.read() as tx:
        assert len(outbound.listed(tx)) == before
    assert office.originals()["book"]["state"] == "held"


def test_others_see_and_change_nothing(office: Office) -> None:
    item = office.send().json()["item"]
    elsewhere = office.gateway.bearer("office", offices=[OTHER_OFFICE])
    assert office.gateway("GET", f"/v1/postal/returns/{item}", elsewhere).status_code == 404
    assert office.gateway("POST", f"/v1/postal/returns/{item}/form-05", elsewhere, json={}).status_code == 404
    assert office.send(elsewhere).status_code == 404
    assert office.gateway("GET", f"/v1/postal/originals?office={OFFICE}", elsewhere).status_code == 403
    book = office.originals()["book"]["original"]
    moved = office.gateway(
        "POST", f"/v1/postal/originals/{book}/custody", elsewhere, json={"fact": "lost", "note": "x"}
    )
    assert moved.status_code == 404
    stranger = office.gateway.bearer("employer", units=[OTHER_UNIT])
    assert office.gateway("GET", f"/v1/dossiers/{office.dossier}/originals", stranger).status_code == 404
    for role in ("employer", "ivan", "post"):
        token = office.gateway.bearer(role)
        assert office.gateway("GET", "/v1/postal/returns", token).status_code == 403
        assert office.send(token, contents=[{"kind": "card", "dossier": office.dossier}]).status_code == 403


def test_a_form_05_that_does_not_come_back_sounds_once_and_its_coming_closes_it(office: Office) -> None:
    item = office.send(form_05=True).json()["item"]
    now = office.gateway.clock.now()
    office.tell(item, ("EMA", now - timedelta(days=40)), ("EMI", now - timedelta(days=39)))
    follow(office)
    assert "thu hồi" in sounding(office, custody.FORM_05)[item]
    came = office.gateway("POST", f"/v1/postal/returns/{item}/form-05", office.office, json={"note": "đủ chữ ký"})
    assert (came.json()["form_05"], came.json()["form_05_note"]) == ("returned", "đủ chữ ký")
    later = office.gateway("POST", f"/v1/postal/returns/{item}/form-05", office.office, json={"note": "lần hai"})
    assert later.json()["form_05_note"] == "đủ chữ ký"
    assert item not in sounding(office, custody.FORM_05)
    card = [{"kind": "card", "dossier": office.dossier}]
    unasked = office.send(contents=card).json()["item"]
    refused = office.gateway("POST", f"/v1/postal/returns/{unasked}/form-05", office.office, json={})
    assert refused.json()["detail"].startswith("form_05:")


def test_originals_of_a_dossier_that_ended_long_ago_are_told_of_once_for_their_office(office: Office) -> None:
    now = office.gateway.clock.now()
    database = office.gateway.house.database
    with database.begin() as tx:
        turn = journal.take_turn(tx)
        ended_us = to_us(now - timedelta(days=30))
        found = courses.find(tx, office.dossier) or Course(
            dossier=office.dossier, office=OFFICE, since_us=ended_us, due_at_us=None
        )
        journal.record(tx, [], {office.dossier: "declined"})
        courses.put(tx, msgspec.structs.replace(found, ended_at_us=ended_us))
        journal.end_turn(tx, turn)
    assert office.receipt_number in sounding(office, custody.KEPT)[OFFICE]
    for kind in ("book", "decision"):
        assert office.custody(kind, fact="lost", note="cháy kho").status_code == 200
    assert OFFICE not in sounding(office, custody.KEPT)
    assert office.custody("book", fact="found", holder="Kho A").json()["state"] == "held"


@pytest.mark.parametrize(
    ("said", "member"),
    [
        ({"fact": "lost"}, "note"),
        ({"fact": "moved"}, "holder"),
        ({"fact": "filed", "office": OTHER_OFFICE}, "office"),
    ],
)
def test_custody_that_lacks_what_it_needs_is_refused(office: Office, said: dict[str, Any], member: str) -> None:
    refused = office.custody("book", **said)
    assert (refused.status_code, refused.json()["detail"].split(":")[0]) == (422, member)
    assert [fact for fact, _ in trace(office, "book")] == ["arrived"]


def test_an_original_that_another_office_holds_is_its_to_tell_of(office: Office) -> None:
    assert office.custody("book", fact="moved", office=OTHER_OFFICE, key="m").json()["office"] == OTHER_OFFICE
    assert office.custody("book", fact="moved", office=OTHER_OFFICE, key="m").json()["office"] == OTHER_OFFICE
    assert [fact for fact, _ in trace(office, "book")] == ["arrived", "moved"]
    assert office.custody("book", fact="filed").status_code == 404
    refused = office.send()
    assert refused.json()["detail"].startswith("contents:")


def test_the_list_of_originals_is_by_age_and_its_csv_runs_no_formula(office: Office) -> None:
    with office.gateway.house.database.begin() as tx:
        now_us = to_us(office.gateway.clock.now())
        originals.arrive(
            tx, office.dossier, "TS12345", OFFICE, "X1", [("card", "=HYPERLINK(1)", 1)],
            now_us - 400 * 86_400 * 1_000_000, "clerk",
        )  # fmt: skip
    found = office.gateway("GET", f"/v1/postal/originals?office={OFFICE}&older_days=399", office.office).json()
    mine = [one for one in found["originals"] if one["dossier"] == office.dossier]
    assert [(one["kind"], one["days"]) for one in mine] == [("card", 400)]
    assert all(one["days"] >= 399 for one in found["originals"])
    answer = office.gateway("GET", f"/v1/postal/originals.csv?office={OFFICE}", office.office)
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert next(row["name"] for row in rows if row["dossier"] == office.dossier) == "'=HYPERLINK(1)"
    ages = [int(row["days"]) for row in rows]
    assert ages == sorted(ages, reverse=True)
    pdf = office.gateway("GET", f"/v1/postal/originals.pdf?office={OFFICE}", office.office)
    assert pdf.content.startswith(b"%PDF-")


def test_on_a_server_what_goes_back_is_written_and_followed_the_same(
    tmp_path: Path, postgres_migrated_url: str
) -> None:
    with inhouse(tmp_path / "home", database_url=postgres_migrated_url) as served:
        office = Office(served, 5)
        now = served.clock.now()
        book = office.originals()["book"]["original"]
        line = {"kind": "book", "count": 2, "dossier": office.dossier, "original": book}
        item = office.send(contents=[line], form_05=True).json()["item"]
        office.tell(item, ("EMA", now - timedelta(days=40)), ("EMI", now - timedelta(days=39)))
        assert (follow(office), follow(office)) == (1, 0)
        assert item in sounding(office, custody.FORM_05)
        assert office.custody("decision", fact="handed-over", holder="Bà A").json()["state"] == "returned"
        kept = served("GET", f"/v1/postal/originals?office={OFFICE}", office.office).json()["originals"]
        assert [(one["original"], one["count"]) for one in kept] == [(book, 1)]
        assert sounding(office, custody.KEPT) == {}
        keys = {key.kid: key.jwk for key in served.house.stores.seal.keys(served.clock.now())}
        assert Audit(served.house.stores, keys).run().faults == []


@pytest.mark.parametrize("kind", ["hand-over", "receipt", "form-05"])
def test_the_slips_of_an_item_are_printed_with_what_is_in_it(office: Office, kind: str) -> None:
    item = office.send(manifest_number="BK-7").json()["item"]
    answer = office.gateway("GET", f"/v1/postal/returns/{item}/slip.pdf?kind={kind}", office.office)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf"), answer.text
    with pypdfium2.PdfDocument(answer.content) as document:
        text = "\n".join(page.get_textpage().get_text_range() for page in document)
        picture = document[0].render(scale=2).to_pil()
    assert "3 × Sổ BHXH" in text
    assert "BK-7" in text
    assert ("chưa được" in text) == (kind == "form-05")
    assert item in {one.text for one in zxingcpp.read_barcodes(picture)}
