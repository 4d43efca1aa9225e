"""Why a signature value does not verify: what else it may have been made over, how else written, with whose key."""

import base64
import hashlib
import re
from collections.abc import Iterator
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from lxml import etree
from msgspec import Struct

from signing.certificate import CURVE_URIS, PublicKey, SigningCertificate, from_text
from signing.explain_outline import Outline, cut
from signing.indication import Refusal
from signing.signature import ReadSignature
from signing.signed_info import SIGNED_INFO_BYTES_MAX, SignedInfo, read_signed_info
from signing.xmldsig import KeyInfo, read_key_info, take_apart

RSA_BITS_MAX: Final = 8192
DEPTH_MAX: Final = 4

_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "sha256": hashes.SHA256(),
    "sha1": hashes.SHA1(),  # noqa: S303 - to name it, never to accept it
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
# DER of DigestInfo up to the digest (RFC 8017 §9.2, note 1).
_DIGEST_INFO: Final = {
    "sha1": bytes.fromhex("3021300906052b0e03021a05000414"),
    "sha256": bytes.fromhex("3031300d060960864801650304020105000420"),
    "sha384": bytes.fromhex("3041300d060960864801650304020205000430"),
    "sha512": bytes.fromhex("3051300d060960864801650304020305000440"),
}
_DSIG_DECLARATION: Final = b' xmlns="http://www.w3.org/2000/09/xmldsig#"'
_DECLARATION: Final = re.compile(rb' xmlns(?::([^\s=">]++))?="[^"]*+"')
_RAW_SIGNED_INFO: Final = re.compile(rb"<((?:[A-Za-z_][\w.-]*+:)?SignedInfo)(?=[\s>])")
_BETWEEN_TAGS: Final = re.compile(rb">\s++<")


class _Signed(Struct, frozen=True):
    """Bytes over which the value may have been made, and what it means if it was."""

    content: bytes
    code: str


def explain_value(
    read: ReadSignature, hash_name: str, *, root: etree._Element | None = None, source: bytes | None = None
) -> Refusal | None:
    """Return the reason why the value does not verify (EN 319 102-1 v1.3.1 §5.2.7.4, SIG_CRYPTO_FAILURE), or None.

    `read` is the signature whose value was refused, `root` its document (the Signature in it or not), `source` the
    document's bytes as received. A cause is named only when a verification with the certificate's own key succeeds
    with it undone, or when the certificate of another key beside it does. For RSA the signed digest itself can be
    recovered, which shows whether this key made the value at all. The signature is refused all the same. Never raises
    for any signature.
    """
    key = read.certificate.key
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size > RSA_BITS_MAX:
            return None
        found = _explain_rsa(key, read, hash_name, root, source)
    else:
        found = _explain_ecdsa(key, read, hash_name, root, source)
    return found or explain_other_key(read.signature)


def explain_other_key(signature: etree._Element) -> Refusal | None:
    """Return whose key in KeyInfo made the value, when it is not that of the one end-user certificate.

    For a Signature with several certificates, or with a KeyValue that is not the certificate's (XMLDSig 1.1 §4.5).
    """
    parts = take_apart(signature)
    if isinstance(parts, Refusal):
        return None
    key_info = read_key_info(parts.key_info)
    info = read_signed_info(parts.signed_info)
    if isinstance(key_info, Refusal) or isinstance(info, Refusal):
        return None
    hash_name = info.signature_algorithm.rpartition("-")[2]
    if hash_name not in _HASHES:
        return None
    if (bare := _bare_key(key_info)) is not None and _made_by(bare, parts.value, info.canonical, hash_name):
        return Refusal("signature-value-key-value")
    certificates = [one for text in key_info.certificates if isinstance(one := from_text(text), SigningCertificate)]
    if len(certificates) > 1:
        for one in certificates:
            if _made_by(one.key, parts.value, info.canonical, hash_name):
                return Refusal("signature-value-other-certificate", {"certificate": cut(one.signer.common_name)})
    return None


def _explain_rsa(
    key: rsa.RSAPublicKey, read: ReadSignature, hash_name: str, root: etree._Element | None, source: bytes | None
) -> Refusal | None:
    signed = _recovered(key, read.value)
    if signed is None:
        reversed_ = _recovered(key, read.value[::-1])
        if reversed_ is not None and reversed_ == _digest_info(hash_name, read.info.canonical):
            return Refusal("signature-value-little-endian")
        return _explain_pss(key, read, hash_name)
    for one in _candidates(read.info, root, source):
        if signed == _digest_info(hash_name, one.content):
            return Refusal(one.code)
    for name in _HASHES:
        if signed == _digest_info(name, read.info.canonical):
            return Refusal("signature-value-hash", {"found": _called(name), "declared": _called(hash_name)})
        if signed == hashlib.new(name, read.info.canonical).digest():
            return Refusal("signature-value-no-digest-info")
    if signed == _DIGEST_INFO.get(hash_name, b"") + read.info.digest_value:
        return Refusal("signature-value-over-document")
    if any(signed == prefix + signed[len(prefix) :] for prefix in _DIGEST_INFO.values()):
        return Refusal("signature-value-other-content")
    return None


