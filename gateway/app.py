"""The composition: the one place that knows which vault, key and database were chosen."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from litestar import Litestar, Request, Response, Router
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.handlers import BaseRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send

from gateway import background, ids
from gateway.api import described, doors, papers, uploads
from gateway.api.caller import allowance_headers, identify, language_of
from gateway.api.content import as_get
from gateway.api.problems import Answer, Refused, answer_of
from gateway.api.submit import submit
from gateway.callers import Budget, Caller, Callers
from gateway.clock import VIETNAM, Clock, SystemClock
from gateway.config import Misconfigured, Settings, load
from gateway.deadlines import Calendar
from gateway.facts import (
    form_files,
    open_catalogue,
    read_confirmed,
    tables_confirming,
)
from gateway.faults import log_fault
from gateway.fetching import Fetcher, Network, Offline, allowed_hosts
from gateway.house import House
from gateway.intake import Intake
from gateway.judge import Tables
from gateway.logbook import open_log
from gateway.office_tables import tables_in_force
from gateway.postal.rules import rules
from gateway.report import Language
from gateway.routing import OfficeTable
from gateway.seals import open_seal
from gateway.settle import Stores
from gateway.store_words import MARKS
from gateway.trusting import TrustWatch
from schemas.catalogue import Catalogue
from signing.indication import Refusal
from signing.policy_file import load_policy, policy_text
from signing.revocation import RevocationStore
from signing.trust_list import Trusted
from storage.cipher import Cipher
from storage.database import Database, open_database
from storage.vaults import open_vault

_FAULTS = logging.getLogger("motcua.faults")
_REQUESTS = logging.getLogger("motcua.requests")
DETAIL_CHARACTERS_MAX = 300
PATH_BYTES_MAX = 200
_HOT_PATH = "/v1/dossiers"
_HTTP_CODES = {404: "not-found", 405: "method-not-allowed", 413: "body-too-large", 415: "media-type"}


def open_the_database(settings: Settings) -> Database:
    """The database that the settings name."""
    password = None
    if settings.database_password_file:
        with open(settings.database_password_file, encoding="utf-8") as file:  # noqa: PTH123
            password = file.read().strip()
    return open_database(settings.database, password)


def open_tables(
    settings: Settings, now: datetime, trusted: Trusted | None = None, catalogue: Catalogue | None = None
) -> Tables:
    """The tables in force. `trusted` is what the trust folder says and `catalogue` the one that the settings name, each
    read now if it was not read before; `now` is when the folder's CRLs were got, as far as we know. No fact is
    confirmed in them yet. Raises `TrustUnusable`, `PolicyUnusable`, `CatalogueError`, `Misconfigured`.
    """
    trusted = trusted or TrustWatch(settings.path("trust", "trust")).read(now)
    revocation = RevocationStore(trusted.authorities)
    for name, der in trusted.crls:
        if isinstance(refused := revocation.add_crl(der, source=name, fetched_at=now), Refusal):
            _FAULTS.warning("%s in the trust folder is not used: %s", name, refused.code)
    return Tables(
        catalogue=catalogue or open_catalogue(settings),
        policy=load_policy(settings.signature_policy),
        policy_text=policy_text(settings.signature_policy),
        revocation=revocation,
        trust=trusted.store,
        tsa=trusted.tsa,
        cosignature_path=settings.cosignature_path,
        refuse_broken_papers=settings.refuse_broken_papers,
        offices=OfficeTable.load(settings.path("offices", "") if settings.offices else None),
        calendar=Calendar.load(Path(settings.calendar) if settings.calendar else None),
        receiving_office=settings.receiving_office,
        post=rules(Path(settings.post) if settings.post else None),
    )


def open_stores(settings: Settings, now: datetime) -> Stores:
    """The stores and the seal; the vault is probed, and one that breaks its contract stops the start."""
    vault = open_vault(settings.vault)
    for mark in vault.probe().marks:
        _FAULTS.warning("the vault's store is marked %s: %s", mark, MARKS[mark][1])
    return Stores(
        database=open_the_database(settings),
        vault=vault,
        cipher=Cipher.load(settings.path("master_key", "master.key")),
        seal=open_seal(settings, now),
        gateway_unit=settings.gateway_unit,
    )


def build(settings: Settings, clock: Clock | None = None, catalogue: Catalogue | None = None) -> "Door":
    """The whole gateway as one ASGI application. `catalogue` is what the settings name, if it was read before."""
    clock = clock or SystemClock()
    watch = TrustWatch(settings.path("trust", "trust"))
    stores = open_stores(settings, clock.now())
    tables = open_tables(settings, clock.now(), watch.read(clock.now()), catalogue)
    # Before the first dossier is judged: what an operator confirmed refuses from the start.
    today = clock.now().astimezone(VIETNAM).date()
    confirmed = read_confirmed(stores.database, today)
    tables, offices = tables_in_force(tables_confirming(tables, confirmed), stores.database, stores.seal, clock.now())
    if logbook := open_log(settings, stores.database, stores.seal, clock.now()):
        stores = msgspec.structs.replace(stores, log_origin=logbook.origin)
    callers = Callers(
        stores.database,
        token_life_s=settings.token_life_s,
        lookups_per_minute_max=settings.lookups_per_minute_max,
    )
    fetcher = fetcher_of(settings)
    house = House(settings, clock, stores, Intake(stores, tables, settings), callers, fetcher)
    house.trust_watch, house.confirmed, house.logbook = watch, confirmed, logbook
    house.form_files, house.offices_in_force = form_files(tables.catalogue), offices
    if logbook:
        house.intake.has_gone_back = lambda: logbook.has_gone_back
    if watch.trusted is not None:
        # What they call revoked is news after every start.
        house.revocations.learn(watch.trusted.crls, clock.now())
    return Door(house)


def fetcher_of(settings: Settings) -> Fetcher:
    """Whoever fetches revocation data. Raises `Misconfigured`."""
    try:
        allowed = allowed_hosts(settings.revocation_hosts)
    except ValueError as error:
        raise Misconfigured(f"revocation_hosts: {error}") from error
    return Network(allowed) if allowed else Offline()


def knows_no_revocation(settings: Settings, tables: Tables) -> bool:
    """Whether every dossier will have to wait: the policy asks for revocation data, and there is no way to any."""
    held = next(iter(tables.revocation.held()), None)
    return tables.policy.revocation.required and not settings.revocation_hosts and held is None


def from_environment() -> "Door":
    """What a worker process serves."""
    import os  # noqa: PLC0415 - the environment is read here and in preload.py, and nowhere else

    return at_work(build(load(os.environ)))


def at_work(door: "Door") -> "Door":
    """Have the collector of circles leave alone what stays for good."""
    import gc  # noqa: PLC0415

    # What was made by now stays for good, and a dossier leaves next to no circles: the collector need not look often.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)
    return door


class Door:
    """Lets submissions straight to the line, and everything else to the framework.

    The framework's routing, injection and response objects cost as much as parsing a small dossier; the one route that
    carries the month end goes round them and through the same function as the documented handler.
    """

    def __init__(self, house: House) -> None:
        self.house = house
        self.framework: ASGIApp = _framework(house)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request (or the lifespan)."""
        if is_submission(scope):
            await _send(send, await submit(self.house, scope, receive))
        elif uploads.asks_what_is_spoken(scope):
            await _send(send, uploads.spoken(self.house))
        elif holds_nul(scope):
            await _send(send, answer_of(Refused("bad-request", "NUL."), "vi", ids.correlation_id()))
        else:
            await self.framework(*as_get(scope, receive, _logged(scope, send)))


