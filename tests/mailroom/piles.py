"""Items as they come to a mail room: real covers and forms, papers of people, and what goes wrong with piles."""

import random
import time
from collections.abc import Sequence
from typing import Literal

import msgspec
import zxingcpp
from msgspec import Struct
from PIL import Image, ImageDraw, ImageFont

from gateway.mailroom.codes import CoverCode, Printed, check_cover, page_code
from gateway.mailroom.counting import Counted
from gateway.mailroom.matching import Expected, Filed, match
from gateway.mailroom.reading import Code, PageRead, read_scan
from gateway.postal.cover import cover_pdf
from gateway.postal.pieces import Piece
from gateway.postal.printed_forms import ToPrint, forms_pdf
from storage.announcements import Announced
from tests.mailroom import scanner
from tests.mailroom.scanner import QUALITIES, Quality
from tests.postal import papers

A4 = (2480, 3508)
NAMES = 250
SEEDS = 4
Kind = Literal["pdf", "tiff", "jpeg"]


class Sheet(Struct, frozen=True):
    """A sheet of paper: what is on it, whose it is ('': nobody's here), and the codes of ours that stand on it."""

    image: Image.Image
    dossier: str = ""
    codes: tuple[str, ...] = ()
    blank: bool = False


class Pile(Struct, frozen=True):
    expected: list[Expected]
    counted: list[Counted]
    sheets: list[Sheet]
    mishaps: tuple[str, ...]


class Outcome(Struct, frozen=True):
    """What became of a pile: its dossiers' pages; how many a reader who errs in nothing would file; how many were
    filed; how many wrongly; how many blank ones were taken for written, and written ones for blank; the time it took.
    """

    quality: str
    kind: str
    mishaps: tuple[str, ...]
    pages: int
    scanned: int
    fileable: int
    filed: int
    coded: int
    coded_filed: int
    wrong: int
    blank_kept: int
    written_lost: int
    reading_s: float
    whys: dict[str, int]


def make_pile(number: int, rng: random.Random, *, dossiers: Sequence[int] = (1, 1, 2, 3)) -> Pile:
    """An item with one of these numbers of dossiers, in the order that their covers ask for; then what goes wrong."""
    rows = [_announced(number * 4 + at, rng) for at in range(rng.choice(dossiers))]
    blocks = [_block(row, seed, rng) for row, seed in rows]
    sheets = [sheet for block in blocks for sheet in block]
    mishaps: list[str] = []
    if rng.random() < 0.05:
        row, seed = _announced(number * 4 + 3, rng)
        sheets.insert(rng.randrange(len(sheets) + 1), _stranger(rng.choice(_printed_sheets(row, seed))))
        mishaps.append("stranger")
    if rng.random() < 0.02:
        sheets.pop(rng.randrange(len(sheets)))
        mishaps.append("missing")
    if rng.random() < 0.01:
        at = rng.randrange(len(sheets))
        sheets.insert(at, sheets[at])
        mishaps.append("doubled")
    expected = [expected_of(row) for row, _ in rows]
    told = [piece for one in expected for piece in one.pieces if not piece.form]
    counted = [Counted(kind=piece.kind, count=piece.count) for piece in told]
    return Pile(expected, counted, sheets, tuple(mishaps))


def expected_of(row: Announced) -> Expected:
    return Expected(
        dossier=row.id,
        digest=row.digest,
        printed=msgspec.json.decode(row.printed, type=tuple[Printed, ...]),
        pieces=msgspec.json.decode(row.pieces, type=tuple[Piece, ...]),
    )


def cover_holds(code: CoverCode) -> bool:
    return check_cover(code, papers.KEYS)


def _announced(number: int, rng: random.Random) -> tuple[Announced, int]:
    seed = 1 + rng.randrange(SEEDS)
    pieces = [
        Piece(kind=rng.choice(("attachment", "decision")), name="Giấy tờ", pages=rng.randint(1, 3))
        for _ in range(rng.choice((0, 1, 1, 2)))
    ]
    if rng.random() < 0.5:
        pieces.append(Piece(kind="book", name="Sổ BHXH", original=True))
    row = papers.announced(1 + number % NAMES, printed=papers.counted(seed), pieces=tuple(pieces))
    return row, seed


def _printed_sheets(row: Announced, seed: int) -> list[Sheet]:
    printed = msgspec.json.decode(row.printed, type=tuple[Printed, ...])
    asked = ToPrint(
        dossier=row.id, digest=row.digest, content=papers.content(seed), media_type=papers.XML, printed=printed
    )
    covers = scanner.printed(cover_pdf(papers.told([row]), [row]))
    forms = scanner.printed(forms_pdf([asked], papers.CATALOGUE, papers.ON, papers.AT, apart=False))
    places = [(0, page, len(covers)) for page in range(1, len(covers) + 1)]
    places += [(one.number, page, one.pages) for one in printed for page in range(1, one.pages + 1)]
    return [
        Sheet(
            image, row.id, (page_code(row.id, row.digest, *place), *((row.code, row.id) if place[:2] == (0, 1) else ()))
        )
        for image, place in zip(covers + forms, places, strict=True)
    ]


