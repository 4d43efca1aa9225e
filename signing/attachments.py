"""Signatures inside attachments: which format they are of, and what they are worth."""

from datetime import datetime
from typing import Final, Literal

from msgspec import Struct

from signing.bounded_work import TooMuchWork
from signing.indication import Signer, Verdict
from signing.ooxml_signatures import claimed_signers
from signing.policy import Policy
from signing.revocation import RevocationStore
from signing.trust import TrustStore

PDF_BYTES_MAX: Final = 64 * 1024 * 1024
_HEAD_BYTES: Final = 1024
_PDF: Final = b"%PDF-"
_ZIP: Final = b"PK\x03\x04"
# A signature dictionary states where its own Contents lie in the file (ISO 32000-2 §12.8.1), so that it cannot be
# inside a compressed object. Its name could be written with escapes; whoever does that has only unsigned the file.
_SIGNED_PDF: Final = b"/ByteRange"
# Names in a ZIP's directory are never compressed.
_SIGNED_PACKAGE: Final = b"_xmlsignatures/"


class AttachmentSignatures(Struct, frozen=True, kw_only=True):
    """What was found of signatures in one attachment.

    `state`: "none", there is none; "judged", each has its verdict in `verdicts` (its `path` is the field's name);
    "not-judged", there is something, and nothing was found out about whether it holds: no reason to believe it.
    `claimed` are certificates that signatures not judged name as their signers': words of the file, no more. The note
    is for people; with "judged" it is empty, or tells what else was found and passed over.
    """

    file: str
    format: Literal["PAdES", "OOXML", "none"] = "none"
    state: Literal["judged", "not-judged", "none"] = "none"
    verdicts: tuple[Verdict, ...] = ()
    claimed: tuple[Signer, ...] = ()
    note_vi: str = ""
    note_en: str = ""


def judge_attachment(
    content: bytes,
    *,
    name: str,
    kind: str,
    policy: Policy,
    trust: TrustStore,
    now: datetime,
    revocation: RevocationStore | None = None,
    tsa: TrustStore | None = None,
) -> AttachmentSignatures:
    """Judge the signatures that an attachment carries in its own format: PAdES in a PDF, others as "not-judged".

    The bytes decide what it is; `kind` (the declared ending, ".pdf") only where a PDF has something before its header.
    An attachment without signatures costs one search through its bytes. `now`, `policy`, `trust`, `revocation` and
    `tsa` (anchors of time-stamp authorities) are as for `verify.verify`. Opens no connection. Never raises for a bad
    attachment; judging again gives the same for the same `now`.
    """
    if content.startswith(_PDF) or (kind.lower() == ".pdf" and _PDF in content[:_HEAD_BYTES]):
        if _SIGNED_PDF not in content:
            return AttachmentSignatures(file=name)
        if len(content) > PDF_BYTES_MAX:
            return _pdf_not_judged(name, "tệp quá lớn", "the file is too large")
        # Its reader takes a fifth of a second and some 20 MB to load; most gateways never see a signed PDF.
        from signing import pdf_signatures  # noqa: PLC0415

        try:
            found = pdf_signatures.judge_pdf(
                content, file=name, policy=policy, trust=trust, now=now, revocation=revocation, tsa=tsa
            )
        except pdf_signatures.PdfUnreadable as error:
            return _pdf_not_judged(name, error.vi, error.en)
        except TooMuchWork:
            return _pdf_not_judged(name, "tệp phức tạp bất thường", "the file is unreasonably complicated")
        if found.verdicts:
            note_vi, note_en = _TIMESTAMPED if found.document_timestamps else ("", "")
            return AttachmentSignatures(
                file=name, format="PAdES", state="judged", verdicts=found.verdicts, note_vi=note_vi, note_en=note_en
            )
        note_vi, note_en = _TIMESTAMPED if found.document_timestamps else _NO_FIELD
        return AttachmentSignatures(file=name, format="PAdES", state="not-judged", note_vi=note_vi, note_en=note_en)
    if content.startswith(_ZIP) and _SIGNED_PACKAGE in content:
        signers = claimed_signers(content)
        named = ", ".join(one.common_name or one.subject for one in signers)[:400]
        return AttachmentSignatures(
            file=name,
            format="OOXML",
            state="not-judged",
            claimed=signers,
            note_vi="Tệp Office có chữ ký số riêng, cổng chưa kiểm tra loại chữ ký này."
            + (f" Tên người ký ghi trong tệp (chưa xác thực): {named}." if named else ""),
            note_en="The Office file has a signature of its own; this kind is not verified here."
            + (f" Signers named in the file (not verified): {named}." if named else ""),
        )
    return AttachmentSignatures(file=name)


_NO_FIELD: Final = (
    "Tệp PDF có dữ liệu chữ ký số nhưng không trường chữ ký nào dùng tới, nên không có gì để kiểm tra.",
    "The PDF holds signature data that no signature field uses, so that there is nothing to verify.",
)
_TIMESTAMPED: Final = (
    "Tệp có dấu thời gian của cả tài liệu; dấu này chưa được kiểm tra và không được dùng.",
    "The file has a time-stamp over the whole document; it was not verified and is not used.",
)


def _pdf_not_judged(name: str, why_vi: str, why_en: str) -> AttachmentSignatures:
    return AttachmentSignatures(
        file=name,
        format="PAdES",
        state="not-judged",
        note_vi=f"Tệp PDF có dữ liệu chữ ký số nhưng không kiểm tra được: {why_vi}.",
        note_en=f"The PDF holds signature data that could not be verified: {why_en}.",
    )
