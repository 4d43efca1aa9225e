"""Announced dossiers with their content, as rows: what covers and forms are printed from."""

import json
from datetime import date, datetime
from functools import lru_cache
from typing import Any

import msgspec
import pypdfium2
import zxingcpp
from cryptography.hazmat.primitives.asymmetric import ed25519
from PIL import Image

from gateway.clock import VIETNAM, to_us
from gateway.ids import dossier_id
from gateway.mailroom.codes import Printed, cover_code, digest_of
from gateway.office_table import OfficeTable
from gateway.postal.cover import Told
from gateway.postal.pieces import Piece
from gateway.postal.printed_forms import count_forms
from schemas.sample import make_dossier
from signing.jwks import PublishedKey
from signing.seal import FileSealKey
from storage.announcements import Announced, Announcement
from tests.schemas.judging import CATALOGUE

AT = datetime(2026, 3, 2, 9, 15, tzinfo=VIETNAM)
ON = date(2026, 3, 2)
UNIT, TAX_CODE, OFFICE, OTHER_OFFICE = "TS12345", "0101234565", "07906", "08907"
XML = "application/xml"
NAME = "Công ty TNHH Một thành viên May mặc Xuất khẩu Nguyễn Thị Ngọc Khuê – Chi nhánh Thủ Đức"
SEAL = FileSealKey(ed25519.Ed25519PrivateKey.from_private_bytes(b"\7" * 32))
KEYS = (PublishedKey(jwk=SEAL.public_jwk()),)
ANNOUNCEMENT = Announcement(
    id="p-abcdefghijklmnop",
    client="employer-abc",
    role="employer",
    office=OFFICE,
    made_at_us=to_us(AT),
    sha256=b"a" * 32,
    carrier="vnpost",
    return_to=json.dumps({"name": NAME, "address": "12 Nguyễn Huệ, Phường Bến Nghé", "phone": "0283 822 0000"}),
)
PIECES = (
    Piece(kind="attachment", name="Hợp đồng lao động", count=4, pages=12),
    Piece(kind="book", name="Sổ BHXH của người lao động", count=2, original=True),
    Piece(kind="decision", name="Quyết định thôi việc số 12/QĐ-NK", pages=1),
)


@lru_cache(maxsize=4)
def content(seed: int = 1, employees: int = 4) -> bytes:
    """An unsigned dossier of procedure 600."""
    return make_dossier(
        "600", employees=employees, seed=seed, unit=UNIT, tax_code=TAX_CODE, period="03/2026", made_on=ON,
        attachments=0, office=OFFICE,
    )  # fmt: skip


@lru_cache(maxsize=4)
def counted(seed: int = 1) -> tuple[Printed, ...]:
    return count_forms(content(seed), XML, CATALOGUE, ON, AT, apart=False)


def announced(
    number: int = 1, *, printed: tuple[Printed, ...] = (), pieces: tuple[Piece, ...] = PIECES, **more: Any
) -> Announced:
    """A row, its digest and code true; another number, another dossier."""
    sha256 = bytes([number]) * 32
    named, half_of = dossier_id(sha256), more.get("half_of", "")
    told = tuple(Piece(kind="form", form=one.form, pages=one.pages) for one in printed) + pieces
    digest = digest_of(
        announcement=ANNOUNCEMENT.id, dossier=named, sha256=sha256, half_of=half_of, pieces=told, printed=printed
    )
    given: dict[str, Any] = {
        "id": named,
        "announcement": ANNOUNCEMENT.id,
        "number": number,
        "unit": UNIT,
        "tax_code": TAX_CODE,
        "procedure": "600",
        "period": "03/2026",
        "batch": 1,
        "half_of": half_of,
        "hybrid": 0,
        "competent_office": OFFICE,
        "sha256": sha256,
        "size_bytes": 1000,
        "media_type": XML,
        "pack": "pack",
        "pack_offset": 0,
        "pack_length": 1000,
        "wrapped_key": b"k",
        "pieces": msgspec.json.encode(told).decode(),
        "printed": msgspec.json.encode(printed).decode(),
        "digest": digest,
        "code": cover_code(named, digest, SEAL),
        "findings": "[]",
        "state": "announced",
        "state_at_us": to_us(AT),
    }
    return Announced(**given | more)


def told(rows: list[Announced], items: dict[str, list[str]] | None = None, **more: Any) -> Told:
    return Told(
        announcement=msgspec.structs.replace(ANNOUNCEMENT, **more),
        dossiers=len(rows),
        unit_names={UNIT: NAME},
        items=items or {},
        catalogue=CATALOGUE,
        offices=OfficeTable.load(),
    )


def sheets(pdf: bytes, dots_per_inch: int = 200) -> list[Image.Image]:
    """The sheets as a scanner would give them."""
    with pypdfium2.PdfDocument(pdf) as document:
        return [page.render(scale=dots_per_inch / 72).to_pil() for page in document]


def codes_on(sheet: Image.Image) -> set[str]:
    return {found.text for found in zxingcpp.read_barcodes(sheet)}
