"""The doors to announcements: paper that is to come, judged before it is printed."""

import hashlib
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, QueryParameter
from msgspec import Struct, structs

from gateway.api.caller import doors_for, require
from gateway.api.problems import MEDIA_TYPE, Problem, Refused, problem_of
from gateway.callers import Caller
from gateway.clock import VIETNAM, from_us, rfc3339
from gateway.house import House
from gateway.ids import correlation_id
from gateway.mailroom.codes import Printed
from gateway.postal import announce
from gateway.postal.announce import AnnouncementRefused, Made
from gateway.postal.announced_input import BATCH_MAX, AnnouncementSent, DossierSent, FormSent, ReturnTo
from gateway.postal.announced_judged import FoundAt
from gateway.postal.pieces import Piece
from gateway.report import FindingShown, Language, shown_findings
from storage import items, journal
from storage.announcements import Announced
from storage.items import Item

BODY_BYTES_MAX: Final = 48 * 1024 * 1024
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV: Final = "text/csv"
XML: Final = ("application/xml", "text/xml")
JSON: Final = "application/json"
PATH: Final = "/v1/postal/announcements"
_EVERYTHING: Final = journal.Scope(everything=True)
Short = Annotated[str, QueryParameter(max_length=200)]
Batch = Annotated[int | None, QueryParameter(ge=1, le=BATCH_MAX)]


class AnnouncedFindingShown(FindingShown, frozen=True, kw_only=True):
    """A finding of the announcement's dossier number `dossier`. Where its form was made from a sheet, `sheet_file`,
    `sheet`, `cell` and `sheet_row` lead back to it.
    """

    dossier: int
    sheet_file: str
    sheet: str
    cell: str
    sheet_row: int | None


class AddressShown(Struct, frozen=True):
    """The mail room that the paper is sent to."""

    office: str
    name: str


class DossierAnnounced(Struct, frozen=True, kw_only=True):
    """One dossier of an announcement. `dossier` is the id that it will have; `pieces` is all that goes in, the printed
    forms first; `code` is what its cover sheet's QR says. `receipt_number` is there once it came.
    """

    dossier: str
    number: int
    procedure: str
    unit: str
    period: str
    batch: int | None
    sha256: str
    size_bytes: int
    hybrid: bool
    half_of: str | None
    competent_office: str
    pieces: list[Piece]
    printed: list[Printed]
    code: str
    state: str
    receipt_number: str | None
    findings: list[AnnouncedFindingShown]


class ItemOfAnnouncement(Struct, frozen=True, kw_only=True):
    """An item in which paper of the announcement is sent; its state is what its handlings amount to."""

    item: str
    carrier: str
    state: str
    state_at: str
    posted_at: str | None
    delivered_at: str | None


class AnnouncementShown(Struct, frozen=True, kw_only=True):
    """An announcement as it stands: `state` is announced or cancelled."""

    announcement: str
    made_at: str
    state: str
    cancelled_at: str | None
    cancelled_by: str | None
    office: str
    address: AddressShown
    carrier: str
    return_to: ReturnTo | None
    dossiers: list[DossierAnnounced]
    items: list[ItemOfAnnouncement]
    cover_url: str
    forms_url: str


class AnnouncementProblem(Problem, frozen=True, kw_only=True):
    """The problem of an announcement that has errors: everything that is wrong with any of its dossiers."""

    findings: list[AnnouncedFindingShown]


class AnnouncementChecked(Struct, frozen=True):
    """What an announcement would be told."""

    ok: bool
    findings: list[AnnouncedFindingShown]


class Beside(Struct, frozen=True, kw_only=True):
    """What stands in the address, for a body that is an envelope or a sheet."""

    procedure: str
    form: str
    unit: str
    unit_name: str
    period: str
    batch: int | None
    office: str
    carrier: str
    item: str
    file: str
    tab: str


