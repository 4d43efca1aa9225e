"""Signing in the national profile: one enveloped XMLDSig, put into the document's bytes."""

import base64
import hashlib
import uuid
from datetime import datetime
from pathlib import Path
from typing import Final, cast
from xml.sax.saxutils import escape

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key, pkcs12
from lxml import etree

from signing import xmldsig
from signing.certificate import CURVE_URIS
from signing.indication import Refusal
from signing.placing import SigningImpossible, open_place
from signing.policy import Algorithm, Policy
from signing.signed_info import read_signed_info

__all__ = [
    "SigningImpossible",
    "SigningKey",
    "algorithm_for",
    "load_certificate",
    "load_key",
    "parse",
    "sign",
    "sign_value",
    "signature_at",
]

SigningKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

DIGEST_URIS: Final = {one.hash_name: one.uri for one in Policy().digest_algorithms}

_SIGNATURE_URIS: Final = {one.uri.rpartition("#")[2]: one for one in Policy().signature_algorithms}
_HASHES: Final = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}
_SIGNING_TIME_NAMESPACE: Final = "http://example.org/#signatureProperties"
_PARSER: Final = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True)


def load_key(path: Path, password: bytes | None = None) -> tuple[SigningKey, x509.Certificate | None]:
    """Read a private key from PEM or PKCS#12 (.p12, .pfx), with the certificate that stands beside it if there is one.

    Raises SigningImpossible when the file holds no RSA or EC key, or the password is wrong.
    """
    content = path.read_bytes()
    certificate: x509.Certificate | None = None
    try:
        if b"-----BEGIN" in content:
            key: object = load_pem_private_key(content, password)
            if b"-----BEGIN CERTIFICATE-----" in content:
                certificate = x509.load_pem_x509_certificate(content)
        else:
            key, certificate, _ = pkcs12.load_key_and_certificates(content, password)
    except (ValueError, TypeError) as error:
        raise SigningImpossible(f"{path.name}: no readable key, or a wrong password") from error
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise SigningImpossible(f"{path.name}: neither an RSA nor an EC key")
    return key, certificate


def load_certificate(path: Path) -> x509.Certificate:
    """Read the first certificate of a PEM file, or the one of a DER file; raises SigningImpossible."""
    content = path.read_bytes()
    try:
        if b"-----BEGIN" in content:
            return x509.load_pem_x509_certificate(content)
        return x509.load_der_x509_certificate(content)
    except ValueError as error:
        raise SigningImpossible(f"{path.name}: no readable certificate") from error


def sign(
    content: bytes,
    path: str,
    key: SigningKey,
    certificate: x509.Certificate,
    *,
    now: datetime,
    algorithm: str | None = None,
    digest: str = "sha256",
    exclusive: bool = False,
    smartca: bool = False,
) -> bytes:
    """Return the document with a ds:Signature in the element at `path`; every other byte stays as it is.

    The element may be empty in any spelling, or absent below a parent that is there. `algorithm` is "rsa-sha256" or
    "ecdsa-sha256" by the key's kind unless told ("rsa-sha384" …). The shape is that of employers' software: inclusive
    C14N 1.0, KeyValue, subject name and certificate, and an unsigned SigningTime of `now`. `smartca` gives the shape of
    a widespread phone-signing kit: a GUID as Id and an Object in no namespace.

    Raises SigningImpossible for a document that cannot be signed at that place, or a key that does not fit.
    """
    by = algorithm_for(key, certificate, algorithm, digest)
    opened, offset = open_place(content, path)
    root = parse(opened)
    c14n = xmldsig.C14N_EXCLUSIVE if exclusive else xmldsig.C14N_INCLUSIVE
    try:
        digest_value = xmldsig.content_digest(root, digest, exclusive=exclusive, size_bytes=len(opened))
    except etree.C14NError as error:
        raise SigningImpossible("no canonical form: an xmlns is a relative address") from error
    identity = str(uuid.UUID(bytes=hashlib.sha256(digest_value + content[:64]).digest()[:16])) if smartca else "sigid"
    signed_info = (
        f'<SignedInfo><CanonicalizationMethod Algorithm="{c14n}"/>'
        f'<SignatureMethod Algorithm="{by.uri}"/>'
        f'<Reference URI=""><Transforms><Transform Algorithm="{xmldsig.ENVELOPED}"/>'
        + (f'<Transform Algorithm="{c14n}"/>' if exclusive else "")
        + f'</Transforms><DigestMethod Algorithm="{DIGEST_URIS[digest]}"/>'
        f"<DigestValue>{_base64(digest_value)}</DigestValue></Reference></SignedInfo>"
    )
    head = f'<Signature Id="{identity}" xmlns="{xmldsig.DSIG}">{signed_info}<SignatureValue>'
    rest = f"</SignatureValue>{_key_info(certificate)}{_object(identity, now, smartca=smartca)}</Signature>"
    # The signed bytes are SignedInfo in its place in the document, hence a first pass with an empty value.
    before, after = opened[:offset] + head.encode(), rest.encode() + opened[offset:]
    read = read_signed_info(signature_at(parse(before + b"AA==" + after), path)[0])
    if isinstance(read, Refusal):
        raise SigningImpossible(f"{path}: {read.code}")
    return before + _base64(sign_value(key, read.canonical, by)).encode() + after


