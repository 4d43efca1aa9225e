"""Paper is announced with its data: judged as an electronic dossier is, before anything is printed, and kept once."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from gateway.clock import to_us
from gateway.ids import dossier_id
from gateway.mailroom.codes import CoverCode, Printed, check_cover, digest_of, read_code
from gateway.postal.announce import end_unposted
from gateway.postal.pieces import PAGES_MAX, PIECES_MAX, Piece
from signing.jwks import PublishedKey
from storage import announcements, items, journal
from tests.gateway.inhouse import OFFICE, OTHER_OFFICE, OTHER_UNIT, UNIT, Inhouse, a_dossier, inhouse
from tests.postal.announcing import (
    NAME,
    PATH,
    PERIOD,
    XLSX,
    envelope,
    in_rows,
    in_sheet,
    people,
    text,
    workbook,
    xml,
)

WRONG = {"MasoBHXH": "99876", "TienLuong": "chín triệu"}
JSON = {"content-type": "application/json"}
Told = dict[str, Any]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inhouse]:
    with inhouse(tmp_path_factory.mktemp("announced") / "home") as opened:
        yield opened


@pytest.fixture(scope="module")
def employer(gateway: Inhouse) -> str:
    return gateway.bearer("employer", units=[UNIT])


@pytest.fixture(scope="module")
def office(gateway: Inhouse) -> str:
    return gateway.bearer("office", offices=[OFFICE])


def announced(gateway: Inhouse, token: str, **sent: Any) -> Told:
    answer = gateway("POST", PATH, token, json=sent)
    assert answer.status_code == 201, answer.text
    told: Told = answer.json()
    return told


def refused(gateway: Inhouse, token: str, language: str = "vi", **sent: Any) -> list[Told]:
    answer = gateway("POST", PATH, token, json=sent, headers={"accept-language": language})
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "announcement-refused"
    found: list[Told] = answer.json()["findings"]
    return found


def codes(found: list[Told]) -> list[str]:
    return [one["code"] for one in found]


def kept(gateway: Inhouse) -> tuple[int, int]:
    with gateway.house.database.read() as tx:
        return tuple(
            tx.execute(sa.text(f"SELECT count(*) FROM {name}")).scalar_one() for name in ("announcement", "announced")
        )  # type: ignore[return-value]


def bind(gateway: Inhouse, number: str, announcement: str | None, dossiers: list[str], **state: Any) -> None:
    at_us = to_us(gateway.clock.now())
    fields: Told = {"scheme": "s10", "carrier": "vnpost", "direction": "in", "office": OFFICE, "unit": UNIT}
    item = items.Item(
        **fields | {"number": number, "announcement": announcement, "bound_at_us": at_us, "bound_by": "t"} | state,
        state_at_us=at_us,
    )
    with gateway.house.database.begin() as tx:
        items.bind(tx, item, dossiers)


def test_an_envelope_is_kept_to_the_byte_and_its_cover_code_is_ours(gateway: Inhouse, employer: str):
    content = envelope(1)
    answer = gateway("POST", PATH, employer, **xml(content))
    told = answer.json()
    (dossier,) = told["dossiers"]
    with gateway.house.database.read() as tx:
        row = announcements.announced(tx, dossier["dossier"])
    assert answer.status_code == 201
    assert answer.headers["location"] == f"{PATH}/{told['announcement']}"
    assert row is not None
    assert row.wrapped_key is not None
    stores = gateway.house.stores
    assert stores.cipher.open(stores.vault.read(row.place), row.wrapped_key, row.sha256) == content
    assert dossier["dossier"] == dossier_id(row.sha256)
    assert (dossier["procedure"], dossier["unit"], dossier["period"]) == ("600", UNIT, PERIOD)
    assert (told["office"], told["address"]["office"], dossier["competent_office"]) == (OFFICE, OFFICE, OFFICE)
    code = read_code(dossier["code"])
    keys = [PublishedKey(jwk=one) for one in gateway("GET", "/v1/keys").json()["keys"]]
    assert isinstance(code, CoverCode)
    assert check_cover(code, [one for one in keys if one.kid.startswith(code.kid)])
    assert code.digest == digest_of(
        announcement=told["announcement"],
        dossier=dossier["dossier"],
        sha256=row.sha256,
        half_of="",
        pieces=msgspec.convert(dossier["pieces"], list[Piece]),
        printed=msgspec.convert(dossier["printed"], list[Printed]),
    )


def test_a_signed_envelope_is_taken_and_its_signature_not_looked_at(gateway: Inhouse, employer: str):
    content = a_dossier(2).replace(b"<SignatureValue>", b"<SignatureValue>AAAA", 1)
    assert gateway("POST", PATH, employer, **xml(content)).status_code == 201


def test_the_same_bytes_are_the_same_announcement(gateway: Inhouse, employer: str):
    first = gateway("POST", PATH, employer, **xml(envelope(3)))
    before = kept(gateway)
    again = gateway("POST", PATH, employer, **xml(envelope(3)))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert kept(gateway) == before


def test_xml_sheet_and_rows_are_told_the_same_findings(gateway: Inhouse, employer: str):
    rows = people(**WRONG)
    (form,) = refused_forms(gateway, employer, rows)
    by_way = [
        refused(gateway, employer, dossiers=[in_rows(rows)]),
        refused(gateway, employer, dossiers=[in_sheet(rows)]),
        refused(gateway, employer, dossiers=[in_rows([], forms=[{"form": "D02-TS", "xml": form}])]),
    ]
    of_form = [
        sorted((one["code"], one["row"], one["column"], one["value"], one["message"], one["fix"]) for one in found)
        for found in by_way
    ]
    assert of_form[0] == of_form[1] == of_form[2]
    assert {(row, column) for _, row, column, *_ in of_form[0]} >= {(2, "MasoBHXH"), (2, "TienLuong")}


def refused_forms(gateway: Inhouse, token: str, rows: list[Told]) -> list[str]:
    """The form's own XML, as it is written from rows."""
    from datetime import date

    from gateway.postal.announced_input import DossierSent, content_of
    from schemas import envelope as envelopes
    from schemas import xml as xmls

    sent = msgspec.convert(in_rows(rows), DossierSent)
    on = date(2026, 3, 2)
    made = content_of(sent, catalogue=gateway.house.tables.catalogue, unit=None, ivan_code="", on=on)
    root = xmls.parse(made.envelope, file="Hoso")
    opened, _ = envelopes.open_envelope(root, catalogue=gateway.house.tables.catalogue, on=on)  # type: ignore[arg-type]
    assert opened is not None
    return [text(file.content) for file in opened.files]


