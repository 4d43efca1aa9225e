"""The printable notice of a judgement: who filed what, which signatures hold, everything that is wrong, what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from gateway.clock import VIETNAM, for_people
from gateway.judge import Filing
from gateway.report import shown_papers
from schemas import printed, printed_html
from schemas.findings import has_errors
from schemas.printed_findings import complaints, counted
from schemas.printed_page import Cell, Column, Field, Fields, Grid, HeadCell, Page, Section, Words, seen

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from gateway.judge import Refusal
    from schemas.printed_page import Block, Language
    from signing.indication import Verdict

_TITLE: Final = {
    "vi": ("THÔNG BÁO KẾT QUẢ KIỂM TRA HỒ SƠ", "THÔNG BÁO HỒ SƠ KHÔNG ĐƯỢC TIẾP NHẬN"),
    "en": ("NOTICE OF A DOSSIER'S EXAMINATION", "NOTICE: THE DOSSIER IS NOT ACCEPTED"),
}
_LABELS: Final = {
    "vi": (
        "Kết quả",
        "Mã đơn vị",
        "Mã số thuế",
        "Thủ tục",
        "Kỳ kê khai",
        "Thời điểm kiểm tra",
        "SHA-256 của hồ sơ",
        "Cơ quan giải quyết",
        "Hạn trả kết quả",
    ),
    "en": (
        "Result",
        "Unit code",
        "Tax code",
        "Procedure",
        "Period",
        "Examined at",
        "SHA-256 of the dossier",
        "Competent office",
        "Result due by",
    ),
}
_RESULT: Final = {
    "vi": {
        "good": "ĐẠT",
        "waits": "CHỜ DỮ LIỆU THU HỒI CHỨNG THƯ SỐ",
        "bad": "KHÔNG ĐẠT",
    },
    "en": {"good": "GOOD", "waits": "PENDING: REVOCATION DATA IS AWAITED", "bad": "NOT GOOD"},
}
_NOT_A_RECEIPT: Final = {
    "vi": "Thông báo này không phải là biên nhận: biên nhận được cấp khi nộp hồ sơ.",
    "en": "This notice is no receipt: a receipt is given when the dossier is submitted.",
}
_AGAIN: Final = {
    "vi": "Sau đó ký lại từng tờ khai rồi đến hồ sơ, và nộp lại. Hồ sơ này chưa được tiếp nhận.",
    "en": "Then sign each form and the dossier again, and submit it. This dossier has not been accepted.",
}
_NEXT: Final = {
    "vi": {
        "good": ("Hồ sơ không có lỗi.", _NOT_A_RECEIPT["vi"]),
        "notes": ("Hồ sơ không có lỗi. Các lưu ý dưới đây không cản trở việc nộp.", _NOT_A_RECEIPT["vi"]),
        "waits": (
            "Mọi điều khác đều đạt; dữ liệu thu hồi chứng thư số chưa có.",
            "Hồ sơ nộp bây giờ được ghi nhận thời điểm và xét tiếp khi có dữ liệu; không cần nộp lại.",
        ),
        "signature": (
            "Có chữ ký số không hợp lệ: lý do ở bảng chữ ký. Hãy sửa điều đó, và mọi lỗi nội dung nếu có ở dưới.",
            _AGAIN["vi"],
        ),
        "bad": ("Hãy sửa mọi lỗi dưới đây, và xem các lưu ý.", _AGAIN["vi"]),
        "content": ("Mới xét nội dung, chưa xét chữ ký.",),
    },
    "en": {
        "good": ("The dossier has no errors.", _NOT_A_RECEIPT["en"]),
        "notes": ("The dossier has no errors. The warnings below do not hinder a submission.", _NOT_A_RECEIPT["en"]),
        "waits": (
            "All else is good; revocation data is not at hand.",
            "A dossier submitted now is recorded with its time, and judged when the data is there, without another.",
        ),
        "signature": (
            "A signature does not hold: the table of signatures says why. Put that right, and any error below.",
            _AGAIN["en"],
        ),
        "bad": ("Put right every error below, and look at the warnings.", _AGAIN["en"]),
        "content": ("Only the content was examined, not the signatures.",),
    },
}
_TODO: Final = {"vi": "Việc cần làm", "en": "What to do"}
_FINDINGS: Final = {"vi": "Các lỗi và lưu ý", "en": "Findings"}
_NONE: Final = {"vi": "Nội dung không có lỗi hay lưu ý nào.", "en": "The content has no errors and no warnings."}
_SIGNATURES: Final = {
    "vi": ("Chữ ký số", "Tệp", "Kết quả", "Người ký", "Lý do"),
    "en": ("Signatures", "File", "Result", "Signer", "Reason"),
}
_PAPERS: Final = {
    "vi": ("Giấy tờ kèm theo", "Tệp", "Chữ ký trong tệp", "Quét mã độc", "Ghi chú"),
    "en": ("Supporting papers", "File", "Signatures inside", "Malware scan", "Note"),
}
_WIDTHS: Final = (20, 20, 34, 44)


class Notice(Struct, frozen=True):
    """A notice as one page, and the instant of the judgement, which dates it: the same judgement, the same bytes."""

    page: Page
    judged_at: datetime

    def html(self) -> str:
        """The notice as one HTML file."""
        return printed_html.html([self.page])

    def pdf(self, *, apart: bool = False) -> bytes:
        """The notice as PDF/A; a server makes it `apart`, in a process of its own. Raises TypesetError."""
        return printed.pdf([self.page], self.judged_at, apart=apart)


def notice(outcome: Filing | Refusal, language: Language = "vi", *, content_alone: bool = False) -> Notice:
    """The notice of a judgement. Messages and fixes are, word for word, those of the API and the command line.

    With `content_alone` (a dossier not yet signed) its signatures are not spoken of, and its findings alone decide.
    """
    verdicts = () if content_alone else outcome.verdicts
    good = not has_errors(list(outcome.findings)) if content_alone else isinstance(outcome, Filing)
    waits = isinstance(outcome, Filing) and outcome.waits and not content_alone
    result = "waits" if good and waits else "good" if good else "bad"
    key = "notes" if result == "good" and outcome.findings else result
    if verdicts and not isinstance(outcome, Filing) and outcome.code == "signature-refused":
        key = "signature"
    to_do = _NEXT[language][key] + (_NEXT[language]["content"] if content_alone else ())
    blocks: list[Block] = [_header(outcome, language, result), Words((_TODO[language],), "heading")]
    blocks.append(Words(to_do, "alarm"))
    if verdicts:
        blocks.append(_signatures(verdicts, language))
    if isinstance(outcome, Filing) and outcome.papers:
        blocks.append(_papers(outcome, language))
    title = f"{_FINDINGS[language]}: {counted(outcome.findings, language)}"
    blocks.append(
        complaints(outcome.findings, language, title) if outcome.findings else Words((_NONE[language],), "plain")
    )
    page = Page(
        name=f"SHA-256 {outcome.submission.sha256.hex()}",
        title=_TITLE[language][0 if good else 1],
        blocks=tuple(blocks),
        language=language,
        text_pt=10,
    )
    return Notice(page, outcome.submission.received_at)


def _header(outcome: Filing | Refusal, language: Language, result: str) -> Fields:
    """Whose dossier it is, told by the dossier itself; every value is there or dotted."""
    if isinstance(outcome, Filing):
        title = outcome.procedure.title_vi if language == "vi" else outcome.procedure.title_en
        told = f"{outcome.procedure.code} – {title}"
    else:
        told = outcome.procedure
    submission = outcome.submission
    received = submission.received_at.astimezone(VIETNAM)
    values = [
        (_RESULT[language][result], True),
        (outcome.unit, False),
        (outcome.tax_code, False),
        (told, True),
        (outcome.period, False),
        (f"{received:%d/%m/%Y %H:%M:%S} (UTC+7)", False),
        (submission.sha256.hex(), True),
    ]
    if isinstance(outcome, Filing):
        values.append((f"{outcome.route.competent_office} {outcome.route.competent_name}", True))
        values += [(for_people(outcome.due.due_at), True)] if outcome.due is not None else []
    # Only an acceptable dossier has the last two.
    named = zip(_LABELS[language], values, strict=False)
    return Fields(tuple(Field(label, _cell(value), wide) for label, (value, wide) in named))


def _signatures(verdicts: tuple[Verdict, ...], language: Language) -> Grid:
    rows = []
    for verdict in verdicts:
        signer = verdict.signer
        who = f"{signer.common_name} (MST {', '.join(signer.tax_codes) or '—'})" if signer else ""
        result = [verdict.indication.value, verdict.sub_indication.value if verdict.sub_indication else ""]
        why = "" if verdict.passed else verdict.reason_vi if language == "vi" else verdict.reason_en
        said = [caution.message_vi if language == "vi" else caution.message_en for caution in verdict.cautions]
        rows.append((_cell(verdict.file), _cell(*result), _cell(who), _cell(why, *said)))
    return _grid(_SIGNATURES[language], rows)


def _papers(filing: Filing, language: Language) -> Grid:
    rows = []
    for paper in shown_papers(filing.papers, language):
        inside = [f"{one.subject}: {one.indication}" for one in paper.signatures] or [paper.signatures_state]
        scan = [paper.scan, paper.scan_why]
        rows.append((_cell(paper.file), _cell(*inside), _cell(*scan), _cell(paper.note, *paper.active)))
    return _grid(_PAPERS[language], rows)


def _grid(heads: tuple[str, ...], rows: Sequence[tuple[Cell, ...]]) -> Grid:
    return Grid(
        caption=heads[0],
        columns=tuple(Column(width) for width in _WIDTHS),
        heads=(tuple(HeadCell(head) for head in heads[1:]),),
        sections=(Section("", tuple(rows)),),
        person=0,
    )


def _cell(*lines: str) -> Cell:
    return Cell(tuple(shown for line in lines if (shown := seen(line))))
