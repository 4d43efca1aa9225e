"""The judgement of forms and of the dossier as a whole: the schema's verdict, and what no schema can say."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Final, Protocol, cast

from lxml import etree
from msgspec import structs

from schemas import attachments
from schemas.explain import explain
from schemas.findings import Finding, Place, bounded, cut, finding
from schemas.tree import line_of, text_of
from schemas.written import parse_date, parse_month

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date

    from schemas.catalogue import Catalogue, Form, Procedure, Range
    from schemas.envelope import Envelope
    from schemas.envelope_files import EnvelopeFile

_LIKENESS_MIN: Final = 0.6
_NAME_CHARACTERS_MAX: Final = 60
_ROW_NUMBER: Final = re.compile(r"[1-9][0-9]{0,8}")
_READ: Final = {"date": parse_date, "month": parse_month}


class _Complaint(Protocol):
    """An entry of libxml2's error log."""

    path: str | None
    line: int
    message: str


def validate_form(root: etree._Element, form: Form, *, file: str) -> list[Finding]:
    """All that is wrong with one form, by row; [] when it is good.

    A good form costs one call of libxml2 and one walk over its few dated columns. `root` is the root of its document,
    its signature already taken out or still in place: the schema lets `Cky` be. Never raises for any tree.
    """
    if form.schema(root):
        more = 0
        found: list[Finding] = []
    else:
        found, more = explain(root, form, file=file)
        if not found:
            found = _libxml2_says(root, form, file)
    if root.tag == form.root:
        found += _rows(root, form, file)
    if not found:
        return found
    found.sort(key=lambda item: item.row or 0)
    return bounded(found, file=file, form=form.code, uncounted=more)


def validate_dossier(
    envelope: Envelope,
    roots: Mapping[int, etree._Element],
    catalogue: Catalogue,
    on: date,
) -> list[Finding]:
    """The dossier against its procedure: the forms that must and may be there, attachments, forms against each other.

    `roots` are the forms that could be read, by the number of their file.
    """
    procedure = catalogue.procedure(envelope.procedure, on)
    if procedure is None:
        return [_procedure_unknown(envelope, catalogue, on)]
    found: list[Finding] = []
    present = {file.form for file in envelope.files} | set(envelope.unreadable) | {envelope.form}
    place = Place(file="Hoso", column="MaThuTuc", column_label="Mã thủ tục", pointer=envelope.pointer("MaThuTuc"))
    for code in sorted(procedure.must - present):
        form = catalogue.form(code, on)
        title = {"title_vi": form.title_vi, "title_en": form.title_en} if form else {"title": code}
        words = {"form": code, "procedure": procedure.code}
        found.append(finding("mandatory-form-missing", place, {**words, **title}, value=procedure.code))
    for file in envelope.files:
        if file.form not in procedure.may:
            found.append(_not_allowed(file, procedure))
        elif file.form == procedure.attachments.code:
            allowed = procedure.attachments
            found += attachments.check(file.content, file.place, name=file.name, kind=file.kind, allowed=allowed)
    for file in envelope.files:
        if (root := roots.get(file.number)) is not None and (form := catalogue.form(file.form, on)) is not None:
            found += _newcomers(root, form, file, present)
    return bounded(found, file="Hoso")


def _procedure_unknown(envelope: Envelope, catalogue: Catalogue, on: date) -> Finding:
    known = [item.code for item in catalogue.procedures(on)]
    like = difflib.get_close_matches(envelope.procedure, known, n=3, cutoff=_LIKENESS_MIN)
    place = Place(file="Hoso", column="MaThuTuc", column_label="Mã thủ tục", pointer=envelope.pointer("MaThuTuc"))
    shown = ", ".join(like)
    return finding(
        "procedure-unknown",
        place,
        value=envelope.procedure,
        hint_vi=f" Có lẽ là: {shown}." if like else f" Cổng này nhận: {', '.join(known)}.",
        hint_en=f" Probably: {shown}." if like else f" Accepted here: {', '.join(known)}.",
    )


def _not_allowed(file: EnvelopeFile, procedure: Procedure) -> Finding:
    place = structs.replace(file.place, column="MaToKhai", column_label="Mã tờ khai")
    allowed = ", ".join(sorted(procedure.may))
    words = {"form": file.form or "?", "name": file.name, "procedure": procedure.code, "allowed": allowed}
    return finding("form-not-allowed", place, words, value=file.form)


def _newcomers(root: etree._Element, form: Form, file: EnvelopeFile, present: set[str]) -> list[Finding]:
    """People without a number yet need their own declaration in the dossier."""
    rule = form.newcomers
    if rule is None or rule.form in present or root.tag != form.root:
        return []
    return [
        finding("declaration-missing", _place_in_row(element, form, file.name), form=rule.form)
        for element in root.iter(rule.column)
        if not element.text and not text_of(element)
    ]


