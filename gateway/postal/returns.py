"""Results and originals go back by post: what is put into an item, to whom, and what the office decides when it comes
back.

1. The dossiers are the office's, of one unit; what is put in belongs to them, and each original is there to be sent.
2. The item's number is the one that was typed, or the next of the carrier's pool; it carries nothing else.
3. Item, contents and the custody of each original are written together. What the carrier told already counts at once.
4. The carrier's events say what became of it (`follow_returns`): delivered, or back again. Then a person decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from msgspec import Meta, Struct, structs

from gateway import repeated, tracking
from gateway.clock import to_us
from gateway.postal.announced_input import ReturnTo
from gateway.postal.pieces import COUNT_MAX, PIECES_MAX, Kind
from gateway.reports import theirs
from gateway.s10 import Why
from storage import announcements, handlings, item_bindings, items, journal, originals, outbound, pool
from storage.outbound import Carried, Outbound

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import sqlalchemy as sa

    from gateway.callers import Caller
    from gateway.postal.carrier_tables import Carriers, ItemNumber
    from gateway.repeated import Once
    from storage.database import Database
    from storage.journal import Dossier
    from storage.originals import Original

DOSSIERS_MAX: Final = 50
_FOR_A_RETURN: Final = "return"


class ReturnUnfit(Exception):
    """What was said of an item cannot be: `member` names what, in words of both languages. Nothing was written; trying
    again changes nothing.
    """

    def __init__(self, member: str, vi: str, en: str) -> None:
        super().__init__(f"{member}: {vi} · {en}")
        self.member, self.vi, self.en = member, vi, en


class NotOutbound(Exception):
    """There is no such item that goes out, or it is not this caller's. Trying again changes nothing."""


class ReturnSettled(Exception):
    """The item was delivered, is on its way, or was decided about: nothing is left to decide. Trying again changes
    nothing.
    """


