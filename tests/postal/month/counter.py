"""The counters: bags with their manifests, handed to the offices and taken back from them, some without a network."""

import uuid
from collections import defaultdict
from datetime import datetime
from functools import partial
from typing import Any

from gateway.clock import rfc3339
from tests.postal.month.book import Item, Manifest
from tests.postal.month.plan import LATE, UNANNOUNCED
from tests.postal.month.stage import Stage

OFFLINE = 0.2
SETTLED_AFTER_DAYS = 3
# What a fate makes of the line of its item, and what it is called then.
DIFFERENCES = {
    "not-in-bag": "not-handed", "unlisted": "unlisted", "damaged": "damaged", "bag-short": "short",
    "bag-surplus": "surplus",
}  # fmt: skip


class Counter:
    def __init__(self, stage: Stage) -> None:
        self.stage, self.book = stage, stage.book
        self.bags: dict[int, list[Item]] = defaultdict(list)
        self.back: dict[int, list[Item]] = defaultdict(list)

    async def hand_in(self, index: int) -> None:
        """Bags come to the offices."""
        self.stage.set_clock(self.stage.calendar.at(index, "bag"))
        for (office, carrier, alone), items in _heaps(self.bags.pop(index, [])).items():
            manifest = self._manifest(office, carrier, "in", f"{index}/{alone}")
            manifest.differences = {one.number: DIFFERENCES.get(one.parcel.plan.fate, "ok") for one in items}
            manifest.faulty = [one.parcel for one in items if manifest.differences[one.number] != "ok"]
            made_at = self.stage.gateway.clock.now()
            rng = self.stage.rng("manifest", index, office, carrier)
            taken = partial(self._take, manifest, items, made_at)
            handed = partial(self._hand, manifest, items, made_at)
            if alone:
                # The office never confirms it.
                manifest.faulty = [items[0].parcel]
                await handed()
                self.book.inject(items[0].parcel, "post-manifest-difference", index + LATE, stays=manifest.id)
                continue
            if all(one.parcel.plan.fate == "unlisted" for one in items):
                await taken()
                for one in items:
                    self.book.inject(one.parcel, "post-manifest-difference", index + LATE, stays=manifest.id)
                continue
            is_offline = rng.random() < OFFLINE and index + 1 < len(self.stage.calendar.days)
            if is_offline:
                await taken()
                self.stage.on(index + 1, "bag", handed)
                self.book.counts["manifests that came after their receipt"] += 1
            else:
                await handed()
                await taken()
            self._expect(manifest, index + is_offline)

    def _expect(self, manifest: Manifest, index: int) -> None:
        """What is to be found of it from that day on."""
        if not manifest.faulty:
            return
        is_settled = len(self.book.manifests) % 2 == 0
        for parcel in manifest.faulty:
            self.book.inject(parcel, f"manifest {DIFFERENCES[parcel.plan.fate]}", index)
            stays = "" if is_settled else manifest.id
            self.book.inject(parcel, "post-manifest-difference", index, stays=stays)
        if is_settled:
            self.stage.on(index + SETTLED_AFTER_DAYS, "back", partial(self._settle, manifest))

    async def give_back(self, index: int) -> None:
        """The offices hand what goes back to the carriers."""
        self.stage.set_clock(self.stage.calendar.at(index, "give"))
        for (office, carrier, _), items in _heaps(self.back.pop(index, [])).items():
            manifest = self._manifest(office, carrier, "out", f"{index}")
            manifest.differences = {one.number: "ok" for one in items}
            made_at = self.stage.gateway.clock.now()
            await self._hand(manifest, items, made_at)
            await self._take(manifest, items, made_at)

    def _manifest(self, office: str, carrier: str, direction: str, at: str) -> Manifest:
        name = str(uuid.UUID(int=self.stage.rng(office, carrier, direction, at).getrandbits(128), version=4))
        manifest = self.book.manifests[name] = Manifest(name, office, carrier, direction)
        self.book.counts["manifests"] += 1
        return manifest

    def _paper(self, manifest: Manifest, made_at: datetime) -> dict[str, Any]:
        return {
            "number": f"BK-{manifest.id[:8]}", "carrier": manifest.carrier, "office": manifest.office,
            "direction": manifest.direction, "made_at": rfc3339(made_at), "officer": "Cán bộ bưu cục",
        }  # fmt: skip

    def _who(self, manifest: Manifest, *, giver: bool) -> str:
        return self.stage.post if giver == (manifest.direction == "in") else self.stage.clerks[manifest.office]

    async def _hand(self, manifest: Manifest, items: list[Item], made_at: datetime) -> None:
        lines = [_handed(one) for one in items if one.parcel.plan.fate != "unlisted" or manifest.direction == "out"]
        body = self._paper(manifest, made_at) | {"id": manifest.id, "items": lines}
        if lines:
            await self._said(manifest, "handed", "/v1/postal/manifests", self._who(manifest, giver=True), body)

    async def _take(self, manifest: Manifest, items: list[Item], made_at: datetime) -> None:
        lines = [_taken(one, manifest.direction) for one in items]
        body = self._paper(manifest, made_at) | {"lines": lines}
        path = f"/v1/postal/manifests/{manifest.id}/received"
        await self._said(manifest, "taken", path, self._who(manifest, giver=False), body)
        for item in items:
            item.taken = manifest.direction == "out" or item.parcel.plan.fate != "not-in-bag"

    async def _said(self, manifest: Manifest, side: str, path: str, token: str, body: dict[str, Any]) -> None:
        told = await self.stage.told("POST", path, token, json=body)
        if self.stage.rng(manifest.id, side).random() < 0.1:
            again = await self.stage.told("POST", path, token, json=body)
            assert again == told, "the same said again was answered otherwise"
        manifest.sides.add(side)

    async def _settle(self, manifest: Manifest) -> None:
        path = f"/v1/postal/manifests/{manifest.id}/settlement"
        note = {"note": "Đã đối chiếu với bưu cục."}
        await self.stage.told("POST", path, self.stage.clerks[manifest.office], json=note)
        manifest.settled = True


