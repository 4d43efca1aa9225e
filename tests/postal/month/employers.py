"""The senders: they announce, take numbers, post, cancel, send the other half by wire, and send again what was lost."""

import base64
import hashlib
from collections import Counter
from functools import partial
from typing import Any

from gateway.ids import dossier_id
from schemas.sample import make_dossier
from tests.gateway.inhouse import TAX_CODE, sign
from tests.postal.month.book import Dossier, Item, Parcel
from tests.postal.month.carrier import Carrier
from tests.postal.month.plan import BY_WIRE, HALF_DAYS, NOT_POSTED, UNANNOUNCED, Plan
from tests.postal.month.stage import CARRIERS, Stage
from tests.postal.test_paper_line import with_paper

PATH = "/v1/postal/announcements"
BOOK = {"kind": "book", "count": 1, "name": "Sổ BHXH", "original": True}
PAPER = {"kind": "attachment", "count": 1, "name": "Hợp đồng lao động"}
RETURN_TO = {"name": "Đơn vị gửi", "address": "12 Nguyễn Huệ", "phone": "0283 822 0000"}
HALF_NEVER_DAYS = 11


class Employers:
    def __init__(self, stage: Stage, carrier: Carrier) -> None:
        self.stage, self.carrier, self.book = stage, carrier, stage.book
        self.recalled: set[str] = set()

    def plan(self) -> None:
        """Everybody's first step."""
        for plan in self.stage.plans:
            unit = self.stage.units[plan.unit]
            parcel = Parcel(plan, unit.office, unit.code)
            self.book.parcels.append(parcel)
            act = self.carrier.send_unannounced if plan.fate in UNANNOUNCED else self._announce
            self.stage.on(plan.day, "announce", partial(act, parcel))

    async def load_pools(self) -> None:
        """The carriers give out numbers beforehand, and take some back that nobody used."""
        self.carrier.send_again = self.send_again  # type: ignore[method-assign]
        for carrier in CARRIERS:
            numbers = [self.stage.number(carrier) for _ in range(max(200, 2 * len(self.stage.plans)))]
            for start in range(0, len(numbers), 5000):
                body = {"numbers": numbers[start : start + 5000]}
                await self.stage.told("POST", f"/v1/postal/pool/{carrier}", self.stage.post, json=body)
            back = numbers[:20]
            path = f"/v1/postal/pool/{carrier}/recalls"
            await self.stage.told("POST", path, self.stage.post, json={"numbers": back})
            self.recalled |= set(back)

    def content(self, parcel: Parcel, procedure: str = "600", at: int = 0) -> bytes:
        """An unsigned dossier; no two are the same."""
        return make_dossier(
            procedure, employees=1, seed=parcel.plan.number * 4 + at, unit=parcel.unit, tax_code=TAX_CODE,
            office=parcel.office, period=self.stage.period(parcel.unit), made_on=self.stage.calendar.days[0],
            attachments=0,
        )  # fmt: skip

    def pieces(self, plan: Plan) -> list[dict[str, Any]]:
        return [PAPER, *([BOOK] if plan.has_original else [])]

    async def _announce(self, parcel: Parcel) -> None:
        plan = parcel.plan
        unit = self.stage.units[plan.unit]
        contents: list[bytes] = []
        told: list[dict[str, Any]] = []
        for at in range(plan.dossiers):
            pieces = self.pieces(plan)
            if plan.fate in ("paper-half", "paper-never"):
                main = await self._file(parcel, with_paper(self.content(parcel, "630a")))
                told.append({"half_of": main, "pieces": pieces})
                contents.append(b"")
            else:
                contents.append(self.content(parcel, at=at))
                sent = {"envelope": base64.b64encode(contents[-1]).decode(), "pieces": pieces}
                told.append(sent | ({"hybrid": True} if plan.fate in ("hybrid", "half-never") else {}))
        body = {"dossiers": told, "office": parcel.office, "carrier": plan.carrier, "return_to": RETURN_TO}
        parcel.told = await self.stage.told("POST", PATH, unit.client, json=body)
        self.remember(parcel, parcel.told, contents)
        await self._sent(parcel)

    def remember(self, parcel: Parcel, told: dict[str, Any], contents: list[bytes]) -> None:
        """Write down what was announced."""
        parcel.announcement = told["announcement"]
        self.book.parcel_of[parcel.announcement] = parcel
        for one, content in zip(told["dossiers"], contents, strict=True):
            sha256 = hashlib.sha256(content).hexdigest() if content else one["sha256"]
            announced = Counter(piece["kind"] for piece in self.pieces(parcel.plan))
            dossier = Dossier(one["dossier"], content, sha256, parcel.office, announced=dict(announced))
            parcel.dossiers.append(dossier)
            self.book.add_dossier(dossier, parcel)
            self.book.counts["dossiers announced"] += 1

    async def _sent(self, parcel: Parcel) -> None:
        """What becomes of the announcement: a number and its journey, or nothing."""
        plan, day, on = parcel.plan, parcel.plan.day, self.stage.on
        is_bound = plan.fate not in ("cancelled", "never-posted") or plan.number % 2 == 0
        item = await self.bind(parcel) if is_bound else None
        if plan.fate in ("never-posted", "paper-never"):
            stays = "" if plan.mended and plan.fate == "never-posted" else parcel.announcement
            self.book.inject(parcel, "post-not-posted", day + NOT_POSTED, stays=stays)
            if not stays:
                on(day + NOT_POSTED + 2, "announce", partial(self._cancel, parcel, item))
        if plan.fate == "paper-never":
            main = next(one for one in self.book.dossiers.values() if one.id == parcel.told["dossiers"][0]["half_of"])
            self.book.inject(parcel, "post-half-missing", day + HALF_NEVER_DAYS, stays=main.id)
        elif plan.fate == "cancelled":
            on(day + 1, "announce", partial(self._cancel, parcel, item))
        elif plan.fate != "never-posted" and item is not None:
            self.carrier.post(item, day + plan.post_after)

    async def bind(self, parcel: Parcel) -> Item:
        """A number of the pool, or one that stands on a label of the sender's own."""
        plan, token = parcel.plan, self.stage.units[parcel.plan.unit].client
        wanted = {"announcement": parcel.announcement}
        if plan.number % 3 or parcel.items:
            told = await self.stage.told("POST", f"/v1/postal/pool/{plan.carrier}/takings", token, json=wanted)
            self.book.counts["numbers taken from pools"] += 1
        else:
            number = self.stage.number(plan.carrier)
            wanted |= {"carrier": plan.carrier}
            told = await self.stage.told("PUT", f"/v1/postal/items/{number}", token, json=wanted)
        if told["number"] in self.book.items or told["number"] in self.recalled:
            self.book.strange.append(f"{told['number']} was given twice, or again after it was recalled")
        item = Item(told["number"], parcel, plan.carrier, "announced", plan.carrier, dossiers=parcel.dossiers)
        self.book.add_item(item)
        return item

    async def _cancel(self, parcel: Parcel, item: Item | None) -> None:
        token = self.stage.units[parcel.plan.unit].client
        await self.stage.told("POST", f"{PATH}/{parcel.announcement}/cancellation", token, json={})
        parcel.cancelled = True
        if parcel.plan.fate == "cancelled":
            assert item is None or item.column == "never_posted"

    async def send_again(self, parcel: Parcel) -> None:
        """What was lost or came back is sent once more, under another number."""
        item = await self.bind(parcel)
        self.carrier.post_plainly(item, self.stage.index)

    # --- by wire ---

    async def _file(self, parcel: Parcel, content: bytes, beside: str = "") -> str:
        signed = sign(content)
        token = self.stage.units[0].client
        headers = {"content-type": "application/xml"}
        told = await self.stage.told("POST", f"/v1/dossiers{beside}", token, content=signed, headers=headers)
        sha256 = hashlib.sha256(signed).hexdigest()
        # A half that comes second has a record of its own, which is what its office is offered.
        name = dossier_id(bytes.fromhex(sha256))
        wired = Dossier(name, signed, sha256, parcel.office, filed=True, by_wire=True)
        self.book.add_dossier(wired, parcel)
        self.book.counts["filed by wire"] += 1
        return str(told["dossier"])

    def filed(self, parcel: Parcel, dossier: Dossier) -> None:
        """The paper has become a dossier: what belongs to it by wire follows."""
        fate, index = parcel.plan.fate, self.stage.index
        if fate not in BY_WIRE:
            return
        if fate == "hybrid":
            beside = f"?half_of={dossier.id}"
            self.stage.on(index + 1, "announce", partial(self._wire, parcel, dossier.content, beside))
        elif fate == "twice-filed":
            self.stage.on(index + 1, "announce", partial(self._wire, parcel, dossier.content, ""))
            self.book.inject(parcel, "same-case", index + 1)
        elif fate == "half-never":
            self.book.inject(parcel, "post-half-missing", index + HALF_DAYS, stays=dossier.id)

    async def _wire(self, parcel: Parcel, content: bytes, beside: str) -> None:
        await self._file(parcel, content, beside)
