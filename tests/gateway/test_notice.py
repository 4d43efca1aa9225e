"""The printable notice: the very words of the API and the command line, whatever became of the dossier."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import html
from msgspec import structs

from gateway.api.submit import checked
from gateway.belonging import look_up
from gateway.findings_text import block
from gateway.judge import Filing, Refusal, Submission, judge, open_dossier
from gateway.notice import Notice, notice
from gateway.report import shown_findings
from schemas.findings import FINDINGS_MAX
from schemas.printed_page import Complaints
from tests.clocks import HandClock
from tests.gateway.inhouse import OFFICE, TAX_CODE, UNIT, Inhouse, a_dossier, inhouse, sign
from tests.schemas.pdf_text import sheets


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inhouse]:
    with inhouse(tmp_path_factory.mktemp("notice") / "home") as made:
        yield made


def judged(gateway: Inhouse, content: bytes) -> Filing | Refusal:
    now = gateway.clock.now()
    submission = Submission(content=content, sha256=hashlib.sha256(content).digest(), submitter="", received_at=now)
    opened = open_dossier(submission)
    if isinstance(opened, Refusal):
        return opened
    known = look_up(gateway.house.database, unit_code=opened.header.unit_code, on=now.date())
    return judge(opened, structs.replace(known, may_speak=True), gateway.house.tables)


def with_mistakes() -> bytes:
    """A dossier with mistakes in the envelope, signed afterwards."""
    from schemas.sample import make_dossier

    raw = make_dossier(
        "600", employees=2, seed=1, unit=UNIT, tax_code=TAX_CODE, office=OFFICE, period="03/2026",
        made_on=HandClock().now().date(), attachments=0,
    )  # fmt: skip
    spoilt = raw.replace(b"<SoLuongFile>3<", b"<SoLuongFile>7<").replace(b"<KyKeKhai>03/2026<", b"<KyKeKhai>3-2026<")
    assert spoilt.count(b"<SoLuongFile>7<") == spoilt.count(b"<KyKeKhai>3-2026<") == 1
    return sign(spoilt)


def squeezed(text: str) -> str:
    return "".join(text.replace("\u200b", "").split())


def told(made: Notice) -> tuple[str, str]:
    """What its PDF and its HTML say."""
    return (
        squeezed("".join(sheets(made.pdf()))),
        squeezed(html.fromstring(made.html()).text_content()),
    )


@pytest.mark.parametrize("language", ["vi", "en"])
def test_every_finding_is_told_in_the_words_of_the_api_and_the_command_line(gateway: Inhouse, language) -> None:
    outcome = judged(gateway, with_mistakes())
    assert isinstance(outcome, Refusal)
    assert len(outcome.findings) >= 2
    texts = told(notice(outcome, language))
    for number, (shown, found) in enumerate(zip(checked(outcome, language).findings, outcome.findings, strict=True), 1):
        for text in texts:
            assert squeezed(shown.message) in text
            assert squeezed(shown.fix) in text
            assert squeezed(shown.value) in text
            assert f"[{shown.code}]" in text
        # The command line says the place in a line of its own, so that the message begins with a capital.
        line = squeezed(" ".join(block(number, found, language)))
        assert squeezed(shown.fix) in line
        assert squeezed(shown.message.rpartition(": ")[2]).casefold() in line.casefold()


def test_a_refusal_says_so_and_what_to_do(gateway: Inhouse) -> None:
    outcome = judged(gateway, with_mistakes())
    made = notice(outcome)
    assert made.page.title == "THÔNG BÁO HỒ SƠ KHÔNG ĐƯỢC TIẾP NHẬN"
    errors = sum(one.severity == "error" for one in outcome.findings)
    for text in told(made):
        assert "KHÔNGĐẠT" in text
        assert squeezed(f"{errors} lỗi, {len(outcome.findings) - errors} lưu ý") in text
        assert "nộplại" in text
        assert outcome.submission.sha256.hex() in text
        assert UNIT in text
        assert squeezed("02/03/2026") in text


def test_a_good_dossier_has_its_office_its_due_date_and_its_signers(gateway: Inhouse) -> None:
    outcome = judged(gateway, a_dossier())
    assert isinstance(outcome, Filing)
    assert outcome.due is not None
    made = notice(outcome)
    assert made.page.title == "THÔNG BÁO KẾT QUẢ KIỂM TRA HỒ SƠ"
    for text in told(made):
        assert "Kếtquả:ĐẠT" in text or "KếtquảĐẠT" in text
        assert OFFICE in text
        assert squeezed(f"{outcome.due.due_at:%d/%m/%Y %H:%M}") in text
        assert text.count("TOTAL-PASSED") == len(outcome.verdicts)
        assert squeezed(outcome.verdicts[0].signer.common_name) in text
        assert squeezed("không phải là biên nhận") in text


def test_a_signature_that_does_not_hold_is_told_with_its_reason(gateway: Inhouse) -> None:
    content = a_dossier()
    outcome = judged(gateway, content.replace(b"<TenThuTuc>", b"<TenThuTuc>x", 1))
    assert isinstance(outcome, Refusal)
    assert outcome.code == "signature-refused"
    failed = next(one for one in outcome.verdicts if not one.passed)
    for language, reason in (("vi", failed.reason_vi), ("en", failed.reason_en)):
        for text in told(notice(outcome, language)):
            assert squeezed(reason) in text


def test_one_that_waits_for_revocation_data_is_told_not_to_come_again(gateway: Inhouse) -> None:
    outcome = judged(gateway, a_dossier())
    assert isinstance(outcome, Filing)
    for text in told(notice(structs.replace(outcome, waits=True))):
        assert squeezed("CHỜ DỮ LIỆU THU HỒI") in text
        assert squeezed("không cần nộp lại") in text


def test_content_alone_leaves_the_signatures_out(gateway: Inhouse) -> None:
    from schemas.sample import make_dossier

    raw = make_dossier(
        "600", employees=2, seed=1, unit=UNIT, tax_code=TAX_CODE, office=OFFICE, period="03/2026",
        made_on=gateway.clock.now().date(), attachments=0,
    )  # fmt: skip
    outcome = judged(gateway, raw)
    assert isinstance(outcome, Refusal)
    whole, alone = notice(outcome), notice(outcome, content_alone=True)
    assert whole.page.title == "THÔNG BÁO HỒ SƠ KHÔNG ĐƯỢC TIẾP NHẬN"
    assert alone.page.title == "THÔNG BÁO KẾT QUẢ KIỂM TRA HỒ SƠ"
    for text in told(alone):
        assert squeezed("chưa xét chữ ký") in text
        assert "TOTAL-FAILED" not in text


def test_bytes_that_are_no_dossier_have_a_notice_too(gateway: Inhouse) -> None:
    outcome = judged(gateway, b"<Hoso><NoiDung>")
    assert isinstance(outcome, Refusal)
    for text in told(notice(outcome)):
        assert squeezed(outcome.findings[0].message_vi) in text


def test_the_same_judgement_gives_the_same_bytes(gateway: Inhouse) -> None:
    outcome = judged(gateway, a_dossier())
    assert notice(outcome).pdf() == notice(outcome).pdf()
    assert notice(outcome).html() == notice(outcome).html()


def test_five_hundred_findings_are_all_told(gateway: Inhouse) -> None:
    outcome = judged(gateway, with_mistakes())
    assert isinstance(outcome, Refusal)
    many = structs.replace(outcome, findings=(outcome.findings * FINDINGS_MAX)[:FINDINGS_MAX])
    made = notice(many)
    last = next(part for part in made.page.blocks if isinstance(part, Complaints))
    assert len(last.items) == FINDINGS_MAX == len(shown_findings(many.findings, "vi"))
    assert f"{FINDINGS_MAX}. L" in "".join(sheets(made.pdf()))


def test_what_a_dossier_says_of_itself_is_text_in_its_notice(gateway: Inhouse) -> None:
    outcome = judged(gateway, with_mistakes())
    evil = structs.replace(outcome, unit="<script>alert(1)</script>", period='#panic("x")')
    made = notice(evil)
    assert "<script>" not in made.html()
    for text in told(made):
        assert "<script>alert(1)</script>" in text
        assert '#panic("x")' in text


def test_a_notice_is_written_as_its_files_ending_says(gateway: Inhouse, tmp_path: Path) -> None:
    from gateway.cli_print import write_notice

    outcome = judged(gateway, a_dossier())
    write_notice(outcome, str(tmp_path / "n.pdf"), "vi")
    write_notice(outcome, str(tmp_path / "n.html"), "en")
    assert (tmp_path / "n.pdf").read_bytes() == notice(outcome).pdf()
    assert (tmp_path / "n.html").read_text("utf-8") == notice(outcome, "en").html()
    assert len(list(tmp_path.iterdir())) == 2