@pytest.mark.parametrize(("language", "word", "remedy"), [("vi", "dòng 2", "Viết số"), ("en", "row 2", "Write")])
def test_a_wrong_row_names_row_column_value_and_remedy_and_its_cell(
    gateway: Inhouse, employer: str, language: str, word: str, remedy: str
):
    found = refused(gateway, employer, language, dossiers=[in_sheet(people(**WRONG))])
    (wage,) = [one for one in found if one["column"] == "TienLuong" and one["severity"] == "error"]
    assert word in wage["message"]
    assert remedy in wage["fix"]
    assert (wage["row"], wage["row_name"], wage["value"]) == (2, "Trần Thị Bình", "chín triệu")
    assert (wage["sheet_file"], wage["sheet"], wage["cell"], wage["sheet_row"]) == ("luong.xlsx", "Tháng 3", "E5", 5)
    assert wage["dossier"] == 1


def test_a_workbook_and_a_csv_are_bodies_of_their_own(gateway: Inhouse, employer: str):
    query = f"procedure=600&form=D02-TS&unit={UNIT}&period=03/2026&unit_name={NAME}&file=luong.xlsx"
    made = gateway("POST", f"{PATH}?{query}", employer, content=workbook(people()), headers={"content-type": XLSX})
    assert made.status_code == 201, made.text
    assert [one["form"] for one in made.json()["dossiers"][0]["printed"]] == ["D02-TS"]
    line = "Họ tên;Số sổ BHXH;Chức danh;Mức lương;Từ tháng;Phương án\n"
    rows = "Nguyễn Văn An;9912345678;Công nhân;7500000;03/2026;ON\n"
    found = gateway(
        "POST", f"{PATH}?{query}", employer, content=(line + rows).encode(), headers={"content-type": "text/csv"}
    )
    assert found.status_code == 201, found.text