def _heaps(items: list[Item]) -> dict[tuple[str, str, str], list[Item]]:
    """By office and carrier; an item whose hand-over nobody confirms is on a manifest of its own."""
    heaps: dict[tuple[str, str, str], list[Item]] = defaultdict(list)
    for one in items:
        is_alone = one.parcel.plan.fate == "one-sided" and one.flow != "outbound"
        heaps[one.parcel.office, one.by, one.number if is_alone else ""].append(one)
    for key in [key for key, some in heaps.items() if {one.parcel.plan.fate for one in some} == {"unlisted"}]:
        # A list with nothing on it is none: such an item lies in another bag of the day, or came with no list at all.
        others = [other for other in heaps if other[0] == key[0] and other != key and not other[2]]
        if others:
            heaps[others[0]] += heaps.pop(key)
    return heaps


def _handed(item: Item) -> dict[str, Any]:
    fate = item.parcel.plan.fate
    pieces = {"pieces": [{"kind": "book", "count": 1}]} if fate in ("bag-short", "bag-surplus") else {}
    return {"number": item.number} | (pieces if item.flow != "outbound" else {})


def _taken(item: Item, direction: str) -> dict[str, Any]:
    fate = item.parcel.plan.fate
    if direction == "out" or fate in UNANNOUNCED:
        return {"number": item.number}
    there = {"bag-short": 0, "bag-surplus": 2}
    if fate in there:
        return {"number": item.number, "pieces": [{"kind": "book", "count": there[fate]}]}
    condition = {"not-in-bag": "missing", "damaged": "damaged"}.get(fate)
    return {"number": item.number} | ({"condition": condition} if condition else {})
