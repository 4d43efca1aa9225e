"""The one way out: revocation data is fetched by plain HTTP, from addresses that the operator has allowed.

Certificates name the addresses of their own CRLs and OCSP responders, and anybody can put anything into a certificate.
So nothing is asked of a host that is not listed, nothing is followed, nothing large or slow is waited for, and a name
that leads to a private address is refused unless the operator listed that address itself.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

import httpx
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    Resolve = Callable[[str, int], Coroutine[None, None, list[str]]]

OCSP_BYTES_MAX: Final = 64 * 1024
CRL_BYTES_MAX: Final = 32 * 1024 * 1024
FETCH_S_MAX: Final = 20.0
CONNECT_S_MAX: Final = 3.0
URL_CHARACTERS_MAX: Final = 512
_HTTP_PORT: Final = 80
_OK: Final = 200
_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")


class FetchRefused(Exception):
    """The address is not one that the operator allows, or not plain HTTP. Trying again changes nothing."""


class FetchFailed(Exception):
    """The address did not answer as it should (in time, in size, with 200). Trying again later is safe."""


class Fetcher(Protocol):
    """Gets what an address holds. Two kinds: over the network, and none at all (offline)."""

    async def get(self, url: str, *, accept: str, size_bytes_max: int, body: bytes | None = None) -> bytes:
        """GET, or POST a `body`; the answer's bytes. Raises `FetchRefused`, `FetchFailed`."""

    async def close(self) -> None:
        """Give back what is open."""


class Allowed(Struct, frozen=True):
    """One host that may be asked, at one port."""

    host: str
    port: int


def allowed_hosts(listed: str) -> frozenset[Allowed]:
    """Read a list like "crl.example.vn, ocsp.example.vn:8080, 127.0.0.1:8888". Raises ValueError for anything else."""
    found = set()
    for entry in filter(None, (one.strip() for one in listed.split(","))):
        host, _, port = entry.rpartition(":") if ":" in entry else (entry, "", str(_HTTP_PORT))
        if not _HOST.fullmatch(host) or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:  # noqa: PLR2004
            raise ValueError(f"{entry!r} is not a host, or host:port")
        found.add(Allowed(host.lower(), int(port)))
    return frozenset(found)


class Offline:
    """Asks nobody: revocation data comes from the trust folder alone."""

    async def get(self, url: str, *, accept: str, size_bytes_max: int, body: bytes | None = None) -> bytes:
        """Refuse."""
        del accept, size_bytes_max, body
        raise FetchRefused(f"{url[:URL_CHARACTERS_MAX]}: offline")

    async def close(self) -> None:
        """Nothing is open."""


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, as the system knows them."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class Network:
    """Asks allowed hosts over plain HTTP; revocation data is signed, so nothing else need be."""

    def __init__(self, allowed: Iterable[Allowed], *, resolve: Resolve = resolve) -> None:
        self._allowed = frozenset(allowed)
        self._resolve = resolve
        # Neither proxies nor certificates nor cookies of the environment, and no redirects.
        self._client = httpx.AsyncClient(
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(FETCH_S_MAX, connect=CONNECT_S_MAX),
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    async def get(self, url: str, *, accept: str, size_bytes_max: int, body: bytes | None = None) -> bytes:
        """GET, or POST a `body`; the answer's bytes. Raises `FetchRefused`, `FetchFailed`."""
        host, target = await self._target(url)
        headers = {"host": host, "accept": accept, "accept-encoding": "identity", "user-agent": "motcua"}
        if body is not None:
            headers["content-type"] = accept.replace("-response", "-request")
        try:
            async with asyncio.timeout(FETCH_S_MAX):
                return await self._ask(target, headers, body, size_bytes_max)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError) as error:
            raise FetchFailed(f"{url[:URL_CHARACTERS_MAX]}: {type(error).__name__}") from error

    async def _ask(self, target: str, headers: dict[str, str], body: bytes | None, size_bytes_max: int) -> bytes:
        method = "GET" if body is None else "POST"
        async with self._client.stream(method, target, headers=headers, content=body) as answer:
            if answer.status_code != _OK:
                raise FetchFailed(f"{headers['host']}: HTTP {answer.status_code}")
            content = bytearray()
            async for chunk in answer.aiter_raw():
                content += chunk
                if len(content) > size_bytes_max:
                    raise FetchFailed(f"{headers['host']}: more than {size_bytes_max} bytes")
            return bytes(content)

    async def _target(self, url: str) -> tuple[str, str]:
        """The Host header, and the URL with the very address that was looked at, so that a name cannot lead elsewhere
        between the look and the request.
        """
        try:
            parts = urlsplit(url) if len(url) <= URL_CHARACTERS_MAX and url.isascii() else None
            host = (parts.hostname or "").lower() if parts else ""
            port = (parts.port or _HTTP_PORT) if parts else 0
        except ValueError:
            parts, host, port = None, "", 0
        if parts is None or parts.scheme != "http" or parts.username is not None or not _HOST.fullmatch(host):
            raise FetchRefused(f"{url[:URL_CHARACTERS_MAX]}: not a plain http address")
        if Allowed(host, port) not in self._allowed:
            raise FetchRefused(f"{host}:{port} is not among the allowed hosts")
        address = await self._address(host, port)
        shown = f"[{address}]" if ":" in address else address
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return (host if port == _HTTP_PORT else f"{host}:{port}"), f"http://{shown}:{port}{path}"

    async def _address(self, host: str, port: int) -> str:
        try:
            return str(ipaddress.ip_address(host))  # listed as an address: the operator means this one
        except ValueError:
            pass
        try:
            async with asyncio.timeout(CONNECT_S_MAX):
                addresses = await self._resolve(host, port)
        except (OSError, TimeoutError) as error:
            raise FetchFailed(f"{host}: no address") from error
        for address in addresses:
            if ipaddress.ip_address(address.partition("%")[0]).is_global:
                return address
        raise FetchRefused(f"{host} leads to {', '.join(addresses) or 'nowhere'}, which is not a public address")

    async def close(self) -> None:
        """Give the connections back."""
        await self._client.aclose()