def _beside(
    procedure: Short = "",
    form: Short = "",
    unit: Short = "",
    unit_name: Short = "",
    period: Short = "",
    batch: Batch = None,
    office: Short = "",
    carrier: Short = "",
    item: Short = "",
    file: Short = "",
    tab: Short = "",
) -> Beside:
    return Beside(
        procedure=procedure,
        form=form,
        unit=unit,
        unit_name=unit_name,
        period=period,
        batch=batch,
        office=office,
        carrier=carrier,
        item=item,
        file=file,
        tab=tab,
    )


_TAKES: Final[dict[str, Any]] = {
    "request_max_body_size": BODY_BYTES_MAX,
    "dependencies": {"beside": Provide(_beside, sync_to_thread=False)},
} | doors_for("employer", "ivan", "office")


@post(PATH, summary="Announce paper", status_code=201, **_TAKES)
async def announce_paper(
    request: Request[Any, Any, Any],
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
    language: NamedDependency[Language],
    beside: NamedDependency[Beside],
) -> Response[bytes]:
    """The data of paper that is to come: an envelope, a sheet, or JSON with one or more dossiers. They are judged as
    electronic ones are, but for their signatures, before anything is printed. 201 with warnings; the same bytes again
    200 and the same announcement; 422 with all findings, and nothing kept.
    """
    body = await request.body()
    media_type, sent = _sent(request, body, beside)
    sha256 = hashlib.sha256(b"\0".join((media_type.encode(), msgspec.json.encode(beside), body))).digest()
    try:
        made = await announce.announce(house, caller, sent, sha256)
    except AnnouncementRefused as refused:
        return _refused(refused.findings, language)
    shown = await house.run(_shown, house, made, language)
    headers = {"location": f"{PATH}/{made.announcement.id}"}
    status = 201 if made.fresh else 200
    return Response(msgspec.json.encode(shown), status_code=status, headers=headers, media_type=JSON)


@post(f"{PATH}/check", summary="Judge an announcement, keep nothing", status_code=200, **_TAKES)
async def check_announcement(
    request: Request[Any, Any, Any],
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
    language: NamedDependency[Language],
    beside: NamedDependency[Beside],
) -> AnnouncementChecked:
    """The same judgement as for an announcement, and all its findings."""
    _, sent = _sent(request, await request.body(), beside)
    ok, found = await announce.check(house, caller, sent)
    return AnnouncementChecked(ok, _findings(found, language))


@get(f"{PATH}/{{announcement:str}}", summary="One announcement")
async def show_announcement(
    announcement: FromPath[str],
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
    language: NamedDependency[Language],
) -> AnnouncementShown:
    """Its dossiers with their states and receipt numbers, and the items with what was heard of them."""
    require(caller, "employer", "ivan", "office", "operator")
    on = house.clock.now().astimezone(VIETNAM).date()
    made = await house.run(announce.find, house.stores, caller, announcement, on)
    return await house.run(_shown, house, made, language)


@post(f"{PATH}/{{announcement:str}}/cancellation", summary="Cancel an announcement", status_code=200)
async def cancel_announcement(
    announcement: FromPath[str],
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
    language: NamedDependency[Language],
) -> AnnouncementShown:
    """Its contents can be read by nobody from then on. Not once paper of it was posted. Again, it changes nothing."""
    require(caller, "employer", "ivan", "office")
    made = await house.run(announce.cancel, house.stores, caller, announcement, house.clock.now())
    return await house.run(_shown, house, made, language)