def algorithm_for(
    key: SigningKey, certificate: x509.Certificate, algorithm: str | None = None, digest: str = "sha256"
) -> Algorithm:
    """Return the signature algorithm to use: the one named, else "rsa-sha256" or "ecdsa-sha256" by the key's kind.

    Raises SigningImpossible for an unknown name, or a key that is not the certificate's.
    """
    name = algorithm or ("rsa-sha256" if isinstance(key, rsa.RSAPrivateKey) else "ecdsa-sha256")
    if name not in _SIGNATURE_URIS or digest not in DIGEST_URIS:
        raise SigningImpossible(f"unknown algorithm: {name}, {digest}")
    if key.public_key() != certificate.public_key():
        raise SigningImpossible("the key is not the certificate's")
    return _SIGNATURE_URIS[name]


def signature_at(root: etree._Element, path: str) -> etree._Element:
    """Return the ds:Signature that was just put at `path`, whatever other Signatures the document holds."""
    found: etree._Element | None = root
    for name in (*path.split("/")[2:], xmldsig.SIGNATURE):
        found = None if found is None else found.find(name)
    if found is None:
        raise SigningImpossible(f"{path} cannot hold a signature")
    return found


def parse(content: bytes) -> etree._Element:
    """Parse a document that is to be signed; raises SigningImpossible when it is not well-formed."""
    try:
        return etree.fromstring(content, _PARSER)
    except etree.XMLSyntaxError as error:
        raise SigningImpossible(f"not well-formed: {error}") from error


def sign_value(key: SigningKey, signed: bytes, by: Algorithm) -> bytes:
    """Return the value in XMLDSig's form: PKCS#1 v1.5, or r and s side by side (XMLDSig 1.1 §6.4.2, §6.4.3)."""
    if isinstance(key, rsa.RSAPrivateKey):
        if by.family != "rsa":
            raise SigningImpossible("an RSA key does not make an ECDSA signature")
        return key.sign(signed, padding.PKCS1v15(), _HASHES[by.hash_name])
    if by.family != "ecdsa":
        raise SigningImpossible("an EC key does not make an RSA signature")
    octets = (key.key_size + 7) // 8
    r, s = decode_dss_signature(key.sign(signed, ec.ECDSA(_HASHES[by.hash_name])))
    return r.to_bytes(octets, "big") + s.to_bytes(octets, "big")


def _key_info(certificate: x509.Certificate) -> str:
    public = certificate.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        key_value = (
            f"<RSAKeyValue><Modulus>{_base64(_unsigned(numbers.n))}</Modulus>"
            f"<Exponent>{_base64(_unsigned(numbers.e))}</Exponent></RSAKeyValue>"
        )
    else:
        elliptic = cast("ec.EllipticCurvePublicKey", public)
        curve = next((uri for uri, name in CURVE_URIS.items() if name == elliptic.curve.name), None)
        if curve is None:
            raise SigningImpossible(f"curve {elliptic.curve.name} has no place in the profile")
        point = elliptic.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        key_value = (
            f'<ECKeyValue xmlns="{xmldsig.DSIG11}"><NamedCurve URI="{curve}"/>'
            f"<PublicKey>{_base64(point)}</PublicKey></ECKeyValue>"
        )
    return (
        f"<KeyInfo><KeyValue>{key_value}</KeyValue><X509Data>"
        f"<X509SubjectName>{escape(certificate.subject.rfc4514_string())}</X509SubjectName>"
        f"<X509Certificate>{_base64(certificate.public_bytes(Encoding.DER))}</X509Certificate></X509Data></KeyInfo>"
    )


def _object(identity: str, now: datetime, *, smartca: bool) -> str:
    """Return the Object with the claimed signing time, which no Reference covers."""
    return (
        ('<Object xmlns="">' if smartca else "<Object>")
        + f'<SignatureProperties Id="proid"><SignatureProperty Target="#{identity}">'
        f'<SigningTime xmlns="{_SIGNING_TIME_NAMESPACE}">{now.isoformat(timespec="seconds")}</SigningTime>'
        "</SignatureProperty></SignatureProperties></Object>"
    )


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _unsigned(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")
