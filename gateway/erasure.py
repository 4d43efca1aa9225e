"""Erasure: the key to a dossier's content is destroyed, and a signed tombstone says so.

What was received, and when, stays provable: number, digest, receipt and every leaf of the log stand. A statement that
quotes findings, and so persons, gives way to ''; the tombstone names its SHA-256, which is its leaf.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal

import msgspec
from msgspec import Struct

from gateway import erasures_file, once_only, retention, states
from gateway.clock import from_us, rfc3339, to_us
from gateway.office_statement import WORDS
from gateway.reading import PLAIN_REASONS
from gateway.receipt import ERASURE_TYPE, LOGGED_WITHIN
from gateway.report import Report, keep_report, read_report
from signing.seal import SealBroken, open_jws, seal_jws
from signing.signer import from_base64url
from storage import documents, erasing, followers, holds, journal, statements, work

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    import sqlalchemy as sa

    from gateway.erasures_file import Line
    from gateway.retention import Due
    from gateway.settle import Stores

__all__ = [
    "ERASURE_TYPE",
    "Erased",
    "NotErased",
    "Order",
    "Tombstone",
    "TombstoneForged",
    "erase",
    "erase_again",
    "faults",
    "line_of",
    "read_tombstone",
]

FACT: Final = "erased"
BECAUSE_CHARACTERS_MAX: Final = 500
# Members of the facts' details in which somebody may have written anything.
FREE_TEXT: Final = WORDS
_EVERYTHING: Final = journal.Scope(everything=True)

Why = Literal["unknown", "erased", "held", "referred-to", "under-way"]


class NotErased(Exception):
    """The dossier was not erased, and `why`: nothing was changed. Trying again helps only when that has changed."""

    def __init__(self, why: Why, vi: str, en: str) -> None:
        super().__init__(f"{vi} · {en}")
        self.why = why


class TombstoneForged(Exception):
    """A tombstone that none of our keys sealed, or that is another dossier's. Trying again changes nothing."""


class RetentionNamed(Struct, frozen=True):
    """The rule by which a dossier was due: so many years since `ended_at`; whose word it is, and where it stands."""

    years: int
    certainty: str
    source: str
    ended_at: str
    due_at: str


class Tombstone(Struct, frozen=True, kw_only=True):
    """What is said of an erasure. It names no person: neither does `because`, if whoever orders it heeds the advice.

    `statement_sha256` is of the compact JWS of the receipt or notice, `judgement_sha256` of the judgement, if there was
    one: the leaves of the log. `cleared` tells what is gone: `content`, `documents`, `report`, `part-names`, and
    `notice` or `judgement` where they quoted findings. `rule` is `retention` (then `retention` says by which) or
    `ordered`.
    """

    erasure: str
    receipt: str
    dossier: str
    sha256: str
    size_bytes: int
    received_at: str
    statement_sha256: str
    judgement: str | None
    judgement_sha256: str | None
    state: str
    erased_at: str
    erased_by: str
    because: str
    rule: str
    retention: RetentionNamed | None
    cleared: tuple[str, ...]
    log: str | None = None
    log_by: str | None = None


class Order(Struct, frozen=True, kw_only=True):
    """Who erases and why: by a retention rule (`due`), or because a person ordered it."""

    by: str
    because: str
    due: Due | None = None


class Erased(Struct, frozen=True):
    """A dossier that was erased, and what was said of it."""

    tombstone: Tombstone
    jws: str


class _Texts(Struct, frozen=True):
    """What stands in the row afterwards, and what of it is gone."""

    statement: str
    judgement: str | None
    cleared: tuple[str, ...]


def erase(stores: Stores, erasures: Path, name: str, order: Order, now: datetime) -> Erased:
    """Erase the dossier of that id, or of that receipt's or notice's number.

    What was sent about it goes with it. One transaction; before it is committed, the tombstones are durable in the file
    `erasures`, so that no restore of the database brings the dossier back. Raises `NotErased`; and `ErasuresUnkept`,
    `SealAway`, `DatabaseAway`: then nothing was erased as far as we know, and trying again is safe.
    """
    with stores.database.begin() as tx:
        turn = journal.take_turn(tx)
        dossier = _erasable(tx, name)
        erased = [_erase_one(tx, turn, stores, one, order, now) for one in (dossier, *_sent_about(tx, dossier))]
        journal.end_turn(tx, turn)
        erasures_file.append(erasures, [line_of(one.tombstone, one.jws) for one in erased])
    return erased[0]


def _erase_one(
    tx: sa.Connection, turn: journal.Turn, stores: Stores, dossier: journal.Dossier, order: Order, now: datetime
) -> Erased:
    texts = _texts(tx, dossier)
    said = _tombstone(dossier, texts, order, stores.log_origin, now)
    jws = seal_jws(stores.seal.signer_at(now), msgspec.json.encode(said), ERASURE_TYPE)
    _write(tx, turn, dossier, said, jws, texts)
    return Erased(said, jws)


