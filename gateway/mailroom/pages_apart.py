"""Pages of a scan cut out into one PDF: those of a PDF as they are, pictures with the bytes that they came in.

Only for the process apart.
"""

from __future__ import annotations

import hashlib
import io
import re
import zlib
from contextlib import closing
from typing import TYPE_CHECKING, Final

import pypdfium2
from msgspec import Struct
from PIL import Image

from gateway.mailroom.scan_images import PIXELS_MAX, POINTS_PER_INCH, RESOLUTION_DPI, Refused, pdf_document, pictures

if TYPE_CHECKING:
    from collections.abc import Sequence

_DPI_MIN: Final = 50
_DPI_MAX: Final = 2400
# A picture that came packed with loss and cannot be taken over as it is loses next to nothing more.
_QUALITY: Final = 92
_SPACES: Final = {"1": b"/DeviceGray", "L": b"/DeviceGray", "RGB": b"/DeviceRGB"}
# The tag that tells which way up a picture is (EXIF 2.32, 4.6.4), and by how much its page is turned then.
_TURNED_TAG: Final = 274
_ROTATE: Final = {3: 180, 6: 90, 8: 270}
_INSTANT: Final = re.compile(rb"/CreationDate\(D:(\d{14})[^)]{0,8}\)/Creator\(PDFium\)")
_IDENTIFIER: Final = re.compile(rb"/ID\[(<[0-9A-F]{32}><[0-9A-F]{32}>)\]")


def cut_out(content: bytes, media_type: str, numbers: Sequence[int]) -> bytes:
    """One PDF of the pages with these numbers (from 1), in that order; the same request gives the same bytes. Raises
    `Refused`.
    """
    if not numbers:
        raise Refused("no-such-page")
    if media_type == "application/pdf":
        return _of_pdf(content, numbers)
    with pictures(content, media_type) as picture:
        there = getattr(picture, "n_frames", 1) if media_type == "image/tiff" else 1
        if not all(1 <= number <= there for number in numbers):
            raise Refused("no-such-page")
        pages = []
        for number in numbers:
            try:
                picture.seek(number - 1)
                pages.append(_picture(picture, content))
            except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
                raise Refused("too-large") from error
            except (OSError, ValueError, SyntaxError, EOFError) as error:
                raise Refused("damaged") from error
    return _written(pages)


def _of_pdf(content: bytes, numbers: Sequence[int]) -> bytes:
    with closing(pdf_document(content)) as document, closing(pypdfium2.PdfDocument.new()) as made:
        if not all(1 <= number <= len(document) for number in numbers):
            raise Refused("no-such-page")
        try:
            made.import_pages(document, [number - 1 for number in numbers])
            out = io.BytesIO()
            made.save(out)
        except pypdfium2.PdfiumError as error:
            raise Refused("damaged") from error
    return without_time(out.getvalue())


def without_time(pdf: bytes) -> bytes:
    """The same without the instant that pdfium writes into its own information, and the chance in its identifier."""
    told = _INSTANT.search(pdf)
    if told is not None:
        pdf = pdf[: told.start(1)] + b"19700101000000" + pdf[told.end(1) :]
    named = list(_IDENTIFIER.finditer(pdf))
    if named:
        start, end = named[-1].span(1)
        name = hashlib.sha256(pdf[:start]).hexdigest()[:32].upper().encode("ascii")
        pdf = pdf[:start] + b"<" + name + b"><" + name + b">" + pdf[end:]
    return pdf


class _Picture(Struct, frozen=True, kw_only=True):
    """A page's picture as PDF wants it (ISO 32000-1, 8.9.5): its bytes, how they are packed, and its size on paper."""

    content: bytes
    packed: bytes
    space: bytes
    bits: int
    size: tuple[int, int]
    points: tuple[float, float]
    turned: int


def _picture(picture: Image.Image, content: bytes) -> _Picture:
    if picture.width * picture.height > PIXELS_MAX:
        raise Refused("too-large")
    points = _points(picture)
    turned = int(picture.getexif().get(_TURNED_TAG, 1) or 1)
    if picture.format == "JPEG" and picture.mode in _SPACES:
        # Decoded to see that it can be; what goes into the PDF are the very bytes.
        size, mode = picture.size, picture.mode
        picture.load()
        return _Picture(
            content=content, packed=b"/DCTDecode", space=_SPACES[mode], bits=8, size=size, points=points, turned=turned
        )
    image = picture if picture.mode in ("1", "L", "RGB") else picture.convert("RGB")
    image.load()
    if picture.info.get("compression") in ("jpeg", "tiff_jpeg"):
        out = io.BytesIO()
        image.save(out, "JPEG", quality=_QUALITY)
        packed, bits, held = b"/DCTDecode", 8, out.getvalue()
    else:
        packed, bits, held = b"/FlateDecode", 1 if image.mode == "1" else 8, zlib.compress(image.tobytes(), 6)
    return _Picture(
        content=held, packed=packed, space=_SPACES[image.mode], bits=bits, size=image.size, points=points, turned=turned
    )


def _points(picture: Image.Image) -> tuple[float, float]:
    """The page's size on paper, by the resolution that the file tells, if that can be true of a page."""
    told = picture.info.get("dpi") or (RESOLUTION_DPI, RESOLUTION_DPI)
    dots = [float(each) if _DPI_MIN <= float(each) <= _DPI_MAX else RESOLUTION_DPI for each in told[:2]]
    wide, high = picture.width * POINTS_PER_INCH / dots[0], picture.height * POINTS_PER_INCH / dots[1]
    return round(wide, 2), round(high, 2)


def _written(pages: Sequence[_Picture]) -> bytes:
    """A PDF with one picture on each page, filling it (ISO 32000-1, 7.5)."""
    objects: list[bytes] = [b"<</Type/Catalog/Pages 2 0 R>>", b""]
    kids: list[bytes] = []
    for page in pages:
        number = len(objects) + 1
        kids.append(b"%d 0 R" % number)
        wide, high = page.points
        drawn = b"q %.2f 0 0 %.2f 0 0 cm /P Do Q" % (wide, high)
        objects += [
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 %.2f %.2f]/Rotate %d/Contents %d 0 R"
            b"/Resources<</XObject<</P %d 0 R>>>>>>"
            % (wide, high, _ROTATE.get(page.turned, 0), number + 1, number + 2),
            b"<</Length %d>>stream\n%b\nendstream" % (len(drawn), drawn),
            b"<</Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace %b/BitsPerComponent %d/Filter %b/Length %d>>"
            b"stream\n%b\nendstream"
            % (*page.size, page.space, page.bits, page.packed, len(page.content), page.content),
        ]
    objects[1] = b"<</Type/Pages/Count %d/Kids[%b]>>" % (len(kids), b" ".join(kids))
    out = io.BytesIO()
    out.write(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    places: list[int] = []
    for number, each in enumerate(objects, 1):
        places.append(out.tell())
        out.write(b"%d 0 obj\n%b\nendobj\n" % (number, each))
    table = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    out.write(b"".join(b"%010d 00000 n \n" % place for place in places))
    out.write(b"trailer\n<</Root 1 0 R/Size %d>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table))
    return out.getvalue()
