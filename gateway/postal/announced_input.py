"""What an employer tells of paper that is to come, and the envelope that is made of it.

The same data as for an electronic dossier: an envelope, whose bytes are kept exactly; or forms as XML, as a sheet, or
as rows, for which we write the envelope, with the unit as the register has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from msgspec import Meta, Struct

from gateway.postal.announced_words import say
from gateway.postal.pieces import Piece
from schemas.envelope_written import Inside, write_envelope
from schemas.findings import Finding, Place
from schemas.sheet_choice import Asked, outside
from schemas.sheet_form import write_form
from schemas.sheet_headers import HeadersUnclear
from schemas.sheet_package import SheetUnreadable
from schemas.sheet_words import SheetWordsUnusable, columns_of, row_paths, sheet_data
from schemas.sheets import ROWS_MAX, Reading, read

if TYPE_CHECKING:
    from schemas.catalogue import Catalogue
    from schemas.form import Form
    from schemas.model import Element
    from schemas.procedure import Procedure
    from storage.register import Unit

DOSSIERS_MAX: Final = 50
FORMS_MAX: Final = 30
COLUMNS_MAX: Final = 300
BATCH_MAX: Final = 9999
# An employer is an organisation (LoaiDoiTuong).
ORGANISATION: Final = "1"
# What the caller may write in the envelope's header; all else follows from the register and the dossier.
_OWN_COLUMNS: Final = ("TenDoiTuong", "NguoiKy", "DienThoai", "LoaiDoiTuong")

Short = Annotated[str, Meta(max_length=200)]
Code = Annotated[str, Meta(max_length=40)]
Text = Annotated[str, Meta(max_length=4000)]
# Amounts and counts may be written as numbers; what has a fraction is written as text, which says how many digits.
Cell = Text | int
Row = Annotated[dict[Short, Cell], Meta(max_length=COLUMNS_MAX)]
Rows = Annotated[list[Row], Meta(max_length=ROWS_MAX)]


class FormSent(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One form: its own `xml`, a `sheet` (a workbook or CSV), or `rows`, with the columns outside them in `header`.

    `file` is what the sheet's file is called, `tab` the workbook's sheet, `into` the list (in a form of several) that
    the sheet goes to; `lists` are rows by the name of their list, for a form of several.
    """

    form: Code
    xml: bytes = b""
    sheet: bytes = b""
    file: Short = ""
    tab: Short = ""
    into: Short = ""
    header: Row = {}
    rows: Rows = []
    lists: dict[Short, Rows] = {}


