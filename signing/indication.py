"""What the judgement of a signature can be, in the words of ETSI EN 319 102-1."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Final

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
    CUSTOM = "CUSTOM"


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


# Where in EN 319 102-1 v1.3.1 a sub-indication is first given: the building block (§5.2), or the validation process
# that knows the time of signing (§5.5.4) or what was so in the past (§5.6.2). `verdict_table` says it for reasons.
_CLAUSES: Final[dict[SubIndication, str]] = {
    SubIndication.FORMAT_FAILURE: "5.2.2",
    SubIndication.NO_SIGNING_CERTIFICATE_FOUND: "5.2.3",
    SubIndication.POLICY_PROCESSING_ERROR: "5.2.4",
    SubIndication.SIGNATURE_POLICY_NOT_AVAILABLE: "5.2.4",
    SubIndication.NO_CERTIFICATE_CHAIN_FOUND: "5.2.6",
    SubIndication.NO_CERTIFICATE_CHAIN_FOUND_NO_POE: "5.2.6",
    SubIndication.CERTIFICATE_CHAIN_GENERAL_FAILURE: "5.2.6",
    SubIndication.CHAIN_CONSTRAINTS_FAILURE: "5.2.6",
    SubIndication.OUT_OF_BOUNDS_NO_POE: "5.2.6",
    SubIndication.OUT_OF_BOUNDS_NOT_REVOKED: "5.2.6",
    SubIndication.REVOKED_NO_POE: "5.2.6",
    SubIndication.REVOKED_CA_NO_POE: "5.2.6",
    SubIndication.REVOCATION_OUT_OF_BOUNDS_NO_POE: "5.2.6",
    SubIndication.TRY_LATER: "5.2.6",
    SubIndication.HASH_FAILURE: "5.2.7",
    SubIndication.SIG_CRYPTO_FAILURE: "5.2.7",
    SubIndication.SIGNED_DATA_NOT_FOUND: "5.2.7",
    SubIndication.SIG_CONSTRAINTS_FAILURE: "5.2.8",
    SubIndication.CRYPTO_CONSTRAINTS_FAILURE: "5.2.8",
    SubIndication.CRYPTO_CONSTRAINTS_FAILURE_NO_POE: "5.2.8",
    SubIndication.REVOKED: "5.5.4",
    SubIndication.EXPIRED: "5.5.4",
    SubIndication.NOT_YET_VALID: "5.5.4",
    SubIndication.TIMESTAMP_ORDER_FAILURE: "5.5.4",
    SubIndication.NO_POE: "5.6.2",
    SubIndication.CUSTOM: "5.1.3",
}


def clause_of(sub_indication: SubIndication) -> str:
    """Return the clause of EN 319 102-1 v1.3.1 in which a sub-indication is first given."""
    return _CLAUSES[sub_indication]


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
    `judged_at`. `content_digest` is the signed content's digest (hex), as the signature states it; `signature_value`
    are the signature's own bytes, as far as they could be read. `proofs` are what the verdict rests on: certificates of
    the chain, revocation data, time-stamps. `wanted` is the revocation data that was not at hand.
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
    signature_value: bytes = b""
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


_RANKS: Final = {Indication.TOTAL_FAILED: 0, Indication.INDETERMINATE: 1, Indication.TOTAL_PASSED: 3}
_WAITS_RANK: Final = 2


def worst_of(verdicts: Iterable[Verdict]) -> Verdict | None:
    """Return the verdict that decides over several signatures together, the first of equals; None without any.

    TOTAL-FAILED decides before INDETERMINATE, that before TOTAL-PASSED (EN 319 102-1 judges one signature and leaves
    this to whoever asks, §5.1.1). Among INDETERMINATE one that refuses decides before one that only waits: waiting
    cannot make the dossier pass.
    """
    return min(verdicts, key=_rank, default=None)


def _rank(verdict: Verdict) -> int:
    return _WAITS_RANK if verdict.waits else _RANKS[verdict.indication]
