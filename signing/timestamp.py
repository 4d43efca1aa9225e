"""Time-stamp tokens (RFC 3161): what one proves, by whose word, judged without clock or network."""

import hashlib
from datetime import datetime, timedelta
from typing import Final, cast

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from msgspec import Struct
from rfc3161_client import Accuracy, TimeStampResponse, VerificationError, VerifierBuilder, decode_timestamp_response

from signing.asn1 import as_response, read_token_signer, sorted_certificates
from signing.certificate import within_validity
from signing.indication import Proof, Refusal, TimestampUsed
from signing.issuers import ISSUER_RSA_BITS_MAX, ISSUER_RSA_BITS_MIN
from signing.policy import CURVES
from signing.trust import Chain, TrustStore

TOKEN_BYTES_MAX: Final = 64 * 1024
ACCURACY_S_MAX: Final = 60
CERTIFICATES_MAX: Final = 16

# What a token may be made with (RFC 3161 §2.4.1 leaves it open); SHA-1 is gone.
_IMPRINTS: Final = {
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
_SIGNER_HASHES: Final = frozenset(_IMPRINTS.values())
# A signing-certificate attribute of the first version has no other hash; it only points at a certificate that is
# known by issuer, serial and key already.
_IDENTIFYING_HASHES: Final = _SIGNER_HASHES | {"sha1"}


class Token(Struct, frozen=True):
    """A token that holds: what it proves, and the chain of the authority that made it."""

    used: TimestampUsed
    chain: Chain
    proof: Proof


def verify_token(
    der: bytes,
    covered: bytes,
    tsa_trust: TrustStore,
    now: datetime,
    *,
    clock_skew_s: int = 0,
    curves: tuple[str, ...] = CURVES,
) -> TimestampUsed | Refusal:
    """Return what a time-stamp token over `covered` proves, or why it proves nothing (RFC 3161 §2.4.2, §4).

    `der` is the bare token (ContentInfo), not the response that carried it. Only anchors and intermediates of
    `tsa_trust` are used; the token brings its authority's own certificate. A token from later than `now` and
    `clock_skew_s` is refused; so is one whose authority's certificate, or any above it, was not valid when the token
    was made or is not valid at `now` (EN 319 102-1 v1.3.1 §5.4: nothing else proves when a token was made, and who has
    an old key could date it back). The authority's key is RSA of 2048 to 8192 bits, or on one of `curves`; its
    revocation is not asked here. Never raises for a bad token; judging again gives the same for the same `now`.
    """
    token = open_token(der, covered, tsa_trust, now, clock_skew_s=clock_skew_s, curves=curves)
    return token if isinstance(token, Refusal) else token.used


def open_token(
    der: bytes,
    covered: bytes,
    tsa_trust: TrustStore,
    now: datetime,
    *,
    clock_skew_s: int = 0,
    curves: tuple[str, ...] = CURVES,
) -> Token | Refusal:
    """Do what `verify_token` does, and return the authority's chain and the token as a proof besides."""
    # (1) The token is read (RFC 3161 §2.4.2).
    response = _read(der)
    if isinstance(response, Refusal):
        return response
    generated_at = response.tst_info.gen_time
    # (2) Whose it is: the certificate that its one SignerInfo names, led to an anchor then and now.
    certificate = _signer_of(der, response)
    if isinstance(certificate, Refusal):
        return certificate
    der_of_signer = certificate.public_bytes(Encoding.DER)
    if isinstance(tsa_trust.chain(der_of_signer, generated_at), Refusal):
        return Refusal("timestamp-untrusted", {"authority": _shown(certificate)})
    chain = tsa_trust.chain(der_of_signer, generated_at, also_at=now)
    if isinstance(chain, Refusal) or not within_validity(certificate, now):
        return Refusal("timestamp-out-of-validity", {"authority": _shown(certificate)})
    refusal = _fault_of_authority(certificate, generated_at) or _fault_of_key(certificate, curves)
    # (3) What it is over (§2.4.2, messageImprint), and the signature over that.
    refusal = refusal or _fault_of_imprint(response, covered) or _fault_of_signature(response, chain, covered)
    # (4) When: no vaguer than a minute, and not ahead of us.
    refusal = refusal or _fault_of_time(response, now, clock_skew_s)
    if refusal is not None:
        return refusal
    sha256 = hashlib.sha256(der).hexdigest()
    used = TimestampUsed(
        sha256=sha256,
        generated_at=generated_at,
        authority=certificate.subject.rfc4514_string(),
        authority_sha256=hashlib.sha256(der_of_signer).hexdigest(),
        serial=f"{response.tst_info.serial_number:x}",
        policy_oid=response.tst_info.policy.dotted_string,
    )
    return Token(used, chain, Proof(sha256, "timestamp", der))


def _read(der: bytes) -> TimeStampResponse | Refusal:
    if not 0 < len(der) <= TOKEN_BYTES_MAX:
        return Refusal("timestamp-unreadable")
    return _decoded(der) or _decoded(sorted_certificates(der)) or Refusal("timestamp-unreadable")


def _decoded(der: bytes | None) -> TimeStampResponse | None:
    if der is None:
        return None
    try:
        response = decode_timestamp_response(as_response(der))
        # What is asked for later is read now, so that a fault shows here and nowhere else.
        info, signed = response.tst_info, response.signed_data
        _ = info.gen_time, info.accuracy, info.policy, info.serial_number, info.message_imprint.hash_algorithm
        _ = signed.signer_infos, signed.certificates
    except ValueError:
        return None
    return response


def _signer_of(der: bytes, response: TimeStampResponse) -> x509.Certificate | Refusal:
    """Return the certificate of the token's signer: exactly one in the token goes by the SignerInfo's name for it.

    Two certificates of one issuer and serial, one of them forged, would let one reader look at one and the next at the
    other; so would a signing-certificate attribute (RFC 5816 §2.2) that fits another.
    """
    signer = read_token_signer(der)
    infos, encoded = list(response.signed_data.signer_infos), response.signed_data.certificates
    if signer is None or len(infos) != 1 or len(encoded) > CERTIFICATES_MAX:
        return Refusal("timestamp-signer")
    try:
        certificates = [x509.load_der_x509_certificate(one) for one in encoded]
        found = [
            one for one in certificates if (one.issuer, one.serial_number) == (infos[0].issuer, infos[0].serial_number)
        ]
    except ValueError:
        return Refusal("timestamp-unreadable")
    if len(found) != 1:
        return Refusal("timestamp-signer")
    if signer.hash_name not in _SIGNER_HASHES:
        return Refusal("timestamp-hash", {"algorithm": signer.hash_name})
    own = found[0].public_bytes(Encoding.DER)
    if not signer.certificate_digests or any(
        name not in _IDENTIFYING_HASHES or hashlib.new(name, own, usedforsecurity=False).digest() != digest
        for name, digest in signer.certificate_digests
    ):
        return Refusal("timestamp-signer")
    return found[0]


def _fault_of_authority(certificate: x509.Certificate, generated_at: datetime) -> Refusal | None:
    """Check the authority's own validity at the token's time, and its one purpose, critical (RFC 3161 §2.3)."""
    shown = {"authority": _shown(certificate)}
    if not within_validity(certificate, generated_at):
        return Refusal("timestamp-out-of-validity", shown)
    try:
        purpose = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except (x509.ExtensionNotFound, ValueError):
        return Refusal("timestamp-purpose", shown)
    if not purpose.critical or list(purpose.value) != [ExtendedKeyUsageOID.TIME_STAMPING]:
        return Refusal("timestamp-purpose", shown)
    return None


def _fault_of_key(certificate: x509.Certificate, curves: tuple[str, ...]) -> Refusal | None:
    """Check the kind and size of the key that signed the token, as any signer's."""
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return Refusal("timestamp-key", {"authority": _shown(certificate), "key": "?"})
    if isinstance(key, rsa.RSAPublicKey):
        accepted, named = ISSUER_RSA_BITS_MIN <= key.key_size <= ISSUER_RSA_BITS_MAX, f"RSA {key.key_size}"
    elif isinstance(key, ec.EllipticCurvePublicKey):
        accepted, named = key.curve.name in curves, key.curve.name
    else:
        accepted, named = False, type(key).__name__.lstrip("_").removesuffix("PublicKey")
    return None if accepted else Refusal("timestamp-key", {"authority": _shown(certificate), "key": named})


def _fault_of_imprint(response: TimeStampResponse, covered: bytes) -> Refusal | None:
    imprint = response.tst_info.message_imprint
    hash_name = _IMPRINTS.get(imprint.hash_algorithm.dotted_string)
    if hash_name is None:
        return Refusal("timestamp-hash", {"algorithm": imprint.hash_algorithm.dotted_string})
    if hashlib.new(hash_name, covered).digest() != imprint.message:
        return Refusal("timestamp-imprint")
    return None


def _fault_of_signature(response: TimeStampResponse, chain: Chain, covered: bytes) -> Refusal | None:
    """Check the token's signature, once more along the chain, as of its own time (RFC 5652 §5.6).

    The authority's certificate is not named to the verifier as known: it would then be trusted for its own sake.
    """
    verifier = VerifierBuilder(roots=[chain.certificates[-1]], intermediates=list(chain.certificates[1:-1])).build()
    try:
        verifier.verify_message(response, covered)
    except (VerificationError, ValueError):
        return Refusal("timestamp-signature")
    return None


def _fault_of_time(response: TimeStampResponse, now: datetime, clock_skew_s: int) -> Refusal | None:
    info = response.tst_info
    # An authority need not state its accuracy here (RFC 3161 §2.4.2); one that does says how far it may be off.
    accuracy = cast("Accuracy | None", info.accuracy)
    seconds = 0 if accuracy is None else cast("int | None", accuracy.seconds) or 0  # less than a second has none
    if seconds > ACCURACY_S_MAX:
        return Refusal("timestamp-accuracy", {"seconds": str(seconds), "most": str(ACCURACY_S_MAX)})
    if info.gen_time > now + timedelta(seconds=clock_skew_s):
        return Refusal("timestamp-order", {"time": f"{info.gen_time:%d/%m/%Y %H:%M:%S} (UTC)"})
    return None


def _shown(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string()[:200]
