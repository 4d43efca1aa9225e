"""The gateway as employers' and offices' software meets it: an HTTP client that may be interrupted at any point.

Submitting is safe to repeat, because the digest names the dossier. When an answer does not come, the client asks "do
you hold these bytes?" before it sends them again; when it is told to come back later, it does.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import secrets
from typing import TYPE_CHECKING, Any, Protocol, Self
from urllib.parse import quote_plus

import httpx
import msgspec
from msgspec import Struct

from signing.seal import seal_jws

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from gateway.clock import Clock
    from signing.seal import Signer

CONNECT_S = 5.0
ANSWER_S = 60.0
# How long a client keeps trying one request before it tells its owner that the gateway is away.
PATIENCE_S = 120.0
PAUSE_S = 0.5
PAUSE_S_MAX = 15.0
ASSERTION_LIFE_S = 60
# A token is renewed so long before it ends.
TOKEN_MARGIN_S = 30.0

_JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_DIGEST_ITEM = re.compile(r"sha-256=:([A-Za-z0-9+/=]+):")
# Answers that promise nothing and ask to come back: request timeout, too many requests, gateway faults, away.
_COME_BACK = frozenset({408, 425, 429, 500, 502, 503, 504})


class GatewayAway(Exception):
    """The gateway did not answer, or only asked to come back, for `PATIENCE_S`. Trying again later is safe."""


class NotAllowed(Exception):
    """The gateway knows the client not at all, or not for this. Trying again is of no use."""


class Unexpected(Exception):
    """An answer that the interface does not know; `status` and `problem` say which. Trying again may not help."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        told = " ".join(str(problem[name]) for name in ("code", "title", "detail") if name in problem)
        super().__init__(f"HTTP {status} {told}")
        self.status, self.problem = status, problem


class ContentDiffers(Exception):
    """The bytes that came are not those of the digest. Fetching again is safe; do not acknowledge."""


class Proof(Protocol):
    """How a client proves who it is to `/oauth/token`."""

    def form(self, clock: Clock, audience: str) -> dict[str, str]:
        """The parameters that go into the form."""
        ...

    def headers(self) -> dict[str, str]:
        """The headers that go with it."""
        ...


