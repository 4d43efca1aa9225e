"""Manifests over HTTP: told by both sides, in any order, twice, offline, signed or not; and where they differ."""

import itertools
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from gateway.audit import Audit
from gateway.log_steps import publish
from gateway.postal.look_over import look_over
from gateway.postal.manifest_stated import STATED_TYPE
from gateway.postal.watch_manifests import DIFFERENCE_RULE, MANIFEST_RULE
from signing.seal import open_jws
from storage import alarms
from tests.gateway.inhouse import OFFICE, OTHER_OFFICE, Inhouse, inhouse
from tests.postal.manifests_made import Counter, a_manifest, a_receipt, an_item, digest, of, signed

POST = "/v1/postal/manifests"
RR, RS, RT = "RR473124829VN", "RR123456785VN", "EB000000345VN"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inhouse]:
    with inhouse(tmp_path_factory.mktemp("manifests") / "home", token_life_s=30 * 86400) as made:
        yield made


@pytest.fixture(scope="module")
def post(gateway: Inhouse, tmp_path_factory: pytest.TempPathFactory) -> Counter:
    return Counter(gateway, "post", tmp_path_factory.mktemp("post"))


@pytest.fixture(scope="module")
def office(gateway: Inhouse, tmp_path_factory: pytest.TempPathFactory) -> Counter:
    return Counter(gateway, "office", tmp_path_factory.mktemp("office"), offices=[OFFICE])


def shown(gateway: Inhouse, manifest: str, who: Counter) -> dict[str, Any]:
    answer = gateway("GET", f"{POST}/{manifest}", who.token)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def differences(told: dict[str, Any]) -> dict[str, str]:
    return {line["item"]: line["difference"] for line in told["lines"]}


def sounding(gateway: Inhouse) -> dict[str, alarms.Alarm]:
    look_over(gateway.house.database, gateway.house.tables, gateway.clock.now(), [MANIFEST_RULE])
    with gateway.house.database.read() as tx:
        return {one.subject: one for one in alarms.alarms(tx, None) if one.rule == DIFFERENCE_RULE}


def test_both_sides_tell_it_piece_by_piece_and_every_line_says_where_it_differs(
    gateway: Inhouse, post: Counter, office: Counter
) -> None:
    numbers = [f"RR{n:08d}0VN" for n in range(7)]
    manifest = a_manifest(
        an_item(numbers[0], book=2, form=3), an_item(numbers[1], book=2), an_item(numbers[2], card=1),
        an_item(numbers[3], form=1), an_item(numbers[4], form=1), an_item(numbers[5]),
    )  # fmt: skip
    told = gateway("POST", POST, post.token, json=manifest)
    assert told.status_code == 201, told.text
    receipt = a_receipt(
        an_item(numbers[0], book=2, form=3), an_item(numbers[1], book=1), an_item(numbers[2], card=2),
        an_item(numbers[3], condition="damaged", note="rách mép", form=1), an_item(numbers[4], condition="missing"),
        an_item(numbers[5], form=9), an_item(numbers[6], book=1),
    )  # fmt: skip
    answer = gateway("POST", f"{POST}/{manifest['id']}/received", office.token, json=receipt)
    assert answer.status_code == 201, answer.text
    whole = shown(gateway, manifest["id"], post)
    assert differences(whole) == dict(
        zip(numbers, ("ok", "short", "surplus", "damaged", "not-handed", "ok", "unlisted"), strict=True)
    )
    assert whole["differences"] == 5
    assert (whole["handed"]["made_at"], whole["taken"]["made_at"]) == (
        "2026-03-02T07:40:00.000+07:00", "2026-03-02T09:15:00.000+07:00",
    )  # fmt: skip
    assert whole["taken"]["officer"] == "Lê Thị Ước"
    assert whole == shown(gateway, manifest["id"], office)


