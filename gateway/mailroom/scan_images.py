"""The pages of a PDF, TIFF or JPEG as grey images, one after the other; only for the process apart."""

from __future__ import annotations

import io
import warnings
from contextlib import closing
from typing import TYPE_CHECKING, Final, NamedTuple

import pypdfium2
from PIL import Image, UnidentifiedImageError
from pypdfium2 import raw

from gateway.mailroom.apart import PAGES_MAX

if TYPE_CHECKING:
    from collections.abc import Iterator

RESOLUTION_DPI: Final = 200
POINTS_PER_INCH: Final = 72
# A3 at 600 dots an inch; what is larger is no page of an office.
PIXELS_MAX: Final = 70_000_000
# An A4 page at 300 dots an inch is 3,508 high: more helps no code to be read.
SIDE_PIXELS_MAX: Final = 3_600
PAGE_POINTS_MAX: Final = 14_400
_FORMATS: Final = {"image/tiff": ("TIFF",), "image/jpeg": ("JPEG",)}
_TURNED_TAG: Final = 274
_TURNS: Final = {
    3: Image.Transpose.ROTATE_180,
    6: Image.Transpose.ROTATE_270,
    8: Image.Transpose.ROTATE_90,
}
# What a page is before anything is drawn on it.
_PAPER_GREY: Final = 255
_LOCKED: Final = frozenset({raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY})


class Refused(Exception):
    """The scan is not read; the argument is the word why. Trying again changes nothing."""


class Shown(NamedTuple):
    """A page as a grey image. `lost` says that the file has something on it, of which nothing at all can be seen: a
    picture that could not be unpacked, and no blank page.
    """

    image: Image.Image
    lost: bool = False


def images(content: bytes, media_type: str) -> Iterator[Image.Image]:
    """Every page as a grey image, no side longer than `SIDE_PIXELS_MAX`. Raises `Refused`, also after some pages."""
    return (page.image for page in shown(content, media_type))


def shown(content: bytes, media_type: str) -> Iterator[Shown]:
    """The same with what is known of each image."""
    return _pdf(content) if media_type == "application/pdf" else _pictures(content, media_type)


def pdf_document(content: bytes) -> pypdfium2.PdfDocument:
    """An opened PDF with a bearable number of pages. Raises `Refused`."""
    if b"%PDF-" not in content[:1024]:
        raise Refused("damaged")
    try:
        document = pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        raise Refused("locked" if error.err_code in _LOCKED else "damaged") from error
    if not 0 < len(document) <= PAGES_MAX:
        raise Refused("too-many-pages" if len(document) else "damaged")
    return document


def pictures(content: bytes, media_type: str) -> Image.Image:
    """An opened TIFF or JPEG, at its first page. Raises `Refused`."""
    Image.MAX_IMAGE_PIXELS = PIXELS_MAX
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    try:
        picture = Image.open(io.BytesIO(content), formats=_FORMATS[media_type])
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Refused("too-large") from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise Refused("damaged") from error
    return picture


def _pdf(content: bytes) -> Iterator[Shown]:
    with closing(pdf_document(content)) as document:
        for index in range(len(document)):
            try:
                page = document[index]
            except pypdfium2.PdfiumError as error:
                raise Refused("damaged") from error
            with closing(page):
                width, height = page.get_size()
                if not (0 < width <= PAGE_POINTS_MAX and 0 < height <= PAGE_POINTS_MAX):
                    raise Refused("too-large")
                scale = min(RESOLUTION_DPI / POINTS_PER_INCH, SIDE_PIXELS_MAX / max(width, height))
                bitmap = page.render(scale=scale, grayscale=True, limit_image_cache=True)
                # A copy of its own: the bitmap goes with its page.
                image = bitmap.to_pil().convert("L").copy()
                drawn = raw.FPDFPage_CountObjects(page.raw) > 0
            yield Shown(image, lost=drawn and image.getextrema()[0] == _PAPER_GREY)


def _pictures(content: bytes, media_type: str) -> Iterator[Shown]:
    with pictures(content, media_type) as picture:
        if getattr(picture, "n_frames", 1) > PAGES_MAX:
            raise Refused("too-many-pages")
        for number in range(getattr(picture, "n_frames", 1) if media_type == "image/tiff" else 1):
            try:
                picture.seek(number)
                if picture.width * picture.height > PIXELS_MAX:
                    raise Refused("too-large")
                image = _grey(picture)
            except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
                raise Refused("too-large") from error
            except (OSError, ValueError, SyntaxError, EOFError) as error:
                raise Refused("damaged") from error
            yield Shown(image)


def _upright(picture: Image.Image, image: Image.Image) -> Image.Image:
    """Turned as the file tells (EXIF 2.32, 4.6.4)."""
    turn = _TURNS.get(int(picture.getexif().get(_TURNED_TAG, 1) or 1))
    return image if turn is None else image.transpose(turn)


def _grey(picture: Image.Image) -> Image.Image:
    """The page as grey, upright as the file tells it, on white where it is transparent."""
    if picture.format == "JPEG":
        picture.draft("L", (SIDE_PIXELS_MAX, SIDE_PIXELS_MAX))
    image: Image.Image = picture
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        low, high = image.getextrema()
        scale = 255.0 / (float(high) - float(low) or 1.0)  # type: ignore[arg-type]
        image = image.convert("F").point(lambda value: value * scale - float(low) * scale)  # type: ignore[arg-type]
    elif image.mode in ("RGBA", "LA", "PA"):
        paper = Image.new("RGBA", image.size, "white")
        paper.alpha_composite(image.convert("RGBA"))
        image = paper
    image = _upright(picture, image.convert("L"))
    longest = max(image.size)
    if longest > SIDE_PIXELS_MAX:
        image = image.resize(
            (max(1, image.width * SIDE_PIXELS_MAX // longest), max(1, image.height * SIDE_PIXELS_MAX // longest)),
            Image.Resampling.BOX,
        )
    return image