def test_a_sheet_that_cannot_be_read_is_a_finding_that_names_its_file(gateway: Inhouse, employer: str):
    form = {"form": "D02-TS", "sheet": text(b"PK not a workbook"), "file": "hong.xlsx"}
    (found,) = refused(gateway, employer, dossiers=[in_rows([], forms=[form])])
    assert (found["code"], found["file"]) == ("sheet-unreadable", "hong.xlsx")


def test_all_findings_of_all_dossiers_are_told_at_once_and_nothing_is_kept(gateway: Inhouse, employer: str):
    before = kept(gateway)
    dossiers = [in_rows(people(**WRONG)), {"envelope": text(envelope(4))}, in_rows(people(PA="ZZ"), procedure="999")]
    found = refused(gateway, employer, dossiers=dossiers)
    assert {one["dossier"] for one in found if one["severity"] == "error"} == {1, 3}
    assert "procedure-unknown" in codes(found)
    assert kept(gateway) == before
    checked = gateway("POST", f"{PATH}/check", employer, json={"dossiers": dossiers}, headers=JSON)
    assert (checked.status_code, checked.json()["ok"]) == (200, False)
    assert checked.json()["findings"] == found


def test_several_dossiers_are_one_announcement_with_their_pieces(gateway: Inhouse, employer: str):
    pieces = [{"kind": "book", "count": 2, "original": True}, {"kind": "attachment", "name": "Hợp đồng", "pages": 3}]
    sent = {
        "dossiers": [{"envelope": text(envelope(5)), "pieces": pieces}, {"envelope": text(envelope(6)), "batch": 2}],
        "office": OTHER_OFFICE,
        "carrier": "vnpost",
        "return_to": {"name": NAME, "address": "12 Nguyễn Huệ", "phone": "0283 822 0000"},
    }
    checked = gateway("POST", f"{PATH}/check", employer, json=sent, headers=JSON).json()
    assert checked["ok"], checked
    told = announced(gateway, employer, **sent)
    assert [one["number"] for one in told["dossiers"]] == [1, 2]
    assert told["office"] == OTHER_OFFICE
    assert told["dossiers"][0]["competent_office"] == OFFICE
    assert told["return_to"] == sent["return_to"]
    inside = told["dossiers"][0]["pieces"]
    assert [one["kind"] for one in inside] == ["form", "form", "form", "book", "attachment"]
    assert all(one["pages"] >= 1 for one in inside[:3])
    assert told["dossiers"][1]["batch"] == 2
    assert gateway("GET", f"{PATH}/{told['announcement']}", employer).json() == told


def test_warnings_are_told_with_the_announcement_and_again_later(gateway: Inhouse, employer: str):
    told = announced(gateway, employer, dossiers=[in_rows(people(), period="12/2026")])
    (found,) = told["dossiers"]
    assert {one["severity"] for one in found["findings"]} == {"warning"}
    later = gateway("GET", f"{PATH}/{told['announcement']}", employer, headers={"accept-language": "en"}).json()
    assert codes(later["dossiers"][0]["findings"]) == codes(found["findings"])
    assert later["dossiers"][0]["findings"] != found["findings"], "told in the other language"


def test_what_others_announced_is_not_there(gateway: Inhouse, employer: str, office: str):
    made = announced(gateway, employer, dossiers=[{"envelope": text(envelope(7))}])
    path = f"{PATH}/{made['announcement']}"
    stranger = gateway.bearer("employer", units=[OTHER_UNIT])
    elsewhere = gateway.bearer("office", offices=[OTHER_OFFICE])
    colleague = gateway.bearer("employer", units=[UNIT])
    assert [gateway("GET", path, one).status_code for one in (stranger, elsewhere)] == [404, 404]
    assert gateway("POST", f"{path}/cancellation", stranger).status_code == 404
    assert [gateway("GET", path, one).status_code for one in (colleague, office, gateway.bearer("operator"))] == [
        200
    ] * 3
    assert gateway("GET", path, gateway.bearer("post")).status_code == 403
    assert gateway("GET", f"{PATH}/p-aaaaaaaaaaaaaaaa", employer).status_code == 404


