"""What a container's signatures cover is all that it holds; and containers that we make are those that we accept."""

import io
import zipfile
from collections.abc import Mapping

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from signing.asic import (
    ENVELOPE,
    AsicContainer,
    ContainerSignature,
    DossierEntries,
    dossier_entries,
    judge_container,
    match_files,
    open_container,
)
from signing.asic_manifest import MEDIA_TYPE
from signing.demo_pki import Holder
from signing.dossier import ENVELOPE_SIGNATURE_PATH
from signing.indication import Indication, Refusal, SubIndication
from signing.placing import SigningImpossible
from signing.policy import Policy, RevocationRule
from signing.sign_asic import add_signature, container_of_envelope, make_container
from signing.sign_xades import sign_detached
from signing.trust import TrustStore
from signing.zip_container import Container, open_zip
from signing.zip_writing import append, pack, write_zip
from tests.signing.test_dossier import DOSSIER, PATHS, forms
from tests.signing.workshop import NOW, judge

FILES: dict[str, bytes] = {
    ENVELOPE: "<Hoso><NoiDung>Nguyễn Thị Mẫu</NoiDung><CKy_Dvi/></Hoso>".encode(),
    "phụ lục.pdf": b"%PDF-1.7 " * 30,
}
SIGNATURE = "META-INF/signatures001.xml"


def opened(content: bytes) -> AsicContainer:
    container = open_container(content)
    assert isinstance(container, AsicContainer), container
    return container


def judged(content: bytes, trust: TrustStore, policy: Policy | None = None) -> tuple[ContainerSignature, ...]:
    return judge_container(opened(content), policy=policy or Policy(), trust=trust, now=NOW)


def put_together(files: Mapping[str, bytes], signatures: Mapping[str, bytes]) -> bytes:
    """A container without a manifest, of whatever is told."""
    packed = [pack(name, content) for name, content in (*files.items(), *signatures.items())]
    return write_zip([pack("mimetype", MEDIA_TYPE.encode(), stored=True), *packed])


def signed_over(files: Mapping[str, bytes], holder: Holder) -> bytes:
    return sign_detached(files, holder.key, holder.certificate, NOW)


@pytest.fixture(scope="module")
def container(holder: Holder) -> bytes:
    return make_container(FILES, holder.key, holder.certificate, now=NOW)


@pytest.mark.parametrize("who", ["holder", "elliptic"])
def test_what_we_make_passes_and_covers_everything(who: str, trust: TrustStore, request: pytest.FixtureRequest) -> None:
    signer: Holder = request.getfixturevalue(who)
    (found,) = judged(make_container(FILES, signer.key, signer.certificate, now=NOW), trust)
    assert found.verdict.passed, found.verdict.reason_en
    assert found.name == found.verdict.file == SIGNATURE
    assert found.covered == FILES.keys()
    assert found.verdict.format == "XAdES-B-B"
    assert found.verdict.signer is not None
    assert found.verdict.signer.serial == f"{signer.certificate.serial_number:x}"


def test_a_container_in_a_file_is_judged_alike(container: bytes, trust: TrustStore) -> None:
    from_file = open_container(io.BytesIO(container))
    assert isinstance(from_file, AsicContainer)
    assert judge_container(from_file, policy=Policy(), trust=trust, now=NOW) == judged(container, trust)


def test_python_reads_what_we_make(container: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(container)) as peer:
        assert peer.testzip() is None
        assert peer.namelist() == ["mimetype", *FILES, "META-INF/manifest.xml", SIGNATURE]
        assert {name: peer.read(name) for name in FILES} == FILES
        assert peer.infolist()[0].compress_type == zipfile.ZIP_STORED
    assert container[38 : 38 + len(MEDIA_TYPE)] == MEDIA_TYPE.encode()


def test_the_same_entries_make_the_same_container(container: bytes, holder: Holder) -> None:
    assert make_container(FILES, holder.key, holder.certificate, now=NOW) == container


def test_content_that_could_pass_for_a_bomb_is_stored(holder: Holder, trust: TrustStore) -> None:
    content = make_container({"a.xml": b" " * 3_000_000}, holder.key, holder.certificate, now=NOW)
    assert judged(content, trust)[0].verdict.passed


@pytest.mark.parametrize(
    "name", ["a b.pdf", "100%.pdf", "a%20b.pdf", "a#b?c=d&e.pdf", "a+b,(c);'d'.pdf", "Đơn/số 1.pdf"]
)
def test_names_that_a_uri_does_not_carry_as_they_are(name: str, holder: Holder, trust: TrustStore) -> None:
    content = make_container({name: b"abc"}, holder.key, holder.certificate, now=NOW)
    (found,) = judged(content, trust)
    assert found.verdict.passed, found.verdict.reason_en
    assert found.covered == {name}


