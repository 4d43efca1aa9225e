"""Step 6, the forms: each with its own signature and schema and what no schema can say; then all of them together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from gateway.about import HALF, SUPPLEMENT, About
from gateway.clock import VIETNAM
from gateway.signed_by import Looking, take_out_signatures, verdict_on
from schemas import validate, xml
from schemas.findings import Finding, Place
from schemas.form import Form
from signing.xmldsig import SIGNATURE

if TYPE_CHECKING:
    from datetime import datetime

    from lxml import etree

    from gateway.judge import Tables
    from schemas.envelope import Envelope, Header
    from schemas.envelope_files import EnvelopeFile
    from signing.indication import Verdict

# The column by which a form says that a paper dossier comes with the electronic one (M01B-HSB, M05A-HSB), and its yes.
PAPER_COMES: Final = "KemHoSoGiay"
_YES: Final = "1"


class FormsJudged(Struct, frozen=True):
    """What is wrong with a dossier's forms, in which versions they were judged, and whether one of them says that paper
    belongs to the dossier as well.
    """

    findings: list[Finding]
    versions: list[str]
    says_paper_comes: bool = False


def judge_forms(
    envelope: Envelope,
    tables: Tables,
    now: datetime,
    verdicts: list[Verdict],
    looking: Looking,
    header: Header,
    about: About | None,
    *,
    is_paper: bool,
) -> FormsJudged:
    """Judge every form, and add the verdicts on their signatures to `verdicts`. On paper signatures are written by
    hand: those in the data are taken out unread.

    Whatever carries a form's code is judged as that form, whatever its name or declared kind says.
    """
    on = now.astimezone(VIETNAM).date()
    judged = FormsJudged([], [])
    findings, paper_comes = judged.findings, False
    # What is added to a dossier brings only what is new; so does the paper of an electronic one.
    is_supplement = about is not None and (about.purpose == SUPPLEMENT or (is_paper and about.purpose == HALF))
    read: list[tuple[EnvelopeFile, Form, etree._Element]] = []
    for file in envelope.files:
        form = tables.catalogue.form(file.form, on)
        if form is None:
            continue
        if file.is_too_large_to_read:
            findings.append(xml.too_large(Place(file=file.name, form=file.form)))
            continue
        source = file.content
        root = xml.parse(source, file=file.name, form=file.form)
        if isinstance(root, Finding):
            findings.append(root)
            continue
        paper_comes = paper_comes or (root.findtext(f".//{PAPER_COMES}") or "").strip() == _YES
        if is_paper:
            take_out_signatures(root)
        # Beside the envelope the container's signature covers the form itself; one of its own is judged where it is.
        elif not file.is_beside or next(root.iter(SIGNATURE), None) is not None:
            verdicts.append(
                verdict_on(root, form.signature_path, file.name, tables, now, looking=looking, source=source)
            )
        judged.versions.append(form.version)
        read.append((file, form, root))
    # Rules compare forms with each other, so all are read before the first is judged.
    facts = validate.facts_of(envelope, header, read, tables.catalogue, on, is_supplement=is_supplement)
    for file, form, root in read:
        findings += validate.validate_form(root, form, file=file.name, facts=facts)
    findings += validate.validate_dossier(envelope, tables.catalogue, on, is_supplement=is_supplement)
    return FormsJudged(findings, judged.versions, paper_comes)
