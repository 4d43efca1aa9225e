"""What stands on scanned pages: their codes, which way up they are, whether they are blank."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from gateway.mailroom import apart
from gateway.mailroom.apart import PAGES_MAX, ScanUnreadable

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["PAGES_MAX", "Code", "PageRead", "ScanUnreadable", "read_scan"]

CODES_MAX: Final = 32


class Code(Struct, frozen=True, forbid_unknown_fields=True):
    """A code found on a page, whosever it is: its text as it was read, and its format (`QRCode`, `Code128` …)."""

    text: str
    format: str


class PageRead(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A scanned page, by its number in its file (from 1).

    `unread` says that there is a QR code whose text could not be read. `turned_degrees` is how far the page is turned
    clockwise (0, 90, 180, 270), as its codes tell it; None: no code tells. `blank` is never said of a page that may
    bear writing. `sha256` (hex) is of its pixels: equal only where the very same image was sent twice.
    """

    number: int
    codes: tuple[Code, ...] = ()
    unread: bool = False
    turned_degrees: int | None = None
    blank: bool = False
    width_px: int = 0
    height_px: int = 0
    sha256: str = ""


def read_scan(content: bytes, media_type: str, *, heard: Callable[[PageRead], None] | None = None) -> list[PageRead]:
    """Read every page of a scan (PDF, TIFF or JPEG), in order, in a process apart that can reach nothing of ours.

    `heard` is told of each page as soon as it is read. Takes up to a second or two for a page without any code. Raises
    `ScanUnreadable`; trying again changes nothing, unless it says so (`may_retry`).
    """
    found: list[PageRead] = []
    for line in apart.lines("read", content, media_type):
        page = _page(line)
        if page.number != len(found) + 1 or page.number > PAGES_MAX or len(page.codes) > CODES_MAX:
            raise ScanUnreadable.damaged()
        found.append(page)
        if heard is not None:
            heard(page)
    if not found:
        raise ScanUnreadable.damaged()
    return found


def _page(line: bytes) -> PageRead:
    """What the process apart told. It read what a stranger sent, so it is not believed to keep to the form."""
    try:
        return msgspec.json.decode(line, type=PageRead)
    except msgspec.MsgspecError as error:
        raise ScanUnreadable.damaged() from error
