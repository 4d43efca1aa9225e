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

from gateway.mailroom.blankness import grain, is_blank
from gateway.mailroom.reading import CODES_MAX, Code, PageRead
from gateway.mailroom.scan_images import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

TEXT_CHARACTERS_MAX: Final = 512
# What our squares begin with; anything else is somebody else's.
_OURS: Final = "MOTCUA1/"
# How often the image is enlarged, and smoothed over how many of its dots: small squares, pale ones, grainy ones.
_LIGHTS: Final = ((2, 0.8), (4, 0.8), (3, 0.65), (2, 0.5), (3, 1.0))
# Where a square may be: so many places on a page are looked at closely, each so wide.
_PLACES: Final = 4
_PLACE_MM: Final = 30
_MARK_MM: Final = 1.2
_SQUARE_MM: Final = 11
_GRAINS_MAX: Final = 4
_PAGE_MM: Final = 297
# In an image of differences, 128 is as light as its surroundings.
_INK_GREY: Final = 124
_TURNS_DEGREES: Final = (-6, 6)
_LINES: Final = (BarcodeFormat.Code128, BarcodeFormat.Code39, BarcodeFormat.EAN13, BarcodeFormat.ITF)


def tell(content: bytes, media_type: str, out: IO[bytes]) -> None:
    """Write what stands on each page as a line of JSON, as soon as it is known. Raises `Refused`."""
    for number, page in enumerate(shown(content, media_type), 1):
        out.write(msgspec.json.encode(read_page(page.image, number, lost=page.lost)) + b"\n")
        out.flush()


def read_page(image: Image.Image, number: int, *, lost: bool = False) -> PageRead:
    """What stands on a page, given as a grey image; `lost`: something should be there, so it is not blank."""
    found = _squares(image)
    bars = _read(image, _LINES)
    blank = False
    unread = False
    if not any(map(_is_ours, found)):
        blank = not found and not bars and not lost and is_blank(image)
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
    places = list(_places(image))
    for lit in _lights(image, places):
        found = _squares(lit)
        if any(map(_is_ours, found)):
            return found, False
        foreign += found
    return foreign, not foreign and any(_has_square(_enlarged(place, 3, 0.8)) for place in places)


def _lights(image: Image.Image, places: list[Image.Image]) -> Iterator[Image.Image]:
    """The page smoothed, and its likely places as they may be read better: enlarged, evened out, turned a little."""
    yield image.filter(ImageFilter.BoxBlur(1))
    for larger, smooth in _LIGHTS:
        for place in places:
            yield _enlarged(place, larger, smooth)
    for place in places:
        yield _evened(_enlarged(place, 2, 0.8), 16)
    for degrees in _TURNS_DEGREES:
        for place in places:
            turned = place.rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=_paper(place))
            yield _enlarged(turned, 3, 0.65)


def _places(image: Image.Image) -> Iterator[Image.Image]:
    """Where a square may be, the likeliest first: where light and dark change most, over the breadth of a square."""
    dots_per_mm = max(image.size) / _PAGE_MM
    half = image.reduce(2)
    marks = ImageChops.difference(half, half.filter(ImageFilter.BoxBlur(max(1, round(_MARK_MM * dots_per_mm / 2)))))
    # No line may count for more than the palest square does.
    most = _GRAINS_MAX * grain(half)
    marks = marks.point([round(min(grey, most) * 255 / most) for grey in range(256)])
    places = marks.reduce(max(1, round(dots_per_mm / 2))).filter(ImageFilter.BoxBlur(_SQUARE_MM // 2))
    dots_per_place, half_mm = image.width / places.width, _PLACE_MM // 2
    for _ in range(_PLACES):
        seen = places.tobytes()
        at = seen.index(max(seen))
        x, y = at % places.width, at // places.width
        around = (x - half_mm) * dots_per_place, (y - half_mm) * dots_per_place
        side = _PLACE_MM * dots_per_place
        left, top = max(0, round(around[0])), max(0, round(around[1]))
        right, bottom = min(image.width, round(around[0] + side)), min(image.height, round(around[1] + side))
        yield image.crop((left, top, right, bottom))
        places.paste(0, (x - half_mm // 2, y - half_mm // 2, x + half_mm // 2 + 1, y + half_mm // 2 + 1))


def _enlarged(image: Image.Image, larger: float, smooth_px: float) -> Image.Image:
    size = (round(image.width * larger), round(image.height * larger))
    return image.resize(size, Image.Resampling.BICUBIC).filter(ImageFilter.BoxBlur(smooth_px * larger))


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
            image,
            formats=zxingcpp.BarcodeFormats((BarcodeFormat.QRCode,)),
            try_invert=False,
            return_errors=True,
        )
    )


def _is_ours(found: zxingcpp.Barcode) -> bool:
    return found.text[: len(_OURS)].upper() == _OURS


def _turned(found: zxingcpp.Barcode) -> int:
    return round(found.orientation / 90) * 90 % 360
