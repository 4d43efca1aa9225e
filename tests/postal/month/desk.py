"""The offices' desks: work taken once and compared byte for byte, dossiers ended, originals sent back by post."""

import hashlib
from collections.abc import Callable
from datetime import time, timedelta
from functools import partial
from typing import Any

from gateway.clock import rfc3339
from tests.postal.month.book import Dossier, Item, Parcel
from tests.postal.month.carrier import Carrier
from tests.postal.month.counter import Counter
from tests.postal.month.plan import BACK, BY_WIRE, FORM_05, KEPT, Plan
from tests.postal.month.stage import Stage

RETURN_TO = {"name": "Đơn vị gửi", "address": "12 Nguyễn Huệ", "phone": "0283 822 0000"}
# Of the dossiers with originals, how many are still in work when the month ends.
IN_WORK, WITH_FORM_05 = 0.25, 0.3
DECIDED_AFTER_DAYS = 7


class Desk:
    def __init__(self, stage: Stage, carrier: Carrier, counter: Counter) -> None:
        self.stage, self.book, self.carrier, self.counter = stage, stage.book, carrier, counter

    def filed(self, parcel: Parcel, dossier: Dossier) -> None:
        """Its office ends it the next day, and sends its originals back the day after."""
        plan, index = parcel.plan, self.stage.index
        is_needed = plan.fate in BACK or plan.fate == "originals-kept"
        is_in_work = not is_needed and self.stage.rng(dossier.id, "work").random() < IN_WORK
        is_late = index + 2 >= len(self.stage.calendar.days)
        if plan.fate in BY_WIRE or not dossier.originals["held"] or is_in_work or is_late:
            return
        self.stage.on(index + 1, "back", partial(self._end, dossier))
        if plan.fate == "originals-kept":
            self.book.inject(parcel, "post-original-kept", index + 1 + KEPT)
            self.book.inject(parcel, "originals", len(self.stage.calendar.days) - 1)
        else:
            self.stage.on(index + 2, "back", partial(self._send_back, parcel, dossier))

    async def take(self, office: str) -> None:
        """Everything that the office is offered."""
        clerk = self.stage.clerks[office]
        body = {"max": 100, "lease_s": 3600}
        while work := (await self.stage.told("POST", f"/v1/offices/{office}/leases", clerk, json=body))["work"]:
            await self.stage.side_by_side([partial(self._take, clerk, office, one) for one in work])

    async def _take(self, clerk: str, office: str, one: dict[str, Any]) -> None:
        answer = await self.stage.ask("GET", one["content_url"], clerk)
        await self.stage.told("POST", f"/v1/leases/{one['lease']}/acknowledge", clerk)
        by_content = hashlib.sha256(answer.content).hexdigest()
        dossier = self.book.dossiers.get(one["dossier"]) or self._half(by_content)
        if dossier is None or dossier.office != office:
            self.book.strange.append(f"{one['dossier']} was offered to {office}, where nothing of it was sent")
            return
        dossier.offered += 1
        dossier.content_same = by_content == dossier.sha256 == one["sha256"] and (
            not dossier.content or answer.content == dossier.content
        )

    def _half(self, sha256: str) -> Dossier | None:
        """The other half goes by the name of the first: it is known by its bytes."""
        return next((one for one in self.book.dossiers.values() if one.sha256 == sha256), None)

    async def _end(self, dossier: Dossier) -> None:
        clerk = self.stage.clerks[dossier.office]
        await self.stage.told("POST", f"/v1/dossiers/{dossier.id}/reports", clerk, json={"state": 9})
        dossier.ended = self.stage.index
        self.book.counts["dossiers ended"] += 1

    # --- back again ---

    async def _send_back(self, parcel: Parcel, dossier: Dossier) -> None:
        clerk = self.stage.clerks[dossier.office]
        held = await self.stage.told("GET", f"/v1/dossiers/{dossier.id}/originals", clerk)
        contents: list[dict[str, Any]] = [
            {"kind": one["kind"], "count": one["count"], "dossier": dossier.id, "original": one["original"]}
            for one in held["originals"]
        ]
        contents.append({"kind": "decision", "count": 1, "dossier": dossier.id, "name": "Quyết định"})
        wants_form = parcel.plan.fate == "form-05" or self.stage.rng(dossier.id, "form").random() < WITH_FORM_05
        body = {
            "pool": True, "carrier": parcel.plan.carrier, "dossiers": [dossier.id], "contents": contents,
            "address": RETURN_TO, "form_05": wants_form,
        }  # fmt: skip
        told = await self.stage.told("POST", "/v1/postal/returns", clerk, json=body)
        item = self._outbound(parcel, dossier, told["item"], wants_form=wants_form)
        self._travel(parcel.plan, item, dossier)

    def _outbound(self, parcel: Parcel, dossier: Dossier, number: str, *, wants_form: bool) -> Item:
        if number in self.book.items:
            self.book.strange.append(f"{number} was given twice")
        item = Item(number, parcel, parcel.plan.carrier, "outbound", parcel.plan.carrier, dossiers=[dossier])
        item.returned, item.form_05 = "sent", "awaited" if wants_form else "not-asked"
        self.book.add_item(item)
        self.book.counts["items sent back"] += 1
        count = dossier.originals.pop("held", 0)
        dossier.originals["sent"] += count
        return item

    def _travel(self, plan: Plan, item: Item, dossier: Dossier) -> None:
        """Its journey, as the fate wants it, from today on."""
        parcel, index = item.parcel, self.stage.index
        if index + 3 >= len(self.stage.calendar.days):
            # It lies at the counter when the month ends.
            return
        self.counter.back[index].append(item)
        tell = self._odd(plan, item, dossier)
        if tell is not None:
            tell(index)
            return
        there = index + 1
        if plan.fate == "untold-posting":
            self.book.inject(parcel, "handed-unposted", index)
            self.carrier.saw(item, index, time(17, 40), "EMA", (index + 1, "noon"), stray=False)
        else:
            self.carrier.saw(item, index, time(17, 40), "EMA", (index, "evening"), stray=False)
        self.carrier.saw(item, there, time(8), "EMG", (there, "noon"), stray=False)
        self.carrier.saw(item, there, time(9), "EMI", (there, "noon"), stray=False)
        self.stage.on(there, "desk", partial(self._delivered, item, dossier))

    def _odd(self, plan: Plan, item: Item, dossier: Dossier) -> Callable[[int], None] | None:
        is_first = sum(one.flow == "outbound" for one in item.parcel.items) == 1
        if not is_first:
            return None
        if plan.fate == "back-returned":
            return partial(self._comes_back, item, dossier)
        if plan.fate == "back-lost":
            return partial(self._is_lost, item)
        return None

    async def _delivered(self, item: Item, dossier: Dossier) -> None:
        index = self.stage.index
        item.returned = "delivered"
        count = dossier.originals.pop("sent", 0)
        dossier.originals["returned"] += count
        if item.form_05 == "awaited":
            if item.parcel.plan.fate == "form-05":
                self.book.inject(item.parcel, "post-form-05", index + FORM_05, stays=item.number)
            elif index + 2 < len(self.stage.calendar.days):
                self.stage.on(index + 2, "back", partial(self._form_05, item))

    async def _form_05(self, item: Item) -> None:
        clerk = self.stage.clerks[item.parcel.office]
        at = self.stage.gateway.clock.now() - timedelta(hours=1)
        path = f"/v1/postal/returns/{item.number}/form-05"
        await self.stage.told("POST", path, clerk, json={"at": rfc3339(at), "note": "có chữ ký"})
        item.form_05 = "returned"

    def _comes_back(self, item: Item, dossier: Dossier, index: int) -> None:
        events = ((0, 17, "EMA"), (1, 8, "EMG"), (1, 10, "EMH"), (2, 15, "returning"), (4, 15, "returned"))
        for after, hour, code in events:
            self.carrier.saw(item, index + after, time(hour, 40), code, (index + after, "evening"), stray=False)
        is_decided = item.parcel.plan.mended
        self.book.inject(item.parcel, "post-returned", index + 2, stays="" if is_decided else item.number)
        self.book.inject(item.parcel, "undelivered", index + 4)
        self.book.allow(item.parcel, "post-original-kept")
        self.stage.on(index + 4, "evening", partial(self._is_back, item, dossier))
        if is_decided:
            self.stage.on(index + DECIDED_AFTER_DAYS, "back", partial(self._decide, item, dossier))

    async def _is_back(self, item: Item, dossier: Dossier) -> None:
        item.returned = "undelivered"
        dossier.originals["held"] += dossier.originals.pop("sent", 0)

    def _is_lost(self, item: Item, index: int) -> None:
        for after, hour, code in ((0, 17, "EMA"), (1, 8, "EDD"), (2, 15, "lost")):
            self.carrier.saw(item, index + after, time(hour, 40), code, (index + after, "evening"), stray=False)
        self.book.inject(item.parcel, "post-lost", index + 2, stays=item.number)
        self.book.inject(item.parcel, "undelivered", index + 2)
        self.book.allow(item.parcel, "post-original-kept")
        self.stage.on(index + 2, "evening", partial(self._gone, item))

    async def _gone(self, item: Item) -> None:
        item.returned = "undelivered"

    async def _decide(self, item: Item, dossier: Dossier) -> None:
        """Some are sent again, some are kept until somebody fetches them."""
        clerk, parcel = self.stage.clerks[item.parcel.office], item.parcel
        again = parcel.plan.number % 2 == 0
        body: dict[str, Any] = {"decision": "keep", "note": "đơn vị đến nhận"}
        if again:
            body = {"decision": "send-again", "pool": True, "carrier": parcel.plan.carrier, "note": "gửi lại"}
        told = await self.stage.told("POST", f"/v1/postal/returns/{item.number}/decision", clerk, json=body)
        item.returned = "sent-again" if again else "kept"
        if again:
            wants_form = item.form_05 != "not-asked"
            next_item = self._outbound(parcel, dossier, told["next_item"], wants_form=wants_form)
            self._travel(parcel.plan, next_item, dossier)
