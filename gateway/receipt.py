"""The statements that we make, and their exact bytes: the receipt of what was received, the notice of what was refused,
the judgement of what had to wait for it.

A statement is a compact JWS (RFC 7515) over JSON. It is made once, kept to the byte and never written again; what is
learnt later is a document of its own that names it.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET, Struct, UnsetType

from gateway.about import HALF
from gateway.clock import from_us, rfc3339
from gateway.judge import Filing, Refusal, overall
from gateway.postal.paper_told import HANDWRITTEN, NOT_JUDGED, POST
from signing.seal import seal_jws

if TYPE_CHECKING:
    from datetime import datetime

    from gateway.erasure import Tombstone
    from gateway.judge import Submission
    from gateway.postal.paper_told import PaperTold
    from schemas.findings import Finding
    from signing.indication import Verdict
    from signing.seal import Signer
    from storage.journal import Dossier

RECEIPT_TYPE = "motcua-receipt+jws"
NOTICE_TYPE = "motcua-notice+jws"
JUDGEMENT_TYPE = "motcua-judgement+jws"
HANDOVER_TYPE = "motcua-handover+jws"
REPORT_TYPE = "motcua-report+jws"
ERASURE_TYPE = "motcua-erasure+jws"
CLOSING_TYPE = "motcua-closing+jws"
ORIGIN_TYPE = "motcua-origin+jws"
# What we say is in the log within so long of being said; it is there within a second while all is well.
LOGGED_WITHIN = timedelta(hours=24)
# A notice names this many findings; the whole list is in the answer and in the journal.
NOTICE_FINDINGS_MAX = 50
# Codes have 5 digits; whatever else stands in their place is said as far as this.
WRITTEN_CHARACTERS_MAX = 80


class SignerNamed(Struct, frozen=True):
    """Whose certificate signed the envelope."""

    certificate_sha256: str
    tax_code: str


class PaperNamed(Struct, frozen=True, kw_only=True):
    """How a paper dossier came. `time_of_receipt` is `posted_at` or `arrived_at`, as `basis` says, by the rules of
    version `rules`: the due date counts from it. `scans_sha256` (hex) is of the file of its `pages`, '' when there is
    none.
    """

    item: str
    time_of_receipt: str
    posted_at: str | None
    arrived_at: str
    opened_at: str
    basis: str
    rules: str
    office: str
    pages: int
    scans_sha256: str


class Receipt(Struct, frozen=True, kw_only=True):
    """What a receipt says. It is issued only after everything it says is durable.

    `verdict` is INDETERMINATE, with `sub_indication` TRY_LATER, for a dossier that was received and waits to be judged:
    what is judged then is said in a `Judgement` that names this receipt. `log` is the origin of the transparency log
    that will hold the SHA-256 of this statement at the latest at `log_by`; both are null where no log is kept.
    `registered_office` is the unit's agency as it was routed by, `written_office` the code that the dossier wrote, cut
    at `WRITTEN_CHARACTERS_MAX`, and `place` where something must be inspected: with them the routing can be replayed.
    `purpose` is '' for a filing of its own; else `supplement`, `withdrawal` or `half`, and `about` the receipt number
    of the dossier that it is about. Both halves of a dossier name one `dossier`; of the one that came later, `record`
    is the id under which it is kept. Of paper, `verdict` is NOT_JUDGED and `sub_indication` HANDWRITTEN: it was signed
    by hand; `received_at` is when the gateway had it, and `paper` says when it counts as received.
    """

    receipt: str
    dossier: str
    received_at: str
    sha256: str
    size_bytes: int
    channel: str
    procedure: str
    procedure_version: str
    unit: str
    tax_code: str
    period: str
    batch: int
    follows: str | None
    submitter: str
    signer: SignerNamed | None
    verdict: str
    sub_indication: str | None
    policy: str
    schema_versions: tuple[str, ...]
    receiving_office: str
    competent_office: str
    routing_rule: str
    routing_table: str
    due_at: str | None
    calendar: str | None
    log: str | None = None
    log_by: str | None = None
    purpose: str = ""
    about: str | None = None
    registered_office: str = ""
    written_office: str = ""
    place: str = ""
    half: str | UnsetType = UNSET
    record: str | UnsetType = UNSET
    paper: PaperNamed | UnsetType = UNSET


def kept_as(said: Receipt | Notice | Tombstone) -> str:
    """The id under which the gateway keeps what a statement is about: its dossier's, or, of a half, its own."""
    return said.record if isinstance(said, Receipt) and said.record is not UNSET else said.dossier


