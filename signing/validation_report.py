"""The validation report: everything that a verdict says and rests on, kept to be read again after years."""

import base64
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Final

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from msgspec import Struct

from signing.certificate import CERTIFICATES_CACHED_MAX
from signing.indication import Caution, Proof, RevocationUsed, SubIndication, TimestampUsed, Verdict, worst_of
from signing.policy import ADAPTATIONS, LEVELS, Policy
from signing.verdict_table import clause_of_reason

VERSION: Final = 1

SIGNER: Final = "signer"
AUTHORITY: Final = "authority"
ANCHOR: Final = "anchor"

FROM_TIMESTAMP: Final = "timestamp"
FROM_RECEIPT: Final = "received_at"


class ReportUnreadable(Exception):
    """A kept report is damaged, or was made by newer software; trying again changes nothing."""


class ReportSubject(Struct, frozen=True, kw_only=True):
    """What was judged: the received bytes by their SHA-256 (hex), what they are called, and when they were received."""

    sha256: str
    name: str
    received_at: datetime


class PolicyReported(Struct, frozen=True, kw_only=True):
    """The policy in force. `sha256` (hex) is of its text, "" when it was made in code; `adaptations` are in words."""

    id: str
    sha256: str
    edition: str
    title_vi: str
    title_en: str
    revocation_required: bool
    adaptations: tuple[Caution, ...]
    unconfirmed: tuple[str, ...] = ()


class CertificateReported(Struct, frozen=True, kw_only=True):
    """What one certificate says. `subject` and `issuer` are RFC 4514, `serial` is lower-case hex.

    `key` is "rsa", "ec" or another kind's name, `key_bits` its modulus's or curve's size, `curve` a curve's name.
    """

    sha256: str
    subject: str
    issuer: str
    serial: str
    not_before: datetime
    not_after: datetime
    key: str
    key_bits: int
    curve: str = ""


class ChainLink(Struct, frozen=True):
    """A certificate's part in a chain: "signer", "authority" or "anchor"; the report's `certificates` describe it."""

    sha256: str
    role: str


class BestSignatureTime(Struct, frozen=True):
    """The earliest instant at which the signature is proven to exist, and by what.

    `proven_by` is "timestamp" (`sha256` names the token) or "received_at", our own receipt of the bytes.
    """

    at: datetime
    proven_by: str
    sha256: str = ""


class WantedReported(Struct, frozen=True):
    """A certificate (SHA-256, hex) whose revocation data was not at hand, and the addresses that it names itself."""

    sha256: str
    ocsp_urls: tuple[str, ...]
    crl_urls: tuple[str, ...]


class SignatureReported(Struct, frozen=True, kw_only=True):
    """One signature's judgement. Digests are hex; `signature_value` is base64, "" where it was not at hand.

    `signing_time_claimed` is what the signer's software wrote; `signing_time_covered` says whether the signature covers
    it, and even then it is a claim. `clause` is of EN 319 102-1. `waits`: only revocation data was missing or stale.
    `try_again_at`: when fresher revocation data is announced, if that is known.
    """

    file: str
    path: str
    format: str
    indication: str
    sub_indication: str | None
    reason: str
    reason_vi: str
    reason_en: str
    clause: str
    waits: bool
    signer: str
    signature_algorithm: str
    digest_algorithm: str
    key: str
    key_bits: int
    curve: str
    content_digest: str
    signature_value: str
    signing_time_claimed: str
    signing_time_covered: bool
    best_signature_time: BestSignatureTime | None
    chain: tuple[ChainLink, ...]
    revocation: tuple[RevocationUsed, ...]
    timestamps: tuple[TimestampUsed, ...]
    cautions: tuple[Caution, ...]
    wanted: tuple[WantedReported, ...]
    try_again_at: datetime | None
    judged_at: datetime


class ProofNamed(Struct, frozen=True):
    """A proof by kind ("certificate", "crl", "ocsp", "timestamp") and SHA-256 (hex); its bytes are kept elsewhere."""

    kind: str
    sha256: str


class ValidationReport(Struct, frozen=True, kw_only=True):
    """The judgement of all signatures of one submission (EN 319 102-1 v1.3.1 §5.1.3).

    `indication`, `sub_indication` and `waits` are those of the verdict that decides (`indication.worst_of`).
    `certificates` describes once each certificate of a chain or of a proof, of responders and time-stamp authorities
    too. Fields may be added in later versions of the software, none is ever renamed or given another meaning without
    another `version`.
    """

    version: int
    generated_at: datetime
    subject: ReportSubject
    policy: PolicyReported
    indication: str
    sub_indication: str | None
    waits: bool
    signatures: tuple[SignatureReported, ...]
    certificates: tuple[CertificateReported, ...]
    proofs: tuple[ProofNamed, ...]

    def keep(self) -> bytes:
        """Return the report as JSON: the same report gives the same bytes."""
        return _ENCODER.encode(self)

    @staticmethod
    def read(kept: bytes) -> "ValidationReport":
        """Return a report as it was kept. Raises ReportUnreadable."""
        try:
            version = _VERSION_DECODER.decode(kept).version
            if version == VERSION:
                return _DECODER.decode(kept)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ReportUnreadable(f"validation report: {error}") from error
        raise ReportUnreadable(f"validation report: version {version}; this software reads {VERSION}")


class _Versioned(Struct):
    version: int


_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(ValidationReport)
_VERSION_DECODER: Final = msgspec.json.Decoder(_Versioned)


