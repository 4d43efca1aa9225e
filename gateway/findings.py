"""Findings that only the line can make: whether signer, unit, submitter and office belong together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.routing import Ambiguous, Route
from schemas.envelope import FIRST_REGISTRATION_FORM
from schemas.findings import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.envelope import Envelope
    from signing.indication import Verdict
    from storage.register import Unit

ENVELOPE = "Hoso"
_UNIT_POINTER = "/Hoso/NoiDung/ThongTinDonVi/MaSoBHXH"
_TAX_CODE_POINTER = "/Hoso/NoiDung/ThongTinDonVi/MaSoThue"
_OFFICE_POINTER = "/Hoso/NoiDung/ThongTinDonVi/CoQuanQuanLy"


def not_your_unit(unit: str) -> Finding:
    """The caller is not registered for the unit that the envelope names."""
    return Finding(
        code="not-your-unit",
        severity=Severity.ERROR,
        file=ENVELOPE,
        column="MaSoBHXH",
        pointer=_UNIT_POINTER,
        value=unit,
        message_vi=f"Tài khoản gửi không được đăng ký nộp hồ sơ cho đơn vị “{unit}”.",
        message_en=f"The submitting client is not registered for unit “{unit}”.",
        fix_vi="Kiểm tra mã đơn vị, hoặc đề nghị cơ quan vận hành cổng gắn đơn vị này với tài khoản.",
        fix_en="Check the unit code, or ask the gateway's operator to register the unit for this client.",
    )


def belonging(envelope: Envelope, unit: Unit | None, verdicts: Sequence[Verdict]) -> list[Finding]:
    """Signer MST = unit MST, for every signature that holds; the unit from the register, or, for a first registration
    (form 04), from the form itself.
    """
    findings: list[Finding] = []
    if unit is None and envelope.form != FIRST_REGISTRATION_FORM:
        return [_unit_unknown(envelope.unit_code)]
    tax_code = _plain(unit.tax_code if unit else envelope.tax_code)
    if unit is not None and _plain(envelope.tax_code) != tax_code:
        findings.append(_tax_code_differs(envelope.tax_code, unit))
    findings += [
        _signer_differs(verdict, unit.tax_code if unit else envelope.tax_code)
        for verdict in verdicts
        if verdict.passed and verdict.signer and tax_code not in map(_plain, verdict.signer.tax_codes)
    ]
    return findings


def of_route(destination: Route | Ambiguous, written: str) -> list[Finding]:
    """What routing has to say: an office that cannot be told refuses; a code that was put right is a warning."""
    if isinstance(destination, Route) and not destination.explanation_vi:
        return []
    shown = ", ".join(f"{office.code} {office.name}" for office in destination.candidates)
    refused = isinstance(destination, Ambiguous)
    return [
        Finding(
            code="office-unresolved" if refused else "office-corrected",
            severity=Severity.ERROR if refused else Severity.WARNING,
            file=ENVELOPE,
            column="CoQuanQuanLy",
            pointer=_OFFICE_POINTER,
            value=written,
            message_vi=destination.explanation_vi,
            message_en=destination.explanation_en,
            fix_vi="Ghi đúng mã cơ quan 5 chữ số" + (f", một trong: {shown}." if shown else "."),
            fix_en="Write the office's 5-digit code" + (f", one of: {shown}." if shown else "."),
        )
    ]


def in_order(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Errors before warnings, then by file, row and line, as a clerk works through them."""
    return tuple(
        sorted(findings, key=lambda f: (f.severity is not Severity.ERROR, f.file, f.row or 0, f.line or 0, f.column))
    )


def _plain(tax_code: str) -> str:
    return tax_code.replace("-", "").strip()


def _unit_unknown(code: str) -> Finding:
    return Finding(
        code="unit-unknown",
        severity=Severity.ERROR,
        file=ENVELOPE,
        column="MaSoBHXH",
        pointer=_UNIT_POINTER,
        value=code,
        message_vi=f"Mã đơn vị “{code}” không có trong sổ đăng ký đơn vị tại ngày nhận hồ sơ.",
        message_en=f"Unit “{code}” is not in the register of units on the day of receipt.",
        fix_vi="Kiểm tra mã đơn vị (7 ký tự); đơn vị mới thì nộp tờ khai 04 trước.",
        fix_en="Check the unit code (7 characters); a new unit files form 04 first.",
    )


def _tax_code_differs(written: str, unit: Unit) -> Finding:
    return Finding(
        code="tax-code-differs",
        severity=Severity.ERROR,
        file=ENVELOPE,
        column="MaSoThue",
        pointer=_TAX_CODE_POINTER,
        value=written,
        message_vi=f"Mã số thuế “{written}” không phải của đơn vị {unit.code} theo sổ đăng ký.",
        message_en=f"Tax code “{written}” is not the one registered for unit {unit.code}.",
        fix_vi="Ghi mã số thuế đã đăng ký của đơn vị, hoặc đề nghị cập nhật sổ đăng ký.",
        fix_en="Write the unit's registered tax code, or ask for the register to be updated.",
    )


def _signer_differs(verdict: Verdict, expected: str) -> Finding:
    signer = verdict.signer
    held = ", ".join(signer.tax_codes) if signer and signer.tax_codes else ""
    return Finding(
        code="signer-not-the-unit",
        severity=Severity.ERROR,
        file=verdict.file,
        pointer=verdict.path,
        value=held,
        message_vi=f"Chứng thư số ký “{verdict.file}” mang mã số thuế “{held or 'không có'}”, không phải “{expected}”.",
        message_en=f"The certificate that signed “{verdict.file}” holds tax code “{held or 'none'}”, not “{expected}”.",
        fix_vi="Ký lại bằng chứng thư số của chính đơn vị (trường UID của chủ thể phải có MST của đơn vị).",
        fix_en="Sign again with the unit's own certificate (the subject's UID must hold the unit's tax code).",
    )
