"""The demonstration's paper: announced, printed, posted, opened, scanned askew, filed by its codes, and sent back."""

from __future__ import annotations

import base64
import io
import random
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import httpx
import pypdfium2
from PIL import Image, ImageChops

from gateway.clock import rfc3339
from gateway.demo_gateway import Unplayable
from gateway.first_start import DEMO_CARRIER

if TYPE_CHECKING:
    from gateway.client import Gateway
    from gateway.clock import Clock
    from gateway.demo_course import Teller

# Numbers of the pool that the carrier gave out beforehand: UPU S10, each with its check digit.
_THERE, _BACK = "EA123456785VN", "EB000000270VN"
_DPI: Final = 200
_POINTS: Final = 72
_SKEW_DEGREES: Final = (2.6, -1.9, 180.8)
_SEED: Final = 20
_PAPERS: Final = [
    {"kind": "attachment", "count": 1, "name": "Quyết định tuyển dụng", "pages": 1},
    {"kind": "book", "count": 2, "name": "Sổ BHXH", "original": True},
]


class PaperAct:
    """The act: one dossier on paper from its announcement to its originals back at the firm."""

    def __init__(self, employer: Gateway, office: Gateway, post: Gateway, code: str, clock: Clock, say: Teller) -> None:
        self._employer, self._office, self._post = employer, office, post
        self._code, self._clock, self._say = code, clock, say

    async def play(self, content: bytes) -> dict[str, Any]:
        """All of it, for the unsigned dossier `content`; what the gateway answers of it in the end."""
        announced = await self._announce(content)
        (one,) = announced["dossiers"]
        pages = await self._printed(announced)
        await self._travel(announced)
        filed = await self._opened(one["dossier"], pages)
        await self._returned(filed)
        return filed

    async def _announce(self, content: bytes) -> dict[str, Any]:
        body = {
            "dossiers": [{"envelope": base64.b64encode(content).decode(), "pieces": _PAPERS}],
            "office": self._code,
            "carrier": DEMO_CARRIER,
            "return_to": {"name": "Đơn vị mẫu", "address": "1 phố Mẫu, phường Mẫu", "phone": "0900000000"},
        }
        made: dict[str, Any] = await _told(self._employer, "POST", "/v1/postal/announcements", json=body)
        again = await _told(self._employer, "POST", "/v1/postal/announcements", json=body)
        same = again["announcement"] == made["announcement"]
        said = "judged before it is printed; again: the same"
        self._say("Báo trước hồ sơ giấy: kiểm tra trước khi in", said, check=same)
        return made

    async def _printed(self, announced: dict[str, Any]) -> list[Image.Image]:
        """The cover sheet, the forms and one paper of the firm's own, as a mail room's scanner sees them."""
        cover = (await _ask(self._employer, "GET", announced["cover_url"])).content
        forms = (await _ask(self._employer, "GET", announced["forms_url"])).content
        sheets = [*_images(cover), *_images(forms)]
        own = Image.new("L", sheets[0].size, 255)
        sheets.insert(len(_images(cover)), own_paper(own))
        noise = random.Random(_SEED)  # noqa: S311 - dirt on paper
        scanned = [
            scan(sheet, _SKEW_DEGREES[number % len(_SKEW_DEGREES)], noise) for number, sheet in enumerate(sheets)
        ]
        told = "as images: skewed, noisy, some upside down"
        self._say(f"In phiếu gửi và tờ khai: {len(sheets)} trang", told, check=len(sheets) > 2)  # noqa: PLR2004 - all kinds
        return scanned

    async def _travel(self, announced: dict[str, Any]) -> None:
        """The carrier's events come late, twice and in the wrong order."""
        wanted = {"announcement": announced["announcement"], "carrier": DEMO_CARRIER}
        await _told(self._employer, "PUT", f"/v1/postal/items/{_THERE}", json=wanted)
        now = self._clock.now()
        events = _journey(_THERE, now - timedelta(days=2))
        first = await _told(self._post, "POST", "/v1/postal/handlings", json={"handlings": events[2:] + events[:1]})
        second = await _told(self._post, "POST", "/v1/postal/handlings", json={"handlings": events})
        item = await _told(self._employer, "GET", f"/v1/postal/items/{_THERE}")
        right = (first["kept"], second["kept"], second["known_before"], item["state"]) == (2, 1, 2, "delivered")
        self._say("Bưu gửi: sự kiện đến lộn xộn, lặp lại", f"kept once each: {item['state']}", check=right)

    async def _opened(self, dossier: str, pages: list[Image.Image]) -> dict[str, Any]:
        counted = [{"kind": one["kind"], "count": one["count"]} for one in _PAPERS]
        body = {"item": _THERE, "office": self._code, "condition": "intact", "counted": counted}
        opened = await _told(self._office, "POST", "/v1/mailroom/openings", json=body)
        file = io.BytesIO()
        pages[0].save(file, "PDF", save_all=True, append_images=pages[1:], resolution=_DPI, quality=70)
        path = f"/v1/mailroom/scans?opening={opened['opening']}"
        scanned = await _told(
            self._office, "POST", path, content=file.getvalue(), headers={"content-type": "application/pdf"}
        )
        by_itself = [one for one in scanned["pages"] if one["state"] == "filed" and one["dossier"] == dossier]
        filed: dict[str, Any] = await _told(self._employer, "GET", f"/v1/dossiers/{dossier}")
        paper, verdict = filed["came_by_post"], filed["verdict"]
        right = filed["channel"] == "post" and verdict["indication"] == "NOT_JUDGED" and paper["item"] == _THERE
        self._say(
            f"Mở, quét, tự xếp {len(by_itself)}/{len(pages)} trang theo mã: có biên nhận",
            f"signed by hand, not judged; due {filed['due_at'][:10]}",
            check=right and filed["due_at"] is not None and len(by_itself) == len(pages),
        )
        return filed

    async def _returned(self, filed: dict[str, Any]) -> None:
        """The books go back; the firm has them again when the carrier has delivered."""
        kept = await _told(self._office, "GET", f"/v1/dossiers/{filed['dossier']}/originals")
        contents = [
            {"kind": one["kind"], "count": one["count"], "dossier": filed["dossier"], "original": one["original"]}
            for one in kept["originals"]
        ]
        body = {"item": _BACK, "carrier": DEMO_CARRIER, "dossiers": [filed["dossier"]], "contents": contents}
        await _told(self._office, "POST", "/v1/postal/returns", json=body)
        events = _journey(_BACK, self._clock.now() - timedelta(minutes=3), timedelta(minutes=1))
        await _told(self._post, "POST", "/v1/postal/handlings", json={"handlings": events})
        item = await _told(self._office, "GET", f"/v1/postal/items/{_BACK}")
        self._say(
            f"Trả lại {sum(one['count'] for one in contents)} sổ qua bưu chính: đã phát",
            f"originals sent back: {item['state']}",
            check=bool(contents) and item["state"] == "delivered",
        )


