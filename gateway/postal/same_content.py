"""Whether two filings say the same: their forms' rows compared, without signatures and without how they are written."""

from __future__ import annotations

import hashlib
import unicodedata
from typing import TYPE_CHECKING, Final, Literal

import msgspec
from msgspec import Struct

from gateway.clock import VIETNAM
from gateway.judge import Opened, open_dossier
from gateway.signed_by import take_out_signatures
from schemas import envelope as envelopes
from schemas import xml
from schemas.findings import Finding
from schemas.rows import person_of, row_elements
from schemas.tree import name_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml import etree

    from gateway.judge import Submission, Tables
    from schemas.form import Form

Why = Literal["", "content", "rows", "batch"]
# Of forms without rows so much of what they say must agree: the day on which one was filled in may differ.
ALIKE: Final = 0.8
# Of the rows of the shorter one so many must stand in the other.
SHARED: Final = 0.5


class Said(Struct, frozen=True):
    """What a filing says, as digests: the rows of its forms, the fields of its forms that have no rows, and whom its
    rows are about.
    """

    rows: frozenset[bytes] = frozenset()
    fields: frozenset[bytes] = frozenset()
    persons: frozenset[bytes] = frozenset()


def read(submission: Submission, tables: Tables) -> Said | None:
    """What the filing says; None where it cannot be read, or is too large to be."""
    opened = open_dossier(submission) if submission.spooled is None else None
    if not isinstance(opened, Opened):
        return None
    on = submission.received_at.astimezone(VIETNAM).date()
    envelope, _ = envelopes.open_envelope(
        opened.root, catalogue=tables.catalogue, on=on, header=opened.header, beside=opened.beside
    )
    if envelope is None:
        return None
    rows: set[bytes] = set()
    fields: set[bytes] = set()
    persons: set[bytes] = set()
    if envelope.form in envelopes.BARE_FORMS:
        fields |= set(_fields(opened.root, envelope.form))
    for file in envelope.files:
        form = tables.catalogue.form(file.form, on)
        if form is None or file.refers_to is not None:
            continue
        if file.is_too_large_to_read:
            return None
        root = xml.parse(file.content, file=file.name, form=file.form)
        if isinstance(root, Finding):
            return None
        take_out_signatures(root)
        if form.rows is None:
            fields |= set(_fields(root, form.code))
            continue
        for row in row_elements(root, form.rows):
            rows.add(_digest(form.code, *_said_of(row, form.rows.number)))
            persons |= _persons(row, form)
    return Said(frozenset(rows), frozenset(fields), frozenset(persons))


def compare(one: Said | None, other: Said | None, *, same_batch: bool) -> Why:
    """Why two filings of one unit, procedure and period may be one: they say the same (`content`), or much of what they
    say (`rows`), or stand under one batch and are about a person of both, or cannot be compared (`batch`). "" for none.
    """
    if one is None or other is None:
        return "batch" if same_batch else ""
    if (one.rows or one.fields) and (one.rows, one.fields) == (other.rows, other.fields):
        return "content"
    if one.rows and other.rows:
        if len(one.rows & other.rows) >= SHARED * min(len(one.rows), len(other.rows)):
            return "rows"
        return "batch" if same_batch and one.persons & other.persons else ""
    if one.fields and other.fields and not (one.rows or other.rows):
        alike = len(one.fields & other.fields) / len(one.fields | other.fields)
        return "rows" if alike >= ALIKE else ""
    return ""


def _persons(row: etree._Element, form: Form) -> set[bytes]:
    if form.rows is None:
        return set()
    name, key = person_of(row, form.rows)
    # The number goes before the name: of two persons of one name each has their own.
    return {_digest(_plain(key or name))} if key or name else set()


def _said_of(row: etree._Element, number: str) -> Iterator[str]:
    """The columns of a row and what they say; its number in the list says nothing."""
    for element in row.iterdescendants("*"):
        if name_of(element) != number and (said := _plain(text_of(element))):
            yield f"{name_of(element)}={said}"


def _fields(root: etree._Element, form: str) -> Iterator[bytes]:
    for element in root.iter("*"):
        if len(element) == 0 and (said := _plain(text_of(element))):
            yield _digest(form, name_of(element), said)


def _plain(said: str) -> str:
    """Capitals, composed letters and spaces tell nothing apart here."""
    return " ".join(unicodedata.normalize("NFC", said).split()).casefold()


def _digest(*said: str) -> bytes:
    return hashlib.sha256(msgspec.json.encode(said)).digest()
