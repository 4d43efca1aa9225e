"""The codes on paper that goes to the office: what a cover sheet and every page that we print say, made, read, checked.

A cover's code is signed and binds a digest of all that was announced; a page's code follows from that digest. Neither
says anything about a person. Whatever else a scanner finds on a page is foreign.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from gateway import s10
from signing.signer import SealBroken, base64url, check_signature, from_base64url

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gateway.postal.pieces import Piece
    from signing.jwks import PublishedKey
    from signing.signer import Signer

# A QR code of version 10 at level M holds so many bytes (ISO/IEC 18004, table 7).
COVER_BYTES_MAX: Final = 213
# The same of version 3, in upper-case letters, digits and / . - only: what a page has room for.
PAGE_CHARACTERS_MAX: Final = 61
TEXT_CHARACTERS_MAX: Final = 512
FORM_NUMBER_MAX: Final = 999
FORM_PAGES_MAX: Final = 9999
# The number that a cover sheet's own pages have in the place of a form's.
COVER_NUMBER: Final = 0

_SIGNED: Final = b"motcua-cover-1"
_KID_CHARACTERS: Final = 8
_CHECK_CHARACTERS: Final = 8
_DOSSIER: Final = "d-[a-z2-7]{26}"
_NUMBER: Final = "0|[1-9][0-9]{0,3}"
_COVER: Final = re.compile(
    rf"MOTCUA1/C/({_DOSSIER})/([A-Za-z0-9_-]{{43}})/([A-Za-z0-9_-]{{{_KID_CHARACTERS}}})/([A-Za-z0-9_-]{{86}})",
    re.ASCII,
)
_PAGE: Final = re.compile(rf"motcua1/p/({_DOSSIER})/({_NUMBER})\.({_NUMBER})\.({_NUMBER})/([a-z2-7]{{8}})", re.ASCII)
_LINE: Final = re.compile(_DOSSIER, re.ASCII)


class CodeTooLarge(Exception):
    """A code would hold more than its square on paper allows. Trying again changes nothing."""


class Printed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A form of the dossier as we print it: its number among the forms (from 1), its code, how many pages it takes."""

    number: int
    form: str
    pages: int


class CoverCode(Struct, frozen=True, kw_only=True):
    """What a cover sheet's QR code says; nothing is checked yet."""

    dossier: str
    digest: bytes
    kid: str
    signature: bytes


class PageCode(Struct, frozen=True, kw_only=True):
    """What a printed page's QR code says: page `page` of `pages` of the form `number` (0: of the cover sheet itself).

    Nothing is checked yet.
    """

    dossier: str
    number: int
    page: int
    pages: int
    check: str


class DossierCode(Struct, frozen=True, kw_only=True):
    """The Code 128 of a cover sheet: the dossier's id, with no proof that we printed it."""

    dossier: str


class ItemCode(Struct, frozen=True, kw_only=True):
    """The number of a postal item (UPU S10), its check digit right."""

    number: str


def digest_of(
    *,
    announcement: str,
    dossier: str,
    sha256: bytes,
    half_of: str,
    pieces: Sequence[Piece],
    printed: Sequence[Printed],
) -> bytes:
    """The one digest that a cover sheet stands for: SHA-256 over the JSON (RFC 8785: sorted, no blanks) of all that was
    announced, so that nothing of it can be changed without another cover sheet. `sha256` is of the dossier's content.
    """
    told = {
        "announcement": announcement,
        "dossier": dossier,
        "half_of": half_of,
        "pieces": list(pieces),
        "printed": list(printed),
        "sha256": sha256.hex(),
    }
    return hashlib.sha256(msgspec.json.encode(told, order="sorted")).digest()


