"""What a submission is about: itself alone, or an earlier dossier: a supplement, its other half, its withdrawal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from schemas import xml
from schemas.findings import Finding, Severity
from schemas.withdrawal import WITHDRAWAL, WITHDRAWAL_FORM, unnamed, withdrawn_number

if TYPE_CHECKING:
    from schemas.envelope import Envelope
    from schemas.procedure import Procedure
    from storage.journal import Dossier

SUPPLEMENT: Final = "supplement"
# The second half of a dossier that comes in an electronic and a paper one.
HALF: Final = "half"

# What each is called.
_PARTS: Final = {
    SUPPLEMENT: ("Phần bổ sung", "The supplement"),
    HALF: ("Nửa này của hồ sơ", "This half of the dossier"),
}


class About(Struct, frozen=True, kw_only=True):
    """The dossier that a submission is about, as it stood when it came. `purpose` is `supplement`, `withdrawal`, or
    `half` for the half of it that came later.

    `closed` is the state in which nothing more can be added to it; what was received before is answered all the same.
    """

    purpose: str
    dossier: str
    number: str
    unit: str
    procedure: str
    period: str
    batch: int
    office: str
    closed: str = ""


class NotOpen(Exception):
    """The dossier has ended, or is itself about another one: nothing can be added to it. Trying again is of no use."""


def about_of(purpose: str, dossier: Dossier, *, closed: bool = False) -> About:
    """What is sent about that dossier, as it stands."""
    return About(
        purpose=purpose,
        dossier=dossier.id,
        number=dossier.statement_number,
        unit=dossier.unit,
        procedure=dossier.procedure,
        period=dossier.period,
        batch=dossier.batch,
        office=dossier.competent_office,
        closed=dossier.state if closed else "",
    )


def of_purpose(about: About | None, envelope: Envelope, procedure: Procedure) -> list[Finding]:
    """Whether the signed bytes are about the dossier that they were sent for. A supplement is of the same unit,
    procedure and period; a withdrawal names the receipt, so that it can be used against no other dossier.
    """
    if about is None:
        if procedure.purpose != WITHDRAWAL:
            return []
        return [
            _finding(
                "withdrawal-elsewhere", envelope, "MaThuTuc", procedure.code,
                "Đề nghị rút hồ sơ không phải là một hồ sơ mới.",
                "A withdrawal is no dossier of its own.",
                "Gửi đến /v1/dossiers/{id}/withdrawal của hồ sơ cần rút.",
                "Send it to /v1/dossiers/{id}/withdrawal of the dossier that it withdraws.",
            )
        ]  # fmt: skip
    if about.purpose == WITHDRAWAL:
        return _of_withdrawal(about, envelope, procedure)
    wanted = {"MaSoBHXH": about.unit, "MaThuTuc": about.procedure, "KyKeKhai": about.period}
    written = {"MaSoBHXH": envelope.unit_code, "MaThuTuc": envelope.procedure, "KyKeKhai": envelope.period}
    return [
        _finding(
            "supplement-differs", envelope, column, written[column],
            f"{_PARTS[about.purpose][0]} không cùng {column} với hồ sơ {about.number}: “{written[column]}” thay vì "
            f"“{value}”.",
            f"{_PARTS[about.purpose][1]} differs from dossier {about.number} in {column}: “{written[column]}”, not "
            f"“{value}”.",
            f"Ghi {column} là {value}, hoặc gửi đúng hồ sơ.",
            f"Write {value} as {column}, or send it for the right dossier.",
        )
        for column, value in wanted.items()
        if written[column] != value
    ]  # fmt: skip


def _of_withdrawal(about: About, envelope: Envelope, procedure: Procedure) -> list[Finding]:
    if procedure.purpose != WITHDRAWAL:
        return [
            _finding(
                "not-a-withdrawal", envelope, "MaThuTuc", envelope.procedure,
                "Nội dung gửi đến không phải là đề nghị rút hồ sơ.",
                "What was sent is no withdrawal.",
                "Dùng thủ tục RUT với biểu mẫu RUT-HS.",
                "Use procedure RUT with the form RUT-HS.",
            )
        ]  # fmt: skip
    written = "".join(_numbers(envelope))
    found = [] if written else [unnamed(file=WITHDRAWAL_FORM)]
    if written and written != about.number:
        found.append(
            _finding(
                "withdrawal-differs", envelope, "SoBienNhan", written,
                f"Đề nghị rút ghi số biên nhận “{written}”, không phải {about.number}.",
                f"The withdrawal names the receipt “{written}”, not {about.number}.",
                "Ghi đúng số biên nhận, ký lại, hoặc gửi đến đúng hồ sơ.",
                "Write the right receipt number and sign again, or send it for the right dossier.",
            )
        )  # fmt: skip
    if envelope.unit_code != about.unit:
        found.append(
            _finding(
                "supplement-differs", envelope, "MaSoBHXH", envelope.unit_code,
                f"Hồ sơ {about.number} không phải của đơn vị “{envelope.unit_code}”.",
                f"Dossier {about.number} is not of unit “{envelope.unit_code}”.",
                f"Ghi mã đơn vị {about.unit}.",
                f"Write unit {about.unit}.",
            )
        )  # fmt: skip
    return found


def _numbers(envelope: Envelope) -> list[str]:
    """The receipt numbers that its forms name. A form that cannot be read has findings of its own."""
    roots = [xml.parse(file.content, file=file.name) for file in envelope.files if file.form == WITHDRAWAL_FORM]
    return [withdrawn_number(root) for root in roots if not isinstance(root, Finding)]


def _finding(
    code: str, envelope: Envelope, column: str, value: str, vi: str, en: str, fix_vi: str, fix_en: str
) -> Finding:
    return Finding(
        code=code,
        severity=Severity.ERROR,
        file="Hoso",
        column=column,
        pointer=envelope.pointer(column) if column != "SoBienNhan" else "",
        value=value,
        message_vi=vi,
        message_en=en,
        fix_vi=fix_vi,
        fix_en=fix_en,
    )
