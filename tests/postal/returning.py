"""Paper that was filed, its originals, and carriers' words about what goes back: what the tests of returns share."""

import asyncio
import hashlib
from datetime import datetime, timedelta
from typing import Any

import httpx
import msgspec

from gateway import ids, s10
from gateway.callers import Caller
from gateway.clock import rfc3339, to_us
from gateway.post import Paper, file_paper
from gateway.postal.pieces import Piece
from schemas.sample import make_dossier
from storage import announcements, journal
from storage.announcements import Announced, Announcement
from storage.vault import Entry
from tests.clocks import HandClock
from tests.gateway.inhouse import OFFICE, TAX_CODE, UNIT, Inhouse

CLERK = Caller(client="office-clerk", role="office", offices=frozenset({OFFICE}), requests_per_minute_max=1)
PIECES = (
    Piece(kind="form", pages=2),
    Piece(kind="book", name="Sổ BHXH", count=3, original=True),
    Piece(kind="decision", name="Quyết định thôi việc", original=True),
)
ADDRESS = {"name": "Công ty TNHH Ánh Dương", "address": "12 Nguyễn Huệ\nPhường Bến Nghé", "phone": "0283 822 0000"}


def item_number(serial: int) -> str:
    written = f"{serial:08d}"
    return f"RR{written}{s10.check_digit(written)}VN"


def unsigned(seed: int = 0, procedure: str = "600", **more: Any) -> bytes:
    """The data of a dossier, as somebody announces it who will send paper."""
    fields: dict[str, Any] = {
        "employees": 2, "unit": UNIT, "tax_code": TAX_CODE, "office": OFFICE, "period": "03/2026",
        "made_on": HandClock().now().date(), "attachments": 0,
    } | more  # fmt: skip
    return make_dossier(procedure, seed=seed, **fields)


def announced(gateway: Inhouse, client: str, content: bytes, **more: Any) -> Announced:
    """What an announcement writes: the content in the vault under its own key, and the rows."""
    sha256 = hashlib.sha256(content).digest()
    stores, now_us = gateway.house.stores, to_us(gateway.clock.now())
    locked = stores.cipher.lock(content, sha256)
    (place,) = stores.vault.put_many([Entry(sha256, locked.body)])
    fields: dict[str, Any] = {
        "half_of": "",
        "hybrid": 0,
        "media_type": "application/xml",
        "batch": None,
        "period": "03/2026",
    } | more
    row = Announced(
        id=ids.dossier_id(sha256), announcement="p-" + sha256.hex()[:8], number=1, unit=UNIT, tax_code=TAX_CODE,
        procedure="600", competent_office=OFFICE, sha256=sha256, size_bytes=len(content),
        pack=place.pack, pack_offset=place.offset, pack_length=place.length, wrapped_key=locked.wrapped_key,
        pieces=msgspec.json.encode(PIECES).decode(), printed="[]", digest=b"\1" * 32, code="", state="announced",
        state_at_us=now_us, **fields,
    )  # fmt: skip
    with stores.database.begin() as tx:
        one = Announcement(
            id=row.announcement, client=client, role="employer", office=OFFICE, made_at_us=now_us, sha256=sha256,
            return_to=msgspec.json.encode(ADDRESS).decode(),
        )  # fmt: skip
        assert announcements.enter(tx, one, [row])
    return row


def filed(gateway: Inhouse, row: Announced, content: bytes, **more: Any) -> journal.Dossier:
    """The paper came, and became a dossier."""
    now = gateway.clock.now()
    fields: dict[str, Any] = {
        "item": "EA123456785VN", "posted_at": now - timedelta(days=3), "arrived_at": now - timedelta(days=1),
        "opened_at": now - timedelta(hours=2), "office": OFFICE, "scans": b"", "pages": 0, "counted": PIECES,
    } | more  # fmt: skip
    return asyncio.run(file_paper(gateway.house, Paper(announced=row, content=content, **fields), CLERK)).dossier


class Office:
    """An office, an employer and a carrier at one gateway, and a paper dossier with four originals."""

    def __init__(self, gateway: Inhouse, seed: int) -> None:
        self.gateway, self.serial = gateway, seed * 100
        self.client, secret = gateway.client("employer", units=[UNIT])
        self.employer = gateway.token(self.client, secret)
        self.office = gateway.bearer("office", offices=[OFFICE])
        self.post = gateway.bearer("post", offices=["vnpost"])
        content = unsigned(seed)
        paper = filed(gateway, announced(gateway, self.client, content), content)
        self.dossier, self.receipt_number = paper.id, paper.statement_number

    def number(self) -> str:
        self.serial += 1
        return item_number(self.serial)

    def originals(self, token: str | None = None) -> dict[str, dict[str, Any]]:
        answer = self.gateway("GET", f"/v1/dossiers/{self.dossier}/originals", token or self.employer)
        assert answer.status_code == 200, answer.text
        return {one["kind"]: one for one in answer.json()["originals"]}

    def contents(self) -> list[dict[str, Any]]:
        held = self.originals()
        return [
            {"kind": "book", "count": 3, "dossier": self.dossier, "original": held["book"]["original"]},
            {"kind": "decision", "dossier": self.dossier, "original": held["decision"]["original"]},
            {"kind": "card", "count": 2, "name": "Thẻ BHYT", "dossier": self.dossier, "result_number": "12/2026"},
        ]

    def send(self, token: str | None = None, key: str = "", **said: Any) -> httpx.Response:
        body = {"item": self.number(), "carrier": "vnpost", "dossiers": [self.dossier]} | said
        if "contents" not in body:
            body["contents"] = self.contents()
        headers = {"idempotency-key": key} if key else {}
        return self.gateway("POST", "/v1/postal/returns", token or self.office, json=body, headers=headers)

    def tell(self, item: str, *events: tuple[str, datetime]) -> None:
        """The carrier tells what happened to an item."""
        rows = [{"item": item, ("code" if code.isupper() else "word"): code, "at": rfc3339(at)} for code, at in events]
        answer = self.gateway("POST", "/v1/postal/handlings", self.post, json={"handlings": rows})
        assert (answer.status_code, answer.json()["bad"]) == (200, []), answer.text

    def custody(self, kind: str, key: str = "", **said: Any) -> httpx.Response:
        original = self.originals()[kind]["original"]
        headers = {"idempotency-key": key} if key else {}
        return self.gateway("POST", f"/v1/postal/originals/{original}/custody", self.office, json=said, headers=headers)

    def facts(self) -> list[str]:
        answer = self.gateway("GET", f"/v1/dossiers/{self.dossier}/events", self.employer)
        return [one["type"] for one in answer.json()["events"]]

    def shown(self, item: str) -> dict[str, Any]:
        answer = self.gateway("GET", f"/v1/postal/returns/{item}", self.office)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told
