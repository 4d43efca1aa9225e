"""The mail rooms: items opened, counted, some scanned, filed by the gateway or by a clerk's word, or left waiting."""

import base64
from collections.abc import Iterable
from functools import partial
from typing import Any

from gateway.mailroom.codes import CoverCode, page_code, read_code
from tests.mailroom import scanner
from tests.mailroom.post_room import coded, loose, pile
from tests.postal.month.book import Dossier, Item, Parcel
from tests.postal.month.carrier import Carrier
from tests.postal.month.counter import Counter
from tests.postal.month.desk import Desk
from tests.postal.month.employers import PATH, Employers
from tests.postal.month.plan import UNANNOUNCED, UNOPENED, WAITS
from tests.postal.month.stage import Stage

PDF = {"content-type": "application/pdf"}
# After so many working days a clerk puts right what waits, where it is put right.
MENDED_AFTER_DAYS = 3
SAME_AGAIN = 0.05
SCANNED = frozenset(("scanned", "coded", "bare-page", "strange-page", "missing-page"))


class MailRoom:
    def __init__(self, stage: Stage, employers: Employers, carrier: Carrier, counter: Counter, desk: Desk) -> None:
        self.stage, self.employers, self.counter, self.desk = stage, employers, counter, desk
        self.book = stage.book
        carrier.arrives = self.arrives
        # A page that strays comes from a pile of earlier days.
        self.stray_page = b""

    def arrives(self, item: Item, index: int) -> None:
        """A bag with the item comes on that day, and it is opened then, the day after, or never."""
        plan = item.parcel.plan
        if index >= len(self.stage.calendar.days):
            return
        self.counter.bags[index].append(item)
        if plan.fate in ("unopened", "not-in-bag"):
            is_found = plan.fate == "unopened" and plan.mended
            self.book.inject(item.parcel, "post-unopened", index + UNOPENED, stays="" if is_found else item.number)
            if is_found:
                self.stage.on(index + 4, "open", partial(self._open, item))
            return
        self.stage.on(index + plan.open_after, "open", partial(self._open, item))

    async def _open(self, item: Item) -> None:
        parcel, plan = item.parcel, item.parcel.plan
        clerk = self.stage.clerks[parcel.office]
        body = {
            "item": item.number, "office": parcel.office, "officer": "Cán bộ văn thư",
            "condition": "damaged" if plan.fate == "damaged" else "intact", "counted": self._counted(item),
        }  # fmt: skip
        told = await self.stage.told("POST", "/v1/mailroom/openings", clerk, json=body)
        item.opened = item.known = True
        item.opening = told["opening"]
        self.book.parcel_of[item.opening] = parcel
        self.book.counts["items opened"] += 1
        await self._again(item, body, told, clerk)
        if plan.fate == "not-keyed":
            self._waits(item, "")
        elif plan.fate == "keyed":
            told = await self._key_in(item, clerk)
        if plan.fate in ("short", "bag-short", "surplus", "bag-surplus"):
            self._waits(item, "short" if "short" in plan.fate else "surplus")
        if plan.fate in SCANNED:
            told = await self._scan(item, clerk)
        else:
            self._filed(item, wrong=plan.fate in ("short", "bag-short", "surplus", "bag-surplus", "not-keyed"))
        await self._file_rest(item, told, clerk)

    def _counted(self, item: Item) -> list[dict[str, Any]]:
        """What lies in it."""
        plan = item.parcel.plan
        if plan.fate in UNANNOUNCED:
            return [{"kind": "form", "count": 3}, *_pieces(self.employers.pieces(plan))]
        books = {"short": 0, "bag-short": 0, "bag-surplus": 2}
        lines = []
        for dossier in item.dossiers:
            dossier.counted = dict(dossier.announced)
            if plan.fate in books:
                dossier.counted["book"] = books[plan.fate]
            elif plan.fate == "surplus":
                dossier.counted["card"] = 1
            for kind, count in dossier.counted.items():
                lines.append({"kind": kind, "count": count, "dossier": dossier.id})
        return lines

    async def _again(self, item: Item, body: dict[str, Any], told: Any, clerk: str) -> None:
        """Opened twice: the same is answered the same, anything else is refused and written down nowhere."""
        if self.stage.rng(item.number, "again").random() < SAME_AGAIN:
            assert await self.stage.told("POST", "/v1/mailroom/openings", clerk, json=body) == told
            self.book.counts["openings told again"] += 1
        if item.parcel.plan.fate == "opened-twice":
            self.book.inject(item.parcel, "opened-otherwise", self.stage.index)
            other = body | {"counted": [{"kind": "book", "count": 77}]}
            answer = await self.stage.ask("POST", "/v1/mailroom/openings", clerk, json=other)
            if answer.status_code == 409 and answer.json()["code"] == "opened-otherwise":
                self.book.saw(item.parcel, "opened-otherwise", self.stage.index)

    def _waits(self, item: Item, how: str) -> None:
        """Something of it waits for a person, who comes some days later, or never."""
        parcel, index = item.parcel, self.stage.index
        is_mended = parcel.plan.mended and parcel.plan.fate != "not-keyed"
        self.book.inject(parcel, "waiting", index)
        self.book.inject(parcel, "post-page-waiting", index + WAITS, stays="" if is_mended else item.opening)
        if how:
            self.book.inject(parcel, how, index)
        if is_mended:
            self.stage.on(index + MENDED_AFTER_DAYS, "open", partial(self._mend, item))

    def _filed(self, item: Item, *, wrong: bool) -> None:
        """The book's own word of what becomes of it now."""
        if not wrong:
            for dossier in item.dossiers:
                self._has_come(item, dossier)

    def _has_come(self, item: Item, dossier: Dossier) -> None:
        dossier.filed = True
        self.book.counts["paper dossiers filed"] += 1
        held = dossier.counted or dossier.announced
        dossier.originals["held"] += held.get("book", 0) + held.get("card", 0)
        self.employers.filed(item.parcel, dossier)
        self.desk.filed(item.parcel, dossier)

    async def _key_in(self, item: Item, clerk: str) -> Any:
        """A clerk keys in what nobody announced, and looks at the opening again."""
        parcel = item.parcel
        content = self.employers.content(parcel)
        sent = {"envelope": base64.b64encode(content).decode(), "pieces": self.employers.pieces(parcel.plan)}
        told = await self.stage.told("POST", PATH, clerk, json={"dossiers": [sent], "item": item.number})
        self.employers.remember(parcel, told, [content])
        item.dossiers = parcel.dossiers
        return await self.stage.told("GET", f"/v1/mailroom/openings/{item.opening}", clerk)

    async def _file_rest(self, item: Item, told: Any, clerk: str) -> None:
        """A clerk says of every dossier whose pieces are there that it is complete; what lacks some is left waiting."""
        for one in told["dossiers"]:
            lacks = [lack["key"] for lack in one["missing"]]
            if any(lack.startswith("pieces:") for lack in lacks):
                short, _, wanted = next(lack for lack in lacks if lack.startswith("pieces:")).rpartition("/")
                how = "short" if int(short.rpartition(":")[2]) < int(wanted) else "surplus"
                self.book.saw(item.parcel, how, self.stage.index)
            elif one["state"] == "waiting" and item.parcel.plan.fate != "missing-page":
                await self._say_complete(item, one["dossier"], lacks, clerk)

    async def _say_complete(self, item: Item, dossier: str, lacks: Iterable[str], clerk: str) -> None:
        said = {"dossier": dossier, "reason": "Đã xem bản giấy.", "missing": list(lacks)}
        await self.stage.told("POST", f"/v1/mailroom/openings/{item.opening}/filings", clerk, json=said)

    # --- scans ---

    async def _scan(self, item: Item, clerk: str) -> Any:
        fate = item.parcel.plan.fate
        sheets = await self._sheets(item.parcel)
        if fate == "missing-page":
            self._waits(item, "")
            item.parcel.told["left out"] = sheets.pop()
        elif fate == "strange-page":
            self._waits(item, "")
            item.page_waits = True
            sheets.append(_page_of_nobody(item.number))
        await self._send(item, pile(*sheets), clerk)
        self._filed(item, wrong=fate == "missing-page")
        if fate == "bare-page":
            await self._bind(item, item.dossiers[0].id, "xem giấy", clerk)
        return await self.stage.told("GET", f"/v1/mailroom/openings/{item.opening}", clerk)

    async def _send(self, item: Item, content: bytes, clerk: str) -> None:
        path = f"/v1/mailroom/scans?opening={item.opening}"
        told = await self.stage.told("POST", path, clerk, content=content, headers=PDF)
        self.book.counts["pages scanned"] += len(told["pages"])

    async def _sheets(self, parcel: Parcel) -> list[bytes]:
        """The pages as they are scanned: real ones, or such as bear nothing but their codes."""
        if parcel.plan.fate == "bare-page":
            return [loose(parcel.announcement)]
        if parcel.plan.fate == "scanned":
            return [await self._printed(parcel)]
        (told,) = parcel.told["dossiers"]
        cover = read_code(told["code"])
        assert isinstance(cover, CoverCode)
        pages = [coded(told["code"], page_code(told["dossier"], cover.digest, 0, 1, 1))]
        for form in told["printed"]:
            pages += [
                coded(page_code(told["dossier"], cover.digest, form["number"], page, form["pages"]))
                for page in range(1, form["pages"] + 1)
            ]
        return pages

    async def _printed(self, parcel: Parcel) -> bytes:
        """Cover and forms as the gateway prints them, and as an office's scanner sees them."""
        token = self.stage.units[parcel.plan.unit].client
        images = []
        for name in ("cover", "forms"):
            answer = await self.stage.ask("GET", f"{PATH}/{parcel.announcement}/{name}.pdf", token)
            assert answer.status_code == 200, answer.text
            images += scanner.printed(answer.content)
        rng = self.stage.rng(parcel.plan.number, "scan")
        pages = [scanner.scanned(image, scanner.GOOD, rng) for image in images]
        (content,) = scanner.files(pages, "pdf", scanner.GOOD)
        return content

    async def _bind(self, item: Item, dossier: str, reason: str, clerk: str) -> None:
        """A person says whose the waiting pages are; '': nobody's."""
        shown = await self.stage.told("GET", f"/v1/mailroom/openings/{item.opening}", clerk)
        pages = [
            {"scan": one["scan"], "number": one["number"], "dossier": dossier}
            for one in shown["pages"]
            if one["state"] == "waiting"
        ]
        if pages:
            await self.stage.told("POST", "/v1/mailroom/pages", clerk, json={"pages": pages, "reason": reason})

    async def _mend(self, item: Item) -> None:
        """A clerk puts right what waited."""
        clerk, fate = self.stage.clerks[item.parcel.office], item.parcel.plan.fate
        if fate == "strange-page":
            await self._bind(item, "", "trang của hồ sơ khác", clerk)
            item.page_waits = False
            return
        if fate == "missing-page":
            await self._send(item, item.parcel.told["left out"], clerk)
        else:
            shown = await self.stage.told("GET", f"/v1/mailroom/openings/{item.opening}", clerk)
            (one,) = shown["dossiers"]
            await self._say_complete(item, one["dossier"], [lack["key"] for lack in one["missing"]], clerk)
        for dossier in item.dossiers:
            self._has_come(item, dossier)


def _pieces(pieces: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"kind": one["kind"], "count": one["count"]} for one in pieces]


def _page_of_nobody(item: str) -> bytes:
    """A page with the code of a dossier that was never announced to be in this item."""
    stranger = "d-" + "".join(chr(ord("a") + byte % 26) for byte in item.encode() * 2)[:26]
    return coded(page_code(stranger, bytes(32), 1, 1, 1))
