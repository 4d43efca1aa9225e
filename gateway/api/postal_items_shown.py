"""How postal items, numbers of the pool and pick-up orders are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from gateway.api.views import AlarmShown, alarm_shown
from gateway.clock import from_us, rfc3339
from gateway.postal import item_words
from gateway.postal.items import question_of
from storage import handlings, item_bindings, item_watch, items, mailroom, pickups

if TYPE_CHECKING:
    import sqlalchemy as sa

    from gateway.postal.carrier_tables import Carriers
    from gateway.postal.items import Bound
    from gateway.report import Language
    from storage.handlings import Handling
    from storage.items import Item
    from storage.pickups import Pickup

ItemState = Literal[
    "bound", "posted", "on-the-way", "at-office", "attempted", "delivered", "returning", "returned", "lost"
]


class NumberQuestion(Struct, frozen=True):
    """What is doubtful about a number, and the check digit that belongs there."""

    code: str
    message: str
    expected: str


class ItemBound(Struct, frozen=True, kw_only=True):
    """A number and what it stands for. `findings` question a typed number until somebody has looked again."""

    number: str
    scheme: str
    carrier: str
    direction: str
    office: str
    announcement: str | None
    dossiers: list[str]
    questioned: bool
    findings: list[NumberQuestion]
    bound_at: str


class HandlingShown(Struct, frozen=True, kw_only=True):
    """One event: its EMSEVT code ("" while the carrier's word is not known) in words, and what the carrier said."""

    at: str
    code: str
    text: str
    word: str
    office: str
    place: str
    source: str
    heard_at: str


class ItemBindingShown(Struct, frozen=True, kw_only=True):
    """A time that the number was bound, or let go: to what, by whom, why."""

    at: str
    announcement: str
    dossiers: list[str]
    by: str
    why: str


class PickupShown(Struct, frozen=True, kw_only=True):
    """An order to fetch an item, the number under which the carrier knows it, and what it answered last."""

    item: str
    carrier: str
    order_number: str
    state: str
    answer: str
    attempts: int
    made_at: str
    next_at: str | None


class ItemListed(Struct, frozen=True, kw_only=True):
    """A number in a list: what it stands for, and where it is."""

    number: str
    carrier: str
    direction: str
    office: str
    unit: str
    announcement: str | None
    questioned: bool
    state: str
    state_text: str
    state_at: str
    posted_at: str | None
    delivered_at: str | None
    heard_at: str | None


class ItemShown(Struct, frozen=True, kw_only=True):
    """A number: what it stands for, where it is, all that was told of it, and what is to be done next."""

    number: str
    scheme: str
    carrier: str
    direction: str
    office: str
    unit: str
    announcement: str | None
    dossiers: list[str]
    questioned: bool
    findings: list[NumberQuestion]
    bound_at: str
    state: str
    state_text: str
    state_at: str
    posted_at: str | None
    delivered_at: str | None
    heard_at: str | None
    opened_at: str | None
    handlings: list[HandlingShown]
    bindings: list[ItemBindingShown]
    pickup: PickupShown | None
    alarms: list[AlarmShown]
    next_step: str


class ItemPage(Struct, frozen=True):
    """A page of items; ask on with `after=next`."""

    items: list[ItemListed]
    next: str


def bound(one: Bound, language: Language) -> ItemBound:
    """The answer to a binding."""
    item = one.item
    return ItemBound(
        number=item.number,
        scheme=item.scheme,
        carrier=item.carrier,
        direction=item.direction,
        office=item.office,
        announcement=item.announcement,
        dossiers=list(one.dossiers),
        questioned=bool(item.questioned),
        findings=_findings(item, language),
        bound_at=rfc3339(from_us(item.bound_at_us)),
    )


def listed(item: Item, language: Language) -> ItemListed:
    """An item in a list."""
    return ItemListed(
        number=item.number,
        carrier=item.carrier,
        direction=item.direction,
        office=item.office,
        unit=item.unit,
        announcement=item.announcement,
        questioned=bool(item.questioned),
        state=item.state,
        state_text=_of(item_words.STATES.get(item.state, ("", "")), language),
        state_at=rfc3339(from_us(item.state_at_us)),
        posted_at=_at(item.posted_at_us),
        delivered_at=_at(item.delivered_at_us),
        heard_at=_at(item.heard_at_us),
    )


def whole(tx: sa.Connection, item: Item, carriers: Carriers, language: Language) -> ItemShown:
    """An item with all that is known of it."""
    opening = mailroom.opening_of(tx, item.number)
    ordered = pickups.find(tx, item.number)
    line = listed(item, language)
    return ItemShown(
        **{name: getattr(line, name) for name in ItemListed.__struct_fields__},
        scheme=item.scheme,
        dossiers=items.dossiers_of(tx, item.number),
        findings=_findings(item, language),
        bound_at=rfc3339(from_us(item.bound_at_us)),
        opened_at=_at(opening.opened_at_us) if opening else None,
        handlings=[_handling(one, carriers, language) for one in handlings.of(tx, item.number)],
        bindings=[_binding(one) for one in item_bindings.of(tx, item.number)],
        pickup=pickup(ordered) if ordered else None,
        alarms=[alarm_shown(one, language) for one in item_watch.alarms_about(tx, item.number)],
        next_step=_of(item_words.next_step(item, is_opened=opening is not None), language),
    )


def pickup(one: Pickup) -> PickupShown:
    """A pick-up order; nothing of whom it names."""
    return PickupShown(
        item=one.item,
        carrier=one.carrier,
        order_number=one.order_number,
        state=one.state,
        answer=one.answer,
        attempts=one.attempts,
        made_at=rfc3339(from_us(one.made_at_us)),
        next_at=_at(one.next_at_us) if one.state == pickups.WAITING else None,
    )


def _handling(one: Handling, carriers: Carriers, language: Language) -> HandlingShown:
    code = one.code or carriers.code_of(one.carrier, one.word)
    return HandlingShown(
        at=rfc3339(from_us(one.at_us)),
        code=code,
        text=_of(item_words.EVENTS.get(code, item_words.UNKNOWN_EVENT), language),
        word=one.word,
        office=one.office,
        place=one.place,
        source=one.source,
        heard_at=rfc3339(from_us(one.heard_at_us)),
    )


def _binding(one: item_bindings.ItemBinding) -> ItemBindingShown:
    return ItemBindingShown(
        at=rfc3339(from_us(one.at_us)),
        announcement=one.announcement,
        dossiers=list(one.dossiers),
        by=one.bound_by,
        why=one.why,
    )


def _findings(item: Item, language: Language) -> list[NumberQuestion]:
    why = question_of(item)
    if why is None:
        return []
    return [NumberQuestion(why.code, why.vi if language == "vi" else why.en, why.expected)]


def _of(words: tuple[str, str], language: Language) -> str:
    return words[0] if language == "vi" else words[1]


def _at(at_us: int | None) -> str | None:
    return None if at_us is None else rfc3339(from_us(at_us))
