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

from gateway import ids, receipt, repeated, states
from gateway.clock import to_us
from gateway.course import course_of
from gateway.events import dossier_of, fact
from gateway.repeated import Once
from signing.seal import SealBroken, open_jws
from storage import alarms, clients, courses, halves, held, journal, statements, work
from storage.work import LeaseLost

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import sqlalchemy as sa

    from gateway.callers import Caller
    from gateway.settle import Stores
    from storage.database import Database

LEASES_MAX = 100
DEAD_RULE = "work-dead"
PICKUP_TYPE = "motcua-pickup+jws"


class Leased(Struct, frozen=True):
    """A piece of work in a holder's hand, and the dossier it is about."""

    work: work.Work
    dossier: journal.Dossier
    # Whether it refers to papers of earlier dossiers by their digest.
    refers: bool = False
    # Which half of it has not come: "paper", "electronic" or "".
    awaits: str = ""


class Handed(Struct, frozen=True):
    """What was handed over, and the mark up to which nothing is missing."""

    leased: tuple[Leased, ...]
    complete_until: int


class Pickup(Struct, frozen=True, forbid_unknown_fields=True):
    """What an office's software signs when it takes a dossier: under which lease, which dossier, which bytes."""

    lease: str
    dossier: str
    sha256: str


class HandedOver(Struct, frozen=True):
    """A dossier that its office has taken, and the signed statement of it."""

    dossier: journal.Dossier
    statement: str


class PickupForged(Exception):
    """What the office's software signed when it took a dossier is not its own, or of another. Nothing was changed."""


def lease(
    database: Database,
    office: str,
    caller: Caller,
    most: int,
    lease_s: int,
    now: datetime,
    once: Once | None = None,
    choice: work.Choice = work.ANY_WORK,
) -> Handed | bytes:
    """Hand open work of the office to the caller, in the order it chose, each piece leased until `now + lease_s`.

    Trying again hands out other work, unless `once` carries a key: then the kept answer is given. What an unheard
    answer handed out is offered again when its lease ends. Raises `KeyReused`.
    """
    until_us = to_us(now + timedelta(seconds=lease_s))
    with database.begin() as tx:
        turn = journal.take_turn(tx)
        if kept := repeated.answered(tx, caller.client, once):
            return kept
        _offer_silent_again(tx, turn, now)
        given = work.lease(tx, office, caller.client, min(most, LEASES_MAX), until_us, ids.lease_id, choice)
        leased = tuple(
            Leased(one, dossier_of(tx, one.dossier), held.refers(tx, one.dossier), halves.awaited(tx, one.dossier))
            for one in given
        )
        facts = [
            fact(
                turn, one.dossier, "leased", caller.client, now, {"lease": one.work.lease, "attempt": one.work.attempt}
            )
            for one in leased
        ]
        journal.record(tx, facts, {})
        handed = Handed(leased, work.complete_until(tx, office, turn.head, choice.procedures))
        if leased:
            repeated.remember(tx, caller.client, once, handed, now)
        journal.end_turn(tx, turn)
    return handed


def acknowledge(stores: Stores, lease_id: str, caller: Caller, now: datetime, pickup: str = "") -> HandedOver:
    """The office has the dossier, byte for byte: its work is done, and a signed statement says so.

    `pickup` is what the office's software signed itself (`api.office` says of what), and stands in the statement. Doing
    it again under the same lease changes nothing and gives the same answer. Raises `LeaseLost`, `PickupForged`; and
    `SealAway`, `DatabaseAway`: then nothing happened, and trying again is safe.
    """
    with stores.database.begin() as tx:
        turn = journal.take_turn(tx)
        if done := work.finished_under(tx, lease_id, caller.client):
            return _handed_over(tx, done.dossier)
        handed = _take(tx, turn, stores, lease_id, caller, now, pickup)
        journal.end_turn(tx, turn)
    return handed


def acknowledge_all(
    stores: Stores, leases: Sequence[str], caller: Caller, now: datetime
) -> dict[str, HandedOver | LeaseLost]:
    """The same for many leases in one transaction: a lease that was lost keeps no other from being acknowledged.

    Doing it again changes nothing. Raises `SealAway`, `DatabaseAway`: then nothing happened.
    """
    outcomes: dict[str, HandedOver | LeaseLost] = {}
    with stores.database.begin() as tx:
        turn = journal.take_turn(tx)
        for one in dict.fromkeys(leases):
            if done := work.finished_under(tx, one, caller.client):
                outcomes[one] = _handed_over(tx, done.dossier)
                continue
            try:
                outcomes[one] = _take(tx, turn, stores, one, caller, now, "")
            except LeaseLost as lost:
                outcomes[one] = lost
        journal.end_turn(tx, turn)
    return outcomes


