"""Pages find their dossiers: all that was scanned of an item is matched again with all that is expected in it.

It is done whenever something came that may change it: a further scan, a person's word, an announcement. What a person
bound stays bound, and what a filed dossier was made of stays with it; everything else follows from what is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct, structs

from gateway.clock import to_us
from gateway.mailroom import matching
from gateway.mailroom.codes import Printed, check_cover, read_code
from gateway.mailroom.matching import Missing
from gateway.mailroom.opening import counted_in, expected_in
from gateway.mailroom.reading import PageRead
from storage import announcements, items, mailroom
from storage.mailroom import Binding, Page, PaperFiling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    import sqlalchemy as sa

    from gateway.mailroom.codes import CoverCode
    from gateway.mailroom.counting import Counted
    from gateway.mailroom.opening import Expected
    from gateway.settle import Stores
    from storage.mailroom import Opening, Scan

GATEWAY: Final = "gateway"
_PERSON: Final = "person"
_LATE: Final = "late"
_UNANNOUNCED: Final = "unannounced"
# Whose pages stay as they are: it was made of them, or is being made.
_FROZEN: Final = frozenset({mailroom.WANTED, mailroom.FILED, mailroom.REBOUND})

PageKey = tuple[str, int]


class Why(Struct, frozen=True, omit_defaults=True):
    """Why a page is where it is: a word of `matching_words.WHYS` or of ours, and the dossier to think of first."""

    code: str = ""
    near: str = ""


class Lack(Struct, frozen=True, kw_only=True):
    """What keeps a dossier from being made by itself. `key` names it, so that a person can say that it was seen;
    `item` is another item of the dossier that was not opened yet.
    """

    key: str
    missing: Missing | None = None
    item: str = ""


class Pile(Struct, frozen=True, kw_only=True):
    """The openings that are looked at together, because they share dossiers: their pages and all that is expected."""

    openings: tuple[Opening, ...]
    scans: dict[str, Scan]
    pages: dict[PageKey, Page]
    # By the openings' ids, what is in each; and of all of them.
    dossiers: dict[str, tuple[str, ...]]
    expected: dict[str, Expected]
    counted: tuple[Counted, ...]
    filings: dict[str, PaperFiling]
    # Items of the dossiers that are on their way still.
    unopened: dict[str, tuple[str, ...]]
    # Pages of other items that a person bound to a dossier of these.
    guests: tuple[Page, ...]


def pile_of(tx: sa.Connection, opening: Opening) -> Pile:
    """All that must be looked at when something about the opening changes."""
    openings, todo = {opening.item: opening}, [opening.item]
    expected: dict[str, Expected] = {}
    dossiers: dict[str, tuple[str, ...]] = {}
    unopened: dict[str, tuple[str, ...]] = {}
    while todo:
        inside = expected_in(tx, item := todo.pop())
        dossiers[openings[item].id] = tuple(inside)
        for dossier, one in inside.items():
            if dossier in expected:
                continue
            expected[dossier] = one
            inbound = [found.number for found in items.of_dossier(tx, dossier) if found.direction == "in"]
            opened = {number: mailroom.opening_of(tx, number) for number in inbound}
            unopened[dossier] = tuple(number for number, there in opened.items() if there is None)
            fresh = {number: there for number, there in opened.items() if there and number not in openings}
            openings |= fresh
            todo += fresh
    in_order = tuple(sorted(openings.values(), key=lambda one: (one.opened_at_us, one.id)))
    pages = {(page.scan, page.number): page for one in in_order for page in mailroom.pages_in(tx, one.id)}
    theirs = [page for dossier in expected for page in mailroom.pages_of(tx, dossier)]
    filings = {dossier: mailroom.filing_of(tx, dossier) for dossier in expected}
    return Pile(
        openings=in_order,
        scans={scan.id: scan for one in in_order for scan in mailroom.scans_of(tx, one.id)},
        pages=pages,
        dossiers=dossiers,
        expected=expected,
        counted=_counted(in_order, dossiers),
        filings={dossier: one for dossier, one in filings.items() if one is not None},
        unopened=unopened,
        guests=tuple(page for page in theirs if (page.scan, page.number) not in pages),
    )


def held_pile(tx: sa.Connection, opening: Opening) -> Pile:
    """The same, with nobody else binding pages of these openings until `tx` ends."""
    # In one order, whoever holds them: two that hold the same then wait for each other and not in a ring.
    for opening_id in sorted(one.id for one in pile_of(tx, opening).openings):
        mailroom.hold(tx, opening_id)
    return pile_of(tx, opening)


def settle(
    tx: sa.Connection,
    stores: Stores,
    opening_id: str,
    now: datetime,
    *,
    read: Mapping[str, Sequence[PageRead]] | None = None,
    by: str = GATEWAY,
) -> list[str]:
    """Match the opening's pages again, `read` among them for the first time, and write what changed; returns the
    dossiers that are to be made now. Doing it again changes nothing. The caller's transaction must hold nothing else of
    the mail room.
    """
    opening = mailroom.opening(tx, opening_id)
    if opening is None:
        return []
    pile = held_pile(tx, opening)
    fresh = {
        (scan, page.number): Page(
            scan=scan, number=page.number, dossier="", state=mailroom.WAITING, how="", why="{}",
            codes=msgspec.json.encode(_without_foreign(page)).decode(),
        )
        for scan, pages in (read or {}).items()
        for page in pages
    }  # fmt: skip
    pile = structs.replace(pile, pages=pile.pages | {key: page for key, page in fresh.items() if key not in pile.pages})
    keys = stores.seal.keys(now)
    after, found = _matched(pile, lambda code: check_cover(code, keys))
    changed = [page for key, page in after.items() if page != pile.pages[key] or key in fresh]
    mailroom.put_pages(tx, changed)
    _trace(tx, pile, changed, by, now)
    pile = structs.replace(pile, pages=after)
    wanted = []
    for dossier, lacks in lacking(pile, found).items():
        standing = pile.filings.get(dossier)
        announced = pile.expected[dossier].announced
        if announced.state == announcements.ANNOUNCED and not lacks and standing is None:
            want(tx, pile, dossier, by=GATEWAY, reason="", missing=(), now=now)
            wanted.append(dossier)
        elif standing is not None and standing.state == mailroom.WANTED:
            wanted.append(dossier)
    close(tx, pile)
    return wanted


def want(
    tx: sa.Connection, pile: Pile, dossier: str, *, by: str, reason: str, missing: Sequence[str], now: datetime
) -> bool:
    """Write that the dossier is to be made of the pages that it has now; False when it is made already."""
    last = [one for one in pile.openings if dossier in pile.dossiers[one.id]][-1]
    return mailroom.want(
        tx,
        PaperFiling(
            dossier=dossier,
            opening=last.id,
            state=mailroom.WANTED,
            asked_at_us=to_us(now),
            asked_by=by,
            reason=reason,
            missing=msgspec.json.encode(list(missing)).decode(),
            pages=keys_text(its_pages(pile, dossier)),
            why="",
            state_at_us=to_us(now),
        ),
    )


def its_pages(pile: Pile, dossier: str) -> list[PageKey]:
    """The pages of a dossier's one file, in the order in which they were scanned; none of them twice."""
    pages = [*pile.pages.values(), *pile.guests]
    return [
        (page.scan, page.number)
        for page in pages
        if page.dossier == dossier and page.state == mailroom.FILED and why_of(page).code != "doubled"
    ]