class Content(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """So many pieces of a kind for a dossier: originals by the id of what is held, results by their number."""

    kind: Kind
    count: Annotated[int, Meta(ge=1, le=COUNT_MAX)] = 1
    name: Annotated[str, Meta(max_length=200)] = ""
    dossier: Annotated[str, Meta(max_length=60)]
    original: Annotated[str, Meta(max_length=60)] = ""
    result_number: Annotated[str, Meta(max_length=100)] = ""


class Return(Struct, frozen=True, kw_only=True):
    """An item that goes out. `item` is its number; with `pool` the next of `carrier`'s is taken instead. Without an
    `address` it goes where the announcement said that everything goes back to.
    """

    item: str = ""
    pool: bool = False
    carrier: str = ""
    dossiers: tuple[str, ...]
    contents: tuple[Content, ...]
    address: ReturnTo | None = None
    manifest_number: str = ""
    form_05: bool = False


class Sent(Struct, frozen=True):
    """An outbound item as it stands, and the dossiers in it."""

    carried: Carried
    dossiers: tuple[str, ...]


def send(
    database: Database, carriers: Carriers, caller: Caller, said: Return, now: datetime, once: Once | None = None
) -> Sent | bytes:
    """Write what goes out in an item; with a key that was used, the kept answer.

    Raises `NotTheirs`, `ReturnUnfit`, `OriginalElsewhere`, `KeyReused`: nothing was written; `DatabaseAway`: trying
    again is safe under the same key.
    """
    with database.begin() as tx:
        turn = journal.take_turn(tx)
        if kept := repeated.answered(tx, caller.client, once):
            return kept
        sent = _send(tx, carriers, caller, said, now)
        repeated.remember(tx, caller.client, once, sent, now)
        journal.end_turn(tx, turn)
    return sent


def decide(
    database: Database,
    carriers: Carriers,
    caller: Caller,
    item: str,
    again: Return | None,
    note: str,
    now: datetime,
    once: Once | None = None,
) -> Sent | bytes:
    """What becomes of an item that was not delivered: sent `again` with the same contents, or kept to be collected.

    Raises `NotOutbound`, `ReturnSettled`, and what `send` raises: nothing was written; `DatabaseAway`: trying again is
    safe under the same key.
    """
    with database.begin() as tx:
        turn = journal.take_turn(tx)
        if kept := repeated.answered(tx, caller.client, once):
            return kept
        carried = theirs_to_send(tx, item, caller)
        before = carried.outbound
        if before.state != outbound.UNDELIVERED:
            raise ReturnSettled(before.state)
        state, next_item = outbound.KEPT, None
        if again is not None:
            state, next_item = outbound.SENT_AGAIN, _send(tx, carriers, caller, _same(tx, before, again), now)
        decided = structs.replace(
            before,
            state=state,
            state_at_us=to_us(now),
            decided_by=caller.client,
            decision_note=note,
            next_item=next_item.carried.outbound.item if next_item else None,
        )
        outbound.put(tx, decided)
        answer = _sent(tx, item)
        repeated.remember(tx, caller.client, once, answer, now)
        journal.end_turn(tx, turn)
    return answer


def form_05_came(database: Database, caller: Caller, item: str, at: datetime, note: str, now: datetime) -> Sent:
    """Write that the signed slip came back. Told again, the first stands.

    Raises `NotOutbound`, `ReturnUnfit` (none was asked for, or that time is to come), `DatabaseAway`.
    """
    with database.begin() as tx:
        # The whole row is written: nobody may follow or decide about the item meanwhile.
        turn = journal.take_turn(tx)
        one = theirs_to_send(tx, item, caller).outbound
        if one.form_05 == outbound.NOT_ASKED:
            raise ReturnUnfit("form_05", "bưu gửi này không yêu cầu thu hồi mẫu 05", "no form 05 was asked for")
        if at > now:
            raise ReturnUnfit("at", "thời điểm ở tương lai", "that time is to come")
        if one.form_05 != outbound.CAME_BACK:
            outbound.put(
                tx,
                structs.replace(one, form_05=outbound.CAME_BACK, form_05_at_us=to_us(at), form_05_note=note),
            )
        sent = _sent(tx, item)
        journal.end_turn(tx, turn)
    return sent


def contents_of(one: Outbound) -> tuple[Content, ...]:
    """What is in it, as it was written."""
    return msgspec.json.decode(one.contents, type=tuple[Content, ...])


def address_of(one: Outbound) -> ReturnTo | None:
    """To whom it goes; None once that was cleared."""
    return msgspec.json.decode(one.address, type=ReturnTo) if one.address else None


def theirs_to_send(tx: sa.Connection, item: str, caller: Caller) -> Carried:
    """The outbound item, if it is one of the caller's offices' (an operator sees all). Raises `NotOutbound`."""
    found = outbound.find(tx, item)
    if found is None or (caller.role != "operator" and found.office not in caller.offices):
        raise NotOutbound(item)
    return found


def _sent(tx: sa.Connection, item: str) -> Sent:
    found = outbound.find(tx, item)
    if found is None:
        raise NotOutbound(item)
    return Sent(found, tuple(items.dossiers_of(tx, item)))


def _same(tx: sa.Connection, before: Outbound, again: Return) -> Return:
    """The same contents once more; an original that is not back with the office cannot be sent again."""
    there = {one.id: one for one in originals.sent_in(tx, before.item)}
    contents = tuple(
        one
        for one in contents_of(before)
        if not one.original or (one.original in there and there[one.original].state == originals.HELD)
    )
    return structs.replace(
        again,
        dossiers=tuple(items.dossiers_of(tx, before.item)),
        contents=contents,
        address=again.address or address_of(before),
        form_05=again.form_05 or before.form_05 != outbound.NOT_ASKED,
    )


def _send(tx: sa.Connection, carriers: Carriers, caller: Caller, said: Return, now: datetime) -> Sent:
    # (1) Whose it is, and whether it is there.
    dossiers = [theirs(tx, one, caller) for one in dict.fromkeys(said.dossiers)]
    _check(said, dossiers)
    held = [_held(tx, one, caller) for one in said.contents]
    address = said.address or _announced_address(tx, dossiers)
    # (2) Its number: whoever else takes or binds numbers waits.
    handlings.hold(tx)
    read = _number(tx, carriers, caller, said, now)
    # (3) All of it together.
    contents = [_taken(tx, one, original, caller, now) for one, original in zip(said.contents, held, strict=True)]
    first = dossiers[0]
    _bind(tx, read, said, first, dossiers, caller, now)
    made = Outbound(
        item=read.number,
        contents=msgspec.json.encode(contents).decode(),
        address=msgspec.json.encode(address).decode(),
        manifest_number=said.manifest_number,
        form_05=outbound.AWAITED if said.form_05 else outbound.NOT_ASKED,
        made_at_us=to_us(now),
        made_by=caller.client,
        state_at_us=to_us(now),
    )
    outbound.add(tx, made)
    for one in contents:
        if one.original and (original := originals.find(tx, one.original)) is not None:
            originals.stand(tx, original, originals.SENT, to_us(now), sent_in=read.number)
            originals.tell(
                tx, original.id, "sent", holder=_carrier(read, said), at_us=to_us(now), told_by=caller.client,
                note=read.number,
            )  # fmt: skip
    tracking.restand(tx, read.number)
    return _sent(tx, read.number)


def _check(said: Return, dossiers: Sequence[Dossier]) -> None:
    if not 1 <= len(dossiers) <= DOSSIERS_MAX:
        raise ReturnUnfit("dossiers", f"từ 1 đến {DOSSIERS_MAX} hồ sơ", f"1 to {DOSSIERS_MAX} dossiers")
    if len({(one.unit, one.competent_office) for one in dossiers}) > 1:
        raise ReturnUnfit(
            "dossiers",
            "một bưu gửi chỉ trả cho một đơn vị, từ một cơ quan",
            "an item goes to one unit, from one office",
        )
    if purposes := [one.id for one in dossiers if one.purpose]:
        raise ReturnUnfit(
            "dossiers",
            f"{purposes[0]} là phần gửi cho hồ sơ khác: ghi hồ sơ chính",
            f"{purposes[0]} was sent about another dossier: name that one",
        )
    if not 1 <= len(said.contents) <= PIECES_MAX:
        raise ReturnUnfit("contents", f"từ 1 đến {PIECES_MAX} dòng", f"1 to {PIECES_MAX} lines")
    strange = [one.dossier for one in said.contents if one.dossier not in {dossier.id for dossier in dossiers}]
    if strange:
        raise ReturnUnfit(
            "contents", f"hồ sơ {strange[0]} không có trong danh sách hồ sơ", f"{strange[0]} is none of the dossiers"
        )
    named = [one.original for one in said.contents if one.original]
    if len(set(named)) < len(named):
        raise ReturnUnfit("contents", "một bản chính được ghi hai lần", "an original is named twice")


def _held(tx: sa.Connection, one: Content, caller: Caller) -> Original | None:
    """The original of a line, if it names one, and it is there to be sent."""
    if not one.original:
        return None
    found = originals.find(tx, one.original)
    if found is None or found.dossier != one.dossier:
        raise ReturnUnfit(
            "contents", f"hồ sơ không có bản chính {one.original}", f"the dossier has no original {one.original}"
        )
    if found.office not in caller.offices:
        raise ReturnUnfit(
            "contents", f"bản chính {found.id} do cơ quan {found.office} giữ", f"office {found.office} holds {found.id}"
        )
    if found.kind != one.kind:
        raise ReturnUnfit("contents", f"{found.id} là {found.kind}, không phải {one.kind}", f"{found.id}: {found.kind}")
    if found.state != originals.HELD or found.count < one.count:
        raise originals.OriginalElsewhere(found.id)
    return found


def _taken(tx: sa.Connection, one: Content, original: Original | None, caller: Caller, now: datetime) -> Content:
    """The line as it is written: of more originals than are sent, those that are sent are divided off."""
    if original is None or original.count == one.count:
        return one
    part = originals.divide(tx, original, one.count, to_us(now), caller.client)
    return structs.replace(one, original=part.id)


def _announced_address(tx: sa.Connection, dossiers: Sequence[Dossier]) -> ReturnTo:
    for dossier in dossiers:
        # Of a dossier whose paper half came, that one's announcement says where to.
        alone = announcements.announced(tx, dossier.id)
        for announced in [*([alone] if alone else []), *announcements.paper_halves(tx, dossier.id)]:
            made = announcements.find(tx, announced.announcement)
            if made is not None and made.return_to:
                return msgspec.json.decode(made.return_to, type=ReturnTo)
    raise ReturnUnfit("address", "chưa có địa chỉ nhận", "there is no address to send it to")


def _number(tx: sa.Connection, carriers: Carriers, caller: Caller, said: Return, now: datetime) -> ItemNumber:
    """The number, read and free. Raises `ReturnUnfit`."""
    if said.carrier and said.carrier not in carriers.all:
        raise ReturnUnfit("carrier", f"không có bưu chính {said.carrier}", f"there is no carrier {said.carrier}")
    text = said.item
    if said.pool:
        free = pool.next_free(tx, said.carrier)
        if free is None:
            raise ReturnUnfit(
                "pool", f"bưu chính {said.carrier} không còn số nào trong kho", f"{said.carrier}'s pool is empty"
            )
        text = free.number
    read = carriers.number(text, scanned=False)
    if isinstance(read, Why):
        raise ReturnUnfit("item", read.vi, read.en)
    if items.find(tx, read.number) is not None:
        raise ReturnUnfit("item", f"số {read.number} đã dùng cho bưu gửi khác", f"{read.number} is another item's")
    known = pool.find(tx, read.number)
    if known is not None and known.state == pool.RECALLED:
        raise ReturnUnfit("item", f"số {read.number} đã bị thu hồi", f"{read.number} went back to its carrier")
    if known is not None and known.state == pool.FREE:
        pool.take(tx, known.number, f"{_FOR_A_RETURN}:{known.number}", caller.client, to_us(now))
    if known is not None and said.carrier and known.carrier != said.carrier:
        raise ReturnUnfit(
            "carrier", f"số {read.number} là của bưu chính {known.carrier}", f"{read.number} is {known.carrier}'s"
        )
    return read if known is None else structs.replace(read, carrier=known.carrier)


def _carrier(read: ItemNumber, said: Return) -> str:
    return said.carrier or read.carrier


def _bind(
    tx: sa.Connection,
    read: ItemNumber,
    said: Return,
    first: Dossier,
    dossiers: Sequence[Dossier],
    caller: Caller,
    now: datetime,
) -> None:
    if not _carrier(read, said):
        raise ReturnUnfit("carrier", "số này không cho biết bưu chính: ghi tên bưu chính", "name the carrier")
    names = tuple(one.id for one in dossiers)
    item = items.Item(
        number=read.number,
        scheme=read.scheme,
        carrier=_carrier(read, said),
        direction="out",
        office=first.competent_office,
        unit=first.unit,
        announcement=None,
        bound_at_us=to_us(now),
        bound_by=caller.client,
        questioned=int(read.questioned),
        state_at_us=to_us(now),
    )
    items.bind(tx, item, names)
    item_bindings.trace(
        tx, read.number, None, names, questioned=item.questioned, at_us=to_us(now), by=caller.client, why=_FOR_A_RETURN
    )
