"""Valid unsigned dossiers of units and people that do not exist: the same arguments give the same bytes."""

from base64 import b64encode
from collections.abc import Sequence
from datetime import date
from string import ascii_uppercase
from typing import Final

import msgspec
from stdnum.vn import mst

from schemas import sample_attachments
from schemas.sample_forms import DECLARATION, ROOT_NAMESPACES, WRITERS, day_of, element, month_of
from schemas.sample_people import Home, a_home, dice, employees_of, person_name, phone_number, unit_province
from schemas.sample_words import places, words

EMPLOYEES_MAX: Final = 1000
ATTACHMENTS_MAX: Final = 100
ATTACHMENT_SIZE_BYTES_MAX: Final = 32 * 2**20
FORMS: Final = ("D02-TS", "TK1-TS", "D01-TS")

_REGISTRATION: Final = "04"
_ATTACHED: Final = "CT-DK"
_SERIALS: Final = 9_999_999
_UNIT_SHAPES: Final = ("AA9999A", "AAA999A", "AA99999")


class SampleError(ValueError):
    """A dossier was asked for that cannot be made; asking again for the same changes nothing."""


def tax_code(seed: int) -> str:
    """A tax code (MST) of ten digits with a right check digit, in a block given to no province.

    Seeds less than 9,999,999 apart give different codes. The check digit follows stdnum's `vn.mst`.
    """
    # The factor has no divisor in common with the number of serials, so that neighbours lie apart and none meet.
    serial = 1 + (seed * 7_368_787 + 2_236_067) % _SERIALS
    for prefix in words().numbers.tax_prefixes:
        head = f"{prefix}{serial:07d}"
        check = mst.calc_check_digit(head)
        if len(check) == 1:
            return head + check
    raise AssertionError("one of two neighbouring prefixes has a check digit of one figure")


def unit_code(seed: int) -> str:
    """A unit code (mã đơn vị) in one of the three shapes in use, AA9999A, AAA999A and AA99999, by turns.

    Seeds less than 200 million apart give different codes.
    """
    number, turn = divmod(seed, len(_UNIT_SHAPES))
    shape = _UNIT_SHAPES[turn]
    space = 1
    for place in shape:
        space *= 26 if place == "A" else 10
    rest = (number * 31_415_927 + 2_718_281 * (turn + 1)) % space
    code = []
    for place in reversed(shape):
        rest, digit = divmod(rest, 26 if place == "A" else 10)
        code.append(ascii_uppercase[digit] if place == "A" else str(digit))
    return "".join(reversed(code))


class _Unit(msgspec.Struct, frozen=True, kw_only=True):
    """A firm that does not exist: the same tax code is always the same firm."""

    code: str
    tax_code: str
    office: str
    name: str
    signer: str
    phone: str
    home: Home


class _File(msgspec.Struct, frozen=True):
    """One FileToKhai."""

    form: str
    name: str
    kind: str
    content: bytes


def make_dossier(
    procedure: str,
    *,
    employees: int = 10,
    seed: int = 0,
    unit: str,
    tax_code: str,
    office: str,
    period: str,
    made_on: date,
    attachments: int = 1,
    attachment_bytes: int | None = None,
    forms: Sequence[str] = FORMS,
) -> bytes:
    """The national envelope `BHXHDienTu.xml` with its forms inside, ready to be signed: every `Cky` is empty.

    `period` is MM/yyyy. `forms` are written in the order given; the dossier is not valid without one that the procedure
    must have. Attachments are by turns PDF, DOCX, XLSX and PNG; each PDF has `attachment_bytes` bytes if that is said.
    Procedure 04 (registration of a unit) is one small form: it has no employees, forms, period or attachments.
    Raises SampleError for a procedure without a sample, or numbers outside what can be made.
    """
    month = _month(period)
    _check(procedure, employees, attachments, attachment_bytes, forms)
    firm = _unit(unit, tax_code, office)
    if procedure == _REGISTRATION:
        return _registration(firm, made_on)
    crew = employees_of(dice("people", seed), employees, month, firm.home.province, declared="TK1-TS" in forms)
    files = [_File(form, f"{form}-595.xml", ".xml", WRITERS[form](crew, month, firm.name)) for form in forms]
    files += _attachments(seed, attachments, attachment_bytes)
    return _envelope(procedure, firm, month, made_on, files)


def _check(
    procedure: str, employees: int, attachments: int, attachment_bytes: int | None, forms: Sequence[str]
) -> None:
    if procedure not in words().procedures:
        raise SampleError(f"no sample for procedure {procedure}; there are: {', '.join(words().procedures)}")
    if not 1 <= employees <= EMPLOYEES_MAX:
        raise SampleError(f"1 to {EMPLOYEES_MAX} employees, not {employees}")
    if not 0 <= attachments <= ATTACHMENTS_MAX:
        raise SampleError(f"0 to {ATTACHMENTS_MAX} attachments, not {attachments}")
    if attachment_bytes is not None and attachment_bytes > ATTACHMENT_SIZE_BYTES_MAX:
        raise SampleError(f"at most {ATTACHMENT_SIZE_BYTES_MAX} bytes an attachment, not {attachment_bytes}")
    if len(set(forms)) < len(forms):
        raise SampleError(f"each form at most once, not {', '.join(forms)}")
    if unknown := [form for form in forms if form not in WRITERS]:
        raise SampleError(f"no sample for form {', '.join(unknown)}; there are: {', '.join(WRITERS)}")


