"""What the judgement of a signature can be, in the words of ETSI EN 319 102-1."""

from datetime import datetime
from enum import StrEnum

from cryptography import x509
from msgspec import Struct


class Indication(StrEnum):
    """The main indication (EN 319 102-1 v1.3.1 §5.1.3)."""

    TOTAL_PASSED = "TOTAL-PASSED"
    TOTAL_FAILED = "TOTAL-FAILED"
    INDETERMINATE = "INDETERMINATE"


class SubIndication(StrEnum):
    """Why a signature did not pass (EN 319 102-1 v1.3.1 §5.1.3)."""

    FORMAT_FAILURE = "FORMAT_FAILURE"
    HASH_FAILURE = "HASH_FAILURE"
    SIG_CRYPTO_FAILURE = "SIG_CRYPTO_FAILURE"
    REVOKED = "REVOKED"
    EXPIRED = "EXPIRED"
    NOT_YET_VALID = "NOT_YET_VALID"
    SIG_CONSTRAINTS_FAILURE = "SIG_CONSTRAINTS_FAILURE"
    CHAIN_CONSTRAINTS_FAILURE = "CHAIN_CONSTRAINTS_FAILURE"
    CERTIFICATE_CHAIN_GENERAL_FAILURE = "CERTIFICATE_CHAIN_GENERAL_FAILURE"
    CRYPTO_CONSTRAINTS_FAILURE = "CRYPTO_CONSTRAINTS_FAILURE"
    POLICY_PROCESSING_ERROR = "POLICY_PROCESSING_ERROR"
    SIGNATURE_POLICY_NOT_AVAILABLE = "SIGNATURE_POLICY_NOT_AVAILABLE"
    TIMESTAMP_ORDER_FAILURE = "TIMESTAMP_ORDER_FAILURE"
    NO_SIGNING_CERTIFICATE_FOUND = "NO_SIGNING_CERTIFICATE_FOUND"
    NO_CERTIFICATE_CHAIN_FOUND = "NO_CERTIFICATE_CHAIN_FOUND"
    NO_CERTIFICATE_CHAIN_FOUND_NO_POE = "NO_CERTIFICATE_CHAIN_FOUND_NO_POE"
    REVOKED_NO_POE = "REVOKED_NO_POE"
    REVOKED_CA_NO_POE = "REVOKED_CA_NO_POE"
    OUT_OF_BOUNDS_NO_POE = "OUT_OF_BOUNDS_NO_POE"
    OUT_OF_BOUNDS_NOT_REVOKED = "OUT_OF_BOUNDS_NOT_REVOKED"
    REVOCATION_OUT_OF_BOUNDS_NO_POE = "REVOCATION_OUT_OF_BOUNDS_NO_POE"
    CRYPTO_CONSTRAINTS_FAILURE_NO_POE = "CRYPTO_CONSTRAINTS_FAILURE_NO_POE"
    NO_POE = "NO_POE"
    TRY_LATER = "TRY_LATER"
    SIGNED_DATA_NOT_FOUND = "SIGNED_DATA_NOT_FOUND"


_TOTAL_FAILED = frozenset(
    {
        SubIndication.FORMAT_FAILURE,
        SubIndication.HASH_FAILURE,
        SubIndication.SIG_CRYPTO_FAILURE,
        SubIndication.REVOKED,
        SubIndication.EXPIRED,
        SubIndication.NOT_YET_VALID,
    }
)


def indication_of(sub_indication: SubIndication) -> Indication:
    """Return the main indication that a sub-indication belongs to (EN 319 102-1 v1.3.1 §5.1.3)."""
    return Indication.TOTAL_FAILED if sub_indication in _TOTAL_FAILED else Indication.INDETERMINATE


# The reasons (codes of `reasons.REASONS`) that leave a signature undecided for want of revocation data alone.
WAITING_REASONS = frozenset({"revocation-missing", "revocation-stale"})


class Refusal(Struct, frozen=True):
    """One step's refusal: the code of a reason in `reasons.REASONS`, and what its sentences have blanks for."""

    code: str
    fields: dict[str, str] = {}


class Caution(Struct, frozen=True):
    """Something that did not hinder the verdict and that a person should still know."""

    code: str
    message_vi: str
    message_en: str


