"""Cover sheets and forms over HTTP: for the parties alone, and only while paper is still to be sent."""

import base64
import hashlib
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from gateway.clock import to_us
from gateway.mailroom.codes import CoverCode, PageCode, check_cover, check_page, read_code
from schemas import typeset
from storage import announcements, items
from tests.gateway.inhouse import OFFICE, OTHER_OFFICE, OTHER_UNIT, UNIT, Inhouse, inhouse
from tests.postal.papers import codes_on, content, sheets
from tests.schemas.pdf_text import sheets as texts

PATH = "/v1/postal/announcements"


class Desk:
    """A gateway with callers, and what they announced."""

    def __init__(self, gateway: Inhouse) -> None:
        self.gateway = gateway
        self.tokens = {
            "employer": gateway.client("employer", units=[UNIT]),
            "ivan": gateway.client("ivan", units=[UNIT]),
            "office": gateway.client("office", offices=[OFFICE]),
            "other": gateway.client("office", offices=[OTHER_OFFICE]),
            "stranger": gateway.client("employer", units=[OTHER_UNIT]),
            "post": gateway.client("post"),
        }
        self.seed = 100

    def ask(self, who: str, path: str) -> Any:
        return self.gateway("GET", path, self.gateway.token(*self.tokens[who]))

    def announced(self, who: str = "employer", number: int = 1) -> dict[str, Any]:
        self.seed += number
        sent = [
            {"envelope": base64.b64encode(content(self.seed - at)).decode(), "pieces": [{"kind": "book", "count": 2}]}
            for at in range(number)
        ]
        token = self.gateway.token(*self.tokens[who])
        answer = self.gateway("POST", PATH, token, json={"dossiers": sent})
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with inhouse(tmp_path_factory.mktemp("papers") / "home") as made:
        yield Desk(made)


@pytest.fixture(scope="module")
def two(desk: Desk) -> dict[str, Any]:
    return desk.announced(number=2)


def rows(desk: Desk, made: dict[str, Any]) -> list[announcements.Announced]:
    with desk.gateway.house.database.read() as tx:
        return announcements.of(tx, made["announcement"])


def test_covers_and_forms_of_an_announcement_bear_codes_that_hold(desk: Desk, two: dict[str, Any]) -> None:
    cover, forms = desk.ask("employer", two["cover_url"]), desk.ask("employer", two["forms_url"])
    digests = {row.id: row.digest for row in rows(desk, two)}
    keys = desk.gateway.house.stores.seal.keys(desk.gateway.clock.now())
    read = [[read_code(text) for text in codes_on(picture)] for picture in sheets(cover.content)]
    covers = [one for found in read for one in found if isinstance(one, CoverCode)]
    assert {one.dossier: one.digest for one in covers} == digests
    assert all(check_cover(one, keys) for one in covers)
    pages = [read_code(text) for picture in sheets(forms.content) for text in codes_on(picture)]
    assert all(isinstance(one, PageCode) and check_page(one, digests[one.dossier]) for one in pages)
    wanted = sum(form["pages"] for one in two["dossiers"] for form in one["printed"])
    assert len(pages) == wanted > 0
    for answer in (cover, forms):
        assert answer.headers["content-type"] == "application/pdf"
        assert answer.headers["cache-control"] == "no-store"
        digest = base64.b64encode(hashlib.sha256(answer.content).digest()).decode()
        assert answer.headers["content-digest"] == f"sha-256=:{digest}:"


def test_one_dossier_of_several_is_printed_alone(desk: Desk, two: dict[str, Any]) -> None:
    _, second = two["dossiers"]
    cover = desk.ask("employer", f"{two['cover_url']}?dossier={second['dossier']}")
    forms = desk.ask("employer", f"{two['forms_url']}?dossier={second['dossier']}")
    (sheet,) = texts(cover.content)
    assert "Hồ sơ 2/2" in sheet.replace("\u200b", "")
    assert len(sheets(forms.content, 20)) == sum(form["pages"] for form in second["printed"])
    assert desk.ask("employer", f"{two['cover_url']}?dossier=d-x").status_code == 404