def _explain_pss(key: rsa.RSAPublicKey, read: ReadSignature, hash_name: str) -> Refusal | None:
    for name, algorithm in {hash_name: _HASHES[hash_name], **_HASHES}.items():
        pss = padding.PSS(padding.MGF1(algorithm), padding.PSS.AUTO)
        try:
            key.verify(read.value, read.info.canonical, pss, algorithm)
        except (InvalidSignature, ValueError):
            continue
        return Refusal("signature-value-pss", {"found": _called(name)})
    return None


def _explain_ecdsa(
    key: ec.EllipticCurvePublicKey,
    read: ReadSignature,
    hash_name: str,
    root: etree._Element | None,
    source: bytes | None,
) -> Refusal | None:
    octets = (key.key_size + 7) // 8
    canonical = read.info.canonical
    for der, code in _other_spellings(read.value, octets):
        if _ecdsa_fits(key, der, canonical, hash_name):
            return Refusal(code, {"octets": str(octets)})
    plain = _side_by_side(read.value, octets)
    if plain is None:
        return None
    for one in _candidates(read.info, root, source):
        if _ecdsa_fits(key, plain, one.content, hash_name):
            return Refusal(one.code)
    for name in _HASHES:
        if name != hash_name and _ecdsa_fits(key, plain, canonical, name):
            return Refusal("signature-value-hash", {"found": _called(name), "declared": _called(hash_name)})
    try:
        key.verify(plain, read.info.digest_value, ec.ECDSA(Prehashed(_HASHES[hash_name])))
    except (InvalidSignature, ValueError):
        return None
    return Refusal("signature-value-over-document")


def _candidates(info: SignedInfo, root: etree._Element | None, source: bytes | None) -> Iterator[_Signed]:
    """Yield what programs sign instead of the canonical SignedInfo in its document's context."""
    canonical = info.canonical
    for base, code in ((canonical, "signature-value-context"), (_tight(canonical), "signature-value-indentation")):
        if base != canonical:
            yield _Signed(base, code)
        for bare in _without_context(base):
            yield _Signed(bare, code)
    if root is not None:
        yield from (_Signed(one, "signature-value-inclusive") for one in _in_context(canonical, root))
    if len(canonical) <= SIGNED_INFO_BYTES_MAX:
        yield from (_Signed(one, "signature-value-indentation") for one in _indented(canonical))
    for raw in () if source is None else _raw(source):
        yield _Signed(raw, "signature-value-raw")
    digest = info.digest_value
    for written in (digest, base64.b64encode(digest), digest.hex().encode(), digest.hex().upper().encode()):
        yield _Signed(written, "signature-value-over-digest")


def _tight(canonical: bytes) -> bytes:
    """Return SignedInfo without blanks between its tags and inside its base64, without carriage returns."""
    pieces = re.split(rb"(<[^>]*+>)", canonical.replace(b"&#xD;", b""))
    return b"".join(piece if piece.startswith(b"<") else b"".join(piece.split()) for piece in pieces)


def _without_context(canonical: bytes) -> Iterator[bytes]:
    """Yield SignedInfo with the declarations alone that it uses, and with none: taken out of its document too early."""
    head, _, rest = canonical.partition(b">")

    def used(match: "re.Match[bytes]") -> bytes:
        prefix = match[1]
        return match[0] if prefix is None or b"<" + prefix + b":" in canonical else b""

    bare = _DECLARATION.sub(used, head)
    if bare != head:
        yield bare + b">" + rest
    naked = _DECLARATION.sub(b"", head)
    if naked != bare:
        yield naked + b">" + rest


def _in_context(canonical: bytes, root: etree._Element) -> Iterator[bytes]:
    """Yield SignedInfo with the root's declarations, for a signer that said exclusive and worked inclusively."""
    head, _, rest = canonical.partition(b">")
    name = head.partition(b" ")[0]
    present = {match[0] for match in _DECLARATION.finditer(head)}
    attributes = _DECLARATION.sub(b"", head)[len(name) :]
    more = {
        f' xmlns:{prefix}="{uri}"'.encode()
        for prefix, uri in root.nsmap.items()
        if prefix is not None and '"' not in uri
    }
    together = sorted(present | more, key=lambda one: one.partition(b"=")[0])
    if set(together) != present:
        yield name + b"".join(together) + attributes + b">" + rest


