"""Erasure in the mail room: scans that nobody may read any more, and what people wrote about an erased dossier's pages.

Every function takes the open transaction `tx` and never commits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage.database import Statement

if TYPE_CHECKING:
    import sqlalchemy as sa

# A file of pages is one: nobody can read it any more once nobody may read any page of it.
_FORGET_SCANS = Statement(
    "UPDATE scan SET wrapped_key = NULL WHERE wrapped_key IS NOT NULL"
    " AND id IN (SELECT p.scan FROM page p WHERE p.dossier = :dossier)"
    " AND NOT EXISTS (SELECT 1 FROM page p WHERE p.scan = scan.id AND (p.state = 'waiting' OR (p.state = 'filed'"
    " AND p.dossier <> :dossier AND NOT EXISTS (SELECT 1 FROM dossier d WHERE d.id = p.dossier"
    " AND d.erased_at_us IS NOT NULL)))) RETURNING id"
)
# Nothing is made of an erased dossier's pages any more.
_FORGET_REASON = Statement(
    "UPDATE paper_filing SET reason = '', why = '', state = CASE state WHEN 'rebound' THEN 'filed' ELSE state END"
    " WHERE dossier = :dossier RETURNING dossier"
)
_FORGET_WHY = Statement("UPDATE page_binding SET why = '' WHERE dossier = :dossier OR was = :dossier RETURNING scan")


def forget_keys(tx: sa.Connection, dossier: str) -> int:
    """Erase: forget the keys of the scans with pages of the dossier, but for those that have pages of another one that
    is not erased, or pages that wait (how many there were is returned), and why it was made so, and pages were bound.
    """
    _FORGET_REASON(tx, {"dossier": dossier})
    _FORGET_WHY(tx, {"dossier": dossier})
    return len(_FORGET_SCANS(tx, {"dossier": dossier}))
