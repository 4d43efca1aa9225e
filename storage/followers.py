"""What was sent about a dossier (supplements, a withdrawal), and the office that has it.

Every function takes the open transaction `tx` and never commits.
"""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from storage.journal import Dossier

_COLUMNS = ", ".join(Dossier.__struct_fields__)
_OF = sa.text(f"SELECT {_COLUMNS} FROM dossier WHERE about = :about ORDER BY seq")  # noqa: S608 - names are ours
_MOVE = sa.text("UPDATE dossier SET competent_office = :office WHERE id = :dossier")


def of(tx: sa.Connection, dossier: str) -> list[Dossier]:
    """What was received about the dossier, in commit order; what was refused is about nothing."""
    return [
        msgspec.convert(dict(row._mapping), Dossier)  # noqa: SLF001 - SQLAlchemy's public name for it
        for row in tx.execute(_OF, {"about": dossier})
    ]


def move(tx: sa.Connection, dossier: str, office: str) -> None:
    """Another office is competent for it from now on."""
    tx.execute(_MOVE, {"dossier": dossier, "office": office})
