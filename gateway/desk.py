"""LINE 2: the back office takes work: lease, extend, release, acknowledge.

Each step is one transaction that holds its turn, so two holders never take the same dossier and every fact has its
place in commit order. Work of a silent holder is offered again; work that fails too often goes to the dead list and
raises an alarm; nothing is ever dropped.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from gateway import ids, receipt, states
from gateway.clock import to_us
from storage import alarms, clients, journal, statements, work

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    import sqlalchemy as sa

    from gateway.callers import Caller
    from gateway.settle import Stores
    from storage.database import Database

LEASES_MAX = 100
DEAD_RULE = "work-dead"
_EVERYTHING = journal.Scope(everything=True)


class Leased(Struct, frozen=True):
    """A piece of work in a holder's hand, and the dossier it is about."""

    work: work.Work
    dossier: journal.Dossier


class Handed(Struct, frozen=True):
    """What was handed over, and the mark up to which nothing is missing."""

    leased: tuple[Leased, ...]
    complete_until: int


class HandedOver(Struct, frozen=True):
    """A dossier that its office has taken, and the signed statement of it."""

    dossier: journal.Dossier
    statement: str


class Once(Struct, frozen=True):
    """A request that its caller may repeat under one key: `render` makes the answer that is kept and repeated."""

    key: str
    request_sha256: bytes
    render: Callable[[Handed], bytes]


class KeyReused(Exception):
    """The idempotency key was used for another request. Trying again is of no use; take a new key."""


def lease(
    database: Database, office: str, caller: Caller, most: int, lease_s: int, now: datetime, once: Once | None = None
) -> Handed | bytes:
    """Hand the office's oldest open work to the caller, each piece under its own lease until `now + lease_s`.

    Trying again hands out other work, unless `once` carries a key: then the kept answer is given. What an unheard
    answer handed out is offered again when its lease ends. Raises `KeyReused`.
    """
    until_us = to_us(now + timedelta(seconds=lease_s))
    with database.begin() as tx:
        turn = journal.take_turn(tx)
        if once and (kept := clients.remembered(tx, caller.client, once.key)):
            if kept.request_sha256 != once.request_sha256:
                raise KeyReused(once.key)
            return kept.body
        _offer_silent_again(tx, turn, now)
        given = work.lease(tx, office, caller.client, min(most, LEASES_MAX), until_us, ids.lease_id)
        leased = tuple(Leased(one, _dossier(tx, one.dossier)) for one in given)
        journal.record(
            tx,
            [
                _event(
                    turn,
                    one.dossier,
                    "leased",
                    caller.client,
                    now,
                    {"lease": str(one.work.lease), "attempt": one.work.attempt},
                )
                for one in leased
            ],
            {},
        )
        handed = Handed(leased, work.complete_until(tx, office, turn.head))
        if once and leased:
            answer = clients.Remembered(once.request_sha256, 200, once.render(handed))
            clients.remember(tx, caller.client, once.key, answer, to_us(now))
        journal.end_turn(tx, turn)
    return handed


def acknowledge(stores: Stores, lease_id: str, caller: Caller, now: datetime) -> HandedOver:
    """The office has the dossier, byte for byte: its work is done, and a signed statement says so.

    Doing it again under the same lease changes nothing and gives the same answer. Raises `LeaseLost`; and `SealAway`,
    `DatabaseAway`: then nothing happened, and trying again is safe.
    """
    with stores.database.begin() as tx:
        turn = journal.take_turn(tx)
        if done := work.finished_under(tx, lease_id, caller.client):
            return _handed_over(tx, done.dossier)
        held = work.held(tx, lease_id, caller.client, to_us(now))
        dossier = _dossier(tx, held.dossier)
        state = states.after(states.State(dossier.state), "acknowledged")
        work.finish(tx, held)
        fact = _event(turn, dossier, "acknowledged", caller.client, now, {"lease": lease_id})
        journal.record(tx, [fact], {dossier.id: state.value})
        number = f"{dossier.statement_number}/{fact.seq}"
        statement = receipt.handover(
            dossier,
            number=number,
            lease=lease_id,
            taken_by=caller.client,
            taken_at=now,
            seal=stores.seal.signer_at(now),
            log=stores.log_origin,
        )
        statements.state(
            tx,
            statements.Stated(
                seq=fact.seq, type=receipt.HANDOVER_TYPE, subject=dossier.id, number=number, jws=statement
            ),
        )
        alarms.close(tx, DEAD_RULE, dossier.id, caller.client, to_us(now))
        journal.end_turn(tx, turn)
    return HandedOver(msgspec.structs.replace(dossier, state=state.value), statement)


def _handed_over(tx: sa.Connection, dossier_id: str) -> HandedOver:
    """What was said when the dossier was taken; '' for one that was taken before hand-overs were signed."""
    said = [one.jws for one in statements.of(tx, dossier_id) if one.type == receipt.HANDOVER_TYPE]
    return HandedOver(_dossier(tx, dossier_id), said[-1] if said else "")


