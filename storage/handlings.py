"""Handlings: what carriers told of items, each kept once and never changed; and what their words stand for now.

Every function takes the open transaction `tx` and never commits. Whoever keeps handlings, or works out what they amount
to, holds the one turn that `hold` takes, so that nobody counts an item's handlings while another adds to them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from storage import journal
from storage.database import Statement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SERIES: Final = "handling"
# So many items are asked for in one statement; SQLite takes 32,766 values in one.
ITEMS_AT_ONCE_MAX: Final = 5000
# A carrier that writes a new text into every event does not fill the table of its words: what is beyond is kept with
# its handling, and counts as soon as it is known, but is not reported by itself.
WORDS_MAX: Final = 500


class Handling(Struct, frozen=True, kw_only=True):
    """What a carrier told of an item. Times are microseconds since 1970 UTC: `at_us` the carrier's, `heard_at_us` ours.

    `code` is the code that it told; where it told a word alone, `mapped` is 1 and `code` what the word stood for when
    it was heard, '' when nobody knew. `word` is the carrier's own, '' when it told none. `source` says how it came:
    api, webhook, poll or file; `heard_from` from which client or command. `seq` is given when it is kept; `meant` is
    what the word stands for now, '' where nothing is known of it.
    """

    seq: int = 0
    item: str
    carrier: str
    code: str
    word: str = ""
    mapped: int = 0
    at_us: int
    office: str = ""
    place: str = ""
    source: str
    heard_at_us: int
    heard_from: str
    meant: str = ""


class Word(Struct, frozen=True, kw_only=True):
    """A carrier's word and the code that it stands for now, '' while nobody knows; how often it was told, when first
    and last, and of which item last. `followed`: the items up to this one stand by that code, None: all do.
    """

    carrier: str
    word: str
    code: str
    followed: str | None = None
    times: int
    first_at_us: int
    last_at_us: int
    item: str


_FIELDS = tuple(name for name in Handling.__struct_fields__ if name != "meant")
_KEEP = Statement(
    f"INSERT INTO handling ({', '.join(_FIELDS)}) VALUES ({', '.join(':' + name for name in _FIELDS)})"  # noqa: S608 - names are ours
)
_OF = sa.text(
    f"SELECT {', '.join('h.' + name for name in _FIELDS)}, COALESCE(w.code, '') AS meant FROM handling h"  # noqa: S608 - names are ours
    " LEFT JOIN carrier_word w ON w.carrier = h.carrier AND w.word = h.word"
    " WHERE h.item IN :items ORDER BY h.item, h.at_us, h.seq"
).bindparams(sa.bindparam("items", expanding=True))
_WORD = ", ".join(Word.__struct_fields__)
_TELL = Statement(
    f"INSERT INTO carrier_word ({_WORD}) VALUES ({', '.join(':' + name for name in Word.__struct_fields__)})"  # noqa: S608 - names are ours
    # What it stands for is changed by who follows it to every item.
    " ON CONFLICT (carrier, word) DO UPDATE SET times = carrier_word.times + excluded.times,"
    " last_at_us = excluded.last_at_us, item = excluded.item"
)


def hold(tx: sa.Connection) -> None:
    """Wait for the turn of those who keep or count handlings; it is held until `tx` ends."""
    journal.reserve(tx, _SERIES, 0)


def keep(tx: sa.Connection, rows: Sequence[Handling]) -> list[Handling]:
    """Keep what is not kept yet, in the order given; returns these, numbered. Keeping anything again changes nothing.

    One is the same as another if item, code, word, time and office are; where a carrier told a word alone, what it was
    taken for does not count, for that may have been learnt in between.
    """
    if not rows:
        return []
    hold(tx)
    known = {_sameness(one) for some in of_many(tx, [one.item for one in rows]).values() for one in some}
    fresh: list[Handling] = []
    for one in rows:
        if (same := _sameness(one)) not in known:
            known.add(same)
            fresh.append(one)
    if not fresh:
        return []
    first = journal.reserve(tx, _SERIES, len(fresh))
    kept = [msgspec.structs.replace(one, seq=first + place) for place, one in enumerate(fresh)]
    _KEEP.many(tx, [{name: getattr(one, name) for name in _FIELDS} for one in kept])
    return kept


def _sameness(one: Handling) -> tuple[str, str, str, int, str]:
    return one.item, "" if one.mapped else one.code, one.word, one.at_us, one.office


def of(tx: sa.Connection, item: str) -> list[Handling]:
    """All that was told of the item, by the carrier's time."""
    return of_many(tx, [item])[item]