def _libxml2_says(root: etree._Element, form: Form, file: str) -> list[Finding]:
    """The schema's own words, when our own reading finds no fault where it found one."""
    schema = etree.XMLSchema(etree.parse(form.folder / "form.xsd"))
    if schema.validate(root):
        return []
    return [
        finding(
            "schema-other",
            Place(file=file, form=form.code, pointer=entry.path or "", line=entry.line),
            reason=entry.message.strip(" ."),
        )
        for entry in cast("Iterable[_Complaint]", schema.error_log)
    ]


def _rows(root: etree._Element, form: Form, file: str) -> list[Finding]:
    """Row numbers, repeated rows and ranges that run backwards, in one walk over the columns concerned."""
    rows = form.rows
    if rows is None:
        return []
    found: list[Finding] = []
    numbers: list[str] = []
    number, same, ends = rows.number, rows.same[0] if rows.same else "", form.ends
    seen: dict[str, etree._Element] = {}
    for element in root.iter(*form.watched):
        text = element.text
        if not text:
            continue
        tag = element.tag
        if tag == number:
            numbers.append(text)
        elif tag == same:
            twin = seen.setdefault(text, element)
            if twin is not element:
                found += _row_repeated(element, twin, form, file)
        else:
            rule = ends[str(tag)]
            start = element.getprevious()
            # Mostly the beginning stands right before the end; turned round, dates compare as text.
            if start is None or start.tag != rule.start or not start.text or not _surely_in_order(start.text, text):
                found += _range(element, form, file, rule)
    running = numbers == [str(count) for count in range(1, len(numbers) + 1)]
    return found if running else found + _row_numbers(root, form, file)


def _surely_in_order(start: str, end: str) -> bool:
    """Whether dd/MM/yyyy or MM/yyyy comes before another; False where the slow way must look."""
    if len(start) != len(end):
        return False
    return start[-4:] < end[-4:] or start[-4:] + start[3:-5] + start[:2] <= end[-4:] + end[3:-5] + end[:2]


def _row_numbers(root: etree._Element, form: Form, file: str) -> list[Finding]:
    """Which rows are numbered otherwise than 1, 2, 3 and so on; each slip is told once, at the row where it happens."""
    found: list[Finding] = []
    used: dict[int, int] = {}
    expected = 1
    column = form.rows.number if form.rows else ""
    for number, row in enumerate(root.iterfind(_below_root(form.rows.path if form.rows else "")), 1):
        element = row.find(column)
        text = "" if element is None else text_of(element)
        if element is None or not _ROW_NUMBER.fullmatch(text):
            expected += 1
            continue
        told = int(text)
        if told != expected:
            place = _row_place(form, file, number, row, element)
            if told in used:
                found.append(finding("row-number-repeated", place, value=text, other=used[told]))
            else:
                found.append(finding("row-number-gap", place, value=text, expected=expected))
        used.setdefault(told, number)
        expected = told + 1
    return found


def _row_repeated(element: etree._Element, earlier: etree._Element, form: Form, file: str) -> list[Finding]:
    row, twin, rows = element.getparent(), earlier.getparent(), form.rows
    if row is None or twin is None or rows is None:
        return []
    if any(row.findtext(column) != twin.findtext(column) for column in rows.same):
        return []
    place = _place_in_row(element, form, file)
    columns = ", ".join(form.label(column) or column for column in rows.same)
    other = _place_in_row(earlier, form, file).row or 1
    return [finding("row-repeated", place, value=text_of(element), other=other, columns=columns)]


def _range(element: etree._Element, form: Form, file: str, rule: Range) -> list[Finding]:
    row = element.getparent()
    start = row.find(rule.start) if row is not None else None
    if start is None:
        return []
    read = _READ[rule.unit]
    first, last = read(text_of(start)), read(text_of(element))
    if first is None or last is None or first <= last:
        return []
    words = {
        "start": rule.start,
        "start_label": form.label(rule.start) or rule.start,
        "end_label": form.label(rule.end) or rule.end,
        "from_value": text_of(start),
    }
    return [finding("range-reversed", _place_in_row(element, form, file), words, value=text_of(element))]


def _place_in_row(element: etree._Element, form: Form, file: str) -> Place:
    row = element.getparent()
    number = 1 if row is None else 1 + sum(1 for _ in row.itersiblings(row.tag, preceding=True))
    return _row_place(form, file, number, element if row is None else row, element)


def _row_place(form: Form, file: str, number: int, row: etree._Element, element: etree._Element) -> Place:
    rows = form.rows
    column = str(element.tag)
    name = row.find(rows.name) if rows is not None else None
    return Place(
        file=file,
        form=form.code,
        row=number,
        row_name="" if name is None else cut(" ".join(text_of(name).split()), _NAME_CHARACTERS_MAX),
        column=column,
        column_label=form.label(column),
        pointer=f"{rows.path if rows else ''}[{number}]/{column}",
        line=line_of(element),
    )


def _below_root(path: str) -> str:
    return "/".join(path.split("/")[2:])