def test_an_entry_added_after_signing_is_refused_by_its_name(holder: Holder, trust: TrustStore) -> None:
    content = put_together(FILES, {SIGNATURE: signed_over(FILES, holder)})
    assert judged(content, trust)[0].verdict.passed
    (found,) = judged(append(content, opened(content).zip.directory, [pack("them.pdf", b"%PDF")]), trust)
    assert found.verdict.reason_code == "container-entry-not-signed"
    assert found.verdict.indication is Indication.INDETERMINATE
    assert found.verdict.sub_indication is SubIndication.SIG_CONSTRAINTS_FAILURE
    assert "them.pdf" in found.verdict.reason_vi
    assert "them.pdf" in found.verdict.reason_en


def test_an_entry_added_while_revocation_data_is_awaited_does_not_wait(holder: Holder, trust: TrustStore) -> None:
    policy = Policy(id="asks", revocation=RevocationRule(required=True))
    content = put_together(FILES, {SIGNATURE: signed_over(FILES, holder)})
    assert judged(content, trust, policy)[0].verdict.waits
    (found,) = judged(append(content, opened(content).zip.directory, [pack("them.pdf", b"%PDF")]), trust, policy)
    assert found.verdict.reason_code == "container-entry-not-signed"
    assert not found.verdict.waits


def test_changed_content_fails_and_covers_nothing(holder: Holder, trust: TrustStore) -> None:
    signatures = {SIGNATURE: signed_over(FILES, holder)}
    first, second = FILES
    changed = FILES | {second: FILES[second] + b" "}
    swapped = {first: FILES[second], second: FILES[first]}
    for files in (changed, swapped):
        (found,) = judged(put_together(files, signatures), trust)
        assert found.verdict.sub_indication is SubIndication.HASH_FAILURE
        assert not found.covered


def test_an_entry_that_was_taken_out_or_renamed_is_missed(holder: Holder, trust: TrustStore) -> None:
    signatures = {SIGNATURE: signed_over(FILES, holder)}
    envelope, other = FILES
    for files in ({envelope: FILES[envelope]}, {envelope: FILES[envelope], "khác.pdf": FILES[other]}):
        (found,) = judged(put_together(files, signatures), trust)
        assert found.verdict.sub_indication is SubIndication.SIGNED_DATA_NOT_FOUND
        assert not found.verdict.passed


def test_each_signature_is_judged_by_itself(holder: Holder, elliptic: Holder, trust: TrustStore) -> None:
    part = {ENVELOPE: FILES[ENVELOPE]}
    signatures = {
        SIGNATURE: signed_over(FILES, holder),
        "META-INF/signatures002.xml": signed_over(part, elliptic),
        "META-INF/signatures003.xml": b"<!DOCTYPE a><a/>",
        "META-INF/signatures004.xml": b"<a/>",
    }
    found = judged(put_together(FILES, signatures), trust)
    assert [one.name for one in found] == list(signatures)
    assert [one.verdict.passed for one in found] == [True, False, False, False]
    assert found[1].covered == part.keys()
    assert found[1].verdict.reason_code == "container-entry-not-signed"
    assert found[2].verdict.reason_code == "container-signature-unreadable"
    assert found[3].verdict.indication is Indication.TOTAL_FAILED


def test_a_signature_of_nobody_known_is_told_as_such(container: bytes) -> None:
    (found,) = judged(container, TrustStore([]))
    assert found.verdict.sub_indication is SubIndication.NO_CERTIFICATE_CHAIN_FOUND


def test_a_signature_over_the_media_type_and_the_manifest_too_is_no_fault(
    container: bytes, holder: Holder, trust: TrustStore
) -> None:
    with zipfile.ZipFile(io.BytesIO(container)) as peer:
        everything = {name: peer.read(name) for name in peer.namelist() if name != SIGNATURE}
    files = {name: content for name, content in everything.items() if name != "mimetype"}
    (found,) = judged(put_together(files, {SIGNATURE: signed_over(everything, holder)}), trust)
    assert found.verdict.passed, found.verdict.reason_en
    assert found.covered > FILES.keys()


