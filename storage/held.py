"""Supporting papers by their digest: which dossiers hold one, and which refer to one that another dossier holds.

Every function takes the open transaction `tx` and never commits. A part whose kind is `REFERENCE` came as a digest
alone; its document is a part of an earlier dossier of the same unit or the same submitter. Whoever relies on that
dossier to stay takes a turn (`journal.take_turn`), as whoever erases does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from storage import journal
from storage.clients import HOLDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

REFERENCE: Final = "urn:sha256"
DIGESTS_A_LOOK_MAX: Final = 500


class Held(Struct, frozen=True, kw_only=True):
    """A document that is held: part `number` of an accepted dossier whose content is there still."""

    dossier: str
    number: int
    kind: str
    size_bytes: int
    sha256: bytes


_COLUMNS = ", ".join(f"p.{name}" for name in Held.__struct_fields__)
# The form is written out, so that the index on papers alone is used.
_PAPER = f"p.form = 'CT-DK' AND p.kind <> '{REFERENCE}'"
_IS_HELD = (
    "{0}.state NOT IN ('refused', 'pending') AND {0}.erased_at_us IS NULL AND {0}.pack IS NOT NULL"
    # What was withdrawn before it was judged was nobody's work.
    " AND ({0}.state <> 'withdrawn' OR EXISTS (SELECT 1 FROM work w WHERE w.dossier = {0}.id))"
)
_READABLE = _IS_HELD.format("d")
_FROM = f"FROM part p JOIN dossier d ON d.id = p.dossier WHERE p.sha256 IN :digests AND {_PAPER} AND {_READABLE}"
_ORDER = "ORDER BY d.seq, p.number"
_FOR_ONE_UNIT = sa.text(
    f"SELECT {_COLUMNS} {_FROM} AND (d.submitter = :submitter OR d.unit = :unit) {_ORDER}"
).bindparams(sa.bindparam("digests", expanding=True))
_FOR_A_CLIENT = sa.text(
    f"SELECT {_COLUMNS} {_FROM} AND (d.submitter = :submitter OR d.unit IN"  # noqa: S608 - names are ours
    f" (SELECT unit FROM client_unit WHERE client = :submitter AND {HOLDS})) {_ORDER}"
).bindparams(sa.bindparam("digests", expanding=True))
_APART = "COALESCE({0}.about, {0}.id) <> COALESCE(d.about, d.id)"
# A dossier `l` that refers to a paper of `d`, where no third one `h` holds the same for it. What was sent about a
# dossier is erased with it: among those, none is kept for another's sake, and none holds when the others are gone.
_REFERRED = sa.text(
    "SELECT DISTINCT l.statement_number FROM part p JOIN dossier d ON d.id = p.dossier"  # noqa: S608 - names are ours
    f" JOIN part r ON r.sha256 = p.sha256 AND r.form = 'CT-DK' AND r.kind = '{REFERENCE}'"
    " JOIN dossier l ON l.id = r.dossier"
    f" WHERE p.dossier = :dossier AND {_PAPER} AND {_APART.format('l')} AND l.erased_at_us IS NULL"
    " AND l.state <> 'refused'"
    " AND (l.submitter = d.submitter OR (l.unit = d.unit AND l.unit <> ''))"
    " AND NOT EXISTS (SELECT 1 FROM part q JOIN dossier h ON h.id = q.dossier WHERE q.sha256 = p.sha256"
    f" AND q.form = 'CT-DK' AND q.kind <> '{REFERENCE}' AND {_APART.format('h')} AND {_IS_HELD.format('h')}"
    " AND (h.submitter = l.submitter OR (h.unit = l.unit AND h.unit <> '')))"
    " ORDER BY l.statement_number"
)


_REFERS = sa.text("SELECT 1 FROM part WHERE dossier = :dossier AND kind = :kind LIMIT 1")


def of_unit(tx: sa.Connection, digests: Sequence[bytes], *, submitter: str, unit: str) -> dict[bytes, list[Held]]:
    """Where these documents are held for a dossier of that submitter and unit, the earliest first; an empty unit is
    nobody's.
    """
    return _found(tx, _FOR_ONE_UNIT, digests, {"submitter": submitter, "unit": unit or None})


def of_client(tx: sa.Connection, digests: Sequence[bytes], *, client: str, on: date) -> dict[bytes, list[Held]]:
    """Where these documents are held for that client: in what it submitted, or in what its units of that day filed."""
    return _found(tx, _FOR_A_CLIENT, digests, {"submitter": client, "on": on.isoformat()})


def for_reference(
    tx: sa.Connection, digests: Sequence[bytes], *, client: str, unit: str, on: date
) -> dict[bytes, list[Held]]:
    """The same for a dossier that this client submits for that unit on that day: of the unit's papers only where the
    client speaks for the unit.
    """
    may = bool(unit) and journal.speaks_for(tx, client, unit, on)
    return of_unit(tx, digests, submitter=client, unit=unit if may else "")


def refers(tx: sa.Connection, dossier: str) -> bool:
    """Whether the dossier refers to a paper by its digest."""
    return tx.execute(_REFERS, {"dossier": dossier, "kind": REFERENCE}).first() is not None


def relying(tx: sa.Connection, dossier: str) -> list[str]:
    """The receipt numbers of dossiers, kept still, that refer to a paper which for them this dossier alone holds."""
    return list(tx.execute(_REFERRED, {"dossier": dossier}).scalars())


def _found(
    tx: sa.Connection, statement: sa.TextClause, digests: Sequence[bytes], values: dict[str, object]
) -> dict[bytes, list[Held]]:
    found: dict[bytes, list[Held]] = {}
    for at in range(0, len(digests), DIGESTS_A_LOOK_MAX):
        asked = {"digests": list(digests[at : at + DIGESTS_A_LOOK_MAX])}
        for one in _all(tx.execute(statement, values | asked)):
            found.setdefault(one.sha256, []).append(one)
    return found


def _all(rows: Iterable[sa.Row[tuple[object, ...]]]) -> list[Held]:
    return [msgspec.convert(dict(row._mapping), Held) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name for it