def keys_text(keys: Iterable[PageKey]) -> str:
    """Pages by their names, as they are kept beside a filing."""
    return msgspec.json.encode(list(keys)).decode()


def keys_of(text: str) -> list[PageKey]:
    """The same, read."""
    return msgspec.json.decode(text, type=list[PageKey])


def why_of(page: Page) -> Why:
    """Why a page is where it is."""
    return msgspec.json.decode(page.why, type=Why)


def lacking(pile: Pile, found: Mapping[PageKey, matching.Filed] | None = None) -> dict[str, list[Lack]]:
    """Of each expected dossier what keeps it from being made by itself; nothing: it is complete."""
    if found is None:
        # Whose a page is has been judged; only its place is asked for.
        found = _matched(pile, lambda _: True)[1]
    placed = [
        structs.replace(one, state=page.state, dossier=page.dossier, why=why_of(page).code)
        for key, one in found.items()
        if (page := pile.pages.get(key) or next((g for g in pile.guests if (g.scan, g.number) == key), None))
    ]
    told = matching.complete(list(_announced(pile)), placed, pile.counted)
    lacks = {one.dossier: [Lack(key=_key(missing), missing=missing) for missing in one.missing] for one in told}
    for dossier, numbers in pile.unopened.items():
        lacks[dossier] += [Lack(key=f"item:{number}", item=number) for number in numbers]
    return {dossier: [one for one in some if not _is_keyed(pile, dossier, one)] for dossier, some in lacks.items()}