def of_many(tx: sa.Connection, items: Sequence[str]) -> dict[str, list[Handling]]:
    """The same of several items; one of which nothing was told has an empty list."""
    found: dict[str, list[Handling]] = {item: [] for item in items}
    names = list(found)
    for start in range(0, len(names), ITEMS_AT_ONCE_MAX):
        for row in tx.execute(_OF, {"items": names[start : start + ITEMS_AT_ONCE_MAX]}):
            one = Handling(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
            found[one.item].append(one)
    return found


def tell_words(tx: sa.Connection, kept: Sequence[Handling], meant: Mapping[tuple[str, str], str]) -> None:
    """Count the words of what was newly kept, by carrier and word; `meant` is what the tables make of each. A word that
    came with a code and that no table knows needs nobody.
    """
    counted: dict[tuple[str, str], Word] = {}
    for one in kept:
        named = one.carrier, one.word
        if not one.word or not (one.mapped or meant.get(named)):
            continue
        before = counted.get(named)
        counted[named] = Word(
            carrier=one.carrier,
            word=one.word,
            code=meant.get(named, ""),
            times=before.times + 1 if before else 1,
            first_at_us=before.first_at_us if before else one.heard_at_us,
            last_at_us=one.heard_at_us,
            item=one.item,
        )
    for carrier in sorted({carrier for carrier, _ in counted}):
        held = {one.word for one in words(tx, (carrier,))}
        told = [one for (of_carrier, _), one in sorted(counted.items()) if of_carrier == carrier]
        new = [one for one in told if one.word not in held][: max(0, WORDS_MAX - len(held))]
        _TELL.many(tx, [msgspec.structs.asdict(one) for one in [*new, *(one for one in told if one.word in held)]])


_WORDS = f"SELECT {_WORD} FROM carrier_word"  # noqa: S608 - names are ours
_IN_ORDER = " ORDER BY carrier, times DESC, word"
_WORDS_OF = sa.text(_WORDS + " WHERE carrier IN :carriers" + _IN_ORDER).bindparams(
    sa.bindparam("carriers", expanding=True)
)


def words(tx: sa.Connection, carriers: Sequence[str] | None) -> list[Word]:
    """The words of these carriers (None: of all), the most frequent of each first."""
    if carriers is None:
        rows = tx.execute(sa.text(_WORDS + _IN_ORDER))
    else:
        rows = tx.execute(_WORDS_OF, {"carriers": list(carriers)})
    return [Word(**row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name for it


def mean(tx: sa.Connection, word: Word) -> None:
    """Write what a word stands for now and how far that was followed, in the place of what stood there before."""
    tx.execute(
        sa.text(
            f"INSERT INTO carrier_word ({_WORD}) VALUES ({', '.join(':' + name for name in Word.__struct_fields__)})"  # noqa: S608 - names are ours
            " ON CONFLICT (carrier, word) DO UPDATE SET code = excluded.code, followed = excluded.followed"
        ),
        msgspec.structs.asdict(word),
    )


def told(tx: sa.Connection) -> list[Word]:
    """Every word that was ever told, reported or not, with what it stands for now. Looks through all handlings."""
    rows = tx.execute(
        sa.text(
            "SELECT h.carrier, h.word, COALESCE(w.code, '') AS code, w.followed, h.times, h.first_at_us, h.last_at_us,"
            " h.item FROM (SELECT carrier, word, count(*) AS times, min(heard_at_us) AS first_at_us, max(item) AS item,"
            " max(heard_at_us) AS last_at_us FROM handling WHERE word <> '' GROUP BY carrier, word) h"
            " LEFT JOIN carrier_word w ON w.carrier = h.carrier AND w.word = h.word ORDER BY h.carrier, h.word"
        )
    )
    return [Word(**row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name for it


def items_told(tx: sa.Connection, carrier: str, word: str, after: str, limit: int) -> list[str]:
    """The items of which the carrier told that word, by number, after the given one."""
    found = tx.execute(
        sa.text(
            "SELECT DISTINCT item FROM handling WHERE carrier = :carrier AND word = :word AND word <> ''"
            " AND item > :after ORDER BY item LIMIT :limit"
        ),
        {"carrier": carrier, "word": word, "after": after, "limit": limit},
    )
    return [str(item) for item in found.scalars()]
