"""Clients of the campaign: employers' software and an office, each with a memory of exactly what it was told."""

import base64
import contextlib
import multiprocessing
import random
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from typing import Any, Self

import httpx

from gateway.clock import VIETNAM
from schemas.catalogue import Catalogue
from signing.demo_pki import DemoPki
from signing.dossier import sign_dossier
from tests.faults.ledger import Ledger
from tests.lines.gateways import OFFICE, Client, Home, unsigned

ANSWER_S = 25.0
LEASE_S = 20
SETTLE_S = 120.0
# Of a hundred submissions so many are of a kind; the rest are new.
AGAIN, UNANSWERED, TWIN, BAD = 10, 15, 5, 4
LARGE_ONE_IN = 12
LARGE_BYTES, SMALL_BYTES = 300_000, 4096
# What an employer's software does between two dossiers.
PAUSE_S = 0.03
LOGGED_S = 2.5


class Pool:
    """Signed dossiers of one PKI, made ahead in one go: every scenario has a gateway of its own and takes from here."""

    def __init__(self, pki: DemoPki, seed: int, count: int) -> None:
        rng = random.Random(seed)
        large = {n for n in range(count) if n % LARGE_ONE_IN == LARGE_ONE_IN - 1}
        orders = [(rng.randrange(10**6, 10**9), LARGE_BYTES if n in large else SMALL_BYTES) for n in range(count)]
        # Forked, so that neither keys nor catalogue need to be handed over.
        with ProcessPoolExecutor(2, multiprocessing.get_context("fork"), _learn, (pki,)) as makers:
            self.contents = list(makers.map(_make, orders, chunksize=20))


_known: list[Any] = []


def _learn(pki: DemoPki) -> None:
    today = datetime.now(VIETNAM).date()
    paths = {form.root: form.signature_path for form in Catalogue.load().forms(today)}
    _known[:] = [pki.employers["employer"], paths]


def _make(order: tuple[int, int]) -> bytes:
    (seed, attachment_bytes), (holder, paths) = order, _known
    plain = unsigned(seed, attachment_bytes=attachment_bytes)
    now = datetime.now(UTC)
    return sign_dossier(plain, holder.key, holder.certificate, signature_paths=paths, now=now, level="both")


def spoiled(content: bytes) -> bytes:
    """The same dossier with one digit changed after it was signed."""
    at = content.rfind(b"</NgayLap>")
    at = at if at > 0 else content.find(b"2026")
    for n in range(max(at, 1) - 1, 0, -1):
        if content[n : n + 1].isdigit():
            return content[:n] + (b"%d" % ((content[n] - 48 + 1) % 10)) + content[n + 1 :]
    raise ValueError("no digit to change")


class Voice:
    """One client of a gateway; its token is renewed when it ends. What it hears goes into the ledger."""

    def __init__(self, url: str, client: Client, ledger: Ledger) -> None:
        self.ledger, self._client, self._token = ledger, client, client.token
        self._http = httpx.Client(base_url=url, timeout=ANSWER_S, trust_env=False, verify=False)

    def close(self) -> None:
        self._http.close()

    def ask(self, method: str, path: str, **sent: Any) -> httpx.Response | None:
        """The answer, or None when there was none. A token that has ended is renewed, once."""
        headers = sent.pop("headers", {})
        with contextlib.suppress(httpx.HTTPError):
            for _ in range(2):
                told = {**headers, "authorization": f"Bearer {self._token}"}
                answer = self._http.request(method, path, headers=told, **sent)
                if answer.status_code != 401 or not self._renew():
                    return answer
        return None

    def _renew(self) -> bool:
        basic = base64.b64encode(f"{self._client.id}:{self._client.secret}".encode()).decode()
        answer = self._http.post(
            "/oauth/token", headers={"authorization": f"Basic {basic}"}, data={"grant_type": "client_credentials"}
        )
        if answer.status_code == 200:
            self._token = answer.json()["access_token"]
        return answer.status_code == 200

    def submit(self, content: bytes, *, bad: bool = False) -> bool:
        """Submit bytes; whether an answer came that promises something."""
        sha256 = self.ledger.send(content, bad=bad)
        answer = self.ask("POST", "/v1/dossiers", content=content, headers={"content-type": "application/xml"})
        if answer is not None and answer.status_code in (200, 201, 202):
            told = answer.json()
            self.ledger.tell(
                "dossier", sha256, answer.status_code, told["dossier"], told["receipt_number"], told["receipt"]
            )
            return True
        if answer is not None and answer.status_code in (403, 422) and "notice" in answer.json():
            told = answer.json()
            self.ledger.tell(
                "refusal", sha256, answer.status_code, told["dossier"], told["notice_number"], told["notice"]
            )
            return True
        if answer is not None and answer.status_code not in (408, 409, 429, 500, 502, 503, 504, 507):
            self.ledger.object_to(f"{sha256[:12]} was answered {answer.status_code}: {answer.text[:200]}")
        self.ledger.unknown()
        return False

    def look_at_log(self) -> int:
        """As a monitor: the newest checkpoint; returns its size, -1 when none was told."""
        answer = self.ask("GET", "/v1/log/checkpoint")
        if answer is None or answer.status_code != 200:
            return -1
        self.ledger.tell("checkpoint", "", 200, "", "", answer.text)
        return int(answer.text.split("\n")[1])

    def take_work(self, most: int) -> int:
        """As an office: lease, fetch, compare, acknowledge. Returns how much there was."""
        self.ledger.asked()
        answer = self.ask("POST", f"/v1/offices/{OFFICE}/leases", json={"max": most, "lease_s": LEASE_S})
        if answer is None or answer.status_code != 200:
            self.ledger.unknown()
            return 0
        given = answer.json()["work"]
        for one in given:
            self._take(one)
        return len(given)

    def _take(self, given: dict[str, Any]) -> None:
        content = self.ask("GET", given["content_url"])
        if content is None or content.status_code != 200:
            self.ledger.unknown()
            return
        if content.content != self.ledger.sent.get(given["sha256"]):
            self.ledger.object_to(f"{given['dossier']}: the office was given other bytes than were sent")
            return
        for _ in range(3):
            self.ledger.asked()
            answer = self.ask("POST", f"/v1/leases/{given['lease']}/acknowledge")
            if answer is not None and answer.status_code == 200:
                said = answer.json().get("handover", "")
                self.ledger.tell("handover", given["sha256"], 200, given["dossier"], "", said)
                return
            self.ledger.unknown()
            if answer is not None and answer.status_code == 409:
                return
            time.sleep(0.2)


