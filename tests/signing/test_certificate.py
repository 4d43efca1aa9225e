"""Who a certificate says its holder is: tax codes and other identifiers, however an authority writes them."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from signing.base64text import decode
from signing.certificate import SigningCertificate, read_certificate, tax_codes
from signing.demo_pki import DemoPki
from signing.indication import Refusal
from tests.signing.workshop import certificate

KEY = ec.generate_private_key(ec.SECP256R1())


def attribute(oid: x509.ObjectIdentifier, value: str) -> x509.NameAttribute:
    return x509.NameAttribute(oid, value)


def read(pki: DemoPki, *rdns: list[x509.NameAttribute]) -> SigningCertificate:
    subject = x509.Name([x509.RelativeDistinguishedName(rdn) for rdn in rdns])
    issued = certificate(subject, KEY, pki.intermediate)
    found = read_certificate(issued.certificate.public_bytes(Encoding.DER))
    assert isinstance(found, SigningCertificate)
    return found


@pytest.mark.parametrize(
    ("values", "codes"),
    [
        (["MST:0101234565"], ("0101234565",)),
        (["MST:0101234565-001"], ("0101234565-001",)),
        (["MST:0101234565001"], ("0101234565-001",)),
        (["mst: 0101234565 - 001"], ("0101234565-001",)),
        (["CCCD:001099012345", "MST:0101234565"], ("0101234565",)),
        (["MST:0101234565", "MST:0309876547", "MNS:1234567"], ("0101234565", "0309876547")),
        (["MST:0101234565", "MST:0101234565"], ("0101234565",)),
        (["CCCD:0101234565", "CMND:0101234565", "MNS:0101234565"], ()),
        (["0101234565"], ()),
        (["MST:010123456"], ()),
        (["MST:01012345658"], ()),
        (["MST:0101234565-01"], ()),
        (["MST:0101234565,MST:0309876547"], ()),
        (["MST:٠١٠١٢٣٤٥٦٧"], ()),
        (["xMST:0101234565"], ()),
    ],
)
def test_tax_codes_are_read_from_uids(values: list[str], codes: tuple[str, ...]) -> None:
    assert tax_codes(tuple(values)) == codes


def test_the_order_of_a_subject_does_not_matter_and_one_rdn_may_hold_several(pki: DemoPki) -> None:
    uid, name = attribute(NameOID.USER_ID, "MST:0101234565"), attribute(NameOID.COMMON_NAME, "CÔNG TY MẪU")
    person = attribute(NameOID.USER_ID, "CCCD:001099012345")
    country = attribute(NameOID.COUNTRY_NAME, "VN")
    for rdns in (([uid], [name], [country]), ([country], [name], [person], [uid]), ([country], [uid, person], [name])):
        signer = read(pki, *rdns).signer
        assert signer.tax_codes == ("0101234565",)
        assert signer.common_name == "CÔNG TY MẪU"
        assert set(signer.identifiers) >= {"MST:0101234565"}
    assert read(pki, [country]).signer.common_name == ""


def test_a_tax_code_elsewhere_in_the_subject_is_not_one(pki: DemoPki) -> None:
    elsewhere = read(
        pki,
        [attribute(NameOID.COMMON_NAME, "UID=MST:0101234565")],
        [attribute(NameOID.ORGANIZATION_NAME, "MST:0101234565")],
    )
    assert elsewhere.signer.tax_codes == ()


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    assert read_certificate(content) == Refusal("certificate-unreadable")


@given(st.integers(0, 3000), st.integers(0, 255))
def test_a_damaged_certificate_is_read_or_refused_and_never_raises(at: int, byte: int) -> None:
    der = _DER[: at % len(_DER)] + bytes([byte]) + _DER[at % len(_DER) + 1 :]
    assert isinstance(read_certificate(der), SigningCertificate | Refusal)


_DER = certificate(
    x509.Name([attribute(NameOID.COMMON_NAME, "CÔNG TY MẪU"), attribute(NameOID.USER_ID, "MST:0101234565")]), KEY, None
).certificate.public_bytes(Encoding.DER)


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("AAAA", bytes(3)),
        (" A\nA\tA\rA ", bytes(3)),
        ("AA==", b"\0"),
        ("", None),
        (None, None),
        ("   ", None),
        ("AAA", None),
        ("AA=", None),
        ("AB==", None),
        ("AAAA=", None),
        ("AA==AA==", None),
        ("AA\u00a0AA", None),
        ("AA-_", None),
        ("ＡＡＡＡ", None),
    ],
)
def test_base64_is_strict_but_for_blanks(text: str | None, content: bytes | None) -> None:
    assert decode(text) == content
