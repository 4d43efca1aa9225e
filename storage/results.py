"""The files of results: what each is, by number; their bytes are documents of the kind `result` with the same number.

Every function takes the open transaction `tx` and never commits.
"""

from __future__ import annotations

import msgspec
import sqlalchemy as sa
from msgspec import Struct

KIND = "result"


class Result(Struct, frozen=True, kw_only=True):
    """One file of a result, reported with fact number `seq`.

    `result_number` is the number that the agency gave the result, `electronic_code` its code as an electronic one.
    `signature` is what was judged of the agency's signature in it: 'passed', 'unregistered' (it holds, and nobody has
    said with which certificates this office signs), 'indeterminate' or 'none'; `signer` is the SHA-256 (hex) of the
    certificate. `replaces` is the number of the file that this one corrects.
    """

    dossier: str
    number: int
    seq: int
    name: str
    media_type: str
    sha256: bytes
    size_bytes: int
    result_number: str
    electronic_code: str
    signature: str
    signer: str
    replaces: int | None = None


_FIELDS = Result.__struct_fields__
_COLUMNS = ", ".join(_FIELDS)
_ADD = sa.text(f"INSERT INTO result ({_COLUMNS}) VALUES ({', '.join(':' + name for name in _FIELDS)})")  # noqa: S608 - names are ours
_OF = sa.text(f"SELECT {_COLUMNS} FROM result WHERE dossier = :dossier ORDER BY number")  # noqa: S608 - names are ours


def add(tx: sa.Connection, result: Result) -> None:
    """Write what a file is; its number must be free."""
    tx.execute(_ADD, msgspec.structs.asdict(result))


def of(tx: sa.Connection, dossier: str) -> list[Result]:
    """All files of the dossier's results, by number."""
    rows = tx.execute(_OF, {"dossier": dossier})
    return [msgspec.convert(dict(row._mapping), Result) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name for it


_CERTIFICATES = sa.text("SELECT sha256 FROM office_certificate WHERE office = :office")
_REGISTER = sa.text(
    "INSERT INTO office_certificate (office, sha256, subject, added_at_us) VALUES (:office, :sha256, :subject, :now)"
    " ON CONFLICT DO NOTHING"
)


def certificates(tx: sa.Connection, office: str) -> frozenset[str]:
    """The SHA-256 (hex) of the certificates that are registered for the office's results."""
    return frozenset(tx.execute(_CERTIFICATES, {"office": office}).scalars())


def register_certificate(tx: sa.Connection, office: str, sha256: str, subject: str, now_us: int) -> None:
    """Register a certificate of the office's; again, it changes nothing."""
    tx.execute(_REGISTER, {"office": office, "sha256": sha256, "subject": subject, "now": now_us})
