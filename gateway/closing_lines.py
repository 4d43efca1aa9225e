"""The lines of a closing: opening, in, out and closing of every stock, and the gaps where they do not meet.

What came and went is counted from the facts, what is there from the tables, the opening is the closing before. Nothing
is worked out from the others, so that whatever is lost on one side shows as a difference.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from gateway import states
from gateway.closing_stocks import FACTS, IDENTITIES, STOCKS, after, cells, standing_of
from storage import ledger

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import sqlalchemy as sa

    from gateway.closing_stocks import Standing

# Dossiers whose facts cannot follow one another are told by name up to so many; all are counted.
IMPOSSIBLE_TOLD_MAX: Final = 50

Key = tuple[str, str, str]
"""A stock, a channel and an office."""


class Line(Struct, frozen=True, array_like=True):
    """One stock of one channel and office. `incoming` and `outgoing` are by facts, `closing` is by the tables."""

    stock: str
    channel: str
    office: str
    opening: int
    incoming: int
    outgoing: int
    closing: int

    @property
    def numbers(self) -> tuple[int, int, int, int]:
        """Opening, in, out, closing."""
        return self.opening, self.incoming, self.outgoing, self.closing

    @property
    def missing(self) -> int:
        """How many are there too few (or, below zero, too many)."""
        return self.opening + self.incoming - self.outgoing - self.closing


class Gap(Struct, frozen=True, kw_only=True):
    """Something that does not meet. `rule` is `flow` (opening + in − out ≠ closing), `identity` (a stock is not the sum
    of its parts; `stock` is the sum's), or `facts` (a dossier's facts cannot follow one another; `stock` is its id).
    """

    rule: str
    stock: str
    channel: str
    office: str
    expected: int
    counted: int

    @property
    def subject(self) -> str:
        """What an alarm is about: a standing difference is one alarm, however many closings see it."""
        return "/".join(part for part in (self.rule, self.stock, self.channel, self.office) if part)


class Book(Struct, frozen=True):
    """All lines between two numbers in commit order, in their order, and the gaps."""

    lines: tuple[Line, ...]
    gaps: tuple[Gap, ...]

    def encoded(self) -> bytes:
        """The lines as they are kept and hashed: a JSON array of arrays, without blanks."""
        return msgspec.json.encode(self.lines)


def read_lines(text: str) -> tuple[Line, ...]:
    """The lines as they were kept. Raises `msgspec.MsgspecError`."""
    return msgspec.json.decode(text, type=tuple[Line, ...])


def count(tx: sa.Connection, previous: ledger.Closing | None, upto: int) -> Book:
    """Count everything from the previous closing up to number `upto`, in the snapshot that `tx` is."""
    since = previous.upto_seq if previous else 0
    opening = (
        {(one.stock, one.channel, one.office): one.closing for one in read_lines(previous.lines)} if previous else {}
    )
    came, went, impossible = _flows(ledger.touched(tx, since, upto), since)
    there = _stocks(tx)
    came[FACTS, "", ""] = ledger.facts(tx, since, upto)
    there[FACTS, "", ""] = upto
    lines = tuple(
        Line(*key, opening.get(key, 0), came.get(key, 0), went.get(key, 0), there.get(key, 0))
        for key in sorted(opening.keys() | came.keys() | went.keys() | there.keys(), key=_order)
    )
    kept = tuple(one for one in lines if one.opening or one.incoming or one.outgoing or one.closing)
    flow = [
        Gap(
            rule="flow",
            stock=one.stock,
            channel=one.channel,
            office=one.office,
            expected=one.opening + one.incoming - one.outgoing,
            counted=one.closing,
        )
        for one in kept
        if one.missing
    ]
    broken = [
        Gap(rule="facts", stock=dossier, channel="", office="", expected=0, counted=number)
        for dossier, number in sorted(impossible.items())[:IMPOSSIBLE_TOLD_MAX]
    ]
    return Book(kept, (*flow, *_identities(there), *broken))


def _order(key: Key) -> tuple[int, Key]:
    stocks = list(STOCKS)
    return (stocks.index(key[0]) if key[0] in STOCKS else len(stocks)), key


def _flows(facts: Iterable[ledger.Fact], since: int) -> tuple[dict[Key, int], dict[Key, int], dict[str, int]]:
    """What came into and what went out of each stock, by facts after number `since`; and the dossiers whose facts
    cannot be, with how many of them.
    """
    came: dict[Key, int] = defaultdict(int)
    went: dict[Key, int] = defaultdict(int)
    impossible: dict[str, int] = defaultdict(int)
    dossier, standing, held = "", None, frozenset[tuple[str, str]]()
    for fact in facts:
        if fact.dossier != dossier:
            dossier, standing, held = fact.dossier, None, frozenset()
        try:
            standing = after(standing, fact)
        except (states.IllegalTransition, ValueError):
            impossible[dossier] += 1
            continue
        now = frozenset(cells(standing))
        if fact.seq > since:
            channel = fact.channel or ""
            for stock, office in now - held:
                came[stock, channel, office] += 1
            for stock, office in held - now:
                went[stock, channel, office] += 1
        held = now
    return came, went, impossible


def _stocks(tx: sa.Connection) -> dict[Key, int]:
    there: dict[Key, int] = defaultdict(int)
    for row in ledger.counted(tx):
        for stock, office in _distinct(standing_of(row)):
            there[stock, row.channel, office] += row.count
    return there


def _distinct(standing: Standing) -> frozenset[tuple[str, str]]:
    return frozenset(cells(standing))


def _identities(there: Mapping[Key, int]) -> list[Gap]:
    """The sums that hold at every instant, whatever came and went."""
    found = []
    for channel, office in sorted({key[1:] for key in there}):
        for left, right in IDENTITIES:
            whole = sum(there.get((stock, channel, office), 0) for stock in left)
            parts = sum(there.get((stock, channel, office), 0) for stock in right)
            if whole != parts:
                name = f"{' + '.join(left)} = {' + '.join(right)}"
                found.append(
                    Gap(rule="identity", stock=name, channel=channel, office=office, expected=whole, counted=parts)
                )
    return found
