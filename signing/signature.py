"""One ds:Signature read whole: what it covers, its value, and the certificate it names as the signer's."""

import re
from typing import Final

from lxml import etree
from msgspec import Struct

from signing import base64text, xmldsig
from signing.certificate import CURVE_URIS, SigningCertificate, from_text
from signing.indication import Refusal
from signing.signed_info import SignedInfo, inherited_xml_attributes, read_signed_info

TEMPLATES_MAX: Final = 1024
# Each holds about 6 KB; an employer's certificate takes three, one for each kind of document.
IDENTITIES_MAX: Final = 8192
SIGNATURE_CHARACTERS_MAX: Final = 256 * 1024

_TIME: Final = re.compile(r"[0-9T:.+Z -]{1,40}")


class ReadSignature(Struct, frozen=True):
    """A Signature that is well built; nothing about it has been verified."""

    signature: etree._Element
    info: SignedInfo
    value: bytes
    certificate: SigningCertificate
    signing_time_claimed: str


class _Template(Struct, frozen=True):
    """A Signature read with care: the next that differs in digest, value, key and time alone need not be."""

    canonical_head: bytes
    canonical_tail: bytes
    info: SignedInfo


class _Blanks(Struct, frozen=True):
    """A serialised Signature split into what is its own (three texts), what is its signer's, and the form that it
    shares with all that one software writes.

    `key_info` runs from the end of SignatureValue to the end of KeyInfo.
    """

    form: tuple[str, str, str, str]
    key_info: str
    digest: str
    value: str
    time: str


_templates: dict[tuple[str, str, str, str], _Template] = {}
# Whose certificate a KeyInfo holds: by the Signature's beginning (its names may be prefixed) and the text itself.
_identities: dict[tuple[str, str], SigningCertificate] = {}


def read_signature(signature: etree._Element) -> ReadSignature | Refusal:
    """Read a ds:Signature strictly (EN 319 102-1 v1.3.1 §5.2.2, §5.2.3), or say what is wrong with it.

    Software writes the same form again and again; a form that was read once with care is known by its bytes. The
    serialisation carries all namespaces in scope; xml:* attributes of ancestors it does not, so where there are any,
    nothing is remembered.
    """
    raw = etree.tostring(signature, encoding="unicode", with_tail=False)
    if len(raw) > SIGNATURE_CHARACTERS_MAX:
        return Refusal("signature-structure", {"where": "Signature"})
    if inherited_xml_attributes(signature):
        return _read_with_care(signature)
    blanks = _split(raw)
    known = _templates.get(blanks.form)
    certificate = _identities.get((blanks.form[0], blanks.key_info))
    if known is not None and certificate is not None and (read := _fill(known, certificate, blanks, signature)):
        return read
    careful = _read_with_care(signature)
    if isinstance(careful, ReadSignature):
        _remember(blanks, careful)
    return careful


def identify(key_info: xmldsig.KeyInfo) -> SigningCertificate | Refusal:
    """Return the one end-user certificate of KeyInfo, whose key a KeyValue must repeat (XMLDSig 1.1 §4.5).

    Authorities' certificates beside it are neither used nor trusted: chains are built from what is configured.
    """
    read = [from_text(text) for text in key_info.certificates]
    certificate = read[0]
    if len(read) > 1:
        leaves = [one for one in read if isinstance(one, SigningCertificate) and not one.is_authority]
        if len(leaves) != 1 or any(isinstance(one, Refusal) for one in read):
            return Refusal("several-certificates")
        certificate = leaves[0]
    if isinstance(certificate, Refusal):
        return certificate
    if key_info.rsa is not None and key_info.rsa != certificate.rsa_numbers:
        return Refusal("key-value-differs")
    if key_info.point is not None:
        uri, point = key_info.point
        if (CURVE_URIS.get(uri, ""), point) != certificate.point:
            return Refusal("key-value-differs")
    return certificate


