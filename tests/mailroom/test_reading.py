"""Scans are read in a process apart: codes however they lie, and clear words for what cannot be read."""

import io
import random
import zlib

import pypdfium2
import pytest
import zxingcpp
from PIL import Image, ImageDraw, ImageFont
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.writer import PageObject, PdfFileWriter

from gateway.mailroom import apart
from gateway.mailroom.codes import page_code
from gateway.mailroom.extract import pages_pdf
from gateway.mailroom.reading import PageRead, ScanUnreadable, read_scan
from tests.mailroom import scanner

TEXT = page_code("d-" + "ab" * 13, b"d" * 32, 1, 1, 2)
PDF, TIFF, JPEG = "application/pdf", "image/tiff", "image/jpeg"


def sheet(*, text: str = TEXT, scale: int = 6, writing: str = "") -> Image.Image:
    """A page of 300 dots an inch with a small square in its lower right corner, as ours have it."""
    page = Image.new("L", (2480, 3508), 255)
    if text:
        drawn = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level="M").to_image(scale=scale)
        square = Image.frombytes("L", (drawn.shape[1], drawn.shape[0]), bytes(drawn))
        page.paste(square, (2480 - 110 - square.width, 3508 - 110 - square.height))
    if writing:
        ImageDraw.Draw(page).text((500, 900), writing, fill=60, font=ImageFont.load_default(44))
    return page


def jpeg(image: Image.Image, **more: object) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", **more)  # type: ignore[arg-type]
    return out.getvalue()


def pdf(*images: Image.Image) -> bytes:
    return scanner.files(images, "pdf", scanner.GOOD)[0]


def texts(page: PageRead) -> set[str]:
    return {one.text for one in page.codes}


@pytest.fixture(scope="module")
def small() -> Image.Image:
    return sheet().resize((1654, 2339))


def test_codes_are_read_from_pdf_tiff_and_jpeg_page_by_page(small):
    blank = Image.new("L", small.size, 250)
    written = sheet(text="", writing="Đã nhận đủ hai sổ").resize(small.size)
    heard = []
    for kind in ("pdf", "tiff"):
        (content,) = scanner.files([small, blank, written], kind, scanner.GOOD)
        pages = read_scan(content, scanner.MEDIA_TYPES[kind], heard=heard.append)
        assert [page.number for page in pages] == [1, 2, 3]
        assert [texts(page) for page in pages] == [{TEXT}, set(), set()]
        assert [page.blank for page in pages] == [False, True, False]
        assert heard.pop(0) == pages[0]
        heard.clear()
    (page,) = read_scan(jpeg(small), JPEG)
    assert texts(page) == {TEXT}
    assert (page.width_px, page.height_px) == small.size


def test_a_page_says_how_far_it_is_turned(small):
    turns = (None, Image.Transpose.ROTATE_270, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_90)
    turned = [small if turn is None else small.transpose(turn) for turn in turns]
    assert [page.turned_degrees for page in read_scan(pdf(*turned), PDF)] == [0, 90, 180, 270]
    assert read_scan(pdf(Image.new("L", (800, 1000), 255)), PDF)[0].turned_degrees is None


def test_faint_grainy_skewed_and_upside_down_codes_are_read():
    pages = []
    for degrees, black, noise, dpi in ((8, 150, 20, 150), (-8, 60, 30, 150), (172, 110, 24, 150), (-4, 170, 10, 200)):
        page = sheet(scale=5).resize((round(2480 * dpi / 300), round(3508 * dpi / 300)))
        page = page.rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=255)
        page = page.point([round(black + grey * (225 - black) / 255) for grey in range(256)])
        pages.append(scanner._noisy(page, noise, random.Random(degrees)))
    assert [texts(page) for page in read_scan(pdf(*pages), PDF)] == [{TEXT}] * 4


@pytest.mark.parametrize(
    ("content", "media_type", "code"),
    [
        (b"", PDF, "empty"),
        (b"hello", PDF, "damaged"),
        (b"%PDF-1.7\n%%EOF", PDF, "damaged"),
        (b"\xff\xd8\xff\xe0 no", JPEG, "damaged"),
        (b"II*\0\x08\0\0\0", TIFF, "damaged"),
        (b"hello", "image/png", "media-type"),
    ],
)
def test_what_is_no_scan_is_refused_in_words(content: bytes, media_type: str, code: str):
    with pytest.raises(ScanUnreadable) as refused:
        read_scan(content, media_type)
    assert refused.value.code == code
    assert refused.value.vi
    assert refused.value.en
    assert not refused.value.may_retry


def test_a_file_of_another_type_than_told_and_a_broken_one_are_refused(small):
    for content, told in ((jpeg(small), TIFF), (jpeg(small), PDF), (jpeg(small)[:2000], JPEG), (pdf(small), JPEG)):
        with pytest.raises(ScanUnreadable, match="damaged"):
            read_scan(content, told)


def locked() -> bytes:
    writer = PdfFileWriter()
    writer.insert_page(
        PageObject(contents=writer.add_object(generic.StreamObject(stream_data=b"")), media_box=(0, 0, 100, 100))
    )
    writer.encrypt("owner", "user")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def test_a_locked_pdf_is_refused():
    with pytest.raises(ScanUnreadable) as refused:
        read_scan(locked(), PDF)
    assert refused.value.code == "locked"


def many(pages: int) -> bytes:
    with pypdfium2.PdfDocument.new() as document:
        for _ in range(pages):
            document.new_page(100, 100).close()
        out = io.BytesIO()
        document.save(out)
    return out.getvalue()


