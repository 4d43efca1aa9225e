"""A synthetic office scanner: sheets are printed to images and come back as a mail room's scanner would see them."""

import io
import math
import random
from collections.abc import Sequence
from contextlib import closing
from typing import Literal

import pypdfium2
from msgspec import Struct
from PIL import Image, ImageChops, ImageDraw, ImageFilter

PRINT_DPI = 300
POINTS = 72


class Quality(Struct, frozen=True, kw_only=True):
    """How bad a scan is; shares are of pages, greys of 255, lengths in inches."""

    name: str
    dpi: int
    skew_degrees: float
    noise: int
    black: tuple[int, int]
    white: tuple[int, int]
    blur: tuple[float, float]
    upside_down: float
    marks: float
    stains: float
    faint: float
    jpeg_quality: int


GOOD = Quality(
    name="good",
    dpi=200,
    skew_degrees=1.0,
    noise=6,
    black=(0, 30),
    white=(244, 255),
    blur=(0.0, 0.4),
    upside_down=0.0,
    marks=0.0,
    stains=0.0,
    faint=0.0,
    jpeg_quality=85,
)
OFFICE = Quality(
    name="office",
    dpi=200,
    skew_degrees=4.0,
    noise=20,
    black=(30, 90),
    white=(185, 235),
    blur=(0.4, 0.9),
    upside_down=0.12,
    marks=0.4,
    stains=0.1,
    faint=0.05,
    jpeg_quality=60,
)
POOR = Quality(
    name="poor",
    dpi=150,
    skew_degrees=8.0,
    noise=28,
    black=(50, 110),
    white=(165, 225),
    blur=(0.5, 1.1),
    upside_down=0.2,
    marks=0.6,
    stains=0.5,
    faint=0.6,
    jpeg_quality=45,
)
QUALITIES = {one.name: one for one in (GOOD, OFFICE, POOR)}
MEDIA_TYPES: dict[Literal["pdf", "tiff", "jpeg"], str] = {
    "pdf": "application/pdf",
    "tiff": "image/tiff",
    "jpeg": "image/jpeg",
}

_SIDEWAYS = (Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_270)


def printed(pdf: bytes) -> list[Image.Image]:
    """The pages of a PDF on paper, as grey images of `PRINT_DPI`."""
    with closing(pypdfium2.PdfDocument(pdf)) as document:
        pages = []
        for page in document:
            with closing(page):
                pages.append(page.render(scale=PRINT_DPI / POINTS, grayscale=True).to_pil().convert("L").copy())
        return pages


def scanned(sheet: Image.Image, quality: Quality, rng: random.Random, *, blank: bool = False) -> Image.Image:
    """What the scanner sees of a sheet; on a `blank` one nobody has written."""
    # Paper goes in with its narrow side first.
    page = sheet.transpose(rng.choice(_SIDEWAYS)) if sheet.width > sheet.height else sheet
    if rng.random() < quality.faint:
        page = _faint(page, rng)
    if rng.random() < quality.marks:
        page = _marked(page, rng, pen_share=0 if blank else 0.4)
    if rng.random() < quality.stains:
        page = _stained(page, rng)
    page = page.resize(
        (round(page.width * quality.dpi / PRINT_DPI), round(page.height * quality.dpi / PRINT_DPI)),
        Image.Resampling.BILINEAR,
    )
    page = _laid(page, quality, rng)
    if rng.random() < quality.upside_down:
        page = page.transpose(Image.Transpose.ROTATE_180)
    page = page.filter(ImageFilter.GaussianBlur(rng.uniform(*quality.blur)))
    black, white = rng.randint(*quality.black), rng.randint(*quality.white)
    page = page.point([round(black + grey * (white - black) / 255) for grey in range(256)])
    page = _shaded(page, quality, rng)
    return _noisy(page, quality.noise, rng)


def _laid(page: Image.Image, quality: Quality, rng: random.Random) -> Image.Image:
    """On the glass: askew, a little off, a little larger or smaller, with the lid's grey or black beside it."""
    degrees = rng.uniform(-quality.skew_degrees, quality.skew_degrees)
    lid = rng.choice((255, 255, 255, 200, 40)) if quality.skew_degrees > 2 else 255
    off = page.width * 0.01
    return page.rotate(
        degrees,
        Image.Resampling.BICUBIC,
        translate=(round(rng.uniform(-off, off)), round(rng.uniform(-off, off))),
        expand=quality.skew_degrees > 2,
        fillcolor=lid,
    )


def _clouds(size: tuple[int, int], cells: int, rng: random.Random) -> Image.Image:
    """Slow, soft differences of grey over the whole page."""
    return Image.frombytes("L", (cells, cells), rng.randbytes(cells * cells)).resize(size, Image.Resampling.BICUBIC)


