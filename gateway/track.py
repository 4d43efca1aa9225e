"""Public tracking: where a dossier stands, told to whoever has its receipt number and its code; no person is named."""

from __future__ import annotations

import hmac
import re
import threading
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from gateway.callers import BudgetSpent
from gateway.clock import VIETNAM, from_us, rfc3339
from gateway.paper_words import STATES
from gateway.states import State
from gateway.track_code import tracking_code, typed
from storage import clients, courses, documents, journal, results

if TYPE_CHECKING:
    from datetime import datetime

    from gateway.judge import Tables
    from storage.courses import Course
    from storage.database import Database
    from storage.journal import Dossier

# Wrong tries: for one number in an hour, and for all together in a minute. A code has 50 bits.
TRIES_A_NUMBER_MAX: Final = 30
TRIES_A_MINUTE_MAX: Final = 3_000
# So many numbers at which it is guessed are remembered by a worker, so that more guesses write nothing.
SHUT_MAX: Final = 10_000
_NUMBER: Final = re.compile(r"[0-9A-Z.\-/]{1,100}", re.ASCII)
_EVERYTHING: Final = journal.Scope(everything=True)
_ENDED: Final = frozenset(
    {State.REFUSED, State.STOPPED, State.WITHDRAWN, State.DECLINED, State.FINISHED, State.RETURNED}
)
_READY: Final = frozenset({State.FINISHED, State.RETURNED})


class NotTracked(Exception):
    """There is no such number, or the code is not its code: nobody learns which. Trying again changes nothing."""


class Tracked(Struct, frozen=True, kw_only=True):
    """Where a dossier stands, for whoever holds its receipt. `due_at` is the due date in force, null when none is;
    `appointed_at` the new date that an apology named.
    """

    receipt_number: str
    state: str
    state_vi: str
    state_en: str
    procedure: str
    procedure_name: str
    office: str
    office_name: str
    received_at: str
    due_at: str | None
    appointed_at: str | None
    is_paused: bool
    supplement_awaited: bool
    result_ready: bool
    results: int


class Tracking:
    """Answers who asks; each worker has one. What it counts is counted for all workers together."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._shut: dict[str, int] = {}
        self._shut_minute = 0
        self._counting = threading.Lock()

    def find(self, number: str, code: str, tables: Tables, now: datetime) -> Tracked:
        """Where the dossier of that number stands. Raises `NotTracked`; `BudgetSpent` after too many wrong tries.

        A right try costs a look and writes nothing. It is answered also when others guess at the number, who could else
        keep its holder out: against 50 bits no guessing helps, at whatever rate.
        """
        plain = "".join(number.split()).upper()
        if not _NUMBER.fullmatch(plain):
            # No number at all: nothing is looked up, so nothing can be guessed.
            raise NotTracked(plain)
        with self._database.read() as tx:
            named = documents.about(tx, plain)
            found = journal.dossier(tx, named, _EVERYTHING) if named else None
            # Compared in constant time, and compared with something also when there is no such number.
            right = tracking_code(found.statement if found and found.statement else "")
            is_right = hmac.compare_digest(right, typed(code)) and found is not None and bool(found.statement)
            if found is not None and is_right:
                return _tracked(found, courses.find(tx, found.id), len(results.of(tx, found.id)), tables)
        self._count(plain, now)
        raise NotTracked(plain)

    def _count(self, number: str, now: datetime) -> None:
        """Count a wrong try. Raises `BudgetSpent`; what this worker knows to be spent is not counted further."""
        second = int(now.timestamp())
        minute, hour = second // 60, _hour(now)
        hour_ends_s, minute_ends_s = 3600 - second % 3600, 60 - second % 60
        with self._counting:
            is_shut, is_full = self._shut.get(number) == hour, self._shut_minute == minute
        if is_shut:
            raise BudgetSpent(TRIES_A_NUMBER_MAX, hour_ends_s)
        if is_full:
            raise BudgetSpent(TRIES_A_MINUTE_MAX, minute_ends_s)
        with self._database.begin() as tx:
            all_used = clients.take(tx, "", "track", minute, 1)
            used = 0
            if all_used <= TRIES_A_MINUTE_MAX:
                # Kept under the last minute of the hour: counts of minutes that are over are dropped.
                used = clients.take(tx, f"track {number}", "track", (hour + 1) * 60 - 1, 1)
        if all_used > TRIES_A_MINUTE_MAX:
            with self._counting:
                self._shut_minute = minute
            raise BudgetSpent(TRIES_A_MINUTE_MAX, minute_ends_s)
        if used > TRIES_A_NUMBER_MAX:
            with self._counting:
                if len(self._shut) >= SHUT_MAX:
                    self._shut.clear()
                self._shut[number] = hour
            raise BudgetSpent(TRIES_A_NUMBER_MAX, hour_ends_s)


def _tracked(dossier: Dossier, course: Course | None, files: int, tables: Tables) -> Tracked:
    state = State(dossier.state)
    words = STATES[dossier.state]
    received = from_us(dossier.received_at_us)
    on = received.astimezone(VIETNAM).date()
    office = course.office if course else dossier.competent_office
    known = tables.offices.get(office, on)
    procedure = tables.catalogue.procedure(dossier.procedure, on)
    due_at_us = course.due_at_us if course else dossier.due_at_us
    has_due = due_at_us is not None and state not in _ENDED
    appointed_at_us = course.appointed_at_us if course and state not in _ENDED else None
    return Tracked(
        receipt_number=dossier.statement_number,
        state=dossier.state,
        state_vi=words.vi,
        state_en=words.en,
        procedure=dossier.procedure,
        procedure_name=procedure.title_vi if procedure else "",
        office=office,
        office_name=known.name if known else "",
        received_at=rfc3339(received),
        due_at=rfc3339(from_us(due_at_us)) if has_due and due_at_us is not None else None,
        appointed_at=rfc3339(from_us(appointed_at_us)) if appointed_at_us is not None else None,
        is_paused=bool(course and course.paused_since_us is not None),
        supplement_awaited=state == State.SUPPLEMENT_REQUESTED,
        result_ready=state in _READY,
        results=files,
    )


def _hour(now: datetime) -> int:
    return int(now.timestamp()) // 3600
