"""The open door: the public keys, what problems mean, whether the gateway is well."""

import hashlib
import html
from typing import Any, Final

import msgspec
from litestar import MediaType, Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from gateway.api.problems import KINDS, Refused
from gateway.clock import VIETNAM
from gateway.house import House
from gateway.report import Language
from signing.jwks import jwks_of
from storage import journal
from storage.database import DatabaseAway

# Keys and the catalogue may be kept so long by whoever fetched them: well below the day that a new key is told ahead.
FRESH_S: Final = 300


@get("/v1/keys", summary="The public keys that receipts are sealed with (JWKS)")
async def list_keys(house: NamedDependency[House], request: Request[Any, Any, Any]) -> Response[Any]:
    """RFC 7517. Pin the set: a receipt is checked against it offline, whenever it was sealed.

    Every key that ever sealed is in it, with its period; the one in use comes first, and the next one a day before it
    takes over.
    """
    now = house.clock.now().astimezone(VIETNAM)
    return fresh(request, msgspec.json.encode(jwks_of(house.stores.seal.keys(now), now)), MediaType.JSON)


def fresh(request: Request[Any, Any, Any], body: bytes, media_type: str) -> Response[Any]:
    """A body that the caller may keep a while; 304 and none when it says that it holds this very one."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"etag": tag, "cache-control": f"public, max-age={FRESH_S}", "x-content-type-options": "nosniff"}
    if _is_held(tag, request.headers.get("if-none-match", "")):
        return Response(None, status_code=304, headers=headers)
    return Response(body, media_type=media_type, headers=headers)


def _is_held(tag: str, held: str) -> bool:
    """Whether the caller says that it has this very body (RFC 9110 §13.1.2, weak comparison)."""
    return held.strip() == "*" or tag in [one.strip().removeprefix("W/") for one in held.split(",")]


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


HANDLERS = [list_keys, explain_problem, health, ready]
