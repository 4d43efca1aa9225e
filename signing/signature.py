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
    """A Signature that was read with care: the next that differs in digest, value and time alone need not be."""

    canonical_head: bytes
    canonical_tail: bytes
    info: SignedInfo
    certificate: SigningCertificate


class _Blanks(Struct, frozen=True):
    """A serialised Signature split into what is its own (three texts) and the form that it shares with others."""

    form: tuple[str, str, str, str]
    digest: str
    value: str
    time: str


_templates: dict[tuple[str, str, str, str], _Template] = {}


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
    if known is not None and (read := _fill(known, blanks, signature)) is not None:
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
    return _Blanks(
        (raw[:digest_at], raw[digest_end:value_at], raw[value_end:time_at], raw[time_end:]),
        raw[digest_at:digest_end],
        raw[value_at:value_end],
        raw[time_at:time_end],
    )


def _fill(known: _Template, blanks: _Blanks, signature: etree._Element) -> ReadSignature | None:
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
    return ReadSignature(signature, info, value, known.certificate, blanks.time.strip())


def _remember(blanks: _Blanks, read: ReadSignature) -> None:
    """Keep a form whose three blanks are known to be the whole texts of the three elements, and nothing else.

    Sound because the texts hold no markup and no references: two serialisations that are equal but for such texts
    parse equally but for them, and so do their canonical forms.
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
    )
    if not plain:
        return
    if len(_templates) >= TEMPLATES_MAX:
        _templates.clear()  # a flood of odd forms costs speed, never memory
    _templates[blanks.form] = _Template(canonical[:at], canonical[end:], read.info, read.certificate)
