"""The back office that is played: it works in its manner, comes back to what it had begun, and signs its results."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import httpx
import msgspec
import pytest

from gateway.client import BySecret, ContentDiffers
from gateway.client_office import CannotFollow, OfficeGateway, report_key
from gateway.demo_dossiers import Signing
from gateway.demo_office import BackOffice, Manner, Worker, counted, office_signer
from gateway.demo_office import Ending as HowItEnds
from schemas.sample import make_dossier
from tests.gateway.cli_run import Terminal
from tests.gateway.inhouse import OFFICE, OTHER_OFFICE, TAX_CODE, UNIT, Inhouse, a_dossier, inhouse, pki, sign

ROUNDS_MAX = 10
_seeds = itertools.count(1)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inhouse]:
    with inhouse(tmp_path_factory.mktemp("office") / "home", token_life_s=10**7) as opened:
        yield opened


@pytest.fixture(scope="module")
def employer(gateway: Inhouse) -> str:
    return gateway.bearer("employer", units=[UNIT])


@pytest.fixture(scope="module")
def client(gateway: Inhouse) -> tuple[str, str]:
    return gateway.client("office", offices=[OFFICE])


@asynccontextmanager
async def an_office(gateway: Inhouse, client: tuple[str, str], office: str = OFFICE) -> AsyncIterator[BackOffice]:
    async with OfficeGateway("http://gateway", BySecret(*client), gateway.clock) as door:
        await door._http.aclose()
        transport = httpx.ASGITransport(app=cast("Any", gateway.door))
        door._http = httpx.AsyncClient(transport=transport, base_url="http://gateway")
        holder = pki().employers["employer"]
        yield BackOffice(door, office, Signing(holder.key, holder.certificate), gateway.clock)


def filed(gateway: Inhouse, employer: str, count: int = 1) -> list[dict[str, Any]]:
    contents = [a_dossier(next(_seeds)) for _ in range(count)]
    return [gateway("POST", "/v1/dossiers", employer, content=one).json() for one in contents]


def course(gateway: Inhouse, employer: str, dossier: str) -> dict[str, Any]:
    told: dict[str, Any] = gateway("GET", f"/v1/dossiers/{dossier}/course", employer).json()
    return told


def worked(gateway: Inhouse, client: tuple[str, str], manner: Manner) -> Worker:
    """Round after round until there is nothing to do: of a unit, only the dossier that it filed first is taken."""

    async def work() -> Worker:
        async with an_office(gateway, client) as office:
            worker = Worker(office, manner, lambda *_: None)
            for _ in range(ROUNDS_MAX):
                if not await worker.round(100):
                    return worker
        raise AssertionError(counted(worker.done))

    return asyncio.run(work())


def test_what_is_taken_is_finished_with_a_signed_result_and_returned(
    gateway: Inhouse, employer: str, client: tuple[str, str]
) -> None:
    mine = filed(gateway, employer, 3)
    worker = worked(gateway, client, Manner())
    assert {name: count for name, count in counted(worker.done).items() if count} == {
        "taken": 3, "begun": 3, "finished": 3,
    }  # fmt: skip
    for one in mine:
        told = course(gateway, employer, one["dossier"])
        assert (told["state"], told["national"], told["returned_by"]) == ("returned", 10, "electronic")
        assert told["bhxh_number"] == f"{int(one['receipt_number'][-7:]):05d}/2026/{OFFICE}"
        (file,) = told["results"]
        assert file["signature"] == "unregistered"
        assert one["receipt_number"].encode() in gateway("GET", file["url"], employer).content


@pytest.mark.parametrize(
    ("manner", "state"),
    [
        (Manner(ask=1.0), "supplement-requested"),
        (Manner(decline=1.0), "declined"),
        (Manner(transfer=1.0, neighbour=OTHER_OFFICE), "accepted"),
        (Manner(late=1.0), "in-work"),
        (Manner(silent=1.0), "accepted"),
        (Manner(transfer=1.0), "returned"),
    ],
    ids=("ask", "decline", "transfer", "late", "silent", "nowhere to transfer to"),
)
def test_each_manner_shows_in_the_dossiers_course(
    gateway: Inhouse, employer: str, client: tuple[str, str], manner: Manner, state: str
) -> None:
    (mine,) = filed(gateway, employer)
    worked(gateway, client, manner)
    told = course(gateway, employer, mine["dossier"])
    assert told["state"] == state
    assert (told["office"] == OTHER_OFFICE) == bool(manner.neighbour)
    assert (told["appointed_at"] is not None) == bool(manner.late)
    if manner.silent:
        # It is offered again when the lease has ended, and somebody else goes on.
        gateway.clock.advance(timedelta(hours=1).total_seconds())
        assert worked(gateway, client, Manner()).done.finished == 1


def test_an_office_that_died_after_it_acknowledged_goes_on_where_it_was(
    gateway: Inhouse, employer: str, client: tuple[str, str]
) -> None:
    first, second = filed(gateway, employer, 2)

    async def die() -> None:
        async with an_office(gateway, client) as office:
            assert len(await office.take(await office.lease(10))) == 1
            assert len(await office.take(await office.lease(10))) == 1
            await office.begin(second["dossier"])

    asyncio.run(die())
    assert worked(gateway, client, Manner()).done.finished == 2
    assert [course(gateway, employer, one["dossier"])["state"] for one in (first, second)] == ["returned", "returned"]


def test_an_office_that_died_before_it_acknowledged_has_nothing(
    gateway: Inhouse, employer: str, client: tuple[str, str]
) -> None:
    (mine,) = filed(gateway, employer)

    async def die_and_come_back_too_late() -> tuple[tuple[str, ...], int]:
        async with an_office(gateway, client) as office:
            held = await office.lease(10, 60)
            gateway.clock.advance(61)
            other = Worker(office, Manner(), lambda *_: None)
            await other.round()
            return await office.take(held), other.done.finished

    assert asyncio.run(die_and_come_back_too_late()) == ((), 1)
    facts = gateway("GET", f"/v1/dossiers/{mine['dossier']}/events", employer).json()["events"]
    assert [one["type"] for one in facts].count("acknowledged") == 1


def test_what_a_supplement_set_going_again_is_finished(
    gateway: Inhouse, employer: str, client: tuple[str, str]
) -> None:
    (mine,) = filed(gateway, employer)
    manner = Manner(ask=1.0)
    assert worked(gateway, client, manner).done.asked == 1
    content = sign(
        make_dossier(
            "600", supplement=True, attachments=1, seed=next(_seeds), unit=UNIT, tax_code=TAX_CODE, office=OFFICE,
            period="03/2026", made_on=gateway.clock.now().date(),
        )
    )  # fmt: skip
    path = f"/v1/dossiers/{mine['dossier']}/supplements"
    sent = gateway("POST", path, employer, content=content, headers={"content-type": "application/xml"})
    assert sent.status_code == 201, sent.text
    done = worked(gateway, client, manner).done
    assert (done.finished, done.asked, done.taken) == (1, 0, 1)
    assert course(gateway, employer, mine["dossier"])["state"] == "returned"
    # What was sent is taken, and is no dossier to be worked on.
    assert course(gateway, employer, sent.json()["dossier"])["state"] == "acknowledged"


def test_what_differs_from_its_digest_is_not_acknowledged(
    gateway: Inhouse, employer: str, client: tuple[str, str]
) -> None:
    (mine,) = filed(gateway, employer)

    async def take() -> None:
        async with an_office(gateway, client) as office:
            works = [msgspec.structs.replace(one, sha256="0" * 64) for one in await office.lease(10, 1)]
            with pytest.raises(ContentDiffers):
                await office.take(works)

    asyncio.run(take())
    assert course(gateway, employer, mine["dossier"])["taken_at"] is None
    gateway.clock.advance(2)
    worked(gateway, client, Manner())


def test_a_step_that_cannot_follow_is_told_apart_and_one_that_was_taken_is_answered_as_before(
    gateway: Inhouse, employer: str, client: tuple[str, str]
) -> None:
    (mine,) = filed(gateway, employer)
    worked(gateway, client, Manner())
    before = gateway("GET", f"/v1/dossiers/{mine['dossier']}/events", employer).json()["events"]

    async def again() -> None:
        async with an_office(gateway, client) as office:
            assert (await office.begin(mine["dossier"])).state == "in-work"
            with pytest.raises(CannotFollow):
                await office.decline(mine["dossier"])
            with pytest.raises(CannotFollow):
                await office.begin("d-unknown")

    asyncio.run(again())
    assert gateway("GET", f"/v1/dossiers/{mine['dossier']}/events", employer).json()["events"] == before


def test_a_manner_does_the_same_with_a_dossier_every_time_and_keeps_its_shares() -> None:
    manner = Manner(seed=5, ask=0.2, late=0.1, decline=0.1)
    ends: list[HowItEnds] = [manner.ending(f"{number:064x}") for number in range(2000)]
    assert ends == [manner.ending(f"{number:064x}") for number in range(2000)]
    assert 300 < ends.count("ask") < 500
    assert 120 < ends.count("late") < 280
    assert ends.count("finish") > 1000
    assert report_key("d-1", "begin", {"a": 1}) != report_key("d-1", "begin", {"a": 2})


def test_a_demonstrations_authority_issues_the_offices_certificate_once(demo_home: Path, gateway: Inhouse) -> None:
    now = gateway.clock.now()
    first = office_signer(demo_home / "demo", "09993", now)
    assert office_signer(demo_home / "demo", "09993", now).fingerprint == first.fingerprint
    assert office_signer(demo_home / "demo", "09995", now).fingerprint != first.fingerprint


@pytest.mark.parametrize(
    "words",
    [
        ("--office", "09993"),
        ("--office", "09993", "--transfer", "0.5"),
        ("--office", "09993", "--ask", "1.5"),
        ("--office", "09993", "--client", "x"),
        (),
    ],
    ids=" ".join,
)
def test_what_is_called_wrong_is_told_in_one_line(motcua: Terminal, words: tuple[str, ...]) -> None:
    told = motcua("office", "work", *words)
    assert told.status == 2
    assert len(told.err.strip().splitlines()) == 1
