"""Which checks were made of a dossier, and when an office can decide by them alone."""

from datetime import date
from typing import Any

import pytest
from msgspec import structs

from gateway.attached import Paper, PaperSigned
from gateway.report import Report, SignatureReport
from gateway.straight_through import Check, checks_made, is_straight_through, shown
from schemas.catalogue import Catalogue
from schemas.findings import Finding, Severity
from signing.indication import WAITING_REASONS, Caution

PROCEDURES = {one.code: one for one in Catalogue.load().procedures(date(2026, 3, 2))}
SIMPLE, OTHER = PROCEDURES["612"], PROCEDURES["600"]


PASSED = SignatureReport(
    file="Hoso", path="/Hoso/CKy_Dvi", indication="TOTAL-PASSED", sub_indication=None, reason="passed", reason_vi="",
    reason_en="", certificate_sha256="", subject="", tax_codes=(), signature_algorithm="", signing_time_claimed="",
    policy="",
)  # fmt: skip
PAPER = Paper(file="a.pdf", scan="clean")
CLEAN = Report(signatures=(PASSED,), findings=(), papers=(PAPER,))


def found(code: str, severity: Severity = Severity.WARNING, **place: Any) -> Finding:
    return Finding(code=code, severity=severity, message_vi="", message_en="", fix_vi="", fix_en="", **place)


def of(report: Report) -> dict[str, str]:
    return {one.check: one.result for one in checks_made(report)}


def refused(reason: str, indication: str = "INDETERMINATE") -> SignatureReport:
    return structs.replace(PASSED, indication=indication, reason=reason)


def test_a_simple_procedure_with_every_check_passed_goes_straight_through() -> None:
    assert set(of(CLEAN).values()) == {"passed", "none"}
    assert is_straight_through(SIMPLE, CLEAN)
    assert is_straight_through(SIMPLE, structs.replace(CLEAN, papers=()))
    assert not is_straight_through(OTHER, CLEAN)
    assert not is_straight_through(SIMPLE, CLEAN, has_references=True)
    assert not is_straight_through(SIMPLE, structs.replace(CLEAN, refused="findings"))


@pytest.mark.parametrize(
    ("changed", "check", "result"),
    [
        ({"signatures": ()}, "signatures", "not-made"),
        ({"signatures": (PASSED, refused(min(WAITING_REASONS)))}, "signatures", "not-made"),
        ({"signatures": (PASSED, refused("digest-differs", "TOTAL-FAILED"))}, "signatures", "failed"),
        ({"signatures": (structs.replace(PASSED, cautions=(Caution("c", "", ""),)),)}, "signatures", "warnings"),
        ({"findings": (found("office-corrected", file="Hoso"),)}, "envelope", "warnings"),
        ({"findings": (found("certificate-renewed"),)}, "envelope", "warnings"),
        ({"findings": (found("x-y", file="TK1.xml", form="TK1-TS"),)}, "forms", "warnings"),
        ({"findings": (found("x-y", Severity.ERROR, file="TK1.xml", form="TK1-TS"),)}, "forms", "failed"),
        ({"findings": (found("attachment-too-large", file="a.pdf", form="CT-DK"),)}, "papers", "warnings"),
        ({"papers": (structs.replace(PAPER, active=(("javascript", "7"),)),)}, "papers", "warnings"),
        ({"papers": (structs.replace(PAPER, unread="encrypted"),)}, "papers", "not-made"),
        ({"papers": (structs.replace(PAPER, signatures_state="not-judged"),)}, "paper-signatures", "not-made"),
        (
            {"papers": (structs.replace(PAPER, signatures=(PaperSigned(claimed=True),)),)},
            "paper-signatures", "not-made",
        ),
        (
            {"papers": (structs.replace(PAPER, signatures=(PaperSigned(indication="TOTAL-FAILED"),)),)},
            "paper-signatures", "failed",
        ),
        ({"papers": (PAPER, structs.replace(PAPER, scan="not-scanned"))}, "malware", "not-made"),
        ({"papers": (structs.replace(PAPER, scan="infected"),)}, "malware", "failed"),
    ],
)  # fmt: skip
def test_whatever_was_not_checked_or_needs_eyes_keeps_a_person_in_the_way(
    changed: dict[str, object], check: str, result: str
) -> None:
    report = structs.replace(CLEAN, **changed)
    assert of(report) == {**of(CLEAN), check: result}
    assert not is_straight_through(SIMPLE, report)


def test_a_papers_own_good_signature_is_a_check_that_passed() -> None:
    signed = structs.replace(PAPER, signatures_state="judged", signatures=(PaperSigned(indication="TOTAL-PASSED"),))
    report = structs.replace(CLEAN, papers=(signed,))
    assert of(report)["paper-signatures"] == "passed"
    assert is_straight_through(SIMPLE, report)


def test_the_checks_are_told_in_both_languages() -> None:
    checks = checks_made(CLEAN)
    assert [one.check for one in shown(checks, "vi")] == [one.check for one in checks]
    assert shown([Check("malware", "not-made")], "vi")[0].message == ("Quét mã độc chứng từ đi kèm: chưa kiểm tra được")
    assert shown([Check("malware", "not-made")], "en")[0].message == (
        "The supporting papers scanned for malware: not made"
    )
