"""Steps 4 to 8: what is wrong with a dossier, if anything.

Pure: no disk, no network, no clock. What the judgement must know (the unit, the caller's right, the tables in force) is
handed in as values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from msgspec import Struct, field

from gateway import containers, once_only
from gateway import findings as own
from gateway.about import About, of_purpose
from gateway.attached import Paper, judge_papers, papers_of
from gateway.belonging import Known, belonging, no_right
from gateway.clock import VIETNAM
from gateway.deadlines import Calendar, Due, due
from gateway.judge_forms import judge_forms
from gateway.postal.paper_told import POST, PaperTold
from gateway.postal.rules import PostRules, clock_start_us, rules
from gateway.routing import Ambiguous, OfficeTable, Route, route
from gateway.signed_by import ENVELOPE, Looking, for_the_unit, sealed
from schemas import envelope as envelopes
from schemas import xml
from schemas.catalogue import Catalogue
from schemas.envelope_files import EnvelopeFile, Stored
from schemas.findings import Finding, Severity, bounded
from schemas.procedure import Procedure
from signing import asic
from signing.asic_manifest import MEDIA_TYPE
from signing.explain_search import Search
from signing.indication import Verdict, Wanted
from signing.revocation import RevocationStore
from signing.trust import TrustStore
from signing.verify import Policy
from storage.bindings import Binding
from storage.documents import Document
from storage.pieces import Kept

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    from lxml import etree


# The rule by which what is about another dossier goes to the office that has it; it stands in receipts.
WITH_DOSSIER = "with-dossier-1"
# EN 319 162-1 §4.4.1
ASIC_E = MEDIA_TYPE


class Tables(Struct, frozen=True, kw_only=True):
    """The tables in force: the same for every dossier until the gateway is told otherwise."""

    catalogue: Catalogue
    policy: Policy
    # The policy's own text, "" when it was made in code: kept with the first dossier that is judged by it.
    policy_text: bytes = b""
    trust: TrustStore
    # Fed by whoever fetches; the same store stays in force when trust is read again.
    revocation: RevocationStore
    # Anchors of time-stamp authorities; None when there are none.
    tsa: TrustStore | None = None
    # Whether a supporting paper whose own signature fails refuses the dossier; else it is a warning.
    refuse_broken_papers: bool = False
    # Where an I-VAN's co-signature may stand (its name is not confirmed: the operator's to set); empty: nowhere.
    cosignature_path: str = ""
    offices: OfficeTable
    calendar: Calendar
    receiving_office: str
    # The rules of paper.
    post: PostRules = field(default_factory=rules)


class Spooled(Struct, frozen=True):
    """Bytes that are too many for memory, in a seekable file that is open for as long as they are wanted."""

    file: BinaryIO
    size_bytes: int


class Submission(Struct, frozen=True, kw_only=True):
    """The bytes that came, from whom, when, about which earlier dossier. `sha256` is of the bytes as received.

    A large container is `spooled`, and its `content` empty.
    """

    content: bytes
    sha256: bytes
    submitter: str
    received_at: datetime
    batch: int | None = None
    channel: str = "api"
    media_type: str = "application/xml"
    spooled: Spooled | None = None
    about: About | None = None
    # The announced dossier whose electronic half this is, when its paper has not come yet.
    half_of: About | None = None
    # How paper came, and when it counts as received; None for what came by wire.
    paper: PaperTold | None = None

    @property
    def is_half(self) -> bool:
        """Whether it was announced as one of two halves."""
        return self.half_of is not None or (self.paper is not None and self.paper.is_half)

    @property
    def is_paper(self) -> bool:
        """Whether it came on paper, signed by hand."""
        return self.channel == POST

    @property
    def size_bytes(self) -> int:
        """How many bytes came."""
        return len(self.content) if self.spooled is None else self.spooled.size_bytes


class PartOf(Struct, frozen=True, kw_only=True):
    """One file of the dossier; `sha256` is of its decoded bytes."""

    number: int
    form: str
    name: str
    kind: str
    size_bytes: int
    sha256: bytes


class Filing(Struct, frozen=True, kw_only=True):
    """A dossier that may be accepted, or, where `waits`, received: all passed, but revocation data is missing or stale.
    `findings` are warnings; `renewals` are certificates that were recognised as renewals of registered ones.
    """

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
    waits: bool = False
    papers: tuple[Paper, ...] = ()
    # The supporting papers themselves, until they have been scanned.
    to_scan: tuple[EnvelopeFile, ...] = ()
    renewals: tuple[Binding, ...] = ()
    # An electronic and a paper half make one dossier: this is the first of them to come.
    comes_in_halves: bool = False
    # Files about it that are in the vault already: rows for the transaction that accepts it.
    documents: tuple[Document, ...] = ()
    # A large dossier is kept before its round, which then only commits it.
    kept: Kept | None = None

    @property
    def wanted(self) -> tuple[Wanted, ...]:
        """The revocation data that was not at hand, each certificate once."""
        return tuple({one.sha256: one for verdict in self.verdicts for one in verdict.wanted}.values())


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
    """Bytes that became a tree, and what its header says about itself (not judged yet).

    `container` is the one that the envelope came in, if it did, with the names of all `entries` beside it and the files
    that the envelope names, by name in NFC.
    """

    submission: Submission
    root: etree._Element
    header: envelopes.Header
    container: asic.AsicContainer | None = None
    beside: Mapping[str, bytes | Stored] = {}
    entries: tuple[str, ...] = ()


def open_dossier(submission: Submission) -> Opened | Refusal:
    """(4) Bytes become a tree: no DTD, no entities, no network, bounded size, count and depth."""
    if submission.media_type == ASIC_E:
        return _open_container(submission)
    root = xml.parse(submission.content, file=ENVELOPE)
    return _malformed(submission, root) if isinstance(root, Finding) else Opened(submission, root, envelopes.peek(root))


def _open_container(submission: Submission) -> Opened | Refusal:
    spooled = submission.spooled
    box = containers.open_box(submission.content if spooled is None else spooled.file, submission.size_bytes)
    if isinstance(box, Finding):
        return _malformed(submission, box)
    root = xml.parse(box.envelope, file=ENVELOPE)
    if isinstance(root, Finding):
        return _malformed(submission, root)
    beside = containers.beside(box, root, in_file=spooled is not None)
    if isinstance(beside, Finding):
        return _malformed(submission, beside)
    return Opened(submission, root, envelopes.peek(root), box.container, beside, tuple(box.entries))


def _malformed(submission: Submission, finding: Finding) -> Refusal:
    return Refusal(submission=submission, code="malformed", findings=(finding,))


# Reasons for which a cause may be found (`signing.explain`): codes that begin so, or are these.
_EXPLAINABLE = ("digest-differs", "signature-value", "key-value-differs", "several-certificates")


def may_be_explained(outcome: Filing | Refusal) -> bool:
    """Whether judging again, with `explain`, may tell why a signature does not hold."""
    return any(one.reason_code in _EXPLAINABLE for one in outcome.verdicts)


def judge(opened: Opened, known: Known, tables: Tables, *, explain: bool = True) -> Filing | Refusal:
    """Steps 5 to 8, in order. Every step is taken, so that one answer tells all that is wrong.

    With `explain` the cause of a signature that does not hold is looked for: some tens of milliseconds.
    """
    looking = Looking(search=Search()) if explain else Looking()
    submission, header = opened.submission, opened.header
    received_at = submission.received_at
    on = received_at.astimezone(VIETNAM).date()
    if not known.may_speak and header.form != envelopes.FIRST_REGISTRATION_FORM:
        # Nothing is judged for a stranger, so nothing about the dossier or the unit is told.
        return Refusal(submission=submission, code="not-your-unit", findings=(no_right(known, header.unit_code, on),))

    # (5) Who signed: first the envelope; a signature that holds is taken out, so that what is left is what was signed.
    verdicts = sealed(opened, tables, looking)
    # (6) What is in it: the envelope, then each form with its own signature, then all of them together.
    envelope, findings = envelopes.open_envelope(
        opened.root, catalogue=tables.catalogue, on=on, header=header, beside=opened.beside
    )
    procedure = tables.catalogue.procedure(header.procedure, on)
    versions: list[str] = [procedure.version] if procedure else []
    if tables.catalogue.confirmed_number:
        # What operators had confirmed by then decides what refuses: with it the judgement can be had again.
        versions.append(f"facts@{tables.catalogue.confirmed_number}")
    destination: Route | Ambiguous | None = None
    renewals: tuple[Binding, ...] = ()
    papers: tuple[Paper, ...] = ()
    comes_in_halves = False
    if envelope is not None:
        forms = judge_forms(
            envelope, tables, received_at, verdicts, looking, header, submission.about, is_paper=submission.is_paper
        )
        findings += forms.findings
        versions += forms.versions
        comes_in_halves = submission.about is None and (forms.says_paper_comes or submission.is_half)
        findings += containers.unnamed(opened.entries, opened.beside)
        findings += once_only.findings_of(envelope, known.held)
        found, papers = judge_papers(envelope, tables, received_at)
        findings += found
        # (7) Signer, unit and submitter belong together.
        together = belonging(envelope, known, for_the_unit(verdicts, known, tables), at=received_at)
        findings += together.findings
        renewals = together.renewals
        if procedure is not None:
            # (8) Which office is competent, and when the answer is due.
            destination = _destination(procedure, envelope, known, submission, on, tables)
            findings += own.of_route(destination, envelope.office_code)
            findings += of_purpose(submission.about or submission.half_of, envelope, procedure)

    failed = any(not verdict.passed and not verdict.waits for verdict in verdicts)
    errors = any(finding.severity is Severity.ERROR for finding in findings)
    if failed or errors or envelope is None or procedure is None or not isinstance(destination, Route):
        return _refused(opened, "signature-refused" if failed else "findings", verdicts, findings)
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
        due=_due(procedure, submission, tables) if _starts(submission, tables, comes_in_halves) else None,
        comes_in_halves=comes_in_halves,
        waits=any(verdict.waits for verdict in verdicts),
        papers=papers,
        to_scan=papers_of(envelope) if papers else (),
        renewals=renewals,
    )


def _refused(opened: Opened, code: str, verdicts: Sequence[Verdict], findings: Sequence[Finding]) -> Refusal:
    header = opened.header
    return Refusal(
        submission=opened.submission,
        code=code,
        procedure=header.procedure,
        unit=header.unit_code,
        tax_code=header.tax_code,
        period=header.period,
        verdicts=tuple(verdicts),
        findings=own.in_order(bounded([*findings], file=ENVELOPE)),
    )


def refused_instead(filing: Filing, found: Sequence[Finding]) -> Refusal:
    """The refusal of what would have been accepted, but for these findings."""
    return Refusal(
        submission=filing.submission,
        code="findings",
        procedure=filing.procedure.code,
        unit=filing.unit,
        tax_code=filing.tax_code,
        period=filing.period,
        verdicts=filing.verdicts,
        findings=own.in_order(bounded([*found, *filing.findings], file=ENVELOPE)),
    )


def overall(verdicts: Sequence[Verdict]) -> Verdict | None:
    """The dossier's verdict: the first signature that is refused, else the first that waits, else the envelope's."""
    refused = (verdict for verdict in verdicts if not verdict.passed and not verdict.waits)
    waiting = (verdict for verdict in verdicts if verdict.waits)
    return next(refused, None) or next(waiting, None) or (verdicts[0] if verdicts else None)


def _destination(
    procedure: Procedure,
    envelope: envelopes.Envelope,
    known: Known,
    submission: Submission,
    on: date,
    tables: Tables,
) -> Route | Ambiguous:
    """The office that is competent; what is about another dossier goes where that one is."""
    if (about := submission.about) is not None:
        return Route(
            competent_office=about.office,
            competent_name="",
            rule=WITH_DOSSIER,
            table_version=tables.offices.version,
            original=envelope.office_code,
        )
    registered = known.unit.office if known.unit else envelope.office_code
    return route(
        procedure.code,
        registered,
        envelope.office_code,
        on,
        tables.offices,
        receiving=tables.receiving_office,
        sha256=submission.sha256,
    )


def _part(file: EnvelopeFile) -> PartOf:
    return PartOf(
        number=file.number,
        form=file.form,
        name=file.name,
        kind=file.kind,
        size_bytes=file.size_bytes,
        sha256=file.sha256,
    )


def _starts(submission: Submission, tables: Tables, comes_in_halves: bool) -> bool:  # noqa: FBT001 - as it was judged
    """Whether the clock starts with it: not with what is about another dossier, nor with every first half."""
    if submission.about is not None:
        return False
    electronic_us, paper_us = (None, 0) if submission.is_paper else (0, None)
    return not comes_in_halves or clock_start_us(tables.post.hybrid, electronic_us, paper_us) is not None


def _due(procedure: Procedure, submission: Submission, tables: Tables) -> Due | None:
    if procedure.time_limit_working_days is None:
        return None
    return due(submission.received_at, procedure.time_limit_working_days, tables.calendar)
