"""What was changed, borrowed or made up after the signing, and which certificate was put beside it."""

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from signing.demo_pki import DemoPki, Holder, employer_subject
from signing.indication import SubIndication
from signing.sign import sign
from signing.trust import TrustStore
from tests.signing.workshop import (
    DOCUMENT,
    MORE,
    NOW,
    PATH,
    b64,
    certificate,
    digest_of,
    forge,
    judge,
    key_info,
    refused,
    rsa_key_value,
    signed_info,
    unsigned,
    usage,
)

# --- by whose certificate -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ("<KeyInfo><X509Data/></KeyInfo>", "no-certificate"),
        ("<KeyInfo><KeyName>toi</KeyName></KeyInfo>", "no-certificate"),
        (key_info(b"\x30\x03\x02\x01\x00"), "certificate-unreadable"),
        ("<KeyInfo><X509Data><X509Certificate>%%%</X509Certificate></X509Data></KeyInfo>", "certificate-unreadable"),
        ("<KeyInfo><X509Data><X509Certificate/></X509Data></KeyInfo>", "certificate-unreadable"),
        (key_info(bytes(40_000)), "certificate-unreadable"),
    ],
)
def test_no_certificate_or_none_that_can_be_read(keys: str, code: str, holder: Holder, trust: TrustStore) -> None:
    refused(judge(forge(holder, keys=keys), trust), SubIndication.NO_SIGNING_CERTIFICATE_FOUND, code)


def test_a_bare_key_without_a_certificate(holder: Holder, trust: TrustStore) -> None:
    keys = f"<KeyInfo>{rsa_key_value(holder.key.public_key())}</KeyInfo>"
    refused(judge(forge(holder, keys=keys), trust), SubIndication.NO_SIGNING_CERTIFICATE_FOUND, "no-certificate")


def test_two_end_user_certificates(holder: Holder, elliptic: Holder, trust: TrustStore) -> None:
    one, two = (key_info(x.certificate).partition("<X509Data>")[2] for x in (holder, elliptic))
    keys = f"<KeyInfo><X509Data>{one.partition('</X509Data>')[0]}{two}"
    refused(judge(forge(holder, keys=keys), trust), SubIndication.NO_SIGNING_CERTIFICATE_FOUND, "several-certificates")


def test_a_key_value_that_is_not_the_certificates(
    holder: Holder, elliptic: Holder, stranger_key: rsa.RSAPrivateKey, trust: TrustStore
) -> None:
    """A verifier that takes KeyValue's key and the certificate's name would be told a name by anybody."""
    keys = key_info(holder.certificate, key_value=rsa_key_value(stranger_key.public_key()))
    stranger = Holder(stranger_key, holder.certificate)
    refused(judge(forge(stranger, keys=keys), trust), SubIndication.NO_SIGNING_CERTIFICATE_FOUND, "key-value-differs")
    other = sign(unsigned(), PATH, elliptic.key, elliptic.certificate, now=NOW)
    point = other[other.index(b"<KeyValue>") : other.index(b"</KeyValue>")].decode() + "</KeyValue>"
    foreign = forge(holder, keys=key_info(holder.certificate, key_value=point))
    refused(judge(foreign, trust), SubIndication.NO_SIGNING_CERTIFICATE_FOUND, "key-value-differs")
    curve = other.replace(b"1.2.840.10045.3.1.7", b"1.3.132.0.34")
    refused(judge(curve, trust), SubIndication.NO_SIGNING_CERTIFICATE_FOUND, "key-value-differs")


def test_anothers_certificate_on_a_right_signature(
    holder: Holder, pki: DemoPki, signed: bytes, trust: TrustStore
) -> None:
    other = pki.employers["other"]
    content = forge(holder, keys=key_info(other.certificate))
    refused(judge(content, trust), SubIndication.SIG_CRYPTO_FAILURE, "signature-value")


# --- what was changed -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"5310000", b"9310000"),
        (b"<Luong>5310000</Luong>", b""),
        (b"</NoiDung>", b"<Them/></NoiDung>"),
        (b"<HoTen>", b'<HoTen a="1">'),
        ("Nguyễn".encode(), "Nguyên".encode()),
        (b"<Cky>", b"<Cky>x"),
        (b"</Cky>", b"x</Cky>"),
        (b"<D02-TS ", b"<?them nua?><D02-TS "),
    ],
)
def test_changed_content(old: bytes, new: bytes, signed: bytes, trust: TrustStore) -> None:
    assert old in signed
    refused(judge(signed.replace(old, new, 1), trust), SubIndication.HASH_FAILURE, "digest-differs")