def picture_pdf(side: int) -> bytes:
    """A PDF whose one picture, packed to little, would fill `side` × `side` × 3 bytes."""
    packer = zlib.compressobj(9)
    row = b"\0" * (side * 3)
    packed = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 500 700]/Contents 4 0 R/Resources<</XObject<</P 5 0 R>>>>>>",
        b"<</Length 30>>stream\nq 500 0 0 700 0 0 cm /P Do Q  \nendstream",
        b"<</Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace/DeviceRGB/BitsPerComponent 8"
        b"/Filter/FlateDecode/Length %d>>stream\n%b\nendstream" % (side, side, len(packed), packed),
    ]
    body = b"".join(b"%d 0 obj\n%b\nendobj\n" % (number, each) for number, each in enumerate(objects, 1))
    return b"%PDF-1.7\n" + body + b"trailer\n<</Root 1 0 R/Size 6>>\n%%EOF\n"


def test_a_scan_of_three_hundred_pages_is_read_and_of_one_more_refused():
    with pytest.raises(ScanUnreadable) as refused:
        read_scan(many(apart.PAGES_MAX + 1), PDF)
    assert refused.value.code == "too-many-pages"


@pytest.mark.parametrize("dimensions", [(30_000, 30_000), (65_000, 60_000)])
def test_a_picture_that_would_fill_the_memory_is_refused(dimensions: tuple[int, int]):
    content = bytearray(jpeg(Image.new("L", (64, 64))))
    frame = content.index(b"\xff\xc0") + 5
    content[frame : frame + 4] = dimensions[1].to_bytes(2, "big") + dimensions[0].to_bytes(2, "big")
    with pytest.raises(ScanUnreadable) as refused:
        read_scan(bytes(content), JPEG)
    assert refused.value.code == "too-large"


def test_a_picture_in_a_pdf_that_cannot_be_unpacked_is_no_blank_page():
    whole = picture_pdf(400)
    assert [page.blank for page in read_scan(whole, PDF)] == [False]
    start = whole.index(b"stream\n", whole.index(b"/FlateDecode")) + 7
    broken = whole[:start] + b"\xff" * 40 + whole[start + 40 :]
    assert [page.blank for page in read_scan(broken, PDF)] == [False]
    assert [page.blank for page in read_scan(many(1), PDF)] == [True]


def test_a_scan_that_takes_too_long_is_broken_off(small, monkeypatch):
    monkeypatch.setattr(apart, "TIME_S_MAX", 0.05)
    with pytest.raises(ScanUnreadable) as refused:
        read_scan(pdf(small), PDF)
    assert refused.value.code == "too-long"
    assert refused.value.may_retry


def test_the_process_apart_gets_no_secret_of_ours(small, monkeypatch, tmp_path):
    seen = tmp_path / "environment"
    monkeypatch.setenv("MOTCUA_SECRET", "s3cret")
    began = apart.subprocess.Popen

    def watched(*arguments, **more):
        seen.write_text(repr(more["env"]))
        return began(*arguments, **more)

    monkeypatch.setattr(apart.subprocess, "Popen", watched)
    read_scan(jpeg(small), JPEG)
    assert "s3cret" not in seen.read_text()


def test_the_pages_asked_for_are_cut_out_in_order_and_always_the_same(small):
    other = sheet(text="", writing="trang hai").resize(small.size)
    content = pdf(small, other)
    cut = pages_pdf(content, PDF, [2, 1])
    assert pages_pdf(content, PDF, [2, 1]) == cut
    assert [texts(page) for page in read_scan(cut, PDF)] == [set(), {TEXT}]
    assert [texts(page) for page in read_scan(pages_pdf(content, PDF, [1]), PDF)] == [{TEXT}]


def test_a_jpeg_goes_into_the_pdf_byte_by_byte_and_upright(small):
    exif = Image.Exif()
    exif[274] = 3
    content = jpeg(small.transpose(Image.Transpose.ROTATE_180), exif=exif, dpi=(200, 200))
    cut = pages_pdf(content, JPEG, [1])
    assert content in cut
    (page,) = read_scan(cut, PDF)
    assert (texts(page), page.turned_degrees) == ({TEXT}, 0)
    with pypdfium2.PdfDocument(cut) as document:
        assert document.get_page_size(0) == pytest.approx((595.44, 842.04), abs=0.1)


@pytest.mark.parametrize(
    ("mode", "compression"), [("1", "group4"), ("L", "tiff_lzw"), ("RGB", "tiff_deflate"), ("L", "jpeg")]
)
def test_pages_of_a_tiff_go_into_the_pdf(small, mode: str, compression: str):
    out = io.BytesIO()
    blank = Image.new(mode, small.size, "white")
    blank.save(out, "TIFF", save_all=True, append_images=[small.convert(mode)], compression=compression, dpi=(200, 200))
    cut = pages_pdf(out.getvalue(), TIFF, [2])
    assert pages_pdf(out.getvalue(), TIFF, [2]) == cut
    (page,) = read_scan(cut, PDF)
    assert texts(page) == {TEXT}


@pytest.mark.parametrize("numbers", [[], [0], [2], [-1], list(range(1, 400))])
def test_pages_that_are_not_there_cannot_be_cut_out(small, numbers: list[int]):
    for content, told in ((pdf(small), PDF), (jpeg(small), JPEG)):
        with pytest.raises(ScanUnreadable) as refused:
            pages_pdf(content, told, numbers)
        assert refused.value.code == "no-such-page"
