"""The parties' doors to what became of a dossier: its course at the office, and the files of its results."""

import base64
from collections.abc import Sequence

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Struct

from gateway.api.caller import require, visible
from gateway.api.problems import Refused
from gateway.callers import Caller
from gateway.clock import from_us, rfc3339
from gateway.course import due_in_force_us
from gateway.events import events_of
from gateway.house import House
from gateway.papers import find, read
from gateway.reading import record_reading
from gateway.report_rules import NATIONAL
from gateway.results import FILES_A_DOSSIER_MAX
from gateway.states import State
from storage import courses, followers, journal, results
from storage.results import KIND, Result

_ENDINGS = {"application/pdf": ".pdf", "application/xml": ".xml", "application/vnd.etsi.asic-e+zip": ".asice"}
_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


class ResultShown(Struct, frozen=True, kw_only=True):
    """A file of a result. `signature`: passed, unregistered (it holds, and nobody registered the office's certificate),
    indeterminate or none. `replaced_by` is the number of the file that corrects it.
    """

    number: int
    name: str
    media_type: str
    sha256: str
    size_bytes: int
    result_number: str
    electronic_code: str
    signature: str
    signer: str
    seq: int
    replaced_by: int | None
    url: str


class AskedItem(Struct, frozen=True):
    """One thing that is missing, and why."""

    what: str
    why: str


class AskedShown(Struct, frozen=True, kw_only=True):
    """A supplement request: everything that it lists; `second` counts as overdue by the national rule."""

    seq: int
    at: str
    due_at: str | None
    second: bool
    items: list[AskedItem]


class SentShown(Struct, frozen=True, kw_only=True):
    """What the employer sent about the dossier."""

    dossier: str
    receipt_number: str
    purpose: str
    state: str
    received_at: str


class PauseShown(Struct, frozen=True):
    """From when to when a supplement was awaited."""

    since: str
    until: str


class CourseShown(Struct, frozen=True, kw_only=True):
    """Where a dossier is, who has it since when and until when, and when it is due. `national` is the state of the
    national portal (1 to 10). `due_at` is the date in force, `receipt_due_at` the one on the receipt.
    """

    dossier: str
    receipt_number: str
    state: str
    purpose: str
    about: str | None
    national: int
    office: str
    department: str
    officer: str
    since: str | None
    until: str | None
    due_at: str | None
    receipt_due_at: str | None
    appointed_at: str | None
    paused_since: str | None
    pauses: list[PauseShown]
    supplements_asked: int
    supplement_requests: list[AskedShown]
    sent: list[SentShown]
    taken_at: str | None
    finished_at: str | None
    ended_at: str | None
    returned_at: str | None
    returned_by: str
    national_code: str
    bhxh_number: str
    results: list[ResultShown]


@get("/v1/dossiers/{dossier:str}/course", summary="Where the dossier is")
async def show_course(
    dossier: FromPath[str], house: NamedDependency[House], caller: NamedDependency[Caller]
) -> CourseShown:
    """Who has it, until when it is due, what was asked for and sent, and its results."""
    return await house.run(_course, house, await visible(house, caller, dossier))


@get("/v1/dossiers/{dossier:str}/results", summary="The files of the result")
async def list_results(
    dossier: FromPath[str], house: NamedDependency[House], caller: NamedDependency[Caller]
) -> list[ResultShown]:
    """In the order in which they were reported; a corrected one stays, and names the one that replaced it."""
    found = await visible(house, caller, dossier)

    def look() -> list[ResultShown]:
        with house.database.read() as tx:
            return _shown(results.of(tx, found.id))

    return await house.run(look)


