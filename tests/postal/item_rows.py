"""Rows that items hang on, entered as the line of announcements enters them."""

import hashlib

import sqlalchemy as sa

from gateway import ids
from gateway.clock import to_us
from storage import announcements
from storage.announcements import Announced, Announcement
from storage.mailroom import Opening
from tests.clocks import HandClock
from tests.gateway.inhouse import OFFICE, TAX_CODE, UNIT

WELL, OTHER, THIRD = "RR473124829VN", "EA123456785VN", "EB000000270VN"
BAD = "CD468359126VN"
LOCAL = "VN0012345678"


def announce(
    tx: sa.Connection,
    client: str,
    name: str = "p-one",
    *,
    dossiers: int = 1,
    unit: str = UNIT,
    office: str = OFFICE,
    role: str = "employer",
    at_us: int | None = None,
) -> list[str]:
    """An announcement with so many dossiers; returns their ids."""
    made_at_us = to_us(HandClock().now()) if at_us is None else at_us
    one = Announcement(
        id=name, client=client, role=role, office=office, made_at_us=made_at_us,
        sha256=hashlib.sha256(name.encode()).digest(), carrier="vnpost",
    )  # fmt: skip
    rows = []
    for number in range(1, dossiers + 1):
        sha256 = hashlib.sha256(f"{name} {number}".encode()).digest()
        rows.append(
            Announced(
                id=ids.dossier_id(sha256),
                announcement=name,
                number=number,
                unit=unit,
                tax_code=TAX_CODE,
                procedure="600",
                period="03/2026",
                batch=number,
                half_of="",
                hybrid=0,
                competent_office=office,
                sha256=sha256,
                size_bytes=1,
                media_type="application/xml",
                pack="pack",
                pack_offset=0,
                pack_length=1,
                wrapped_key=b"",
                pieces="[]",
                printed="[]",
                digest=bytes(32),
                code="",
                state="announced",
                state_at_us=made_at_us,
            )
        )
    assert announcements.enter(tx, one, rows)
    return sorted(row.id for row in rows)


def an_opening(number: str, at_us: int, office: str = OFFICE) -> Opening:
    return Opening(
        id=f"o-{number}",
        item=number,
        office=office,
        opened_at_us=at_us,
        opened_by="room",
        officer="",
        arrived_at_us=at_us,
        counted="[]",
        condition="intact",
    )
