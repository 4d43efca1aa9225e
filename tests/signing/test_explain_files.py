"""Files inside an envelope, and what signing software hashed: work done in the wrong order is named."""

import base64
import hashlib
import re
from collections.abc import Callable

import pytest
from lxml import etree

from signing.demo_pki import Holder
from signing.explain import EXPLAINED_BYTES_MAX
from signing.explain_search import Search
from signing.indication import Refusal
from signing.sign import sign
from tests.signing.faults import (
    ENVELOPE,
    FORM,
    LEVELS,
    Change,
    around,
    dossier,
    explained,
    form_of,
    replaced,
    signed_at,
    signed_dossier,
    styled,
)
from tests.signing.workshop import DOCUMENT, NOW, forge, reference, signed_info, unsigned

_FILE = re.compile(rb"(<DoDaiFile>)(\d+)(</DoDaiFile>\s*<NoiDungFile>)([^<]*)(</NoiDungFile>)")


def each_file(content: bytes, change: Callable[[int, bytes], bytes], length: str = "text") -> bytes:
    """Put other contents into an envelope's files, with a length of either kind."""
    number = -1

    def write(match: "re.Match[bytes]") -> bytes:
        nonlocal number
        number += 1
        raw = base64.b64decode(match[4])
        new = change(number, raw)
        if new == raw:
            return match[0]
        text = base64.b64encode(new)
        told = {"text": len(text), "bytes": len(new), "kept": int(match[2])}[length]
        return match[1] + str(told).encode() + match[3] + text + match[5]

    return _FILE.sub(write, content)


def with_places(spelling: bytes) -> Change:
    """Write the place of each form's signature in one spelling."""
    return lambda content: each_file(content, lambda _, raw: raw.replace(b"<Cky/>", spelling))


@pytest.mark.parametrize("spelling", [b"<Cky/>", b"<Cky></Cky>", b"<Cky />"])
@pytest.mark.parametrize("length", ["text", "bytes", "kept"])
def test_forms_signed_after_the_envelope_are_told_as_the_wrong_order(
    spelling: bytes, length: str, holder: Holder
) -> None:
    signed = signed_dossier(holder, with_places(spelling)(dossier()), level="envelope")
    paths = ("/D02-TS/Cky", "/TK1-TS/Cky", "/D01-TS/Cky")

    def sign_form(number: int, raw: bytes) -> bytes:
        return sign(raw, paths[number], holder.key, holder.certificate, now=NOW) if number < len(paths) else raw

    content = around(signed, lambda one: each_file(one, sign_form, length))
    refusal = explained(content, ENVELOPE)
    assert refusal.code == "digest-differs-form-signed-later"
    assert refusal.fields == {"files": "D02-TS-595.xml, TK1-TS-595.xml, D01-TS-595.xml"}


@pytest.mark.parametrize("number", [0, 2])
def test_one_form_signed_after_the_envelope_is_named(number: int, holder: Holder) -> None:
    signed = signed_dossier(holder, level="envelope")
    path, name = (("/D02-TS/Cky", "D02-TS-595.xml"), ("", ""), ("/D01-TS/Cky", "D01-TS-595.xml"))[number]

    def sign_form(at: int, raw: bytes) -> bytes:
        return sign(raw, path, holder.key, holder.certificate, now=NOW) if at == number else raw

    refusal = explained(around(signed, lambda one: each_file(one, sign_form)), ENVELOPE)
    assert refusal == Refusal("digest-differs-form-signed-later", {"files": name})


def test_a_form_that_was_edited_and_signed_afterwards_is_not_blamed_on_the_order(holder: Holder) -> None:
    signed = signed_dossier(holder, level="envelope")

    def sign_form(at: int, raw: bytes) -> bytes:
        edited = raw.replace(b"20450000", b"99999999")
        return sign(edited, FORM, holder.key, holder.certificate, now=NOW) if at == 0 else raw

    assert explained(around(signed, lambda one: each_file(one, sign_form)), ENVELOPE).code == "digest-differs"


@pytest.mark.parametrize("length", ["text", "kept"])
def test_a_field_of_a_form_that_was_edited_after_both_were_signed_is_named_on_both_levels(
    length: str, holder: Holder
) -> None:
    def spoil(number: int, raw: bytes) -> bytes:
        return raw.replace(b"<CMND>001171937128<", b"<CMND>1171937128<") if number == 0 else raw

    content = around(signed_dossier(holder), lambda one: each_file(one, spoil, length))
    refusal = explained(content, ENVELOPE)
    assert refusal.code == "digest-differs-form-edited"
    assert refusal.fields["file"] == "D02-TS-595.xml"
    inner = explained(form_of(content), FORM)
    assert inner.code == "digest-differs-field"
    for name, words in inner.fields.items():
        assert refusal.fields[name] == words