def test_the_same_again_gets_the_same_answer_and_anything_else_is_refused_with_both_shown(
    gateway: Inhouse, post: Counter, office: Counter
) -> None:
    manifest = a_manifest(an_item(RR, book=1))
    first = gateway("POST", POST, post.token, json=manifest)
    gateway.clock.advance(60)
    again = gateway("POST", POST, post.token, json=dict(reversed(manifest.items())))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.content == again.content
    other = gateway("POST", POST, post.token, json=manifest | {"items": [an_item(RR, book=2)]})
    assert (other.status_code, other.json()["code"]) == (409, "manifest-differs")
    assert (other.json()["kept"]["items"][0]["pieces"], other.json()["sent"]["items"][0]["pieces"]) == (
        [{"kind": "book", "count": 1}], [{"kind": "book", "count": 2}],
    )  # fmt: skip
    path = f"{POST}/{manifest['id']}/received"
    one = gateway("POST", path, office.token, json=a_receipt(an_item(RR, book=1)))
    two = gateway("POST", path, office.token, json=a_receipt(an_item(RR, book=1)))
    assert (one.status_code, two.status_code, one.content) == (201, 200, two.content)
    three = gateway("POST", path, office.token, json=a_receipt(an_item(RR, condition="missing")))
    assert (three.status_code, three.json()["code"]) == (409, "manifest-differs")
    assert three.json()["kept"]["lines"] != three.json()["sent"]["lines"]
    assert differences(shown(gateway, manifest["id"], office)) == {RR: "ok"}


def test_a_receipt_that_comes_before_its_manifest_waits_for_it_and_the_result_is_the_same(
    gateway: Inhouse, post: Counter, office: Counter
) -> None:
    seen = []
    for order in itertools.permutations(("handed", "taken")):
        manifest = a_manifest(an_item(RR, book=2), an_item(RS))
        receipt = a_receipt(an_item(RR, book=1), an_item(RT, card=1), **of(manifest))
        for side in order:
            path, who, said = (
                (POST, post, manifest) if side == "handed" else (f"{POST}/{manifest['id']}/received", office, receipt)
            )
            assert gateway("POST", path, who.token, json=said).status_code == 201
            gateway.clock.advance(3600)
            told = shown(gateway, manifest["id"], office)
            assert (told[side]["made_at"] < told[side]["entered_at"], told["number"]) == (True, manifest["number"])
            if side == order[0]:
                assert set(differences(told).values()) == {""}
        seen.append(differences(told))
    assert seen[0] == seen[1] == {RR: "short", RS: "not-handed", RT: "unlisted"}


def test_a_receipt_of_an_unknown_manifest_must_name_its_paper_and_name_it_right(
    gateway: Inhouse, post: Counter, office: Counter
) -> None:
    manifest = a_manifest(an_item(RR))
    path = f"{POST}/{manifest['id']}/received"
    assert gateway("POST", path, office.token, json=a_receipt(an_item(RR))).status_code == 404
    nameless = gateway("POST", f"{POST}/x-1/received", office.token, json=a_receipt(an_item(RR), **of(manifest)))
    assert nameless.status_code == 404
    named = a_receipt(an_item(RR), **of(manifest) | {"number": "BK-khác"})
    assert gateway("POST", path, office.token, json=named).status_code == 201
    late = gateway("POST", POST, post.token, json=manifest)
    assert (late.status_code, late.json()["kept"]["number"]) == (409, "BK-khác")
    told = a_manifest(an_item(RR))
    gateway("POST", POST, post.token, json=told)
    wrong = a_receipt(an_item(RR), **of(told) | {"carrier": "khac"})
    assert gateway("POST", f"{POST}/{told['id']}/received", office.token, json=wrong).status_code == 409


def test_each_side_may_sign_and_what_it_signed_and_that_it_did_stands_in_our_statement(
    gateway: Inhouse, post: Counter, office: Counter
) -> None:
    keys = {one["kid"]: one for one in gateway("GET", "/v1/keys").json()["keys"]}
    manifest = a_manifest(an_item(RR, book=1))
    told = gateway("POST", POST, post.token, json=signed(manifest, manifest["id"], "handed", post.key)).json()
    assert told["signed_by"] == post.key.kid
    receipt = a_receipt(an_item(RR, condition="missing"))
    unsigned = gateway("POST", f"{POST}/{manifest['id']}/received", office.token, json=receipt).json()
    assert (unsigned["signed_by"], unsigned["entered_by"]) == ("", office.client)
    for answer, side, said in ((told, "handed", manifest), (unsigned, "taken", receipt)):
        (key,) = keys.values()
        stated = json.loads(open_jws(answer["statement"], key, typ=STATED_TYPE))
        assert (stated["manifest"], stated["side"], stated["sha256"]) == (manifest["id"], side, digest(said))
        assert stated["entered_by"] == answer["entered_by"]
        assert "Nguyễn" not in str(stated)
        assert "Lê" not in str(stated)
    assert stated["differences"] == 1
    again = gateway("POST", POST, post.token, json=signed(manifest, manifest["id"], "handed", post.key))
    assert (again.status_code, again.json()) == (200, told)


