"""Carriers are asked what became of the items that are under way: of several at once, again and again, off by default.

What a carrier leaves out of an answer, or tells again, changes nothing: what was kept stays, and is kept once.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import httpx
from msgspec import Struct, structs

from gateway.clock import to_us
from gateway.outgoing import (
    URL_CHARACTERS_MAX,
    AddressAway,
    AddressRefused,
    Allowed,
    checked,
    listed_hosts,
    resolve_apart,
)
from gateway.postal.carrier_tables import told_number
from gateway.postal.handlings import hear
from gateway.postal.told import AnswerUnreadable, rows_of
from gateway.webhook_post import tls_context
from storage import carrier_polls

if TYPE_CHECKING:
    from datetime import datetime

    from gateway.fetching import Resolve
    from gateway.house import House
    from gateway.postal.carrier_tables import Carrier, Poll
    from storage.carrier_polls import CarrierPoll

POLL_EVERY_S: Final = 30.0
# So many requests in one turn; the next turn goes on after the last item.
REQUESTS_A_TURN_MAX: Final = 20
ANSWER_S_MAX: Final = 20.0
CONNECT_S_MAX: Final = 5.0
ANSWER_BYTES_MAX: Final = 4 * 1024 * 1024
BACK_OFF_S: Final = 60
BACK_OFF_S_MAX: Final = 6 * 3600
# After so many failures in a row the items that were asked about wait for the next round: one number that a carrier
# cannot answer about keeps the items after it from being asked about no longer.
FAILURES_HERE_MAX: Final = 4
# An item that nothing was settled of for so long is not asked about any more.
ASKED_DAYS_MAX: Final = 90
UNDER_WAY: Final = ("bound", "posted", "on-the-way", "at-office", "attempted", "returning", "lost")
_GOOD: Final = 200
_RETRY_AFTER_DIGITS_MAX: Final = 6
# A turn's longest: nobody else takes the carrier's turn before.
_TURN_S_MAX: Final = int(REQUESTS_A_TURN_MAX * (ANSWER_S_MAX + CONNECT_S_MAX))
_FAULTS: Final = logging.getLogger("motcua.faults")


class _CannotAsk(Exception):
    """The carrier gave no answer that can be used. Asking again after `wait_s` is safe."""

    def __init__(self, why: str, wait_s: int = 0) -> None:
        super().__init__(why)
        self.wait_s = wait_s


class _Way(Struct, frozen=True):
    """How a carrier is reached."""

    poll: Poll
    allowed: Allowed
    tls: ssl.SSLContext
    resolve: Resolve
    headers: dict[str, str]


async def poll_due(house: House, resolve: Resolve = resolve_apart) -> None:
    """Ask every carrier whose turn it is. One that fails is asked later and later, and keeps no other from its turn.
    Raises `DatabaseAway`; safe to repeat.
    """
    for carrier in house.carriers.all.values():
        if carrier.poll is None:
            continue
        now = house.clock.now()
        turn = await house.run_apart(_claimed, house, carrier.carrier, now)
        if turn is not None:
            await _take_turn(house, carrier, carrier.poll, turn, resolve)


def _claimed(house: House, carrier: str, now: datetime) -> CarrierPoll | None:
    with house.database.read() as tx:
        if not carrier_polls.is_due(tx, carrier, to_us(now)):
            return None
    with house.database.begin() as tx:
        return carrier_polls.claim(tx, carrier, to_us(now), to_us(now + timedelta(seconds=_TURN_S_MAX)))


async def _take_turn(house: House, carrier: Carrier, poll: Poll, turn: CarrierPoll, resolve: Resolve) -> None:
    # What failed before counts until the carrier has answered, also where a round ends meanwhile.
    after, wait_s, failures, numbers = turn.after_item, 0, turn.failures, list[str]()
    try:
        way = _way(house, poll, resolve)
        for _ in range(REQUESTS_A_TURN_MAX):
            numbers = await house.run_apart(_numbers, house, carrier.carrier, poll, after)
            if not numbers:
                after, wait_s = "", max(poll.every_s, _back_off_s(failures) if failures else 0)
                break
            await _ask_about(house, carrier, way, numbers)
            after, failures = numbers[-1], 0
    except (_CannotAsk, AnswerUnreadable) as error:
        wait_s = max(error.wait_s if isinstance(error, _CannotAsk) else 0, _back_off_s(failures))
        wait_s = min(wait_s, BACK_OFF_S_MAX)
        failures += 1
        if failures >= FAILURES_HERE_MAX and numbers:
            after = numbers[-1]
        _FAULTS.warning("carrier %s was asked in vain, %d times in a row: %s", carrier.carrier, failures, error)
    next_at_us = to_us(house.clock.now() + timedelta(seconds=wait_s))
    settled = structs.replace(turn, next_at_us=next_at_us, failures=failures, after_item=after)

    def settle() -> None:
        with house.database.begin() as tx:
            carrier_polls.settle(tx, settled)

    await house.run_apart(settle)


def _back_off_s(failures: int) -> int:
    return int(min(BACK_OFF_S * 2 ** min(failures, 16), BACK_OFF_S_MAX))


def _numbers(house: House, carrier: str, poll: Poll, after: str) -> list[str]:
    since_us = to_us(house.clock.now() - timedelta(days=ASKED_DAYS_MAX))
    with house.database.read() as tx:
        found = carrier_polls.under_way(tx, carrier, UNDER_WAY, since_us=since_us, after=after, limit=poll.at_once)
    while len(found) > 1 and len(_url(poll, found)) > URL_CHARACTERS_MAX:
        found = found[: len(found) // 2]
    return found


def _url(poll: Poll, numbers: list[str]) -> str:
    return poll.url.replace("{numbers}", quote(",".join(numbers), safe=","))


def _way(house: House, poll: Poll, resolve: Resolve) -> _Way:
    authorities = house.settings.outgoing_authorities
    try:
        tls = tls_context(Path(authorities) if authorities else None)
        secret = Path(poll.header_file).read_text("utf-8").strip() if poll.header_file else ""
    except (OSError, UnicodeDecodeError) as error:
        raise _CannotAsk(str(error)) from error
    allowed = Allowed(listed_hosts(poll.hosts_http), listed_hosts(poll.hosts_private))
    return _Way(poll, allowed, tls, resolve, {poll.header: secret} if poll.header else {})


async def _ask_about(house: House, carrier: Carrier, way: _Way, numbers: list[str]) -> None:
    asked = frozenset(numbers)
    # What was not asked for is not the endpoint's to tell of.
    rows = [row for row in rows_of(await _answer(way, numbers), carrier.told) if told_number(row.item) in asked]
    heard = await house.run_apart(
        hear,
        house.database,
        house.carriers,
        carrier.carrier,
        rows,
        source="poll",
        heard_from=f"poll {carrier.carrier}",
        now=house.clock.now(),
    )
    if heard.bad:
        first = heard.bad[0]
        _FAULTS.warning(
            "carrier %s told %d events that cannot be read, the first: %s %s: %s",
            carrier.carrier, len(heard.bad), first.field, first.value, first.en,
        )  # fmt: skip


async def _answer(way: _Way, numbers: list[str]) -> bytes:
    """GET what the carrier says of these items. Raises `_CannotAsk`."""
    try:
        async with asyncio.timeout(ANSWER_S_MAX):
            to = await checked(_url(way.poll, numbers), way.allowed, way.resolve)
            # Neither proxies nor certificates of the environment, and no redirects: they would lead round the look at
            # the address.
            async with httpx.AsyncClient(
                trust_env=False,
                follow_redirects=False,
                verify=way.tls,
                timeout=httpx.Timeout(ANSWER_S_MAX, connect=CONNECT_S_MAX),
            ) as client:
                sent = way.headers | {"host": to.host_header, "accept": "application/json", "user-agent": "motcua"}
                # Nothing packed: what is small on the way would be large here.
                sent |= {"accept-encoding": "identity"}
                named = {"sni_hostname": to.tls_name}
                async with client.stream("GET", to.url, headers=sent, extensions=named) as answer:
                    return await _body(answer)
    except (AddressRefused, AddressAway) as error:
        raise _CannotAsk(str(error)) from error
    except (TimeoutError, httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise _CannotAsk(type(error).__name__) from error


async def _body(answer: httpx.Response) -> bytes:
    if answer.status_code != _GOOD:
        wait = answer.headers.get("retry-after", "")
        is_number = wait.isascii() and wait.isdigit() and len(wait) <= _RETRY_AFTER_DIGITS_MAX
        raise _CannotAsk(f"http {answer.status_code}", int(wait) if is_number else 0)
    found = bytearray()
    async for chunk in answer.aiter_raw():
        found += chunk
        if len(found) > ANSWER_BYTES_MAX:
            raise _CannotAsk(f"more than {ANSWER_BYTES_MAX} bytes")
    return bytes(found)
