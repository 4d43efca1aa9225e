"""The validation report of a dossier, made again from what was kept: verdicts, proofs, the policy's text."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from msgspec import Struct

from gateway.clock import VIETNAM, from_us
from gateway.report import read_report, verdicts_of
from signing.etsi_report import Validator, etsi_report
from signing.indication import Proof
from signing.policy_file import PolicyUnusable, read_policy
from signing.validation_report import ReportSubject, ValidationReport, report_of
from storage import proofs

if TYPE_CHECKING:
    from gateway.report import Report
    from signing.policy import Policy
    from storage.database import Database
    from storage.journal import Dossier

# How the gateway names itself in the ETSI report.
VALIDATOR = Validator(subject="CN=motcua")
_LOG = logging.getLogger("motcua.validation")


class NothingJudged(Exception):
    """No signature of these bytes could be looked at, so there is nothing to report. Trying again changes nothing."""


class NotKept(Exception):
    """What the report would be made from was not kept then. Trying again changes nothing."""


class Validation(Struct, frozen=True):
    """A report, and what it rests on by SHA-256 (hex)."""

    report: ValidationReport
    proofs: dict[str, bytes]

    def as_xml(self) -> bytes:
        """The report as ETSI TS 119 102-2 has it."""
        return etsi_report(self.report, self.proofs, VALIDATOR)


def validation_of(database: Database, dossier: Dossier, policy: Policy, *, whole: bool = False) -> Validation:
    """The report as of the judgement; the same at every time of asking. `policy` is the one in force now.

    `proofs` are the certificates; with `whole`, revocation data too, which may be megabytes. Raises `NothingJudged`,
    `NotKept`, and `DatabaseAway`, after which trying again is safe.
    """
    kept = read_report(dossier.report)
    if not kept.signatures:
        raise NothingJudged(dossier.id)
    if all(one.judged_at is None for one in kept.signatures):
        raise NotKept(dossier.id)
    named = {sha256: kind for one in kept.signatures for sha256, kind in one.proofs}
    needed = {sha256 for sha256, kind in named.items() if whole or kind == "certificate"}
    with database.read() as tx:
        kinds = proofs.kinds(tx, sorted(named))
        found = proofs.find(tx, sorted(needed | {kept.policy_sha256}))
    content = {sha256: one.content for sha256, one in found.items() if sha256 in needed}
    rests_on = {sha256: Proof(sha256, kind, content.get(sha256, b"")) for sha256, kind in kinds.items()}
    at_us = dossier.received_at_us if dossier.judged_at_us is None else dossier.judged_at_us
    report = report_of(
        verdicts_of(kept, rests_on),
        subject=ReportSubject(
            sha256=dossier.sha256.hex(), name="Hoso", received_at=from_us(dossier.received_at_us).astimezone(VIETNAM)
        ),
        policy=_policy(kept, found, policy),
        generated_at=from_us(at_us).astimezone(VIETNAM),
    )
    return Validation(report, content)


def proof_of(database: Database, dossier: Dossier, sha256: str) -> bytes | None:
    """The bytes of one proof that the dossier's report names; None for any other. Raises `DatabaseAway`."""
    if all(sha256 != named for one in read_report(dossier.report).signatures for named, _ in one.proofs):
        return None
    with database.read() as tx:
        kept = proofs.find(tx, [sha256]).get(sha256)
    return kept.content if kept else None


def _policy(kept: Report, found: dict[str, proofs.Proof], in_force: Policy) -> Policy:
    """The policy that was in force then, from its own text."""
    if kept.policy_sha256 == in_force.sha256:
        return in_force
    text = found.get(kept.policy_sha256)
    if text is None:
        _LOG.error("the policy %s that was in force then is not kept", kept.policy_sha256)
        raise NotKept(kept.policy_sha256)
    try:
        return read_policy(text.content, kept.policy_sha256)
    except PolicyUnusable as error:
        _LOG.error("the policy %s that was in force then: %s", kept.policy_sha256, error)
        raise NotKept(kept.policy_sha256) from error