def _read_with_care(signature: etree._Element) -> ReadSignature | Refusal:
    parts = xmldsig.take_apart(signature)
    if isinstance(parts, Refusal):
        return parts
    key_info = xmldsig.read_key_info(parts.key_info)
    if isinstance(key_info, Refusal):
        return key_info
    certificate = identify(key_info)
    if isinstance(certificate, Refusal):
        return certificate
    info = read_signed_info(parts.signed_info)
    if isinstance(info, Refusal):
        return info
    return ReadSignature(signature, info, parts.value, certificate, xmldsig.claimed_signing_time(parts))


def _split(raw: str) -> _Blanks:
    """Split at the texts of the first DigestValue, the first SignatureValue and the last SigningTime.

    What is found need not be these elements' texts in an odd document; `_remember` makes sure before it relies on it.
    """
    digest_at = raw.find("DigestValue>") + 12
    digest_end = raw.find("<", digest_at)
    value_at = raw.find("SignatureValue>", digest_end) + 15
    value_end = raw.find("<", value_at)
    time_at = time_end = len(raw)
    if (closing := raw.rfind("SigningTime>", value_end)) >= 0:  # near the end, behind a long certificate
        time_end = raw.rfind("<", value_end, closing)
        time_at = raw.rfind(">", value_end, time_end) + 1
    key_end = raw.rfind("KeyInfo>", value_end, time_at) + 8
    key_end = max(key_end, value_end)
    return _Blanks(
        (raw[:digest_at], raw[digest_end:value_at], raw[key_end:time_at], raw[time_end:]),
        raw[value_end:key_end],
        raw[digest_at:digest_end],
        raw[value_at:value_end],
        raw[time_at:time_end],
    )


def _fill(
    known: _Template, certificate: SigningCertificate, blanks: _Blanks, signature: etree._Element
) -> ReadSignature | None:
    """Read a Signature of a known form, or return None when one of its three texts is not plain."""
    digest = base64text.decode_unbroken(blanks.digest)
    value = base64text.decode(blanks.value)
    if digest is None or value is None or (blanks.time and not _TIME.fullmatch(blanks.time)):
        return None
    shape = known.info
    info = SignedInfo(
        known.canonical_head + blanks.digest.encode("ascii") + known.canonical_tail,
        shape.c14n_algorithm,
        shape.signature_algorithm,
        shape.digest_algorithm,
        digest,
        shape.exclusive,
    )
    return ReadSignature(signature, info, value, certificate, blanks.time.strip())


def _remember(blanks: _Blanks, read: ReadSignature) -> None:
    """Keep a form whose three blanks are known to be the whole texts of the three elements, and nothing else; and
    the identity that its KeyInfo holds.

    Sound because the texts hold no markup and no references: two serialisations that are equal but for such texts
    parse equally but for them, and so do their canonical forms. A KeyInfo may be put in another's place because it is
    one whole element (there are no comments or instructions in which its end could be feigned) under the same names.
    """
    head, tail = blanks.form[0], blanks.form[1]
    canonical = read.info.canonical
    at = canonical.find(b"DigestValue>") + 12
    end = canonical.find(b"<", at)
    plain = (
        read.info.second is None
        and (head + tail).count("DigestValue>") == 2  # noqa: PLR2004
        and canonical[at:end] == blanks.digest.encode()
        and base64text.decode_unbroken(blanks.digest) == read.info.digest_value
        and base64text.decode(blanks.value) == read.value
        and (not blanks.time or _TIME.fullmatch(blanks.time) is not None)
        and blanks.time.strip() == read.signing_time_claimed
        and blanks.key_info.count("KeyInfo") == 2  # noqa: PLR2004
        and not any("KeyInfo" in piece or "<!" in piece or "<?" in piece for piece in blanks.form)
        and "<!" not in blanks.key_info
        and "<?" not in blanks.key_info
    )
    if not plain:
        return
    # A flood of odd forms or of certificates costs speed, never memory: the oldest go.
    if len(_templates) >= TEMPLATES_MAX:
        del _templates[next(iter(_templates))]
    if len(_identities) >= IDENTITIES_MAX:
        del _identities[next(iter(_identities))]
    _templates[blanks.form] = _Template(canonical[:at], canonical[end:], read.info)
    _identities[blanks.form[0], blanks.key_info] = read.certificate
