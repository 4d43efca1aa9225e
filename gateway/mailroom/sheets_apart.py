"""Files of pages put together, and a page as a picture for the screen; only for the process apart."""

from __future__ import annotations

import io
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING

import pypdfium2

from gateway.mailroom.pages_apart import without_time
from gateway.mailroom.scan_images import Refused, images, pdf_document

if TYPE_CHECKING:
    from collections.abc import Sequence


def joined(content: bytes, media_type: str, sizes_bytes: Sequence[int]) -> bytes:
    """One PDF of all pages of these PDFs, which stand in `content` one behind the other. The same request gives the
    same bytes. Raises `Refused`.
    """
    if media_type != "application/pdf" or sum(sizes_bytes) != len(content):
        raise Refused("damaged")
    with closing(pypdfium2.PdfDocument.new()) as made:
        begin = 0
        for size_bytes in sizes_bytes:
            with closing(pdf_document(content[begin : begin + size_bytes])) as one:
                made.import_pages(one)
            begin += size_bytes
        out = io.BytesIO()
        made.save(out)
    return without_time(out.getvalue())


def picture(content: bytes, media_type: str, numbers: Sequence[int]) -> bytes:
    """The page of that number (from 1) as a grey PNG. Raises `Refused`."""
    (number,) = numbers
    image = next(islice(images(content, media_type), number - 1, None), None) if number > 0 else None
    if image is None:
        raise Refused("no-such-page")
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