def test_a_second_signature_leaves_every_other_byte(
    container: bytes, holder: Holder, elliptic: Holder, trust: TrustStore
) -> None:
    twice = add_signature(container, elliptic.key, elliptic.certificate, NOW)
    before = open_zip(container)
    assert isinstance(before, Container)
    assert twice.startswith(container[: before.directory.offset])
    unit, provider = judged(twice, trust)
    assert (unit.name, provider.name) == (SIGNATURE, "META-INF/signatures002.xml")
    assert unit == judged(container, trust)[0]
    assert provider.verdict.passed
    assert provider.covered == FILES.keys()
    assert provider.verdict.signer is not None
    assert provider.verdict.signer.serial == f"{elliptic.certificate.serial_number:x}"
    with zipfile.ZipFile(io.BytesIO(twice)) as peer:
        assert peer.testzip() is None


def test_a_second_signature_keeps_comment_and_records_of_other_software(holder: Holder, trust: TrustStore) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.comment = f"mimetype={MEDIA_TYPE}".encode()
        archive.writestr("mimetype", MEDIA_TYPE, zipfile.ZIP_STORED)
        archive.writestr("a.xml", "<a/>")
        archive.writestr("META-INF/signatures0.xml", signed_over({"a.xml": b"<a/>"}, holder))
    twice = add_signature(file.getvalue(), holder.key, holder.certificate, NOW)
    assert [one.verdict.passed for one in judged(twice, trust)] == [True, True]
    with zipfile.ZipFile(io.BytesIO(twice)) as peer:
        assert peer.comment == f"mimetype={MEDIA_TYPE}".encode()
        assert peer.testzip() is None


def test_a_ninth_signature_is_not_made(container: bytes, elliptic: Holder, trust: TrustStore) -> None:
    for _ in range(7):
        container = add_signature(container, elliptic.key, elliptic.certificate, NOW)
    assert [one.verdict.passed for one in judged(container, trust)] == [True] * 8
    with pytest.raises(SigningImpossible, match="8 signatures"):
        add_signature(container, elliptic.key, elliptic.certificate, NOW)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "nothing to sign"),
        ({"mimetype": b"a"}, "mimetype is not for data"),
        ({"META-INF/a.xml": b"a"}, "META-INF/a.xml is not for data"),
        ({"meta-inf/a.xml": b"a"}, "meta-inf"),
        ({"../a.xml": b"a"}, "a.xml"),
        ({"a.xml": b"a", "A.xml": b"b"}, "are one"),
        ({"a\0": b"a"}, "a"),
        ({"a/": b""}, "a/"),
    ],
)
def test_what_we_would_not_accept_is_not_made(files: dict[str, bytes], words: str, holder: Holder) -> None:
    with pytest.raises(SigningImpossible, match=words):
        make_container(files, holder.key, holder.certificate, now=NOW)


def test_a_key_that_is_not_the_certificates_makes_nothing(container: bytes, holder: Holder, elliptic: Holder) -> None:
    with pytest.raises(SigningImpossible):
        make_container(FILES, holder.key, elliptic.certificate, now=NOW)
    with pytest.raises(SigningImpossible):
        add_signature(container, holder.key, elliptic.certificate, NOW)


def test_a_container_that_is_refused_is_not_signed_again(container: bytes, holder: Holder) -> None:
    with pytest.raises(SigningImpossible, match="after the end"):
        add_signature(container + b" ", holder.key, holder.certificate, NOW)


def test_an_envelope_becomes_a_container_with_its_forms_signed(holder: Holder, trust: TrustStore) -> None:
    content = container_of_envelope(DOSSIER, holder.key, holder.certificate, NOW, signature_paths=PATHS)
    container = opened(content)
    assert judged(content, trust)[0].verdict.passed
    entries = dossier_entries(container)
    assert isinstance(entries, DossierEntries)
    assert match_files(entries, []) is None
    first, _, second = forms(entries.envelope)
    assert judge(first, trust, path="/D02-TS/Cky").passed
    assert judge(second, trust, path="/M05A-HSB/Cky").passed
    place = etree.fromstring(entries.envelope).find(ENVELOPE_SIGNATURE_PATH.rpartition("/")[2])
    assert place is not None
    assert len(place) == 0


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    place=st.floats(0, 1, exclude_max=True),
    byte=st.integers(0, 255),
    how=st.sampled_from(["change", "insert", "delete"]),
)
def test_whatever_byte_is_changed_what_passes_holds_what_was_signed(
    place: float, byte: int, how: str, container: bytes, trust: TrustStore
) -> None:
    at = int(place * len(container))
    after = container[at:] if how == "insert" else container[at + 1 :]
    changed = container[:at] + (b"" if how == "delete" else bytes([byte])) + after
    found = open_container(changed)
    if isinstance(found, Refusal):
        return
    for one in judge_container(found, policy=Policy(), trust=trust, now=NOW):
        if one.verdict.passed:
            assert {entry.name: found.zip.read(entry, 10**6) for entry in found.data_objects} == FILES