def test_who_speaks_for_one_unit_sees_only_its_dossiers(gateway: Inhouse):
    both = gateway.bearer("ivan", units=[UNIT, OTHER_UNIT])
    dossiers = [{"envelope": text(envelope(8))}, {"envelope": text(envelope(9, unit=OTHER_UNIT))}]
    made = announced(gateway, both, dossiers=dossiers)
    one = gateway.bearer("employer", units=[OTHER_UNIT])
    seen = gateway("GET", f"{PATH}/{made['announcement']}", one).json()
    assert [(each["number"], each["unit"]) for each in seen["dossiers"]] == [(2, OTHER_UNIT)]
    assert gateway("POST", f"{PATH}/{made['announcement']}/cancellation", one).status_code == 404


def test_for_another_unit_nothing_is_announced(gateway: Inhouse, employer: str):
    found = refused(gateway, employer, dossiers=[{"envelope": text(envelope(10, unit=OTHER_UNIT))}])
    assert codes(found) == ["not-your-unit"]


def test_the_same_content_is_announced_once(gateway: Inhouse, employer: str):
    first = announced(gateway, employer, dossiers=[{"envelope": text(envelope(11))}])
    found = refused(gateway, employer, dossiers=[{"envelope": text(envelope(12))}, {"envelope": text(envelope(11))}])
    assert [(one["code"], one["dossier"], one["value"]) for one in found] == [
        ("announced-before", 2, first["announcement"])
    ]
    colleague = refused(gateway, gateway.bearer("employer", units=[UNIT]), dossiers=[{"envelope": text(envelope(11))}])
    assert [(one["code"], one["value"]) for one in colleague] == [("announced-before", "")]
    twice = refused(gateway, employer, dossiers=[{"envelope": text(envelope(13))}] * 2)
    assert [(one["code"], one["dossier"]) for one in twice] == [("announced-twice", 2)]


def test_what_came_by_wire_is_not_announced(gateway: Inhouse, employer: str):
    signed = a_dossier(14)
    received = gateway("POST", "/v1/dossiers", employer, content=signed).json()
    (found,) = refused(gateway, employer, dossiers=[{"envelope": text(signed)}])
    assert (found["code"], found["value"]) == ("already-received", received["receipt_number"])


