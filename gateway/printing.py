"""A received form on paper: from the very bytes of its dossier to a page, with who signed it and when it came."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from gateway.clock import VIETNAM, for_people, from_us
from gateway.judge import Refusal, Submission, open_dossier
from gateway.report import read_report
from gateway.signed_by import ENVELOPE
from schemas import printed, xml
from schemas.envelope import open_envelope
from schemas.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from lxml import etree

    from gateway.judge import Spooled
    from gateway.report import SignatureReport
    from schemas.catalogue import Catalogue
    from schemas.form import Form
    from schemas.printed_page import Page
    from storage.journal import Dossier

# The number of a document that is itself the form, without an envelope round it.
ITSELF: Final = 0
_PASSED: Final = "TOTAL-PASSED"


class NothingToPrint(Exception):
    """The dossier has no form of that number: there is none, or it is a supporting paper. Not worth a retry."""


def page_of(dossier: Dossier, content: bytes | Spooled, number: int, catalogue: Catalogue) -> Page:
    """The page of the form with that number among the dossier's files, as it was in force on the day of receipt.

    0 is the document itself, where no envelope goes round it. Takes long for long lists. Raises NothingToPrint.
    """
    received_at = from_us(dossier.received_at_us)
    on = received_at.astimezone(VIETNAM).date()
    opened = open_dossier(
        Submission(
            content=content if isinstance(content, bytes) else b"",
            spooled=None if isinstance(content, bytes) else content,
            sha256=dossier.sha256,
            submitter=dossier.submitter,
            received_at=received_at,
            media_type=dossier.media_type,
        )
    )
    if isinstance(opened, Refusal):
        raise NothingToPrint(dossier.id)
    envelope, _ = open_envelope(opened.root, catalogue=catalogue, on=on, header=opened.header, beside=opened.beside)
    if envelope is None:
        raise NothingToPrint(dossier.id)
    if number == ITSELF:
        name, form, root = ENVELOPE, _form(catalogue, envelope.form, on), opened.root
        if envelope.form == ENVELOPE:
            raise NothingToPrint(dossier.id)
    else:
        file = next((one for one in envelope.files if one.number == number), None)
        if file is None:
            raise NothingToPrint(dossier.id)
        name, form = file.name, _form(catalogue, file.form, on)
        root = _root(file.content, name)
    beside = printed.Beside(header=opened.header.columns, stamps=tuple(_stamps(dossier, name)))
    try:
        return printed.render(form, root, lists=catalogue.lists, on=on, beside=beside)
    except printed.NotThisFormError as error:
        raise NothingToPrint(dossier.id) from error


def _form(catalogue: Catalogue, code: str, on: date) -> Form:
    form = catalogue.form(code, on)
    if form is None:
        raise NothingToPrint(code)
    return form


def _root(content: bytes, name: str) -> etree._Element:
    root = xml.parse(content, file=name)
    if isinstance(root, Finding):
        raise NothingToPrint(name)
    return root


def _stamps(dossier: Dossier, file: str) -> Iterator[str]:
    """Who signed the form and the envelope round it, as far as the signatures hold, and when the gateway had it."""
    for signature in read_report(dossier.report).signatures:
        if signature.file not in (file, ENVELOPE):
            continue
        where = "phong bì" if signature.file != file else "tờ khai"
        if signature.indication == _PASSED:
            yield f"Chữ ký số trên {where}: {signer_told(signature)}"
        else:
            yield f"Chữ ký số trên {where}: CHƯA kết luận"
    received = for_people(from_us(dossier.received_at_us))
    yield f"Cổng tiếp nhận lúc {received}, biên nhận số {dossier.statement_number}"


def signer_told(signature: SignatureReport) -> str:
    """Whom a signature's certificate names, and its tax code."""
    tax = f", MST {signature.tax_codes[0]}" if signature.tax_codes else ""
    try:
        names = x509.Name.from_rfc4514_string(signature.subject).get_attributes_for_oid(NameOID.COMMON_NAME)
    except ValueError:
        names = []
    return (str(names[0].value) if names else signature.subject) + tax
