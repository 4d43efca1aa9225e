"""How a message of a webhook leaves the house: one POST to an address that was looked at, and nothing is followed."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import httpx

from gateway.outgoing import AddressAway, AddressRefused, Checked, checked
from gateway.webhook_outcome import Outcome

if TYPE_CHECKING:
    from gateway.fetching import Resolve
    from gateway.outgoing import Allowed

POST_S_MAX: Final = 15.0
CONNECT_S_MAX: Final = 5.0
# What the receiver says beside its status is thrown away; so much is read for the connection's sake, so long.
ANSWER_BYTES_MAX: Final = 16 * 1024
ANSWER_S_MAX: Final = 1.0
_GONE: Final = 410
_GOOD: Final = range(200, 300)
_MOVED: Final = range(300, 400)
_AWAY: Final = frozenset({408, 425, 429})
_SERVER: Final = range(500, 600)
_RETRY_AFTER_DIGITS_MAX: Final = 6


def tls_context(authorities: Path | None) -> ssl.SSLContext:
    """What receivers' certificates are checked against: the public authorities, and the operator's own.

    Raises `OSError`, `ssl.SSLError`.
    """
    context = httpx.create_ssl_context(trust_env=False)
    if authorities is not None:
        context.load_verify_locations(authorities)
    return context


class WebhookPost:
    """The way to one address, looked at when the first message is sent and kept for a visit."""

    def __init__(self, url: str, allowed: Allowed, tls: ssl.SSLContext, resolve: Resolve) -> None:
        self._named, self._allowed, self._resolve = url, allowed, resolve
        self._checked: Checked | None = None
        # Neither proxies nor certificates nor cookies of the environment, and no redirects. The client serves this one
        # address alone: its connections are known by address, and another host might share that.
        self._client = httpx.AsyncClient(
            trust_env=False,
            follow_redirects=False,
            verify=tls,
            timeout=httpx.Timeout(POST_S_MAX, connect=CONNECT_S_MAX),
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def send(self, body: bytes, headers: dict[str, str]) -> Outcome:
        """POST one message."""
        try:
            if self._checked is None:
                self._checked = await checked(self._named, self._allowed, self._resolve)
        except AddressRefused:
            return Outcome(ok=False, said="address-refused", is_away=True)
        except AddressAway:
            return Outcome(ok=False, said="no-address", is_away=True)
        try:
            async with asyncio.timeout(POST_S_MAX):
                return await self._post(self._checked, body, headers)
        except (TimeoutError, httpx.TimeoutException):
            return Outcome(ok=False, said="timeout", is_away=True)
        except httpx.ConnectError:
            return Outcome(ok=False, said="no-connection", is_away=True)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.CookieConflict, OSError) as error:
            return Outcome(ok=False, said=type(error).__name__, is_away=True)

    async def _post(self, to: Checked, body: bytes, headers: dict[str, str]) -> Outcome:
        sent = headers | {
            "host": to.host_header,
            "content-type": "application/json",
            "accept-encoding": "identity",
            "user-agent": "motcua",
        }
        named = {"sni_hostname": to.tls_name}
        async with self._client.stream("POST", to.url, content=body, headers=sent, extensions=named) as answer:
            outcome = _outcome(answer)
            self._client.cookies.clear()
            await _throw_away(answer)
            return outcome


async def _throw_away(answer: httpx.Response) -> None:
    read_bytes = 0
    try:
        async with asyncio.timeout(ANSWER_S_MAX):
            async for chunk in answer.aiter_raw():
                read_bytes += len(chunk)
                if read_bytes > ANSWER_BYTES_MAX:
                    return
    except (TimeoutError, httpx.HTTPError):
        # It has said what counts.
        return


def _outcome(answer: httpx.Response) -> Outcome:
    status, said = answer.status_code, f"http {answer.status_code}"
    if status in _GOOD:
        return Outcome(ok=True, said=said)
    if status == _GONE:
        return Outcome(ok=False, said=said, is_gone=True)
    wait = answer.headers.get("retry-after", "")
    is_number = wait.isascii() and wait.isdigit() and len(wait) <= _RETRY_AFTER_DIGITS_MAX
    # A redirect is not followed: it would lead round the look at the address.
    is_away = status in _SERVER or status in _AWAY or status in _MOVED
    return Outcome(ok=False, said=said, is_away=is_away, retry_after_s=int(wait) if is_number else 0)
