"""The CMS of a signature in a PDF (RFC 5652, EN 319 122-1): its facts as plain values, nothing verified."""

from itertools import islice
from typing import Final

from asn1crypto import cms, core  # type: ignore[import-untyped]
from msgspec import Struct
from pyhanko.sign.general import find_cms_attribute_iter
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.generic_cms import extract_certs_for_validation, get_signing_cert_attr

TIMESTAMPS_MAX: Final = 4
_DSIG: Final = "http://www.w3.org/2000/09/xmldsig#"
_MORE: Final = "http://www.w3.org/2001/04/xmldsig-more#"
_MORE_2007: Final = "http://www.w3.org/2007/05/xmldsig-more#"
_ENC: Final = "http://www.w3.org/2001/04/xmlenc#"

# Policies name algorithms by URI, whatever a signature is written in (RFC 9231 §2).
_DIGESTS: Final = {
    "sha1": _DSIG + "sha1",
    "sha256": _ENC + "sha256",
    "sha384": _MORE + "sha384",
    "sha512": _ENC + "sha512",
}
_VALUES: Final = {"rsassa_pkcs1v15": "rsa", "ecdsa": "ecdsa"}


class CmsFacts(Struct, frozen=True, kw_only=True):
    """What a CMS says of itself. Algorithms are URIs, or its own names when there is none for them.

    `certificate_der` is None when its signer's certificate is not in it, or is not the one that its signing-certificate
    attribute names; `names_certificate` says that there is such an attribute. `timestamps` are tokens on its value.
    """

    certificate_der: bytes | None
    names_certificate: bool
    digest_algorithm: str
    signature_algorithm: str
    message_digest: bytes
    value: bytes
    timestamps: tuple[bytes, ...]
    signing_time_claimed: str


def read_cms(contents: bytes) -> CmsFacts | None:
    """Read the Contents of a signature dictionary: a detached CMS with one signer and signed attributes, else None.

    Signed attributes are demanded (EN 319 122-1 §5): without them a signature over them could be passed off as one
    over the content. Raises whatever asn1crypto raises for broken DER.
    """
    info = cms.ContentInfo.load(contents)
    # Contents is filled up with zeros (ISO 32000-2 §12.8.1); anything else there is hidden from whoever reads the DER.
    if contents[len(info.dump()) :].strip(b"\0") or info["content_type"].native != "signed_data":
        return None
    signed = info["content"]
    encapsulated = signed["encap_content_info"]
    if encapsulated["content_type"].native != "data" or encapsulated["content"] is not core.VOID:
        return None
    if len(signed["signer_infos"]) != 1:
        return None
    signer = signed["signer_infos"][0]
    attributes = signer["signed_attrs"]
    if attributes is core.VOID:
        return None
    digests = list(find_cms_attribute_iter(attributes, "message_digest"))
    if len(digests) != 1:
        return None
    times = [one.native for one in find_cms_attribute_iter(attributes, "signing_time")]
    unsigned = None if signer["unsigned_attrs"] is core.VOID else signer["unsigned_attrs"]
    tokens = find_cms_attribute_iter(unsigned, "signature_time_stamp_token")
    certificate_der, named = _certificate(signed)
    return CmsFacts(
        certificate_der=certificate_der,
        names_certificate=named,
        digest_algorithm=_digest_algorithm(signer),
        signature_algorithm=_value_algorithm(signer),
        message_digest=bytes(digests[0].native),
        value=bytes(signer["signature"].native),
        timestamps=tuple(bytes(one.dump()) for one in islice(tokens, TIMESTAMPS_MAX)),
        signing_time_claimed=str(times[0].isoformat()) if len(times) == 1 else "",
    )


def _certificate(signed: cms.SignedData) -> tuple[bytes | None, bool]:
    """The signer's certificate (EN 319 102-1 §5.2.3.4), and whether a signed attribute names it."""
    try:
        named = get_signing_cert_attr(signed["signer_infos"][0]["signed_attrs"]) is not None
        return bytes(extract_certs_for_validation(signed).signer_cert.dump()), named
    except SignatureValidationError:
        return None, False


def _digest_algorithm(signer: cms.SignerInfo) -> str:
    name = str(signer["digest_algorithm"]["algorithm"].native)
    return _DIGESTS.get(name, name)


def _value_algorithm(signer: cms.SignerInfo) -> str:
    """The algorithm of the value; a key's bare name means PKCS #1 v1.5 with the digest's hash (RFC 3370 §3.2)."""
    algorithm = signer["signature_algorithm"]
    family = str(algorithm.signature_algo)
    try:
        hash_name = str(algorithm.hash_algo)
    except ValueError:
        hash_name = str(signer["digest_algorithm"]["algorithm"].native)
    if family == "rsassa_pss":
        return f"{_MORE_2007}{hash_name}-rsa-MGF1"
    if family not in _VALUES:
        return str(algorithm["algorithm"].native)
    return f"{_DSIG if hash_name == 'sha1' else _MORE}{_VALUES[family]}-{hash_name}"