class FindingNamed(Struct, frozen=True, omit_defaults=True):
    """A finding in a notice: enough to prove what was said."""

    code: str
    file: str = ""
    form: str = ""
    row: int | None = None
    column: str = ""
    message: str = ""


class Judgement(Struct, frozen=True, kw_only=True):
    """What the second statement about a dossier says that was received and had to wait.

    Its receipt, named by number and by the SHA-256 of the compact JWS, stands; this is what was judged, as of
    `received_at`.
    """

    judgement: str
    receipt: str
    receipt_sha256: str
    dossier: str
    sha256: str
    received_at: str
    judged_at: str
    state: str
    verdict: str
    sub_indication: str | None
    policy: str
    code: str
    competent_office: str
    due_at: str | None
    findings_count: int
    findings: tuple[FindingNamed, ...]
    log: str | None = None
    log_by: str | None = None


class Handover(Struct, frozen=True, kw_only=True):
    """What a statement of a hand-over says: the office's software took this dossier, byte for byte, and said so."""

    handover: str
    receipt: str
    receipt_sha256: str
    dossier: str
    sha256: str
    office: str
    taken_by: str
    taken_at: str
    lease: str
    # What the office's software signed itself when it took the dossier (a JWS by its registered key), if it did.
    pickup: str = ""
    log: str | None = None
    log_by: str | None = None


class Notice(Struct, frozen=True, kw_only=True):
    """What a notice of refusal says: these bytes came then, and this was wrong with them. The bytes were not kept."""

    notice: str
    dossier: str
    received_at: str
    sha256: str
    size_bytes: int
    submitter: str
    procedure: str
    unit: str
    code: str
    verdict: str | None
    sub_indication: str | None
    policy: str
    findings_count: int
    findings: tuple[FindingNamed, ...]
    log: str | None = None
    log_by: str | None = None


def receipt(
    filing: Filing,
    *,
    number: str,
    dossier: str,
    batch: int,
    follows: str | None,
    receiving_office: str,
    seal: Signer,
    log: str = "",
) -> str:
    """Seal the receipt of an accepted dossier, which is promised to the log of that origin.

    Raises what the seal's key store raises; then nothing was said.
    """
    submission, verdict = filing.submission, overall(filing.verdicts)
    sub_indication = verdict.sub_indication.value if verdict and verdict.sub_indication else None
    is_half = submission.about is not None and submission.about.purpose == HALF
    payload = Receipt(
        receipt=number,
        dossier=submission.about.dossier if submission.about and is_half else dossier,
        received_at=rfc3339(submission.received_at),
        sha256=submission.sha256.hex(),
        size_bytes=submission.size_bytes,
        channel=submission.channel,
        procedure=filing.procedure.code,
        procedure_version=filing.procedure.version,
        unit=filing.unit,
        tax_code=filing.tax_code,
        period=filing.period,
        batch=batch,
        follows=follows,
        submitter=submission.submitter,
        signer=_signer(filing.verdicts[0], filing.tax_code) if filing.verdicts else None,
        verdict=verdict.indication.value if verdict else NOT_JUDGED,
        sub_indication=sub_indication if verdict else HANDWRITTEN,
        policy=verdict.policy if verdict else "",
        schema_versions=filing.schema_versions,
        receiving_office=receiving_office,
        competent_office=filing.route.competent_office,
        routing_rule=filing.route.rule,
        routing_table=filing.route.table_version,
        due_at=rfc3339(filing.due.due_at) if filing.due else None,
        calendar=filing.due.calendar if filing.due else None,
        log=log or None,
        log_by=_log_by(log, submission.received_at),
        purpose=submission.about.purpose if submission.about else "",
        about=submission.about.number if submission.about else None,
        registered_office=filing.route.registered[:WRITTEN_CHARACTERS_MAX],
        written_office=filing.route.original[:WRITTEN_CHARACTERS_MAX],
        place=filing.route.place,
        half=_half(submission) if is_half or filing.comes_in_halves else UNSET,
        record=dossier if is_half else UNSET,
        paper=_paper(submission.paper) if submission.paper else UNSET,
    )
    return seal_jws(seal, msgspec.json.encode(payload), RECEIPT_TYPE)


