"""Valid unsigned dossiers of units and people that do not exist: the same arguments give the same bytes."""

from base64 import b64encode
from collections.abc import Sequence
from datetime import date
from functools import cache
from string import ascii_uppercase
from typing import Final

import msgspec
from stdnum.vn import mst

from schemas import sample_attachments
from schemas.catalogue import Catalogue
from schemas.envelope_files import REFERENCE
from schemas.form import Form
from schemas.procedure import Procedure
from schemas.sample_forms import DECLARATION, ROOT_NAMESPACES, WRITERS, day_of, element, month_of
from schemas.sample_from_form import from_sample
from schemas.sample_people import Employee, Home, a_home, dice, employees_of, person_name, phone_number, unit_province
from schemas.sample_words import UnitFact, places, words

EMPLOYEES_MAX: Final = 1000
ATTACHMENTS_MAX: Final = 100
ATTACHMENT_SIZE_BYTES_MAX: Final = 32 * 2**20

# The forms that are written here, rather than taken from a form's own sample, all speak of the changes in this list.
_CHANGES: Final = "D02-TS"
_NEWCOMERS: Final = "TK1-TS"
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
    title: str
    name: str
    kind: str
    content: bytes


class Reference(msgspec.Struct, frozen=True):
    """A supporting paper that the gateway holds already: its name, and the SHA-256 of its bytes."""

    name: str
    sha256: bytes


class _Plan(msgspec.Struct, frozen=True):
    """What a dossier is to hold, as the catalogue says it on the day of making."""

    procedure: Procedure
    forms: tuple[Form, ...]

    @property
    def reports_changes(self) -> bool:
        return any(form.code == _CHANGES for form in self.forms)

    @property
    def declares_newcomers(self) -> bool:
        return self.reports_changes and any(form.code == _NEWCOMERS for form in self.forms)


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
    forms: Sequence[str] | None = None,
    catalogue: Catalogue | None = None,
    receipt: str = "",
    supplement: bool = False,
    references: Sequence[Reference] = (),
) -> bytes:
    """The national envelope `BHXHDienTu.xml` with its forms inside, ready to be signed: every `Cky` is empty.

    The procedure is that of the `catalogue` (the one that comes with motcua, if none is given) in force when the
    dossier is made. `period` is MM/yyyy. `forms` are written in the order given; without them the dossier holds those
    that the procedure must have, which for 600 is more. Attachments are by turns PDF, DOCX, XLSX and PNG, as far as the
    procedure takes any; each PDF has `attachment_bytes` bytes if that is said; `references` are further ones, of which
    only the digest is told. `receipt` is the number of the dossier that is withdrawn, where one is. A `supplement`
    holds the attachments, and of the forms only those that are named in `forms`. A procedure whose document is itself
    the form (registration of a unit) has no envelope, employees or attachments.
    Raises SampleError for a procedure or form without a sample, or numbers outside what can be made.
    """
    month = _month(period)
    _check(employees, attachments, attachment_bytes)
    plan = _plan(catalogue or _catalogue(), procedure, made_on, () if supplement and forms is None else forms)
    firm = _unit(unit, tax_code, office)
    declared = plan.declares_newcomers
    crew = employees_of(dice("people", seed), employees, month, firm.home.province, declared=declared)
    facts = _facts(firm, month, made_on, receipt)
    files = [_form(plan, form, crew, firm, facts, month, made_on) for form in plan.forms]
    if plan.procedure.bare_form:
        if not files:
            raise SampleError(f"what is filed under {procedure} is itself the form {plan.procedure.bare_form}: name it")
        return files[0].content
    if plan.procedure.attachments.code in plan.procedure.may:
        files += _attachments(plan.procedure, seed, attachments, attachment_bytes)
        files += [_referred(plan.procedure, one) for one in references]
    if supplement and not files:
        raise SampleError("a supplement holds a form or an attachment")
    return _envelope(plan.procedure, firm, month, made_on, files)


@cache
def _catalogue() -> Catalogue:
    return Catalogue.load()


def _check(employees: int, attachments: int, attachment_bytes: int | None) -> None:
    if not 1 <= employees <= EMPLOYEES_MAX:
        raise SampleError(f"1 to {EMPLOYEES_MAX} employees, not {employees}")
    if not 0 <= attachments <= ATTACHMENTS_MAX:
        raise SampleError(f"0 to {ATTACHMENTS_MAX} attachments, not {attachments}")
    if attachment_bytes is not None and attachment_bytes > ATTACHMENT_SIZE_BYTES_MAX:
        raise SampleError(f"at most {ATTACHMENT_SIZE_BYTES_MAX} bytes an attachment, not {attachment_bytes}")