def _sent(request: Request[Any, Any, Any], body: bytes, beside: Beside) -> tuple[str, AnnouncementSent]:
    """What was sent, whichever way. Raises 400 and 415."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == JSON:
        try:
            return media_type, msgspec.json.decode(body, type=AnnouncementSent)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise Refused("bad-request", f"{error}.") from error
    if media_type in XML:
        dossier = DossierSent(envelope=body, batch=beside.batch)
    elif media_type in (XLSX, CSV):
        dossier = DossierSent(
            procedure=beside.procedure,
            unit=beside.unit,
            period=beside.period,
            batch=beside.batch,
            header={"TenDoiTuong": beside.unit_name} if beside.unit_name else {},
            forms=[FormSent(form=beside.form, sheet=body, file=beside.file, tab=beside.tab)],
        )
    else:
        raise Refused("media-type", f"Content-Type: {media_type[:80] or '(none)'}.")
    sent = AnnouncementSent(dossiers=[dossier], office=beside.office, carrier=beside.carrier, item=beside.item)
    return media_type, sent


def _refused(found: tuple[FoundAt, ...], language: Language) -> Response[bytes]:
    correlation = correlation_id()
    problem = AnnouncementProblem(
        **structs.asdict(problem_of("announcement-refused", language, correlation)),
        findings=_findings(found, language),
    )
    headers = {"content-language": language, "x-correlation-id": correlation}
    return Response(
        msgspec.json.encode(problem), status_code=problem.status, headers=headers, media_type=MEDIA_TYPE.decode()
    )


def _findings(found: list[FoundAt] | tuple[FoundAt, ...], language: Language) -> list[AnnouncedFindingShown]:
    shown = shown_findings([one.finding for one in found], language)
    return [
        AnnouncedFindingShown(
            **structs.asdict(words),
            dossier=one.dossier,
            sheet_file=one.sheet_file,
            sheet=one.sheet,
            cell=one.cell,
            sheet_row=one.sheet_row,
        )
        for one, words in zip(found, shown, strict=True)
    ]


def _shown(house: House, made: Made, language: Language) -> AnnouncementShown:
    one = made.announcement
    with house.database.read() as tx:
        receipts = {row.id: _receipt(journal.dossier(tx, row.id, _EVERYTHING)) for row in made.announced}
        bound = {item.number: item for item in items.of_announcement(tx, one.id)}
        bound |= {item.number: item for row in made.announced for item in items.of_dossier(tx, row.id)}
    on = from_us(one.made_at_us).astimezone(VIETNAM).date()
    office = house.tables.offices.get(one.office, on)
    return AnnouncementShown(
        announcement=one.id,
        made_at=rfc3339(from_us(one.made_at_us)),
        state="announced" if one.cancelled_at_us is None else "cancelled",
        cancelled_at=_time(one.cancelled_at_us),
        cancelled_by=one.cancelled_by,
        office=one.office,
        address=AddressShown(one.office, office.name if office else ""),
        carrier=one.carrier,
        return_to=msgspec.json.decode(one.return_to, type=ReturnTo) if one.return_to else None,
        dossiers=[_dossier(row, receipts[row.id], language) for row in made.announced],
        items=[_item(item) for item in bound.values() if item.direction == "in"],
        cover_url=f"{PATH}/{one.id}/cover.pdf",
        forms_url=f"{PATH}/{one.id}/forms.pdf",
    )


def _receipt(dossier: journal.Dossier | None) -> str | None:
    return dossier.statement_number if dossier is not None else None


def _dossier(row: Announced, receipt_number: str | None, language: Language) -> DossierAnnounced:
    return DossierAnnounced(
        dossier=row.id,
        number=row.number,
        procedure=row.procedure,
        unit=row.unit,
        period=row.period,
        batch=row.batch,
        sha256=row.sha256.hex(),
        size_bytes=row.size_bytes,
        hybrid=bool(row.hybrid or row.half_of),
        half_of=row.half_of or None,
        competent_office=row.competent_office,
        pieces=msgspec.json.decode(row.pieces, type=list[Piece]),
        printed=msgspec.json.decode(row.printed, type=list[Printed]),
        code=row.code,
        state=row.state,
        receipt_number=receipt_number if row.state == "filed" else None,
        findings=_findings(msgspec.json.decode(row.findings, type=list[FoundAt]), language),
    )


def _item(item: Item) -> ItemOfAnnouncement:
    return ItemOfAnnouncement(
        item=item.number,
        carrier=item.carrier,
        state=item.state,
        state_at=rfc3339(from_us(item.state_at_us)),
        posted_at=_time(item.posted_at_us),
        delivered_at=_time(item.delivered_at_us),
    )


def _time(at_us: int | None) -> str | None:
    return None if at_us is None else rfc3339(from_us(at_us))


HANDLERS = [announce_paper, check_announcement, show_announcement, cancel_announcement]
