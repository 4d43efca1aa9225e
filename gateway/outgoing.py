"""Where the gateway may be sent by others: the addresses that a client may name, and what they lead to.

Whoever may name an address could name one inside (server-side request forgery). So an address is https to a public
host, unless the operator listed the host; its name is resolved here, every address that it leads to is looked at, and
the connection goes to the very address that was looked at, whatever the name says a moment later.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, urlsplit

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.config import Settings
    from gateway.fetching import Resolve

URL_CHARACTERS_MAX: Final = 1024
RESOLVE_S_MAX: Final = 3.0
# A name server that never answers keeps a thread for longer than anybody waits; others' work is not done in these.
RESOLVING_AT_ONCE_MAX: Final = 32
ADDRESSES_MAX: Final = 32
# Where https is expected; at any other port only a host that the operator listed.
PORTS: Final = frozenset({443, 8443})
_HTTP_PORT: Final = 80
_HTTPS_PORT: Final = 443
_PORT_MAX: Final = 65_535
_URL: Final = re.compile(r"[\x21-\x7e]+")
_LABEL: Final = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
# The last label of a name begins with a letter: what ends in a number is an address in one of its old notations
# (WHATWG URL, "ends in a number"; inet_aton reads 2130706433, 0x7f.1 and 127.1 as 127.0.0.1).
_NAME: Final = re.compile(rf"({_LABEL}\.)*[a-z]([a-z0-9-]{{0,61}}[a-z0-9])?")
_NAME_CHARACTERS_MAX: Final = 253

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# A network of the operator's own (RFC 1918, RFC 4193): where a name that was listed may lead to …
_OWN: Final = tuple(map(ipaddress.ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")))
# … but for the metadata of a cloud.
_METADATA: Final = ipaddress.ip_address("fd00:ec2::254")
_UNICAST: Final = ipaddress.ip_network("2000::/3")
# Addresses that carry an IPv4 address in themselves: mapped (RFC 4291 §2.5.5.2) and translated (RFC 6052).
_CARRYING: Final = (ipaddress.ip_network("::ffff:0:0/96"), ipaddress.ip_network("64:ff9b::/96"))
# Not to be asked, though some table calls them global: tunnels to anywhere (RFC 3056, RFC 7526, RFC 4380), addresses of
# protocols and of documents (RFC 6890, RFC 3849), a cloud's metadata at a public address.
_NEVER: Final = tuple(
    map(
        ipaddress.ip_network,
        ("2002::/16", "192.88.99.0/24", "2001::/32", "192.0.0.0/24", "2001:db8::/32", "168.63.129.16/32"),
    )
)


class AddressRefused(Exception):
    """The address is not one that the gateway may be sent to. Trying again changes nothing; name another."""


class AddressAway(Exception):
    """The host has no address now. Trying again later is safe."""


class Listed(Struct, frozen=True):
    """A host that the operator listed: a name or an address, at one port or (None) at any."""

    host: str
    port: int | None


class Allowed(Struct, frozen=True):
    """The operator's lists: hosts that may be asked by plain http, and hosts that may be private."""

    http: tuple[Listed, ...] = ()
    private: tuple[Listed, ...] = ()


class Named(Struct, frozen=True, kw_only=True):
    """An address that is well written and allowed by its looks; where it leads was not asked yet."""

    scheme: str
    host: str
    port: int
    target: str


class Checked(Struct, frozen=True, kw_only=True):
    """Where to connect: the URL with the very address that was looked at, the Host header, and the name for TLS."""

    url: str
    host_header: str
    tls_name: str


def listed_hosts(listed: str) -> tuple[Listed, ...]:
    """Read a list like "hook.example.vn, 10.1.2.3:8443, [fd00::1]:443". Raises ValueError for anything else."""
    found = []
    for entry in filter(None, (one.strip().lower() for one in listed.split(","))):
        host, port = entry, ""
        if entry.startswith("["):
            host, closing, rest = entry[1:].partition("]")
            port = rest.removeprefix(":") if closing else "?"
        elif entry.count(":") == 1:
            host, _, port = entry.partition(":")
        if (_literal(host) is None and not _is_name(host)) or (port and not _is_port(port)):
            raise ValueError(f"{entry!r} is not a host, or host:port")
        literal = _literal(host)
        found.append(Listed(str(literal) if literal else host, int(port) if port else None))
    return tuple(found)


def allowed_by(settings: Settings) -> Allowed:
    """The operator's lists. Raises ValueError."""
    return Allowed(listed_hosts(settings.webhook_hosts_http), listed_hosts(settings.webhook_hosts_private))


