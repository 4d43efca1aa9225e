"""Steps 4 to 8: what is wrong with a dossier, if anything.

Pure: no disk, no network, no clock. What the judgement must know (the unit, the caller's right, the tables in force) is
handed in as values.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from msgspec import Struct

from gateway import findings as own
from gateway.clock import VIETNAM
from gateway.deadlines import Calendar, Due, due
from gateway.routing import Ambiguous, OfficeTable, Route, route
from schemas import envelope as envelopes
from schemas import validate, xml
from schemas.catalogue import Catalogue, Procedure
from schemas.findings import Finding, Severity, bounded
from signing.indication import Verdict
from signing.trust import TrustStore
from signing.verify import Policy, verify
from storage.register import Unit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from lxml import etree

ENVELOPE = "Hoso"
ENVELOPE_SIGNATURE_PATH = "/Hoso/CKy_Dvi"


class Tables(Struct, frozen=True, kw_only=True):
    """The tables in force: the same for every dossier until the gateway is told otherwise."""

    catalogue: Catalogue
    policy: Policy
    trust: TrustStore
    offices: OfficeTable
    calendar: Calendar
    receiving_office: str


class Known(Struct, frozen=True, kw_only=True):
    """What was looked up about the unit that the envelope names, and the caller's right to speak for it."""

    unit: Unit | None
    may_speak: bool


class Submission(Struct, frozen=True, kw_only=True):
    """The bytes that came, from whom, when. `sha256` is of the bytes as received."""

    content: bytes
    sha256: bytes
    submitter: str
    received_at: datetime
    batch: int | None = None
    channel: str = "api"


class PartOf(Struct, frozen=True, kw_only=True):
    """One file of the dossier; `sha256` is of its decoded bytes."""

    number: int
    form: str
    name: str
    kind: str
    size_bytes: int
    sha256: bytes


class Filing(Struct, frozen=True, kw_only=True):
    """A dossier that may be accepted. `findings` are warnings."""

    submission: Submission
    procedure: Procedure
    unit: str
    tax_code: str
    period: str
    parts: tuple[PartOf, ...]
    verdicts: tuple[Verdict, ...]
    findings: tuple[Finding, ...]
    schema_versions: tuple[str, ...]
    route: Route
    due: Due | None


class Refusal(Struct, frozen=True, kw_only=True):
    """A dossier that may not be accepted, and everything that is wrong with it."""

    submission: Submission
    code: str
    procedure: str = ""
    unit: str = ""
    tax_code: str = ""
    period: str = ""
    verdicts: tuple[Verdict, ...] = ()
    findings: tuple[Finding, ...] = ()


class Opened(Struct, frozen=True):
    """Bytes that became a tree, and what its header says about itself (not judged yet)."""

    submission: Submission
    root: etree._Element
    header: envelopes.Header


def open_dossier(submission: Submission) -> Opened | Refusal:
    """(4) Bytes become a tree: no DTD, no entities, no network, bounded size, count and depth."""
    root = xml.parse(submission.content, file=ENVELOPE)
    if isinstance(root, Finding):
        return Refusal(submission=submission, code="malformed", findings=(root,))
    return Opened(submission, root, envelopes.peek(root))


