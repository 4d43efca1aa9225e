"""How pick-up orders leave the house: one POST to the carrier's address, which was looked at; nothing is followed."""

from __future__ import annotations

import asyncio
import logging
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Final

import httpx

from gateway.config import Misconfigured
from gateway.faults import log_fault
from gateway.outgoing import AddressAway, AddressRefused, Allowed, checked, listed_hosts, named, resolve_apart
from gateway.postal import pickup
from gateway.postal.pickup_shape import PickupShape, PickupShapeUnreadable, pickup_shape
from gateway.webhook_post import tls_context
from storage.secret import SecretExposed, read_secret

if TYPE_CHECKING:
    from gateway.config import Settings
    from gateway.fetching import Resolve
    from gateway.house import House
    from storage.pickups import Pickup

SEND_EVERY_S: Final = 5.0
POST_S_MAX: Final = 20.0
CONNECT_S_MAX: Final = 5.0
ANSWER_BYTES_MAX: Final = 64 * 1024
_FAULTS: Final = logging.getLogger("motcua.faults")


class PickupNotOffered(Exception):
    """This gateway sends no pick-up orders (setting `pickup_url`). Trying again changes nothing."""


def shape_of(settings: Settings) -> PickupShape:
    """The shape of orders that this gateway sends. Raises `PickupNotOffered`, `PickupShapeUnreadable`."""
    if not settings.pickup_url:
        raise PickupNotOffered("pickup_url")
    return pickup_shape(settings.pickup_order)


class PickupSending:
    """One worker's part in it."""

    def __init__(self, house: House, resolve: Resolve = resolve_apart) -> None:
        """Raises `Misconfigured` when a setting cannot be used."""
        self._house, self._resolve, settings = house, resolve, house.settings
        self._shape: PickupShape | None = None
        if not settings.pickup_url:
            return
        try:
            listed = listed_hosts(settings.pickup_hosts)
            self._allowed = Allowed(http=listed, private=listed)
            self._tls = tls_context(Path(settings.outgoing_authorities) if settings.outgoing_authorities else None)
            named(settings.pickup_url, self._allowed)
            self._shape = shape_of(settings)
            self._token()
        except (PickupShapeUnreadable, AddressRefused, SecretExposed, ValueError, OSError, ssl.SSLError) as error:
            raise Misconfigured(f"pickup_…: {error}") from error

    async def step(self) -> int:
        """Send what is due; returns how many orders were sent. Raises `DatabaseAway`; safe to repeat."""
        if self._shape is None:
            return 0
        due = await self._house.run_apart(pickup.take_due, self._house.stores, self._house.clock.now())
        await asyncio.gather(*(self._one(self._shape, one) for one in due))
        return len(due)

    async def _one(self, shape: PickupShape, order: Pickup) -> None:
        try:
            outcome, said = await self._sent(shape, order)
        except Exception as fault:
            # One that is broken keeps no other from being sent, and is a person's to look at in the end.
            log_fault(_FAULTS, "sending a pick-up order failed", fault)
            outcome, said = "again", "fault"
        await self._house.run_apart(
            pickup.write_down, self._house.stores, order, outcome, said, self._house.clock.now()
        )

    async def _sent(self, shape: PickupShape, order: Pickup) -> tuple[str, str]:
        settings = self._house.settings
        facts = pickup.facts(self._house.stores.cipher, order, settings.pickup_customer)
        body, media_type = shape.written(facts)
        headers = {"content-type": media_type, "accept": "application/json", "accept-encoding": "identity"}
        if token := self._token():
            headers[shape.token.header] = shape.token.before + token
        try:
            async with asyncio.timeout(POST_S_MAX):
                status, answer = await self._post(body, headers)
        except AddressRefused:
            return "again", "address-refused"
        except AddressAway:
            return "again", "no-address"
        except (TimeoutError, httpx.TimeoutException):
            return "again", "timeout"
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            return "again", type(error).__name__
        return shape.judged(status, answer)

    async def _post(self, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        to = await checked(self._house.settings.pickup_url, self._allowed, self._resolve)
        sent = headers | {"host": to.host_header, "user-agent": "motcua"}
        # Neither proxies nor certificates nor cookies of the environment, and no redirects.
        async with (
            httpx.AsyncClient(
                trust_env=False,
                follow_redirects=False,
                verify=self._tls,
                timeout=httpx.Timeout(POST_S_MAX, connect=CONNECT_S_MAX),
            ) as client,
            client.stream(
                "POST", to.url, content=body, headers=sent, extensions={"sni_hostname": to.tls_name}
            ) as answer,
        ):
            read = b""
            async for chunk in answer.aiter_raw():
                read += chunk
                if len(read) > ANSWER_BYTES_MAX:
                    return answer.status_code, b""
            return answer.status_code, read

    def _token(self) -> str:
        """Read each time: a carrier's tokens change while we serve. Raises `SecretExposed`, `OSError`, ValueError."""
        path = self._house.settings.pickup_token_file
        token = read_secret(Path(path)).decode("utf-8").strip() if path else ""
        if not token.isascii() or not token.isprintable():
            raise ValueError("pickup_token_file")
        return token
