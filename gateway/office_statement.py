"""The statement of what an office did: its report, a transfer, a supplement that came; signed, and promised to the log.

It quotes no free text. What the office wrote (its reason, the list of what is missing) stands in the fact, which can be
cleared when the dossier is erased; the statement holds the digest of those words, so that they can be proven for as
long as somebody has them.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from gateway.clock import rfc3339
from gateway.receipt import LOGGED_WITHIN, REPORT_TYPE
from signing.seal import seal_jws
from storage import statements

if TYPE_CHECKING:
    from datetime import datetime

    import sqlalchemy as sa

    from gateway.settle import Stores
    from storage.journal import Dossier

# The members of a fact's detail that somebody wrote freely, and the salt that keeps them from being guessed.
WORDS: Final = ("reason", "supplement", "salt")


class ResultNamed(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file of a result: `signature` is what was judged of the agency's signature in it."""

    number: int
    sha256: str
    size_bytes: int
    media_type: str
    signature: str
    signer: str = ""
    result_number: str = ""
    electronic_code: str = ""
    replaces: int | None = None


class Reported(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is stated. `fact` is the type of the event, `national` the code of the national portal (1 to 10), `at` the
    office's own time, `reported_at` ours. `words_sha256` is of the words as `digest_of_words` writes them. `due_at` is
    the date in force afterwards. `about` names the dossier that came as a supplement, or as a withdrawal.
    """

    report: str
    receipt: str
    receipt_sha256: str
    dossier: str
    sha256: str
    fact: str
    state: str
    national: int
    office: str
    reported_by: str
    reported_at: str
    at: str = ""
    department: str = ""
    officer: str = ""
    until: str = ""
    words_sha256: str = ""
    due_at: str = ""
    calendar: str = ""
    national_code: str = ""
    bhxh_number: str = ""
    results: tuple[ResultNamed, ...] = ()
    returned_by: str = ""
    second: bool = False
    corrects: int | None = None
    to: str = ""
    rule: str = ""
    about: str = ""
    about_receipt: str = ""
    log: str | None = None
    log_by: str | None = None


def number_of(dossier: Dossier, seq: int) -> str:
    """What people call the report of fact `seq` by."""
    return f"{dossier.statement_number}/{seq}"


def digest_of_words(detail: dict[str, object]) -> str:
    """The SHA-256 (hex) of what was freely written: the JSON object of `WORDS` that are there, in that order, without
    blanks; '' when nothing was.
    """
    said = {name: detail[name] for name in WORDS if detail.get(name)}
    return hashlib.sha256(msgspec.json.encode(said)).hexdigest() if set(said) - {"salt"} else ""


def state_it(tx: sa.Connection, stores: Stores, dossier: Dossier, said: Reported, seq: int, now: datetime) -> str:
    """Seal the statement of fact `seq` and write it with its leaf; returns the compact JWS. Raises `SealAway`."""
    log = stores.log_origin
    said = msgspec.structs.replace(said, log=log or None, log_by=rfc3339(now + LOGGED_WITHIN) if log else None)
    jws = seal_jws(stores.seal.signer_at(now), msgspec.json.encode(said), REPORT_TYPE)
    stated = statements.Stated(seq=seq, type=REPORT_TYPE, subject=dossier.id, number=said.report, jws=jws)
    statements.state(tx, stated)
    return jws