class Load:
    """Employers and an office at work until told to stop."""

    def __init__(self, url: str, home: Home, pool: Pool, rng: random.Random, *, employers: int = 5) -> None:
        self.url, self.home, self.pool, self.ledger = url, home, pool, Ledger()
        self._contents = iter(pool.contents)
        self._lock = threading.Lock()
        self._rng = random.Random(rng.random())
        self._flying: list[bytes] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._employ, name=f"employer-{n}") for n in range(employers)]
        self._threads.append(threading.Thread(target=self._office, name="office"))

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _employ(self) -> None:
        voice = Voice(self.url, self.home.employer, self.ledger)
        try:
            while not self._stop.is_set():
                content, bad = self._next()
                if content is None:
                    time.sleep(0.2)
                    continue
                with self._lock:
                    self._flying.append(content)
                answered = voice.submit(content, bad=bad)
                with self._lock:
                    self._flying.remove(content)
                # A client that is told to come back does so, a little later than at once.
                self._stop.wait(self._rng.random() * (PAUSE_S if answered else 10 * PAUSE_S))
        finally:
            voice.close()

    def _next(self) -> tuple[bytes | None, bool]:
        """What is sent next, and whether it is bad on purpose."""
        with self._lock:
            drawn = self._rng.randrange(100)
            known = None
            if drawn < AGAIN:
                known = self.ledger.held()
            elif drawn < AGAIN + UNANSWERED:
                known = self.ledger.unanswered()
            elif drawn < AGAIN + UNANSWERED + TWIN and self._flying:
                content = self._rng.choice(self._flying)
                return content, False
            if known:
                return self.ledger.sent[self._rng.choice(known)], False
            fresh = next(self._contents, None)
            if fresh is None:
                unanswered = self.ledger.unanswered() or self.ledger.held()
                return (self.ledger.sent[self._rng.choice(unanswered)] if unanswered else None), False
            bad = self._rng.randrange(100) < BAD
            return (spoiled(fresh) if bad else fresh), bad

    def _office(self) -> None:
        voice = Voice(self.url, self.home.office, self.ledger)
        try:
            while not self._stop.is_set():
                voice.look_at_log()
                if voice.take_work(6) == 0:
                    self._stop.wait(0.3)
        finally:
            voice.close()


def settle(url: str, home: Home, ledger: Ledger, *, again: int = 150, rng: random.Random | None = None) -> None:
    """When the faults are over: submit what was never answered until it is, and ask again for what was."""
    voice = Voice(url, home.employer, ledger)
    deadline = time.monotonic() + SETTLE_S
    try:
        while (waiting := ledger.unanswered()) and time.monotonic() < deadline:
            for sha256 in waiting:
                if not voice.submit(ledger.sent[sha256]):
                    time.sleep(0.1)
                elif not ledger.is_told(sha256):
                    ledger.object_to(f"{sha256[:12]} is good, and was refused after the dust had settled")
        held = ledger.held()
        chosen = (rng or random.Random(0)).sample(held, min(again, len(held)))
        for sha256 in chosen:
            while not voice.submit(ledger.sent[sha256]) and time.monotonic() < deadline:
                time.sleep(0.1)
        for sha256 in chosen[: again // 4]:
            dossier_id = next(told.dossier for told in ledger.told if told.sha256 == sha256 and told.kind == "dossier")
            answer = voice.ask("GET", f"/v1/dossiers/{dossier_id}/content")
            if answer is None or answer.status_code != 200 or answer.content != ledger.sent[sha256]:
                ledger.object_to(f"{dossier_id}: the door does not give back the bytes that were sent")
        # Every leaf is in a signed tree within a second; twice that, and a moment for a new leader.
        time.sleep(LOGGED_S)
        if voice.look_at_log() < 0:
            ledger.object_to("the log shows no checkpoint")
        if waiting := ledger.unanswered():
            ledger.object_to(f"{len(waiting)} submissions were never answered in {SETTLE_S:.0f} s")
    finally:
        voice.close()