def test_the_same_is_printed_until_an_item_is_bound_and_then_its_number_too(desk: Desk) -> None:
    made = desk.announced()
    first = desk.ask("employer", made["cover_url"]).content
    desk.gateway.clock.advance(3600)
    assert desk.ask("employer", made["cover_url"]).content == first
    now_us = to_us(desk.gateway.clock.now())
    item = items.Item(
        number="RR473124829VN", scheme="s10", carrier="vnpost", direction="in", office=OFFICE, unit=UNIT,
        announcement=made["announcement"], bound_at_us=now_us, bound_by="x", state_at_us=now_us,
    )  # fmt: skip
    with desk.gateway.house.database.begin() as tx:
        items.bind(tx, item, [made["dossiers"][0]["dossier"]])
    (sheet,) = texts(desk.ask("employer", made["cover_url"]).content)
    assert "RR 473 124 829 VN" in sheet


def test_papers_are_for_the_parties_alone(desk: Desk, two: dict[str, Any]) -> None:
    allowed = {"employer": (200, 200), "ivan": (200, 200), "office": (200, 404), "other": (404, 404)}
    refused = {"stranger": (404, 404), "post": (403, 403)}
    for who, wanted in (allowed | refused).items():
        found = tuple(desk.ask(who, two[name]).status_code for name in ("cover_url", "forms_url"))
        assert found == wanted, who
    for name in ("cover", "forms"):
        assert desk.ask("employer", f"{PATH}/p-nothing/{name}.pdf").status_code == 404
        assert desk.gateway("GET", f"{PATH}/{two['announcement']}/{name}.pdf").status_code == 401


def test_an_office_prints_the_forms_of_what_it_announced_itself(desk: Desk) -> None:
    made = desk.announced("office")
    assert desk.ask("office", made["forms_url"]).status_code == 200
    assert desk.ask("employer", made["forms_url"]).status_code == 200


def test_what_was_cancelled_is_not_printed_any_more(desk: Desk) -> None:
    made = desk.announced()
    token = desk.gateway.token(*desk.tokens["employer"])
    assert desk.gateway("POST", f"{PATH}/{made['announcement']}/cancellation", token, json={}).status_code == 200
    for name in ("cover_url", "forms_url"):
        answer = desk.ask("employer", made[name])
        assert (answer.status_code, answer.json()["code"]) == (410, "content-erased")


def test_the_forms_of_what_has_come_are_not_printed_again_but_its_cover_is(desk: Desk) -> None:
    made = desk.announced()
    with desk.gateway.house.database.begin() as tx:
        announcements.state(
            tx, made["dossiers"][0]["dossier"], announcements.FILED, to_us(desk.gateway.clock.now()), forget_key=True
        )
    assert desk.ask("employer", made["cover_url"]).status_code == 200
    assert desk.ask("employer", made["forms_url"]).status_code == 410


def test_forms_that_would_take_other_sheets_than_were_announced_are_not_printed(desk: Desk) -> None:
    made = desk.announced()
    (row,) = rows(desk, made)
    first, *rest = msgspec.json.decode(row.printed)
    told = msgspec.json.encode([first | {"pages": first["pages"] + 1}, *rest]).decode()
    with desk.gateway.house.database.begin() as tx:
        tx.exec_driver_sql("UPDATE announced SET printed = ? WHERE id = ?", (told, row.id))
    answer = desk.ask("employer", made["forms_url"])
    assert (answer.status_code, answer.json()["code"]) == (409, "forms-changed")


def test_a_server_sets_papers_in_a_process_of_its_own(
    desk: Desk, two: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def here(*_: object) -> bytes:
        raise AssertionError("set in the server itself")

    monkeypatch.setattr(typeset, "pdf", here)
    assert desk.ask("employer", two["cover_url"]).status_code == 200
    assert desk.ask("employer", two["forms_url"]).status_code == 200