def _month(period: str) -> date:
    month, _, year = period.partition("/")
    try:
        day = date(int(year), int(month), 1)
    except ValueError as wrong:
        raise SampleError(f"a period is MM/yyyy, not {period!r}") from wrong
    if month_of(day) != period:
        raise SampleError(f"a period is MM/yyyy, not {period!r}")
    return day


def _unit(code: str, tax: str, office: str) -> _Unit:
    chance = dice("unit", tax)
    firms = words().firms
    return _Unit(
        code=code,
        tax_code=tax,
        office=office,
        name=f"{chance.choice(firms.kinds)} {chance.choice(firms.trades)} {chance.choice(firms.names)}",
        signer=person_name(chance, male=chance.random() < 0.5),  # noqa: PLR2004 - heads or tails
        phone=phone_number(chance),
        home=a_home(chance, unit_province(chance, office)),
    )


def _attachments(seed: int, count: int, size_bytes: int | None) -> list[_File]:
    files = []
    for number in range(1, count + 1):
        kind, name, make = sample_attachments.KINDS[(number - 1) % len(sample_attachments.KINDS)]
        chance = dice("attachment", seed, number)
        try:
            content = sample_attachments.pdf(chance, size_bytes) if kind == ".pdf" else make(chance)
        except ValueError as wrong:
            raise SampleError(str(wrong)) from wrong
        files.append(_File(_ATTACHED, f"{name}-{number}{kind}", kind, content))
    return files


def _envelope(procedure: str, firm: _Unit, month: date, made_on: date, files: Sequence[_File]) -> bytes:
    carrier, codes = words().carrier, words().codes
    sender = {"MaIVAN": carrier.code, "TenIVAN": carrier.name}
    unit = {
        "TenDoiTuong": firm.name,
        "MaSoBHXH": firm.code,
        "LoaiDoiTuong": codes.unit_kind,
        "MaSoThue": firm.tax_code,
        "NguoiKy": firm.signer,
        "DienThoai": firm.phone,
        "CoQuanQuanLy": firm.office,
    }
    dossier = {
        "TenThuTuc": words().procedures[procedure].title,
        "MaThuTuc": procedure,
        "KyKeKhai": month_of(month),
        "NgayLap": day_of(made_on),
        "SoLuongFile": str(len(files)),
        "QuyTrinhISO": "",
    }
    inside = (
        f"    <ThongTinIVAN>\n{_lines(sender, 6)}    </ThongTinIVAN>\n"
        f"    <ThongTinDonVi>\n{_lines(unit, 6)}    </ThongTinDonVi>\n"
        f"    <ThongTinHoSo>\n{_lines(dossier, 6)}      <ToKhais>\n"
        f"{''.join(map(_file, files))}      </ToKhais>\n    </ThongTinHoSo>\n"
    )
    return _hoso(inside)


def _registration(firm: _Unit, made_on: date) -> bytes:
    carrier = words().carrier
    columns = {
        "TenCoQuan": places().offices.get(firm.office, f"Bảo hiểm xã hội cơ sở {firm.office}"),
        "MaCoQuan": firm.office,
        "LoaiDoiTuong": words().codes.unit_kind,
        "TenDoiTuong": firm.name,
        "MaSoThue": firm.tax_code,
        "DienThoai": firm.phone,
        "Email": f"dv{firm.tax_code}@example.com",
        "NguoiLienHe": firm.signer,
        "DiaChi": firm.home.line,
        "DiaChiLienHe": firm.home.line,
        "DienThoaiLienHe": firm.phone,
        "NgayLap": day_of(made_on),
        "NgayDangKy": day_of(made_on),
        "MaIVan": carrier.code,
        "TenIVan": carrier.name,
        "PTNhanKetQua": words().codes.result_channel,
        "ToKhais": "",
    }
    return _hoso(_lines(columns, 4))


def _hoso(inside: str) -> bytes:
    return (
        f"{DECLARATION}<Hoso {ROOT_NAMESPACES}>\n  <NoiDung>\n{inside}  </NoiDung>\n  <CKy_Dvi/>\n</Hoso>\n"
    ).encode()


def _lines(columns: dict[str, str], indent: int) -> str:
    return "".join(f"{' ' * indent}{element(name, text)}\n" for name, text in columns.items())


def _file(file: _File) -> str:
    text = b64encode(file.content).decode("ascii")
    columns = {
        "MaToKhai": file.form,
        "MoTaToKhai": words().forms[file.form],
        "TenFile": file.name,
        "LoaiFile": file.kind,
        # DoDaiFile counts the characters of the base64 text, as real envelopes do, not the bytes that it stands for.
        "DoDaiFile": str(len(text)),
        "NoiDungFile": text,
    }
    return f"        <FileToKhai>\n{_lines(columns, 10)}        </FileToKhai>\n"