def judge(opened: Opened, known: Known, tables: Tables) -> Filing | Refusal:
    """Steps 5 to 8, in order. Every step is taken, so that one answer tells all that is wrong."""
    submission, header = opened.submission, opened.header
    received_at = submission.received_at
    on = received_at.astimezone(VIETNAM).date()
    if not known.may_speak and header.form != envelopes.FIRST_REGISTRATION_FORM:
        # Nothing is judged for a stranger, so nothing about the dossier or the unit is told.
        return Refusal(submission=submission, code="not-your-unit", findings=(own.not_your_unit(header.unit_code),))

    # (5) Who signed: first the envelope; a signature that holds is taken out, so that what is left is what was signed.
    verdicts = [_verdict(opened.root, ENVELOPE_SIGNATURE_PATH, ENVELOPE, tables, received_at)]
    # (6) What is in it: the envelope, then each form with its own signature, then all of them together.
    envelope, findings = envelopes.open_envelope(opened.root, catalogue=tables.catalogue, on=on, header=header)
    procedure = tables.catalogue.procedure(header.procedure, on)
    versions: list[str] = [procedure.version] if procedure else []
    destination: Route | Ambiguous | None = None
    if envelope is not None:
        findings += _judge_forms(envelope, tables, received_at, verdicts, versions)
        # (7) Signer, unit and submitter belong together.
        findings += own.belonging(envelope, known.unit, verdicts)
        if procedure is not None:
            # (8) Which office is competent, and when the answer is due.
            registered = known.unit.office if known.unit else envelope.office_code
            destination = route(procedure.code, registered, envelope.office_code, on, tables.offices)
            findings += own.of_route(destination, envelope.office_code)

    failed = any(not verdict.passed for verdict in verdicts)
    errors = any(finding.severity is Severity.ERROR for finding in findings)
    if failed or errors or envelope is None or procedure is None or not isinstance(destination, Route):
        return Refusal(
            submission=submission,
            code="signature-refused" if failed else "findings",
            procedure=header.procedure,
            unit=header.unit_code,
            tax_code=header.tax_code,
            period=header.period,
            verdicts=tuple(verdicts),
            findings=own.in_order(bounded(findings, file=ENVELOPE)),
        )
    return Filing(
        submission=submission,
        procedure=procedure,
        unit=envelope.unit_code,
        tax_code=known.unit.tax_code if known.unit else envelope.tax_code,
        period=envelope.period,
        parts=tuple(map(_part, envelope.files)),
        verdicts=tuple(verdicts),
        findings=own.in_order(bounded(findings, file=ENVELOPE)),
        schema_versions=tuple(dict.fromkeys(versions)),
        route=destination,
        due=_due(procedure, received_at, tables.calendar),
    )


def _judge_forms(
    envelope: envelopes.Envelope, tables: Tables, now: datetime, verdicts: list[Verdict], versions: list[str]
) -> list[Finding]:
    """Each form in the envelope: its signature, its schema, what a schema cannot say; then all of them together.

    Whatever carries a form's code is judged as that form, whatever its name or declared kind says.
    """
    on = now.astimezone(VIETNAM).date()
    findings: list[Finding] = []
    roots: dict[int, etree._Element] = {}
    for file in envelope.files:
        form = tables.catalogue.form(file.form, on)
        if form is None:
            continue
        root = xml.parse(file.content, file=file.name, form=file.form)
        if isinstance(root, Finding):
            findings.append(root)
            continue
        verdicts.append(_verdict(root, form.signature_path, file.name, tables, now))
        findings += validate.validate_form(root, form, file=file.name)
        versions.append(form.version)
        roots[file.number] = root
    return findings + validate.validate_dossier(envelope, roots, tables.catalogue, on)


def overall(verdicts: Sequence[Verdict]) -> Verdict | None:
    """The dossier's verdict: the first signature that did not pass, else the envelope's."""
    for verdict in verdicts:
        if not verdict.passed:
            return verdict
    return verdicts[0] if verdicts else None


def _verdict(root: etree._Element, path: str, file: str, tables: Tables, now: datetime) -> Verdict:
    return verify(root, path, file=file, policy=tables.policy, trust=tables.trust, now=now)


def _part(file: envelopes.EnvelopeFile) -> PartOf:
    return PartOf(
        number=file.number,
        form=file.form,
        name=file.name,
        kind=file.kind,
        size_bytes=len(file.content),
        sha256=hashlib.sha256(file.content).digest(),
    )


def _due(procedure: Procedure, received_at: datetime, calendar: Calendar) -> Due | None:
    if procedure.time_limit_working_days is None:
        return None
    return due(received_at, procedure.time_limit_working_days, calendar)