class DossierSent(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One dossier: an `envelope`, or a procedure with `forms`, or the paper half of the electronic dossier `half_of`.

    `header` are columns of the envelope that the register does not have: TenDoiTuong, NguoiKy, DienThoai,
    LoaiDoiTuong. `pieces` are the papers that are put in beside the forms that we print. `hybrid` says that an
    electronic half is still to come.
    """

    envelope: bytes = b""
    procedure: Code = ""
    unit: Code = ""
    period: Code = ""
    batch: Annotated[int, Meta(ge=1, le=BATCH_MAX)] | None = None
    header: dict[Short, Short] = {}
    forms: Annotated[list[FormSent], Meta(max_length=FORMS_MAX)] = []
    half_of: Code = ""
    pieces: Annotated[list[Piece], Meta(max_length=1000)] = []
    hybrid: bool = False


class ReturnTo(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where originals and results go back to."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    address: Annotated[str, Meta(min_length=1, max_length=400)]
    phone: Short = ""


class AnnouncementSent(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Paper that is to come: its dossiers, the mail room that it is sent to (`office`, else the competent one of the
    first dossier), who carries it. `item` is for a clerk: the opened item in which paper came that nobody announced.
    """

    dossiers: Annotated[list[DossierSent], Meta(min_length=1, max_length=DOSSIERS_MAX)]
    office: Code = ""
    carrier: Code = ""
    return_to: ReturnTo | None = None
    item: Code = ""


class SheetRead(Struct, frozen=True):
    """A sheet that became a form: what its file is called, and how it was read."""

    file: str
    reading: Reading


class HalfContent(Struct, frozen=True, kw_only=True):
    """The content of a paper half that has no data of its own: whose half it is, and the papers in it (JSON)."""

    half_of: str
    pieces: list[Piece]


class Content(Struct, frozen=True, kw_only=True):
    """The envelope of a dossier, and what was found while it was made. `sheets` are by the form's file in it."""

    envelope: bytes
    findings: tuple[Finding, ...] = ()
    sheets: Mapping[str, SheetRead] = {}


def half_alone(sent: DossierSent) -> bytes:
    """The content of a half without data of its own; the same half and papers give the same bytes."""
    return msgspec.json.encode(HalfContent(half_of=sent.half_of, pieces=sent.pieces), order="sorted")


def content_of(sent: DossierSent, *, catalogue: Catalogue, unit: Unit | None, ivan_code: str, on: date) -> Content:
    """The dossier's envelope: as it was sent, or written by us. The same on the same day gives the same bytes.

    Never raises for anything that was sent: what is wrong with it is a finding, and the envelope then empty.
    """
    if sent.envelope and not sent.forms:
        return Content(envelope=sent.envelope)
    if sent.envelope or not sent.forms:
        return Content(envelope=b"", findings=(say("dossier-not-one-source"),))
    procedure = catalogue.procedure(sent.procedure, on)
    found: list[Finding] = []
    if procedure is None:
        found.append(say("procedure-unknown", Place(file="Hoso", column="MaThuTuc"), value=sent.procedure))
    found += [
        say("column-unknown", Place(file="Hoso", form="Hoso", column=name), value=text)
        for name, text in sent.header.items()
        if name not in _OWN_COLUMNS
    ]
    inside: list[Inside] = []
    sheets: dict[str, SheetRead] = {}
    for form_sent in sent.forms:
        form = catalogue.form(form_sent.form, on)
        if form is None or form.code == "Hoso":
            found.append(say("form-unknown", Place(file="Hoso", column="MaToKhai"), value=form_sent.form))
            continue
        name = _file_name(form, sum(one.form == form.code for one in inside))
        made = _form_content(form_sent, form, name, sent.unit, catalogue, on)
        found += made.findings
        inside.append(Inside(form.code, form.title_vi, name, made.envelope))
        sheets |= made.sheets
    if procedure is None or found:
        return Content(envelope=b"", findings=tuple(found), sheets=sheets)
    return Content(envelope=_envelope(sent, procedure, inside, unit, ivan_code, on), sheets=sheets)


def _file_name(form: Form, before: int) -> str:
    more = f"-{before + 1}" if before else ""
    return f"{form.code}-{form.folder.name}{more}.xml"


def _envelope(
    sent: DossierSent, procedure: Procedure, inside: list[Inside], unit: Unit | None, ivan_code: str, on: date
) -> bytes:
    return write_envelope(
        {"MaIVAN": ivan_code, "TenIVAN": ""},
        {
            "TenDoiTuong": sent.header.get("TenDoiTuong") or (unit.name if unit else ""),
            "MaSoBHXH": sent.unit,
            "LoaiDoiTuong": sent.header.get("LoaiDoiTuong", ORGANISATION),
            "MaSoThue": unit.tax_code if unit else "",
            "NguoiKy": sent.header.get("NguoiKy", ""),
            "DienThoai": sent.header.get("DienThoai", ""),
            "CoQuanQuanLy": unit.office if unit else "",
        },
        {
            "TenThuTuc": procedure.title_vi,
            "MaThuTuc": procedure.code,
            "KyKeKhai": sent.period,
            "NgayLap": f"{on:%d/%m/%Y}",
            "SoLuongFile": "",
            "QuyTrinhISO": "",
        },
        inside,
    )


def _form_content(sent: FormSent, form: Form, name: str, unit: str, catalogue: Catalogue, on: date) -> Content:
    """The form's own XML; it stands in `envelope`."""
    has_rows = bool(sent.rows or sent.lists)
    place = Place(file=name, form=form.code)
    if (bool(sent.xml), bool(sent.sheet), has_rows).count(True) > 1 or (sent.xml and sent.header):
        return Content(envelope=b"", findings=(say("form-not-one-source", place),))
    if sent.xml:
        return Content(envelope=sent.xml)
    if not (sent.sheet or has_rows or sent.header):
        return Content(envelope=b"", findings=(say("form-not-one-source", place),))
    known = _outside(form)
    header = {column: str(text) for column, text in sent.header.items()}
    # The one column of a form's own header that says whose it is.
    if "MaDonVi" in known:
        header.setdefault("MaDonVi", unit)
    if sent.sheet:
        return _from_sheet(sent, form, name, header, catalogue, on)
    return _from_rows(sent, form, name, header, known)


def _from_sheet(
    sent: FormSent, form: Form, name: str, header: Mapping[str, str], catalogue: Catalogue, on: date
) -> Content:
    file = sent.file or name
    asked = Asked(sheet=sent.tab, given=header, into=sent.into)
    try:
        reading = read(sent.sheet, form, catalogue.lists, on, file=name, asked=asked)
    except (SheetUnreadable, HeadersUnclear, SheetWordsUnusable) as error:
        found = say("sheet-unreadable", Place(file=file, form=form.code), why=str(error))
        return Content(envelope=b"", findings=(found,))
    return Content(envelope=reading.content, sheets={name: SheetRead(file, reading)})


def _from_rows(sent: FormSent, form: Form, name: str, header: dict[str, str], known: frozenset[str]) -> Content:
    """A form from rows: numbered and counted as those of a sheet are."""
    found = [
        say("column-unknown", Place(file=name, form=form.code, column=column), value=text)
        for column, text in header.items()
        if column not in known
    ]
    if form.rows is None and (sent.rows or sent.lists):
        found.append(say("form-without-rows", Place(file=name, form=form.code), value=next(iter(sent.lists), "")))
    if form.rows is None:
        return Content(envelope=b"" if found else write_form(form, header, {}), findings=tuple(found))
    paths = row_paths(form)
    lists: dict[str, list[dict[str, str]]] = {path: [] for path in paths}
    for list_name, rows in {"": sent.rows, **sent.lists}.items():
        path = _path_of(paths, list_name)
        if path is not None:
            lists[path] += [{column: str(text) for column, text in row.items()} for row in rows]
        elif rows:
            found.append(say("form-without-rows", Place(file=name, form=form.code), value=list_name))
    names, number = columns_of(form), form.rows.number
    ordered = [row for path in paths for row in lists[path]]
    for at, row in enumerate(ordered, 1):
        found += [
            say("column-unknown", _place(form, name, at, row, column), value=text)
            for column, text in row.items()
            if column not in names
        ]
    for path in paths:
        for at, row in enumerate(lists[path], 1):
            row.setdefault(number, str(at))
    counted = {
        column: str(sum(row.get(told.column, "") in told.values for row in ordered))
        for column, told in sheet_data(form).counted.items()
    }
    return Content(envelope=b"" if found else write_form(form, counted | header, lists), findings=tuple(found))


def _path_of(paths: list[str], name: str) -> str | None:
    """The list that the end of its path names, with or without the row's own name; the first one for ""."""
    if not name:
        return paths[0]
    return next((path for path in paths if f"{path}/".endswith(f"/{name}/") or f"/{name}/" in path), None)


def _place(form: Form, file: str, at: int, row: Mapping[str, str], column: str) -> Place:
    rows = form.rows
    return Place(
        file=file,
        form=form.code,
        row=at,
        row_name=row.get(rows.name, "") if rows else "",
        row_key=row.get(rows.key, "") if rows else "",
        column=column,
    )


def _outside(form: Form) -> frozenset[str]:
    """The columns that a form's header may have: those outside its rows, or all of them where it has no rows."""
    if form.rows is not None:
        return outside(form)
    found: set[str] = set()

    def look(parent: Element) -> None:
        for child in parent.children:
            if child.type is not None:
                found.update((child.name, f"{parent.name}/{child.name}"))
            elif not child.open:
                look(child)

    look(form.model)
    return frozenset(found)