def close(tx: sa.Connection, pile: Pile) -> None:
    """Write of each of the openings whether something of it waits still, and what it was matched with."""
    for opening in pile.openings:
        scans = [scan for scan in pile.scans.values() if scan.opening == opening.id]
        theirs = {scan.id for scan in scans}
        standing = [pile.expected[one].announced.state for one in pile.dossiers[opening.id]]
        is_open = (
            not standing
            or announcements.ANNOUNCED in standing
            or any(scan.state == mailroom.KEPT for scan in scans)
            or any(page.state == mailroom.WAITING for page in pile.pages.values() if page.scan in theirs)
        )
        mailroom.settle(tx, opening.id, is_open=is_open, matched=matched_with(tx, opening))


def matched_with(tx: sa.Connection, opening: Opening) -> str:
    """What the pages of an opening depend on beside themselves: when it is another, they must be matched again."""
    told = []
    for dossier, one in sorted(expected_in(tx, opening.item).items()):
        opened = [item.number for item in items.of_dossier(tx, dossier) if mailroom.opening_of(tx, item.number)]
        told.append(f"{dossier}:{one.announced.digest.hex()[:16]}:{one.announced.state}:{','.join(sorted(opened))}")
    return " ".join(told)


def _without_foreign(page: PageRead) -> PageRead:
    """The page without what foreign codes on it say: an identity card's tells all about its holder."""
    codes = [one if read_code(one.text) is not None else structs.replace(one, text="") for one in page.codes]
    return structs.replace(page, codes=tuple(codes))


def _matched(
    pile: Pile, cover_holds: Callable[[CoverCode], bool]
) -> tuple[dict[PageKey, Page], dict[PageKey, matching.Filed]]:
    """Every page as it is to stand, and its place among what we printed."""
    batches = _batches(pile)
    frozen = {dossier for dossier, one in pile.filings.items() if one.state in _FROZEN}
    bound = {
        (at, index): page.dossier
        for at, batch in enumerate(batches)
        for index, page in enumerate(batch)
        if page.how == _PERSON
    }
    told = matching.match_batches(
        [[msgspec.json.decode(page.codes, type=PageRead) for page in batch] for batch in batches],
        list(_announced(pile)),
        pile.counted,
        cover_holds=cover_holds,
        bound=bound,
    )
    after: dict[PageKey, Page] = {}
    found: dict[PageKey, matching.Filed] = {}
    for batch, of_batch in zip(batches, told, strict=True):
        for page, filed in zip(batch, of_batch, strict=True):
            key = (page.scan, page.number)
            found[key] = filed
            if key in pile.pages:
                after[key] = _standing(page, filed, frozen, is_announced=bool(pile.expected))
    return after, found


