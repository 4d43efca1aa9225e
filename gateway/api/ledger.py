"""The ledger's doors: the closings, for operators, and proofs of non-receipt, for the parties that they name."""

import re
from datetime import datetime
from typing import Annotated

import msgspec
import sqlalchemy as sa
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter
from msgspec import Struct

from gateway import absence, absence_items
from gateway.api.caller import require
from gateway.api.problems import Refused
from gateway.callers import Caller
from gateway.clock import VIETNAM, from_us, rfc3339, to_us
from gateway.closing import ABSENCE_KEY_FILE
from gateway.house import House
from signing.unique import UniqueKeyUnusable, load_unique_key
from storage import journal, ledger

_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_NEVER_US = 2**62
After = Annotated[int, QueryParameter(ge=0, le=2**63 - 1, description="the number of the last closing that was seen")]
Since = Annotated[str | None, QueryParameter(name="from", description="RFC 3339; absent: since the first closing")]
Until = Annotated[str | None, QueryParameter(name="to", description="RFC 3339; absent: until now")]
Batch = Annotated[int | None, QueryParameter(ge=1, le=9999)]


class ClosingLine(Struct, frozen=True):
    """One closing in a list."""

    closing: int
    from_seq: int
    upto_seq: int
    opened_at: str
    closed_at: str
    gaps: int
    arrived: int


class ClosingsPage(Struct, frozen=True):
    """Closings in their order; the next page is after number `next`."""

    closings: list[ClosingLine]
    next: int


class ClosingWhole(Struct, frozen=True):
    """One closing: its signed statement (compact JWS) and the lines whose digest it names."""

    closing: int
    statement: str
    lines: msgspec.Raw


@get("/v1/ledger", summary="The closings of the ledger")
async def list_closings(
    house: NamedDependency[House], caller: NamedDependency[Caller], after: After = 0
) -> ClosingsPage:
    """What came, went and stood there, closed every hour by a signed statement."""
    require(caller, "operator")

    def look() -> list[ledger.Closing]:
        with house.database.read() as tx:
            return ledger.closings(tx, after)

    found = await house.run(look)
    return ClosingsPage([_line(one) for one in found], found[-1].number if found else after)


@get("/v1/ledger/{number:int}", summary="One closing, whole")
async def show_closing(
    number: FromPath[int], house: NamedDependency[House], caller: NamedDependency[Caller]
) -> ClosingWhole:
    """The statement, and its lines: [stock, channel, office, opening, in, out, closing], byte for byte as hashed."""
    require(caller, "operator")

    def look() -> ClosingWhole:
        with house.database.read() as tx:
            found = ledger.find(tx, number) if 0 < number < 2**63 else None
            if found is None:
                raise Refused("not-found")
            return ClosingWhole(number, ledger.said(tx, [found])[number], msgspec.Raw(found.lines.encode()))

    return await house.run(look)


@get("/v1/absence", summary="Proof that something was not received")
async def prove_absence(
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
    sha256: FromQuery[str | None] = None,
    unit: FromQuery[str | None] = None,
    procedure: FromQuery[str | None] = None,
    period: FromQuery[str | None] = None,
    batch: Batch = None,
    since: Since = None,
    until: Until = None,
) -> absence.AbsenceProof:
    """By `sha256` (of the caller, or of its unit), or by `unit`, `procedure`, `period` and perhaps `batch`. Keep the
    whole answer: `motcua verify-absence` checks it offline. It says what it cannot show.
    """
    require(caller, "employer", "ivan")
    now = house.clock.now()
    asked = _asked(caller, sha256, unit, procedure, period, batch)
    span = (_instant_us(since, 0), _instant_us(until, to_us(now)))
    return await house.run_apart(_prove, house, caller, asked, span, now)


class _Asked(Struct, frozen=True, kw_only=True):
    """What is asked about: bytes of a client or unit, or a dossier of a unit, procedure and period."""

    whose: str
    sha256: bytes = b""
    procedure: str = ""
    period: str = ""
    batch: int | None = None

    @property
    def item(self) -> bytes:
        if self.sha256:
            return absence_items.digest_item(self.whose, self.sha256)
        return absence_items.business_item(self.whose, self.procedure, self.period, self.batch)


def _asked(
    caller: Caller, sha256: str | None, unit: str | None, procedure: str | None, period: str | None, batch: int | None
) -> _Asked:
    if sha256 is not None:
        if not _SHA256.fullmatch(sha256) or procedure or period or batch:
            raise Refused("bad-request", "sha256.")
        return _Asked(whose=unit or caller.client, sha256=bytes.fromhex(sha256))
    if not (unit and procedure and period):
        raise Refused("bad-request", "sha256, hoặc · or unit, procedure, period.")
    return _Asked(whose=unit, procedure=procedure, period=period, batch=batch)


def _instant_us(text: str | None, default_us: int) -> int:
    if text is None:
        return default_us
    try:
        # A plus sign that was not escaped arrives as a blank.
        instant = datetime.fromisoformat(text.replace(" ", "+"))
        if instant.tzinfo is None:
            instant = instant.replace(tzinfo=VIETNAM)
        return to_us(instant)
    except (ValueError, OverflowError) as error:
        raise Refused("bad-request", "from, to: RFC 3339.") from error


def _prove(house: House, caller: Caller, asked: _Asked, span: tuple[int, int], now: datetime) -> absence.AbsenceProof:
    if asked.whose != caller.client and not journal.may_speak(
        house.database, caller.client, asked.whose, now.astimezone(VIETNAM).date()
    ):
        raise Refused("not-your-unit")
    try:
        key = load_unique_key(house.settings.path("absence_key", ABSENCE_KEY_FILE))
    except (FileNotFoundError, UniqueKeyUnusable) as error:
        raise Refused("absence-unprovable") from error
    since_us, until_us = span
    with house.database.read() as tx:
        ledger.settle_in(tx)
        try:
            closings = absence.spanned(tx, since_us, until_us)
            last = closings[-1]
            # What came after the last closing is in none, and was received all the same.
            upto = _NEVER_US if until_us > last.closed_at_us else last.upto_seq
            if number := _came(tx, asked, ledger.Span(closings[0].from_seq, upto, last.closed_at_us)):
                raise Refused("was-received", f"{number}.")
            return absence.prove(tx, key, asked.item, closings, asked_by=caller.client, until_us=until_us, now=now)
        except absence.NothingClosed as error:
            raise Refused("not-closed-yet") from error
        except absence.SpanTooLong as error:
            raise Refused("bad-request", f"from, to: > {error} kỳ · closings.") from error
        except absence.Unprovable as error:
            raise Refused("absence-unprovable", f"{error}.") from error
        except absence.WasReceived as error:
            raise Refused("was-received", f"{error}.") from error


def _came(tx: sa.Connection, asked: _Asked, span: ledger.Span) -> str | None:
    if asked.sha256:
        return ledger.bytes_came(tx, asked.whose, asked.sha256, span)
    return ledger.business_came(tx, asked.whose, asked.procedure, asked.period, asked.batch, span)


def _line(one: ledger.Closing) -> ClosingLine:
    return ClosingLine(
        closing=one.number,
        from_seq=one.from_seq,
        upto_seq=one.upto_seq,
        opened_at=rfc3339(from_us(one.opened_at_us)),
        closed_at=rfc3339(from_us(one.closed_at_us)),
        gaps=one.gaps,
        arrived=one.absence_count,
    )


HANDLERS = [list_closings, show_closing, prove_absence]
