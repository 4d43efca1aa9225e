"""One ds:Signature read whole: what it covers, its value, and the certificate it names as the signer's."""

import re
import struct
from itertools import pairwise
from threading import Lock
from typing import Final

from lxml import etree
from msgspec import Struct

from signing import base64text, xmldsig
from signing.certificate import CURVE_URIS, SigningCertificate, from_text
from signing.indication import Refusal
from signing.signed_info import SignedInfo, inherits_xml_attributes, read_signed_info

# Each holds about 6 KB; an employer's certificate takes three, one for each kind of document. Nobody vouches for what
# is remembered before it is judged, hence no form may be large, nor all of them together.
KNOWN_MAX: Final = 8192
KNOWN_FORM_BYTES_MAX: Final = 16 * 1024
KNOWN_BYTES_MAX: Final = 96 * 1024 * 1024
SIGNATURE_BYTES_MAX: Final = 256 * 1024

_TIME: Final = re.compile(rb"[0-9T:.+Z -]{1,40}")
_TIME_ENDS: Final = re.compile(rb"</(?:[^<>]*:)?SigningTime>")
# Where a Signature's certificate ends, and how much of that end tells one certificate from another.
_CERTIFICATE_END: Final = b"X509Certificate>"
_LABEL_BYTES: Final = 80


class ReadSignature(Struct, frozen=True):
    """A Signature that is well built; nothing about it has been verified."""

    signature: etree._Element
    info: SignedInfo
    value: bytes
    certificate: SigningCertificate
    signing_time_claimed: str


class _Known(Struct, frozen=True):
    """A serialised Signature that was read with care, but for the three texts that are its own: digest, value, time.

    `layout` parts another of the same length at the same places; where the four pieces between them are `form`, it need
    not be read with care.
    """

    layout: struct.Struct
    form: tuple[bytes, bytes, bytes, bytes]
    canonical_head: bytes
    canonical_tail: bytes
    info: SignedInfo
    certificate: SigningCertificate

    @property
    def size_bytes(self) -> int:
        """Roughly what it takes: its texts, and the canonical form twice."""
        return self.layout.size + 2 * len(self.info.canonical)


# By their length and the end of their certificate. Two that agree in both take turns, which costs speed alone.
_known: dict[tuple[int, bytes], _Known] = {}


class _Room:
    """How much all that is remembered takes; several threads may remember at once."""

    def __init__(self) -> None:
        self._filling = Lock()
        self._bytes = 0

    def keep(self, label: tuple[int, bytes], one: _Known) -> None:
        """Remember one more. A flood of odd forms or of certificates costs speed, never memory: the oldest go."""
        with self._filling:
            if not _known:
                self._bytes = 0
            before = _known.pop(label, None)
            self._bytes += one.size_bytes - (before.size_bytes if before else 0)
            while _known and (len(_known) >= KNOWN_MAX or self._bytes > KNOWN_BYTES_MAX):
                self._bytes -= _known.pop(next(iter(_known))).size_bytes
            _known[label] = one


_room: Final = _Room()


def recognise(signature: etree._Element) -> ReadSignature | None:
    """Read a ds:Signature that differs in digest, value and time alone from one that was read with care before.

    Software writes the same form again and again, and an employer keeps a certificate for years. The serialisation
    carries all namespaces in scope; xml:* attributes of ancestors it does not, so where there are any, nothing is
    recognised.
    """
    raw = etree.tostring(signature, with_tail=False)
    known = _known.get(_label(raw))
    if known is None or inherits_xml_attributes(signature):
        return None
    head, digest, middle, value_text, key_info, time, end = known.layout.unpack(raw)
    if (head, middle, key_info, end) != known.form or b"<" in time or b"&" in time:
        return None
    digest_value, value = base64text.decode_ascii(digest), base64text.decode_ascii(value_text)
    if digest_value is None or value is None:
        return None
    like = known.info
    info = SignedInfo(
        known.canonical_head + digest + known.canonical_tail,
        like.c14n_algorithm,
        like.signature_algorithm,
        like.digest_algorithm,
        digest_value,
        like.exclusive,
    )
    return ReadSignature(signature, info, value, known.certificate, time.strip().decode("ascii"))


def read_signature(signature: etree._Element) -> ReadSignature | Refusal:
    """Read a ds:Signature strictly (EN 319 102-1 v1.3.1 §5.2.2, §5.2.3), or say what is wrong with it.

    What `recognise` would give need not be read again; what it did not know, it knows afterwards.
    """
    raw = etree.tostring(signature, with_tail=False)
    if len(raw) > SIGNATURE_BYTES_MAX:
        return Refusal("signature-structure", {"where": "Signature"})
    read = _read_with_care(signature)
    if isinstance(read, ReadSignature) and not inherits_xml_attributes(signature):
        _remember(raw, read)
    return read


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


def _label(raw: bytes) -> tuple[int, bytes]:
    at = raw.rfind(_CERTIFICATE_END)
    return len(raw), raw[at - _LABEL_BYTES : at]


def _remember(raw: bytes, read: ReadSignature) -> None:
    """Keep a Signature if its three texts are known to be the whole texts of the three elements, and nothing else.

    They are looked for as the texts of the first DigestValue, the first SignatureValue and the last SigningTime; what
    is found need not be these in an odd document. Sound because the texts hold no markup and no references: two
    serialisations that are equal but for such texts parse equally but for them, and so do their canonical forms. What
    has comments or instructions is not kept: tags could stand in these.
    """
    if len(raw) > KNOWN_FORM_BYTES_MAX or b"<!--" in raw or b"<?" in raw:
        return
    digest_at = raw.find(b"DigestValue>") + 12
    digest_end = raw.find(b"<", digest_at)
    value_at = raw.find(b"SignatureValue>", digest_end) + 15
    value_end = raw.find(b"<", value_at)
    time_at = time_end = len(raw)
    if (closing := raw.rfind(b"SigningTime>", value_end)) >= 0:
        time_end = raw.rfind(b"<", value_end, closing)
        time_at = raw.rfind(b">", value_end, time_end) + 1
    digest, value, time = raw[digest_at:digest_end], raw[value_at:value_end], raw[time_at:time_end]
    canonical = read.info.canonical
    at = canonical.find(b"DigestValue>") + 12
    end = canonical.find(b"<", at)
    plain = (
        read.info.second is None
        and (raw[:digest_at] + raw[digest_end:value_at]).count(b"DigestValue>") == 2  # noqa: PLR2004
        and canonical[at:end] == digest
        and base64text.decode_ascii(digest) == read.info.digest_value
        and base64text.decode_ascii(value) == read.value
        and (not time or _TIME.fullmatch(time) is not None)
        and time.decode("ascii", "replace").strip() == read.signing_time_claimed
        and len(_TIME_ENDS.findall(raw)) <= 1
        and next(read.signature.iterdescendants(xmldsig.SIGNATURE), None) is None
    )
    if not plain:
        return
    ends = (0, digest_at, digest_end, value_at, value_end, time_at, time_end, len(raw))
    layout = struct.Struct("".join(f"{last - first}s" for first, last in pairwise(ends)))
    form = raw[:digest_at], raw[digest_end:value_at], raw[value_end:time_at], raw[time_end:]
    known = _Known(layout, form, canonical[:at], canonical[end:], read.info, read.certificate)
    _room.keep(_label(raw), known)
