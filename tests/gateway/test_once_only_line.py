"""Once only, through the whole line: a paper that is held is referred to, given out, and not erased meanwhile."""

import hashlib
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from gateway.erasure import NotErased, Order, erase
from schemas.sample import Reference
from tests.gateway.inhouse import OTHER_TAX_CODE, OTHER_UNIT, UNIT, Inhouse, a_dossier, inhouse
from tests.gateway.test_once_only import papers


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Inhouse]:
    with inhouse(tmp_path / "home") as made:
        yield made


def submit(gateway: Inhouse, token: str, content: bytes) -> httpx.Response:
    return gateway("POST", "/v1/dossiers", token, content=content)


def held(gateway: Inhouse, token: str) -> tuple[str, str, bytes]:
    """A dossier with a paper: its id, the paper's name and bytes."""
    content = a_dossier(1, attachments=1)
    name, paper = papers(content)[max(papers(content))]
    return str(submit(gateway, token, content).json()["dossier"]), name, paper


def referring(seed: int, paper: bytes, name: str = "HopDong-1.pdf", **more: object) -> bytes:
    digest = hashlib.sha256(paper).digest()
    return a_dossier(seed, references=[Reference(name, digest)], **more)  # type: ignore[arg-type]


def codes(answer: httpx.Response) -> list[str]:
    return [one["code"] for one in answer.json()["findings"]]


def end(gateway: Inhouse, dossier: str) -> None:
    """Have it ended, as an office would."""
    with gateway.house.database.begin() as tx:
        tx.execute(sa.text("UPDATE dossier SET state = 'finished' WHERE id = :it"), {"it": dossier})
        tx.execute(sa.text("UPDATE event SET type = 'finished' WHERE dossier = :it"), {"it": dossier})
        tx.execute(sa.text("UPDATE work SET state = 'done' WHERE dossier = :it"), {"it": dossier})


def test_a_paper_is_sent_once_and_referred_to_afterwards(gateway: Inhouse) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    _, name, paper = held(gateway, employer)
    whole, short = a_dossier(2, attachments=1), referring(2, paper, name)
    assert len(short) < len(whole)
    answer = submit(gateway, employer, short)
    assert answer.status_code == 201, answer.text
    dossier = answer.json()["dossier"]
    shown = gateway("GET", f"/v1/dossiers/{dossier}", employer).json()
    (part,) = [one for one in shown["parts"] if one["kind"] == "urn:sha256"]
    assert part["sha256"] == hashlib.sha256(paper).hexdigest()
    given = gateway("GET", f"/v1/dossiers/{dossier}/parts/{part['number']}", employer)
    assert (given.status_code, given.content, given.headers["content-type"]) == (200, paper, "application/pdf")
    assert gateway("POST", "/v1/dossiers/check", employer, content=short).status_code == 200


def test_what_is_not_held_and_what_a_stranger_holds_are_refused_alike(gateway: Inhouse) -> None:
    employer, stranger = gateway.bearer("employer", units=[UNIT]), gateway.bearer("employer", units=[OTHER_UNIT])
    _, _, paper = held(gateway, employer)
    theirs = {"unit": OTHER_UNIT, "tax_code": OTHER_TAX_CODE, "holder": "other"}
    never = submit(gateway, stranger, referring(3, b"never sent", **theirs))
    other = submit(gateway, stranger, referring(3, paper, **theirs))
    assert never.status_code == other.status_code == 422
    (first,), (second,) = (
        [one for one in each.json()["findings"] if one["code"] == "reference-unknown"] for each in (never, other)
    )
    assert {name for name in first if first[name] != second[name]} == {"value", "message"}
    assert first["message"].replace(first["value"], "") == second["message"].replace(second["value"], "")


def test_the_digest_is_under_the_signature(gateway: Inhouse) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    _, _, paper = held(gateway, employer)
    good = referring(4, paper)
    digest = b64encode(hashlib.sha256(paper).digest())
    forged = good.replace(digest, b64encode(hashlib.sha256(b"another paper").digest()))
    assert forged != good
    answer = submit(gateway, employer, forged)
    assert answer.status_code == 422
    assert answer.json()["verdict"]["indication"] == "TOTAL-FAILED"


def test_what_is_referred_to_is_not_erased_and_what_is_erased_is_not_referred_to(gateway: Inhouse) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    holder, name, paper = held(gateway, employer)
    referred = submit(gateway, employer, referring(5, paper, name)).json()
    stores, now = gateway.house.stores, gateway.clock.now()
    erasures = Path(gateway.house.settings.home) / "erasures.jsonl"
    order = Order(by="operator", because="test")
    end(gateway, holder)
    with pytest.raises(NotErased) as refused:
        erase(stores, erasures, holder, order, now)
    assert refused.value.why == "referred-to"
    assert referred["receipt_number"] in str(refused.value)
    end(gateway, referred["dossier"])
    erase(stores, erasures, referred["dossier"], order, now)
    erase(stores, erasures, holder, order, now)
    again = submit(gateway, employer, referring(6, paper, name))
    assert (again.status_code, codes(again)) == (422, ["reference-unknown"])


def test_an_erasure_between_judgement_and_acceptance_refuses(gateway: Inhouse, monkeypatch: pytest.MonkeyPatch) -> None:
    employer = gateway.bearer("employer", units=[UNIT])
    holder, name, paper = held(gateway, employer)
    end(gateway, holder)
    intake = gateway.house.intake
    join = intake._rounds.join

    async def erased_first(outcome: object) -> object:
        erasures = Path(gateway.house.settings.home) / "erasures.jsonl"
        erase(intake.stores, erasures, holder, Order(by="operator", because="test"), gateway.clock.now())
        return await join(outcome)  # type: ignore[arg-type]

    monkeypatch.setattr(intake._rounds, "join", erased_first)
    answer = submit(gateway, employer, referring(7, paper, name))
    assert (answer.status_code, codes(answer)) == (422, ["reference-unknown"])
