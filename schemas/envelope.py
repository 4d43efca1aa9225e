"""The envelope `Hoso` (BHXHDienTu.xml): who files what for which period, and the files it carries in base64."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from schemas.checkdigits import tax_code_canonical, tax_code_holds
from schemas.envelope_files import DECISION_SUFFIXES, ENVELOPE, FILES_MAX, EnvelopeFile, Files, number_of, without
from schemas.findings import Finding, Place, bounded, finding
from schemas.tree import line_of, text_of
from schemas.validate import validate_form
from schemas.written import parse_date

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date

    from lxml import etree

    from schemas.catalogue import Catalogue
    from schemas.envelope_files import Stored
    from schemas.form import Form

FIRST_REGISTRATION: Final = "04"
FIRST_REGISTRATION_FORM: Final = "04_DK-IVAN"
UNIT_CODE_CHARACTERS: Final = 7
_TAX_CODE_DIGITS: Final = (10, 13)
_HEAD: Final = "NoiDung/ThongTinHoSo"
_UNIT: Final = "NoiDung/ThongTinDonVi"
_GROUPS: Final = frozenset({"ThongTinIVAN", "ThongTinDonVi", "ThongTinHoSo"})
_NO_COLUMNS: Final = _GROUPS | {"ToKhais"}
_GROUPS_OF_ENVELOPE: Final = ("ThongTinDonVi", "ThongTinHoSo")
HEADER_CHARACTERS_MAX: Final = 600

_OLD_ROOTS: Final = {
    "BaoHiemDienTu": ("mẫu phong bì cũ", "an older envelope"),
    "Envelope": ("mẫu phong bì riêng của Hà Nội", "Hanoi's own older envelope"),
    "BHXH": ("mẫu đăng ký I-VAN cũ", "an older I-VAN registration"),
}


class _Bare(Struct, frozen=True):
    """A form that no envelope goes round: its root is that of the envelope, and it is told by what its content holds.

    `told_by` are columns, any of which tells it; in small letters and without underscores, for layouts write them
    differently (NGAY_NGUNG, NgayNgung).
    """

    form: str
    procedure: str
    told_by: frozenset[str]


# In this order: the forms of a unit that is registered hold all that the first registration holds, and more.
_BARE: Final = (
    _Bare("06_NG-IVAN", "06", frozenset({"ngayngung", "lydongung"})),
    _Bare("05_SD-IVAN", "05", frozenset({"noidungthaydoi"})),
    _Bare(FIRST_REGISTRATION_FORM, FIRST_REGISTRATION, frozenset({"macoquan", "maivan"})),
)
# The forms that are themselves the signed document, and the procedure of each.
BARE_FORMS: Final = {bare.form: bare.procedure for bare in _BARE}


class Header(Struct, frozen=True):
    """What an envelope says of itself at first sight; nothing of it has been judged."""

    form: str = ENVELOPE
    unit_code: str = ""
    unit_name: str = ""
    tax_code: str = ""
    office_code: str = ""
    procedure: str = ""
    period: str = ""
    columns: dict[str, str] = {}


class Envelope(Struct, frozen=True):
    """An envelope, read as far as it could be. `office_code` is as written; `tax_code` has its one spelling.

    `form` is "Hoso", or one of BARE_FORMS when the document is itself the form (a registration with an I-VAN, its
    change or its end). `unreadable` are the form codes of files whose content could not be decoded; they are not in
    `files`.
    """

    form: str
    form_version: str
    ivan_code: str
    ivan_name: str
    unit_code: str
    unit_name: str
    tax_code: str
    signer_name: str
    phone: str
    office_code: str
    procedure: str
    procedure_name: str
    period: str
    made_on: date | None
    file_count: int | None
    files: tuple[EnvelopeFile, ...]
    unreadable: tuple[str, ...] = ()

    def pointer(self, column: str) -> str:
        """The XPath of a column of the dossier's own header."""
        return f"/Hoso/{_HEAD}/{column}" if self.form == ENVELOPE else "/Hoso/NoiDung"


def peek(root: etree._Element) -> Header:
    """Read the header only: cheap, tolerant, never raises; what is not there is empty."""
    told, bare = _told(root)
    # Whoever registers for the first time has no code yet.
    is_first = bare is not None and bare.form == FIRST_REGISTRATION_FORM
    return Header(
        form=bare.form if bare else ENVELOPE,
        unit_code="" if is_first else told.get("MaSoBHXH", ""),
        unit_name=told.get("TenDoiTuong", ""),
        tax_code=tax_code_canonical(told.get("MaSoThue", "")),
        office_code=told.get("MaCoQuan" if bare else "CoQuanQuanLy", ""),
        procedure=bare.procedure if bare else procedure_code(told.get("MaThuTuc", "")),
        period="" if bare else told.get("KyKeKhai", ""),
        columns=told,
    )


