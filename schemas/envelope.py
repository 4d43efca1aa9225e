"""The envelope `Hoso` (BHXHDienTu.xml): who files what for which period, and the files it carries in base64."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from schemas.base64text import Base64Error, decode
from schemas.checkdigits import tax_code_canonical, tax_code_holds
from schemas.findings import Finding, Place, bounded, finding
from schemas.tree import line_of, text_of
from schemas.validate import validate_form
from schemas.written import parse_date

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from lxml import etree

    from schemas.catalogue import Catalogue, Form

ENVELOPE: Final = "Hoso"
FIRST_REGISTRATION: Final = "04"
FIRST_REGISTRATION_FORM: Final = "04_DK-IVAN"
ATTACHMENT: Final = "CT-DK"
UNIT_CODE_CHARACTERS: Final = 7
# Beyond this many files nobody works through a dossier by hand, and each costs a judgement.
FILES_MAX: Final = 100
_TAX_CODE_DIGITS: Final = (10, 13)
_HEAD: Final = "NoiDung/ThongTinHoSo"
_UNIT: Final = "NoiDung/ThongTinDonVi"
_GROUPS: Final = frozenset({"ThongTinIVAN", "ThongTinDonVi", "ThongTinHoSo"})
HEADER_CHARACTERS_MAX: Final = 600
NUMBER_DIGITS_MAX: Final = 9

# Vendors' software writes the decision's number behind a form's or a procedure's code.
_FORM_SUFFIXES: Final = ("-595",)
_PROCEDURE_SUFFIXES: Final = ("-595", "-959", "-166")
_ENDING: Final = re.compile(r"\.[A-Za-z][A-Za-z0-9]{1,4}$")
_SAME_ENDING: Final = {".jpeg": ".jpg", ".tiff": ".tif"}
_FORM_CODE: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{1,29}")
_STAMP: Final = re.compile(r"^[0-9]{10,20}_")
_UNSAFE_NAME: Final = re.compile(r'[/\\<>:"|?*\x00-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2066-\u2069]|\.\.|^\.|[. ]$')
_ROOT_TAG: Final = re.compile(rb"<([A-Za-z_][0-9A-Za-z_-]{0,30})[\s/>]")
_ROOT_SEARCH_BYTES: Final = 600
_OLD_ROOTS: Final = {
    "BaoHiemDienTu": ("mẫu phong bì cũ", "an older envelope"),
    "Envelope": ("mẫu phong bì riêng của Hà Nội", "Hanoi's own older envelope"),
    "BHXH": ("mẫu đăng ký I-VAN cũ", "an older I-VAN registration"),
}


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


class EnvelopeFile(Struct, frozen=True):
    """One file of the envelope. `number` counts from 1; `kind` is its ending, such as ".xml"; `content` is decoded.

    `form` is the form's own code ("D02-TS" for "D02-TS-595"; "CT-DK" for every supporting paper).
    """

    number: int
    form: str
    description: str
    name: str
    kind: str
    declared_length: int | None
    content: bytes
    line: int | None

    @property
    def place(self) -> Place:
        """Where it stands in the envelope."""
        return Place(file=self.name, form=self.form, pointer=_file_pointer(ENVELOPE, self.number), line=self.line)


class Envelope(Struct, frozen=True):
    """An envelope, read as far as it could be. `office_code` is as written; `tax_code` has its one spelling.

    `form` is "Hoso", or "04_DK-IVAN" when the document is itself the form (first registration). `unreadable` are the
    form codes of files whose content could not be decoded; they are not in `files`.
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
    return _header(_told(root), bare=_is_first_registration(root))


def _header(told: dict[str, str], *, bare: bool) -> Header:
    return Header(
        form=FIRST_REGISTRATION_FORM if bare else ENVELOPE,
        unit_code="" if bare else told.get("MaSoBHXH", ""),
        unit_name=told.get("TenDoiTuong", ""),
        tax_code=tax_code_canonical(told.get("MaSoThue", "")),
        office_code=told.get("MaCoQuan" if bare else "CoQuanQuanLy", ""),
        procedure=FIRST_REGISTRATION if bare else procedure_code(told.get("MaThuTuc", "")),
        period="" if bare else told.get("KyKeKhai", ""),
        columns=told,
    )