def test_a_cancelled_announcement_can_be_read_by_nobody_and_made_again(gateway: Inhouse, employer: str):
    sent = {
        "dossiers": [
            {"envelope": text(envelope(15)), "pieces": [{"kind": "book", "name": "Sổ của bà Ẩn", "count": 1}]}
        ],
        "return_to": {"name": "Nguyễn Thị Ẩn", "address": "1 phố Mẫu", "phone": "0900000000"},
    }
    first = announced(gateway, employer, **sent)
    path = f"{PATH}/{first['announcement']}"
    answers = [gateway("POST", f"{path}/cancellation", employer) for _ in range(2)]
    assert [one.status_code for one in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    assert answers[0].json()["state"] == "cancelled"
    with gateway.house.database.read() as tx:
        (row,) = announcements.of(tx, first["announcement"])
        one = announcements.find(tx, first["announcement"])
    assert (row.state, row.wrapped_key, row.findings) == ("cancelled", None, "[]")
    # No dossier will be erased with which the names could go.
    assert (row.pieces, one.return_to if one else None) == ("[]", "")
    again = announced(gateway, employer, **sent)
    assert again["announcement"] != first["announcement"]
    assert again["dossiers"][0]["dossier"] == first["dossiers"][0]["dossier"]
    with gateway.house.database.read() as tx:
        stands = announcements.announced(tx, row.id)
    assert stands is not None
    assert (stands.announcement, stands.state) == (again["announcement"], "announced")


def test_what_was_posted_cannot_be_cancelled_and_shows_its_items(gateway: Inhouse, employer: str):
    made = announced(gateway, employer, dossiers=[{"envelope": text(envelope(16))}])
    bind(gateway, "RR473124829VN", made["announcement"], [made["dossiers"][0]["dossier"]])
    at_us = to_us(gateway.clock.now())
    with gateway.house.database.begin() as tx:
        items.stand(
            tx, "RR473124829VN", state="posted", state_at_us=at_us, posted_at_us=at_us, delivered_at_us=None,
            heard_at_us=at_us,
        )  # fmt: skip
    answer = gateway("POST", f"{PATH}/{made['announcement']}/cancellation", employer)
    assert (answer.status_code, answer.json()["code"]) == (409, "announcement-moved")
    (item,) = gateway("GET", f"{PATH}/{made['announcement']}", employer).json()["items"]
    assert (item["item"], item["state"], item["posted_at"]) == ("RR473124829VN", "posted", item["state_at"])


def test_a_form_that_says_paper_comes_makes_it_hybrid(gateway: Inhouse, employer: str):
    made = announced(gateway, employer, dossiers=[{"envelope": text(envelope(17)), "hybrid": True}])
    assert made["dossiers"][0]["hybrid"] is True
    assert made["dossiers"][0]["half_of"] is None
    sick = gateway.house.tables.catalogue.form("M01B-HSB", gateway.clock.now().date())
    assert sick is not None
    content = (sick.folder / "samples").glob("valid-*.xml")
    by_form: dict[bool, bool] = {}
    for one in sorted(content):
        for says, word in ((True, b"<KemHoSoGiay>1<"), (False, b"<KemHoSoGiay>0<")):
            form = one.read_bytes()
            for old in (b"<KemHoSoGiay>0<", b"<KemHoSoGiay>1<"):
                form = form.replace(old, word)
            if word not in form:
                continue
            sent = in_rows([], procedure="630a", forms=[{"form": "M01B-HSB", "xml": text(form)}])
            answer = gateway("POST", PATH, employer, json={"dossiers": [sent]})
            if answer.status_code == 201:
                by_form[says] = answer.json()["dossiers"][0]["hybrid"]
    assert by_form == {True: True, False: False}


def test_the_paper_half_of_an_electronic_dossier_is_announced_by_its_pieces(gateway: Inhouse, employer: str):
    received = gateway("POST", "/v1/dossiers", employer, content=a_dossier(18)).json()
    pieces = [{"kind": "decision", "name": "Quyết định thôi việc", "count": 1, "pages": 2}]
    half = {"half_of": received["dossier"], "pieces": pieces}
    (made,) = announced(gateway, employer, dossiers=[half])["dossiers"]
    assert (made["half_of"], made["hybrid"], made["printed"]) == (received["dossier"], True, [])
    assert (made["unit"], made["procedure"], made["period"]) == (UNIT, "600", PERIOD)
    assert made["competent_office"] == received["competent_office"]
    other = {"half_of": received["dossier"], "pieces": [{"kind": "book"}]}
    assert codes(refused(gateway, employer, dossiers=[other])) == ["half-announced-before"]


def test_a_half_needs_an_open_dossier_that_the_caller_may_see(gateway: Inhouse, employer: str):
    stranger = gateway.bearer("employer", units=[OTHER_UNIT])
    received = gateway("POST", "/v1/dossiers", employer, content=a_dossier(19)).json()["dossier"]
    half = {"half_of": received, "pieces": [{"kind": "book"}]}
    assert codes(refused(gateway, stranger, dossiers=[half])) == ["half-not-there"]
    assert codes(refused(gateway, employer, dossiers=[{"half_of": received}])) == ["half-without-pieces"]
    assert codes(refused(gateway, employer, dossiers=[half, half | {"pieces": [{"kind": "card"}]}])) == [
        "half-announced-before"
    ]
    with gateway.house.database.begin() as tx:
        tx.execute(sa.text("UPDATE dossier SET state = 'finished' WHERE id = :id"), {"id": received})
    assert codes(refused(gateway, employer, dossiers=[half])) == ["half-not-open"]


@pytest.mark.parametrize(
    ("pieces", "wanted"),
    [
        ([{"kind": "book", "count": 0}], ["piece-count"]),
        ([{"kind": "book", "count": 10_000}], ["piece-count"]),
        ([{"kind": "attachment", "pages": PAGES_MAX + 1}], ["piece-pages"]),
        ([{"kind": "attachment", "pages": PAGES_MAX}], ["piece-pages"]),
        ([{"kind": "attachment", "name": "x" * 201}, {"kind": "other", "name": "a\u0007b"}], ["piece-name"] * 2),
        ([{"kind": "form", "form": "D02-TS"}], ["piece-form"]),
        ([{"kind": "other"}] * (PIECES_MAX + 1), ["pieces-too-many"]),
    ],
)
def test_a_list_of_pieces_that_cannot_be_is_a_finding(
    gateway: Inhouse, employer: str, pieces: list[Told], wanted: list[str]
):
    found = refused(gateway, employer, dossiers=[{"envelope": text(envelope(20)), "pieces": pieces}])
    assert codes(found) == wanted


@pytest.mark.parametrize(
    ("dossier", "wanted"),
    [
        ({}, "dossier-not-one-source"),
        ({"envelope": text(b"<Hoso/>"), "forms": [{"form": "D02-TS"}]}, "dossier-not-one-source"),
        ({"envelope": text(b"<Hoso>")}, "xml-truncated"),
        (in_rows([], forms=[{"form": "D99-XX", "rows": [{}]}]), "form-unknown"),
        (in_rows([], forms=[{"form": "Hoso", "rows": [{}]}]), "form-unknown"),
        (in_rows([], forms=[{"form": "D02-TS"}]), "form-not-one-source"),
        (in_rows([], forms=[{"form": "D02-TS", "xml": text(b"<a/>"), "rows": [{}]}]), "form-not-one-source"),
        (in_rows([], forms=[{"form": "D02-TS", "rows": [{"Luong": 5}]}]), "column-unknown"),
        (in_rows([], forms=[{"form": "D02-TS", "rows": [{}], "header": {"Luong": "5"}}]), "column-unknown"),
        (in_rows([], forms=[{"form": "D02-TS", "lists": {"Khac": [{}]}}]), "form-without-rows"),
        (in_rows([], forms=[{"form": "TK3-TS", "rows": [{}]}]), "form-without-rows"),
        (in_rows(people(), header={"MaSoThue": "0101234565"}), "column-unknown"),
    ],
)
def test_what_is_told_in_no_way_or_in_two_is_a_finding(gateway: Inhouse, employer: str, dossier: Told, wanted: str):
    assert wanted in codes(refused(gateway, employer, dossiers=[dossier]))


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        ({"content": b"x", "headers": {"content-type": "application/zip"}}, 415, "media-type"),
        ({"content": b"{", "headers": {"content-type": "application/json"}}, 400, "bad-request"),
        ({"json": {"dossiers": []}}, 400, "bad-request"),
        ({"json": {"dossiers": [{"envelope": "***"}]}}, 400, "bad-request"),
        ({"json": {"dossiers": [{"pieces": [{"kind": "tree"}]}]}}, 400, "bad-request"),
        ({"json": {"dossiers": [{"half_of": "d-" + "a" * 26}], "item": "RR473124829VN"}}, 422, "announcement-unfit"),
        ({"json": {"dossiers": [{"envelope": text(envelope(21))}], "office": "99999"}}, 422, "announcement-unfit"),
    ],
)
def test_a_request_that_is_none_is_told_so(gateway: Inhouse, employer: str, request_: Told, status: int, code: str):
    answer = gateway("POST", PATH, employer, **request_)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_clerk_keys_in_paper_that_nobody_announced_and_it_joins_its_item(gateway: Inhouse, office: str):
    sent = {"dossiers": [in_rows(people(TienLuong="9300000"))], "item": "EA123456785VN"}
    assert gateway("POST", PATH, office, json=sent).json()["code"] == "announcement-unfit"
    bind(gateway, "EA123456785VN", None, [])
    assert gateway("POST", PATH, office, json=sent).json()["code"] == "announcement-unfit", "it has not arrived"
    at_us = to_us(gateway.clock.now())
    with gateway.house.database.begin() as tx:
        items.stand(
            tx, "EA123456785VN", state="delivered", state_at_us=at_us, posted_at_us=None, delivered_at_us=at_us,
            heard_at_us=at_us,
        )  # fmt: skip
    elsewhere = gateway.bearer("office", offices=[OTHER_OFFICE])
    assert gateway("POST", PATH, elsewhere, json=sent).status_code == 422
    made = announced(gateway, office, **sent)
    with gateway.house.database.read() as tx:
        found = items.find(tx, "EA123456785VN")
        assert items.dossiers_of(tx, "EA123456785VN") == [made["dossiers"][0]["dossier"]]
    assert found is not None
    assert (found.announcement, found.unit) == (made["announcement"], UNIT)
    assert made["office"] == OFFICE
    assert [one["item"] for one in made["items"]] == ["EA123456785VN"]