def _take(
    tx: sa.Connection, turn: journal.Turn, stores: Stores, lease_id: str, caller: Caller, now: datetime, pickup: str
) -> HandedOver:
    held = work.held(tx, lease_id, caller.client, to_us(now))
    dossier = dossier_of(tx, held.dossier)
    if pickup:
        _check_pickup(tx, pickup, lease_id, caller, dossier)
    state = states.after(states.State(dossier.state), "acknowledged")
    work.finish(tx, held)
    taken = fact(turn, dossier, "acknowledged", caller.client, now, {"lease": lease_id})
    journal.record(tx, [taken], {dossier.id: state.value})
    course = course_of(tx, dossier, now)
    courses.put(tx, msgspec.structs.replace(course, office=held.office, taken_at_us=to_us(now)))
    number = f"{dossier.statement_number}/{taken.seq}"
    statement = receipt.handover(
        dossier,
        number=number,
        lease=lease_id,
        taken_by=caller.client,
        taken_at=now,
        seal=stores.seal.signer_at(now),
        log=stores.log_origin,
        pickup=pickup,
    )
    statements.state(
        tx,
        statements.Stated(seq=taken.seq, type=receipt.HANDOVER_TYPE, subject=dossier.id, number=number, jws=statement),
    )
    alarms.close(tx, DEAD_RULE, dossier.id, caller.client, to_us(now))
    return HandedOver(msgspec.structs.replace(dossier, state=state.value), statement)


def _check_pickup(tx: sa.Connection, pickup: str, lease_id: str, caller: Caller, dossier: journal.Dossier) -> None:
    """Whether the client's own registered key signed that it took these bytes under this lease."""
    found = clients.client(tx, caller.client)
    if found is None or found.jwk is None:
        raise PickupForged("the client has no registered key")
    try:
        said = msgspec.json.decode(open_jws(pickup, msgspec.json.decode(found.jwk), typ=PICKUP_TYPE), type=Pickup)
    except (SealBroken, msgspec.MsgspecError) as error:
        raise PickupForged(str(error)) from error
    if said != Pickup(lease=lease_id, dossier=dossier.id, sha256=dossier.sha256.hex()):
        raise PickupForged("it is about another lease, dossier or content")


def _handed_over(tx: sa.Connection, dossier_id: str) -> HandedOver:
    """What was said when the dossier was taken; '' for one that was taken before hand-overs were signed."""
    said = [one.jws for one in statements.of(tx, dossier_id) if one.type == receipt.HANDOVER_TYPE]
    return HandedOver(dossier_of(tx, dossier_id), said[-1] if said else "")


def extend(database: Database, lease_id: str, caller: Caller, lease_s: int, now: datetime) -> Leased:
    """Move the end of a running lease to `now + lease_s`. Raises `LeaseLost`; trying again is safe."""
    until_us = to_us(now + timedelta(seconds=lease_s))
    with database.begin() as tx:
        turn = journal.take_turn(tx)
        held = work.held(tx, lease_id, caller.client, to_us(now))
        dossier = dossier_of(tx, held.dossier)
        work.extend(tx, held, until_us)
        journal.record(tx, [fact(turn, dossier, "lease-extended", caller.client, now, {"lease": lease_id})], {})
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
        dossier = dossier_of(tx, dossier_id)
        journal.record(tx, [fact(turn, dossier, "revived", caller, now, {})], {})
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
    name: str,
    detail: dict[str, object],
    actor: str,
    now: datetime,
) -> str:
    dossier = dossier_of(tx, held.dossier)
    state = work.put_back(tx, held)
    facts = [fact(turn, dossier, name, actor, now, detail)]
    if state == "dead":
        facts.append(fact(turn, dossier, "dead-listed", "gateway", now, {"attempts": held.attempt}))
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


def is_any_open(tx: sa.Connection, office: str, holder: str, now: datetime, choice: work.Choice) -> bool:
    """Whether a request for work would be worth its turn: something is offered, or some holder has fallen silent."""
    return work.is_any_offered(tx, office, holder, choice) or work.is_any_silent(tx, to_us(now))
