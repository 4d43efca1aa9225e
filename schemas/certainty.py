"""How sure a fact is: verified, inferred or unconfirmed; and whether a refusal may rest on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

# Read in a public source or a real dossier; follows from such; common knowledge only. The surest first.
MARKS: Final = ("verified", "inferred", "unconfirmed")


def is_settled(mark: str, fact: str, confirmed: frozenset[str]) -> bool:
    """Whether a refusal may rest on a fact: it is more than common knowledge, or an operator has confirmed its id."""
    return mark != "unconfirmed" or fact in confirmed


def weakest(marks: Iterable[str]) -> str:
    """The least sure of these marks; "verified" for none."""
    return max(marks, key=MARKS.index, default="verified")
