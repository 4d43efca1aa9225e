"""The audit's look at paper: what was announced and what was scanned comes back from the vault to the byte."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.audit_contents import Wanted
from storage import paper_held

if TYPE_CHECKING:
    from collections.abc import Iterator

    import sqlalchemy as sa

    from gateway.audit_contents import Reader
    from gateway.audit_found import Audited
    from storage.announcements import Announced
    from storage.mailroom import Scan


def paper(tx: sa.Connection, found: Audited, reader: Reader) -> None:
    """Read back the contents of announced dossiers that have not come, and every scan that may be read still."""
    for page in _pages(tx):
        for read in reader.read([wanted for one in page if (wanted := _wanted(one)) is not None]):
            found.content_bytes += read.size_bytes
            if read.fault:
                vi, en = "không đọc lại được", "its bytes do not come back"
                found.wrong("content", read.subject, f"{vi}: {read.fault}", f"{en}: {read.fault}")


def _pages(tx: sa.Connection) -> Iterator[list[Announced] | list[Scan]]:
    after = ("", "")
    while contents := paper_held.contents(tx, *after):
        yield contents
        after = (contents[-1].announcement, contents[-1].id)
    last = ""
    while scans := paper_held.scans(tx, last):
        yield scans
        last = scans[-1].id


def _wanted(one: Announced | Scan) -> Wanted | None:
    return None if one.wrapped_key is None else Wanted(one.id, one, one.place, one.wrapped_key)
