"""What was counted in an item against what was announced: of what a dossier is short, and what is there too much."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

from msgspec import Meta, Struct, structs

from gateway.postal.pieces import COUNT_MAX, Kind, Piece

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# What an owner gets back even where nobody announced it.
_ORIGINALS: Final = frozenset({"book", "book-cover", "card", "loose-leaf", "decision"})
_BY_PAGES: Final = "form"


class Counted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """So many pieces of a kind, counted in an item: of one dossier, or ('') of all of them together."""

    kind: Kind
    count: Annotated[int, Meta(ge=0, le=COUNT_MAX)]
    dossier: Annotated[str, Meta(max_length=40)] = ""


class Line(Struct, frozen=True, kw_only=True):
    """A kind of a dossier (''; of the item as a whole): how many were announced, and how many are there.

    `counted` is None for forms that we printed and nobody counted: their pages are counted by their codes.
    """

    dossier: str
    kind: Kind
    announced: int
    counted: int | None

    @property
    def short(self) -> int:
        """How many are missing."""
        return 0 if self.counted is None else max(0, self.announced - self.counted)

    @property
    def surplus(self) -> int:
        """How many are there too much."""
        return 0 if self.counted is None else max(0, self.counted - self.announced)


def total(expected: Mapping[str, Sequence[Piece]], dossier: str, kind: Kind) -> int:
    """How many of a kind were announced of a dossier."""
    return sum(piece.count for piece in expected.get(dossier, ()) if piece.kind == kind)


def compare(expected: Mapping[str, Sequence[Piece]], counted: Sequence[Counted]) -> list[Line]:
    """Every kind that was announced or counted. What was counted without saying of which dossier belongs to the only
    one; where there are several, such a kind is compared for the item as a whole.
    """
    only = next(iter(expected)) if len(expected) == 1 else ""
    given: dict[tuple[Kind, str], int] = {}
    for one in counted:
        key = (one.kind, one.dossier or only)
        given[key] = given.get(key, 0) + one.count
    kinds = {piece.kind: None for pieces in expected.values() for piece in pieces} | dict.fromkeys(
        kind for kind, _ in given
    )
    lines: list[Line] = []
    for kind in kinds:
        if (kind, "") in given:
            announced = sum(total(expected, dossier, kind) for dossier in expected)
            there = sum(count for (of, _), count in given.items() if of == kind)
            lines.append(Line(dossier="", kind=kind, announced=announced, counted=there))
            continue
        for dossier in dict.fromkeys([*expected, *(of for this, of in given if this == kind)]):
            announced, there_of = total(expected, dossier, kind), given.get((kind, dossier))
            if announced or there_of:
                uncounted = None if kind == _BY_PAGES and _printed(expected.get(dossier, ())) else 0
                there_of = uncounted if there_of is None else there_of
                lines.append(Line(dossier=dossier, kind=kind, announced=announced, counted=there_of))
    return lines


def differing(lines: Sequence[Line], expected: Mapping[str, Sequence[Piece]], dossier: str) -> list[Line]:
    """What of the comparison keeps this dossier from being complete: its own lines, and those of the item as a whole
    for a kind that was announced of it, or that nobody announced.
    """
    return [
        line
        for line in lines
        if (line.short or line.surplus)
        and (
            line.dossier == dossier
            or (line.dossier == "" and (not line.announced or total(expected, dossier, line.kind) > 0))
        )
    ]


def pieces_there(lines: Sequence[Line], expected: Mapping[str, Sequence[Piece]], dossier: str) -> tuple[Piece, ...]:
    """The pieces of a dossier as they were counted, under the names that they were announced by.

    Where the item as a whole agrees, or only its forms' pages were counted, each dossier has what was announced of it.
    A kind of which fewer are there loses the last announced; one of which more are there has one more entry. Where
    several dossiers share a count that differs, nobody has said whose pieces are missing: the announced are told.
    """
    own = {line.kind: line for line in lines if line.dossier == dossier}
    there: list[Piece] = []
    left = {kind: line.counted for kind, line in own.items() if line.counted is not None}
    for piece in expected.get(dossier, ()):
        if piece.kind not in left:
            there.append(piece)
            continue
        taken = min(piece.count, left[piece.kind])
        left[piece.kind] -= taken
        if taken:
            there.append(piece if taken == piece.count else structs.replace(piece, count=taken))
    there += [_surplus(kind, count) for kind, count in left.items() if count]
    return tuple(there)


def _surplus(kind: Kind, count: int) -> Piece:
    return Piece(kind=kind, count=count, original=kind in _ORIGINALS)


def _printed(pieces: Sequence[Piece]) -> bool:
    return any(piece.form for piece in pieces)