def open_envelope(
    root: etree._Element, *, catalogue: Catalogue, on: date, header: Header | None = None
) -> tuple[Envelope | None, list[Finding]]:
    """Judge the envelope and take its files out: layout, base64, counts, lengths, names; all findings in one pass.

    None only when the document is no envelope at all; with errors the envelope is still read as far as it goes, so that
    its forms can be judged in the same pass. `on` is the day of receipt, `header` what `peek` has read already. Never
    raises for any tree.
    """
    form = catalogue.form(FIRST_REGISTRATION_FORM, on) if _is_first_registration(root) else None
    form = form or catalogue.envelope(on)
    if root.tag != form.root:
        return None, [_root_unknown(root)]
    found = validate_form(root, form, file=ENVELOPE)
    bare = form.code == FIRST_REGISTRATION_FORM
    header = header or peek(root)
    told = header.columns
    opened = _Files(form, catalogue, on)
    for number, element in enumerate(root.iterfind(f"{'NoiDung' if bare else _HEAD}/ToKhais/FileToKhai"), 1):
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
        file_count=None if bare else _number(told.get("SoLuongFile", "")),
        files=tuple(opened.files),
        unreadable=tuple(opened.unreadable),
    )
    found += _header_findings(envelope, root, opened.count, form, on=on)
    return envelope, bounded(found, file=ENVELOPE)


def procedure_code(written: str) -> str:
    """The procedure's own code: "600" for "600-595"."""
    return _without(written, _PROCEDURE_SUFFIXES)


def _header_findings(envelope: Envelope, root: etree._Element, count: int, form: Form, *, on: date) -> list[Finding]:
    found: list[Finding] = []
    head, unit = (_HEAD, _UNIT) if envelope.form == ENVELOPE else ("NoiDung", "NoiDung")

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
    if envelope.file_count is not None and envelope.file_count != count:
        words = {"declared": envelope.file_count, "found": count}
        where = place(head, "SoLuongFile")
        found.append(finding("file-count-mismatch", where, words, value=str(envelope.file_count)))
    if envelope.made_on is not None and envelope.made_on > on:
        made, received = f"{envelope.made_on:%d/%m/%Y}", f"{on:%d/%m/%Y}"
        found.append(finding("made-on-in-future", place(head, "NgayLap"), value=made, on=received))
    return found


