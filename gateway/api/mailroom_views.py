"""The mail room's bodies, as JSON: openings, what was counted, pages, dossiers and what they lack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct

from gateway.clock import from_us, rfc3339
from gateway.mailroom.filing import findings_of
from gateway.mailroom.lack_words import WHYS, lack_words
from gateway.mailroom.opening import arrived_at_us
from gateway.mailroom.scanning import why_unread
from gateway.mailroom.settling import why_of
from gateway.postal.pieces import KINDS
from storage import mailroom

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gateway.mailroom.counting import Line
    from gateway.mailroom.opening import Opened
    from gateway.mailroom.settling import Lack, Pile
    from gateway.report import Language
    from storage.mailroom import Binding, Page, Scan


class PieceLine(Struct, frozen=True, kw_only=True):
    """A kind of piece of a dossier ("": of the item as a whole): announced, counted, short of, too many. `counted` is
    null for forms that we printed: their pages are counted by their codes.
    """

    dossier: str
    kind: str
    name: str
    announced: int
    counted: int | None
    short: int
    surplus: int


class LackShown(Struct, frozen=True, kw_only=True):
    """Something that keeps a dossier from being made by itself; `key` names it for whoever says that it was seen."""

    key: str
    why: str


class DossierStand(Struct, frozen=True, kw_only=True):
    """A dossier that is expected in an item. State: waiting, wanted (it is being made), refused, filed."""

    dossier: str
    announcement: str
    unit: str
    procedure: str
    period: str
    state: str
    complete: bool
    pages: int
    missing: list[LackShown]
    # Why it could not be made, where it was refused.
    refused: list[str]


class PageShown(Struct, frozen=True, kw_only=True):
    """A scanned page. State: filed, waiting, set-aside; `how` it was bound: code, follows, person. `near` is the
    dossier to think of first while it waits.
    """

    scan: str
    number: int
    state: str
    dossier: str
    how: str
    near: str
    why: str


class ScanShown(Struct, frozen=True, kw_only=True):
    """A file of scanned pages. State: kept (its pages are not read yet), read, unreadable, and then `why`."""

    scan: str
    number: int
    batch: str
    media_type: str
    sha256: str
    size_bytes: int
    pages: int
    state: str
    why: str
    scanned_at: str


class OpeningShown(Struct, frozen=True, kw_only=True):
    """An item that was opened: what was counted against what was announced, and what became of it. `agrees` says that
    nothing is short and nothing is there too much; `announced` is false while nobody has said what the item is.
    """

    opening: str
    item: str
    office: str
    condition: str
    officer: str
    opened_at: str
    arrived_at: str
    announced: bool
    agrees: bool
    settled: bool
    pieces: list[PieceLine]
    dossiers: list[DossierStand]
    scans: list[ScanShown]
    pages: list[PageShown]


class Scanned(Struct, frozen=True, kw_only=True):
    """A scan as it was read: its pages, and how the opening's dossiers stand."""

    scan: str
    opening: str
    pages: list[PageShown]
    dossiers: list[DossierStand]


class Waits(Struct, frozen=True, kw_only=True):
    """An opening of which something waits for a person."""

    opening: str
    item: str
    office: str
    opened_at: str
    announced: bool
    scans: list[ScanShown]
    pages: list[PageShown]
    dossiers: list[DossierStand]


class WaitsPage(Struct, frozen=True):
    """A page of what waits; ask on with `after=next`. `next` is "" at the end."""

    openings: list[Waits]
    next: str


class Bound(Struct, frozen=True, kw_only=True):
    """A time that a page was bound: to which dossier ("": none), which it had been with before, by whom and why."""

    version: int
    dossier: str
    was: str
    at: str
    by: str
    why: Annotated[str, Meta(max_length=400)]


class PageTrace(Struct, frozen=True, kw_only=True):
    """A page, and every time that it was bound."""

    page: PageShown
    bindings: list[Bound]


class PagesBound(Struct, frozen=True, kw_only=True):
    """The pages as they stand now, and the dossiers of which they are, or were, pages."""

    pages: list[PageShown]
    dossiers: list[DossierStand]


def opening_shown(opened: Opened, pile: Pile, lacks: dict[str, list[Lack]], language: Language) -> OpeningShown:
    """An opening as it stands."""
    opening = opened.opening
    scans = scans_in(pile, opening.id)
    return OpeningShown(
        opening=opening.id,
        item=opening.item,
        office=opening.office,
        condition=opening.condition,
        officer=opening.officer,
        opened_at=rfc3339(from_us(opening.opened_at_us)),
        arrived_at=rfc3339(from_us(arrived_at_us(opening, opened.item))),
        announced=bool(opened.expected),
        agrees=not any(line.short or line.surplus for line in opened.lines),
        settled=not opening.open,
        pieces=[_line(line, language) for line in opened.lines],
        dossiers=dossiers_shown(pile, lacks, language),
        scans=[scan_shown(scan, language) for scan in scans],
        pages=pages_shown(pages_in(pile, scans), language),
    )


