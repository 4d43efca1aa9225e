"""Pieces: what lies in a postal item, counted by kind, in the words of the offices' hand-over notes."""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct

Kind = Literal["form", "attachment", "book", "book-cover", "card", "loose-leaf", "decision", "other"]

# What each kind is called, in Vietnamese and English.
KINDS: Final[dict[Kind, tuple[str, str]]] = {
    "form": ("Tờ khai", "form"),
    "attachment": ("Giấy tờ kèm theo", "supporting paper"),
    "book": ("Sổ BHXH", "social-insurance book"),
    "book-cover": ("Bìa sổ BHXH", "cover of a book"),
    "card": ("Thẻ BHYT", "health-insurance card"),
    "loose-leaf": ("Tờ rời sổ BHXH", "loose leaf of a book"),
    "decision": ("Quyết định", "decision"),
    "other": ("Giấy tờ khác", "other paper"),
}
PIECES_MAX: Final = 200
COUNT_MAX: Final = 9999
PAGES_MAX: Final = 300


class Piece(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """So many pieces of a kind. `pages` is how many pages they have in all, as far as they are to be scanned (0: they
    are not); `original` that the owner gets them back. `form` is the code of a form that we printed.
    """

    kind: Kind
    count: int = 1
    name: str = ""
    pages: int = 0
    original: bool = False
    form: str = ""


def counted(pieces: tuple[Piece, ...]) -> dict[str, int]:
    """How many there are of each kind."""
    found: dict[str, int] = {}
    for one in pieces:
        found[one.kind] = found.get(one.kind, 0) + one.count
    return found