def open_envelope(
    root: etree._Element,
    *,
    catalogue: Catalogue,
    on: date,
    header: Header | None = None,
    beside: Mapping[str, bytes | Stored] | None = None,
) -> tuple[Envelope | None, list[Finding]]:
    """Judge the envelope and take its files out: layout, base64, counts, lengths, names; all findings in one pass.

    None only when the document is no envelope at all; with errors the envelope is still read as far as it goes, so that
    its forms can be judged in the same pass. `on` is the day of receipt, `header` what `peek` has read already,
    `beside` the files of the container that the envelope came in, by name in NFC. Never raises for any tree.
    """
    header = header or peek(root)
    form = catalogue.form(header.form, on) if header.form in BARE_FORMS else None
    form = form or catalogue.envelope(on)
    if root.tag != form.root:
        return None, [_root_unknown(root)]
    found = validate_form(root, form, file=ENVELOPE, facts=catalogue.facts(on))
    bare = form.code != ENVELOPE
    told = header.columns
    opened = Files(form, catalogue, on, beside or {})
    for number, element in enumerate(_file_elements(root, bare=bare), 1):
        (opened.take if number <= FILES_MAX else opened.leave)(number, element)
    # First, so that it is told whatever else there is.
    found = opened.too_many + found + opened.found
    envelope = Envelope(
        form=form.code,
        form_version=form.version,
        ivan_code=told.get("MaIVan" if bare else "MaIVAN", ""),
        ivan_name=told.get("TenIVan" if bare else "TenIVAN", ""),
        unit_code=header.unit_code,
        unit_name=header.unit_name,
        tax_code=header.tax_code,
        signer_name=told.get("NguoiLienHe" if bare else "NguoiKy", ""),
        phone=told.get("DienThoai", ""),
        office_code=header.office_code,
        procedure=header.procedure,
        procedure_name=told.get("TenThuTuc", ""),
        period=header.period,
        made_on=parse_date(told.get("NgayLap", "")),
        file_count=None if bare else number_of(told.get("SoLuongFile", "")),
        files=tuple(opened.files),
        unreadable=tuple(opened.unreadable),
    )
    found += _header_findings(envelope, root, form)
    return envelope, bounded(found, file=ENVELOPE)


def procedure_code(written: str) -> str:
    """The procedure's own code: "600" for "600-595"."""
    return without(written, DECISION_SUFFIXES)


def _header_findings(envelope: Envelope, root: etree._Element, form: Form) -> list[Finding]:
    """The check digit of the tax code and the shape of the unit's code; the rest is said by the form's own rules."""
    found: list[Finding] = []
    unit = _UNIT if envelope.form == ENVELOPE else "NoiDung"

    def place(path: str, column: str) -> Place:
        element = root.find(f"{path}/{column}")
        return Place(
            file=ENVELOPE,
            form=form.code,
            column=column,
            column_label=form.label(column),
            pointer=f"/{ENVELOPE}/{path}/{column}",
            line=None if element is None else line_of(element),
        )

    digits = envelope.tax_code.replace("-", "")
    if digits.isdecimal() and len(digits) in _TAX_CODE_DIGITS and not tax_code_holds(envelope.tax_code):
        # A warning: a certificate that carries this very code is stronger proof than a digit, and without one the
        # dossier is refused anyway.
        found.append(finding("tax-code-check-digit", place(unit, "MaSoThue"), value=envelope.tax_code))
    if envelope.unit_code and len(envelope.unit_code) != UNIT_CODE_CHARACTERS:
        found.append(finding("unit-code-shape", place(unit, "MaSoBHXH"), value=envelope.unit_code))
    return found


def _root_unknown(root: etree._Element) -> Finding:
    tag = str(root.tag)
    name = tag.rpartition("}")[2]
    vi, en = _OLD_ROOTS.get(name, ("", ""))
    if tag == "{}" + ENVELOPE or (name == ENVELOPE and tag != ENVELOPE):
        vi, en = "“Hoso” nằm trong không gian tên lạ", "“Hoso” stands in a namespace"
    elif name.casefold() == ENVELOPE.casefold():
        vi, en = "viết đúng chữ hoa, chữ thường", "capitals matter"
    hint_vi, hint_en = (f" Đây là {vi}." if vi and name in _OLD_ROOTS else f" ({vi})" if vi else ""), ""
    hint_en = f" It is {en}." if en and name in _OLD_ROOTS else f" ({en})" if en else ""
    place = Place(file=ENVELOPE, line=line_of(root), pointer=f"/{name[:60]}")
    return finding("envelope-root-unknown", place, value=tag, hint_vi=hint_vi, hint_en=hint_en)


def _told(root: etree._Element) -> tuple[dict[str, str], _Bare | None]:
    """The header's columns by name, each the first of its name; names differ between the three groups.

    And whether the document is itself a form, and which: all have the root Hoso; such a form has columns where the
    envelope has groups.
    """
    told: dict[str, str] = {}
    content = next(root.iterchildren("NoiDung"), None) if root.tag == ENVELOPE else None
    if content is None:
        return told, None
    outer = set()
    for child in content:
        outer.add(child.tag)
        for column in child if child.tag in _GROUPS else (child,):
            tag = column.tag
            if tag not in _NO_COLUMNS and tag not in told:
                text = text_of(column) if len(column) else column.text or ""
                told[str(tag)] = text[:HEADER_CHARACTERS_MAX].strip()
    if not outer.isdisjoint(_GROUPS_OF_ENVELOPE):
        return told, None
    folded = {str(tag).casefold().replace("_", "") for tag in outer}
    return told, next((bare for bare in _BARE if not folded.isdisjoint(bare.told_by)), None)


def _file_elements(root: etree._Element, *, bare: bool) -> Iterator[etree._Element]:
    for content in root.iterchildren("NoiDung"):
        for head in (content,) if bare else content.iterchildren("ThongTinHoSo"):
            for files in head.iterchildren("ToKhais"):
                yield from files.iterchildren("FileToKhai")
