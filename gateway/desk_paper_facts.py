"""What the papers of the desk are made from: a dossier's facts as they were written, and the names of their codes."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct, field

from gateway.clock import VIETNAM, from_us
from gateway.desk_paper_words import FIRST_UNIT, UNIT_CODES
from schemas.printed_page import seen
from storage import journal

if TYPE_CHECKING:
    from datetime import date

    import sqlalchemy as sa

    from gateway.judge import Tables
    from storage.journal import Dossier, Event

_EVERYTHING: Final = journal.Scope(everything=True)
# January and February are written with their zero, the other months without (Decree 30/2020, annex I, II.4).
_LAST_MONTH_WITH_ZERO: Final = 2


class Asked(Struct, frozen=True):
    """One thing that a supplement request asks for."""

    what: str = ""
    why: str = ""


class Detail(Struct, frozen=True, kw_only=True):
    """The members of a fact's detail that papers tell. Times are RFC 3339; what was not said is empty."""

    report: str = ""
    receipt: str = ""
    department: str = ""
    officer: str = ""
    at: str = ""
    until: str = ""
    reason: str = ""
    due_at: str = ""
    national_code: str = ""
    bhxh_number: str = ""
    # A list in a request; in the fact that one came, the id of what was sent; "" once the dossier was erased.
    supplement: tuple[Asked, ...] | str = ()
    second: bool = False
    results: tuple[int, ...] = ()
    returned_by: str = ""
    corrects: int | None = None
    # The postal item that the fact is about.
    item: str = ""
    left: str = field(name="from", default="")
    to: str = ""

    @property
    def asked(self) -> tuple[Asked, ...]:
        """What the request lists."""
        return () if isinstance(self.supplement, str) else self.supplement


class Fact(Struct, frozen=True):
    """A fact and its detail."""

    event: Event
    said: Detail

    @property
    def at(self) -> datetime:
        """When the gateway wrote it."""
        return from_us(self.event.at_us)

    @property
    def own_at(self) -> datetime:
        """When it was, by the office's own clock if it said so."""
        return instant(self.said.at) or self.at


def facts_of(tx: sa.Connection, dossier: str, upto_seq: int) -> list[Fact]:
    """The dossier's facts up to number `upto_seq`, in commit order."""
    found: list[Fact] = []
    after = 0
    while page := journal.events(tx, _EVERYTHING, after, dossier):
        found += [Fact(one, msgspec.json.decode(one.detail, type=Detail)) for one in page if one.seq <= upto_seq]
        after = page[-1].seq
        if after >= upto_seq:
            break
    return found


def instant(said: str) -> datetime | None:
    """The instant that a detail tells; None where it tells none."""
    return datetime.fromisoformat(said) if said else None


def on(dossier: Dossier) -> date:
    """The day of receipt in Vietnam: the names of units and procedures are those of that day."""
    return from_us(dossier.received_at_us).astimezone(VIETNAM).date()


def procedure_told(tables: Tables, code: str, day: date) -> str:
    """A procedure's code and name."""
    procedure = tables.catalogue.procedure(code, day)
    return f"{code} – {procedure.title_vi}" if procedure else code


def office_told(tables: Tables, code: str, day: date) -> str:
    """An office's code and its name on that day."""
    office = tables.offices.get(code, day)
    return f"{code} – {office.name}" if office else code


def unit_told(dossier: Dossier, name: str) -> tuple[str, ...]:
    """The unit's name, if the register has it, and its codes."""
    codes = (UNIT_CODES if dossier.unit else FIRST_UNIT).format(unit=dossier.unit, tax_code=dossier.tax_code or "—")
    named = seen(name)
    return (named, seen(codes)) if named else (seen(codes),)


def paragraphs(said: str) -> tuple[str, ...]:
    """What an office wrote, line by line, with what cannot be seen written out; empty lines are left out."""
    return tuple(line for one in said.splitlines() if (line := seen(one)))


def dated(at: datetime) -> str:
    """The day as an administrative paper writes it (Decree 30/2020, annex I, II.4)."""
    day = at.astimezone(VIETNAM)
    month = f"{day:%m}" if day.month <= _LAST_MONTH_WITH_ZERO else str(day.month)
    return f"Ngày {day:%d} tháng {month} năm {day.year}"


def in_words(at: datetime) -> str:
    """The instant to the minute as people write an appointment: 8 giờ 30 phút, ngày 09/03/2026."""
    day = at.astimezone(VIETNAM)
    return f"{day.hour} giờ {day:%M} phút, ngày {day:%d/%m/%Y}"
