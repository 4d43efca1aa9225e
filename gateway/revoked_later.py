"""When fresher data shows that a certificate had been revoked before dossiers that it signed were received.

The receipts stand: they say what was known. But office and unit are told, each dossier once, by an event and an alarm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import sqlalchemy as sa

from gateway import ids
from gateway.clock import VIETNAM, from_us, rfc3339, to_us
from signing.indication import Refusal
from storage import alarms, journal, proofs

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence
    from datetime import datetime

    from gateway.judge import Tables
    from signing.indication import RevocationUsed
    from storage.database import Database

FACT: Final = "signer-revoked"
OFFICE_RULE: Final = "signer-revoked"
UNIT_RULE: Final = "signer-revoked-unit"
DOSSIERS_AT_ONCE_MAX: Final = 200
_EVERYTHING: Final = journal.Scope(everything=True)
_TOLD: Final = sa.text("SELECT 1 FROM event WHERE dossier = :dossier AND type = :type LIMIT 1")


def tell(database: Database, tables: Tables, certificates: Iterable[str], now: datetime) -> int:
    """Look at these certificates (SHA-256) by the revocation data at hand, and tell of every dossier that was received
    after one's revocation and accepted. Returns how many dossiers were told of now; doing it again tells nothing anew.
    """
    told = 0
    for sha256 in certificates:
        revoked = _revoked(database, tables, sha256, now)
        if revoked is not None and revoked.revoked_at is not None:
            told += _tell_of(database, sha256, revoked, now)
    return told


def _revoked(database: Database, tables: Tables, sha256: str, now: datetime) -> RevocationUsed | None:
    """What is known of the certificate's own revocation, if it is revoked."""
    with database.read() as tx:
        kept = proofs.find(tx, [sha256]).get(sha256)
    if kept is None:
        return None
    chain = tables.trust.chain(kept.content, now)
    if isinstance(chain, Refusal):
        return None
    used = tables.revocation.status(chain, tables.policy, now).used
    return next((one for one in used if one.certificate_sha256 == sha256 and one.status == "revoked"), None)


def _tell_of(database: Database, sha256: str, revoked: RevocationUsed, now: datetime) -> int:
    """Look without a turn first: mostly there is nothing to tell, and those who number facts need not wait for that."""
    told, since_us, after = 0, to_us(revoked.revoked_at or now), ""
    while True:
        with database.read() as tx:
            page = proofs.dossiers_untold(tx, sha256, FACT, since_us, after, DOSSIERS_AT_ONCE_MAX)
        if page:
            told += _tell_page(database, page, revoked, now)
        if len(page) < DOSSIERS_AT_ONCE_MAX:
            return told
        since_us, after = page[-1].received_at_us, page[-1].dossier


def _tell_page(database: Database, page: Sequence[proofs.Signed], revoked: RevocationUsed, now: datetime) -> int:
    told = 0
    with database.begin() as tx:
        turn = journal.take_turn(tx)
        for one in page:
            dossier = journal.dossier(tx, one.dossier, _EVERYTHING)
            if dossier is None or dossier.state in ("refused", "pending"):
                continue
            # Another worker may have been faster.
            if tx.execute(_TOLD, {"dossier": dossier.id, "type": FACT}).first():
                continue
            journal.record(tx, [_fact(turn, dossier, one.certificate, revoked, now)], {})
            for alarm in _alarms(dossier, revoked, now):
                alarms.sound(tx, alarm)
            told += 1
        journal.end_turn(tx, turn)
    return told


def _fact(
    turn: journal.Turn, dossier: journal.Dossier, sha256: str, revoked: RevocationUsed, now: datetime
) -> journal.Event:
    detail = {
        "certificate_sha256": sha256,
        "revoked_at": rfc3339(revoked.revoked_at) if revoked.revoked_at else "",
        "reason": revoked.reason,
        "by": revoked.sha256,
    }
    return journal.Event(
        seq=turn.next(),
        dossier=dossier.id,
        type=FACT,
        at_us=to_us(now),
        actor="gateway",
        detail=msgspec.json.encode(detail).decode(),
        unit=dossier.unit,
        submitter=dossier.submitter,
        office=dossier.competent_office,
    )


def _alarms(dossier: journal.Dossier, revoked: RevocationUsed, now: datetime) -> list[alarms.Alarm]:
    at = revoked.revoked_at.astimezone(VIETNAM) if revoked.revoked_at else now
    received = from_us(dossier.received_at_us).astimezone(VIETNAM)
    vi = (
        f"Chứng thư số ký hồ sơ {dossier.statement_number} đã bị thu hồi lúc {at:%d/%m/%Y %H:%M}, trước khi nhận hồ sơ "
        f"({received:%d/%m/%Y %H:%M}); khi kết luận cổng chưa có dữ liệu này. "
    )
    en = (
        f"The certificate that signed dossier {dossier.statement_number} was revoked at {at:%d/%m/%Y %H:%M}, before "
        f"the dossier was received ({received:%d/%m/%Y %H:%M}); the gateway did not know it when it judged. "
    )
    return [
        alarms.Alarm(
            id=ids.alarm_id(), rule=rule, subject=dossier.id, owner=owner, since_us=to_us(now),
            next_step_vi=vi + next_vi, next_step_en=en + next_en,
        )
        for rule, owner, next_vi, next_en in (
            (
                OFFICE_RULE, dossier.competent_office,
                "Xác minh với đơn vị trước khi giải quyết tiếp.",
                "Verify with the unit before going on.",
            ),
            (
                UNIT_RULE, dossier.unit,
                "Nếu là hồ sơ của đơn vị, nộp lại bằng chứng thư số còn hiệu lực; nếu không, báo ngay cơ quan BHXH.",
                "If the dossier is yours, submit it again with a valid certificate; if not, tell the office at once.",
            ),
        )
        if owner
    ]  # fmt: skip


def suspects(database: Database, issuer: str, revoked_serials: Container[int]) -> list[str]:
    """Certificates (SHA-256) of this issuer (its name, RFC 4514) that signed dossiers and are listed as revoked."""
    found: list[str] = []
    after = ""
    while True:
        with database.read() as tx:
            page = proofs.certificates_of_issuer(tx, issuer, after, DOSSIERS_AT_ONCE_MAX)
        found += [certificate for certificate, serial in page if int(serial, 16) in revoked_serials]
        if len(page) < DOSSIERS_AT_ONCE_MAX:
            return found
        after = page[-1][0]
