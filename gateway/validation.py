"""The validation report of a dossier, made again from what was kept: verdicts, proofs, the policy's text."""

from __future__ import annotations

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


class NothingJudged(Exception):
    """No signature of these bytes could be looked at, so there is nothing to report. Trying again changes nothing."""


class Validation(Struct, frozen=True):
    """A report, and what it rests on by SHA-256 (hex)."""

    report: ValidationReport
    proofs: dict[str, bytes]

    def as_xml(self) -> bytes:
        """The report as ETSI TS 119 102-2 has it."""
        return etsi_report(self.report, self.proofs, VALIDATOR)


def validation_of(database: Database, dossier: Dossier, policy: Policy) -> Validation:
    """The report as of the judgement; the same at every time of asking. `policy` is the one in force now.

    Raises `NothingJudged`, and `DatabaseAway`, after which trying again is safe.
    """
    kept = read_report(dossier.report)
    if not kept.signatures:
        raise NothingJudged(dossier.id)
    wanted = {sha256 for one in kept.signatures for sha256, _ in one.proofs}
    with database.read() as tx:
        found = proofs.find(tx, sorted(wanted | {kept.policy_sha256}))
    rests_on = {sha256: Proof(sha256, one.kind, one.content) for sha256, one in found.items() if sha256 in wanted}
    at_us = dossier.received_at_us if dossier.judged_at_us is None else dossier.judged_at_us
    report = report_of(
        verdicts_of(kept, rests_on),
        subject=ReportSubject(
            sha256=dossier.sha256.hex(), name="Hoso", received_at=from_us(dossier.received_at_us).astimezone(VIETNAM)
        ),
        policy=_policy(kept, found, policy),
        generated_at=from_us(at_us).astimezone(VIETNAM),
    )
    return Validation(report, {sha256: one.der for sha256, one in rests_on.items()})


def _policy(kept: Report, found: dict[str, proofs.Proof], in_force: Policy) -> Policy:
    """The policy that was in force then, from its own text."""
    if kept.policy_sha256 == in_force.sha256:
        return in_force
    text = found.get(kept.policy_sha256)
    if text is None:
        raise PolicyUnusable(f"the policy {kept.policy_sha256} that was in force then is not kept")
    return read_policy(text.content, kept.policy_sha256)