def test_a_form_edited_in_an_envelope_that_was_edited_too_is_not_the_envelopes_cause(holder: Holder) -> None:
    def spoil(number: int, raw: bytes) -> bytes:
        return raw.replace(b"<CMND>001171937128<", b"<CMND>1171937128<") if number == 0 else raw

    def both(content: bytes) -> bytes:
        return replaced("<TenIVAN>VNPOST", "<TenIVAN>Viettel")(each_file(content, spoil))

    content = around(signed_dossier(holder), both)
    assert explained(content, ENVELOPE).code == "digest-differs"
    assert explained(form_of(content), FORM).code == "digest-differs-field"


@pytest.mark.parametrize(
    "save",
    [
        lambda raw: b"\xef\xbb\xbf" + raw,
        lambda raw: raw.replace(b"\n", b"\r\n"),
        lambda raw: b"\xef\xbb\xbf" + raw.replace(b"\n", b"\r\n"),
        lambda raw: raw.rstrip(),
    ],
)
@pytest.mark.parametrize("which", [(0, 1, 2), (1,)])
def test_a_form_that_was_saved_again_is_named(
    save: Callable[[bytes], bytes], which: tuple[int, ...], holder: Holder
) -> None:
    content = around(
        signed_dossier(holder), lambda one: each_file(one, lambda at, raw: save(raw) if at in which else raw)
    )
    refusal = explained(content, ENVELOPE)
    assert refusal.code == "digest-differs-form-saved"
    assert refusal.fields["files"].count(".xml") == len(which)


def test_lengths_and_counts_that_were_rewritten_are_named(holder: Holder) -> None:
    signed = signed_dossier(holder)

    def measured(match: "re.Match[bytes]") -> bytes:
        return match[1] + str(len(base64.b64decode(match[4]))).encode() + b"".join(match.groups()[2:])

    every = explained(around(signed, lambda one: _FILE.sub(measured, one)), ENVELOPE)
    one = explained(around(signed, lambda one: _FILE.sub(measured, one, count=1)), ENVELOPE)
    for refusal in (every, one):
        assert refusal.code == "digest-differs-lengths"
        assert refusal.fields["place_vi"].endswith("FileToKhai[1]/DoDaiFile (dòng 1, D02-TS-595.xml)")
    count = explained(around(signed, replaced("<SoLuongFile>4", "<SoLuongFile>3")), ENVELOPE)
    assert (count.code, count.fields["signed_vi"]) == ("digest-differs-lengths", "“4”")
    wrong = explained(around(signed, replaced("<SoLuongFile>4", "<SoLuongFile>71")), ENVELOPE)
    assert wrong.code != "digest-differs-lengths" or wrong.fields["signed_vi"] == "“4”"


@pytest.mark.parametrize("end", ["\n", "&#13;\n"])
@pytest.mark.parametrize("which", [0, 1])
def test_base64_that_was_broken_into_lines_or_joined_is_told(end: str, which: int, holder: Holder) -> None:
    def wrap(content: bytes) -> bytes:
        def lines(match: "re.Match[bytes]") -> bytes:
            text = match[4]
            broken = end.encode().join(text[at : at + 76] for at in range(0, len(text), 76))
            return b"".join((*match.groups()[:3], broken, match[5]))

        return _FILE.sub(lines, content, count=which)  # all, or the first alone

    broken = explained(around(signed_dossier(holder), wrap), ENVELOPE)
    assert broken.code == "digest-differs-base64-lines"
    assert broken.fields["place_vi"].endswith("NoiDungFile (dòng 1, D02-TS-595.xml)")
    wrapped = wrap(signed_dossier(holder, level="forms"))
    signed = signed_dossier(holder, wrapped, level="envelope")
    joined = around(
        signed,
        lambda one: _FILE.sub(
            lambda match: b"".join((*match.groups()[:3], b"".join(match[4].replace(b"&#13;", b"").split()), match[5])),
            one,
        ),
    )
    assert explained(joined, ENVELOPE).code == "digest-differs-base64-lines"


