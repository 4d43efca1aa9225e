"""What stands on one page's image: its codes, looked for harder and harder, and whether it is blank.

Only for the process apart. The cheap look comes first: on an office's scan it finds nearly every code. What follows is
for small, faint and noisy codes; what it does to the image, and in which order, was measured, not guessed.
"""

from __future__ import annotations

import hashlib
from typing import IO, TYPE_CHECKING, Final

import msgspec
import zxingcpp
from PIL import Image, ImageChops, ImageFilter
from zxingcpp import BarcodeFormat, Binarizer

from gateway.mailroom.blankness import is_blank
from gateway.mailroom.reading import CODES_MAX, Code, PageRead
from gateway.mailroom.scan_images import images

if TYPE_CHECKING:
    from collections.abc import Iterator

TEXT_CHARACTERS_MAX: Final = 512
# What our squares begin with; anything else is somebody else's.
_OURS: Final = "MOTCUA1/"
# A little more than the part of the page in which a code at a corner stands, however the page lies.
_CORNER: Final = 0.36
_SMALL_GAINS: Final = ((2, 0.6), (3, 0.8), (2, 1.1))
# In an image of differences, 128 is as light as its surroundings.
_INK_GREY: Final = 124
_TURNS_DEGREES: Final = (-6, 6)
_LINES: Final = (BarcodeFormat.Code128, BarcodeFormat.Code39, BarcodeFormat.EAN13, BarcodeFormat.ITF)


def tell(content: bytes, media_type: str, out: IO[bytes]) -> None:
    """Write what stands on each page as a line of JSON, as soon as it is known. Raises `Refused`."""
    for number, image in enumerate(images(content, media_type), 1):
        out.write(msgspec.json.encode(read_page(image, number)) + b"\n")
        out.flush()


def read_page(image: Image.Image, number: int) -> PageRead:
    """What stands on a page, given as a grey image."""
    found = _squares(image)
    bars = _read(image, _LINES)
    blank = False
    unread = False
    if not any(map(_is_ours, found)):
        blank = not found and not bars and is_blank(image)
        if not blank:
            harder, unread = _look_harder(image)
            found += harder
    codes = dict.fromkeys(
        Code(text=one.text, format=one.format.name) for one in (*found, *bars) if len(one.text) <= TEXT_CHARACTERS_MAX
    )
    return PageRead(
        number=number,
        codes=tuple(codes)[:CODES_MAX],
        unread=unread,
        turned_degrees=next((_turned(one) for one in found if _is_ours(one)), None),
        blank=blank,
        width_px=image.width,
        height_px=image.height,
        sha256=hashlib.sha256(image.tobytes()).hexdigest(),
    )


def _look_harder(image: Image.Image) -> tuple[list[zxingcpp.Barcode], bool]:
    """What better light shows, until a code of ours is among it; and whether a square was seen but never read."""
    foreign: list[zxingcpp.Barcode] = []
    for lit in _lights(image):
        found = _squares(lit)
        if any(map(_is_ours, found)):
            return found, False
        foreign += found
    return foreign, not foreign and _has_square(image)


def _lights(image: Image.Image) -> Iterator[Image.Image]:
    """The page, and its corners, as they may be read better: smoothed, enlarged, evened out, turned a little."""
    yield image.filter(ImageFilter.BoxBlur(1))
    corners = list(_corners(image))
    for larger, smooth in _SMALL_GAINS:
        for corner in corners:
            yield _enlarged(corner, larger, smooth)
    for corner in corners:
        yield _evened(_enlarged(corner, 2, 0.6), 16)
    yield _enlarged(image, 1.5, 0.8)
    for degrees in _TURNS_DEGREES:
        for corner in corners:
            turned = corner.rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=_paper(corner))
            yield _enlarged(turned, 2, 0.6)


def _corners(image: Image.Image) -> Iterator[Image.Image]:
    wide, high = round(image.width * _CORNER), round(image.height * _CORNER)
    for left in (image.width - wide, 0):
        for top in (image.height - high, 0):
            yield image.crop((left, top, left + wide, top + high))


def _enlarged(image: Image.Image, larger: float, smooth_px: float) -> Image.Image:
    size = (round(image.width * larger), round(image.height * larger))
    return image.resize(size, Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(smooth_px * larger))


def _evened(image: Image.Image, around_px: int) -> Image.Image:
    """Black and white, each place against what is around it."""
    apart = ImageChops.subtract(image, image.filter(ImageFilter.BoxBlur(around_px)), 1, 128)
    return apart.point([255 if grey > _INK_GREY else 0 for grey in range(256)])


def _paper(image: Image.Image) -> int:
    """The grey of the paper: most of a page is that."""
    counts = image.histogram()
    return counts.index(max(counts))


def _squares(image: Image.Image) -> list[zxingcpp.Barcode]:
    return _read(image, (BarcodeFormat.QRCode,))


def _read(image: Image.Image, formats: tuple[BarcodeFormat, ...]) -> list[zxingcpp.Barcode]:
    return zxingcpp.read_barcodes(
        image, formats=zxingcpp.BarcodeFormats(formats), try_invert=False, binarizer=Binarizer.LocalAverage
    )


def _has_square(image: Image.Image) -> bool:
    """Whether there is a QR code (its three corners and its format), though its text cannot be made out."""
    return any(
        one.format == BarcodeFormat.QRCode and not one.valid
        for one in zxingcpp.read_barcodes(
            image.filter(ImageFilter.BoxBlur(1)),
            formats=zxingcpp.BarcodeFormats((BarcodeFormat.QRCode,)),
            try_invert=False,
            return_errors=True,
        )
    )


def _is_ours(found: zxingcpp.Barcode) -> bool:
    return found.text[: len(_OURS)].upper() == _OURS


def _turned(found: zxingcpp.Barcode) -> int:
    return round(found.orientation / 90) * 90 % 360
