"""Codes on paper that comes back to be scanned: squares and bars as pictures, and the sheets of a PDF's parts."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Sequence

# Versions (sizes) that a printer of an office and a scanner at 200 dots an inch still manage at the sizes set here.
LARGE_VERSION_MAX: Final = 10
SMALL_VERSION_MAX: Final = 3
BARS_CHARACTERS_MAX: Final = 40

_QUIET_MODULES: Final = 4


class CodeTooFine(Exception):
    """A text is too long for its code: the squares or bars would be too fine to be read. Not worth a retry."""


class SheetsChanged(Exception):
    """A document was set on another number of sheets than it was counted to have. Not worth a retry."""


class SheetCode(Struct, frozen=True, kw_only=True):
    """The code of one sheet, and what stands beside it for people: the first line, and a finer second one."""

    code: str
    line: str
    fine: str


class DrawnCode(SheetCode, frozen=True, kw_only=True):
    """The same with its square drawn."""

    qr: str


def square(text: str, version_max: int) -> str:
    """A QR code (ISO/IEC 18004, level M, quiet zone of four) as SVG. Raises `CodeTooFine` beyond that version."""
    # Only who prints pays for it.
    import segno  # noqa: PLC0415

    try:
        made = segno.make_qr(text, error="m", boost_error=False)
    except segno.DataOverflowError as error:
        raise CodeTooFine(f"{len(text)} characters") from error
    if int(made.version) > version_max:
        raise CodeTooFine(f"{len(text)} characters need version {made.version}, more than {version_max}")
    out = io.BytesIO()
    made.save(out, kind="svg", xmldecl=False, svgns=True, border=_QUIET_MODULES, nl=False)
    return out.getvalue().decode("ascii")


def bars(text: str) -> str:
    """A Code 128 (ISO/IEC 15417) with its quiet zones as SVG. Raises `CodeTooFine`, also for what is not ASCII."""
    import zxingcpp  # noqa: PLC0415 - only who prints pays for it

    if len(text) > BARS_CHARACTERS_MAX or not text.isascii() or not text.isprintable():
        raise CodeTooFine(f"{len(text)} characters for bars")
    drawn = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.Code128).to_svg()
    # Without the document type, which no picture inside a document may bring.
    return drawn[drawn.index("<svg") :]


def drawn(codes: Sequence[SheetCode]) -> tuple[DrawnCode, ...]:
    """The codes with their squares. Raises `CodeTooFine`."""
    return tuple(
        DrawnCode(code=one.code, line=one.line, fine=one.fine, qr=square(one.code, SMALL_VERSION_MAX)) for one in codes
    )


def sheets_of(pdf: bytes) -> tuple[int, ...]:
    """On how many sheets each part of a PDF of ours stands: a part begins with its title, a heading of the first level,
    on a sheet of its own.
    """
    import pypdfium2  # noqa: PLC0415 - only who prints pays for it

    with pypdfium2.PdfDocument(pdf) as document:
        begins = [one.get_dest().get_index() for one in document.get_toc() if one.level == 0]
        ends = [*begins[1:], len(document)]
    return tuple(end - begin for begin, end in zip(begins, ends, strict=True))