def _indented(canonical: bytes) -> Iterator[bytes]:
    """Yield SignedInfo as it was in an indented document, at several depths."""
    outline = Outline(_tight(canonical))
    if not outline.items:
        return
    for unit in (b"  ", b"    ", b"\t", b""):
        for line in (b"\n", b"&#xD;\n"):
            for above in range(DEPTH_MAX + 1) if unit else (0,):
                gaps = [line + unit * (depth + above) if depth > 0 else b"" for depth in outline.depths]
                gaps[-1] = line + unit * above
                yield b"".join(gap + item for gap, item in zip(gaps, outline.items, strict=True))


def _raw(source: bytes) -> Iterator[bytes]:
    """Yield SignedInfo as it stands in the file, and with the declaration that its parent carries."""
    match = _RAW_SIGNED_INFO.search(source)
    last = -1 if match is None else source.find(b"</" + match[1], match.end())
    end = source.find(b">", last) + 1
    if match is None or last < 0 or not 0 < end - match.start() <= SIGNED_INFO_BYTES_MAX:
        return
    raw = source[match.start() : end]
    for one in dict.fromkeys((raw, raw.replace(b"\r\n", b"\n"), _BETWEEN_TAGS.sub(b"><", raw))):
        yield one
        if b"xmlns" not in one.partition(b">")[0]:
            yield one.replace(b"SignedInfo", b"SignedInfo" + _DSIG_DECLARATION, 1)


def _recovered(key: rsa.RSAPublicKey, value: bytes) -> bytes | None:
    """Return what the key's owner signed (RFC 8017 §8.2.2): none but the private key makes this padding."""
    try:
        return key.recover_data_from_signature(value, padding.PKCS1v15(), None)
    except (InvalidSignature, ValueError):
        return None


def _digest_info(hash_name: str, content: bytes) -> bytes:
    return _DIGEST_INFO.get(hash_name, b"") + hashlib.new(hash_name, content).digest()


def _other_spellings(value: bytes, octets: int) -> Iterator[tuple[bytes, str]]:
    """Yield other ways to write r and s, as DER, each with its code (XMLDSig 1.1 §6.4.3 has them side by side)."""
    if value[:1] == b"\x30":
        yield value, "signature-value-der"
    if len(value) == 2 * octets:
        one, two = value[:octets], value[octets:]
        yield _der(two, one), "signature-value-order"
        yield _der(one[::-1], two[::-1]), "signature-value-little-endian"
        yield _der(two[::-1], one[::-1]), "signature-value-little-endian"


def _side_by_side(value: bytes, octets: int) -> bytes | None:
    return _der(value[:octets], value[octets:]) if len(value) == 2 * octets else None


def _der(r: bytes, s: bytes) -> bytes:
    return encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))


def _ecdsa_fits(key: ec.EllipticCurvePublicKey, der: bytes, content: bytes, hash_name: str) -> bool:
    try:
        key.verify(der, content, ec.ECDSA(_HASHES[hash_name]))
    except (InvalidSignature, ValueError):
        return False
    return True


def _made_by(key: PublicKey, value: bytes, content: bytes, hash_name: str) -> bool:
    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size <= RSA_BITS_MAX and _recovered(key, value) == _digest_info(hash_name, content)
    der = _side_by_side(value, (key.key_size + 7) // 8)
    return der is not None and _ecdsa_fits(key, der, content, hash_name)


def _bare_key(key_info: KeyInfo) -> PublicKey | None:
    """Return the key of a KeyValue, if it is one."""
    try:
        if key_info.rsa is not None:
            modulus, exponent = (int.from_bytes(number, "big") for number in key_info.rsa)
            if modulus.bit_length() > RSA_BITS_MAX:
                return None
            return rsa.RSAPublicNumbers(exponent, modulus).public_key()
        if key_info.point is not None:
            curve = _CURVES.get(CURVE_URIS.get(key_info.point[0], ""))
            return None if curve is None else ec.EllipticCurvePublicKey.from_encoded_point(curve, key_info.point[1])
    except ValueError:
        return None
    return None


_CURVES: Final[dict[str, ec.EllipticCurve]] = {
    "secp256r1": ec.SECP256R1(),
    "secp384r1": ec.SECP384R1(),
    "secp521r1": ec.SECP521R1(),
}


def _called(hash_name: str) -> str:
    return hash_name.upper().replace("SHA", "SHA-")
