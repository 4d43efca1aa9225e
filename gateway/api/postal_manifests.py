"""The doors to manifests: what was handed over, what was taken, where they differ, and the note of it to print."""

from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta, Struct, structs

from gateway.api.caller import doors_for, require
from gateway.api.problems import MEDIA_TYPE, Problem, problem_of
from gateway.callers import Caller
from gateway.clock import from_us, rfc3339
from gateway.house import House
from gateway.ids import correlation_id
from gateway.papers import PDF
from gateway.postal import handover_note, manifests
from gateway.postal.carrier_tables import carriers_of
from gateway.postal.manifest_said import Difference, ItemSaid, ManifestSaid, Note, ReceiptSaid
from gateway.report import Language
from storage import manifests as rows

BODY_BYTES_MAX: Final = 512 * 1024
MANIFESTS_A_PAGE_MAX: Final = 200
_WRITES: dict[str, Any] = {"status_code": 201, "request_max_body_size": BODY_BYTES_MAX}
_HEADERS: Final = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


class ManifestTold(Struct, frozen=True, kw_only=True):
    """What was written: `sha256` is of what was said (canonical JSON without the signature), `signed_by` the thumbprint
    of the side's own key ("": it signed nothing, the authenticated client stands for it), `statement` our JWS of it.
    """

    manifest: str
    side: str
    sha256: str
    entered_at: str
    entered_by: str
    signed_by: str
    statement: str


class SettlementSaid(Struct, frozen=True, forbid_unknown_fields=True):
    """How a person cleared the differences up."""

    note: Annotated[Note, Meta(min_length=1)]


class SideShown(Struct, frozen=True, kw_only=True):
    """What one side told: written at `made_at` by `officer`, entered here at `entered_at` by the client
    `entered_by`.
    """

    made_at: str
    officer: str
    entered_at: str
    entered_by: str
    signature: str
    sha256: str
    statement: str


class ManifestLineShown(Struct, frozen=True, kw_only=True):
    """One item as both sides saw it; `difference` is "" until both have spoken. `listed_on` names other manifests on
    which an unlisted item stands.
    """

    item: str
    handed: ItemSaid | None
    taken: ItemSaid | None
    difference: Difference
    listed_on: list[str]


class SettlementShown(Struct, frozen=True, kw_only=True):
    """A person's note on the differences; `holds` is false once a side has spoken after it."""

    note: str
    by: str
    holds: bool
    statement: str


class ManifestShown(Struct, frozen=True, kw_only=True):
    """A manifest with everything that was said of it. `handed` or `taken` is null while that side has not spoken."""

    manifest: str
    number: str
    carrier: str
    office: str
    direction: str
    handed: SideShown | None
    taken: SideShown | None
    differences: int
    lines: list[ManifestLineShown]
    settlement: SettlementShown | None


class ManifestListed(Struct, frozen=True, kw_only=True):
    """A manifest in the list; `sides` is how many have spoken, `settled` whether a person has closed it."""

    manifest: str
    number: str
    carrier: str
    office: str
    direction: str
    sides: int
    differences: int
    settled: bool


class ManifestsListed(Struct, frozen=True):
    """A page of manifests; ask on with `after=next`."""

    manifests: list[ManifestListed]
    next: str


class ManifestConflict(Problem, frozen=True, kw_only=True):
    """The problem of what was told before with other words: both are shown, the first stands."""

    kept: dict[str, Any] | None
    sent: dict[str, Any]


@post("/v1/postal/manifests", summary="What was handed over", **_WRITES, **doors_for("post", "office"))
async def hand_over_manifest(
    request: Request[Any, Any, Any],
    data: JSONBody[ManifestSaid],
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
    language: NamedDependency[Language],
) -> Response[Any]:
    """The list of what the post hands to an office (`in`), or an office to the post (`out`), with the time at which it
    was written. The same again is answered as before; other content under the same id is a conflict.
    """
    del data
    body = await request.body()
    try:
        told = await house.run(manifests.hand_over, house.stores, body, caller, house.clock.now())
    except manifests.ManifestDiffers as differs:
        return _conflict(differs, language)
    return _written(told)


@post(
    "/v1/postal/manifests/{manifest:str}/received", summary="What was taken", **_WRITES, **doors_for("post", "office")
)
async def receive_manifest(
    manifest: FromPath[str],
    request: Request[Any, Any, Any],
    data: JSONBody[ReceiptSaid],
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
    language: NamedDependency[Language],
) -> Response[Any]:
    """Item by item what the other side received, by whom and when. It may come before the manifest itself, if it names
    the manifest's paper. A second one with other content is a conflict.
    """
    del data
    body = await request.body()
    try:
        told = await house.run(manifests.receive, house.stores, manifest, body, caller, house.clock.now())
    except manifests.ManifestDiffers as differs:
        return _conflict(differs, language)
    return _written(told)


@post(
    "/v1/postal/manifests/{manifest:str}/settlement",
    summary="The differences cleared up",
    **_WRITES,
    **doors_for("office", "operator"),
)
async def settle_manifest(
    manifest: FromPath[str],
    data: JSONBody[SettlementSaid],
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
) -> Response[Any]:
    """A person's note on what did not meet; it closes the alarm. For the office, or an operator; the same note again
    changes nothing.
    """
    told = await house.run(manifests.settle, house.stores, manifest, data.note, caller, house.clock.now())
    return _written(told)


