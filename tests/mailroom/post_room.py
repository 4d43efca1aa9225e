"""A mail room in the test's own process: paper announced over HTTP, its sheets printed, piled, scanned and sent in."""

import base64
import io
from collections.abc import Iterable, Sequence
from contextlib import closing
from typing import Any

import httpx
import pypdfium2
import segno
from PIL import Image, ImageDraw

from gateway.clock import to_us
from gateway.mailroom.codes import CoverCode, page_code, read_code
from schemas.sample import make_dossier
from storage import items
from storage.items import Item
from tests.clocks import HandClock
from tests.gateway.inhouse import OFFICE, TAX_CODE, UNIT, Inhouse

PDF = "application/pdf"
# A small paper, for a page without a code is looked at for long.
A7_AT_72_DPI = (210, 298)
BOOK = {"kind": "book", "count": 1, "name": "Sổ BHXH", "original": True}


def an_envelope(seed: int) -> bytes:
    """An unsigned dossier of procedure 600."""
    return make_dossier(
        "600", employees=1, seed=seed, unit=UNIT, tax_code=TAX_CODE, office=OFFICE, period="03/2026",
        made_on=HandClock().now().date(), attachments=0,
    )  # fmt: skip


def loose(text: str, pages: int = 1) -> bytes:
    """Pages that bear writing and no code."""
    images = []
    for number in range(1, pages + 1):
        image = Image.new("L", A7_AT_72_DPI, 255)
        pen = ImageDraw.Draw(image)
        for line in range(8):
            pen.text((30, 30 + 30 * line), f"{text} {number}.{line} " * 2, fill=0)
        images.append(image)
    made = io.BytesIO()
    images[0].save(made, "PDF", resolution=72, save_all=True, append_images=images[1:])
    return made.getvalue()


def coded(*codes: str) -> bytes:
    """A page that bears these codes and nothing else: what a printed page is to a mail room, and quicker made."""
    drawn = []
    for code in codes:
        written = io.BytesIO()
        segno.make_qr(code, error="m").save(written, kind="png", scale=3, border=4)
        drawn.append(Image.open(written).convert("L"))
    page = Image.new("L", (sum(one.width for one in drawn), max(one.height for one in drawn)), 255)
    left = 0
    for one in drawn:
        page.paste(one, (left, 0))
        left += one.width
    made = io.BytesIO()
    page.save(made, "PDF", resolution=100)
    return made.getvalue()


def pile(*sheets: bytes) -> bytes:
    """One PDF of these, one behind the other."""
    with closing(pypdfium2.PdfDocument.new()) as made:
        for sheet in sheets:
            with closing(pypdfium2.PdfDocument(sheet)) as one:
                made.import_pages(one)
        written = io.BytesIO()
        made.save(written)
        return written.getvalue()


def pages_in(pdf: bytes) -> int:
    with closing(pypdfium2.PdfDocument(pdf)) as document:
        return len(document)


def only(pdf: bytes, numbers: Sequence[int]) -> bytes:
    """Some of its pages, from 1."""
    with closing(pypdfium2.PdfDocument.new()) as made, closing(pypdfium2.PdfDocument(pdf)) as one:
        made.import_pages(one, [number - 1 for number in numbers])
        written = io.BytesIO()
        made.save(written)
        return written.getvalue()


class PostRoom:
    """An employer that announces, and the mail room of its office."""

    def __init__(self, gateway: Inhouse) -> None:
        self.gateway = gateway
        self.employer = gateway.bearer("employer", units=[UNIT])
        self.office = gateway.bearer("office", offices=[OFFICE])
        self.serial = 0

    def announce(self, *dossiers: tuple[int, Sequence[dict[str, Any]]], office: str = OFFICE) -> dict[str, Any]:
        """Announce dossiers by seed and further pieces; the answer."""
        told = [
            {"envelope": base64.b64encode(an_envelope(seed)).decode(), "pieces": list(pieces)}
            for seed, pieces in dossiers
        ]
        answer = self.gateway(
            "POST", "/v1/postal/announcements", self.employer, json={"dossiers": told, "office": office}
        )
        assert answer.status_code in (200, 201), answer.text
        found: dict[str, Any] = answer.json()
        return found

    def item(self, dossiers: Iterable[str], number: str = "", office: str = OFFICE) -> str:
        """An item that is bound to these dossiers."""
        self.serial += 1
        number = number or f"TU{self.serial:06d}/BD"
        now_us = to_us(self.gateway.clock.now())
        row = Item(
            number=number, scheme="local", carrier="", direction="in", office=office, unit=UNIT, announcement=None,
            bound_at_us=now_us, bound_by="x", state_at_us=now_us,
        )  # fmt: skip
        with self.gateway.house.database.begin() as tx:
            items.bind(tx, row, list(dossiers))
        return number

    def sheets(self, announced: dict[str, Any], dossier: str) -> tuple[bytes, bytes]:
        """The cover sheet and the forms of one dossier, as they are printed."""
        paper = []
        for name in ("cover", "forms"):
            path = f"/v1/postal/announcements/{announced['announcement']}/{name}.pdf?dossier={dossier}"
            answer = self.gateway("GET", path, self.employer)
            assert answer.status_code == 200, answer.text
            paper.append(answer.content)
        return paper[0], paper[1]

    def codes(self, announced: dict[str, Any], dossier: str) -> tuple[bytes, bytes]:
        """The same with nothing on them but their codes."""
        (told,) = (one for one in announced["dossiers"] if one["dossier"] == dossier)
        cover = read_code(told["code"])
        assert isinstance(cover, CoverCode)
        pages = [
            coded(page_code(dossier, cover.digest, form["number"], page, form["pages"]))
            for form in told["printed"]
            for page in range(1, form["pages"] + 1)
        ]
        return coded(told["code"], page_code(dossier, cover.digest, 0, 1, 1)), pile(*pages)

    def open(self, item: str, *counted: dict[str, Any], token: str | None = None, **more: Any) -> httpx.Response:
        told = {"item": item, "office": OFFICE, "condition": "intact", "counted": list(counted)} | more
        return self.gateway("POST", "/v1/mailroom/openings", token or self.office, json=told)

    def scan(
        self, opening: str, content: bytes, media_type: str = PDF, batch: str = "", token: str | None = None
    ) -> httpx.Response:
        path = f"/v1/mailroom/scans?opening={opening}" + (f"&batch={batch}" if batch else "")
        return self.gateway("POST", path, token or self.office, content=content, headers={"content-type": media_type})

    def bind(self, *pages: tuple[str, int, str], reason: str = "xem giấy", token: str | None = None) -> httpx.Response:
        told = {"pages": [dict(zip(("scan", "number", "dossier"), one, strict=True)) for one in pages]}
        return self.gateway("POST", "/v1/mailroom/pages", token or self.office, json=told | {"reason": reason})

    def say_complete(self, opening: str, dossier: str, *missing: str, reason: str = "đã xem") -> httpx.Response:
        said = {"dossier": dossier, "reason": reason, "missing": list(missing)}
        return self.gateway("POST", f"/v1/mailroom/openings/{opening}/filings", self.office, json=said)

    def shown(self, opening: str) -> dict[str, Any]:
        answer = self.gateway("GET", f"/v1/mailroom/openings/{opening}", self.office)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def waiting(self) -> list[dict[str, Any]]:
        answer = self.gateway("GET", f"/v1/mailroom/waiting?office={OFFICE}", self.office)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["openings"]
        return found

    def dossier(self, name: str) -> httpx.Response:
        return self.gateway("GET", f"/v1/dossiers/{name}", self.employer)
