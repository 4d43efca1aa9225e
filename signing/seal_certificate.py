"""The certificate of our own seal's key: found in a file, or self-issued, so that other software can check the seal."""

import os
import tempfile
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from asn1crypto import core, keys  # type: ignore[import-untyped]
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from signing.certificate import within_validity
from signing.signer import PublicKey, SealKeyUnusable, Signer, from_base64url, jwk_of

__all__ = ["SELF_ISSUED_YEARS", "SealCertificateUnusable", "ensure", "issue", "read"]

SELF_ISSUED_YEARS: Final = 10
CHAIN_MAX: Final = 8
FILE_BYTES_MAX: Final = 1024 * 1024
_DAYS_A_YEAR: Final = 365
_BACKDATED: Final = timedelta(minutes=5)  # clocks of those who verify may be a little behind
_ALGORITHMS: Final = {"ES256": "sha256_ecdsa", "Ed25519": "ed25519"}
_HALF: Final = 32


class SealCertificateUnusable(Exception):
    """The file of the seal's certificates cannot be read, or cannot be written.

    Nothing was changed; trying again helps only when an operator has mended the file.
    """


def issue(signer: Signer, name: str, now: datetime, years: int = SELF_ISSUED_YEARS) -> bytes:
    """Return a self-signed certificate (DER, RFC 5280) of the signer's key, with `name` as its common name.

    It is signed by `Signer.sign` alone, so that a key that never leaves its token has one too. It says that the key
    signs documents (digitalSignature, nonRepudiation) and is no authority. Nobody vouches for it but the gateway: who
    pins the key believes it. Raises what the signer raises, and SealKeyUnusable.
    """
    public = _public(signer.public_jwk())
    info = keys.PublicKeyInfo.load(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    subject = asn1.Name.build({"country_name": "VN", "common_name": name})
    algorithm = asn1.SignedDigestAlgorithm({"algorithm": _ALGORITHMS[signer.alg]})
    identifier = x509.SubjectKeyIdentifier.from_public_key(public).digest
    not_before = (now - _BACKDATED).replace(microsecond=0)
    tbs = asn1.TbsCertificate(
        {
            "version": "v3",
            "serial_number": x509.random_serial_number(),
            "signature": algorithm,
            "issuer": subject,
            "validity": {
                "not_before": _time(not_before),
                "not_after": _time(not_before + timedelta(days=_DAYS_A_YEAR * years)),
            },
            "subject": subject,
            "subject_public_key_info": info,
            "extensions": [
                _extension("basic_constraints", asn1.BasicConstraints({"ca": False}), critical=True),
                _extension("key_usage", asn1.KeyUsage({"digital_signature", "non_repudiation"}), critical=True),
                _extension("key_identifier", core.OctetString(identifier), critical=False),
            ],
        }
    )
    value = signer.sign(tbs.dump())
    if signer.alg == "ES256":
        r, s = int.from_bytes(value[:_HALF], "big"), int.from_bytes(value[_HALF:], "big")
        value = encode_dss_signature(r, s)
    made = asn1.Certificate({"tbs_certificate": tbs, "signature_algorithm": algorithm, "signature_value": value})
    der = bytes(made.dump())
    _prove(der, signer)
    return der


def read(path: Path) -> list[x509.Certificate]:
    """The certificates of a PEM file, in their order; none when there is no file. Raises SealCertificateUnusable."""
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
        if len(content) > FILE_BYTES_MAX:
            raise SealCertificateUnusable(f"{path}: more than {FILE_BYTES_MAX} bytes")
        return x509.load_pem_x509_certificates(content)
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise SealCertificateUnusable(f"{path}: not a readable PEM certificate ({error})") from error


def ensure(path: Path, signer: Signer, name: str, now: datetime, *, keep: bool = True) -> tuple[x509.Certificate, ...]:
    """The certificate of the signer's key that is valid at `now`, and those above it, from the file at `path`.

    A file may hold the certificates of several keys: after a rotation the old one stays. Where it has none for this
    key, one is self-issued and, with `keep`, put at the file's end, so that it is the same the next time; a file that
    an operator keeps is left alone with `keep` false. Raises SealCertificateUnusable, and what the signer raises.
    """
    held = read(path)
    kid = signer.kid
    for one in held:
        if _kid_of(one) == kid and within_validity(one, now):
            return _with_issuers(one, held)
    made = x509.load_der_x509_certificate(issue(signer, name, now))
    if keep:
        _write(path, [*held, made])
    return (made,)


def _with_issuers(leaf: x509.Certificate, held: list[x509.Certificate]) -> tuple[x509.Certificate, ...]:
    """The leaf and each issuer that stands in the file too, up to the root or as far as the file goes."""
    chain = [leaf]
    while len(chain) < CHAIN_MAX and chain[-1].issuer != chain[-1].subject:
        above = [one for one in held if one.subject == chain[-1].issuer and one not in chain]
        if not above:
            break
        chain.append(above[0])
    return tuple(chain)


def _kid_of(certificate: x509.Certificate) -> str:
    """The name of the certificate's key as a seal's; '' for a key of another kind."""
    try:
        public = certificate.public_key()
        if isinstance(public, ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey):
            return jwk_of(public)["kid"]
    except (ValueError, SealKeyUnusable):
        pass
    return ""


def _prove(der: bytes, signer: Signer) -> None:
    """What was issued verifies under its own key, or it is not given out."""
    made = x509.load_der_x509_certificate(der)
    try:
        made.verify_directly_issued_by(made)
    except (InvalidSignature, ValueError, TypeError) as error:
        raise SealKeyUnusable(f"seal key {signer.kid}: what it issued does not verify") from error


def _public(jwk: Mapping[str, str]) -> PublicKey:
    x = from_base64url(jwk["x"])
    if jwk["kty"] == "OKP":
        return ed25519.Ed25519PublicKey.from_public_bytes(x)
    y = from_base64url(jwk["y"])
    return ec.EllipticCurvePublicNumbers(
        int.from_bytes(x, "big"), int.from_bytes(y, "big"), ec.SECP256R1()
    ).public_key()


def _write(path: Path, certificates: list[x509.Certificate]) -> None:
    """Put a whole new file in the old one's place: a reader sees the one or the other."""
    content = b"".join(one.public_bytes(Encoding.PEM) for one in certificates)
    try:
        descriptor, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fchmod(file.fileno(), 0o644)
                os.fsync(file.fileno())
            Path(beside).replace(path)
        except BaseException:
            Path(beside).unlink(missing_ok=True)
            raise
        # The name is durable only once the folder that holds it is.
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise SealCertificateUnusable(f"{path}: {error.strerror}") from error


def _extension(kind: str, value: core.Asn1Value, *, critical: bool) -> dict[str, object]:
    return {"extn_id": kind, "critical": critical, "extn_value": value}


def _time(instant: datetime) -> asn1.Time:
    """UTCTime through 2049, GeneralizedTime after (RFC 5280 §4.1.2.5)."""
    last_short_year = 2049
    form = "utc_time" if instant.year <= last_short_year else "general_time"
    return asn1.Time({form: instant})