@get("/v1/postal/manifests/{manifest:str}", summary="A manifest, from both sides")
async def show_manifest(
    manifest: FromPath[str], house: NamedDependency[House], caller: NamedDependency[Caller]
) -> ManifestShown:
    """What was handed over, what was taken, and the difference line by line; with each side's signed statement."""
    require(caller, "post", "office", "operator")
    return _shown(await house.run(_look, house, manifest, caller))


@get("/v1/postal/manifests", summary="The manifests of an office")
async def list_manifests(
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
    after: Annotated[str, QueryParameter(name="after", max_length=40)] = "",
    in_state: Annotated[
        Literal["all", "open"],
        QueryParameter(name="state", description="`open`: chỉ bản kê chưa khớp đủ · only those that need a person"),
    ] = "all",
) -> ManifestsListed:
    """By their ids; `state=open` tells only those of one side alone, or with differences that nobody settled. An office
    sees its own.
    """
    require(caller, "post", "office", "operator")

    def look() -> list[rows.Manifest]:
        offices = sorted(caller.offices) if caller.role == "office" else None
        carriers = sorted(carriers_of(caller)) if caller.role == "post" else None
        with house.database.read() as tx:
            return rows.listed(
                tx,
                offices=offices,
                carriers=carriers,
                open_only=in_state == "open",
                after=after,
                limit=MANIFESTS_A_PAGE_MAX,
            )

    found = await house.run(look)
    return ManifestsListed([_listed(one) for one in found], found[-1].id if found else after)


@get("/v1/postal/manifests/{manifest:str}/note.pdf", summary="The hand-over note, to print", media_type=PDF)
async def show_handover_note(
    manifest: FromPath[str], house: NamedDependency[House], caller: NamedDependency[Caller]
) -> Response[bytes]:
    """The note that three parties sign (PDF/A): each item with its code and what lies in it, counted by kind. Made
    afresh from what has been told so far.
    """
    require(caller, "post", "office", "operator")
    content = await handover_note.note_pdf(house, manifest, caller)
    headers = _HEADERS | {"content-disposition": f'inline; filename="manifest-{manifest}.pdf"'}
    return Response(content, media_type=PDF, headers=headers)


def _look(house: House, manifest: str, caller: Caller) -> manifests.Whole:
    with house.database.read() as tx:
        return manifests.show(tx, manifest, caller)


def _written(told: manifests.Told) -> Response[Any]:
    shown = ManifestTold(**{name: getattr(told, name) for name in ManifestTold.__struct_fields__})
    headers = {"location": f"/v1/postal/manifests/{told.manifest}"}
    return Response(
        msgspec.json.encode(shown),
        status_code=201 if told.fresh else 200,
        media_type="application/json",
        headers=headers,
    )


def _conflict(differs: manifests.ManifestDiffers, language: Language) -> Response[Any]:
    correlation = correlation_id()
    plain = structs.asdict(problem_of("manifest-differs", language, correlation))
    problem = ManifestConflict(
        **plain,
        kept=msgspec.json.decode(differs.kept) if differs.kept else None,
        sent=msgspec.json.decode(differs.sent),
    )
    headers = {"content-language": language, "x-correlation-id": correlation}
    return Response(msgspec.json.encode(problem), status_code=409, media_type=MEDIA_TYPE.decode(), headers=headers)


def _shown(whole: manifests.Whole) -> ManifestShown:
    found = whole.manifest
    settlement = None
    if found.settled_seq is not None:
        settlement = SettlementShown(
            note=found.settlement,
            by=found.settled_by,
            holds=found.settled_at_us is not None,
            statement=whole.statements["settled"],
        )
    return ManifestShown(
        manifest=found.id,
        number=found.number,
        carrier=found.carrier,
        office=found.office,
        direction=found.direction,
        handed=_side(whole, "handed"),
        taken=_side(whole, "taken"),
        differences=found.differences,
        lines=[
            ManifestLineShown(
                item=one.number,
                handed=one.handed,
                taken=one.taken,
                difference=one.difference,
                listed_on=whole.listed_on.get(one.number, []),
            )
            for one in whole.lines
        ],
        settlement=settlement,
    )


def _side(whole: manifests.Whole, which: rows.Which) -> SideShown | None:
    one = whole.sides.get(which)
    if one is None:
        return None
    return SideShown(
        made_at=rfc3339(from_us(one.made_at_us)),
        officer=one.made_by,
        entered_at=rfc3339(from_us(one.entered_at_us)),
        entered_by=one.entered_by,
        signature=one.signature,
        sha256=one.sha256.hex(),
        statement=whole.statements[which],
    )


def _listed(one: rows.Manifest) -> ManifestListed:
    return ManifestListed(
        manifest=one.id,
        number=one.number,
        carrier=one.carrier,
        office=one.office,
        direction=one.direction,
        sides=one.sides,
        differences=one.differences,
        settled=one.settled_at_us is not None,
    )


HANDLERS = [
    hand_over_manifest,
    receive_manifest,
    settle_manifest,
    show_manifest,
    list_manifests,
    show_handover_note,
]