def test_a_signature_by_another_key_or_of_something_else_is_refused_and_nothing_is_written(
    gateway: Inhouse, post: Counter, office: Counter
) -> None:
    manifest = a_manifest(an_item(RR, book=1))
    name = manifest["id"]
    keyless = gateway.bearer("post", offices=["vnpost"])
    forged = [
        (post.token, signed(manifest, name, "handed", office.key)),
        (post.token, signed(manifest, name, "taken", post.key)),
        (post.token, signed(manifest, "0" * 8 + name[8:], "handed", post.key)),
        (post.token, signed(manifest, name, "handed", post.key, sha256="0" * 64)),
        (post.token, signed(manifest, name, "handed", post.key) | {"number": "BK-khác"}),
        (keyless, signed(manifest, name, "handed", post.key)),
        (post.token, manifest | {"signature": "a.b.c"}),
    ]
    for token, said in forged:
        answer = gateway("POST", POST, token, json=said)
        assert (answer.status_code, answer.json()["code"]) == (422, "manifest-forged"), answer.text
    assert gateway("GET", f"{POST}/{name}", post.token).status_code == 404


def test_only_the_side_that_gives_tells_what_it_gave_and_only_its_own_see_it(
    gateway: Inhouse, post: Counter, office: Counter
) -> None:
    inbound, outbound = a_manifest(an_item(RR)), a_manifest(an_item(RS), direction="out")
    assert gateway("POST", POST, office.token, json=inbound).status_code == 403
    assert gateway("POST", POST, post.token, json=outbound).status_code == 403
    stranger = gateway.bearer("office", offices=[OTHER_OFFICE])
    assert gateway("POST", POST, stranger, json=outbound).status_code == 403
    assert gateway("POST", POST, post.token, json=inbound).status_code == 201
    assert gateway("POST", POST, office.token, json=outbound).status_code == 201
    other = gateway.bearer("post", offices=["viettelpost"])
    assert gateway("POST", POST, other, json=a_manifest(an_item(RR))).status_code == 403
    for one, taker in ((inbound, office), (outbound, post)):
        receipt = a_receipt(an_item(one["items"][0]["number"]))
        giver = post if taker is office else office
        assert gateway("POST", f"{POST}/{one['id']}/received", giver.token, json=receipt).status_code == 403
        assert gateway("POST", f"{POST}/{one['id']}/received", taker.token, json=receipt).status_code == 201
        assert gateway("GET", f"{POST}/{one['id']}", stranger).status_code == 404
        assert gateway("GET", f"{POST}/{one['id']}", other).status_code == 404
        assert gateway("POST", f"{POST}/{one['id']}/received", stranger, json=receipt).status_code == 403
        clash = gateway("POST", POST, stranger, json=one | {"office": OTHER_OFFICE, "direction": "out"})
        assert (clash.status_code, clash.json()["kept"]) == (409, None)
    employer = gateway.bearer("employer", units=["TS12345"])
    assert gateway("GET", f"{POST}/{inbound['id']}", employer).status_code == 403


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "no-uuid"}, {"made_at": "2026-03-02T07:40:00"}, {"made_at": "2036-03-02T07:40:00+07:00"}, {"items": []},
        {"items": [an_item(RR), an_item(RR)]}, {"items": [an_item(RR, condition="missing")]}, {"direction": "up"},
        {"items": [an_item("rr 1")]}, {"items": [an_item(RR) | {"pieces": [{"kind": "car", "count": 1}]}]},
        {"more": 1},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_manifest_is_refused(gateway: Inhouse, post: Counter, changes: dict[str, Any]) -> None:
    manifest = a_manifest(an_item(RR)) | changes
    assert gateway("POST", POST, post.token, json=manifest).status_code in (400, 422)