def _plan(catalogue: Catalogue, code: str, on: date, forms: Sequence[str] | None) -> _Plan:
    procedure = catalogue.procedure(code, on)
    if procedure is None:
        known = ", ".join(one.code for one in catalogue.procedures(on))
        raise SampleError(f"no procedure {code} on {day_of(on)}; there are: {known}")
    taken = [filed.code for filed in procedure.forms if filed.code != procedure.attachments.code]
    wanted = _usual(procedure, taken) if forms is None else tuple(forms)
    if len(set(wanted)) < len(wanted):
        raise SampleError(f"each form at most once, not {', '.join(wanted)}")
    if unknown := [form for form in wanted if form not in taken]:
        raise SampleError(f"procedure {code} takes no {', '.join(unknown)}; it takes: {', '.join(taken)}")
    planned = []
    for wanted_form in wanted:
        form = catalogue.form(wanted_form, on)
        if form is None:
            raise SampleError(f"no form {wanted_form} is in force on {day_of(on)}")
        planned.append(form)
    return _Plan(procedure, tuple(planned))


def _usual(procedure: Procedure, taken: Sequence[str]) -> tuple[str, ...]:
    """The mix that the words name for the procedure, where this version of it takes that; else what it must have."""
    mix = words().procedures.get(procedure.code)
    if mix is not None and procedure.must <= set(mix.forms) <= set(taken):
        return mix.forms
    return tuple(code for code in taken if code in procedure.must)


def _form(
    plan: _Plan,
    form: Form,
    crew: list[Employee],
    firm: _Unit,
    facts: dict[UnitFact, str],
    month: date,
    made_on: date,
) -> _File:
    sample = plan.procedure.folder / "samples" / f"{form.code}.xml"
    if form.code in WRITERS and plan.reports_changes and not sample.exists():
        content = WRITERS[form.code](crew, month, firm.name)
    else:
        # The procedure's own sample of the form, else the first good one of the form's.
        good = [sample] if sample.exists() else sorted((form.folder / "samples").glob("valid-*.xml"))
        if not good:
            raise SampleError(f"form {form.version} has no good sample to make one from")
        content = from_sample(form, good[0], crew, facts, period=month, made_on=made_on)
    return _File(form.code, form.title_vi, f"{form.code}-{form.folder.name}.xml", ".xml", content)


def _facts(firm: _Unit, month: date, made_on: date, receipt: str) -> dict[UnitFact, str]:
    carrier = words().carrier
    return {
        "carrier": carrier.code,
        "carrier_name": carrier.name,
        "office": firm.office,
        "office_name": places().offices.get(firm.office, f"Bảo hiểm xã hội cơ sở {firm.office}"),
        "name": firm.name,
        "code": firm.code,
        "tax_code": firm.tax_code,
        "phone": firm.phone,
        "email": f"dv{firm.tax_code}@example.com",
        "signer": firm.signer,
        "address": firm.home.line,
        "made_on": day_of(made_on),
        "period": month_of(month),
        "receipt": receipt,
    }


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


def _attachments(procedure: Procedure, seed: int, count: int, size_bytes: int | None) -> list[_File]:
    allowed = procedure.attachments
    files = []
    for number in range(1, count + 1):
        kind, name, make = sample_attachments.KINDS[(number - 1) % len(sample_attachments.KINDS)]
        chance = dice("attachment", seed, number)
        try:
            content = sample_attachments.pdf(chance, size_bytes) if kind == ".pdf" else make(chance)
        except ValueError as wrong:
            raise SampleError(str(wrong)) from wrong
        files.append(_File(allowed.code, allowed.title_vi, f"{name}-{number}{kind}", kind, content))
    return files


def _referred(procedure: Procedure, reference: Reference) -> _File:
    allowed = procedure.attachments
    return _File(allowed.code, allowed.title_vi, reference.name, REFERENCE, reference.sha256)


def _envelope(procedure: Procedure, firm: _Unit, month: date, made_on: date, files: Sequence[_File]) -> bytes:
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
        "TenThuTuc": procedure.title_vi,
        "MaThuTuc": procedure.code,
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
        "MoTaToKhai": file.title,
        "TenFile": file.name,
        "LoaiFile": file.kind,
        # DoDaiFile counts the characters of the base64 text, as real envelopes do, not the bytes that it stands for.
        "DoDaiFile": str(len(text)),
        "NoiDungFile": text,
    }
    return f"        <FileToKhai>\n{_lines(columns, 10)}        </FileToKhai>\n"
