"""The codes on paper: what we made is read back, what somebody changed is refused, what is foreign is passed over."""

import string
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
import segno
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from hypothesis import given
from hypothesis import strategies as st

from gateway.ids import dossier_id
from gateway.mailroom.codes import (
    FORM_PAGES_MAX,
    PAGE_CHARACTERS_MAX,
    CodeTooLarge,
    CoverCode,
    DossierCode,
    ItemCode,
    PageCode,
    Printed,
    check_cover,
    check_page,
    cover_code,
    digest_of,
    page_code,
    read_code,
)
from gateway.postal.pieces import Piece
from signing.jwks import PublishedKey
from signing.seal import FileSealKey

OURS = FileSealKey(ed25519.Ed25519PrivateKey.from_private_bytes(b"\1" * 32))
THEIRS = FileSealKey(ed25519.Ed25519PrivateKey.from_private_bytes(b"\2" * 32))
KEYS = (PublishedKey(jwk=THEIRS.public_jwk()), PublishedKey(jwk=OURS.public_jwk()))
DOSSIER, OTHER = dossier_id(b"a" * 32), dossier_id(b"b" * 32)
PIECES = (Piece(kind="form", count=2, form="D02-TS", pages=3), Piece(kind="book", count=12, original=True))
PRINTED = (Printed(number=1, form="D02-TS", pages=3), Printed(number=2, form="TK1-TS", pages=2))
TOLD: dict[str, Any] = {
    "announcement": "p-abc",
    "dossier": DOSSIER,
    "sha256": b"a" * 32,
    "half_of": "",
    "pieces": PIECES,
    "printed": PRINTED,
}
DIGEST = digest_of(**TOLD)
COVER = cover_code(DOSSIER, DIGEST, OURS)
PAGE = page_code(DOSSIER, DIGEST, 1, 2, 3)


def read_cover(text: str) -> CoverCode:
    found = read_code(text)
    assert isinstance(found, CoverCode)
    return found


def read_page(text: str) -> PageCode:
    found = read_code(text)
    assert isinstance(found, PageCode)
    return found


def test_a_cover_is_read_back_and_holds_under_the_key_that_signed_it() -> None:
    read = read_cover(COVER)
    assert (read.dossier, read.digest) == (DOSSIER, DIGEST)
    assert check_cover(read, KEYS)
    assert segno.make_qr(COVER, error="m", boost_error=False).version in range(1, 11)


def test_a_cover_signed_by_a_p_256_key_holds_too() -> None:
    key = FileSealKey(ec.generate_private_key(ec.SECP256R1()))
    assert check_cover(read_cover(cover_code(DOSSIER, DIGEST, key)), [PublishedKey(jwk=key.public_jwk())])


def test_a_cover_with_another_digest_does_not_hold() -> None:
    forged = msgspec.structs.replace(read_cover(COVER), digest=digest_of(**TOLD | {"pieces": PIECES[:1]}))
    assert not check_cover(forged, KEYS)


def test_a_cover_with_another_dossier_does_not_hold() -> None:
    assert not check_cover(read_cover(COVER.replace(DOSSIER, OTHER)), KEYS)


def test_a_cover_signed_by_another_key_does_not_hold_though_it_names_ours() -> None:
    assert not check_cover(read_cover(cover_code(DOSSIER, DIGEST, THEIRS)), KEYS[1:])
    forged = cover_code(DOSSIER, DIGEST, THEIRS).replace(f"/{THEIRS.kid[:8]}/", f"/{OURS.kid[:8]}/")
    assert forged != COVER
    assert not check_cover(read_cover(forged), KEYS)


def test_a_statement_under_our_seal_is_no_signature_of_a_cover() -> None:
    # The same bytes signed without what tells a cover from everything else.
    signature = OURS.sign(DOSSIER.encode() + b"\0" + DIGEST)
    assert not check_cover(msgspec.structs.replace(read_cover(COVER), signature=signature), KEYS)


def test_a_key_that_was_in_other_hands_vouches_for_no_cover() -> None:
    lost = PublishedKey(jwk=OURS.public_jwk(), compromised_at=datetime(2026, 3, 2, tzinfo=UTC))
    assert not check_cover(read_cover(COVER), [lost])


def test_a_cover_holds_after_its_keys_period() -> None:
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    retired = PublishedKey(jwk=OURS.public_jwk(), seals_from=long_ago, seals_until=long_ago)
    assert check_cover(read_cover(COVER), [retired])


def test_a_page_is_read_back_and_belongs_to_its_digest_alone() -> None:
    read = read_page(PAGE)
    assert (read.dossier, read.number, read.page, read.pages) == (DOSSIER, 1, 2, 3)
    assert check_page(read, DIGEST)
    assert not check_page(read, digest_of(**TOLD | {"announcement": "p-other"}))
    assert len(PAGE) <= PAGE_CHARACTERS_MAX
    assert segno.make_qr(PAGE, error="m", boost_error=False).version in (1, 2, 3)


@pytest.mark.parametrize("place", ["1.1.3", "1.2.4", "2.2.3"])
def test_a_page_that_says_another_place_does_not_belong(place: str) -> None:
    assert not check_page(read_page(PAGE.replace("1.2.3", place)), DIGEST)