class BySecret(Struct, frozen=True):
    """client_secret_basic (RFC 6749 §2.3.1)."""

    client: str
    secret: str

    def form(self, clock: Clock, audience: str) -> dict[str, str]:  # noqa: ARG002 - nothing but the header
        """Nothing: the secret goes into the header."""
        return {}

    def headers(self) -> dict[str, str]:
        """HTTP Basic over the form-encoded id and secret."""
        pair = f"{quote_plus(self.client)}:{quote_plus(self.secret)}"
        return {"authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


class ByKey(Struct, frozen=True):
    """private_key_jwt (RFC 7523 §2.2): no secret ever leaves the client."""

    client: str
    key: Signer

    def form(self, clock: Clock, audience: str) -> dict[str, str]:
        """A fresh assertion, good once and for a minute."""
        claims = {
            "iss": self.client,
            "sub": self.client,
            "aud": audience,
            "exp": int(clock.now().timestamp()) + ASSERTION_LIFE_S,
            "jti": secrets.token_urlsafe(16),
        }
        assertion = seal_jws(self.key, msgspec.json.encode(claims), "JWT")
        return {"client_assertion_type": _JWT_BEARER, "client_assertion": assertion}

    def headers(self) -> dict[str, str]:
        """Nothing: the assertion goes into the form."""
        return {}


class Accepted(Struct, frozen=True, kw_only=True):
    """The gateway holds the dossier. `fresh` is false when it held it already; `receipt` is the compact JWS."""

    dossier: str
    receipt_number: str
    received_at: str
    sha256: str
    size_bytes: int
    batch: int
    competent_office: str
    due_at: str | None
    receipt: str
    fresh: bool = True


class RefusedDossier(Struct, frozen=True, kw_only=True):
    """The gateway refused the dossier: `problem` is the whole answer, `notice` the signed statement that says so."""

    sha256: str
    code: str
    notice: str
    problem: dict[str, Any]


class Work(Struct, frozen=True, kw_only=True):
    """A dossier handed over under a lease."""

    lease: str
    attempt: int
    dossier: str
    receipt_number: str
    procedure: str
    sha256: str
    size_bytes: int
    content_url: str
    lease_until: str
    due_at: str | None
    unit: str = ""
    period: str = ""
    # "" for a filing; "supplement" or "withdrawal" for what was sent about the dossier `about`.
    purpose: str = ""
    about: str | None = None


class WorkPage(Struct, frozen=True):
    """What was leased, and the mark up to which nothing is missing."""

    work: list[Work]
    complete_until: int


class LeaseLost(Exception):
    """Another may hold the dossier by now: throw away what was done with it. Trying again is of no use."""


class Gateway:
    """A client of one gateway; use it as an async context manager. Requests may run side by side."""

    def __init__(
        self, url: str, proof: Proof, clock: Clock, *, connections: int = 8, patience_s: float = PATIENCE_S
    ) -> None:
        self._url, self._proof, self._clock = url.rstrip("/"), proof, clock
        self._patience_s = patience_s
        self._token = ""
        self._token_ends_s = 0.0
        self._renewing = asyncio.Lock()
        self._http = httpx.AsyncClient(
            base_url=self._url,
            timeout=httpx.Timeout(ANSWER_S, connect=CONNECT_S),
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            # The proxy of the user's surfing is not asked: dossiers go to the gateway and nowhere else.
            trust_env=False,
        )

    async def submit(
        self, content: bytes, *, batch: int | None = None, path: str = "/v1/dossiers"
    ) -> Accepted | RefusedDossier:
        """Send a dossier until there is an answer that says what became of it. `path` is another door of that kind.

        Raises `GatewayAway`, `NotAllowed`, `Unexpected`. Calling again, in another process or after a crash, is safe:
        one dossier, one receipt.
        """
        digest = hashlib.sha256(content).digest()
        headers = {
            "content-type": "application/xml",
            "content-digest": f"sha-256=:{base64.b64encode(digest).decode()}:",
        }
        parameters = {"batch": str(batch)} if batch is not None else {}
        patience = _Patience(self._patience_s, self._url)
        while True:
            try:
                answer = await self._ask("POST", path, content=content, headers=headers, params=parameters)
            except httpx.TransportError as lost:
                # The answer was lost, or the request was. Only the gateway knows which: ask, then send again.
                if held := await self._held(digest.hex()):
                    return held
                await patience.wait(None, lost)
                continue
            if answer.status_code in (httpx.codes.OK, httpx.codes.CREATED):
                return _accepted(answer, fresh=answer.status_code == httpx.codes.CREATED)
            problem = _problem(answer)
            if "notice" in problem:
                return RefusedDossier(
                    sha256=digest.hex(), code=problem["code"], notice=problem["notice"], problem=problem
                )
            if answer.status_code not in _COME_BACK and problem.get("retry") != "same-request":
                raise _error(answer)
            await patience.wait(answer)

    async def receipt_of(self, sha256: str) -> Accepted | None:
        """Ask "do you hold these bytes?": the identical receipt, or None. Raises what `submit` raises."""
        answer = await self._surely("GET", "/v1/receipts", params={"sha256": sha256})
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        if answer.status_code != httpx.codes.OK:
            raise _error(answer)
        return _accepted(answer, fresh=False)

    async def lease(
        self, office: str, most: int, lease_s: int, *, wait_s: float = 0, choice: Mapping[str, object] | None = None
    ) -> WorkPage:
        """Take work of an office. A repeated call takes other work; what was not heard of is offered again later.

        `choice` says which, and in which order: `procedures`, `first` ("offered" or "due"), `unit_order`.
        """
        wanted = {"max": most, "lease_s": lease_s, "wait_s": wait_s} | dict(choice or {})
        headers = {"idempotency-key": secrets.token_hex(16)}
        answer = await self._post(f"/v1/offices/{office}/leases", wanted, headers)
        return msgspec.json.decode(answer.content, type=WorkPage)

    async def content(self, work: Work) -> bytes:
        """The dossier's bytes, compared with the digest under which they were leased. Raises `ContentDiffers`."""
        answer = await self._get(work.content_url, {})
        found = hashlib.sha256(answer.content)
        told = _DIGEST_ITEM.search(answer.headers.get("content-digest", ""))
        if found.hexdigest() != work.sha256 or (told and base64.b64decode(told[1]) != found.digest()):
            raise ContentDiffers(f"{work.dossier}: {found.hexdigest()} ≠ {work.sha256}")
        return answer.content

    async def acknowledge(self, work: Work) -> str:
        """Say that the office has the dossier; returns its state. Safe to repeat. Raises `LeaseLost`."""
        answer = await self._post(f"/v1/leases/{work.lease}/acknowledge", {}, {})
        state: str = answer.json()["state"]
        return state

    async def token(self) -> str:
        """A bearer token that has a while to live. Raises `NotAllowed`, `GatewayAway`."""
        return await self._bearer("")

    async def keys(self) -> dict[str, Any]:
        """The gateway's public keys (JWKS), to be pinned once and by a person."""
        keys: dict[str, Any] = (await self._get("/v1/keys", {})).json()
        return keys

    async def _held(self, sha256: str) -> Accepted | None:
        try:
            answer = await self._ask("GET", "/v1/receipts", params={"sha256": sha256})
        except httpx.TransportError:
            return None
        return _accepted(answer, fresh=False) if answer.status_code == httpx.codes.OK else None

    async def ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        """Any other door, as httpx asks, until there is an answer other than "come back": for what may be repeated.
        Raises `GatewayAway`, `NotAllowed`.
        """
        return await self._surely(method, path, **request)

    async def _get(self, path: str, parameters: dict[str, str]) -> httpx.Response:
        answer = await self._surely("GET", path, params=parameters)
        if answer.status_code != httpx.codes.OK:
            raise _error(answer)
        return answer

    async def _post(self, path: str, body: object, headers: dict[str, str]) -> httpx.Response:
        """For requests that may be repeated: by their nature or by their idempotency key."""
        content = msgspec.json.encode(body)
        answer = await self._surely(
            "POST", path, content=content, headers={**headers, "content-type": "application/json"}
        )
        if answer.status_code != httpx.codes.OK:
            raise _error(answer)
        return answer

    async def _surely(self, method: str, path: str, **request: Any) -> httpx.Response:
        """Ask until there is an answer other than "come back"."""
        patience = _Patience(self._patience_s, self._url)
        while True:
            try:
                answer = await self._ask(method, path, **request)
            except httpx.TransportError as lost:
                await patience.wait(None, lost)
                continue
            if answer.status_code not in _COME_BACK:
                return answer
            await patience.wait(answer)

    async def _ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        """One request under a token; a token that is refused is renewed once."""
        headers = dict(request.pop("headers", {}))
        headers["authorization"] = f"Bearer {await self.token()}"
        answer = await self._http.request(method, path, headers=headers, **request)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            refused = headers["authorization"].removeprefix("Bearer ")
            headers["authorization"] = f"Bearer {await self._bearer(refused)}"
            answer = await self._http.request(method, path, headers=headers, **request)
        return answer

    async def _bearer(self, refused: str) -> str:
        """A token that has a while to live and is not the one just refused. Raises `NotAllowed`."""
        loop = asyncio.get_running_loop()
        async with self._renewing:
            if self._token and self._token != refused and loop.time() < self._token_ends_s:
                return self._token
            patience = _Patience(self._patience_s, self._url)
            while True:
                form = {"grant_type": "client_credentials", **self._proof.form(self._clock, f"{self._url}/oauth/token")}
                try:
                    answer = await self._http.post("/oauth/token", data=form, headers=self._proof.headers())
                except httpx.TransportError as lost:
                    await patience.wait(None, lost)
                    continue
                if answer.status_code not in _COME_BACK:
                    break
                await patience.wait(answer)
            if answer.status_code != httpx.codes.OK:
                told = _problem(answer)
                why = told.get("error_description") or told.get("error") or f"HTTP {answer.status_code}"
                raise NotAllowed(f"không được cấp quyền truy cập · no access token: {why}")
            granted = answer.json()
            self._token = granted["access_token"]
            self._token_ends_s = loop.time() + max(1.0, granted["expires_in"] - TOKEN_MARGIN_S)
            return self._token

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.__aexit__(kind, error, trace)


class _Patience:
    """Waits between tries: as long as the gateway asks, else longer each time; gives up in the end."""

    def __init__(self, patience_s: float, url: str) -> None:
        self._ends_s = asyncio.get_running_loop().time() + patience_s
        self._pause_s = PAUSE_S
        self._url = url

    async def wait(self, answer: httpx.Response | None, lost: Exception | None = None) -> None:
        """Wait before the next try. Raises `GatewayAway` when it would be too late."""
        asked = answer.headers.get("retry-after", "") if answer is not None else ""
        pause_s = float(asked) if asked.isascii() and asked.isdigit() else self._pause_s
        if asyncio.get_running_loop().time() + pause_s > self._ends_s:
            why = f"HTTP {answer.status_code}" if answer is not None else str(lost) or type(lost).__name__
            raise GatewayAway(f"{self._url}: không phục vụ, thử lại sau · away, try again later ({why})") from lost
        # Many clients that were turned away together should not come back together.
        await asyncio.sleep(pause_s * (1 + secrets.randbelow(250) / 1000))
        self._pause_s = min(self._pause_s * 2, PAUSE_S_MAX)


def _accepted(answer: httpx.Response, *, fresh: bool) -> Accepted:
    held = msgspec.json.decode(answer.content, type=Accepted)
    return msgspec.structs.replace(held, fresh=fresh)


def _problem(answer: httpx.Response) -> dict[str, Any]:
    try:
        problem = answer.json()
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}


def _error(answer: httpx.Response) -> Exception:
    problem = _problem(answer)
    if problem.get("code") == "lease-lost":
        return LeaseLost(problem.get("title", "lease-lost"))
    if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        return NotAllowed(f"{problem.get('title', 'HTTP')} {answer.status_code} {problem.get('detail', '')}".strip())
    return Unexpected(answer.status_code, problem)