def _standing(page: Page, filed: matching.Filed, frozen: set[str], *, is_announced: bool) -> Page:
    """The page as it is to stand from now on."""
    if page.how == _PERSON or (page.state == mailroom.FILED and page.dossier in frozen):
        return page
    state, dossier, why = filed.state, filed.dossier, Why(filed.why, filed.near)
    if state == mailroom.FILED and dossier in frozen and filed.why != "doubled":
        # The dossier was made without this page: whether it is to be mended a person decides.
        state, dossier, why = mailroom.WAITING, "", Why(_LATE, filed.dossier)
    elif state == mailroom.WAITING and not is_announced:
        why = Why(_UNANNOUNCED)
    how = filed.how if state == mailroom.FILED else ""
    return structs.replace(page, state=state, dossier=dossier, how=how, why=msgspec.json.encode(why).decode())


def _batches(pile: Pile) -> list[list[Page]]:
    """The pages by batches, in the order in which these began; what persons brought from elsewhere comes last."""
    batches: dict[tuple[str, str], list[Page]] = {}
    order = {one.id: at for at, one in enumerate(pile.openings)}
    scans = sorted(pile.scans.values(), key=lambda one: (order[one.opening], one.number))
    by_scan: dict[str, list[Page]] = {}
    for page in pile.pages.values():
        by_scan.setdefault(page.scan, []).append(page)
    for scan in scans:
        batch = batches.setdefault((scan.opening, scan.batch or scan.id), [])
        batch += sorted(by_scan.get(scan.id, ()), key=lambda page: page.number)
    return [*batches.values(), *([list(pile.guests)] if pile.guests else [])]


def _announced(pile: Pile) -> Iterable[matching.Expected]:
    for dossier, one in pile.expected.items():
        yield matching.Expected(
            dossier=dossier,
            digest=one.announced.digest,
            printed=msgspec.json.decode(one.announced.printed, type=tuple[Printed, ...]),
            pieces=one.pieces,
        )


def _counted(openings: Sequence[Opening], dossiers: Mapping[str, Sequence[str]]) -> tuple[Counted, ...]:
    """What was counted in all of them; what an item has of its only dossier is told of that."""
    counted: list[Counted] = []
    for opening in openings:
        theirs = dossiers[opening.id]
        only = theirs[0] if len(theirs) == 1 else ""
        counted += [structs.replace(one, dossier=one.dossier or only) for one in counted_in(opening)]
    return tuple(counted)


def _trace(tx: sa.Connection, pile: Pile, changed: Sequence[Page], by: str, now: datetime) -> None:
    """Write down of each page that is bound to another dossier than before that it is."""
    moved = [page for page in changed if page.dossier != pile.pages[page.scan, page.number].dossier]
    if not moved:
        return
    versions: dict[PageKey, int] = {}
    for opening_id in {pile.scans[page.scan].opening for page in moved}:
        versions |= mailroom.versions(tx, opening_id)
    mailroom.bind(
        tx,
        [
            Binding(
                scan=page.scan,
                number=page.number,
                version=versions.get((page.scan, page.number), 0) + 1,
                dossier=page.dossier,
                was=pile.pages[page.scan, page.number].dossier,
                at_us=to_us(now),
                bound_by=by,
                why=page.how or why_of(page).code,
            )
            for page in moved
        ],
    )


def _key(missing: Missing) -> str:
    """A lack as it is named, with its numbers: when they change, it is another."""
    pages = ",".join(map(str, missing.pages))
    told = {
        "cover": f"cover:{pages}",
        "printed": f"printed:{missing.form}:{pages}",
        "loose": f"loose:{missing.found}/{missing.wanted}",
        "pieces": f"pieces:{missing.kind}:{missing.found}/{missing.wanted}",
    }
    return told[missing.what]


def _is_keyed(pile: Pile, dossier: str, lack: Lack) -> bool:
    """Whether it is the cover of paper that a clerk keyed in: there never was one."""
    return pile.expected[dossier].keyed and lack.missing is not None and lack.missing.what == "cover"
