"""Which validation constraints a verdict speaks about, and what is known of each (TS 119 102-2 V1.4.1 §4.3.5)."""

from typing import Final

from msgspec import Struct

from signing.indication import Indication, SubIndication
from signing.policy import LEVELS
from signing.validation_report import ANCHOR, SignatureReported

_FORMAT: Final = "format-checking"
_IDENTIFICATION: Final = "signing-certificate-identification"
_ATTRIBUTE: Final = "signing-certificate-attribute"
_ALGORITHMS: Final = "cryptographic-constraints"
_CERTIFICATE: Final = "x509-certificate-validation"
_KEY_USAGE: Final = "extended-key-usage"
_REVOCATION: Final = "revocation-freshness"
_CRYPTOGRAPHY: Final = "cryptographic-verification"
_ACCEPTANCE: Final = "signature-acceptance"
_TIME: Final = "proof-of-existence"

# Each constraint and its clause of EN 319 102-1 v1.3.1, in the order of that standard.
_CLAUSES: Final = {
    _FORMAT: "5.2.2",
    _IDENTIFICATION: "5.2.3",
    _ATTRIBUTE: "5.2.3",
    _REVOCATION: "5.2.5",
    _CERTIFICATE: "5.2.6",
    _KEY_USAGE: "5.2.6",
    _CRYPTOGRAPHY: "5.2.7",
    _ALGORITHMS: "5.2.8",
    _ACCEPTANCE: "5.2.8",
    _TIME: "5.5.4",
}

_CONCERNED: Final = {
    SubIndication.FORMAT_FAILURE: _FORMAT,
    SubIndication.NO_SIGNING_CERTIFICATE_FOUND: _IDENTIFICATION,
    SubIndication.HASH_FAILURE: _CRYPTOGRAPHY,
    SubIndication.SIG_CRYPTO_FAILURE: _CRYPTOGRAPHY,
    SubIndication.SIGNED_DATA_NOT_FOUND: _CRYPTOGRAPHY,
    SubIndication.CRYPTO_CONSTRAINTS_FAILURE: _ALGORITHMS,
    SubIndication.CRYPTO_CONSTRAINTS_FAILURE_NO_POE: _ALGORITHMS,
    SubIndication.SIG_CONSTRAINTS_FAILURE: _ACCEPTANCE,
    SubIndication.POLICY_PROCESSING_ERROR: _ACCEPTANCE,
    SubIndication.SIGNATURE_POLICY_NOT_AVAILABLE: _ACCEPTANCE,
    SubIndication.CUSTOM: _ACCEPTANCE,
    SubIndication.NO_CERTIFICATE_CHAIN_FOUND: _CERTIFICATE,
    SubIndication.NO_CERTIFICATE_CHAIN_FOUND_NO_POE: _CERTIFICATE,
    SubIndication.CERTIFICATE_CHAIN_GENERAL_FAILURE: _CERTIFICATE,
    SubIndication.CHAIN_CONSTRAINTS_FAILURE: _CERTIFICATE,
    SubIndication.OUT_OF_BOUNDS_NO_POE: _CERTIFICATE,
    SubIndication.OUT_OF_BOUNDS_NOT_REVOKED: _CERTIFICATE,
    SubIndication.EXPIRED: _CERTIFICATE,
    SubIndication.NOT_YET_VALID: _CERTIFICATE,
    SubIndication.REVOKED: _REVOCATION,
    SubIndication.REVOKED_NO_POE: _REVOCATION,
    SubIndication.REVOKED_CA_NO_POE: _REVOCATION,
    SubIndication.REVOCATION_OUT_OF_BOUNDS_NO_POE: _REVOCATION,
    SubIndication.TRY_LATER: _REVOCATION,
    SubIndication.TIMESTAMP_ORDER_FAILURE: _TIME,
    SubIndication.NO_POE: _TIME,
}


class Evaluated(Struct, frozen=True, kw_only=True):
    """One constraint: disabled by the policy (not `applied`), or applied and "passed", "failed" or "indeterminate"."""

    name: str
    clause: str
    applied: bool = True
    indication: str = ""
    sub_indication: str = ""


def constraints_of(signature: SignatureReported, *, revocation_required: bool) -> tuple[Evaluated, ...]:
    """Return what is known of each constraint.

    Only that: a refusal says which constraint was not met, and not whether those that would have come later are. One
    of which nothing is known is left out.
    """
    disabled = {_KEY_USAGE}
    if not revocation_required:
        disabled.add(_REVOCATION)
    if signature.format == LEVELS[0]:
        disabled.add(_ATTRIBUTE)
    passed: set[str] = set()
    if signature.signer:
        passed |= {_FORMAT, _IDENTIFICATION}
    if signature.indication == Indication.TOTAL_PASSED:
        passed |= {_ALGORITHMS, _CERTIFICATE, _CRYPTOGRAPHY, _REVOCATION, _ACCEPTANCE}
        passed |= {_TIME} if signature.timestamps else set()
    elif signature.waits:
        # It may be a time-stamp's authority whose data is wanted: then the level, and perhaps the chain, waits too.
        passed |= {_ALGORITHMS, _CRYPTOGRAPHY}
        passed |= {_CERTIFICATE} if any(link.role == ANCHOR for link in signature.chain) else set()
    concerned = _CONCERNED[SubIndication(signature.sub_indication)] if signature.sub_indication else ""
    found: list[Evaluated] = []
    for name, clause in _CLAUSES.items():
        if name == concerned:
            worse = "failed" if signature.indication == Indication.TOTAL_FAILED else "indeterminate"
            found.append(
                Evaluated(name=name, clause=clause, indication=worse, sub_indication=signature.sub_indication or "")
            )
        elif name in disabled:
            found.append(Evaluated(name=name, clause=clause, applied=False))
        elif name in passed:
            found.append(Evaluated(name=name, clause=clause, indication="passed"))
    return tuple(found)