def named(url: str, allowed: Allowed) -> Named:
    """Read an address that a client named, asking nobody. Raises `AddressRefused`."""
    parts, host, port = _split(url)
    literal = _literal(host)
    if literal is None and not _is_name(host):
        raise AddressRefused("the host is neither a name nor an address in its usual notation")
    host = str(literal) if literal else host
    if parts.scheme not in ("http", "https"):
        raise AddressRefused("not https")
    if port is None:
        port = _HTTPS_PORT if parts.scheme == "https" else _HTTP_PORT
    if parts.scheme == "http" and not _is_listed(host, port, allowed.http):
        raise AddressRefused("not https")
    if parts.scheme == "https" and port not in PORTS and not _is_listed(host, port, allowed.http + allowed.private):
        raise AddressRefused(f"port {port}")
    if literal is not None:
        _refuse_inside(literal, host, port, allowed)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Named(scheme=parts.scheme, host=host, port=port, target=target)


def _split(url: str) -> tuple[SplitResult, str, int | None]:
    """The parts of a URL that is written plainly, its host and its port."""
    if len(url) > URL_CHARACTERS_MAX or not _URL.fullmatch(url) or "\\" in url:
        raise AddressRefused("not a URL of at most 1024 visible ASCII characters")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise AddressRefused("not a URL") from None
    if port == 0:
        raise AddressRefused("port 0")
    if "@" in parts.netloc:
        raise AddressRefused("a URL with a name or password in it")
    if "#" in url:
        raise AddressRefused("a URL with a fragment")
    return parts, host, port


_RESOLVING: Final = ThreadPoolExecutor(RESOLVING_AT_ONCE_MAX, "resolve")


async def resolve_apart(host: str, port: int) -> list[str]:
    """The addresses of a host, as the system knows them; asked in threads that nothing else is done in."""
    ask = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    found = await asyncio.get_running_loop().run_in_executor(_RESOLVING, ask)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


async def checked(url: str, allowed: Allowed, resolve: Resolve = resolve_apart) -> Checked:
    """Look where an address leads. Raises `AddressRefused`, `AddressAway`.

    One address that is not public refuses the whole name: whoever mixes them means no good.
    """
    told = named(url, allowed)
    literal = _literal(told.host)
    found = [literal] if literal is not None else await _resolved(told, resolve)
    for address in found:
        _refuse_inside(address, told.host, told.port, allowed)
    chosen = found[0]
    shown = f"[{chosen}]" if chosen.version == 6 else str(chosen)  # noqa: PLR2004 - the protocol's own number
    is_usual = told.port == (_HTTPS_PORT if told.scheme == "https" else _HTTP_PORT)
    host = f"[{told.host}]" if ":" in told.host else told.host
    return Checked(
        url=f"{told.scheme}://{shown}:{told.port}{told.target}",
        host_header=host if is_usual else f"{host}:{told.port}",
        tls_name=told.host,
    )


async def _resolved(told: Named, resolve: Resolve) -> list[_Address]:
    try:
        async with asyncio.timeout(RESOLVE_S_MAX):
            answers = await resolve(told.host, told.port)
        found = [ipaddress.ip_address(answer.partition("%")[0]) for answer in answers[:ADDRESSES_MAX]]
    except (OSError, TimeoutError, UnicodeError, ValueError) as error:
        raise AddressAway(f"{told.host}: no address") from error
    if not found:
        raise AddressAway(f"{told.host}: no address")
    # The older protocol first: more hosts can be reached by it.
    return sorted(found, key=lambda address: address.version)


def _refuse_inside(address: _Address, host: str, port: int, allowed: Allowed) -> None:
    if is_public(address) or _is_listed(str(address), port, allowed.private):
        return
    # A name that was listed may lead to the operator's own network, but not to this machine, nor to its neighbours on
    # the wire, where clouds keep their metadata; for that the address itself must be listed.
    carried = _carried(address) or address
    if carried != _METADATA and _is_in(carried, _OWN) and _is_listed(host, port, allowed.private):
        return
    raise AddressRefused("the host leads to an address that is not public")


def is_public(address: _Address) -> bool:
    """Whether anybody may be sent there: a public unicast address, also of what it carries."""
    if (carried := _carried(address)) is not None:
        return is_public(carried)
    if _is_in(address, _NEVER):
        return False
    if address.version == 6 and address not in _UNICAST:  # noqa: PLR2004 - the protocol's own number
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _carried(address: _Address) -> ipaddress.IPv4Address | None:
    if isinstance(address, ipaddress.IPv6Address) and any(address in one for one in _CARRYING):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def _is_in(address: _Address, networks: Iterable[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    return any(address.version == one.version and address in one for one in networks)


def _is_listed(host: str, port: int, listed: Iterable[Listed]) -> bool:
    return any(one.host == host and one.port in (None, port) for one in listed)


def _literal(host: str) -> _Address | None:
    if "%" in host:  # a zone, which is this machine's business (RFC 4007 §11)
        return None
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_name(host: str) -> bool:
    return len(host) <= _NAME_CHARACTERS_MAX and _NAME.fullmatch(host) is not None


def _is_port(port: str) -> bool:
    return port.isascii() and port.isdigit() and 0 < int(port[:6]) <= _PORT_MAX
