"""The seal on a container: other software accepts it, and every change of it or of what it covers is seen."""

import base64
import hashlib
import re
import zlib
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from lxml import etree

from signing.asic import AsicContainer, judge_container, open_container
from signing.asic_manifest import MANIFEST, MEDIA_TYPE, make_manifest
from signing.policy import Policy, RevocationRule
from signing.seal import FileSealKey, create_seal_key
from signing.seal_asic import SIGNATURE_FILE, read_seal, seal_files
from signing.seal_certificate import SealCertificateUnusable, ensure, issue, read
from signing.signer import SealBroken, Signer, jwk_of
from signing.timestamp import verify_token
from signing.trust import TrustStore
from signing.zip_streamed import Streamed, StreamedDiffers, ZipTooLarge, size_of, stream_zip
from tests.signing import stock_validator
from tests.signing.peers import DSIG, XADES
from tests.signing.tsa_workshop import Tsa
from tests.signing.workshop import NOW

FILES: dict[str, bytes] = {
    "received/dossier.xml": "<Hoso>Nguyễn Thị Mẫu</Hoso>".encode(),
    "receipt.jws": b"a.b.c",
    "DOC-TRUOC.txt": "Đọc trước".encode(),
}


@pytest.fixture(scope="module", params=["ES256", "Ed25519"])
def signer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> FileSealKey:
    return create_seal_key(tmp_path_factory.mktemp("keys") / "seal.pem", request.param)


@pytest.fixture(scope="module")
def elliptic(tmp_path_factory: pytest.TempPathFactory) -> FileSealKey:
    return create_seal_key(tmp_path_factory.mktemp("keys") / "seal.pem")


def own_certificate(signer: Signer) -> x509.Certificate:
    return x509.load_der_x509_certificate(issue(signer, "Cổng G00.01", NOW))


def digests(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: hashlib.sha256(content).digest() for name, content in files.items()}


def whole(files: dict[str, bytes], signature: bytes) -> bytes:
    inside = {"mimetype": MEDIA_TYPE.encode(), **files, MANIFEST: make_manifest(list(files)), SIGNATURE_FILE: signature}
    return b"".join(stream_zip([streamed(name, content) for name, content in inside.items()]))


def streamed(name: str, content: bytes, chunks: Iterable[bytes] | None = None) -> Streamed:
    return Streamed(
        name=name,
        size_bytes=len(content),
        crc32=zlib.crc32(content),
        chunks=lambda: [content] if chunks is None else chunks,
    )


def test_a_self_issued_certificate_is_of_the_seals_key_and_says_what_it_may(signer: FileSealKey) -> None:
    made = own_certificate(signer)
    public = made.public_key()
    assert jwk_of(public)["kid"] == signer.kid  # type: ignore[arg-type]
    made.verify_directly_issued_by(made)
    assert made.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "Cổng G00.01"
    assert made.not_valid_before_utc <= NOW
    assert made.not_valid_after_utc - NOW > timedelta(days=3600)
    usage = made.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert (usage.value.digital_signature, usage.value.content_commitment, usage.value.key_cert_sign) == (
        True,
        True,
        False,
    )
    assert made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    identifier = made.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    assert identifier.value == x509.SubjectKeyIdentifier.from_public_key(public)


def test_a_certificate_once_issued_is_the_same_the_next_time_and_a_new_key_gets_one_beside_it(
    elliptic: FileSealKey, tmp_path: Path
) -> None:
    path = tmp_path / "seal-certificate.pem"
    first = ensure(path, elliptic, "G00.01", NOW)
    assert ensure(path, elliptic, "G00.01", NOW + timedelta(days=1)) == first
    other = create_seal_key(tmp_path / "other.pem")
    second = ensure(path, other, "G00.01", NOW)
    assert second != first
    assert ensure(path, elliptic, "G00.01", NOW) == first
    assert read(path) == [*first, *second]
    # An expired one is replaced, and stays.
    later = NOW + timedelta(days=4000)
    renewed = ensure(path, elliptic, "G00.01", later)
    assert renewed != first
    assert ensure(path, elliptic, "G00.01", later) == renewed


def test_an_operators_file_is_not_written_to(elliptic: FileSealKey, tmp_path: Path) -> None:
    path = tmp_path / "operators.pem"
    made = ensure(path, elliptic, "G00.01", NOW, keep=False)
    assert made[0].issuer == made[0].subject
    assert not path.exists()
    path.write_text("no certificate")
    with pytest.raises(SealCertificateUnusable, match=r"operators\.pem"):
        ensure(path, elliptic, "G00.01", NOW, keep=False)