def extend(database: Database, lease_id: str, caller: Caller, lease_s: int, now: datetime) -> Leased:
    """Move the end of a running lease to `now + lease_s`. Raises `LeaseLost`; trying again is safe."""
    until_us = to_us(now + timedelta(seconds=lease_s))
    with database.begin() as tx:
        turn = journal.take_turn(tx)
        held = work.held(tx, lease_id, caller.client, to_us(now))
        dossier = _dossier(tx, held.dossier)
        work.extend(tx, held, until_us)
        journal.record(tx, [_event(turn, dossier, "lease-extended", caller.client, now, {"lease": lease_id})], {})
        journal.end_turn(tx, turn)
    return Leased(msgspec.structs.replace(held, lease_until_us=until_us), dossier)


def release(database: Database, lease_id: str, caller: Caller, reason: str, now: datetime) -> str:
    """Give work back before its lease ends. Returns its state now: `offered`, or `dead` after too many attempts.

    Raises `LeaseLost`, also when it was given back already.
    """
    with database.begin() as tx:
        turn = journal.take_turn(tx)
        held = work.held(tx, lease_id, caller.client, to_us(now))
        state = _put_back(tx, turn, held, "lease-released", {"lease": lease_id, "reason": reason}, caller.client, now)
        journal.end_turn(tx, turn)
    return state


def revive(database: Database, dossier_id: str, caller: str, now: datetime) -> bool:
    """Offer dead work again, by an operator's hand; False when it is not dead."""
    with database.begin() as tx:
        turn = journal.take_turn(tx)
        if not work.revive(tx, dossier_id):
            return False
        dossier = _dossier(tx, dossier_id)
        journal.record(tx, [_event(turn, dossier, "revived", caller, now, {})], {})
        alarms.close(tx, DEAD_RULE, dossier_id, caller, to_us(now))
        journal.end_turn(tx, turn)
    return True


def sweep(database: Database, now: datetime) -> int:
    """Offer again what silent holders hold, though nobody asks for work. Returns how much there was."""
    with database.read() as tx:
        if not work.is_any_silent(tx, to_us(now)):
            return 0
    with database.begin() as tx:
        turn = journal.take_turn(tx)
        count = _offer_silent_again(tx, turn, now)
        journal.end_turn(tx, turn)
    return count


def _offer_silent_again(tx: sa.Connection, turn: journal.Turn, now: datetime) -> int:
    silent = work.silent(tx, to_us(now))
    for one in silent:
        _put_back(tx, turn, one, "lease-expired", {"lease": str(one.lease), "holder": str(one.holder)}, "gateway", now)
    return len(silent)


def _put_back(
    tx: sa.Connection,
    turn: journal.Turn,
    held: work.Work,
    fact: str,
    detail: dict[str, object],
    actor: str,
    now: datetime,
) -> str:
    dossier = _dossier(tx, held.dossier)
    state = work.put_back(tx, held)
    facts = [_event(turn, dossier, fact, actor, now, detail)]
    if state == "dead":
        facts.append(_event(turn, dossier, "dead-listed", "gateway", now, {"attempts": held.attempt}))
        alarms.sound(
            tx,
            alarms.Alarm(
                id=ids.alarm_id(),
                rule=DEAD_RULE,
                subject=dossier.id,
                owner=held.office,
                since_us=to_us(now),
                next_step_vi=f"Hồ sơ {dossier.statement_number} đã giao {held.attempt} lần mà không được xác nhận: "
                "xem lý do trả lại, sửa lỗi, rồi cho giao lại.",
                next_step_en=f"Dossier {dossier.statement_number} was handed over {held.attempt} times and never "
                "acknowledged: see why it was given back, mend it, then offer it again.",
            ),
        )
    journal.record(tx, facts, {})
    return state


def _dossier(tx: sa.Connection, dossier_id: str) -> journal.Dossier:
    found = journal.dossier(tx, dossier_id, _EVERYTHING)
    if found is None:  # the foreign key forbids it
        raise LookupError(dossier_id)
    return found


def _event(
    turn: journal.Turn, dossier: journal.Dossier, fact: str, actor: str, now: datetime, detail: dict[str, object]
) -> journal.Event:
    return journal.Event(
        seq=turn.next(),
        dossier=dossier.id,
        type=fact,
        at_us=to_us(now),
        actor=actor,
        detail=msgspec.json.encode(detail).decode(),
        unit=dossier.unit,
        submitter=dossier.submitter,
        office=dossier.competent_office,
    )


def is_any_open(tx: sa.Connection, office: str, now: datetime) -> bool:
    """Whether a request for work would be worth its turn: something is offered, or some holder has fallen silent."""
    return work.is_any_offered(tx, office) or work.is_any_silent(tx, to_us(now))