def _sent_about(tx: sa.Connection, dossier: journal.Dossier) -> list[journal.Dossier]:
    """Its supplements and its withdrawal go with it, each under a tombstone of its own. Raises `NotErased`."""
    found = [one for one in followers.of(tx, dossier.id) if one.erased_at_us is None]
    for one in found:
        if bound := holds.binding(tx, [one.id]).get(one.id):
            raise _held(one.statement_number, bound[0])
        _check_relied_on(tx, one)
        to_do = work.find(tx, one.id)
        if one.state == states.State.PENDING.value or (to_do is not None and to_do.state != "done"):
            raise NotErased(
                "under-way",
                f"{one.statement_number} (gửi cho hồ sơ này) chưa được cơ quan nhận",
                f"{one.statement_number}, which was sent about it, has not been taken by its office yet",
            )
    return found


def _check_relied_on(tx: sa.Connection, dossier: journal.Dossier) -> None:
    """Raises `NotErased` while another dossier refers to a paper of this one, and would lose it."""
    if relying := once_only.referred_to(tx, dossier.id):
        raise NotErased(
            "referred-to",
            f"{dossier.statement_number} có giấy tờ mà hồ sơ {relying[0]} dẫn chiếu",
            f"dossier {relying[0]} refers to a paper of it",
        )


def _held(number: str, hold: holds.Hold) -> NotErased:
    return NotErased(
        "held",
        f"{number} đang bị giữ lại (lệnh {hold.id}: {hold.why})",
        f"it is under a legal hold ({hold.id}): lift it first",
    )


def erase_again(tx: sa.Connection, turn: journal.Turn, said: Tombstone, jws: str) -> bool:
    """After a restore: erase what had been erased since, under the very tombstone that was made then.

    False when the dossier is not there (it was received later, or received again under another number), or is erased
    already; or when a hold binds it that was placed afterwards: then the erasure that was said was never committed, for
    what is erased cannot be held. Holds of before were looked at then.
    """
    dossier = journal.dossier(tx, said.dossier, _EVERYTHING)
    if dossier is None or dossier.erased_at_us is not None or dossier.statement_number != said.receipt:
        return False
    said_at_us = to_us(datetime.fromisoformat(said.erased_at))
    if any(hold.placed_at_us > said_at_us for hold in holds.binding(tx, [dossier.id]).get(dossier.id, [])):
        return False
    _write(tx, turn, dossier, said, jws, _texts(tx, dossier))
    return True


def read_tombstone(jws: str, keys: Iterable[Mapping[str, str]]) -> Tombstone:
    """What a tombstone says, sealed by one of these keys (JWK). Raises `TombstoneForged`."""
    refused = "no key"
    for jwk in keys:
        try:
            return msgspec.json.decode(open_jws(jws, jwk, typ=ERASURE_TYPE), type=Tombstone)
        except (SealBroken, msgspec.MsgspecError) as error:
            refused = str(error)
    raise TombstoneForged(refused)


def faults(dossier: journal.Dossier, said: Tombstone) -> list[str]:
    """What a tombstone says of an erased dossier that its row, or what is left of its statements, does not say."""
    row: dict[str, object] = {
        "dossier": dossier.id,
        "receipt": dossier.statement_number,
        "sha256": dossier.sha256.hex(),
        "size_bytes": dossier.size_bytes,
        "received_at": rfc3339(from_us(dossier.received_at_us)),
        "judgement": dossier.judgement_number,
        "state": dossier.state,
        "erased_at": rfc3339(from_us(dossier.erased_at_us)) if dossier.erased_at_us is not None else None,
    }
    if dossier.statement:
        row["statement_sha256"] = _sha256(dossier.statement)
    if dossier.judgement:
        row["judgement_sha256"] = _sha256(dossier.judgement)
    wrong = [f"{name}: {getattr(said, name)!r} ≠ {held!r}" for name, held in row.items() if getattr(said, name) != held]
    if dossier.wrapped_key is not None:
        wrong.append("the key to its content is there still")
    report = read_report(dossier.report)
    if report.findings or report.signatures or report.papers:
        wrong.append("its report is there still")
    return wrong


def line_of(said: Tombstone, jws: str) -> Line:
    """The line of an erasure in the file of erasures."""
    return erasures_file.Line(
        dossier=said.dossier, receipt=said.receipt, sha256=said.sha256, at=said.erased_at, tombstone=jws
    )