def issued_by_an_authority(signer: Signer) -> tuple[tuple[x509.Certificate, ...], TrustStore]:
    """What an operator has who bought a certificate for the seal's key."""
    authority = ec.generate_private_key(ec.SECP256R1())
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, one)]) for one in ("CA", "Cổng")]
    public = own_certificate(signer).public_key()
    made = []
    for name, key, is_authority in ((names[0], authority.public_key(), True), (names[1], public, False)):
        made.append(
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(names[0])
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - timedelta(days=1))
            .not_valid_after(NOW + timedelta(days=365))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(
                x509.KeyUsage(
                    not is_authority, not is_authority, False, False, False, is_authority, False, False, False
                ),
                critical=True,
            )
            .sign(authority, hashes.SHA256())
        )
    return (made[1], made[0]), TrustStore([made[0]])


def test_an_operators_certificate_is_taken_with_those_above_it(elliptic: FileSealKey, tmp_path: Path) -> None:
    chain, _ = issued_by_an_authority(elliptic)
    path = tmp_path / "operators.pem"
    path.write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in reversed(chain)))
    assert ensure(path, elliptic, "G00.01", NOW) == chain


def test_what_is_sealed_is_read_again(signer: FileSealKey) -> None:
    certificate = own_certificate(signer)
    sealed = seal_files(digests(FILES), signer, [certificate], NOW)
    assert sealed.level == "XAdES-B-B"
    found = read_seal(sealed.content)
    assert found.jwk == signer.public_jwk()
    assert found.digests == digests(FILES)
    assert found.certificate == certificate
    assert found.signed_at == NOW
    assert found.timestamps == ()


def test_our_own_judge_accepts_the_seal_under_an_authority(elliptic: FileSealKey) -> None:
    chain, trust = issued_by_an_authority(elliptic)
    tsa = Tsa()
    sealed = seal_files(digests(FILES), elliptic, chain, NOW, stamp=lambda covered: tsa.token(covered, NOW))
    container = open_container(whole(FILES, sealed.content))
    assert isinstance(container, AsicContainer), container
    policy = Policy(revocation=RevocationRule(required=False))
    (judged,) = judge_container(container, policy=policy, trust=trust, now=NOW, tsa=tsa.trust(), level="XAdES-B-T")
    assert judged.verdict.passed, judged.verdict.reason_en
    assert judged.verdict.format == "XAdES-B-T"
    assert judged.covered == FILES.keys()


def test_a_time_stamp_over_the_value_makes_it_b_t(signer: FileSealKey) -> None:
    tsa = Tsa()
    certificate = own_certificate(signer)
    sealed = seal_files(digests(FILES), signer, [certificate], NOW, stamp=lambda covered: tsa.token(covered, NOW))
    assert sealed.level == "XAdES-B-T"
    (stamp,) = read_seal(sealed.content).timestamps
    used = verify_token(stamp.token_der, stamp.covered, tsa.trust(), NOW)
    assert getattr(used, "generated_at", used) == NOW
    # The authority did not answer: it stays what it was, and says so.
    assert seal_files(digests(FILES), signer, [certificate], NOW, stamp=lambda _: None).level == "XAdES-B-B"


def test_whoever_knows_only_xml_and_ecdsa_comes_to_the_same(elliptic: FileSealKey) -> None:
    """By lxml and cryptography alone: the canonical SignedInfo, the value over it, the digests in it."""
    content = seal_files(digests(FILES), elliptic, [own_certificate(elliptic)], NOW).content
    root = etree.fromstring(content)
    info = next(root.iter(f"{{{DSIG}}}SignedInfo"))
    canonical = etree.tostring(info, method="c14n", exclusive=True, with_comments=False)
    value = base64.b64decode(next(root.iter(f"{{{DSIG}}}SignatureValue")).text or "")
    signature = encode_dss_signature(int.from_bytes(value[:32], "big"), int.from_bytes(value[32:], "big"))
    public = own_certificate(elliptic).public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    public.verify(signature, canonical, ec.ECDSA(hashes.SHA256()))
    written = [base64.b64decode(one.text or "") for one in info.iter(f"{{{DSIG}}}DigestValue")]
    assert written[:-1] == list(digests(FILES).values())
    properties = next(root.iter(f"{{{XADES}}}SignedProperties"))
    over = etree.tostring(properties, method="c14n", exclusive=True, with_comments=False)
    assert written[-1] == hashlib.sha256(over).digest()


def test_a_stock_validator_accepts_the_seal_over_the_unpacked_files_and_sees_a_change(
    elliptic: FileSealKey, tmp_path: Path
) -> None:
    certificate = own_certificate(elliptic)
    tsa = Tsa()
    sealed = seal_files(digests(FILES), elliptic, [certificate], NOW, stamp=lambda covered: tsa.token(covered, NOW))
    for name, content in {**FILES, SIGNATURE_FILE: sealed.content}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    (tmp_path / "certificate.pem").write_bytes(certificate.public_bytes(Encoding.PEM))

    assert stock_validator.accepts(tmp_path, tmp_path / "certificate.pem", SIGNATURE_FILE)
    (tmp_path / "receipt.jws").write_bytes(b"a.b.d")
    assert not stock_validator.accepts(tmp_path, tmp_path / "certificate.pem", SIGNATURE_FILE)


