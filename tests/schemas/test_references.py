"""A paper that is held already is told by its digest; nothing else may be, and the envelope's rules hold as ever."""

import hashlib
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.envelope_files import REFERENCE
from schemas.references import digests_in, kind_differs, references_of
from schemas.sample import Reference, make_dossier, tax_code
from tests.schemas.judging import ON, PDF, codes, dossier, file, judge, opened, reference, tree
from tests.schemas.test_envelope import TREES

DIGEST = hashlib.sha256(PDF).digest()


def test_a_reference_is_read_as_one_and_holds_no_content():
    box, found = opened(dossier(file(), reference(sha256=DIGEST)))
    assert found == []
    (_, one) = box.files
    assert references_of(box) == (one,)
    assert (one.kind, one.form, one.name, one.ending) == (REFERENCE, "CT-DK", "HopDong.pdf", ".pdf")
    assert (one.refers_to, one.sha256, one.size_bytes, one.declared_length) == (DIGEST, DIGEST, 0, 44)
    with pytest.raises(ValueError, match="only the digest"):
        _ = one.content


def test_a_document_that_was_sent_is_no_reference():
    box, _ = opened(dossier(file(), file("CT-DK", "a.pdf", ".pdf", PDF)))
    assert [one.refers_to for one in box.files] == [None, None]
    assert references_of(box) == ()
    assert digests_in(tree(dossier(file()))) == ()


def test_a_dossier_with_a_reference_is_good_and_its_digest_can_be_had_before_it_is_judged():
    filed = dossier(file(), reference(sha256=DIGEST), reference("Khac.png"), reference("Lai.pdf", DIGEST))
    assert judge(filed) == []
    assert digests_in(tree(filed)) == (DIGEST, b"\x07" * 32)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (reference(sha256=DIGEST[:31]), "reference-malformed"),
        (reference(sha256=DIGEST + b"x"), "reference-malformed"),
        (reference(sha256=DIGEST.hex().encode()), "reference-malformed"),
        (reference(text="QUJD*"), "file-base64-broken"),
        (reference(text=""), "file-empty"),
        (reference(sha256=DIGEST, length=7), "file-length-mismatch"),
        (reference(sha256=DIGEST, length=32), "file-length-decoded"),
        (reference("D02-TS.xml", DIGEST, code="D02-TS"), "reference-not-a-paper"),
        (reference("M05A.xml", DIGEST, code="05A-HSB"), "reference-not-a-paper"),
        (reference("a.exe", DIGEST), "attachment-kind-not-allowed"),
        (reference("khong-duoi", DIGEST), "attachment-kind-not-allowed"),
        (reference("../a.pdf", DIGEST), "file-name-unsafe"),
        (reference("D02-TS-595.xml", DIGEST), "file-name-repeated"),
        (reference(sha256=DIGEST, code="HD"), "attachment-code-unexpected"),
    ],
)
def test_what_is_wrong_with_a_reference_is_told(wrong, says):
    assert says in codes(judge(dossier(file(), wrong)))


def test_a_form_that_was_only_referred_to_is_not_also_missing():
    assert codes(judge(dossier(reference("D02-TS.xml", DIGEST, code="D02-TS")))) == ["reference-not-a-paper"]


def test_a_reference_is_counted_as_a_file():
    assert "file-count-mismatch" in codes(judge(dossier(file(), reference(sha256=DIGEST), SoLuongFile=1)))


def test_the_case_of_the_kind_does_not_matter():
    mixed = reference(sha256=DIGEST).replace("urn:sha256", " URN:SHA256 ")
    assert digests_in(tree(dossier(file(), mixed))) == (DIGEST,)
    assert opened(dossier(file(), mixed))[0].files[1].refers_to == DIGEST


@pytest.mark.parametrize("broken", ["QUJD*", "", "QQ==", "A" * 4000])
def test_what_is_malformed_is_not_looked_for(broken):
    assert digests_in(tree(dossier(reference(text=broken)))) == ()


@given(TREES, st.booleans())
def test_any_tree_is_looked_through_without_raising(source, kinds):
    source = source.replace("<x>", "<LoaiFile>urn:sha256").replace("</x>", "</LoaiFile>") if kinds else source
    assert all(len(one) == 32 for one in digests_in(tree(source)))


def test_a_name_that_ends_otherwise_than_the_document_is_told():
    box, _ = opened(dossier(file(), reference("a.pdf", DIGEST)))
    one = box.files[1]
    assert kind_differs(one, [".pdf"]) == kind_differs(one, [".png", ".pdf"]) == kind_differs(one, []) == []
    (told,) = kind_differs(one, [".png"])
    assert (told.code, told.value, told.file) == ("reference-kind-differs", ".pdf", "a.pdf")


def test_a_sample_may_refer_to_documents():
    content = make_dossier(
        "600", unit="AK4549H", tax_code=tax_code(1), office="07906", period="01/2026", made_on=ON, attachments=0,
        references=[Reference("HopDong.pdf", DIGEST)],
    )  # fmt: skip
    assert judge(content) == []
    assert digests_in(tree(content)) == (DIGEST,)
    assert f"<NoiDungFile>{b64encode(DIGEST).decode()}</NoiDungFile>".encode() in content
