"""Who read a dossier: written down before anything leaves, with the reader's reason, and shown to the unit."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
import sqlalchemy as sa

from gateway.reading import WHY_CHARACTERS_MAX, ReasonTooLong, reason
from tests.databases import database_url
from tests.gateway.inhouse import OFFICE, OTHER_OFFICE, OTHER_UNIT, UNIT, Inhouse, a_dossier, inhouse
from tests.gateway.test_notice import with_mistakes

__all__ = ["database_url"]

GIVEN_OUT = {"/content": "content", "/forms/1": "forms/1", "/forms/1.pdf": "forms/1", "/receipt.pdf": "receipt.pdf"}


@pytest.fixture
def gateway(tmp_path: Path, database_url: str) -> Iterator[Inhouse]:
    with inhouse(tmp_path / "home", database_url=database_url) as made:
        yield made


@pytest.fixture
def on_sqlite(tmp_path: Path) -> Iterator[Inhouse]:
    with inhouse(tmp_path / "home") as made:
        yield made


def submitted(gateway: Inhouse, employer: str, seed: int = 0) -> str:
    return str(gateway("POST", "/v1/dossiers", employer, content=a_dossier(seed)).json()["dossier"])


def readings(gateway: Inhouse, token: str, dossier: str, after: int = 0) -> list[dict[str, object]]:
    answer = gateway("GET", f"/v1/dossiers/{dossier}/readings?after={after}", token)
    assert answer.status_code == 200, answer.text
    page = answer.json()
    assert page["next"] == (page["readings"][-1]["number"] if page["readings"] else after)
    found: list[dict[str, object]] = page["readings"]
    return found


def test_whatever_gives_out_content_is_written_down(gateway: Inhouse) -> None:
    client, secret = gateway.client("employer", units=[UNIT])
    employer = gateway.token(client, secret)
    dossier, other = submitted(gateway, employer), submitted(gateway, employer, 1)
    correlations = []
    for path in GIVEN_OUT:
        answer = gateway("GET", f"/v1/dossiers/{dossier}{path}", employer)
        assert answer.status_code == 200
        correlations.append(answer.headers["x-correlation-id"])
        gateway.clock.advance(1)
    found = readings(gateway, employer, dossier)
    assert [one["what"] for one in found] == list(GIVEN_OUT.values())
    assert [one["number"] for one in found] == [1, 2, 3, 4]
    assert [one["correlation"] for one in found] == correlations
    assert {(one["client"], one["role"], one["why"]) for one in found} == {(client, "employer", "own")}
    assert [one["at"] for one in found] == [f"2026-03-02T08:30:0{n}.000+07:00" for n in range(4)]
    assert readings(gateway, employer, dossier, after=3) == found[3:]
    assert readings(gateway, employer, other) == []


def test_what_gives_out_no_content_is_not_a_reading(on_sqlite: Inhouse) -> None:
    gateway = on_sqlite
    employer, stranger = gateway.bearer("employer", units=[UNIT]), gateway.bearer("employer", units=[OTHER_UNIT])
    dossier = submitted(gateway, employer)
    refused = gateway("POST", "/v1/dossiers", employer, content=with_mistakes()).json()["dossier"]
    for path in ("", "/receipt", "/events", "/readings", "/forms/9", "/forms/x"):
        gateway("GET", f"/v1/dossiers/{dossier}{path}", employer)
    for path in GIVEN_OUT:
        assert gateway("GET", f"/v1/dossiers/{dossier}{path}", stranger).status_code == 404
    assert gateway("GET", f"/v1/dossiers/{refused}/content", employer).status_code == 404
    assert readings(gateway, employer, dossier) == readings(gateway, employer, refused) == []


def test_an_office_reads_for_its_work_or_says_why(on_sqlite: Inhouse) -> None:
    gateway = on_sqlite
    employer = gateway.bearer("employer", units=[UNIT])
    client, secret = gateway.client("office", offices=[OFFICE])
    office = gateway.token(client, secret)
    dossier = submitted(gateway, employer)
    path = f"/v1/dossiers/{dossier}/content"
    gateway("GET", path, office)
    gateway("GET", path + "?why=" + quote("Đối chiếu theo yêu cầu"), office)
    gateway("GET", path, office, headers={"reading-reason": quote("Thanh tra")})
    (work,) = gateway("POST", f"/v1/offices/{OFFICE}/leases", office, json={}).json()["work"]
    gateway("GET", path, office)
    gateway("POST", f"/v1/leases/{work['lease']}/acknowledge", office)
    gateway("GET", path, office)
    gateway("GET", path, employer)
    whys = ["unsaid", "Đối chiếu theo yêu cầu", "Thanh tra", "work", "work", "own"]
    assert [one["why"] for one in readings(gateway, employer, dossier)] == whys
    # An office sees its own alone, whoever else of it read.
    assert [one["why"] for one in readings(gateway, office, dossier)] == whys[:-1]
    assert {one["client"] for one in readings(gateway, office, dossier)} == {client}
    assert readings(gateway, gateway.bearer("office", offices=[OFFICE]), dossier) == []


def test_a_reason_is_one_line_and_not_too_long(on_sqlite: Inhouse) -> None:
    gateway = on_sqlite
    employer = gateway.bearer("employer", units=[UNIT])
    dossier = submitted(gateway, employer)
    path = f"/v1/dossiers/{dossier}/content"
    for way in ({"params": {"why": "x" * (WHY_CHARACTERS_MAX + 1)}}, {"headers": {"reading-reason": "x" * 201}}):
        answer = gateway("GET", path, employer, **way)
        assert (answer.status_code, answer.json()["code"]) == (400, "bad-request")
    assert readings(gateway, employer, dossier) == []
    assert gateway("GET", path, employer, params={"why": " a\r\nb\u202ec "}).status_code == 200
    assert [one["why"] for one in readings(gateway, employer, dossier)] == ["a b[U+202E]c"]
    assert reason("x" * WHY_CHARACTERS_MAX) == "x" * WHY_CHARACTERS_MAX
    with pytest.raises(ReasonTooLong):
        reason("x" * (WHY_CHARACTERS_MAX + 1))


def test_a_reading_that_cannot_be_written_down_lets_nothing_leave(on_sqlite: Inhouse) -> None:
    gateway = on_sqlite
    employer = gateway.bearer("employer", units=[UNIT])
    dossier = submitted(gateway, employer)
    assert all(gateway("GET", f"/v1/dossiers/{dossier}{path}", employer).status_code == 200 for path in GIVEN_OUT)
    with gateway.house.database.begin() as tx:
        tx.execute(sa.text("ALTER TABLE reading RENAME TO elsewhere"))
    for path in GIVEN_OUT:
        answer = gateway("GET", f"/v1/dossiers/{dossier}{path}", employer)
        assert (answer.status_code, answer.json()["code"]) == (500, "internal"), path
        assert len(answer.content) < 1_000


def test_the_readings_are_for_the_parties_alone(on_sqlite: Inhouse) -> None:
    gateway = on_sqlite
    employer = gateway.bearer("employer", units=[UNIT])
    dossier = submitted(gateway, employer)
    path = f"/v1/dossiers/{dossier}/readings"
    for stranger in (gateway.bearer("employer", units=[OTHER_UNIT]), gateway.bearer("office", offices=[OTHER_OFFICE])):
        assert gateway("GET", path, stranger).status_code == 404
    for role in ("operator", "post"):
        assert gateway("GET", path, gateway.bearer(role)).status_code == 403
    assert gateway("GET", path + "?after=-1", employer).status_code == 400
    assert gateway("GET", path).status_code == 401


def test_many_who_read_at_once_are_all_written_down(gateway: Inhouse) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    dossier = submitted(gateway, employer)

    async def all_at_once() -> list[httpx.Response]:
        asking = (gateway.ask("GET", f"/v1/dossiers/{dossier}/content", employer) for _ in range(8))
        return list(await asyncio.gather(*asking))

    answers = gateway.asked(all_at_once())
    assert {one.status_code for one in answers} == {200}
    found = readings(gateway, employer, dossier)
    assert [one["number"] for one in found] == list(range(1, 9))
    assert {one["correlation"] for one in found} == {one.headers["x-correlation-id"] for one in answers}
