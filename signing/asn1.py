"""The few ASN.1 structures inside XAdES properties and time-stamp tokens that no other library here reads."""

from typing import Final, cast

from asn1crypto import cms, tsp, x509  # type: ignore[import-untyped]
from msgspec import Struct

# PKIStatusInfo with PKIStatus granted(0) and nothing else (RFC 3161 §2.4.2).
_GRANTED: Final = bytes.fromhex("3003020100")
# What a reader of hostile DER says about it.
_BAD_DER: Final = (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError)


class TokenSigner(Struct, frozen=True):
    """What the one SignerInfo of a time-stamp token says about its signer (RFC 5652 §5.3, RFC 5816 §2.2).

    `hash_name` is of the digest over the signed attributes; `certificate_digests` are (hash name, digest) from the
    signing-certificate attributes, the first of each.
    """

    hash_name: str
    certificate_digests: tuple[tuple[str, bytes], ...]


def as_response(token_der: bytes) -> bytes:
    """Wrap a time-stamp token (ContentInfo) in a granted TimeStampResp (RFC 3161 §2.4.2), as readers expect one."""
    inner = _GRANTED + token_der
    length = len(inner)
    if length < 0x80:  # noqa: PLR2004
        return b"\x30" + bytes([length]) + inner
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return b"\x30" + bytes([0x80 | len(octets)]) + octets + inner


def sorted_certificates(token_der: bytes) -> bytes | None:
    """Return the token with its certificates in DER's order, or None when it is no token.

    A SET OF is sorted in DER (X.690 §11.6); some authorities write their chain unsorted, and strict readers refuse it.
    The certificates are outside of what the token's signature covers.
    """
    try:
        content_info = cms.ContentInfo.load(token_der, strict=True)
        signed_data = content_info["content"]
        found = sorted((one.dump() for one in signed_data["certificates"]), key=bytes)
        signed_data["certificates"] = cms.CertificateSet(
            [cms.CertificateChoices("certificate", x509.Certificate.load(one)) for one in found]
        )
        return cast("bytes", content_info.dump())
    except _BAD_DER:
        return None


def read_token_signer(token_der: bytes) -> TokenSigner | None:
    """Return what the token's SignerInfo says, or None when there is not exactly one or it cannot be read."""
    try:
        signers = cms.ContentInfo.load(token_der, strict=True)["content"]["signer_infos"]
        if len(signers) != 1:
            return None
        digests: list[tuple[str, bytes]] = []
        for attribute in signers[0]["signed_attrs"]:
            if attribute["type"].native == "signing_certificate_v2":
                first = attribute["values"][0]["certs"][0]
                digests.append((first["hash_algorithm"]["algorithm"].native, first["cert_hash"].native))
            elif attribute["type"].native == "signing_certificate":
                digests.append(("sha1", attribute["values"][0]["certs"][0]["cert_hash"].native))
        return TokenSigner(str(signers[0]["digest_algorithm"]["algorithm"].native), tuple(digests))
    except _BAD_DER:
        return None


def issuer_serial(certificate_der: bytes) -> bytes:
    """Return the IssuerSerial of a certificate (RFC 5035 §4), as IssuerSerialV2 carries it."""
    certificate = x509.Certificate.load(certificate_der)
    name = x509.GeneralName("directory_name", certificate.issuer)
    return cast("bytes", tsp.IssuerSerial({"issuer": [name], "serial_number": certificate.serial_number}).dump())


def issuer_serial_fits(der: bytes, certificate_der: bytes) -> bool:
    """Whether an IssuerSerial names this certificate: one directory name, equal by RFC 5280 §7.1, and the serial."""
    try:
        certificate = x509.Certificate.load(certificate_der)
        found = tsp.IssuerSerial.load(der, strict=True)
        names = list(found["issuer"])
        return (
            len(names) == 1
            and names[0].name == "directory_name"
            and bool(names[0].chosen == certificate.issuer)
            and bool(found["serial_number"].native == certificate.serial_number)
        )
    except _BAD_DER:
        return False