def report_of(
    verdicts: Sequence[Verdict], *, subject: ReportSubject, policy: Policy, generated_at: datetime
) -> ValidationReport:
    """Return the report of one submission's verdicts, which were all given under `policy`.

    Raises ValueError without a verdict (nothing was judged) and when a verdict names another policy.
    """
    chief = worst_of(verdicts)
    if chief is None:
        raise ValueError("a validation report is about one signature at least")
    if strange := {verdict.policy for verdict in verdicts} - {policy.id}:
        raise ValueError(f"verdicts under {', '.join(sorted(strange))} in a report about {policy.id}")
    proofs: dict[str, Proof] = {}
    certificates: dict[str, CertificateReported] = {}
    for verdict in verdicts:
        if verdict.signer is not None:
            certificates[verdict.signer.certificate_sha256] = _certificate(
                verdict.signer.certificate_sha256, verdict.signer.certificate_der
            )
        for proof in verdict.proofs:
            if proof.sha256 not in proofs:
                proofs[proof.sha256] = proof
                if proof.kind == "certificate":
                    certificates[proof.sha256] = _certificate(proof.sha256, proof.der)
    return ValidationReport(
        version=VERSION,
        generated_at=generated_at,
        subject=subject,
        policy=PolicyReported(
            id=policy.id,
            sha256=policy.sha256,
            edition=policy.edition,
            title_vi=policy.title_vi,
            title_en=policy.title_en,
            revocation_required=policy.revocation.required,
            adaptations=tuple(Caution(name, ADAPTATIONS[name].vi, ADAPTATIONS[name].en) for name in policy.adaptations),
            unconfirmed=policy.unconfirmed,
        ),
        indication=chief.indication.value,
        sub_indication=chief.sub_indication.value if chief.sub_indication else None,
        waits=chief.waits,
        signatures=tuple(_signature(verdict, certificates) for verdict in verdicts),
        certificates=tuple(certificates.values()),
        proofs=tuple(ProofNamed(one.kind, one.sha256) for one in proofs.values()),
    )


def _signature(verdict: Verdict, certificates: dict[str, CertificateReported]) -> SignatureReported:
    signer = verdict.signer
    key = certificates[signer.certificate_sha256] if signer else None
    return SignatureReported(
        file=verdict.file,
        path=verdict.path,
        format=verdict.format,
        indication=verdict.indication.value,
        sub_indication=verdict.sub_indication.value if verdict.sub_indication else None,
        reason=verdict.reason_code,
        reason_vi=verdict.reason_vi,
        reason_en=verdict.reason_en,
        clause=clause_of_reason(verdict.reason_code, verdict.sub_indication),
        waits=verdict.waits,
        signer=signer.certificate_sha256 if signer else "",
        signature_algorithm=verdict.signature_algorithm,
        digest_algorithm=verdict.digest_algorithm,
        key=key.key if key else "",
        key_bits=key.key_bits if key else 0,
        curve=key.curve if key else "",
        content_digest=verdict.content_digest,
        signature_value=base64.b64encode(verdict.signature_value).decode(),
        signing_time_claimed=verdict.signing_time_claimed,
        signing_time_covered=verdict.format not in ("", LEVELS[0]) and bool(verdict.signing_time_claimed),
        best_signature_time=_best_signature_time(verdict),
        chain=_chain(verdict),
        revocation=verdict.revocation,
        timestamps=verdict.timestamps,
        cautions=verdict.cautions,
        wanted=tuple(WantedReported(one.sha256, one.ocsp_urls, one.crl_urls) for one in verdict.wanted),
        try_again_at=_try_again_at(verdict),
        judged_at=verdict.judged_at,
    )


def _best_signature_time(verdict: Verdict) -> BestSignatureTime | None:
    at = verdict.best_signature_time
    if at is None:
        return None
    for token in verdict.timestamps:
        if token.generated_at == at:
            return BestSignatureTime(at, FROM_TIMESTAMP, token.sha256)
    return BestSignatureTime(at, FROM_RECEIPT)


def _chain(verdict: Verdict) -> tuple[ChainLink, ...]:
    """Return the signer's certificate and those above it; the last of a chain that was found is an anchor."""
    if verdict.signer is None:
        return ()
    above = verdict.chain
    return (
        ChainLink(verdict.signer.certificate_sha256, SIGNER),
        *(ChainLink(sha256, AUTHORITY) for sha256 in above[:-1]),
        *(ChainLink(sha256, ANCHOR) for sha256 in above[-1:]),
    )


def _try_again_at(verdict: Verdict) -> datetime | None:
    """Return when newer revocation data was announced, as TRY_LATER asks for (EN 319 102-1 v1.3.1 §5.1.3, table 6)."""
    if verdict.sub_indication is not SubIndication.TRY_LATER:
        return None
    announced = (one.next_update for one in verdict.revocation if one.next_update and one.status != "revoked")
    return min((at for at in announced if at > verdict.judged_at), default=None)


@lru_cache(maxsize=CERTIFICATES_CACHED_MAX)
def _certificate(sha256: str, der: bytes) -> CertificateReported:
    """Describe a certificate that was read before; remembered, for signers and authorities come again and again."""
    certificate = x509.load_der_x509_certificate(der)
    kind, bits, curve = _key(certificate)
    return CertificateReported(
        sha256=sha256,
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        serial=f"{certificate.serial_number:x}",
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        key=kind,
        key_bits=bits,
        curve=curve,
    )


def _key(certificate: x509.Certificate) -> tuple[str, int, str]:
    try:
        key = certificate.public_key()
    except (UnsupportedAlgorithm, ValueError):
        return "unknown", 0, ""
    match key:
        case rsa.RSAPublicKey():
            return "rsa", key.key_size, ""
        case ec.EllipticCurvePublicKey():
            return "ec", key.key_size, key.curve.name
        case _:
            return type(key).__name__.removesuffix("PublicKey").lower(), 0, ""