class _Files:
    """The files of one envelope, taken one after the other."""

    def __init__(self, form: Form, catalogue: Catalogue, on: date) -> None:
        self.form = form
        self.catalogue = catalogue
        self.on = on
        self.count = 0
        self.files: list[EnvelopeFile] = []
        self.unreadable: list[str] = []
        self.found: list[Finding] = []
        self.too_many: list[Finding] = []
        self._names: dict[str, int] = {}

    def leave(self, number: int, _: etree._Element) -> None:
        """Count a file that is beyond the limit; the first of them is told."""
        self.count = number
        if number == FILES_MAX + 1:
            place = Place(file=ENVELOPE, form=self.form.code, pointer=_file_pointer(self.form.code, number))
            self.too_many.append(finding("files-too-many", place, most=FILES_MAX))

    def take(self, number: int, element: etree._Element) -> None:
        self.count = number
        told = {str(child.tag): child for child in element}
        words = {tag: text_of(child) for tag, child in told.items() if tag != "NoiDungFile"}
        name = _plain(words.get("TenFile", ""))
        place = Place(
            file=name or f"FileToKhai[{number}]",
            form=self.form.code,
            pointer=_file_pointer(self.form.code, number),
            line=line_of(element),
        )
        self._name(name, number, place)
        kind = self._kind(name, _plain(words.get("LoaiFile", "")), place)
        holder = told.get("NoiDungFile")
        text = "" if holder is None else text_of(holder)
        content = self._content(text, number, name, place) if holder is not None else None
        code = self._code(_plain(words.get("MaToKhai", "")), name, kind, content, place)
        declared = _number(words.get("DoDaiFile", ""))
        if content is None:
            self.unreadable.append(code)
            return
        if declared is not None and declared != len(text):
            self._length(declared, text, content, name, place)
        description = _plain(words.get("MoTaToKhai", ""))
        shown = name or place.file
        self.files.append(EnvelopeFile(number, code, description, shown, kind, declared, content, line_of(element)))

    def _name(self, name: str, number: int, place: Place) -> None:
        if not name:
            return
        if _UNSAFE_NAME.search(name):
            self.found.append(finding("file-name-unsafe", place, value=name, name=name))
        # Two names that some file system would not tell apart are one.
        first = self._names.setdefault(unicodedata.normalize("NFC", name).casefold(), number)
        if first != number:
            self.found.append(finding("file-name-repeated", place, value=name, name=name, first=first, number=number))

    def _kind(self, name: str, written: str, place: Place) -> str:
        ending = match[0].lower() if (match := _ENDING.search(name)) else ""
        kind = written.lower()
        if kind and not kind.startswith("."):
            kind = "." + kind
        if kind and ending and _SAME_ENDING.get(kind, kind) != _SAME_ENDING.get(ending, ending):
            self.found.append(finding("file-kind-mismatch", place, value=written, name=name, expected=ending))
        return kind or ending

    def _content(self, text: str, number: int, name: str, place: Place) -> bytes | None:
        try:
            content = decode(text)
        except Base64Error as broken:
            why_vi, why_en = broken.words()
            words: dict[str, str | int] = {"number": number, "name": name}
            self.found.append(finding("file-base64-broken", place, words, why_vi=why_vi, why_en=why_en))
            return None
        if not content:
            self.found.append(finding("file-empty", place, number=number, name=name))
            return None
        return content

    def _length(self, declared: int, text: str, content: bytes, name: str, place: Place) -> None:
        """The length told is that of the base64 text; a line break may have been counted not at all, or as two."""
        blanks = sum(map(text.count, " \t\r\n"))
        if declared in (len(text) - blanks, len(text) + text.count("\n")):
            return
        code = "file-length-decoded" if declared == len(content) else "file-length-mismatch"
        self.found.append(finding(code, place, value=str(declared), name=name, declared=declared, found=len(text)))

    def _code(self, written: str, name: str, kind: str, content: bytes | None, place: Place) -> str:
        """The form's code: as written but for a vendor's suffix; guessed, and said so, when what is written is none."""
        code = _without(written, _FORM_SUFFIXES)
        known = code != ENVELOPE and self.catalogue.form(code, self.on) is not None
        if kind != ".xml":
            if known:
                self.found.append(finding("form-not-xml", place, value=kind, name=name, form=code))
                return code
            if code != ATTACHMENT:
                self.found.append(finding("attachment-code-unexpected", place, value=written, name=name))
            return ATTACHMENT
        if known or code == ATTACHMENT:
            return code
        guess = self._guess([code, name], content)
        if not guess and _FORM_CODE.fullmatch(code):
            return code
        hint_vi, hint_en = (
            (f" Theo nội dung, đây là {guess}.", f" By its content it is {guess}.") if guess else ("", "")
        )
        expected = guess or "D02-TS"
        words = {"name": name, "expected": expected, "hint_vi": hint_vi, "hint_en": hint_en}
        self.found.append(finding("form-code-junk", place, words, value=written))
        return guess or code

    def _guess(self, names: Sequence[str], content: bytes | None) -> str:
        forms = [form for form in self.catalogue.forms(self.on) if form.code != ENVELOPE]
        by_name = {form.code.casefold(): form.code for form in forms}
        for name in names:
            stem = _STAMP.sub("", _ENDING.sub("", name))
            if code := by_name.get(_without(stem, _FORM_SUFFIXES).casefold()):
                return code
        root = _ROOT_TAG.search((content or b"")[:_ROOT_SEARCH_BYTES])
        by_root = {form.root: form.code for form in forms if form.root != ENVELOPE}
        return by_root.get(root[1].decode("ascii"), "") if root else ""


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


def _is_first_registration(root: etree._Element) -> bool:
    """Both have the root Hoso; the form has the agency and the I-VAN where the envelope has groups."""
    if root.tag != ENVELOPE or (content := root.find("NoiDung")) is None:
        return False
    if content.find("ThongTinHoSo") is not None or content.find("ThongTinDonVi") is not None:
        return False
    return content.find("MaCoQuan") is not None or content.find("MaIVan") is not None


def _file_pointer(form: str, number: int) -> str:
    middle = "/ThongTinHoSo" if form == ENVELOPE else ""
    return f"/Hoso/NoiDung{middle}/ToKhais/FileToKhai[{number}]"


def _told(root: etree._Element) -> dict[str, str]:
    """The header's columns by name, each the first of its name; names differ between the three groups."""
    told: dict[str, str] = {}
    content = root.find("NoiDung") if root.tag == ENVELOPE else None
    if content is None:
        return told
    for child in content:
        inside = child if child.tag in _GROUPS else (child,)
        for column in inside:
            tag = column.tag
            if tag != "ToKhais" and tag not in _GROUPS and tag not in told:
                told[str(tag)] = text_of(column)[:HEADER_CHARACTERS_MAX].strip()
    return told


def _plain(text: str) -> str:
    return " ".join(text.split())


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= NUMBER_DIGITS_MAX else None


def _without(code: str, suffixes: tuple[str, ...]) -> str:
    for suffix in suffixes:
        if code.endswith(suffix):
            return code.removesuffix(suffix)
    return code
