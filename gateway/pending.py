"""LINE 1, its second half: a dossier that was received and had to wait is judged, as of the time of its receipt.

The receipt proves that the signature existed at `received_at`; fresher revocation data says whether the certificate was
good then. What is judged becomes a second signed statement that names the receipt; the receipt stands as it is.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from gateway import ids, receipt, states
from gateway.belonging import look_up
from gateway.clock import VIETNAM, from_us, to_us
from gateway.contents import submission_of
from gateway.faults import log_fault
from gateway.intake import STORE_AWAY
from gateway.judge import Filing, Refusal, Submission, judge, open_dossier
from gateway.offering import offered, renewed
from gateway.postal import halves as halves_of
from gateway.postal.came import is_half
from gateway.report import keep_report, read_report, report_of
from gateway.supplements import joined
from gateway.trust_kept import for_trust, keep_trust
from gateway.trusting import tables_trusting
from schemas.references import digests_in
from signing.trust_list import trusted_at
from storage import alarms, courses, halves, journal, pending, proofs, work
from storage.vault import ContentMissing

if TYPE_CHECKING:
    from datetime import datetime

    import sqlalchemy as sa

    from gateway.house import House
    from gateway.judge import Tables
    from gateway.settle import Stores
    from signing.indication import Wanted

# So many waiting dossiers are looked at in one go; a dossier is tried again after so long, and later less often.
AT_ONCE_MAX: Final = 32
JUDGED_AT_ONCE_MAX: Final = 4
# So long an attempt waits for data; the fetching goes on without it, and the next attempt finds what it brought.
FETCH_S_MAX: Final = 5.0
REFUSED_CODE: Final = "signature-refused"
TRY_AGAIN_S: Final = (10, 30, 60, 300, 900, 1800)
# A dossier that still waits after so long needs a person: never an automatic refusal.
LONG = timedelta(hours=24)
LONG_RULE: Final = "pending-long"
_EVERYTHING = journal.Scope(everything=True)
_LOG = logging.getLogger("motcua.pending")


async def judge_due(house: House) -> int:
    """Judge what waits and is due; how many dossiers were decided. Several workers may do this at once.

    Raises `DatabaseAway`. One dossier that cannot be judged, for whatever reason, does not keep the others waiting.
    """
    due = await house.run(_due, house)
    some = asyncio.Semaphore(JUDGED_AT_ONCE_MAX)

    async def one_of_them(one: pending.Pending) -> int:
        async with some:
            try:
                return await _judge_one(house, one)
            except STORE_AWAY as away:
                _LOG.warning("pending dossier %s: %s", one.dossier, away)
            except Exception as fault:
                # The audit says so too, when its bytes cannot be read.
                log_fault(_LOG, f"pending dossier {one.dossier} cannot be judged", fault)
            return 0

    return sum(await asyncio.gather(*map(one_of_them, due)))


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
    outcome = await house.run_apart(_judge, house, one.dossier)
    wanted = _wanted(outcome)
    if wanted:
        if not await house.revocations.obtain_within(wanted, FETCH_S_MAX):
            return 0
        outcome = await house.run_apart(_judge, house, one.dossier)
        if _wanted(outcome):
            return 0
    policy_sha256, policy_text = house.tables.policy.sha256, house.tables.policy_text
    return await house.run(
        conclude,
        one.dossier,
        outcome,
        house.stores,
        house.clock.now(),
        tables=house.tables,
        policy_sha256=policy_sha256,
        policy_text=policy_text,
    )


def _wanted(outcome: Filing | Refusal) -> list[Wanted]:
    """The revocation data that is still missing, when nothing else stands against the signatures."""
    if not any(one.waits for one in outcome.verdicts) or is_refused(outcome):
        return []
    return list({one.sha256: one for verdict in outcome.verdicts for one in verdict.wanted}.values())


def is_refused(outcome: Filing | Refusal) -> bool:
    """Whether a signature of a received dossier turned out not to hold.

    Signatures alone decide: all else had passed when the receipt was given. What the register or the catalogue has come
    to say since then is for the office to see, in the report.
    """
    return not outcome.verdicts or any(not one.passed and not one.waits for one in outcome.verdicts)


def _judge(house: House, dossier_id: str) -> Filing | Refusal:
    """The same judgement as at the door, as of the receipt. That the submitter may speak for the unit was found out
    then; its papers were scanned then.
    """
    submission = _read(house.stores, dossier_id)
    opened = open_dossier(submission)
    if isinstance(opened, Refusal):
        return opened
    on = submission.received_at.date()
    known = look_up(
        house.database,
        unit_code=opened.header.unit_code,
        on=on,
        references=digests_in(opened.root),
        submitter=submission.submitter,
    )
    return judge(opened, known, _tables_as_of(house, submission.received_at))


def _tables_as_of(house: House, received_at: datetime) -> Tables:
    """The tables in force, with whom we trusted when the dossier came; a withdrawal counts all the same."""
    trusted = house.trust_watch.trusted if house.trust_watch is not None else None
    if trusted is None or trusted.holds_at(received_at):
        return house.tables
    kept = [one for one in trusted.entries if one.standing != "withdrawn"]
    return tables_trusting(house.tables, trusted_at(kept, trusted.crls, received_at))


def _read(stores: Stores, dossier_id: str) -> Submission:
    """The submission as it came. Raises `ContentMissing` and what `contents.open_content` raises."""
    with stores.database.read() as tx:
        found = journal.dossier(tx, dossier_id, _EVERYTHING)
    if found is None:
        raise ContentMissing(dossier_id)
    return submission_of(stores, found, from_us(found.received_at_us).astimezone(VIETNAM))


def conclude(
    dossier_id: str,
    outcome: Filing | Refusal,
    stores: Stores,
    now: datetime,
    *,
    tables: Tables,
    policy_sha256: str = "",
    policy_text: bytes = b"",
) -> int:
    """Seal and write what was judged, in one transaction; 0 when another worker was faster.

    Accepted, the dossier becomes its office's work now; refused, it stays received and kept, and is nobody's work.
    """
    kept: dict[str, proofs.Proof] = {}
    signed: list[proofs.Signed] = []
    refused = is_refused(outcome)
    if policy_text and policy_sha256 not in stores.proofs_kept:
        kept[policy_sha256] = proofs.Proof(sha256=policy_sha256, kind="policy", content=policy_text)
    with stores.database.begin() as tx:
        turn = journal.take_turn(tx)
        waited = pending.done(tx, dossier_id)
        dossier = journal.dossier(tx, dossier_id, _EVERYTHING)
        if not waited or dossier is None or dossier.state != states.State.PENDING.value:
            journal.end_turn(tx, turn)
            return 0
        number, seal = _number(tx, stores, now), stores.seal.signer_at(now)
        statement = receipt.judgement(
            dossier, outcome, refused=refused, number=number, judged_at=now, seal=seal, log=stores.log_origin
        )
        fact = "refused" if refused else "accepted"
        code = REFUSED_CODE if refused else ""
        report = report_of(
            outcome.verdicts,
            outcome.findings,
            code,
            policy_sha256=policy_sha256,
            papers=read_report(dossier.report).papers,
        )
        journal.conclude(
            tx,
            dossier_id,
            state=states.after(states.State.PENDING, fact).value,
            report=keep_report(report),
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
        if not refused:
            work.offer(tx, [offered(dossier, seq, to_us(now))])
            joined(tx, turn, stores, tables, dossier, now)
            if isinstance(outcome, Filing) and dossier.about is None:
                _in_halves(tx, turn, dossier, tables, now)
            if isinstance(outcome, Filing):
                journal.record(tx, renewed(tx, turn, dossier, outcome, to_us(now)), {})
        else:
            # Paper that is on its way is the other half of nothing: it will be a dossier of its own.
            halves.unname(tx, dossier_id)
        alarms.close(tx, LONG_RULE, dossier_id, "gateway", to_us(now))
        journal.end_turn(tx, turn)
    stores.remember_kept(kept)
    return 1


def _in_halves(tx: sa.Connection, turn: journal.Turn, dossier: journal.Dossier, tables: Tables, now: datetime) -> None:
    """It was the first half, and is accepted now: the other one is awaited, or has come while this one waited, and has
    started the clock.
    """
    if any(one.came for one in halves.of(tx, dossier.id)):
        course = courses.find(tx, dossier.id)
        work.promise(tx, dossier.id, course.due_at_us if course else dossier.due_at_us)
        return
    if not is_half(dossier):
        return
    accepted = msgspec.structs.replace(dossier, state=states.State.ACCEPTED.value)
    received_at = from_us(dossier.received_at_us)
    begun, said, half = halves_of.begun(turn, accepted, tables.post.hybrid, now, received_at=received_at)
    journal.record(tx, [said], {dossier.id: begun.state})
    halves.expect(tx, [half])


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