def test_a_digest_made_with_another_hash_is_named(holder: Holder) -> None:
    canonical = etree.tostring(etree.fromstring(unsigned()).getroottree(), method="c14n")
    for name, called in (("sha1", "SHA-1"), ("sha512", "SHA-512")):
        content = forge(holder, info=signed_info(reference(hashlib.new(name, canonical).digest())))
        assert explained(content, FORM) == Refusal("digest-differs-hash", {"found": called})


@pytest.mark.parametrize("spelling", ["<Cky></Cky>", "<Cky/>", "<Cky />"])
def test_a_digest_of_the_bytes_of_the_file_is_told(spelling: str, holder: Holder) -> None:
    raw = DOCUMENT.replace("<Cky>@</Cky>", spelling).encode()
    for hashed in (raw, b"\xef\xbb\xbf" + raw, raw.partition(b"\r\n")[2]):
        content = forge(holder, info=signed_info(reference(hashlib.sha256(hashed).digest())))
        if hashed.startswith(b"\xef\xbb\xbf"):
            content = b"\xef\xbb\xbf" + content
        assert explained(content, FORM).code == "digest-differs-raw"
    other = raw.replace(b"5310000", b"1")
    content = forge(holder, info=signed_info(reference(hashlib.sha256(other).digest())))
    assert explained(content, FORM).code == "digest-differs"


@pytest.mark.parametrize("before", ["  ", ""])
def test_a_place_that_was_made_after_the_digest_is_told(before: str, holder: Holder) -> None:
    without = DOCUMENT.replace(before + "<Cky>@</Cky>", "").encode()
    digest = hashlib.sha256(etree.tostring(etree.fromstring(without).getroottree(), method="c14n")).digest()
    document = DOCUMENT if before else DOCUMENT.replace("  <Cky>", "<Cky>")
    without = document.replace("<Cky>@</Cky>", "").encode()
    digest = hashlib.sha256(etree.tostring(etree.fromstring(without).getroottree(), method="c14n")).digest()
    content = forge(holder, document=document, info=signed_info(reference(digest)))
    assert explained(content, FORM).code == "digest-differs-place"


@pytest.mark.parametrize("level", LEVELS)
def test_a_claimed_signing_time_may_be_edited_and_is_no_cause(level: str, holder: Holder) -> None:
    content = signed_at(level, holder, styled("\n", "  "))
    other = re.sub(rb"(<SigningTime[^>]*>)[^<]*<", rb"\g<1>2020-01-01<", content)
    assert other != content
    with pytest.raises(AssertionError):
        explained(other, LEVELS[level])  # the digest does not differ
    assert explained(around(other, styled(None)), LEVELS[level]).code == "digest-differs-indentation"


def test_a_search_that_is_cut_short_says_so_and_names_nothing(holder: Holder) -> None:
    content = around(signed_dossier(holder), replaced("<CoQuanQuanLy>07906", "<CoQuanQuanLy>7906"))
    assert explained(content, ENVELOPE).code == "digest-differs-field"
    for search in (Search(bytes_max=2**16), Search(candidates_max=3), Search(bytes_max=0)):
        refusal = explained(content, ENVELOPE, search=search)
        assert refusal == Refusal("digest-differs", {"search": "cut-short"})
    lost = around(signed_dossier(holder), replaced("<TenIVAN>VNPOST", "<TenIVAN>Viettel"))
    assert explained(lost, ENVELOPE) == Refusal("digest-differs", {"search": "complete"})


def test_documents_of_one_dossier_may_share_a_budget(holder: Holder) -> None:
    signed = signed_dossier(holder)
    search = Search(bytes_max=24 * 2**20)
    content = around(signed, replaced("<TenIVAN>VNPOST", "<TenIVAN>Viettel"))
    assert explained(content, ENVELOPE, search=search) == Refusal("digest-differs", {"search": "cut-short"})
    left = search.bytes_left
    assert 0 <= left < 2**20
    form = around(form_of(signed), replaced("<TyleDong>32.0", "<TyleDong>32"))
    assert explained(form, FORM).code == "digest-differs-field"
    assert explained(form, FORM, search=search).fields == {"search": "cut-short"}
    assert search.bytes_left <= left


def test_a_huge_document_is_not_searched(holder: Holder) -> None:
    huge = dossier(attachments=1, attachment_bytes=EXPLAINED_BYTES_MAX)
    content = around(signed_dossier(holder, huge), replaced("<CoQuanQuanLy>07906", "<CoQuanQuanLy>7906"))
    search = Search()
    refusal = explained(content, ENVELOPE, search=search)
    assert refusal == Refusal("digest-differs", {"search": "cut-short"})
    assert search.bytes_left == Search().bytes_left