def waits(pile: Pile, opening_id: str, lacks: dict[str, list[Lack]], language: Language) -> Waits:
    """What of an opening waits: pages that nobody bound, files that cannot be read, dossiers that are not made."""
    opening = next(one for one in pile.openings if one.id == opening_id)
    scans = scans_in(pile, opening_id)
    pages = [page for page in pages_in(pile, scans) if page.state == mailroom.WAITING]
    stands = dossiers_shown(pile, lacks, language)
    return Waits(
        opening=opening.id,
        item=opening.item,
        office=opening.office,
        opened_at=rfc3339(from_us(opening.opened_at_us)),
        announced=bool(pile.dossiers[opening_id]),
        scans=[scan_shown(scan, language) for scan in scans if scan.state != mailroom.READ],
        pages=pages_shown(pages, language),
        dossiers=[one for one in stands if one.state != mailroom.FILED],
    )


def scans_in(pile: Pile, opening_id: str) -> list[Scan]:
    """The scans of one opening."""
    return [scan for scan in pile.scans.values() if scan.opening == opening_id]


def pages_in(pile: Pile, scans: Iterable[Scan]) -> list[Page]:
    """The pages of these scans."""
    theirs = {scan.id for scan in scans}
    return [page for page in pile.pages.values() if page.scan in theirs]


def dossiers_shown(pile: Pile, lacks: dict[str, list[Lack]], language: Language) -> list[DossierStand]:
    """How the dossiers stand that `lacks` names."""
    shown = []
    for dossier, missing in lacks.items():
        announced, filing = pile.expected[dossier].announced, pile.filings.get(dossier)
        state = "filed" if announced.state == "filed" else filing.state if filing else mailroom.WAITING
        findings = findings_of(filing) if filing is not None and state == mailroom.REFUSED else []
        pages = [*pile.pages.values(), *pile.guests]
        shown.append(
            DossierStand(
                dossier=dossier,
                announcement=announced.announcement,
                unit=announced.unit,
                procedure=announced.procedure,
                period=announced.period,
                state=state,
                complete=not missing,
                pages=sum(page.dossier == dossier and page.state == mailroom.FILED for page in pages),
                missing=[LackShown(key=one.key, why=_said(lack_words(one), language)) for one in missing],
                refused=[f"{one.code}: {_said((one.vi, one.en), language)}" for one in findings],
            )
        )
    return shown


def pages_shown(pages: Iterable[Page], language: Language) -> list[PageShown]:
    """Pages in one language."""
    return [
        PageShown(
            scan=page.scan,
            number=page.number,
            state=page.state,
            dossier=page.dossier,
            how=page.how,
            near=why.near,
            why=_said(WHYS.get(why.code, ("", "")), language),
        )
        for page in pages
        for why in (why_of(page),)
    ]


def trace_shown(page: Page, trace: Sequence[Binding], language: Language) -> PageTrace:
    """A page and its trace."""
    (shown,) = pages_shown([page], language)
    bindings = [
        Bound(
            version=one.version,
            dossier=one.dossier,
            was=one.was,
            at=rfc3339(from_us(one.at_us)),
            by=one.bound_by,
            why=one.why,
        )
        for one in trace
    ]
    return PageTrace(page=shown, bindings=bindings)


def scan_shown(scan: Scan, language: Language) -> ScanShown:
    """A scan in one language."""
    return ScanShown(
        scan=scan.id,
        number=scan.number,
        batch=scan.batch,
        media_type=scan.media_type,
        sha256=scan.sha256.hex(),
        size_bytes=scan.size_bytes,
        pages=scan.pages,
        state=scan.state,
        why=_said(why_unread(scan), language),
        scanned_at=rfc3339(from_us(scan.scanned_at_us)),
    )


def _line(line: Line, language: Language) -> PieceLine:
    return PieceLine(
        dossier=line.dossier,
        kind=line.kind,
        name=_said(KINDS[line.kind], language),
        announced=line.announced,
        counted=line.counted,
        short=line.short,
        surplus=line.surplus,
    )


def _said(words: tuple[str, str], language: Language) -> str:
    return words[0] if language == "vi" else words[1]
