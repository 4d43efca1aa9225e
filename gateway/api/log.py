"""The transparency log's doors: checkpoint and tiles as static files, proofs, the origins; open to anyone.

What stands here tells of no person: SHA-256 of statements, their types and times, and nothing they say.
"""

import base64
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import sqlalchemy as sa
from litestar import MediaType, Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from msgspec import Struct

from gateway import log_proofs
from gateway.api.problems import Refused
from gateway.clock import from_us, rfc3339
from gateway.house import House
from gateway.log_proofs import LogProof, Named, proof_text
from gateway.log_steps import TSA_RULE
from gateway.receipt import ORIGIN_TYPE
from storage import journal, log, log_rows
from storage.log_rows import Origin

# A checkpoint is renewed several times a second; a full tile never changes.
NEWEST_HEADERS: Final = {"cache-control": "public, max-age=1", "x-content-type-options": "nosniff"}
TILE_HEADERS: Final = {"cache-control": "public, max-age=3600", "x-content-type-options": "nosniff"}
FULL_TILE_HEADERS: Final = {**TILE_HEADERS, "cache-control": "public, max-age=31536000, immutable"}
_DOSSIER_CHARACTERS_MAX: Final = 64
_TEXT: Final = "text/plain"
_TILES: Final = "application/octet-stream"
_EVERYTHING: Final = journal.Scope(everything=True)
Size = Annotated[
    int, QueryParameter(name="from", ge=1, le=2**63 - 1, description="how many leaves the earlier tree has")
]
LaterSize = Annotated[
    int | None,
    QueryParameter(name="to", ge=1, le=2**63 - 1, description="how many the later one has; absent, the newest signed"),
]
Asked = Annotated[str, QueryParameter(name="dossier", description="the dossier's id, as its receipt names it")]


class InclusionShown(Struct, frozen=True, kw_only=True):
    """That a leaf is in a signed tree. Hashes are base64, from the leaf's sibling up (RFC 6962 §2.1.1); `checkpoint` is
    the signed note; `token` the RFC 3161 time-stamp (base64 of DER) over the note's text, where there is one.
    """

    origin: str
    index: int
    size: int
    hashes: tuple[str, ...]
    checkpoint: str
    token: str | None
    stamped_at: str | None


class StatementLogged(Struct, frozen=True, kw_only=True):
    """One statement about the dossier. `proof` is against the newest checkpoint, `stamped` against the first one with a
    time-stamp; both are null while `logged` is false, and then `log_by` is what was promised.
    """

    type: str
    statement_sha256: str
    logged: bool
    log_by: str | None
    proof: InclusionShown | None
    stamped: InclusionShown | None


class OriginShown(Struct, frozen=True, kw_only=True):
    """One origin of the log: its name and key (vkey), and the statement by which the seal key announces both.

    `size` is of its last signed checkpoint.
    """

    number: int
    origin: str
    vkey: str
    opened_at: str
    size: int
    previous_origin: str | None
    previous_size: int | None
    statement: str


class OriginsShown(Struct, frozen=True, kw_only=True):
    """Every origin there ever was, the first first; the last one grows."""

    origins: tuple[OriginShown, ...]


class DossierLogged(Struct, frozen=True, kw_only=True):
    """What the log proves of a dossier. `time_stamps` says whether the time-stamp authority answers: none, ok, away."""

    dossier: str
    origin: str
    time_stamps: str
    away_since: str | None
    statements: tuple[StatementLogged, ...]
    origins: tuple[OriginShown, ...]


class ConsistencyShown(Struct, frozen=True, kw_only=True):
    """That one tree is where another began (RFC 6962 §2.1.2); roots and hashes are base64."""

    origin: str
    from_size: int
    from_root: str
    to_size: int
    to_root: str
    hashes: tuple[str, ...]


@get("/v1/log/checkpoint", summary="The log's newest checkpoint", media_type=_TEXT)
async def show_checkpoint(house: NamedDependency[House]) -> Response[bytes]:
    """A signed note (C2SP tlog-checkpoint) with witnesses' cosignatures, under the key that /v1/log/origins names."""
    return await house.run(_checkpoint, house, None)


