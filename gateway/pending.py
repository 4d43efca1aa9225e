"""LINE 1, its second half: a dossier that was received and had to wait is judged, as of the time of its receipt.

The receipt proves that the signature existed at `received_at`; fresher revocation data says whether the certificate was
good then. What is judged becomes a second signed statement that names the receipt; the receipt stands as it is.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from gateway import ids, receipt, states
from gateway.belonging import look_up
from gateway.clock import VIETNAM, from_us, to_us
from gateway.faults import log_fault
from gateway.judge import Filing, Refusal, Submission, judge, open_dossier
from gateway.report import keep_report, report_of
from gateway.settle import offered, renewed
from gateway.trust_kept import for_trust, keep_trust
from storage import alarms, journal, pending, proofs, work
from storage.cipher import MasterKeyUnknown
from storage.vault import ContentCorrupt, ContentMissing, Place

if TYPE_CHECKING:
    from datetime import datetime

    import sqlalchemy as sa

    from gateway.house import House
    from gateway.settle import Stores

# So many waiting dossiers are looked at in one go; a dossier is tried again after so long, and later less often.
AT_ONCE_MAX: Final = 32
TRY_AGAIN_S: Final = (10, 30, 60, 300, 900, 1800)
# A dossier that still waits after so long needs a person: never an automatic refusal.
LONG = timedelta(hours=24)
LONG_RULE: Final = "pending-long"
_EVERYTHING = journal.Scope(everything=True)
_LOG = logging.getLogger("motcua.pending")


async def judge_due(house: House) -> int:
    """Judge what waits and is due; how many dossiers were decided. Several workers may do this at once."""
    due = await house.run(_due, house)
    decided = 0
    for one in due:
        try:
            decided += await _judge_one(house, one)
        except (ContentMissing, ContentCorrupt, MasterKeyUnknown) as fault:
            # It was received and cannot be read: the audit says so too. The others go on.
            log_fault(_LOG, f"pending dossier {one.dossier} cannot be read", fault)
    return decided


def _due(house: House) -> list[pending.Pending]:
    """What is due, each claimed for one attempt."""
    now = house.clock.now()
    with house.database.read() as tx:
        waiting = pending.due(tx, to_us(now), AT_ONCE_MAX)
    if not waiting:
        return []
    with house.database.begin() as tx:
        claimed = [one for one in waiting if pending.claim(tx, one, _next_try_us(one, now))]
        for one in claimed:
            if now - from_us(one.since_us) > LONG:
                alarms.sound(tx, _long(one, now))
    return claimed


def _next_try_us(one: pending.Pending, now: datetime) -> int:
    wait_s = TRY_AGAIN_S[min(one.attempts, len(TRY_AGAIN_S) - 1)]
    return to_us(now + timedelta(seconds=wait_s))


async def _judge_one(house: House, one: pending.Pending) -> int:
    submission = await house.run_apart(_read, house.stores, one.dossier)
    opened = open_dossier(submission)
    outcome = opened if isinstance(opened, Refusal) else await _judge(house, submission)
    if isinstance(outcome, Filing) and outcome.waits and await house.revocations.obtain(outcome.wanted):
        outcome = await _judge(house, submission)
    if isinstance(outcome, Filing) and outcome.waits:
        return 0
    policy_sha256 = house.tables.policy.sha256
    return await house.run(conclude, one.dossier, outcome, house.stores, house.clock.now(), policy_sha256=policy_sha256)


async def _judge(house: House, submission: Submission) -> Filing | Refusal:
    """The same judgement as at the door. That the submitter may speak for the unit was found out then."""
    opened = open_dossier(submission)
    if isinstance(opened, Refusal):
        return opened
    on = submission.received_at.date()
    known = await house.run(lambda: look_up(house.database, unit_code=opened.header.unit_code, on=on))
    return await house.intake.scanned(await house.run_apart(judge, opened, known, house.tables))


def _read(stores: Stores, dossier_id: str) -> Submission:
    """The submission as it came. Raises `ContentMissing` and what the vault raises."""
    with stores.database.read() as tx:
        found = journal.dossier(tx, dossier_id, _EVERYTHING)
    if found is None or found.pack is None or found.pack_offset is None or found.pack_length is None:
        raise ContentMissing(dossier_id)
    if found.wrapped_key is None:
        raise ContentMissing(dossier_id)
    body = stores.vault.read(Place(found.pack, found.pack_offset, found.pack_length))
    return Submission(
        content=stores.cipher.open(body, found.wrapped_key, found.sha256),
        sha256=found.sha256,
        submitter=found.submitter,
        received_at=from_us(found.received_at_us).astimezone(VIETNAM),
        batch=found.batch,
        channel=found.channel,
        media_type=found.media_type,
    )


def conclude(
    dossier_id: str, outcome: Filing | Refusal, stores: Stores, now: datetime, *, policy_sha256: str = ""
) -> int:
    """Seal and write what was judged, in one transaction; 0 when another worker was faster.

    Accepted, the dossier becomes its office's work now; refused, it stays received and kept, and is nobody's work.
    """
    kept: dict[str, proofs.Proof] = {}
    signed: list[proofs.Signed] = []
    with stores.database.begin() as tx:
        turn = journal.take_turn(tx)
        dossier = journal.dossier(tx, dossier_id, _EVERYTHING)
        if dossier is None or dossier.state != states.State.PENDING.value or not pending.done(tx, dossier_id):
            journal.end_turn(tx, turn)
            return 0
        number = _number(tx, stores, now)
        statement = receipt.judgement(dossier, outcome, number=number, judged_at=now, seal=stores.seal.signer_at(now))
        refused = isinstance(outcome, Refusal)
        fact = "refused" if refused else "accepted"
        state = states.after(states.State.PENDING, fact)
        code = outcome.code if isinstance(outcome, Refusal) else ""
        journal.conclude(
            tx,
            dossier_id,
            state=state.value,
            report=keep_report(
                report_of(
                    outcome.verdicts,
                    outcome.findings,
                    code,
                    policy_sha256=policy_sha256,
                    papers=outcome.papers if isinstance(outcome, Filing) else (),
                )
            ),
            number=number,
            judgement=statement,
            judged_at_us=to_us(now),
        )
        seq = turn.next()
        detail = {"receipt": dossier.statement_number, "judgement": number} | ({"code": code} if code else {})
        journal.record(tx, [_fact(dossier, fact, seq, detail, now)], {})
        journal.enter_leaves(tx, [journal.LogEntry(seq, ids.leaf(statement))])
        for_trust(outcome.verdicts, dossier, stores.proofs_kept, kept, signed)
        keep_trust(tx, kept, signed, to_us(now))
        if isinstance(outcome, Filing):
            work.offer(tx, [offered(dossier, seq)])
            journal.record(tx, renewed(tx, turn, dossier, outcome, to_us(now)), {})
        alarms.close(tx, LONG_RULE, dossier_id, "gateway", to_us(now))
        journal.end_turn(tx, turn)
    stores.remember_kept(kept)
    return 1


def _number(tx: sa.Connection, stores: Stores, now: datetime) -> str:
    """A number of the same series as receipts, of the day of judgement."""
    day = now.astimezone(VIETNAM).date()
    first = journal.reserve(tx, ids.series("statement", stores.gateway_unit, day), 1)
    return ids.receipt_number(stores.gateway_unit, day, first)


def _fact(dossier: journal.Dossier, fact: str, seq: int, detail: dict[str, str], now: datetime) -> journal.Event:
    return journal.Event(
        seq=seq,
        dossier=dossier.id,
        type=fact,
        at_us=to_us(now),
        actor="gateway",
        detail=msgspec.json.encode(detail).decode(),
        unit=dossier.unit,
        submitter=dossier.submitter,
        office=dossier.competent_office if fact == "accepted" else "",
    )


def _long(one: pending.Pending, now: datetime) -> alarms.Alarm:
    since = from_us(one.since_us).astimezone(VIETNAM)
    return alarms.Alarm(
        id=ids.alarm_id(),
        rule=LONG_RULE,
        subject=one.dossier,
        owner="operator",
        since_us=to_us(now),
        next_step_vi=f"Hồ sơ chờ dữ liệu thu hồi chứng thư số từ {since:%d/%m/%Y %H:%M}. Kiểm tra địa chỉ CRL/OCSP "
        "trong MOTCUA_REVOCATION_HOSTS và đường mạng ra, hoặc đặt tệp .crl của CA vào thư mục tin cậy.",
        next_step_en=f"The dossier has waited for revocation data since {since:%d/%m/%Y %H:%M}. Look at "
        "MOTCUA_REVOCATION_HOSTS and the way out, or lay the authority's .crl into the trust folder.",
    )
