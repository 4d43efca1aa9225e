"""The hand-over note (giấy giao nhận hồ sơ): what three parties sign when items change hands, item by item."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from gateway.clock import VIETNAM, for_people, from_us
from gateway.desk_paper_facts import dated
from gateway.desk_paper_words import VSS
from gateway.postal import manifests
from gateway.postal.watch_manifests import DIFFERENCES
from schemas import handover_paper
from schemas.handover_paper import HandoverPaper, ItemLine, Party
from schemas.printed_page import seen
from schemas.receipt_paper import NOTHING, Words
from storage import manifests as rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from gateway.callers import Caller
    from gateway.house import House
    from gateway.judge import Tables
    from gateway.postal.manifest_said import Compared, Count, ItemSaid
    from gateway.postal.manifests import Whole
    from storage.manifests import OnPaper, Side

TITLE: Final = Words("GIẤY GIAO NHẬN HỒ SƠ", "Hand-over note of dossiers")
HEADS: Final = (
    Words("STT", "no."),
    Words("Bưu gửi", "item"),
    Words("Mã hồ sơ", "dossier"),
    Words("Tên đơn vị", "employer"),
    Words("Địa chỉ", "address"),
    Words("SĐT", "telephone"),
    Words("Ghi chú", "remarks"),
)
# The columns of counts, in the order of the offices' own notes; a decision goes to the one whose word is in its name.
_DECISIONS: Final = (("hoàn trả", "return"), ("thu hồi", "recovery"), ("hưu trí", "pension"))
COUNT_HEADS: Final = (
    Words("Tờ rời", "leaves"),
    Words("Thẻ BHYT", "cards"),
    Words("Bìa sổ", "covers"),
    Words("Sổ BHXH", "books"),
    *(Words(f"QĐ {vi}", en) for vi, en in _DECISIONS),
    Words("QĐ khác", "decisions"),
    Words("Giấy tờ", "papers"),
)
_COLUMNS: Final = {"loose-leaf": 0, "card": 1, "book-cover": 2, "book": 3}
_OTHER_DECISION: Final = 4 + len(_DECISIONS)
_PAPERS: Final = _OTHER_DECISION + 1
_TOTAL: Final = Words("Cộng", "total")
_SIGN_HERE: Final = Words("(Ký, ghi rõ họ tên)", "(signature and full name)")
_GIVER, _POST, _TAKER = Words("Người giao", "giver"), Words("Bưu điện", "post"), Words("Người nhận", "receiver")
_DIRECTIONS: Final = {
    "in": Words("Bưu điện giao cho cơ quan BHXH", "the post hands over to the office"),
    "out": Words("Cơ quan BHXH giao cho bưu điện", "the office hands over to the post"),
}
_NOTES: Final = (
    Words(
        "Ô «3 / 2»: bên giao ghi 3, bên nhận đếm được 2. Ô trống: không có; «–»: không mở ra đếm.",
        "“3 / 2”: the giver wrote 3, the receiver counted 2. An empty cell: none; “–”: not opened and counted.",
    ),
)
_NOT_COUNTED: Final = "–"


class _Address(Struct, frozen=True):
    """Where an item goes back to, as far as the note shows it; other members are passed over."""

    name: str = ""
    address: str = ""
    phone: str = ""


async def note_pdf(house: House, manifest: str, caller: Caller) -> bytes:
    """The note as things stand now. Raises `ManifestNotThere`, `CodeTooFine`, `TypesetError`, `DatabaseAway`."""
    now = house.clock.now().astimezone(VIETNAM)
    paper = await house.run_apart(_paper, house, manifest, caller, now)
    return await house.typeset(handover_paper.pdf, paper, now, apart=True)


def _paper(house: House, manifest: str, caller: Caller, now: datetime) -> HandoverPaper:
    with house.database.read() as tx:
        whole = manifests.show(tx, manifest, caller)
        found = rows.on_paper(tx, manifest, now.date().isoformat())
    return paper_of(whole, found, house.tables, now)


def paper_of(whole: Whole, found: Sequence[OnPaper], tables: Tables, now: datetime) -> HandoverPaper:
    """What stands on the note of a manifest; `found` are the dossiers in its items."""
    manifest = whole.manifest
    office = tables.offices.get(manifest.office, now.date())
    parent = tables.offices.get(office.parent, now.date()) if office and office.parent else None
    by_item: dict[str, list[OnPaper]] = {}
    for one in found:
        by_item.setdefault(one.item, []).append(one)
    lines = tuple(_line(one, by_item.get(one.number, [])) for one in whole.lines)
    written = whole.sides.get("handed") or whole.sides["taken"]
    made_at = from_us(written.made_at_us)
    numbered = f"{manifest.number} · {manifest.carrier}"
    return HandoverPaper(
        superior=parent.name if parent else VSS if office else "",
        office=office.name if office else manifest.office,
        number=seen(manifest.number),
        dated=dated(made_at),
        title=TITLE,
        under_title=(
            Words(
                f"{_DIRECTIONS[manifest.direction].vi}, theo bản kê số {seen(numbered)}, lập lúc {for_people(made_at)}",
                _DIRECTIONS[manifest.direction].en,
            ),
        ),
        heads=HEADS,
        count_heads=COUNT_HEADS,
        lines=lines,
        total=_TOTAL,
        totals=_totals(whole.lines),
        notes=_NOTES,
        parties=_parties(whole),
        sign_here=_SIGN_HERE,
        foot=f"{manifest.id} · {for_people(now)}",
    )


def _line(one: Compared, found: Sequence[OnPaper]) -> ItemLine:
    units = {unit.unit: unit.unit_name for unit in found if unit.unit}
    address = next((_address(unit.address) for unit in found if unit.address), _Address())
    named = tuple(seen(f"{name} ({code})" if name else code) for code, name in units.items())
    return ItemLine(
        item=one.number,
        dossiers=tuple(dict.fromkeys(unit.number or unit.dossier for unit in found)),
        unit=named or ((seen(address.name),) if address.name else ()),
        address=seen(address.address),
        phone=seen(address.phone),
        counts=_cells(_counts(one.handed), _counts(one.taken)),
        remark=_remark(one),
    )


def _address(told: str) -> _Address:
    try:
        return msgspec.json.decode(told, type=_Address)
    except msgspec.MsgspecError:
        # As it was written, where it is no JSON of that shape.
        return _Address(address=told)


def _remark(one: Compared) -> Words:
    vi, en = DIFFERENCES.get(one.difference, ("", "")) if one.difference != "ok" else ("", "")
    notes = [said.note for said in (one.handed, one.taken) if said is not None and said.note]
    return Words("; ".join(filter(None, (vi, *map(seen, notes)))), en) if vi or notes else NOTHING


def _counts(said: ItemSaid | None) -> tuple[int, ...] | None:
    """How many of each column one side counted; None: it did not look."""
    if said is None or said.pieces is None:
        return None
    found = [0] * len(COUNT_HEADS)
    for piece in said.pieces:
        found[_column(piece)] += piece.count
    return tuple(found)


def _column(piece: Count) -> int:
    if piece.kind == "decision":
        name = piece.name.casefold()
        return next((4 + at for at, (word, _) in enumerate(_DECISIONS) if word in name), _OTHER_DECISION)
    return _COLUMNS.get(piece.kind, _PAPERS)


def _cells(handed: tuple[int, ...] | None, taken: tuple[int, ...] | None) -> tuple[str, ...]:
    if handed is None and taken is None:
        return (_NOT_COUNTED,) * len(COUNT_HEADS)
    given, got = handed or taken or (), taken or handed or ()
    return tuple(str(one or "") if one == other else f"{one} / {other}" for one, other in zip(given, got, strict=True))


def _totals(lines: Sequence[Compared]) -> tuple[str, ...]:
    """What was handed over in all, or, before the giver has spoken, taken."""
    counted = [_counts(one.handed) or _counts(one.taken) for one in lines]
    sums = [sum(column) for column in zip(*(one for one in counted if one is not None), strict=True)]
    return tuple(str(one or "") for one in sums) if sums else ("",) * len(COUNT_HEADS)


def _parties(whole: Whole) -> tuple[Party, ...]:
    """The post stands in the middle: of the other two, one is the office, whose officer we know, the other the employer
    or its messenger, who signs by hand.
    """
    sides: Mapping[str, Side] = {str(which): side for which, side in whole.sides.items()}
    handed, taken = _who(sides.get("handed")), _who(sides.get("taken"))
    if whole.manifest.direction == "in":
        return Party(title=_GIVER), Party(title=_POST, lines=handed), Party(title=_TAKER, lines=taken)
    return Party(title=_GIVER, lines=handed), Party(title=_POST, lines=taken), Party(title=_TAKER)


def _who(side: Side | None) -> tuple[str, ...]:
    if side is None:
        return ()
    return tuple(filter(None, (seen(side.made_by), for_people(from_us(side.made_at_us)))))