@get("/v1/dossiers/{dossier:str}/results/{number:int}", summary="A file of the result", media_type="application/pdf")
async def show_result(
    dossier: FromPath[str],
    number: FromPath[int],
    house: NamedDependency[House],
    caller: NamedDependency[Caller],
    why: NamedDependency[str],
) -> Response[bytes]:
    """The very bytes that the office reported, with their digest. The reading is recorded."""
    require(caller, "employer", "ivan", "office")
    found = await visible(house, caller, dossier)
    if not 0 < number <= FILES_A_DOSSIER_MAX:
        raise Refused("not-found")
    kept = await house.run(find, house.stores, found.id, KIND, number)
    if kept is None:
        raise Refused("not-found")
    content = await house.run_apart(read, house.stores, kept)
    correlation = await record_reading(house, caller, found.id, f"results/{number}", why)
    name = f"{found.statement_number}-{number}{_ENDINGS.get(kept.media_type, '')}"
    headers = _HEADERS | {
        "content-digest": f"sha-256=:{base64.b64encode(kept.sha256).decode()}:",
        "content-disposition": f'attachment; filename="{name}"',
        "x-correlation-id": correlation,
    }
    return Response(content, media_type=kept.media_type, headers=headers)


def _course(house: House, found: journal.Dossier) -> CourseShown:
    with house.database.read() as tx:
        course = courses.find(tx, found.id) or courses.Course(
            dossier=found.id, office=found.competent_office, since_us=found.received_at_us, due_at_us=found.due_at_us
        )
        asked = events_of(tx, found.id, "supplement-requested")
        sent = followers.of(tx, found.id)
        files = results.of(tx, found.id)
    return CourseShown(
        dossier=found.id,
        receipt_number=found.statement_number,
        state=found.state,
        purpose=found.purpose,
        about=found.about,
        national=NATIONAL[State(found.state)],
        office=course.office,
        department=course.department,
        officer=course.officer,
        since=_time(course.since_us),
        until=_time(course.until_us),
        due_at=_time(due_in_force_us(course)),
        receipt_due_at=_time(found.due_at_us),
        appointed_at=_time(course.appointed_at_us),
        paused_since=_time(course.paused_since_us),
        pauses=[PauseShown(rfc3339(from_us(since)), rfc3339(from_us(until))) for since, until in course.pauses],
        supplements_asked=course.supplements,
        supplement_requests=[_asked(one) for one in asked],
        sent=[
            SentShown(
                dossier=one.id,
                receipt_number=one.statement_number,
                purpose=one.purpose,
                state=one.state,
                received_at=rfc3339(from_us(one.received_at_us)),
            )
            for one in sent
        ],
        taken_at=_time(course.taken_at_us),
        finished_at=_time(course.finished_at_us),
        ended_at=_time(course.ended_at_us),
        returned_at=_time(course.returned_at_us),
        returned_by=course.returned_by,
        national_code=course.national_code,
        bhxh_number=course.bhxh_number,
        results=_shown(files),
    )


def _asked(event: journal.Event) -> AskedShown:
    told = msgspec.json.decode(event.detail)
    return AskedShown(
        seq=event.seq,
        at=rfc3339(from_us(event.at_us)),
        due_at=told.get("due_at"),
        second=bool(told.get("second")),
        # Cleared, when the dossier was erased.
        items=[AskedItem(one["what"], one.get("why", "")) for one in told.get("supplement") or []],
    )


def _shown(files: Sequence[Result]) -> list[ResultShown]:
    replaced = {one.replaces: one.number for one in files if one.replaces is not None}
    return [
        ResultShown(
            number=one.number,
            name=one.name,
            media_type=one.media_type,
            sha256=one.sha256.hex(),
            size_bytes=one.size_bytes,
            result_number=one.result_number,
            electronic_code=one.electronic_code,
            signature=one.signature,
            signer=one.signer,
            seq=one.seq,
            replaced_by=replaced.get(one.number),
            url=f"/v1/dossiers/{one.dossier}/results/{one.number}",
        )
        for one in files
    ]


def _time(at_us: int | None) -> str | None:
    return None if at_us is None else rfc3339(from_us(at_us))


HANDLERS = [show_course, list_results, show_result]