class Signer(Struct, frozen=True, kw_only=True):
    """Who signed, as the signing certificate says.

    `certificate_sha256` and `serial` are lower-case hex; `subject` and `issuer` are RFC 4514 strings, to be shown
    and never compared. `tax_codes` are "0101234565" or "0101234565-001", in the certificate's order; `identifiers`
    are all UID values as written ("MST:…", "CCCD:…", "MNS:…").
    """

    certificate_der: bytes
    certificate_sha256: str
    serial: str
    subject: str
    issuer: str
    common_name: str
    not_before: datetime
    not_after: datetime
    tax_codes: tuple[str, ...]
    identifiers: tuple[str, ...]


class Proof(Struct, frozen=True):
    """Something that a verdict rests on, to be kept for as long as the verdict: by its SHA-256 (hex), its DER bytes.

    `kind` is "certificate", "crl", "ocsp" or "timestamp".
    """

    sha256: str
    kind: str
    der: bytes


class RevocationUsed(Struct, frozen=True, kw_only=True):
    """What was known about the revocation of one certificate of a chain, and from where (EN 319 102-1 §5.2.5, §5.2.6).

    `sha256` is of the CRL or OCSP response (DER); `age_s` is its age (since thisUpdate) at the instant of judgement,
    negative when it is younger. `status` is "good", "revoked" or "hold".
    """

    certificate_sha256: str
    kind: str
    sha256: str
    source: str
    issuer: str
    this_update: datetime
    next_update: datetime | None
    produced_at: datetime | None
    fetched_at: datetime
    age_s: int
    status: str
    revoked_at: datetime | None = None
    reason: str = ""


class TimestampUsed(Struct, frozen=True, kw_only=True):
    """A time-stamp token (RFC 3161) that was verified: the instant it proves, and who says so."""

    sha256: str
    generated_at: datetime
    authority: str
    authority_sha256: str
    serial: str
    policy_oid: str


class Wanted(Struct, frozen=True, kw_only=True):
    """A certificate whose revocation data is missing or stale, its issuer, and the addresses that it names itself.

    The addresses are an outsider's words: whoever fetches asks the operator's list first. `sha256` is of the
    certificate (hex).
    """

    sha256: str
    certificate: x509.Certificate
    issuer: x509.Certificate
    ocsp_urls: tuple[str, ...]
    crl_urls: tuple[str, ...]


class Verdict(Struct, frozen=True, kw_only=True):
    """The judgement of one signature under one policy at one instant.

    `signing_time_claimed` is what the signer's software wrote: no Reference covers it, so nothing may rest on it.
    `signer` is there as soon as the certificate could be read, also when the signature was refused; only on
    TOTAL_PASSED did that signer sign. `chain` is the SHA-256 (hex) of each certificate above the signer's, to the
    anchor. `signature_algorithm` and `digest_algorithm` are the identifiers (URIs) as written.
    `format` is "XMLDSig, not AdES", "XAdES-B-B", "XAdES-B-T" …: what was found, whatever the verdict.
    `best_signature_time` is the earliest instant at which the signature is proven to exist: that of a time-stamp, else
    `judged_at`. `content_digest` is the signed content's digest (hex), as the signature states it. `proofs` are what
    the verdict rests on: certificates of the chain, revocation data, time-stamps. `wanted` is the revocation data that
    was not at hand.
    """

    file: str
    path: str
    indication: Indication
    sub_indication: SubIndication | None = None
    reason_code: str
    reason_vi: str
    reason_en: str
    signer: Signer | None = None
    chain: tuple[str, ...] = ()
    signature_algorithm: str = ""
    digest_algorithm: str = ""
    content_digest: str = ""
    signing_time_claimed: str = ""
    format: str = ""
    best_signature_time: datetime | None = None
    revocation: tuple[RevocationUsed, ...] = ()
    timestamps: tuple[TimestampUsed, ...] = ()
    proofs: tuple[Proof, ...] = ()
    wanted: tuple[Wanted, ...] = ()
    cautions: tuple[Caution, ...] = ()
    policy: str
    judged_at: datetime

    @property
    def passed(self) -> bool:
        """Whether the signature is valid under the policy."""
        return self.indication is Indication.TOTAL_PASSED

    @property
    def waits(self) -> bool:
        """Whether only revocation data is missing or stale, all else having passed: judging later may pass it.

        A suspended certificate is TRY_LATER too (EN 319 102-1 §5.2.6.4), and does not wait: its holder has to act.
        """
        return self.reason_code in WAITING_REASONS