@get("/v1/log/tile/{tile:path}", summary="A tile of the log", media_type=_TILES)
async def show_tile(tile: FromPath[Path], house: NamedDependency[House]) -> Response[bytes]:
    """`<level>/<number>[.p/<width>]`, or `entries/…` for the records (C2SP tlog-tiles); a record is the SHA-256 of a
    statement's compact JWS.
    """
    return await house.run(_tile, house, None, tile)


@get("/v1/log/origins", summary="The log's origins")
async def list_origins(house: NamedDependency[House]) -> Response[OriginsShown]:
    """Names and keys. A new one is opened only when the database was restored, or the key replaced; it names the one
    before and the last checkpoint that was known of it.
    """

    def look() -> OriginsShown:
        with house.database.read() as tx:
            return OriginsShown(origins=_origins(tx, log_rows.origins(tx)))

    return Response(await house.run(look), headers=NEWEST_HEADERS)


@get("/v1/log/origins/{which:int}/checkpoint", summary="An origin's last checkpoint", media_type=_TEXT)
async def show_origin_checkpoint(which: FromPath[int], house: NamedDependency[House]) -> Response[bytes]:
    """As /v1/log/checkpoint, of an origin that was closed."""
    return await house.run(_checkpoint, house, which)


@get("/v1/log/origins/{which:int}/tile/{tile:path}", summary="A tile of an origin", media_type=_TILES)
async def show_origin_tile(
    which: FromPath[int], tile: FromPath[Path], house: NamedDependency[House]
) -> Response[bytes]:
    """As /v1/log/tile, of an origin that was closed."""
    return await house.run(_tile, house, which, tile)


@get("/v1/log/consistency", summary="That one tree is where another began")
async def show_consistency(
    house: NamedDependency[House], earlier: Size, later: LaterSize = None
) -> Response[ConsistencyShown]:
    """Between any two sizes of the tree that grows."""

    def look() -> ConsistencyShown:
        with house.database.read() as tx:
            origin = _origin(tx, None)
            newest = log_rows.newest(tx, origin.number)
            to_size = later or (newest.size if newest else 0)
            if newest is None or not earlier <= to_size <= newest.size:
                raise Refused(
                    "bad-request", f"from {earlier} to {to_size}: the tree has {newest.size if newest else 0}."
                )
            tile = log_rows.reader(tx, origin.number)
            return ConsistencyShown(
                origin=origin.origin,
                from_size=earlier,
                from_root=_base64(log.root_of(earlier, tile)),
                to_size=to_size,
                to_root=_base64(log.root_of(to_size, tile)),
                hashes=tuple(map(_base64, log.consistency(earlier, to_size, tile))),
            )

    return Response(await house.run(look), headers=NEWEST_HEADERS)


@get("/v1/log/proof", summary="What the log proves of a dossier")
async def show_log_proof(
    request: Request[Any, Any, Any], house: NamedDependency[House], dossier: Asked
) -> Response[Any]:
    """Each statement about it with its proof, its time-stamp, and the origins' statements, all that an offline check
    needs beside the public keys. As `text/plain`: the C2SP tlog-proof of the receipt, or of the notice.
    """
    as_text = request.accept.best_match([MediaType.JSON, _TEXT], MediaType.JSON) == _TEXT

    def look() -> DossierLogged | str:
        with house.database.read() as tx:
            origins = log_rows.origins(tx)
            known = journal.dossier(tx, dossier, _EVERYTHING) if len(dossier) <= _DOSSIER_CHARACTERS_MAX else None
            if known is None or not origins:
                raise Refused("not-found")
            named = log_proofs.statements_of(tx, known)
            if as_text:
                return _text(_newest(tx, origins, named[0]))
            away_us = log_rows.alarm_since_us(tx, TSA_RULE, origins[-1].origin)
            told = "none" if not house.settings.tsa_url else "ok" if away_us is None else "away"
            shown = tuple(_statement(tx, origins, one) for one in named)
            used = {proof.origin for one in shown for proof in (one.proof, one.stamped) if proof}
            return DossierLogged(
                dossier=known.id,
                origin=origins[-1].origin,
                time_stamps=told,
                away_since=rfc3339(from_us(away_us)) if told == "away" and away_us is not None else None,
                statements=shown,
                origins=_origins(tx, [one for one in origins if one.origin in used | {origins[-1].origin}]),
            )

    told = await house.run(look)
    if isinstance(told, str):
        return Response(told.encode(), media_type=_TEXT, headers=NEWEST_HEADERS)
    return Response(msgspec.json.encode(told), media_type=MediaType.JSON, headers=NEWEST_HEADERS)