def cover_code(dossier: str, digest: bytes, signer: Signer) -> str:
    """The text of a cover sheet's QR code, signed by our seal. Raises `SealAway`: asking again is safe, but a P-256
    signature is another one each time, so the text is kept. Raises `CodeTooLarge`.
    """
    signature = base64url(signer.sign(_signed(dossier, digest))).decode()
    text = f"MOTCUA1/C/{dossier}/{base64url(digest).decode()}/{signer.kid[:_KID_CHARACTERS]}/{signature}"
    if len(text) > COVER_BYTES_MAX or _COVER.fullmatch(text) is None:
        raise CodeTooLarge(f"{dossier}: {len(text)} characters, or an id that is none")
    return text


def page_code(dossier: str, digest: bytes, number: int, page: int, pages: int) -> str:
    """The text of the QR code on page `page` of `pages` of form `number`, in upper case: so the code is coarser. Raises
    `CodeTooLarge`.
    """
    if not (0 <= number <= FORM_NUMBER_MAX and 1 <= page <= pages <= FORM_PAGES_MAX):
        raise CodeTooLarge(f"{dossier}: form {number}, page {page} of {pages}")
    place = f"{number}.{page}.{pages}"
    text = f"MOTCUA1/P/{dossier}/{place}/{_check(digest, place)}".upper()
    if len(text) > PAGE_CHARACTERS_MAX or _PAGE.fullmatch(text.lower()) is None:
        raise CodeTooLarge(f"{dossier}: {len(text)} characters, or an id that is none")
    return text


def read_code(text: str) -> CoverCode | PageCode | DossierCode | ItemCode | None:
    """What a code found on paper says; None: it is not one of ours, nor an item's number. Never raises.

    A cover's text must be in its one spelling; a page's may be in either case; an item's number with a wrong check
    digit was misread or is somebody else's, and is None.
    """
    if len(text) > TEXT_CHARACTERS_MAX or not text.isascii():
        return None
    if found := _COVER.fullmatch(text):
        return _cover(*found.groups())
    if found := _PAGE.fullmatch(text.lower()):
        return _page(*found.groups())
    if _LINE.fullmatch(text.lower()):
        return DossierCode(dossier=text.lower())
    item = s10.parse(text)
    return ItemCode(number=text) if isinstance(item, s10.S10) and item.number == text else None


def check_cover(code: CoverCode, keys: Iterable[PublishedKey]) -> bool:
    """Whether one of these keys signed the cover's code. Periods do not count, for a cover may lie long before it is
    posted; a key that is known to have been in other hands proves nothing, since the code has no date.
    """
    return any(key.compromised_at is None and key.kid.startswith(code.kid) and _holds(key.jwk, code) for key in keys)


def check_page(code: PageCode, digest: bytes) -> bool:
    """Whether the page was printed for the dossier with that digest (40 bits: against mistakes, not against a forger
    who knows the digest; what a page says is judged by who reads it).
    """
    return code.check == _check(digest, f"{code.number}.{code.page}.{code.pages}")


def _signed(dossier: str, digest: bytes) -> bytes:
    """What is signed. The NUL keeps it apart from every statement: none of them has one."""
    return b"\0".join((_SIGNED, dossier.encode("ascii"), digest))


def _check(digest: bytes, place: str) -> str:
    return base64.b32encode(hashlib.sha256(digest + place.encode("ascii")).digest()).decode("ascii")[:_CHECK_CHARACTERS]


def _holds(jwk: dict[str, str], code: CoverCode) -> bool:
    try:
        check_signature(jwk, _signed(code.dossier, code.digest), code.signature)
    except SealBroken:
        return False
    return True


def _cover(dossier: str, digest: str, kid: str, signature: str) -> CoverCode | None:
    try:
        return CoverCode(dossier=dossier, digest=from_base64url(digest), kid=kid, signature=from_base64url(signature))
    except SealBroken:
        return None


def _page(dossier: str, number: str, page: str, pages: str, check: str) -> PageCode | None:
    read = PageCode(dossier=dossier, number=int(number), page=int(page), pages=int(pages), check=check.upper())
    return read if read.number <= FORM_NUMBER_MAX and 1 <= read.page <= read.pages else None