def _erasable(tx: sa.Connection, name: str) -> journal.Dossier:
    """The dossier, if it may be erased now. Raises `NotErased`."""
    found = erasing.named(tx, name)
    looked = erasing.one(tx, found, retention.ENDING) if found else None
    dossier = journal.dossier(tx, found, _EVERYTHING) if found else None
    if looked is None or dossier is None:
        raise NotErased("unknown", f"không có hồ sơ {name}", "there is no such dossier")
    number = dossier.statement_number
    if dossier.erased_at_us is not None:
        at = from_us(dossier.erased_at_us)
        raise NotErased(
            "erased", f"{number} đã xóa từ {at:%d/%m/%Y %H:%M}", f"it was erased already, at {at:%d/%m/%Y %H:%M}"
        )
    if bound := holds.binding(tx, [dossier.id]).get(dossier.id):
        raise _held(number, bound[0])
    _check_relied_on(tx, dossier)
    if retention.is_under_way(looked):
        raise NotErased(
            "under-way",
            f"{number} đang được giải quyết ({dossier.state})",
            "it is under way: only what ended is erased",
        )
    return dossier


def _texts(tx: sa.Connection, dossier: journal.Dossier) -> _Texts:
    cleared = ["report"]
    if dossier.wrapped_key is not None:
        cleared.append("content")
    if documents.of(tx, dossier.id):
        cleared.append("documents")
    if dossier.pack is not None:
        cleared.append("part-names")
    statement, judgement = dossier.statement, dossier.judgement
    if _quotes_findings(statement):
        statement = ""
        cleared.append("notice")
    if judgement is not None and _quotes_findings(judgement):
        judgement = ""
        cleared.append("judgement")
    return _Texts(statement, judgement, tuple(sorted(cleared)))


def _quotes_findings(jws: str) -> bool:
    """Whether a statement of ours quotes findings, in which values of a dossier stand. It is ours: no key is asked."""
    parts = jws.split(".")
    if len(parts) != 3:  # noqa: PLR2004 - header, payload and signature (RFC 7515 §7.1)
        return bool(jws)
    try:
        return bool(msgspec.json.decode(from_base64url(parts[1])).get("findings"))
    except (SealBroken, ValueError, AttributeError):
        return True


def _tombstone(dossier: journal.Dossier, texts: _Texts, order: Order, log: str, now: datetime) -> Tombstone:
    due = order.due
    return Tombstone(
        erasure=f"{dossier.statement_number}/{FACT}",
        receipt=dossier.statement_number,
        dossier=dossier.id,
        sha256=dossier.sha256.hex(),
        size_bytes=dossier.size_bytes,
        received_at=rfc3339(from_us(dossier.received_at_us)),
        statement_sha256=_sha256(dossier.statement),
        judgement=dossier.judgement_number,
        judgement_sha256=_sha256(dossier.judgement) if dossier.judgement is not None else None,
        state=dossier.state,
        erased_at=rfc3339(now),
        erased_by=order.by,
        because=order.because,
        rule="retention" if due else "ordered",
        retention=RetentionNamed(
            years=due.kept.years,
            certainty=due.kept.certainty,
            source=due.kept.source,
            ended_at=rfc3339(due.ended_at),
            due_at=rfc3339(due.due_at),
        )
        if due
        else None,
        cleared=texts.cleared,
        log=log or None,
        log_by=rfc3339(now + LOGGED_WITHIN) if log else None,
    )


def _write(
    tx: sa.Connection, turn: journal.Turn, dossier: journal.Dossier, said: Tombstone, jws: str, texts: _Texts
) -> None:
    """Forget, and write the fact and its tombstone."""
    # As it is said: what is compared with the tombstone later must be the same to the digit.
    at_us = to_us(datetime.fromisoformat(said.erased_at))
    erasing.forget(
        tx,
        dossier.id,
        report=keep_report(Report(refused=read_report(dossier.report).refused, signatures=(), findings=())),
        statement=texts.statement,
        judgement=texts.judgement,
        free_text=FREE_TEXT,
        plain_reasons=PLAIN_REASONS,
        at_us=at_us,
    )
    state = states.after(states.State(dossier.state), FACT)
    seq = turn.next()
    # Whether content was destroyed: of what was refused at once none was kept.
    detail = {"erasure": said.erasure, "rule": said.rule, "content": "content" in said.cleared}
    fact = journal.Event(
        seq=seq,
        dossier=dossier.id,
        type=FACT,
        at_us=at_us,
        actor=said.erased_by,
        detail=msgspec.json.encode(detail).decode(),
        unit=dossier.unit,
        submitter=dossier.submitter,
        office="" if state in (states.State.REFUSED, states.State.PENDING) else dossier.competent_office,
    )
    journal.record(tx, [fact], {})
    statements.state(
        tx, statements.Stated(seq=seq, type=ERASURE_TYPE, subject=dossier.id, number=said.erasure, jws=jws)
    )


def _sha256(statement: str) -> str:
    return hashlib.sha256(statement.encode("ascii")).hexdigest()