def _text(proof: LogProof) -> str:
    if not proof.logged:
        raise Refused("not-found", "Not in a signed tree yet.")
    return proof_text(proof)


def _newest(tx: sa.Connection, origins: list[Origin], named: Named) -> LogProof:
    """Against the newest checkpoint; of the origin that holds it, where the tree that grows does not."""
    found = log_proofs.current(tx, origins[-1], named)
    return found if found.logged else log_proofs.earliest(tx, origins, named)


def _statement(tx: sa.Connection, origins: list[Origin], named: Named) -> StatementLogged:
    newest = _newest(tx, origins, named)
    stamped = log_proofs.earliest(tx, origins, named) if newest.logged else newest
    return StatementLogged(
        type=named.type,
        statement_sha256=newest.statement_sha256.hex(),
        logged=newest.logged,
        log_by=None if newest.logged else _log_by(named.jws),
        proof=_inclusion(newest) if newest.logged else None,
        stamped=_inclusion(stamped) if stamped.token is not None else None,
    )


def _inclusion(proof: LogProof) -> InclusionShown:
    return InclusionShown(
        origin=proof.origin,
        index=proof.index,
        size=proof.size,
        hashes=tuple(map(_base64, proof.hashes)),
        checkpoint=proof.checkpoint,
        token=_base64(proof.token) if proof.token is not None else None,
        stamped_at=rfc3339(from_us(proof.stamped_at_us)) if proof.stamped_at_us is not None else None,
    )


def _log_by(jws: str) -> str | None:
    """What a statement of ours promised; it was sealed by us, so it need not be checked here."""
    payload = jws.split(".")[1] if jws.count(".") == 2 else ""  # noqa: PLR2004 - header, payload, signature
    said = msgspec.json.decode(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))) if payload else {}
    told = said.get("log_by")
    return told if isinstance(told, str) else None


def _origins(tx: sa.Connection, wanted: list[Origin]) -> tuple[OriginShown, ...]:
    said = log_rows.announced(tx, ORIGIN_TYPE)
    heads = {one.number: log_rows.newest(tx, one.number) for one in wanted}
    return tuple(
        OriginShown(
            number=one.number,
            origin=one.origin,
            vkey=one.vkey,
            opened_at=rfc3339(from_us(one.opened_at_us)),
            size=head.size if (head := heads[one.number]) else 0,
            previous_origin=one.previous_origin or None,
            previous_size=one.previous_size if one.previous_origin else None,
            statement=said.get(one.origin, ""),
        )
        for one in wanted
    )


def _origin(tx: sa.Connection, number: int | None) -> Origin:
    """The tree that grows, or the origin of that number. Raises `Refused`."""
    found = [one for one in log_rows.origins(tx) if number in (None, one.number)]
    if not found:
        raise Refused("not-found")
    return found[-1]


def _checkpoint(house: House, number: int | None) -> Response[bytes]:
    with house.database.read() as tx:
        newest = log_rows.newest(tx, _origin(tx, number).number)
    if newest is None:
        raise Refused("not-found")
    return Response(newest.note.encode(), media_type=_TEXT, headers=NEWEST_HEADERS)


def _tile(house: House, number: int | None, path: Path) -> Response[bytes]:
    tile = log.tile_at(path.as_posix().lstrip("/"))
    if tile is None:
        raise Refused("not-found")
    with house.database.read() as tx:
        held = log_proofs.tile_bytes(tx, _origin(tx, number), tile)
    if held is None:
        raise Refused("not-found")
    return Response(held, media_type=_TILES, headers=FULL_TILE_HEADERS if tile.is_full else TILE_HEADERS)


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


HANDLERS = [
    show_checkpoint,
    show_tile,
    show_log_proof,
    show_consistency,
    list_origins,
    show_origin_checkpoint,
    show_origin_tile,
]