def test_a_clerk_announces_for_its_own_mail_room_only(gateway: Inhouse, office: str):
    sent = {"dossiers": [{"envelope": text(envelope(22))}]}
    assert gateway("POST", PATH, office, json=sent | {"office": OTHER_OFFICE}).json()["code"] == "announcement-unfit"
    assert announced(gateway, office, **sent)["office"] == OFFICE


def test_what_was_never_posted_is_ended_after_its_time_and_nothing_is_written_before(tmp_path: Path):
    with inhouse(tmp_path / "home") as gateway:
        token = gateway.bearer("employer", units=[UNIT])
        silent, posted = (announced(gateway, token, dossiers=[{"envelope": text(envelope(seed))}]) for seed in (1, 2))
        bind(gateway, "RR473124829VN", posted["announcement"], [], posted_at_us=1)
        stores, days = gateway.house.stores, gateway.house.tables.post.waits.announcement_days_max

        def head() -> int:
            with stores.database.read() as tx:
                return journal.head(tx)

        before, now = head(), gateway.clock.now()
        assert end_unposted(stores, days, now + timedelta(days=days) - timedelta(seconds=1)) == 0
        assert head() == before
        assert end_unposted(stores, days, now + timedelta(days=days)) == 1
        assert end_unposted(stores, days, now + timedelta(days=days)) == 0
        shown = [gateway("GET", f"{PATH}/{one['announcement']}", token).json() for one in (silent, posted)]
        assert [(one["state"], one["cancelled_by"]) for one in shown] == [("cancelled", "gateway"), ("announced", None)]
        with stores.database.read() as tx:
            assert [row.wrapped_key is None for one in shown for row in announcements.of(tx, one["announcement"])] == [
                True,
                False,
            ]


