"""The open door: the catalogue, the public keys, what problems mean, whether the gateway is well."""

import html
from typing import Any

from litestar import MediaType, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Struct

from gateway.api.problems import KINDS, Refused
from gateway.house import House
from gateway.report import Language
from storage import journal
from storage.database import DatabaseAway


class ProcedureShown(Struct, frozen=True, kw_only=True):
    """A procedure as the catalogue declares it."""

    code: str
    version: str
    title_vi: str
    title_en: str
    must: list[str]
    may: list[str]
    time_limit_working_days: int | None


@get("/v1/procedures", summary="What may be filed")
async def list_procedures(house: NamedDependency[House]) -> list[ProcedureShown]:
    """The procedures in force today."""
    today = house.clock.now().date()
    return [
        ProcedureShown(
            code=one.code,
            version=one.version,
            title_vi=one.title_vi,
            title_en=one.title_en,
            must=sorted(one.must),
            may=sorted(one.may),
            time_limit_working_days=one.time_limit_working_days,
        )
        for one in house.tables.catalogue.procedures(today)
    ]


@get("/v1/keys", summary="The public keys that receipts are sealed with (JWKS)")
async def list_keys(house: NamedDependency[House]) -> dict[str, list[dict[str, str]]]:
    """RFC 7517. Pin the key: a receipt is checked against it offline."""
    seal = house.stores.seal
    return {"keys": [{**seal.public_jwk(), "kid": seal.kid, "alg": seal.alg, "use": "sig"}]}


@get("/problems/{code:str}", summary="What a problem means", media_type=MediaType.HTML)
async def explain_problem(code: FromPath[str], language: NamedDependency[Language]) -> str:
    """The page that a problem's `type` names."""
    kind = KINDS.get(code)
    if kind is None:
        raise Refused("not-found")
    pairs = [(kind.title_vi, kind.remedy_vi), (kind.title_en, kind.remedy_en)]
    if language == "en":
        pairs.reverse()
    told = "".join(f"<h1>{html.escape(title)}</h1><p>{html.escape(remedy)}</p>" for title, remedy in pairs)
    return (
        f'<!doctype html><html lang="{language}"><meta charset="utf-8"><title>{html.escape(pairs[0][0])}</title>'
        "<style>body{font:1.1rem/1.5 sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem}</style>"
        f"<p>HTTP {kind.status} · <code>{html.escape(code)}</code> · retry: <code>{kind.retry}</code></p>{told}</html>"
    )


@get("/health", summary="Is this process alive?")
async def health() -> dict[str, str]:
    """Says nothing of the stores."""
    return {"status": "alive"}


@get("/ready", summary="Can dossiers be accepted now?")
async def ready(house: NamedDependency[House]) -> Response[dict[str, Any]]:
    """503 while the database is away. A store that is away is told to whoever submits: asking it here would cost it."""

    def look() -> int:
        with house.database.read() as tx:
            return journal.head(tx)

    try:
        committed = await house.run(look)
    except DatabaseAway:
        return Response({"ready": False, "away": "database"}, status_code=503, headers={"retry-after": "5"})
    return Response({"ready": True, "committed": committed})


HANDLERS = [list_procedures, list_keys, explain_problem, health, ready]