def _shaded(page: Image.Image, quality: Quality, rng: random.Random) -> Image.Image:
    """The lamp is brighter on one side."""
    depth = {"good": 4, "office": 30, "poor": 50}.get(quality.name, 0)
    shade = Image.linear_gradient("L").rotate(rng.choice((0, 90, 180, 270))).resize(page.size)
    return ImageChops.subtract(page, shade.point([grey * depth // 255 for grey in range(256)]))


def _noisy(page: Image.Image, noise: int, rng: random.Random) -> Image.Image:
    if not noise:
        return page
    grain = Image.frombytes("L", page.size, rng.randbytes(page.width * page.height))
    grain = grain.point([128 + round((grey - 127.5) * noise / 127.5) for grey in range(256)])
    return ImageChops.add(page, grain, 1, -128)


def _faint(page: Image.Image, rng: random.Random) -> Image.Image:
    """Little toner left: pale, in bands and clouds, with specks where none held."""
    depth = rng.randint(40, 100)
    pale = page.point([round(depth + grey * (255 - depth) / 255) for grey in range(256)])
    clouds = _clouds(page.size, 7, rng).point([grey // 6 for grey in range(256)])
    pale = ImageChops.add(pale, clouds)
    specks = Image.frombytes(
        "L", (page.width // 2, page.height // 2), rng.randbytes(page.width // 2 * (page.height // 2))
    )
    bare = specks.point([255 if grey > 246 else 0 for grey in range(256)]).resize(page.size)
    return ImageChops.lighter(pale, bare)


def _marked(page: Image.Image, rng: random.Random, *, pen_share: float) -> Image.Image:
    """Punched holes at the binding edge, a staple's shadow, a stroke of a pen."""
    marked = page.copy()
    pen = ImageDraw.Draw(marked)
    inch = PRINT_DPI
    if rng.random() < 0.6:
        for y in (0.5 - 40 / 297, 0.5 + 40 / 297):
            x, radius = 0.45 * inch, 0.12 * inch
            pen.ellipse((x - radius, y * page.height - radius, x + radius, y * page.height + radius), fill=60)
    if rng.random() < 0.6:
        x, y = rng.uniform(0.2, 0.5) * inch, rng.uniform(0.2, 0.5) * inch
        pen.line((x, y, x + 0.4 * inch, y + rng.uniform(-0.3, 0.3) * inch), fill=70, width=6)
    if rng.random() < pen_share:
        x, y = rng.uniform(0.1, 0.8) * page.width, rng.uniform(0.3, 0.9) * page.height
        points = [(x + step * 9, y + 40 * math.sin(step / 3 + x)) for step in range(40)]
        pen.line(points, fill=50, width=5)
    return marked


def _stained(page: Image.Image, rng: random.Random) -> Image.Image:
    """A wet finger, a cup, a fold."""
    stain = Image.new("L", (page.width // 4, page.height // 4), 255)
    pen = ImageDraw.Draw(stain)
    for _ in range(rng.randint(1, 3)):
        x, y = rng.uniform(0, stain.width), rng.uniform(0, stain.height)
        radius = rng.uniform(0.1, 0.45) * inch if (inch := PRINT_DPI // 4) else 0
        if rng.random() < 0.5:
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=rng.randint(150, 215))
        else:
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), outline=rng.randint(130, 200), width=4)
    if rng.random() < 0.5:
        y = rng.uniform(0.2, 0.8) * stain.height
        pen.line((0, y, stain.width, y + rng.uniform(-5, 5)), fill=190, width=2)
    stain = stain.filter(ImageFilter.GaussianBlur(2)).resize(page.size, Image.Resampling.BILINEAR)
    return ImageChops.multiply(page, stain)


def files(pages: Sequence[Image.Image], kind: Literal["pdf", "tiff", "jpeg"], quality: Quality) -> list[bytes]:
    """The scan as the scanner sends it: one file, or of JPEG one for each page."""
    if kind == "jpeg":
        return [jpeg(page, quality) for page in pages]
    out = io.BytesIO()
    # Copies: Pillow leaves on an image how it was saved last.
    first, *rest = (page.copy() for page in pages)
    if kind == "tiff":
        first.save(
            out,
            "TIFF",
            save_all=True,
            append_images=rest,
            compression="jpeg",
            quality=quality.jpeg_quality,
            dpi=(quality.dpi, quality.dpi),
        )
    else:
        first.save(out, "PDF", save_all=True, append_images=rest, resolution=quality.dpi, quality=quality.jpeg_quality)
    return [out.getvalue()]


def jpeg(page: Image.Image, quality: Quality) -> bytes:
    out = io.BytesIO()
    page.save(out, "JPEG", quality=quality.jpeg_quality, dpi=(quality.dpi, quality.dpi))
    return out.getvalue()