def notice(refusal: Refusal, *, number: str, dossier: str, policy: str, seal: Signer, log: str = "") -> str:
    """Seal the notice of a refusal."""
    submission, verdict = refusal.submission, overall(refusal.verdicts)
    payload = Notice(
        notice=number,
        dossier=dossier,
        received_at=rfc3339(submission.received_at),
        sha256=submission.sha256.hex(),
        size_bytes=submission.size_bytes,
        submitter=submission.submitter,
        procedure=refusal.procedure,
        unit=refusal.unit,
        code=refusal.code,
        verdict=verdict.indication.value if verdict else None,
        sub_indication=verdict.sub_indication.value if verdict and verdict.sub_indication else None,
        policy=policy,
        findings_count=len(refusal.findings),
        findings=tuple(_named(finding) for finding in refusal.findings[:NOTICE_FINDINGS_MAX]),
        log=log or None,
        log_by=_log_by(log, submission.received_at),
    )
    return seal_jws(seal, msgspec.json.encode(payload), NOTICE_TYPE)


def judgement(
    dossier: Dossier,
    outcome: Filing | Refusal,
    *,
    refused: bool,
    number: str,
    judged_at: datetime,
    seal: Signer,
    log: str = "",
) -> str:
    """Seal what was judged of a dossier that was received earlier. Its office and due date are the receipt's."""
    verdict = overall(outcome.verdicts)
    findings = outcome.findings if refused else ()
    payload = Judgement(
        judgement=number,
        receipt=dossier.statement_number,
        receipt_sha256=hashlib.sha256(dossier.statement.encode()).hexdigest(),
        dossier=dossier.id,
        sha256=dossier.sha256.hex(),
        received_at=rfc3339(from_us(dossier.received_at_us)),
        judged_at=rfc3339(judged_at),
        state="refused" if refused else "accepted",
        verdict=verdict.indication.value if verdict else "",
        sub_indication=verdict.sub_indication.value if verdict and verdict.sub_indication else None,
        policy=verdict.policy if verdict else "",
        code="signature-refused" if refused else "",
        competent_office=dossier.competent_office,
        due_at=rfc3339(from_us(dossier.due_at_us)) if dossier.due_at_us is not None else None,
        findings_count=len(findings),
        findings=tuple(_named(finding) for finding in findings[:NOTICE_FINDINGS_MAX]),
        log=log or None,
        log_by=_log_by(log, judged_at),
    )
    return seal_jws(seal, msgspec.json.encode(payload), JUDGEMENT_TYPE)


def handover(
    dossier: Dossier,
    *,
    number: str,
    lease: str,
    taken_by: str,
    taken_at: datetime,
    seal: Signer,
    log: str = "",
    pickup: str = "",
) -> str:
    """Seal that the dossier was taken by its office's software `taken_by` (a client's id) under that lease."""
    payload = Handover(
        handover=number,
        receipt=dossier.statement_number,
        receipt_sha256=hashlib.sha256(dossier.statement.encode()).hexdigest(),
        dossier=dossier.id,
        sha256=dossier.sha256.hex(),
        office=dossier.competent_office,
        taken_by=taken_by,
        taken_at=rfc3339(taken_at),
        lease=lease,
        pickup=pickup,
        log=log or None,
        log_by=_log_by(log, taken_at),
    )
    return seal_jws(seal, msgspec.json.encode(payload), HANDOVER_TYPE)


def _half(submission: Submission) -> str:
    return "paper" if submission.channel == POST else "electronic"


def _paper(told: PaperTold) -> PaperNamed:
    return PaperNamed(
        item=told.item,
        time_of_receipt=rfc3339(told.time_of_receipt),
        posted_at=rfc3339(told.posted_at) if told.posted_at else None,
        arrived_at=rfc3339(told.arrived_at),
        opened_at=rfc3339(told.opened_at),
        basis=told.basis,
        rules=told.rules,
        office=told.office,
        pages=told.pages,
        scans_sha256=told.scans_sha256,
    )


def _log_by(log: str, said_at: datetime) -> str | None:
    return rfc3339(said_at + LOGGED_WITHIN) if log else None


def _signer(verdict: Verdict, tax_code: str) -> SignerNamed | None:
    return SignerNamed(verdict.signer.certificate_sha256, tax_code) if verdict.signer else None


def _named(finding: Finding) -> FindingNamed:
    return FindingNamed(
        code=finding.code,
        file=finding.file,
        form=finding.form,
        row=finding.row,
        column=finding.column,
        message=finding.message_vi,
    )
