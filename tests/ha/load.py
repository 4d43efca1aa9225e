"""What clients were told while the database failed over, and whether it still holds afterwards."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import httpx
from msgspec import Struct

from tests.lines.gateways import ONE_OF_EACH, Serving

PATIENCE_S = 90.0
TRY_AGAIN_S = 0.2


class Told(Struct, frozen=True):
    """One answer to one submission: its status and receipt; 0 for no answer at all."""

    status: int
    receipt: str


class Load:
    """Clients that submit dossiers one after another, each again and again until it is told that it was accepted."""

    def __init__(self, gateways: Sequence[Serving], dossiers: Sequence[bytes]) -> None:
        self.told: dict[int, list[Told]] = {number: [] for number in range(len(dossiers))}
        self._gateways, self._dossiers = gateways, dossiers
        self._threads = [
            threading.Thread(target=self._client, args=(gateway, start, len(gateways)))
            for start, gateway in enumerate(gateways)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def accepted(self) -> int:
        """How many dossiers were told to be accepted by now."""
        return sum(any(one.status in (200, 201) for one in told) for told in self.told.values())

    def _client(self, gateway: Serving, start: int, step: int) -> None:
        with httpx.Client(base_url=gateway.url, timeout=30.0, trust_env=False) as http:
            for number in range(start, len(self._dossiers), step):
                until = time.monotonic() + PATIENCE_S
                while time.monotonic() < until:
                    told = self._submit(http, gateway, self._dossiers[number])
                    self.told[number].append(told)
                    if told.status in (200, 201):
                        break
                    time.sleep(TRY_AGAIN_S)

    @staticmethod
    def _submit(http: httpx.Client, gateway: Serving, content: bytes) -> Told:
        headers = {"content-type": "application/xml", "authorization": f"Bearer {gateway.home.employer.token}"}
        try:
            answer = http.post("/v1/dossiers", content=content, headers=headers)
        except httpx.TransportError:
            return Told(0, "")
        body: dict[str, Any] = answer.json()
        return Told(answer.status_code, str(body.get("receipt", "")))

    def wait_for(self, count: int) -> None:
        """Until so many were accepted."""
        until = time.monotonic() + PATIENCE_S
        while self.accepted < count:
            assert time.monotonic() < until, f"only {self.accepted} were accepted"
            time.sleep(0.02)

    def end(self) -> None:
        """Until every client is done."""
        for thread in self._threads:
            thread.join(PATIENCE_S * 2)
            assert not thread.is_alive()


def nothing_is_lost(load: Load, gateway: Serving, dossiers: Sequence[bytes]) -> None:
    """Every dossier is there once, its receipt and its bytes are those that were told."""
    for number, content in enumerate(dossiers):
        receipts = {one.receipt for one in load.told[number] if one.status in (200, 201)}
        assert len(receipts) == 1, f"dossier {number} was told {load.told[number]}"
        assert gateway.receipt_of(content).json()["receipt"] == receipts.pop()
        assert gateway.home.kept(content) == ONE_OF_EACH
        dossier = gateway.receipt_of(content).json()["dossier"]
        assert gateway.get(f"/v1/dossiers/{dossier}/content").content == content


def failing_over(load: Load, fail: Callable[[], None], after: int) -> float:
    """Fail over when so many were accepted; how long it took until the next was, in seconds."""
    load.wait_for(after)
    fail()
    failed_at, before = time.monotonic(), load.accepted
    # What was on its way when the old one died may be answered yet; three more is the new one's work.
    load.wait_for(before + 3)
    return time.monotonic() - failed_at