def test_a_difference_sounds_an_alarm_for_the_office_until_a_person_notes_how_it_ended(
    gateway: Inhouse, post: Counter, office: Counter
) -> None:
    manifest = a_manifest(an_item(RR, book=2), an_item(RS))
    gateway("POST", POST, post.token, json=manifest)
    assert manifest["id"] not in sounding(gateway)
    receipt = a_receipt(an_item(RR, book=1), an_item(RS))
    gateway("POST", f"{POST}/{manifest['id']}/received", office.token, json=receipt)
    alarm = sounding(gateway)[manifest["id"]]
    assert (alarm.owner, RR in alarm.next_step_vi, RS in alarm.next_step_vi) == (OFFICE, True, False)
    assert manifest["id"] in {one["subject"] for one in gateway("GET", "/v1/alarms", office.token).json()}
    path = f"{POST}/{manifest['id']}/settlement"
    assert gateway("POST", path, post.token, json={"note": "x"}).status_code == 403
    note = {"note": "Bưu cục tìm thấy sổ thứ hai, giao bổ sung ngày 03/03."}
    done, again = gateway("POST", path, office.token, json=note), gateway("POST", path, office.token, json=note)
    assert (done.status_code, again.status_code, done.content) == (201, 200, again.content)
    other = gateway("POST", path, office.token, json={"note": "khác"})
    assert (other.status_code, other.json()["code"]) == (409, "manifest-settled")
    assert manifest["id"] not in sounding(gateway)
    told = shown(gateway, manifest["id"], office)["settlement"]
    assert (told["note"], told["by"], told["holds"]) == (note["note"], office.client, True)


def test_a_list_of_one_side_alone_sounds_after_days_and_what_comes_after_a_settlement_opens_it_again(
    gateway: Inhouse, post: Counter, office: Counter
) -> None:
    manifest = a_manifest(an_item(RR, book=2), made_at=gateway.clock.now().isoformat())
    gateway("POST", POST, post.token, json=manifest)
    assert manifest["id"] not in sounding(gateway)
    gateway.clock.advance(timedelta(days=8).total_seconds())
    assert "bên nhận chưa xác nhận" in sounding(gateway)[manifest["id"]].next_step_vi
    path = f"{POST}/{manifest['id']}"
    note = {"note": "Bên nhận không còn giấy; hai bên thống nhất đã nhận đủ."}
    gateway("POST", f"{path}/settlement", office.token, json=note)
    assert manifest["id"] not in sounding(gateway)
    gateway("POST", f"{path}/received", office.token, json=a_receipt(an_item(RR, condition="missing")))
    assert manifest["id"] in sounding(gateway)
    assert shown(gateway, manifest["id"], office)["settlement"]["holds"] is False
    assert gateway("POST", f"{path}/settlement", office.token, json=note).status_code == 201
    assert manifest["id"] not in sounding(gateway)


def test_an_item_that_came_with_another_list_is_told_with_the_list_that_names_it(
    gateway: Inhouse, post: Counter, office: Counter
) -> None:
    lost, found = a_manifest(an_item("RR999999990VN")), a_manifest(an_item(RS))
    for one in (lost, found):
        gateway("POST", POST, post.token, json=one)
    receipt = a_receipt(an_item("RR999999990VN"), an_item(RS))
    gateway("POST", f"{POST}/{found['id']}/received", office.token, json=receipt)
    lines = {line["item"]: line for line in shown(gateway, found["id"], office)["lines"]}
    assert (lines["RR999999990VN"]["difference"], lines["RR999999990VN"]["listed_on"]) == ("unlisted", [lost["id"]])


def test_the_list_of_manifests_tells_an_office_its_own_and_which_need_a_person(
    gateway: Inhouse, post: Counter, office: Counter
) -> None:
    open_one = a_manifest(an_item(RR))
    gateway("POST", POST, post.token, json=open_one)
    everything = gateway("GET", POST, office.token).json()["manifests"]
    waiting = gateway("GET", f"{POST}?state=open", office.token).json()["manifests"]
    assert open_one["id"] in {one["manifest"] for one in waiting}
    assert 0 < len(waiting) < len(everything)
    for stranger in (gateway.bearer("office", offices=[OTHER_OFFICE]), gateway.bearer("post", offices=["ems"])):
        assert gateway("GET", POST, stranger).json()["manifests"] == []
    assert gateway("GET", POST, post.token).json()["manifests"] == everything


def test_statements_of_manifests_stand_in_the_log_and_the_audit_finds_nothing_wrong(gateway: Inhouse) -> None:
    gateway.asked(publish(gateway.house))
    keys = {key["kid"]: key for key in gateway("GET", "/v1/keys").json()["keys"]}
    with gateway.house.database.read() as tx:
        told = tx.execute(sa.text("SELECT count(*) FROM statement WHERE type = :type"), {"type": STATED_TYPE}).scalar()
    found = Audit(gateway.house.stores, keys).run()
    assert (found.faults, (told or 0) > 10) == ([], True)
