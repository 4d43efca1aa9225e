"""The pages of a dossier, cut out of the scan of a whole pile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.mailroom import apart

if TYPE_CHECKING:
    from collections.abc import Sequence


def pages_pdf(content: bytes, media_type: str, numbers: Sequence[int]) -> bytes:
    """One PDF of the pages of a scan with these numbers (from 1), in the order told, made in a process apart.

    Pages of a PDF are copied as they are, a JPEG is taken over byte by byte, pages of a TIFF lose nothing (but those
    packed as JPEG are packed as JPEG again). The same request gives the same bytes, on the same version of pdfium.
    Raises `ScanUnreadable`; trying again changes nothing, unless it says so (`may_retry`).
    """
    if not numbers or len(numbers) > apart.PAGES_MAX:
        raise apart.ScanUnreadable.by("no-such-page")
    return apart.answer("extract", content, media_type, tuple(numbers))