def _forgeries(content: bytes) -> dict[str, bytes]:
    text = content.decode()
    value = re.findall(r"<ds:SignatureValue>([^<]+)<", text)[0]
    other = ("A" if value[10] != "A" else "B").join([value[:10], value[11:]])
    first = re.findall(r"<ds:DigestValue>([^<]+)<", text)[0]
    return {
        "value": content.replace(value.encode(), other.encode()),
        "a digest": content.replace(first.encode(), base64.b64encode(b"\1" * 32)),
        "the time": content.replace(b"2026-03-02T", b"2025-03-02T"),
        "a reference less": re.sub(rb'<ds:Reference Id="[^"]+" URI="receipt.jws">.*?</ds:Reference>', b"", content),
        "a name": content.replace(b'URI="receipt.jws"', b'URI="receipt.jwt"'),
        "a transform": content.replace(
            b'URI="receipt.jws">',
            b'URI="receipt.jws"><ds:Transforms><ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>'
            b"</ds:Transforms>",
        ),
        "two signatures": content.replace(b"</asic:", b"<ds:Signature/></asic:").replace(
            b"<asic:XAdESSignatures ", b'<asic:XAdESSignatures xmlns:ds="http://www.w3.org/2000/09/xmldsig#" '
        ),
        "no xml": content[:-5],
        "a doctype": content.replace(b"<asic:XAdES", b"<!DOCTYPE a><asic:XAdES", 1),
        "nothing": b"",
        "two properties": content.replace(b"</ds:Object>", b"<xades:SignedProperties/></ds:Object>"),
    }


@pytest.mark.parametrize("kind", list(_forgeries(b"<ds:SignatureValue>0123456789abc<<ds:DigestValue>0<")))
def test_a_changed_seal_is_broken(elliptic: FileSealKey, kind: str) -> None:
    content = seal_files(digests(FILES), elliptic, [own_certificate(elliptic)], NOW).content
    forged = _forgeries(content)[kind]
    assert forged != content
    with pytest.raises(SealBroken):
        read_seal(forged)


def test_a_seal_with_anothers_certificate_is_broken(elliptic: FileSealKey, tmp_path: Path) -> None:
    content = seal_files(digests(FILES), elliptic, [own_certificate(elliptic)], NOW).content
    own, other = own_certificate(elliptic), own_certificate(create_seal_key(tmp_path / "o.pem"))
    text = [base64.b64encode(one.public_bytes(Encoding.DER)) for one in (own, other)]
    written = re.findall(rb"<ds:X509Certificate>([^<]+)<", content)[0]
    with pytest.raises(SealBroken):
        read_seal(content.replace(written, text[1]))
    # The same key under another certificate: the signed properties name one, and only one.
    with pytest.raises(SealBroken, match="another certificate"):
        read_seal(content.replace(written, text[0]))


def test_another_algorithm_than_the_keys_is_refused(elliptic: FileSealKey) -> None:
    content = seal_files(digests(FILES), elliptic, [own_certificate(elliptic)], NOW).content
    for other in (b"rsa-sha256", b"hmac-sha256", b"ecdsa-sha512"):
        with pytest.raises(SealBroken, match="algorithm"):
            read_seal(content.replace(b"ecdsa-sha256", other))


def test_a_streamed_container_is_of_the_size_that_was_told() -> None:
    content = [b"x" * 100_000] * 30
    entries = [streamed("mimetype", MEDIA_TYPE.encode()), streamed("a/bộ.bin", b"".join(content), content)]
    made = b"".join(stream_zip(entries))
    assert len(made) == size_of(entries)
    from io import BytesIO
    from zipfile import ZipFile

    with ZipFile(BytesIO(made)) as archive:
        assert archive.testzip() is None
        assert archive.read("a/bộ.bin") == b"".join(content)


@pytest.mark.parametrize("chunks", [[b"short"], [b"much too long for it"], []])
def test_a_content_of_another_size_than_told_ends_the_stream(chunks: list[bytes]) -> None:
    with pytest.raises(StreamedDiffers, match=r"a\.bin"):
        b"".join(stream_zip([streamed("a.bin", b"ten bytes.", chunks)]))


def test_what_needs_zip64_is_refused_before_the_first_byte() -> None:
    huge = Streamed(name="a", size_bytes=2**32, crc32=0, chunks=list)
    with pytest.raises(ZipTooLarge):
        next(stream_zip([huge]))
    with pytest.raises(ZipTooLarge):
        size_of([streamed(str(number), b"") for number in range(1001)])