def test_an_answer_holds_nothing_that_json_cannot_say_again(gateway: Inhouse, employer: str):
    made = announced(gateway, employer, dossiers=[{"envelope": text(envelope(23))}])
    assert json.loads(json.dumps(made)) == made


def test_a_form_of_several_lists_is_given_by_their_names(gateway: Inhouse, employer: str):
    sick = {"HoTen": "Nguyễn Văn An", "SoBHXH": "9912345678"}
    form = {"form": "M01B-HSB", "lists": {"PhatSinh/CheDoOmDau": [sick], "PhatSinh/CheDoThaiSan": [sick, sick]}}
    found = refused(gateway, employer, dossiers=[in_rows([], procedure="630a", forms=[form])])
    assert {2, 3} <= {one["row"] for one in found if one["form"] == "M01B-HSB"}, "counted through all lists"
    assert "MaDonVi" not in {one["column"] for one in found}, "whose it is follows from the dossier"


def test_a_column_that_the_form_has_not_names_its_row(gateway: Inhouse, employer: str):
    (found,) = refused(gateway, employer, "en", dossiers=[in_rows(people(Luong="5"))])
    assert (found["row"], found["row_name"], found["column"], found["value"]) == (2, "Trần Thị Bình", "Luong", "5")
    assert "row 2" in found["message"]