def _block(row: Announced, seed: int, rng: random.Random) -> list[Sheet]:
    """A dossier's pile: its cover, its forms, its other papers; now and then the blank back of one."""
    sheets = _printed_sheets(row, seed)
    loose = sum(piece.pages for piece in expected_of(row).pieces if not piece.form)
    sheets += [Sheet(_paper(rng), row.id) for _ in range(loose)]
    with_backs: list[Sheet] = []
    for sheet in sheets:
        with_backs.append(sheet)
        if rng.random() < 0.02:
            with_backs.append(Sheet(Image.new("L", A4, 255), blank=True))
    return with_backs


def _stranger(sheet: Sheet) -> Sheet:
    return Sheet(sheet.image, "", sheet.codes)


def _paper(rng: random.Random) -> Image.Image:
    """A supporting paper: lines of writing, a stamp, sometimes somebody else's barcode."""
    page = Image.new("L", A4, rng.randint(240, 255))
    pen = ImageDraw.Draw(page)
    y = 300.0
    for _ in range(rng.randint(4, 34)):
        words = " ".join(
            "".join(rng.choices("aeiouhnmtlkgbcd", k=rng.randint(2, 7))) for _ in range(rng.randint(3, 12))
        )
        font = ImageFont.load_default(rng.choice((36, 42, 50, 64)))
        pen.text((rng.randint(250, 400), y), words, fill=rng.randint(10, 90), font=font)
        y += rng.randint(60, 110)
    x, radius = rng.randint(500, 1900), rng.randint(120, 220)
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), outline=110, width=9)
    if rng.random() < 0.3:
        page.paste(_foreign(rng), (rng.randint(200, 1500), rng.randint(150, 2800)))
    return page


def _foreign(rng: random.Random) -> Image.Image:
    text, kind = rng.choice(
        (
            (f"https://example.org/tra-cuu?id={rng.randrange(10**9)}", zxingcpp.BarcodeFormat.QRCode),
            (f"HD-{rng.randrange(10**8):08}", zxingcpp.BarcodeFormat.Code128),
            (f"8934{rng.randrange(10**8):08}", zxingcpp.BarcodeFormat.Code39),
        )
    )
    drawn = zxingcpp.create_barcode(text, kind).to_image(scale=6)
    return Image.frombytes("L", (drawn.shape[1], drawn.shape[0]), bytes(drawn))


def scan(pile: Pile, quality: Quality, kind: Kind, rng: random.Random) -> list[bytes]:
    return scanner.files(
        [scanner.scanned(sheet.image, quality, rng, blank=sheet.blank) for sheet in pile.sheets], kind, quality
    )


def read(files: Sequence[bytes], kind: Kind) -> list[PageRead]:
    return [page for content in files for page in read_scan(content, scanner.MEDIA_TYPES[kind])]


def play(number: int, quality: Quality, seed: int, *, dossiers: Sequence[int] = (1, 1, 2, 3)) -> Outcome:
    """One item, from paper to its filed pages."""
    rng = random.Random(f"{seed}-{number}-{quality.name}")
    pile = make_pile(number, rng, dossiers=dossiers)
    kind: Kind = rng.choice(("pdf", "pdf", "tiff", "jpeg"))
    files = scan(pile, quality, kind, rng)
    began_s = time.perf_counter()
    pages = read(files, kind)
    reading_s = time.perf_counter() - began_s
    assert len(pages) == len(pile.sheets)
    filed = match(pages, pile.expected, pile.counted, cover_holds=cover_holds)
    ideal = match(_read_without_error(pile.sheets), pile.expected, pile.counted, cover_holds=cover_holds)
    whys: dict[str, int] = {}
    for one in filed:
        if one.state == "waiting":
            whys[one.why] = whys.get(one.why, 0) + 1
    return Outcome(
        quality=quality.name,
        kind=kind,
        mishaps=pile.mishaps,
        pages=sum(bool(sheet.dossier) for sheet in pile.sheets),
        scanned=len(pages),
        fileable=_filed(ideal),
        filed=_filed(filed),
        coded=sum(bool(sheet.codes and sheet.dossier) for sheet in pile.sheets),
        coded_filed=sum(one.how == "code" for one in filed),
        wrong=sum(
            one.state == "filed" and one.dossier != sheet.dossier for one, sheet in zip(filed, pile.sheets, strict=True)
        ),
        blank_kept=sum(sheet.blank and not page.blank for page, sheet in zip(pages, pile.sheets, strict=True)),
        written_lost=sum(page.blank and not sheet.blank for page, sheet in zip(pages, pile.sheets, strict=True)),
        reading_s=reading_s,
        whys=whys,
    )


def play_asked(asked: tuple[int, str, int]) -> Outcome:
    """The same, for a pool: number, name of the quality, seed."""
    number, quality, seed = asked
    return play(number, QUALITIES[quality], seed)


def _filed(pages: Sequence[Filed]) -> int:
    return sum(one.state == "filed" for one in pages)


def _read_without_error(sheets: Sequence[Sheet]) -> list[PageRead]:
    return [
        PageRead(
            number=number,
            codes=tuple(Code(text=text, format="QRCode") for text in sheet.codes),
            blank=sheet.blank,
        )
        for number, sheet in enumerate(sheets, 1)
    ]