def _logged(scope: Mapping[str, Any], send: Send) -> Send:
    """Write one line when the answer begins: which door, how it ended; never what was asked or told."""

    async def sending(message: Any) -> None:
        if message["type"] == "http.response.start":
            # As it came on the wire, so that no caller can write a line of ours.
            path = bytes(scope["raw_path"])[:PATH_BYTES_MAX].decode("ascii", "backslashreplace")
            _REQUESTS.info("%s %s status=%d", scope["method"], ascii(path), message["status"])
        await send(message)

    return sending if scope["type"] == "http" and _REQUESTS.isEnabledFor(logging.INFO) else send


async def _send(send: Send, answer: Answer) -> None:
    length = (b"content-length", b"%d" % len(answer.body))
    await send({"type": "http.response.start", "status": answer.status, "headers": [*answer.headers, length]})
    await send({"type": "http.response.body", "body": answer.body, "more_body": False})


def holds_nul(scope: Mapping[str, Any]) -> bool:
    """Whether path or query hold a NUL: no name of ours does, and no database takes one."""
    return scope["type"] == "http" and ("\0" in scope["path"] or b"%00" in scope["query_string"])


def is_submission(scope: Mapping[str, object]) -> bool:
    """Whether this is the hot route."""
    return scope["type"] == "http" and scope["path"] == _HOT_PATH and scope["method"] == "POST"


