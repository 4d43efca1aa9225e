"""Verdicts and reports of every kind, made of real signatures and of what other rooms would have added."""

import hashlib
from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec import structs

from signing.demo_pki import Holder
from signing.indication import (
    Caution,
    Indication,
    Proof,
    RevocationUsed,
    SubIndication,
    TimestampUsed,
    Verdict,
    Wanted,
)
from signing.policy import Policy, RevocationRule
from signing.trust import TrustStore
from signing.validation_report import ReportSubject, ValidationReport, report_of
from tests.signing import workshop
from tests.signing.workshop import NOW

NATIONAL = Policy(id="national-1", revocation=RevocationRule(required=True), adaptations=(), sha256="ab" * 32)
SUBJECT = ReportSubject(sha256=hashlib.sha256(b"received").hexdigest(), name="hồ sơ.xml", received_at=NOW)
CRL = b"\x30\x03crl"
OCSP = b"\x30\x04ocsp"
TOKEN = b"\x30\x05token"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def passed(signed: bytes, trust: TrustStore) -> Verdict:
    verdict = workshop.judge(signed, trust)
    assert verdict.passed
    return verdict


def failed(signed: bytes, trust: TrustStore) -> Verdict:
    verdict = workshop.judge(signed.replace(b"5310000", b"9310000"), trust)
    assert verdict.indication is Indication.TOTAL_FAILED
    return verdict


def unreadable(trust: TrustStore) -> Verdict:
    verdict = workshop.judge(workshop.unsigned(), trust)
    assert verdict.signer is None
    return verdict


def refused(holder: Holder, trust: TrustStore) -> Verdict:
    """INDETERMINATE without waiting: a signature of the right person, by an algorithm that is not accepted."""
    policy = Policy(signature_algorithms=Policy().signature_algorithms[1:])
    verdict = workshop.judge(workshop.forge(holder), trust, policy=policy)
    assert verdict.indication is Indication.INDETERMINATE
    assert not verdict.waits
    return verdict


def used(certificate_sha256: str, content: bytes, kind: str, status: str = "good") -> RevocationUsed:
    return RevocationUsed(
        certificate_sha256=certificate_sha256,
        kind=kind,
        sha256=sha256(content),
        source="http://crl.example/ca.crl",
        issuer="CN=Mẫu CA",
        this_update=NOW - timedelta(hours=2),
        next_update=NOW + timedelta(hours=22),
        produced_at=NOW - timedelta(hours=2) if kind == "ocsp" else None,
        fetched_at=NOW - timedelta(hours=1),
        age_s=7200,
        status=status,
        revoked_at=NOW - timedelta(days=3) if status != "good" else None,
        reason={"revoked": "key_compromise", "hold": "certificateHold"}.get(status, ""),
    )


def with_revocation(verdict: Verdict, status: str = "good") -> Verdict:
    assert verdict.signer is not None
    return structs.replace(
        verdict,
        revocation=(
            used(verdict.signer.certificate_sha256, OCSP, "ocsp", status),
            used(verdict.chain[0], CRL, "crl"),
        ),
        proofs=(*verdict.proofs, Proof(sha256(OCSP), "ocsp", OCSP), Proof(sha256(CRL), "crl", CRL)),
    )


def refusing(verdict: Verdict, sub_indication: SubIndication, code: str) -> Verdict:
    return structs.replace(
        verdict,
        indication=Indication.INDETERMINATE,
        sub_indication=sub_indication,
        reason_code=code,
        reason_vi="Lý do.",
        reason_en="Reason.",
    )


def waiting(verdict: Verdict, certificate: x509.Certificate) -> Verdict:
    assert verdict.signer is not None
    wanted = Wanted(
        sha256=verdict.signer.certificate_sha256,
        certificate=certificate,
        issuer=certificate,
        ocsp_urls=("http://ocsp.example/",),
        crl_urls=(),
    )
    result = structs.replace(refusing(verdict, SubIndication.TRY_LATER, "revocation-missing"), wanted=(wanted,))
    assert result.waits
    return result


def timestamped(verdict: Verdict) -> Verdict:
    at = NOW - timedelta(minutes=5)
    token = TimestampUsed(
        sha256=sha256(TOKEN),
        generated_at=at,
        authority="CN=TSA Mẫu",
        authority_sha256="cd" * 32,
        serial="1f",
        policy_oid="1.2.3",
    )
    return structs.replace(
        verdict,
        format="XAdES-B-T",
        timestamps=(token,),
        best_signature_time=at,
        signing_time_claimed="2026-03-02T08:20:00+07:00",
        signature_value=b"\x01\x02",
        cautions=(Caution("legacy-algorithms", "Cẩn thận.", "Take care."),),
        proofs=(*verdict.proofs, Proof(token.sha256, "timestamp", TOKEN)),
    )


def report(*verdicts: Verdict, policy: Policy | None = None) -> ValidationReport:
    under = policy or NATIONAL
    same = [structs.replace(verdict, policy=under.id) for verdict in verdicts]
    return report_of(same, subject=SUBJECT, policy=under, generated_at=NOW + timedelta(seconds=1))


def proofs_of(*verdicts: Verdict) -> dict[str, bytes]:
    return {proof.sha256: proof.der for verdict in verdicts for proof in verdict.proofs}


def of_every_kind(signed: bytes, holder: Holder, trust: TrustStore) -> dict[str, tuple[Verdict, ...]]:
    good = passed(signed, trust)
    return {
        "passed": (with_revocation(good),),
        "failed": (failed(signed, trust),),
        "unreadable": (unreadable(trust),),
        "refused": (refused(holder, trust),),
        "pending": (waiting(good, holder.certificate),),
        "revoked": (refusing(with_revocation(good, "revoked"), SubIndication.REVOKED_NO_POE, "revoked"),),
        "hold": (refusing(with_revocation(good, "hold"), SubIndication.TRY_LATER, "suspended"),),
        "time-stamped": (timestamped(with_revocation(good)),),
        "several": (with_revocation(good), failed(signed, trust), unreadable(trust), timestamped(good)),
    }


def certificate_der(holder: Holder) -> bytes:
    return holder.certificate.public_bytes(Encoding.DER)
