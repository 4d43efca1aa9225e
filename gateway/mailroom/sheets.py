"""The one file of a dossier's pages, of however many scans, and a page for the screen: both made in a process apart."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Final

from gateway.mailroom import apart
from gateway.mailroom.extract import pages_pdf

if TYPE_CHECKING:
    from collections.abc import Sequence

_PDF: Final = "application/pdf"


def dossier_pdf(contents: dict[str, tuple[bytes, str]], keys: Sequence[tuple[str, int]]) -> bytes:
    """One PDF of these pages, named by scan and number, in their order; `contents` are the scans with their media
    types. The same request gives the same bytes. Raises `ScanUnreadable`.
    """
    parts = []
    for scan, some in groupby(keys, key=lambda key: key[0]):
        numbers = [number for _, number in some]
        parts.append(pages_pdf(*contents[scan], numbers))
    while len(parts) > 1:
        # As many at once as the process takes.
        rounds = [parts[at : at + apart.PAGES_MAX] for at in range(0, len(parts), apart.PAGES_MAX)]
        parts = [one[0] if len(one) == 1 else _joined(one) for one in rounds]
    return parts[0]


def page_png(content: bytes, media_type: str, number: int) -> bytes:
    """A page of a scan as a picture (PNG). Raises `ScanUnreadable`."""
    return apart.answer("picture", content, media_type, (number,))


def _joined(parts: Sequence[bytes]) -> bytes:
    return apart.answer("join", b"".join(parts), _PDF, tuple(map(len, parts)))