def _framework(house: House) -> Litestar:
    return Litestar(
        route_handlers=[*doors.OPEN, Router("/", route_handlers=doors.KNOWN, guards=[_authenticate])],
        dependencies={
            "house": Provide(_house, sync_to_thread=False),
            "caller": Provide(_caller, sync_to_thread=False),
            "language": Provide(_language, sync_to_thread=False),
            "why": Provide(papers.why_of, sync_to_thread=False),
        },
        exception_handlers={Exception: _problem, HTTPException: _problem},
        lifespan=[_life],
        state=State({"house": house}),
        openapi_config=described.config(house.settings.body_bytes_max),
        before_send=[_tell_allowance, uploads.tell_version],
        logging_config=None,
        request_max_body_size=house.settings.body_bytes_max,
        debug=False,
    )


def _house(state: State) -> House:
    house: House = state.house
    return house


async def _authenticate(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Before anything of the request is read: who calls, and whether it still may."""
    if handler.opt.get("asks_who_calls"):
        return
    house = _house(connection.app.state)
    budget: Budget = "lookup" if connection.scope.get("method") == "GET" else "business"
    authorization = connection.headers.get("authorization")
    connection.state.caller, connection.state.allowance = await identify(
        house, authorization, budget, house.clock.now()
    )


async def _tell_allowance(message: Any, scope: Any) -> None:
    """Say with every answer what is left of the caller's budget."""
    allowance = scope.get("state", {}).get("allowance")
    if message["type"] == "http.response.start" and allowance is not None:
        message["headers"] = [*message["headers"], *allowance_headers(allowance)]


def _caller(request: Request[Any, Any, Any]) -> Caller:
    caller: Caller = request.state.caller
    return caller


def _language(request: Request[Any, Any, Any]) -> Language:
    return language_of(request.headers.get("accept-language"))


def _problem(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Every failure of a handler, as an RFC 9457 problem."""
    correlation = ids.correlation_id()
    further: dict[str, str] = {}
    if isinstance(error, HTTPException):
        further = {name: value for name, value in (error.headers or {}).items() if name.lower() == "allow"}
        code = _HTTP_CODES.get(error.status_code, "internal" if error.status_code >= 500 else "bad-request")  # noqa: PLR2004
        error = Refused(code, _plainly(error) if code == "bad-request" else "")
    answer = answer_of(error, _language(request), correlation)
    if answer.status == 500:  # noqa: PLR2004
        log_fault(_FAULTS, f"fault {correlation}", error)
    headers = {name.decode(): value.decode() for name, value in answer.headers} | further
    return Response(answer.body, status_code=answer.status, headers=headers, media_type=headers["content-type"])


def _plainly(error: HTTPException) -> str:
    """What the framework found wrong with a request, without its own way of writing it."""
    extra = error.extra if isinstance(error.extra, list) else []
    faults = [f"{one.get('key', '')}: {one.get('message', '')}".strip(": ") for one in extra if isinstance(one, dict)]
    return ("; ".join(faults) or str(error.detail))[:DETAIL_CHARACTERS_MAX].rstrip(".") + "."


@asynccontextmanager
async def _life(app: Litestar) -> AsyncIterator[None]:
    house: House = app.state.house
    background.stop_early(house)
    tasks = background.begin(house)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await house.close()