def test_a_page_is_read_in_either_case() -> None:
    assert read_code(PAGE.lower()) == read_code(PAGE)


@pytest.mark.parametrize("text", [COVER, PAGE])
def test_a_text_that_lost_its_end_or_its_beginning_is_not_ours(text: str) -> None:
    assert all(read_code(text[:end]) is None for end in range(len(text)))
    assert all(read_code(text[start:]) is None for start in range(1, len(text)))
    assert read_code(text + "A") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "8934563138165",  # the EAN-13 of a packet of noodles
        "https://example.com/?q=MOTCUA1/C/",
        COVER.lower(),
        COVER.replace("MOTCUA1", "MOTCUA2"),
        PAGE.replace("/1.2.3/", "/1.4.3/"),
        PAGE.replace("/1.2.3/", "/1.0.3/"),
        PAGE.replace("/1.2.3/", "/01.2.3/"),
        PAGE.replace("/1.2.3/", "/1000.2.3/"),
        PAGE.replace("/1.2.3/", "/١.٢.٣/"),
        "RR123456786VN",
        "rr123456785vn",
        " RR123456785VN",
        "MOTCUA1/P/" * 10_000,
    ],
)
def test_what_is_not_ours_is_foreign(text: str) -> None:
    assert read_code(text) is None


def test_an_items_number_and_the_line_code_of_a_cover_are_told_apart() -> None:
    assert read_code("RR123456785VN") == ItemCode(number="RR123456785VN")
    assert read_code(DOSSIER) == DossierCode(dossier=DOSSIER)


def test_the_digest_is_of_sorted_json_without_blanks() -> None:
    # From outside: printf '{"announcement":"p-1","dossier":"d-1","half_of":"","pieces":[{"kind":"book"}],
    # "printed":[],"sha256":"61"}' | sha256sum  (on one line)
    made = digest_of(
        announcement="p-1", dossier="d-1", sha256=b"a", half_of="", pieces=[Piece(kind="book")], printed=[]
    )
    assert made.hex() == "f0ca874e84cef832e7dcdf2c8802a8d999737690fc2e2dad25fa6a51f3579a27"


@pytest.mark.parametrize(
    "change",
    [
        {"announcement": "p-abd"},
        {"dossier": OTHER},
        {"sha256": b"b" * 32},
        {"half_of": OTHER},
        {"pieces": PIECES[::-1]},
        {"printed": PRINTED[:1]},
    ],
)
def test_whatever_is_changed_changes_the_digest(change: dict[str, object]) -> None:
    assert digest_of(**TOLD | change) != DIGEST


def test_what_is_too_large_for_its_square_is_not_made() -> None:
    with pytest.raises(CodeTooLarge):
        cover_code(DOSSIER * 3, DIGEST, OURS)
    for place in ((1000, 1, 1), (1, 0, 1), (1, 2, 1), (1, 1, FORM_PAGES_MAX + 1), (-1, 1, 1)):
        with pytest.raises(CodeTooLarge):
            page_code(DOSSIER, DIGEST, *place)
    assert len(page_code(DOSSIER, DIGEST, 999, 9999, 9999)) <= PAGE_CHARACTERS_MAX


@given(st.text(max_size=300) | st.text(alphabet=string.printable + COVER, max_size=300))
def test_no_text_that_comes_breaks_the_reader(text: str) -> None:
    read_code(text)


@given(
    text=st.sampled_from([COVER, PAGE]),
    at=st.integers(min_value=0, max_value=len(COVER) - 1),
    sign=st.characters(),
)
def test_one_changed_sign_is_never_taken_for_another_true_code(text: str, at: int, sign: str) -> None:
    at %= len(text)
    read = read_code(text[:at] + sign + text[at + 1 :])
    if isinstance(read, CoverCode) and check_cover(read, KEYS):
        assert (read.dossier, read.digest) == (DOSSIER, DIGEST)
    if isinstance(read, PageCode) and check_page(read, DIGEST):
        # The dossier's id stands beside the digest: who checks takes the digest of the dossier that the code names.
        assert (read.number, read.page, read.pages) == (1, 2, 3)


@given(
    sha256=st.binary(min_size=32, max_size=32),
    digest=st.binary(min_size=32, max_size=32),
    number=st.integers(0, 999),
    pages=st.integers(1, FORM_PAGES_MAX),
    share=st.floats(0, 1),
)
def test_whatever_code_was_made_is_read_back(
    sha256: bytes, digest: bytes, number: int, pages: int, share: float
) -> None:
    dossier, page = dossier_id(sha256), 1 + int(share * (pages - 1))
    cover, sheet = (
        read_code(cover_code(dossier, digest, OURS)),
        read_code(page_code(dossier, digest, number, page, pages)),
    )
    assert isinstance(cover, CoverCode)
    assert (cover.dossier, cover.digest) == (dossier, digest)
    assert check_cover(cover, KEYS)
    assert isinstance(sheet, PageCode)
    assert (sheet.dossier, sheet.number, sheet.page, sheet.pages) == (dossier, number, page, pages)
    assert check_page(sheet, digest)