def test_changed_content_with_its_digest_made_to_fit(signed: bytes, trust: TrustStore) -> None:
    content = signed.replace(b"5310000", b"9310000")
    fitting = b64(digest_of(DOCUMENT.replace("5310000", "9310000"))).encode()
    content = content.replace(b64(digest_of()).encode(), fitting)
    refused(judge(content, trust), SubIndication.SIG_CRYPTO_FAILURE, "signature-value")


def test_a_changed_value(signed: bytes, trust: TrustStore) -> None:
    at = signed.index(b"<SignatureValue>") + len(b"<SignatureValue>")
    for offset in (0, 7, 100):
        letter = b"B" if signed[at + offset : at + offset + 1] == b"A" else b"A"
        changed = signed[: at + offset] + letter + signed[at + offset + 1 :]
        refused(judge(changed, trust), SubIndication.SIG_CRYPTO_FAILURE, "signature-value")


def test_changed_content_is_told_before_a_bad_certificate(
    holder: Holder, stranger_key: rsa.RSAPrivateKey, trust: TrustStore
) -> None:
    own = certificate(employer_subject("TỰ KÝ", ["MST:0101234565"]), stranger_key, None)
    content = forge(own).replace(b"5310000", b"9310000")
    refused(judge(content, trust), SubIndication.HASH_FAILURE, "digest-differs")


def test_namespaces_of_the_root_are_signed(signed: bytes, trust: TrustStore) -> None:
    dropped = signed.replace(b' xmlns:xsd="http://www.w3.org/2001/XMLSchema"', b"")
    refused(judge(dropped, trust), SubIndication.HASH_FAILURE, "digest-differs")


# --- the form of an ECDSA value -------------------------------------------------------------------------------------


def ecdsa(holder: Holder, shape: Callable[[int, int, bytes], bytes]) -> bytes:
    def by(content: bytes) -> bytes:
        assert isinstance(holder.key, ec.EllipticCurvePrivateKey)
        der = holder.key.sign(content, ec.ECDSA(hashes.SHA256()))
        return shape(*decode_dss_signature(der), der)

    return forge(holder, info=signed_info(method=f'Algorithm="{MORE}ecdsa-sha256"/>'), sign=by)


def side_by_side(r: int, s: int) -> bytes:
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


@pytest.mark.parametrize(
    ("shape", "code"),
    [
        (lambda r, s, der: der, "signature-value-der"),
        (lambda r, s, der: side_by_side(r, s)[:-1], "signature-value-length"),
        (lambda r, s, der: side_by_side(r, s)[1:], "signature-value-length"),
        (lambda r, s, der: side_by_side(r, s) + b"\0", "signature-value-length"),
        (lambda r, s, der: b"\0" + side_by_side(r, s), "signature-value-length"),
        (lambda r, s, der: b"\0" + r.to_bytes(32, "big") + b"\0" + s.to_bytes(32, "big"), "signature-value-length"),
        (lambda r, s, der: bytes(64), "signature-value"),
        (lambda r, s, der: side_by_side(s, r), "signature-value"),
        (lambda r, s, der: b"\xff" * 64, "signature-value"),
    ],
)
def test_an_ecdsa_value_in_another_form(
    shape: Callable[[int, int, bytes], bytes], code: str, elliptic: Holder, trust: TrustStore
) -> None:
    assert judge(ecdsa(elliptic, lambda r, s, der: side_by_side(r, s)), trust).passed
    refused(judge(ecdsa(elliptic, shape), trust), SubIndication.SIG_CRYPTO_FAILURE, code)


def test_a_certificate_with_another_kind_of_key(pki: DemoPki, holder: Holder, trust: TrustStore) -> None:
    odd = certificate(
        employer_subject("KHÓA LẠ", ["MST:0101234565"]),
        ed25519.Ed25519PrivateKey.generate(),  # type: ignore[arg-type]
        pki.intermediate,
        extensions=((usage(sign=True), True),),
    )
    content = forge(holder, keys=key_info(odd.certificate))
    refused(judge(content, trust), SubIndication.CRYPTO_CONSTRAINTS_FAILURE, "key-not-accepted")