def _journey(item: str, begins: datetime, step: timedelta = timedelta(hours=9)) -> list[dict[str, str]]:
    codes = ("EMA", "EMG", "EMI")
    return [
        {"item": item, "code": code, "at": rfc3339(begins + n * step), "office": "100000"}
        for n, code in enumerate(codes)
    ]


def _images(pdf: bytes) -> list[Image.Image]:
    """The pages as a printer lays them down."""
    document = pypdfium2.PdfDocument(pdf)
    return [document[number].render(scale=_DPI / _POINTS).to_pil().convert("L") for number in range(len(document))]


def own_paper(sheet: Image.Image) -> Image.Image:
    """A paper of the firm's own, which bears no code of ours: some grey lines."""
    width, height = sheet.size
    for line in range(12):
        top = height // 6 + line * height // 20
        sheet.paste(90, (width // 8, top, width - width // 8 - (line % 3) * width // 9, top + 6))
    return sheet


def scan(sheet: Image.Image, degrees: float, noise: random.Random) -> Image.Image:
    """What an office's scanner makes of a sheet: turned a little, or by half, grey, with dirt."""
    turned = sheet.rotate(degrees, resample=Image.Resampling.BICUBIC, fillcolor=255)
    dirt = Image.effect_noise(turned.size, 18 + noise.random() * 6)
    return ImageChops.add(turned, dirt, scale=2, offset=0).point(lambda value: min(255, value * 13 // 10 + 20))


async def _ask(gateway: Gateway, method: str, path: str, **more: Any) -> httpx.Response:
    answer = await gateway.ask(method, path, **more)
    if answer.status_code not in (httpx.codes.OK, httpx.codes.CREATED):
        raise Unplayable(f"{method} {path}: {answer.status_code} {answer.text[:400]}")
    return answer


async def _told(gateway: Gateway, method: str, path: str, **more: Any) -> Any:
    return (await _ask(gateway, method, path, **more)).json()
