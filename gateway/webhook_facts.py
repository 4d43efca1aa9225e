"""The facts that a webhook is told of: those that GET /v1/events would show its client, told without any person."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from gateway.callers import Caller, Role, seen_by
from gateway.clock import VIETNAM, from_us, rfc3339, to_us
from gateway.states import TRANSITIONS
from storage import clients, journal, webhook_facts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    import sqlalchemy as sa

    from storage.webhooks import Message, Webhook

# A digest of the day is made at eight in the morning.
DIGEST_HOUR: Final = 8
# So many pages of facts are looked through at once for one that is wanted.
PAGES_MAX: Final = 4


class Fact(Struct, frozen=True, kw_only=True):
    """A fact as it is told: no more than numbers, codes and times. `due_at` is the due date in force after it."""

    seq: int
    dossier: str
    receipt_number: str
    state: str
    procedure: str
    unit: str
    office: str
    due_at: str | None
    # What stands beside the data in a message.
    type: str
    at: str


class Looked(Struct, frozen=True):
    """Facts that are wanted, in order, and the number up to which nothing else is."""

    events: tuple[journal.Event, ...]
    upto: int


def scope_of_client(tx: sa.Connection, client_id: str, on: date) -> journal.Scope | None:
    """What the client may see on that day; None when it may see nothing, or was shut out."""
    found = clients.client(tx, client_id)
    if found is None or found.disabled_at_us is not None:
        return None
    caller = Caller(
        client=found.id,
        role=msgspec.convert(found.role, Role),
        offices=frozenset(clients.offices(tx, found.id)),
        requests_per_minute_max=found.requests_per_minute_max,
    )
    return seen_by(caller, on)


def look(tx: sa.Connection, webhook: Webhook, after: int, most: int, now: datetime) -> Looked:
    """The next facts that the webhook is to be told of, at most `most`."""
    # Read first: whatever was committed up to it is seen by what is read next.
    head = journal.head(tx)
    scope = scope_of_client(tx, webhook.client, now.astimezone(VIETNAM).date())
    if scope is None:
        return Looked((), head)
    cut_us = to_us(digest_cut(webhook.digest, now)) if webhook.digest else None
    found: list[journal.Event] = []
    for _ in range(PAGES_MAX):
        page = journal.events(tx, scope, after)
        for event in page:
            if cut_us is not None and event.at_us >= cut_us:
                return Looked(tuple(found), after)
            after = event.seq
            if is_wanted(webhook, event):
                found.append(event)
            if len(found) == most:
                return Looked(tuple(found), after)
        if len(page) < journal.EVENTS_A_PAGE_MAX:
            return Looked(tuple(found), max(after, head))
    return Looked(tuple(found), after)


def of_message(tx: sa.Connection, webhook: Webhook, message: Message, now: datetime) -> tuple[journal.Event, ...]:
    """The facts that a message tells, as far as its client may see them today."""
    scope = scope_of_client(tx, webhook.client, now.astimezone(VIETNAM).date())
    if scope is None:
        return ()
    if message.what == "fact":
        page = journal.events(tx, scope, message.seq - 1, message.dossier)
        return tuple(event for event in page[:1] if event.seq == message.seq)
    page = journal.events(tx, scope, message.first_seq - 1)
    found: list[journal.Event] = []
    while page and page[0].seq <= message.seq:
        found += [event for event in page if event.seq <= message.seq and is_wanted(webhook, event)]
        page = journal.events(tx, scope, page[-1].seq)
    return tuple(found)


def is_wanted(webhook: Webhook, event: journal.Event) -> bool:
    """Whether the fact passes the webhook's own filters."""
    return (not webhook.types or event.type in webhook.types) and (not webhook.units or event.unit in webhook.units)


def told(tx: sa.Connection, events: Sequence[journal.Event]) -> list[Fact]:
    """The facts as they are told, each with the state and the due date that held right after it: the same whenever
    they are told.
    """
    if not events:
        return []
    names = list(dict.fromkeys(event.dossier for event in events))
    about = webhook_facts.about(tx, names)
    states: dict[str, str] = {}
    due: dict[str, str] = {}
    after: dict[int, tuple[str, str | None]] = {}
    for fact in webhook_facts.happened(tx, names, max(event.seq for event in events)):
        if fact.type in TRANSITIONS:
            states[fact.dossier] = TRANSITIONS[fact.type][1].value
        if '"due_at"' in fact.detail and (moved := msgspec.json.decode(fact.detail).get("due_at")):
            due[fact.dossier] = str(moved)
        after[fact.seq] = states.get(fact.dossier, ""), due.get(fact.dossier)
    return [_fact(event, about[event.dossier], *after[event.seq]) for event in events]


def _fact(event: journal.Event, about: webhook_facts.About, state: str, due_at: str | None) -> Fact:
    if due_at is None and about.due_at_us is not None:
        due_at = rfc3339(from_us(about.due_at_us))
    return Fact(
        seq=event.seq,
        type=event.type,
        at=rfc3339(from_us(event.at_us)),
        dossier=about.id,
        receipt_number=about.statement_number,
        state=state,
        procedure=about.procedure,
        unit=about.unit,
        office=event.office,
        due_at=due_at,
    )


def digest_cut(digest: str, now: datetime) -> datetime:
    """Facts written before this instant go into the digest that is due now: the last full hour, or eight o'clock."""
    local = now.astimezone(VIETNAM).replace(minute=0, second=0, microsecond=0)
    if digest == "hourly":
        return local
    morning = local.replace(hour=DIGEST_HOUR)
    return morning if local >= morning else morning - timedelta(days=1)
